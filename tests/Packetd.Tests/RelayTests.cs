using System;
using System.Collections.Generic;
using System.Linq;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>What reaches whom. Domain 0 is 10.0.0.50 with the guest address 10.0.0.64, domain 1 is 10.0.0.51.</summary>
public class RelayTests
{
    private const uint First = 0x0A000032, Guest = 0x0A000040, Second = 0x0A000033;
    private static readonly byte[] s_broadcast = [255, 255, 255, 255, 255, 255];

    private static (TestHost, Domain[]) Two()
    {
        var domains = new Domain[4];
        domains[0].Addresses[0] = First;
        domains[0].Addresses[1] = Guest;
        domains[1].Addresses[0] = Second;
        return (new TestHost(), domains);
    }

    private static int[] Ports(int from, byte[] packet, out Domain[] domains)
    {
        (TestHost host, domains) = Two();
        byte[] before = packet.ToArray();
        host.MakeNode(domains).Receive(from, packet);
        Assert.All(host.Sent, sent => Assert.Equal(before, sent.Packet));
        return host.Sent.Select(sent => sent.Port).Order().ToArray();
    }

    private static int[] Ports(int from, byte[] packet) => Ports(from, packet, out _);

    private static byte[] Udp(byte[] to, uint source, uint mac, int size = 20) =>
        Frames.Ipv4(to, Frames.Mac(mac), source, 0x0A000001, 17, new byte[size]);

    [Fact]
    public void From_the_link_a_frame_reaches_its_owner()
    {
        Assert.Equal([0], Ports(Port.Link, Udp(Frames.Mac(First), 1, 1), out Domain[] domains));
        Assert.Equal((1UL, 0UL), (domains[0].Received, domains[1].Received));
        Assert.Equal([1], Ports(Port.Link, Udp(Frames.Mac(Second), 1, 1)));
        Assert.Equal([], Ports(Port.Link, Udp(Frames.Mac(0x0A000034), 1, 1)));
        Assert.Equal([], Ports(Port.Link, Udp(Frames.Mac(0), 1, 1)));
        Assert.Equal([], Ports(Port.Link, Udp(Frames.ClientMac, 1, 1)));
        Assert.Equal([0, 1], Ports(Port.Link, Udp(s_broadcast, 1, 1)));
        Assert.Equal([0, 1], Ports(Port.Link, Udp([0x33, 0x33, 0, 0, 0, 1], 1, 1)));
    }

    [Fact]
    public void From_a_domain_a_frame_reaches_link_or_neighbour_or_all()
    {
        Assert.Equal([Port.Link], Ports(0, Udp(Frames.ClientMac, First, First), out Domain[] domains));
        Assert.Equal((1UL, 0UL), (domains[0].Sent, domains[0].Forged));
        Assert.Equal([Port.Link], Ports(0, Udp(Frames.ClientMac, Guest, First)));
        Assert.Equal([1], Ports(0, Udp(Frames.Mac(Second), First, First)));
        Assert.Equal([], Ports(0, Udp(Frames.Mac(First), First, First)));
        Assert.Equal([Port.Link, 1], Ports(0, Frames.Arp(1, Frames.Mac(First), Guest, Guest)));
        Assert.Equal([Port.Link, 1], Ports(0, Frames.Arp(1, Frames.Mac(First), 0, Guest)));
        Assert.Equal([Port.Link, 1], Ports(0, Frames.Arp(1, Frames.Mac(First), Guest, Second)));
        Assert.Equal([Port.Link], Ports(0, Frames.Arp(2, Frames.Mac(First), First, TestHost.Client, Frames.ClientMac)));
    }

    [Fact]
    public void A_flood_to_all_is_passed_on_so_often_and_no_more_by_source()
    {
        (TestHost host, Domain[] domains) = Two();
        var node = host.MakeNode(domains);
        for (int i = 0; i < 1000; i++)
            node.Receive(Port.Link, Udp(s_broadcast, 1, 1));
        Assert.Equal(10, host.Sent.Count(sent => sent.Port == 0));
        node.Receive(Port.Link, Udp(s_broadcast, 1, 2));
        Assert.Equal(11, host.Sent.Count(sent => sent.Port == 0));
        node.Receive(Port.Link, Udp(Frames.Mac(First), 1, 1));
        Assert.Equal(12, host.Sent.Count(sent => sent.Port == 0));
    }

    [Fact]
    public void A_full_queue_drops_and_counts()
    {
        (TestHost host, Domain[] domains) = Two();
        host.CanSend = false;
        host.MakeNode(domains).Receive(Port.Link, Udp(s_broadcast, 1, 1));
        Assert.Equal((1UL, 0UL), (domains[0].Dropped, domains[0].Received));
        Assert.Equal((0UL, 0UL), (domains[2].Dropped, domains[2].Received));
    }

    public static IEnumerable<object[]> Forgeries()
    {
        byte[] good = Udp(Frames.ClientMac, First, First);
        byte[] With(byte[] packet, params (int At, byte Value)[] changes)
        {
            packet = packet.ToArray();
            foreach ((int at, byte value) in changes)
                packet[at] = value;
            return packet;
        }
        yield return ["foreign mac", Udp(Frames.ClientMac, First, Second)];
        yield return ["node's mac", Udp(Frames.ClientMac, First, TestHost.Node)];
        yield return ["other mac", Frames.Ipv4(Frames.ClientMac, Frames.ClientMac, First, 1, 17, new byte[20])];
        yield return ["neighbour's address", Udp(Frames.ClientMac, Second, First)];
        yield return ["node's address", Udp(Frames.ClientMac, TestHost.Node, First)];
        yield return ["zero address", Udp(Frames.ClientMac, 0, First)];
        yield return ["arp sender's address", Frames.Arp(1, Frames.Mac(First), Second, 1)];
        yield return ["arp reply for the node", Frames.Arp(2, Frames.Mac(First), TestHost.Node, TestHost.Client)];
        yield return ["arp sender's mac", With(Frames.Arp(1, Frames.Mac(First), First, 1), (10 + 27, 0x33))];
        yield return ["arp with offload", With(Frames.Arp(1, Frames.Mac(First), First, 1), (0, 1), (6, 14), (8, 20))];
        yield return ["arp of another kind", With(Frames.Arp(1, Frames.Mac(First), First, 1), (10 + 19, 8))];
        yield return ["arp of operation 0", Frames.Arp(0, Frames.Mac(First), First, 1)];
        yield return ["reverse arp's operation", Frames.Arp(3, Frames.Mac(First), First, 1)];
        yield return ["inverse arp's operation", Frames.Arp(8, Frames.Mac(First), First, 1)];
        yield return ["arp probe for a neighbour's address", Frames.Arp(1, Frames.Mac(First), 0, Second)];
        yield return ["arp probe for the node's address", Frames.Arp(1, Frames.Mac(First), 0, TestHost.Node)];
        yield return ["arp probe for nobody's address", Frames.Arp(1, Frames.Mac(First), 0, 0)];
        yield return ["arp announcement of another's address", Frames.Arp(1, Frames.Mac(First), TestHost.Client, TestHost.Client)];
        yield return ["ipv4 with a header of 16 bytes", With(good, (10 + 14, 0x44))];
        yield return ["ipv4 with options: router alert", With(good, (10 + 14, 0x46), (10 + 34, 0x94), (10 + 35, 4))];
        yield return ["ipv4 with options: loose source route", With(good, (10 + 14, 0x47), (10 + 34, 0x83), (10 + 35, 7), (10 + 36, 4))];
        foreach (byte protocol in new byte[] { 0, 2, 4, 41, 47, 50, 51, 84, 89, 94, 97, 98, 103, 112, 115, 132, 137, 253, 255 })
            yield return [$"protocol {protocol}", Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, TestHost.Client, protocol, new byte[60])];
        foreach (uint target in new uint[] { 0, 0x7F000001, 0xE0000001, 0xE00000FB, 0xEFFFFFFF, 0xF0000001, 0xFFFFFFFF })
            yield return [$"ipv4 to {target:x8}", Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, target, 17, new byte[20])];
        yield return ["ipv4 in a frame to all", Udp(s_broadcast, First, First)];
        yield return ["ipv4 in a frame to a group", Udp([1, 0, 0x5E, 0, 0, 1], First, First)];
        yield return ["DHCP offer to a host", Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, TestHost.Client, 17, Dhcp(67, 68))];
        yield return ["DHCP offer from another port", Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, TestHost.Client, 17, Dhcp(5000, 68))];
        yield return ["DHCP offer to all", Frames.Ipv4(s_broadcast, Frames.Mac(First), First, 0xFFFFFFFF, 17, Dhcp(67, 68))];
        yield return ["first fragment of a DHCP offer", With(Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, 1 << 24, 17, Dhcp(67, 68)), (10 + 20, 0x20))];
        foreach (byte type in new byte[] { 1, 2, 4, 5, 6, 7, 9, 10, 13, 14, 15, 16, 17, 18, 30, 31, 37, 40, 42, 253, 255 })
            yield return [$"ICMP type {type}", Icmp(type, First)];
        foreach (byte type in new byte[] { 3, 11, 12 })
        {
            yield return [$"ICMP error {type} about what a neighbour sent", Icmp(type, Second)];
            yield return [$"ICMP error {type} about nothing", Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, TestHost.Client, 1, [type, 0, .. new byte[25]])];
        }
        yield return ["ICMP without a header", Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, TestHost.Client, 1, new byte[7])];
        yield return ["UDP without a header", Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, TestHost.Client, 17, new byte[7])];
        // Over the header that an error quotes, or over a part of it.
        for (byte offset = 1; offset < 4; offset++)
        {
            yield return [$"a later fragment of ICMP at byte {offset * 8}", With(Icmp(3, First), (10 + 21, offset))];
            yield return [$"a later fragment of UDP at byte {offset * 8}", With(good, (10 + 21, offset))];
        }
        yield return ["ipv6", Frames.Ethernet(Frames.ClientMac, Frames.Mac(First), 0x86DD, new byte[60])];
        yield return ["vlan", Frames.Ethernet(Frames.ClientMac, Frames.Mac(First), 0x8100, new byte[60])];
        yield return ["802.3 length", Frames.Ethernet(Frames.ClientMac, Frames.Mac(First), 60, new byte[60])];
        yield return ["ipv4 of version 6", With(good, (10 + 14, 0x65))];
        yield return ["short ipv4", good[..(10 + 33)]];
        yield return ["short arp", Frames.Arp(1, Frames.Mac(First), First, 1)[..(10 + 41)]];
        // To complete these checksums would be to write into the addresses.
        yield return ["checksum over the source mac", With(good, (0, 1), (6, 0), (8, 10))];
        yield return ["checksum over the source address", With(good, (0, 1), (6, 14), (8, 12))];
        yield return ["checksum past the end", With(good, (0, 1), (6, 34), (8, 19))];
        yield return ["checksum past the end of UDP", With(Udp(Frames.ClientMac, First, First, 8)[..^1], (0, 1), (6, 34), (8, 6))];
        yield return ["checksum over the target's port", With(good, (0, 1), (6, 34), (8, 2))];
        yield return ["checksum over the ICMP type", With(Icmp(8, First), (0, 1), (6, 34), (8, 0))];
        yield return ["checksum over what an ICMP error quotes", With(Icmp(3, First), (0, 1), (6, 34), (8, 24))];
        yield return ["checksum of TCP that is UDP's", With(good, (0, 1), (6, 34), (8, 16))];
        yield return ["checksum of a part of UDP", With(good, (0, 1), (6, 36), (8, 4))];
        yield return ["unknown flag", With(good, (0, 4))];
        yield return ["segmentation without checksum", With(good, (1, 1), (4, 100))];
        yield return ["segmentation of size 0", With(good, (0, 1), (1, 1), (6, 34), (8, 6))];
        yield return ["segmentation of IPv6", With(good, (0, 1), (1, 4), (4, 100), (6, 34), (8, 6))];
    }

    private static byte[] Dhcp(ushort from, ushort to) => [(byte)(from >> 8), (byte)from, (byte)(to >> 8), (byte)to, 0, 28, 0, 0, 2, .. new byte[19]];

    /// <summary>With a quoted datagram to that address.</summary>
    private static byte[] Icmp(byte type, uint quoted) => Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, TestHost.Client, 1,
        [type, 0, 0, 0, 0, 0, 0, 0, .. Frames.Ipv4(Frames.ClientMac, Frames.ClientMac, TestHost.Client, quoted, 17, new byte[8])[24..]]);

    /// <summary>docs/security.md, "What a domain may send", entry by entry.</summary>
    public static IEnumerable<object[]> Allowed()
    {
        byte[] Plain(uint source, byte protocol, byte[] body, uint target = TestHost.Client) =>
            Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), source, target, protocol, body);
        byte[] Fragment(byte[] packet, ushort field)
        {
            Bytes.PutBe16(packet, Packet.FragmentAt, field);
            return packet;
        }
        yield return ["arp request", Frames.Arp(1, Frames.Mac(First), First, TestHost.Client, Frames.ClientMac)];
        yield return ["arp reply", Frames.Arp(2, Frames.Mac(First), Guest, TestHost.Client, Frames.ClientMac)];
        yield return ["TCP", Plain(First, 6, new byte[20])];
        yield return ["TCP from the guest's address", Plain(Guest, 6, new byte[20])];
        yield return ["UDP", Plain(First, 17, new byte[8])];
        yield return ["UDP to a DHCP server", Plain(First, 17, Dhcp(68, 67))];
        foreach (byte type in new byte[] { 0, 8 })
            yield return [$"ICMP type {type}", Plain(First, 1, [type, .. new byte[7]])];
        foreach (byte type in new byte[] { 3, 11, 12 })
        {
            yield return [$"ICMP error {type} about what was sent to it", Icmp(type, First)];
            yield return [$"ICMP error {type} about what was sent to its guest", Icmp(type, Guest)];
        }
        yield return ["a first fragment", Fragment(Plain(First, 17, new byte[8]), 0x2000)];
        yield return ["a last fragment, of a byte", Fragment(Plain(First, 17, new byte[1]), 185)];
        yield return ["a later fragment of ICMP at byte 32", Fragment(Icmp(3, First), 4)];
        // What stands where a header would is data there.
        yield return ["a later fragment that is like a DHCP offer", Fragment(Plain(First, 17, Dhcp(67, 68)), 0x2000 | 185)];
        yield return ["a later fragment that is like a redirect", Fragment(Icmp(5, First), 185)];
        foreach ((byte protocol, byte at) in new (byte, byte)[] { (1, 2), (6, 16), (17, 6) })
        {
            byte[] packet = Plain(First, protocol, [8, .. new byte[30]]);
            (packet[0], packet[6], packet[8]) = (1, 34, at);
            yield return [$"protocol {protocol} with an undone checksum", packet];
        }
    }

    [Theory]
    [MemberData(nameof(Allowed))]
    public void What_the_list_names_passes(string what, byte[] packet)
    {
        _ = what;
        Assert.Equal([Port.Link], Ports(0, packet, out Domain[] domains));
        Assert.Equal((1UL, 0UL), (domains[0].Sent, domains[0].Forged));
    }

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void A_forged_frame_reaches_nobody_and_is_counted(string what, byte[] packet)
    {
        _ = what;
        Assert.Equal([], Ports(0, packet, out Domain[] domains));
        Assert.Equal((0UL, 1UL), (domains[0].Sent, domains[0].Forged));
    }

    [Fact]
    public void Sound_offload_passes()
    {
        byte[] packet = Frames.Ipv4(Frames.ClientMac, Frames.Mac(First), First, 0x0A000001, 6, new byte[4000]);
        packet[0] = 1;
        packet[1] = 1;
        packet[4] = 0xB4;
        packet[5] = 5;
        packet[6] = 34;
        packet[8] = 16;
        Assert.Equal([Port.Link], Ports(0, packet));
    }

    [Fact]
    public void A_domain_asks_the_node_and_only_it_hears_the_answer()
    {
        (TestHost host, Domain[] domains) = Two();
        var node = host.MakeNode(domains);
        node.Receive(1, Frames.Echo([1, 2, 3], source: Second, from: Frames.Mac(Second)));
        node.Receive(1, Frames.Arp(1, Frames.Mac(Second), Second, TestHost.Node, Frames.Mac(TestHost.Node)));
        Assert.Equal([1, 1], host.Sent.Select(sent => sent.Port));
    }

    [Fact]
    public void The_checksum_is_that_of_RFC_1071_for_every_length_and_alignment()
    {
        byte[] bytes = new byte[70];
        new Random(9).NextBytes(bytes);
        for (int start = 0; start < 4; start++)
            for (int length = 0; length <= 64; length++)
                Assert.Equal(Frames.Sum(bytes.AsSpan(start, length)), Packet.Checksum(bytes.AsSpan(start, length)));
        Array.Fill(bytes, (byte)0xFF);
        Assert.Equal(0, Packet.Checksum(bytes));
    }
}
