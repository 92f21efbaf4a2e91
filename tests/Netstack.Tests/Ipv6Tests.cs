using System;
using System.Collections.Generic;
using System.Linq;
using PacketDotNet;
using Xunit;
using static Netstack.Tests.Ipv6Link;

namespace Netstack.Tests;

/// <summary>IPv6 on the link: what is answered and what is not, headers behind the first one, errors, and the wire's bytes as PacketDotNet reads them.</summary>
public sealed unsafe class Ipv6Tests
{
    private const ushort Port = 53;
    private static readonly byte[] s_echo = [Icmp6.EchoRequest, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    [Fact]
    public void Nothing_of_it_is_heard_or_sent_where_it_is_off()
    {
        using Host host = new(A);
        ulong now = 1_000_000_000;
        host.Receive(Solicit(Peer, Ours, PeerMac), now);
        host.Receive(Icmp(Peer, AllNodes, s_echo), now);
        host.Stack->Announce(now);
        Assert.DoesNotContain(host.Sent, frame => frame.Bytes[12] == 0x86);
        Assert.Equal(1ul, host.Stack->Counters.UnknownEtherType + host.Stack->Counters.FrameNotForUs / 2);
    }

    [Fact]
    public void An_echo_is_answered_as_PacketDotNet_expects()
    {
        using Ipv6Link link = new();
        link.Receive(Icmp(Peer, Global, s_echo, hops: 3));
        byte[] reply = Assert.Single(link.Take());
        IPv6Packet ip = PacketDotNet.Packet.ParsePacket(LinkLayers.Ethernet, reply).Extract<IPv6Packet>();
        Assert.Equal((Global.ToString(), Peer.ToString()), (ip.SourceAddress.ToString(), ip.DestinationAddress.ToString()));
        IcmpV6Packet icmp = ip.Extract<IcmpV6Packet>();
        Assert.Equal(IcmpV6Type.EchoReply, icmp.Type);
        Assert.Equal(s_echo[4..], reply[58..]);
        Assert.Equal(0xffffu, SumOf(reply));
    }

    private static uint SumOf(byte[] frame)
    {
        fixed (byte* at = frame)
        {
            Ipv6.TryParse(frame.AsSpan(14), frame.Length - 14, out IpHeader ip);
            return Checksum.Fold(Checksum.Sum(at + 54, frame.Length - 54) + Checksum.PseudoHeader(ip.Source, ip.Destination, ip.Protocol, frame.Length - 54));
        }
    }

    /// <summary>The witness adds up the pseudo-header by itself.</summary>
    [Fact]
    public void Segments_and_datagrams_have_the_checksums_that_PacketDotNet_computes()
    {
        using Ipv6Link link = new();
        Assert.True(link.Stack->Connect(Peer, 80, default, 0, link.Now) >= 0);
        byte[] syn = Assert.Single(link.Take());
        TcpPacket segment = PacketDotNet.Packet.ParsePacket(LinkLayers.Ethernet, syn).Extract<TcpPacket>();
        Assert.True(segment.ValidTcpChecksum && segment.Synchronize);
        // 1,500 without two headers of 40 and 20 bytes.
        Assert.Equal((2, 4, 1440), (syn[74], syn[75], syn[76] << 8 | syn[77]));
        int udp = link.Stack->OpenUdp(Address.Any, 9, link.Now);
        for (int length = 0; length < 40; length++)
        {
            Assert.Equal(length, link.Stack->SendTo(udp, new byte[length], Peer, Port, link.Now));
            UdpPacket datagram = PacketDotNet.Packet.ParsePacket(LinkLayers.Ethernet, Assert.Single(link.Take())).Extract<UdpPacket>();
            Assert.True(datagram.ValidUdpChecksum);
            Assert.Equal((ushort)(8 + length), datagram.Length);
        }
    }

    public static TheoryData<string, int> Wires
    {
        get
        {
            TheoryData<string, int> data = [];
            foreach (string wire in new[] { "clean", "all" })
                data.Add(wire, 1);
            return data;
        }
    }

    /// <summary>Neighbours are found, bytes lost and repaired as with IPv4; a datagram longer than the link goes in fragments.</summary>
    [Theory]
    [MemberData(nameof(Wires))]
    public void Two_hosts_talk(string wire, int seed)
    {
        const uint b = A + 1;
        using TwoHosts pair = new(StreamTests.Rates(wire), seed, A, b, Host.WithRings);
        Address atB = new(0x20010db8ul << 32, b);
        Assert.True(pair.A.Stack->StartIpv6(A, false, pair.Now) && pair.A.Stack->AddAddress6(new Address(atB.High, A), 64, pair.Now));
        Assert.True(pair.B.Stack->StartIpv6(b, false, pair.Now) && pair.B.Stack->AddAddress6(atB, 64, pair.Now));
        pair.Pass(2);
        int listener = pair.B.Stack->Listen(Address.Any, 80, 4);
        int client = pair.A.Stack->Connect(atB, 80, default, 0, pair.Now);
        int server = SocketError.WouldBlock;
        pair.Run(() => (server = pair.B.Stack->Accept(listener)) >= 0, 300, "a connection is accepted");
        pair.A.Stack->GetInformation(client, out ConnectionInformation information);
        Assert.Equal(1500 - 40 - 20 - 12, information.MaximumSegmentSize);
        Streamer a = new(pair.A, client, 300_000), other = new(pair.B, server, 200_000);
        pair.Programs.Add(a.Step);
        pair.Programs.Add(other.Step);
        pair.Run(() => a.Done && other.Done || a.Error != 0 || other.Error != 0, 3600, "both streams end");
        Assert.Equal((0, 0, -1L, -1L), (a.Error, other.Error, a.WrongAt, other.WrongAt));
        pair.Programs.Clear();

        int receiver = pair.B.Stack->OpenUdp(atB, Port, pair.Now);
        int sender = pair.A.Stack->OpenUdp(Address.Any, 9, pair.Now);
        byte[] data = Pattern.Make(0, 5000), into = new byte[6000];
        for (int tries = 0; tries < 50 && pair.B.Stack->NextDatagramLength(receiver) < 0; tries++)
        {
            Assert.Equal(5000, pair.A.Stack->SendTo(sender, data, atB, Port, pair.Now));
            pair.Pass(0.5);
        }
        Assert.Equal(5000, pair.B.Stack->ReceiveFrom(receiver, into, out Endpoints endpoints));
        Assert.Equal(data, into[..5000]);
        Assert.Equal(new Address(atB.High, A), endpoints.RemoteAddress);
    }

    /// <summary>What would be taken for a packet of IPv4 or of this host, and what nobody may send.</summary>
    [Theory]
    [InlineData("::ffff:10.0.0.2", "2001:db8::1")]
    [InlineData("fe80::2", "::ffff:10.0.0.1")]
    [InlineData("::1", "2001:db8::1")]
    [InlineData("fe80::2", "::1")]
    [InlineData("ff02::1", "2001:db8::1")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("::", "2001:db8::1")]
    [InlineData("fe80::2", "2001:db8::2")]
    [InlineData("fe80::2", "ff02::2")]
    public void A_packet_with_such_addresses_reaches_nobody(string from, string to)
    {
        using Ipv6Link link = new();
        Address source = FamilyTests.Of(from), destination = FamilyTests.Of(to);
        int udp = link.Stack->OpenUdp(Address.Any, Port, link.Now);
        link.Receive(Ipv6Link.Packet(source, destination, Ipv4.ProtocolUdp, Udp(source, destination, 9, Port, [1])));
        Assert.Equal(SocketError.WouldBlock, link.Stack->NextDatagramLength(udp));
        Assert.Empty(link.Take());
        link.Receive(Ipv6Link.Packet(Peer, Global, Ipv4.ProtocolUdp, Udp(Peer, Global, 9, Port, [1])));
        Assert.Equal(1, link.Stack->NextDatagramLength(udp));
    }

    [Fact]
    public void A_datagram_without_a_checksum_or_with_a_wrong_one_is_dropped()
    {
        using Ipv6Link link = new();
        int udp = link.Stack->OpenUdp(Address.Any, Port, link.Now);
        byte[] good = Udp(Peer, Global, 9, Port, [1, 2]);
        byte[] none = [.. good], wrong = [.. good];
        none[6] = none[7] = 0;
        wrong[9] ^= 1;
        link.Receive(Ipv6Link.Packet(Peer, Global, Ipv4.ProtocolUdp, none));
        link.Receive(Ipv6Link.Packet(Peer, Global, Ipv4.ProtocolUdp, wrong));
        Assert.Equal(2ul, link.Stack->Counters.UdpBadChecksum);
        Assert.Equal(SocketError.WouldBlock, link.Stack->NextDatagramLength(udp));
        // A group's datagram is heard, and its port unreachable is not told.
        link.Receive(Ipv6Link.Packet(Peer, AllNodes, Ipv4.ProtocolUdp, Udp(Peer, AllNodes, 9, Port, [1])));
        Assert.Equal(1, link.Stack->NextDatagramLength(udp));
        link.Receive(Ipv6Link.Packet(Peer, AllNodes, Ipv4.ProtocolUdp, Udp(Peer, AllNodes, 9, 99, [1])));
        Assert.Empty(link.Take());
        link.Receive(Ipv6Link.Packet(Peer, Global, Ipv4.ProtocolUdp, Udp(Peer, Global, 9, 99, [1])));
        Assert.Equal((Icmp6.DestinationUnreachable, Icmp6.CodePort), Only(link));
    }

    private static (byte Type, byte Code) Only(Ipv6Link link)
    {
        byte[] frame = Assert.Single(link.Take());
        Assert.Equal(0xffffu, SumOf(frame));
        return (frame[54], frame[55]);
    }

    /// <summary>Headers before a datagram, each eight bytes with the next one's kind first; -1 as type: it arrives.</summary>
    public static TheoryData<string, byte, byte[], int, int, int> Headers => new()
    {
        { "hop-by-hop with padding", 0, [17, 0, 1, 4, 0, 0, 0, 0], -1, 0, 0 },
        { "router alert", 0, [17, 0, 5, 2, 0, 0, 1, 0], -1, 0, 0 },
        { "destination options", 60, [17, 0, 0, 0, 0, 0, 0, 0], -1, 0, 0 },
        { "both", 0, [60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0], -1, 0, 0 },
        { "a route that is at its end", 43, [17, 0, 0, 0, 0, 0, 0, 0], -1, 0, 0 },
        { "atomic fragment", 44, [17, 0, 0, 0, 1, 2, 3, 4], -1, 0, 0 },
        { "options behind an atomic fragment", 44, [60, 0, 0, 0, 1, 2, 3, 4, 17, 0, 1, 4, 0, 0, 0, 0], -1, 0, 0 },
        { "an unknown option to skip", 60, [17, 0, 0x1e, 4, 0, 0, 0, 0], -1, 0, 0 },
        { "an unknown option to drop for", 60, [17, 0, 0x5e, 4, 0, 0, 0, 0], 0, 0, 0 },
        { "an unknown option to tell of", 60, [17, 0, 0x9e, 4, 0, 0, 0, 0], Icmp6.ParameterProblem, Icmp6.CodeOption, 42 },
        { "an unknown option to tell one of", 0, [17, 0, 0xde, 4, 0, 0, 0, 0], Icmp6.ParameterProblem, Icmp6.CodeOption, 42 },
        { "a route that goes on", 43, [17, 0, 0, 1, 0, 0, 0, 0], Icmp6.ParameterProblem, Icmp6.CodeField, 42 },
        { "hop-by-hop that is not the first", 60, [0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0], Icmp6.ParameterProblem, Icmp6.CodeNextHeader, 40 },
        { "a header that nobody knows", 200, [17, 0, 0, 0, 0, 0, 0, 0], Icmp6.ParameterProblem, Icmp6.CodeNextHeader, 6 },
        { "one that nobody knows behind options", 60, [200, 0, 1, 4, 0, 0, 0, 0], Icmp6.ParameterProblem, Icmp6.CodeNextHeader, 40 },
        { "one that nobody knows behind two headers", 0, [60, 0, 1, 4, 0, 0, 0, 0, 200, 0, 1, 4, 0, 0, 0, 0], Icmp6.ParameterProblem, Icmp6.CodeNextHeader, 48 },
        { "one that nobody knows behind an atomic fragment", 44, [200, 0, 0, 0, 1, 2, 3, 4], Icmp6.ParameterProblem, Icmp6.CodeNextHeader, 40 },
        { "no next header", 59, [17, 0, 0, 0, 0, 0, 0, 0], 0, 0, 0 },
        { "a header longer than the packet", 60, [17, 9, 1, 4, 0, 0, 0, 0], 0, 0, 0 },
        { "an option longer than its header", 60, [17, 0, 1, 5, 0, 0, 0, 0], 0, 0, 0 },
        { "an option without a length", 60, [17, 0, 1, 3, 0, 0, 0, 1], 0, 0, 0 },
        { "eight headers", 60, Chain(8), -1, 0, 0 },
        { "nine headers", 60, Chain(9), 0, 0, 0 },
    };

    private static byte[] Chain(int count) =>
        [.. Enumerable.Range(1, count).SelectMany(i => (byte[])[i == count ? (byte)17 : (byte)60, 0, 1, 4, 0, 0, 0, 0])];

    [Theory]
    [MemberData(nameof(Headers))]
    public void Headers_are_passed_over_or_refused_as_RFC_8200_says(string what, byte first, byte[] headers, int type, int code, int pointer)
    {
        using Ipv6Link link = new();
        int udp = link.Stack->OpenUdp(Address.Any, Port, link.Now);
        link.Receive(Ipv6Link.Packet(Peer, Global, first, [.. headers, .. Udp(Peer, Global, 9, Port, [1, 2, 3])]));
        Assert.True((type < 0 ? 3 : SocketError.WouldBlock) == link.Stack->NextDatagramLength(udp), what);
        List<byte[]> sent = link.Take();
        if (type <= 0)
        {
            Assert.Empty(sent);
            return;
        }
        byte[] error = Assert.Single(sent);
        Assert.Equal((type, code, pointer), (error[54], error[55], error[60] << 8 | error[61]));
        // It quotes the packet from its beginning.
        Assert.Equal((0x60, first), (error[62], error[68]));
    }

    [Fact]
    public void Every_packet_that_is_cut_short_reaches_nobody()
    {
        using Ipv6Link link = new();
        int udp = link.Stack->OpenUdp(Address.Any, Port, link.Now);
        byte[] whole = Ipv6Link.Packet(Peer, Global, 0, [60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 1, 2, 3, 4, .. Udp(Peer, Global, 9, Port, [1, 2, 3])]);
        for (int length = 0; length < whole.Length; length++)
        {
            link.Receive(whole[..length]);
            // The same with a length that agrees.
            byte[] shorter = whole[..length];
            if (length >= 54)
                (shorter[18], shorter[19]) = ((byte)((length - 54) >> 8), (byte)(length - 54));
            link.Receive(shorter);
        }
        Assert.Equal(SocketError.WouldBlock, link.Stack->NextDatagramLength(udp));
        link.Receive(whole);
        Assert.Equal(3, link.Stack->NextDatagramLength(udp));
    }

    [Fact]
    public void Fragments_that_overlap_drop_their_packet()
    {
        using Ipv6Link link = new();
        int udp = link.Stack->OpenUdp(Address.Any, Port, link.Now);
        byte[] whole = Udp(Peer, Global, 9, Port, Pattern.Make(0, 24));
        void Send(uint identification, int offset, int length, bool more) =>
            link.Receive(Ipv6Link.Packet(Peer, Global, Ipv6.Fragment,
                [17, 0, (byte)(offset >> 8), (byte)(offset | (more ? 1 : 0)), .. Big(identification), .. whole[offset..(offset + length)]]));
        Send(1, 0, 16, more: true);
        Send(1, 8, 8, more: true);
        Send(1, 16, 16, more: false);
        Assert.Equal(SocketError.WouldBlock, link.Stack->NextDatagramLength(udp));
        Send(2, 16, 16, more: false);
        Send(2, 0, 16, more: true);
        Assert.Equal(24, link.Stack->NextDatagramLength(udp));
        Assert.Empty(link.Take());
    }

    [Fact]
    public void Errors_are_limited_and_never_answer_errors()
    {
        using Ipv6Link link = new();
        // A destination option that has to be told of, before an error and before an echo.
        byte[] option = [Ipv6.ProtocolIcmp, 0, 0x9e, 4, 0, 0, 0, 0];
        link.Receive(Ipv6Link.Packet(Peer, Global, 60, [.. option, 1, 4, 0, 0, 0, 0, 0, 0]));
        link.Receive(Ipv6Link.Packet(Peer, Global, 200, [1, 2, 3]));
        Assert.Single(link.Take());
        for (int i = 0; i < 1000; i++)
            link.Receive(Ipv6Link.Packet(Peer, Global, 200, [1, 2, 3]));
        Assert.InRange(link.Take().Count, 40, 100);
    }

    private static byte[] Error(byte type, byte code, uint parameter, byte[] quoted) =>
        Icmp(Peer, Global, [type, code, 0, 0, .. Big(parameter), .. quoted], hops: 64);

    [Theory]
    [InlineData(Icmp6.DestinationUnreachable, Icmp6.CodePort, SocketError.Refused)]
    [InlineData(Icmp6.DestinationUnreachable, 0, SocketError.HostUnreachable)]
    [InlineData(Icmp6.TimeExceeded, 0, SocketError.HostUnreachable)]
    public void An_error_reaches_the_socket_whose_packet_it_quotes(byte type, byte code, int expected)
    {
        using Ipv6Link link = new();
        int udp = link.Stack->OpenUdp(Global, 9, link.Now);
        Assert.Equal(0, link.Stack->ConnectDatagram(udp, FarThere(link), Port));
        byte[] ours = Ipv6Link.Packet(Global, Remote, Ipv4.ProtocolUdp, Udp(Global, Remote, 9, Port, [1]))[14..];
        // Others' packets, and ones that we did not send.
        byte[] foreign = Ipv6Link.Packet(Peer, Remote, Ipv4.ProtocolUdp, Udp(Peer, Remote, 9, Port, [1]))[14..];
        byte[] otherPort = Ipv6Link.Packet(Global, Remote, Ipv4.ProtocolUdp, Udp(Global, Remote, 9, Port + 1, [1]))[14..];
        foreach (byte[] quoted in (byte[][])[foreign, otherPort, ours[..47], []])
            link.Receive(Error(type, code, 0, quoted));
        Assert.Equal(0, link.Stack->TakeError(udp));
        link.Receive(Error(type, code, 0, ours));
        Assert.Equal(expected, link.Stack->TakeError(udp));

        int tcp = link.Stack->Connect(Remote, 80, Global, 7, link.Now);
        byte[] syn = link.Take().Single(frame => frame[20] == Ipv4.ProtocolTcp)[14..];
        byte[] wrong = [.. syn];
        wrong[44] ^= 1;
        link.Receive(Error(type, code, 0, wrong));
        Assert.Equal(0, link.Stack->TakeError(tcp));
        link.Receive(Error(type, code, 0, syn));
        Assert.Equal(expected, link.Stack->TakeError(tcp));
    }

    /// <summary>Nothing that was sent to ::1 has left, so that no link can say what became of it.</summary>
    [Fact]
    public void An_error_from_the_link_says_nothing_of_loopback()
    {
        using Ipv6Link link = new();
        int udp = link.Stack->OpenUdp(Address.Loopback6, 9, link.Now);
        Assert.Equal(0, link.Stack->ConnectDatagram(udp, Address.Loopback6, Port));
        link.Receive(Error(Icmp6.DestinationUnreachable, Icmp6.CodePort, 0,
            Ipv6Link.Packet(Address.Loopback6, Address.Loopback6, Ipv4.ProtocolUdp, Udp(Address.Loopback6, Address.Loopback6, 9, Port, [1]))[14..]));
        Assert.Equal(0, link.Stack->TakeError(udp));
    }

    /// <summary>Behind a router whose MAC address is known.</summary>
    private static Address FarThere(Ipv6Link link)
    {
        link.Stack->AddRouter6(Peer);
        return Ipv6Link.Remote;
    }

    [Fact]
    public void A_path_becomes_narrower_by_what_its_router_says_and_never_than_every_link_is()
    {
        using Ipv6Link link = new();
        Address far = FarThere(link);
        int tcp = link.Stack->Connect(far, 80, Global, 7, link.Now);
        byte[] syn = Assert.Single(link.Take())[14..];
        int SizeNow()
        {
            link.Stack->GetInformation(tcp, out ConnectionInformation information);
            return information.MaximumSegmentSize;
        }
        Assert.Equal(1440, SizeNow());
        foreach (uint mtu in new uint[] { 0, 68, 1279, 1500, 65536 })
            link.Receive(Error(Icmp6.PacketTooBig, 0, mtu, syn));
        byte[] wrong = [.. syn];
        wrong[44] ^= 1;
        link.Receive(Error(Icmp6.PacketTooBig, 0, 1300, wrong));
        Assert.Equal(1440, SizeNow());
        link.Receive(Error(Icmp6.PacketTooBig, 0, 1400, syn));
        Assert.Equal(1340, SizeNow());
        // A datagram goes in fragments that fit, and whole again when ten minutes have passed.
        int udp = link.Stack->OpenUdp(Global, 9, link.Now);
        link.Stack->SendTo(udp, new byte[1440], far, Port, link.Now);
        List<byte[]> parts = link.Take();
        Assert.Equal(2, parts.Count);
        Assert.All(parts, part => Assert.InRange(part.Length, 60, 1414));
        link.Receive(Solicit(Peer, Ours, PeerMac));
        link.Pass(601);
        link.Take();
        link.Receive(Advertise(Peer, Ours, Peer, 0x60, PeerMac));
        link.Stack->SendTo(udp, new byte[1440], far, Port, link.Now);
        Assert.Contains(link.Take(), frame => frame.Length == 54 + 8 + 1440);
    }

    [Fact]
    public void Random_packets_end_nothing()
    {
        Random random = new(1);
        using Ipv6Link link = new(takesAdvertisements: true);
        link.Host.OnTransmit = _ => { };
        int udp = link.Stack->OpenUdp(Address.Any, Port, link.Now);
        link.Stack->Listen(Address.Any, 80, 4);
        byte[] kinds = [0, 6, 17, 43, 44, 58, 59, 60, 200];
        Address[] sources = [Peer, Router, Global, default, AllNodes], destinations = [Global, Ours, AllNodes, Ours.SolicitedNode];
        for (int i = 0; i < 100_000; i++)
        {
            byte[] rest = new byte[random.Next(3) == 0 ? random.Next(1400) : random.Next(120)];
            random.NextBytes(rest);
            int at = 0;
            byte first = kinds[random.Next(kinds.Length)];
            byte kind = first;
            // Headers that are nearly right, and messages whose checksum is.
            while (at + 8 <= rest.Length && kind is 0 or 43 or 44 or 60 && at + 8 <= rest.Length)
            {
                kind = rest[at] = kinds[random.Next(kinds.Length)];
                rest[at + 1] = (byte)random.Next(3);
                if (random.Next(2) == 0)
                    (rest[at + 2], rest[at + 3]) = ((byte)random.Next(2), (byte)random.Next(8));
                at += 8;
            }
            Address source = sources[random.Next(sources.Length)], destination = destinations[random.Next(destinations.Length)];
            if (first == 58 && rest.Length >= 8 && random.Next(4) != 0)
            {
                rest[0] = (byte)(random.Next(2) == 0 ? random.Next(1, 5) : random.Next(128, 138));
                rest[1] = 0;
                rest[2] = rest[3] = 0;
                if (rest.Length > 25)
                    (rest[^8], rest[^7]) = ((byte)random.Next(6), (byte)random.Next(3));
                rest = Summed(source, destination, 58, rest, 2);
            }
            link.Receive(Ipv6Link.Packet(source, destination, first, rest, (byte)(random.Next(2) == 0 ? 255 : 64), random.Next(2) == 0 ? PeerMac : RouterMac));
            if (i % 64 == 0)
                link.Pass(0.01);
            Assert.InRange(link.Host.Rings.Count, 0, Fragments.MaxPackets + 1);
        }
        Assert.Contains(Ours, link.Addresses());
        link.Pass(100);
        byte[] data = Udp(Peer, Ours, 9, Port, [1, 2, 3]);
        while (link.Stack->NextDatagramLength(udp) >= 0)
            link.Stack->DropDatagram(udp);
        link.Receive(Ipv6Link.Packet(Peer, Ours, 17, data));
        Assert.Equal(3, link.Stack->NextDatagramLength(udp));
    }
}
