using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;
using static Netstack.Tests.Ipv6Link;

namespace Netstack.Tests;

/// <summary>Neighbours, routers and own addresses of IPv6 (RFC 4861, RFC 4862): who is believed, and what a move tells.</summary>
public sealed unsafe class NeighbourDiscoveryTests
{
    private const byte Solicited = 0x40, Override = 0x20;
    private const ushort Port = 53;

    /// <summary>Where the next datagram to the peer goes; 0: the peer is asked for.</summary>
    private static ulong MacOf(Ipv6Link link, Address peer)
    {
        link.Take();
        int udp = link.Stack->OpenUdp(Address.Any, 0, link.Now);
        link.Stack->SendTo(udp, [1], peer, Port, link.Now);
        link.Stack->Close(udp, link.Now);
        byte[]? sent = link.Take().Find(frame => frame[20] == Ipv4.ProtocolUdp);
        return sent == null ? 0 : sent.AsSpan(0, 6).ToArray().Aggregate(0ul, (mac, next) => mac << 8 | next);
    }

    private static string Hex(byte[] bytes) => Convert.ToHexString(bytes);

    [Fact]
    public void Others_are_asked_first_whether_an_address_is_theirs_and_switches_are_told()
    {
        using Ipv6Link link = new(known: false);
        List<byte[]> sent = link.Take();
        List<byte[]> asked = [.. sent.Where(frame => TypeOf(frame) == Icmp6.NeighbourSolicitation)];
        Assert.Equal(2, asked.Count);
        Assert.Equal(Bytes(default), asked[0][22..38]);
        Assert.Equal(Bytes(Ours.SolicitedNode), asked[0][38..54]);
        Assert.Equal((Hex(Bytes(Ours)), 255, 14 + 40 + 24), (Hex(asked[0][62..78]), asked[0][21], asked[0].Length));
        Assert.Equal([0x33, 0x33, 0xff, 0, 0, 1], asked[0][..6]);
        // Hop-by-hop, router alert, report of two groups, one hop, to ff02::16.
        byte[] report = sent.Last(frame => frame[20] == Ipv6.HopByHop);
        Assert.Equal((1, Icmp6.ListenerReport, 2), (report[21], report[62], report[69]));
        Assert.Equal([58, 0, 5, 2, 0, 0, 1, 0], report[54..62]);
        Assert.Equal(Bytes(FamilyTests.Of("ff02::16")), report[38..54]);
        Assert.Empty(link.Addresses());
        link.Pass(1.1);
        Assert.Equal([Ours, Global], link.Addresses());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_address_that_somebody_has_is_not_taken(bool says)
    {
        using Ipv6Link link = new(known: false);
        // Who has it says so, from that very address; who wants it at the same time asks.
        link.Receive(says ? Advertise(Global, AllNodes, Global, Override, PeerMac) : Solicit(default, Global, null));
        link.Pass(1.1);
        Assert.Equal([Ours], link.Addresses());
        Assert.Equal(1ul, link.Stack->Counters.DuplicateAddresses);
        // Once it is ours nobody takes it away.
        link.Receive(Advertise(Ours, AllNodes, Ours, Override, PeerMac));
        link.Receive(Solicit(default, Ours, null));
        Assert.Equal([Ours], link.Addresses());
        byte[] defended = Assert.Single(link.TakeIcmp(Icmp6.NeighbourAdvertisement));
        Assert.Equal((Hex(Bytes(AllNodes)), Override), (Hex(defended[38..54]), defended[58]));
    }

    [Fact]
    public void Who_asks_for_an_address_of_ours_is_told()
    {
        using Ipv6Link link = new();
        link.Receive(Solicit(Peer, Global, PeerMac));
        byte[] told = Assert.Single(link.Take());
        Assert.Equal((Icmp6.NeighbourAdvertisement, Solicited | Override, 255), (told[54], told[58], told[21]));
        Assert.Equal((Hex(Mac(PeerMac)), Hex(Bytes(Global)), Hex(Option(2, OurMac))), (Hex(told[..6]), Hex(told[62..78]), Hex(told[78..86])));
    }

    [Theory]
    [InlineData("hops")]
    [InlineData("forged")]
    [InlineData("group")]
    [InlineData("code")]
    [InlineData("checksum")]
    [InlineData("short")]
    [InlineData("empty option")]
    [InlineData("long option")]
    [InlineData("fragment")]
    [InlineData("another's")]
    public void A_solicitation_that_is_not_right_is_not_answered(string fault)
    {
        using Ipv6Link link = new();
        byte[] message = [Icmp6.NeighbourSolicitation, 0, 0, 0, 0, 0, 0, 0, .. Bytes(Global), .. Option(1, RouterMac)];
        byte[] frame = Icmp(Router, Global.SolicitedNode, message, from: RouterMac);
        switch (fault)
        {
            case "hops":
                frame = Icmp(Router, Global.SolicitedNode, message, hops: 254, from: RouterMac);
                break;
            case "forged":
                frame = Icmp(Router, Global.SolicitedNode, message, from: PeerMac);
                break;
            case "group":
                message = [.. message[..24], .. Option(1, 0x333300000001)];
                frame = Icmp(Router, Global.SolicitedNode, message, from: 0x333300000001);
                break;
            case "code":
                message[1] = 1;
                frame = Icmp(Router, Global.SolicitedNode, message, from: RouterMac);
                break;
            case "checksum":
                frame[56] ^= 1;
                break;
            case "short":
                frame = Icmp(Router, Global.SolicitedNode, message[..23], from: RouterMac);
                break;
            case "empty option":
                message[25] = 0;
                frame = Icmp(Router, Global.SolicitedNode, message, from: RouterMac);
                break;
            case "long option":
                message[25] = 2;
                frame = Icmp(Router, Global.SolicitedNode, message, from: RouterMac);
                break;
            case "fragment":
                frame = Packet(Router, Global, Ipv6.Fragment, [58, 0, 0, 1, 1, 2, 3, 4, .. Summed(Router, Global, 58, message, 2)[..24]], 255, RouterMac);
                link.Receive(frame);
                frame = Packet(Router, Global, Ipv6.Fragment, [58, 0, 0, 24, 1, 2, 3, 4, .. Summed(Router, Global, 58, message, 2)[24..]], 255, RouterMac);
                break;
            default:
                message = [.. message[..8], .. Bytes(Remote), .. message[24..]];
                frame = Icmp(Router, Global.SolicitedNode, message, from: RouterMac);
                break;
        }
        link.Receive(frame);
        Assert.Empty(link.Take());
        Assert.Equal(0ul, MacOf(link, Router));
    }

    [Fact]
    public void An_advertisement_that_nobody_asked_for_makes_no_neighbour()
    {
        using Ipv6Link link = new();
        for (int i = 0; i < 100; i++)
            link.Receive(Advertise(Router, Ours, Router, Solicited | Override, RouterMac));
        Assert.Equal(0ul, MacOf(link, Router));
        // Now it was asked for.
        link.Receive(Advertise(Router, Ours, Router, Solicited | Override, RouterMac));
        Assert.Equal(RouterMac, MacOf(link, Router));
    }

    [Fact]
    public void A_neighbour_that_moved_says_so_and_others_without_the_flag_do_not()
    {
        const ulong moved = 0x0245aabbcc99;
        using Ipv6Link link = new();
        Assert.Equal(PeerMac, MacOf(link, Peer));
        link.Receive(Advertise(Peer, AllNodes, Peer, 0, moved));
        Assert.Equal(PeerMac, MacOf(link, Peer));
        link.Receive(Advertise(Peer, AllNodes, Peer, Override, moved, hops: 64));
        link.Receive(Advertise(Peer, AllNodes, Peer, Override, moved, from: RouterMac));
        Assert.Equal(PeerMac, MacOf(link, Peer));
        link.Receive(Advertise(Peer, AllNodes, Peer, Override, moved));
        Assert.Equal(moved, MacOf(link, Peer));
        // It is asked again before long.
        link.Pass(6);
        MacOf(link, Peer);
        Assert.Equal(moved, MacOf(link, Peer));
        for (int i = 0; i < 10; i++)
            link.Pass(1);
        Assert.Equal(0ul, MacOf(link, Peer));
    }

    [Fact]
    public void Addresses_that_nobody_has_displace_no_neighbour()
    {
        using Ipv6Link link = new();
        Assert.Equal(PeerMac, MacOf(link, Peer));
        int udp = link.Stack->OpenUdp(Address.Any, 0, link.Now);
        for (uint i = 0; i < 1000; i++)
            link.Stack->SendTo(udp, [1], new Address(Peer.High, 0x10000 + i), Port, link.Now);
        Assert.Equal(PeerMac, MacOf(link, Peer));
    }

    [Fact]
    public void A_router_gives_address_network_and_way()
    {
        using Ipv6Link link = new(takesAdvertisements: true);
        Address prefix = FamilyTests.Of("2001:db8:1::"), made = new(prefix.High, Identifier);
        link.Receive(AdvertiseRouter(1800, [5, 1, 0, 0, .. Big(1400), .. Prefix(prefix, 64, 0xc0, 10_000, 5_000)]));
        link.Pass(1.1);
        Assert.Contains(made, link.Addresses());
        Assert.Equal(RouterMac, MacOf(link, Remote));
        Assert.Equal(0ul, MacOf(link, new Address(prefix.High, 77)));
        int tcp = link.Stack->Connect(Remote, 80, default, 0, link.Now);
        link.Stack->GetInformation(tcp, out ConnectionInformation information);
        // The link's MTU is smaller now, and the address is of the prefix that is nearest.
        Assert.Equal(1400 - 60, information.MaximumSegmentSize);
        // Nobody ends an address at once (RFC 4862 §5.5.3 e), and the router may end itself.
        link.Receive(AdvertiseRouter(0, [.. Prefix(prefix, 64, 0xc0, 0, 0)]));
        Assert.Contains(made, link.Addresses());
        Assert.Equal(SocketError.NetworkUnreachable, link.Stack->Connect(Remote, 80, Global, 0, link.Now));
        link.Pass(7201);
        Assert.DoesNotContain(made, link.Addresses());
    }

    [Theory]
    [InlineData("hops")]
    [InlineData("source")]
    [InlineData("off")]
    [InlineData("link-local prefix")]
    [InlineData("other length")]
    [InlineData("preferred longer than valid")]
    public void An_advertisement_of_a_router_that_is_not_right_makes_no_address(string fault)
    {
        using Ipv6Link link = new(takesAdvertisements: fault != "off");
        byte[] prefix = fault switch
        {
            "link-local prefix" => Prefix(FamilyTests.Of("fe80::"), 64, 0x40, 100, 100),
            "other length" => Prefix(FamilyTests.Of("2001:db8:1::"), 65, 0x40, 100, 100),
            "preferred longer than valid" => Prefix(FamilyTests.Of("2001:db8:1::"), 64, 0x40, 100, 101),
            _ => Prefix(FamilyTests.Of("2001:db8:1::"), 64, 0x40, 100, 100),
        };
        link.Receive(AdvertiseRouter(1800, prefix, fault == "hops" ? (byte)64 : (byte)255, fault == "source" ? FamilyTests.Of("2001:db8::7") : null));
        link.Pass(1.1);
        Assert.Equal([Ours, Global], link.Addresses());
    }

    /// <summary>A thousand routers and prefixes: the tables have their bounds, and what was there stays.</summary>
    [Fact]
    public void Routers_and_prefixes_without_number_fill_only_their_tables()
    {
        using Ipv6Link link = new(takesAdvertisements: true);
        for (uint i = 0; i < 1000; i++)
            link.Receive(AdvertiseRouter(1800, Prefix(new Address(0x2001_0db8_0000_0000ul | i << 8, 0), 64, 0xc0, 10_000, 10_000), source: new Address(Router.High, i + 1000)));
        link.Pass(1.1);
        Assert.Equal(Netstack.Stack.MaxAddresses6, link.Addresses().Count);
        Assert.Equal([Ours, Global], link.Addresses()[..2]);
        Assert.Equal(PeerMac, MacOf(link, Peer));
    }

    [Fact]
    public void Routers_are_asked_for_three_times_at_most()
    {
        using Ipv6Link link = new(takesAdvertisements: true, known: false);
        int asked = 0;
        for (int i = 0; i < 100; i++)
        {
            link.Pass(0.5);
            asked += link.TakeIcmp(Icmp6.RouterSolicitation).Count;
        }
        Assert.Equal(3, asked);
    }

    /// <summary>A move changes the MAC address and nothing else: everybody is told at once, and again.</summary>
    [Fact]
    public void After_a_move_all_hosts_hear_where_the_addresses_are()
    {
        const ulong there = 0x024500000077;
        using Ipv6Link link = new();
        link.Stack->ChangeMacAddress(there);
        link.Stack->Announce(link.Now);
        List<byte[]> sent = link.Take();
        List<byte[]> told = [.. sent.Where(frame => TypeOf(frame) == Icmp6.NeighbourAdvertisement)];
        Assert.Equal([Bytes(Ours), Bytes(Global)], told.Select(frame => frame[62..78]));
        Assert.All(told, frame => Assert.Equal((Hex(Mac(there)), Override, Hex(Bytes(AllNodes))), (Hex(frame[80..86]), frame[58], Hex(frame[38..54]))));
        Assert.Contains(sent, frame => frame.Length > 62 && frame[12] == 0x86 && frame[20] == Ipv6.HopByHop && frame[62] == Icmp6.ListenerReport);
        // The peer is asked where it is, by what it is known by.
        Assert.Contains(sent, frame => TypeOf(frame) == Icmp6.NeighbourSolicitation && frame.AsSpan(0, 6).SequenceEqual(Mac(PeerMac)));
        link.Pass(1);
        Assert.Equal(2, link.TakeIcmp(Icmp6.NeighbourAdvertisement).Count);
        Assert.Equal([Ours, Global], link.Addresses());
    }

    [Fact]
    public void The_side_that_is_left_behind_is_silent()
    {
        using Ipv6Link link = new();
        link.Stack->FilterOutgoing(default);
        link.Receive(Solicit(Peer, Global, PeerMac));
        Assert.Single(link.Take());
        link.Stack->FilterAllButPeers();
        link.Receive(Solicit(Peer, Global, PeerMac));
        link.Receive(Solicit(default, Global, null));
        link.Receive(Icmp(Peer, Global, [Icmp6.EchoRequest, 0, 0, 0, 0, 1, 0, 1]));
        link.Receive(Icmp(Router, AllNodes, [Icmp6.ListenerQuery, 0, 0, 0, 0, 0, 0, 0, .. new byte[20]], hops: 1));
        link.Stack->Announce(link.Now);
        link.Pass(100);
        Assert.DoesNotContain(link.Take(), frame => frame[12] == 0x86);
    }

    /// <summary>Peers of IPv4 are: their requests of ARP may be answered.</summary>
    [Fact]
    public void The_side_that_is_left_behind_answers_no_solicitation_of_a_peer_that_is_let_through()
    {
        using Ipv6Link link = new();
        Endpoints connection = new() { LocalAddress = Global, RemoteAddress = Peer, LocalPort = 9, RemotePort = Port };
        link.Stack->FilterOutgoing([connection]);
        link.Stack->FilterAllButPeers();
        ulong answered = link.Stack->Counters.ArpRequestsAnswered;
        link.Receive(Solicit(Peer, Global, PeerMac));
        Assert.Empty(link.Take());
        Assert.Equal(answered, link.Stack->Counters.ArpRequestsAnswered);
    }

    [Fact]
    public void What_a_router_said_of_the_MTU_ends_with_its_link()
    {
        using Ipv6Link link = new(takesAdvertisements: true);
        int SizeOfNext()
        {
            int tcp = link.Stack->Connect(Peer, 80, Ours, 0, link.Now);
            link.Stack->GetInformation(tcp, out ConnectionInformation information);
            return information.MaximumSegmentSize;
        }
        link.Receive(AdvertiseRouter(1800, [5, 1, 0, 0, .. Big(1400)]));
        Assert.Equal(1400 - 60, SizeOfNext());
        Link other = link.Stack->Link;
        Assert.True(link.Stack->ChangeLink(other));
        Assert.Equal(1500 - 60, SizeOfNext());
        // Nothing that is too long for a narrower link is made.
        other.Mtu = 1300;
        Assert.True(link.Stack->ChangeLink(other));
        Assert.Equal(1300 - 60, SizeOfNext());
        link.Take();
        int udp = link.Stack->OpenUdp(Ours, 9, link.Now);
        Assert.Equal(1400, link.Stack->SendTo(udp, new byte[1400], Peer, Port, link.Now));
        List<byte[]> parts = link.Take();
        Assert.Equal(2, parts.Count);
        Assert.All(parts, part => Assert.InRange(part.Length, 55, 1314));
    }

    [Fact]
    public void A_query_is_answered_once_a_second()
    {
        using Ipv6Link link = new();
        byte[] query = Icmp(Router, AllNodes, [Icmp6.ListenerQuery, 0, 0, 0, 0, 0, 0, 0, .. new byte[20]], hops: 1);
        for (int i = 0; i < 10; i++)
            link.Receive(query);
        Assert.Single(link.Take());
        link.Pass(1.1);
        link.Take();
        link.Receive(query);
        Assert.Single(link.Take());
    }
}
