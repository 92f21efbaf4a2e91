using System;
using System.Collections.Generic;
using System.Linq;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>What reaches whom. Domain 0 is 10.0.0.50 with the guest address 10.0.0.64, domain 1 is 10.0.0.51.</summary>
public class RelayTests
{
    private const uint First = 0x0A000032, Guest = 0x0A000040, Second = 0x0A000033;
    private static readonly byte[] Broadcast = [255, 255, 255, 255, 255, 255];

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
        Assert.Equal([0, 1], Ports(Port.Link, Udp(Broadcast, 1, 1)));
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
        Assert.Equal([Port.Link, 1], Ports(0, Udp(Broadcast, First, First)));
        Assert.Equal([Port.Link, 1], Ports(0, Frames.Arp(1, Frames.Mac(First), Guest, Guest)));
        Assert.Equal([Port.Link, 1], Ports(0, Frames.Arp(1, Frames.Mac(First), 0, Guest)));
        Assert.Equal([Port.Link], Ports(0, Frames.Arp(2, Frames.Mac(First), First, TestHost.Client, Frames.ClientMac)));
    }

    [Fact]
    public void A_flood_to_all_is_passed_on_so_often_and_no_more_by_source()
    {
        (TestHost host, Domain[] domains) = Two();
        var node = host.MakeNode(domains);
        for (int i = 0; i < 1000; i++)
            node.Receive(Port.Link, Udp(Broadcast, 1, 1));
        Assert.Equal(10, host.Sent.Count(sent => sent.Port == 0));
        node.Receive(Port.Link, Udp(Broadcast, 1, 2));
        Assert.Equal(11, host.Sent.Count(sent => sent.Port == 0));
        node.Receive(Port.Link, Udp(Frames.Mac(First), 1, 1));
        Assert.Equal(12, host.Sent.Count(sent => sent.Port == 0));
    }

    [Fact]
    public void A_full_queue_drops_and_counts()
    {
        (TestHost host, Domain[] domains) = Two();
        host.CanSend = false;
        host.MakeNode(domains).Receive(Port.Link, Udp(Broadcast, 1, 1));
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
        yield return ["ipv6", Frames.Ethernet(Frames.ClientMac, Frames.Mac(First), 0x86DD, new byte[60])];
        yield return ["vlan", Frames.Ethernet(Frames.ClientMac, Frames.Mac(First), 0x8100, new byte[60])];
        yield return ["802.3 length", Frames.Ethernet(Frames.ClientMac, Frames.Mac(First), 60, new byte[60])];
        yield return ["ipv4 of version 6", With(good, (10 + 14, 0x65))];
        yield return ["short ipv4", good[..(10 + 33)]];
        yield return ["short arp", Frames.Arp(1, Frames.Mac(First), First, 1)[..(10 + 41)]];
        // Whoever completes these checksums would write into the addresses.
        yield return ["checksum over the source mac", With(good, (0, 1), (6, 0), (8, 10))];
        yield return ["checksum over the source address", With(good, (0, 1), (6, 14), (8, 12))];
        yield return ["checksum past the end", With(good, (0, 1), (6, 34), (8, 19))];
        yield return ["unknown flag", With(good, (0, 4))];
        yield return ["segmentation without checksum", With(good, (1, 1), (4, 100))];
        yield return ["segmentation of size 0", With(good, (0, 1), (1, 1), (6, 34), (8, 6))];
        yield return ["segmentation of IPv6", With(good, (0, 1), (1, 4), (4, 100), (6, 34), (8, 6))];
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
        byte[] packet = Udp(Frames.ClientMac, First, First, 4000);
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
