using System;
using System.Buffers.Binary;
using System.Net;
using Xunit;

namespace Netstack.Tests;

/// <summary>::1 and the wildcards of IPv6 beside IPv4: who overlaps whom, who hears what, and that none of it is reached from a link.</summary>
public sealed unsafe class FamilyTests
{
    private const uint A = 0x0a000001, B = 0x0a000002, FirstLoopback = 0x7f000001;
    private const ulong Now = 1_000_000_000;

    // Where sockets are bound to, and what is sent to: words that a test's data can hold.
    private const string Any = "0.0.0.0", Any6 = ":: only", Both = "::", OwnA = "10.0.0.1", Loopback4 = "127.0.0.1", Loopback6 = "::1", Elsewhere6 = "2001:db8::1";

    /// <summary>An address by its name.</summary>
    internal static Address Of(string name)
    {
        byte[] bytes = IPAddress.Parse(name.Split(' ')[0]).MapToIPv6().GetAddressBytes();
        return new Address(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(8)));
    }

    private static bool IsOnly6(string name) => name == Any6;

    [Theory]
    [InlineData(Any, Any, true)]
    [InlineData(Any, Any6, false)]
    [InlineData(Any, Both, true)]
    [InlineData(Any, OwnA, true)]
    [InlineData(Any, Loopback6, false)]
    [InlineData(Any6, Any6, true)]
    [InlineData(Any6, Both, true)]
    [InlineData(Any6, OwnA, false)]
    [InlineData(Any6, Loopback6, true)]
    [InlineData(Both, Both, true)]
    [InlineData(Both, OwnA, true)]
    [InlineData(Both, Loopback6, true)]
    [InlineData(OwnA, Loopback4, false)]
    [InlineData(OwnA, Loopback6, false)]
    [InlineData(Loopback6, Loopback6, true)]
    public void A_port_is_taken_where_the_addresses_overlap(string one, string other, bool overlap)
    {
        foreach ((string first, string second) in new[] { (one, other), (other, one) })
        {
            using Host host = new(A);
            Assert.True(host.Stack->Listen(Of(first), 80, 4, only6: IsOnly6(first)) >= 0);
            Assert.Equal(overlap, host.Stack->IsPortTaken(Of(second), IsOnly6(second), 80, reuse: true));
            Assert.Equal(overlap, host.Stack->Listen(Of(second), 80, 4, only6: IsOnly6(second)) == SocketError.AddressInUse);
            Assert.True(host.Stack->OpenUdp(Of(first), 53, Now, only6: IsOnly6(first)) >= 0);
            Assert.Equal(overlap, host.Stack->OpenUdp(Of(second), 53, Now, only6: IsOnly6(second)) == SocketError.AddressInUse);
        }
    }

    [Theory]
    [InlineData(Any, Loopback6, false)]
    [InlineData(Any, OwnA, true)]
    [InlineData(Any6, Loopback6, true)]
    [InlineData(Any6, Loopback4, false)]
    [InlineData(Both, Loopback6, true)]
    [InlineData(Both, Loopback4, true)]
    [InlineData(Loopback6, Loopback6, true)]
    [InlineData(Loopback6, Loopback4, false)]
    [InlineData(Loopback4, Loopback6, false)]
    public void A_socket_hears_what_is_sent_to_its_address(string bound, string target, bool heard)
    {
        using Host host = new(A);
        Address to = Of(target);
        int listener = host.Stack->Listen(Of(bound), 80, 4, only6: IsOnly6(bound));
        int client = host.Stack->Connect(to, 80, default, 0, Now);
        int accepted = host.Stack->Accept(listener);
        Assert.Equal(heard, accepted >= 0);
        Assert.Equal(heard ? 0 : SocketError.Refused, host.Stack->TakeError(client));
        if (heard)
        {
            Assert.Equal(0, host.Stack->GetEndpoints(accepted, out Endpoints endpoints));
            Assert.Equal((to, to), (endpoints.LocalAddress, endpoints.RemoteAddress));
            Assert.Equal(5, host.Stack->Send(client, "hello"u8, Now));
            byte[] buffer = new byte[8];
            Assert.Equal(5, host.Stack->Receive(accepted, buffer, Now));
        }
        int udp = host.Stack->OpenUdp(Of(bound), 53, Now, only6: IsOnly6(bound));
        int sender = host.Stack->OpenUdp(Address.Any, 0, Now);
        Assert.Equal(3, host.Stack->SendTo(sender, "abc"u8, to, 53, Now));
        Assert.Equal(heard ? 3 : SocketError.WouldBlock, host.Stack->PeekDatagram(udp, 0, default, out Endpoints of));
        if (heard)
            Assert.Equal((to, to), (of.LocalAddress, of.RemoteAddress));
        Assert.Empty(host.Sent);
    }

    [Fact]
    public void The_socket_of_the_address_is_before_that_of_the_wildcard()
    {
        using Host host = new(A);
        int wide = host.Stack->Listen(Address.Any, 80, 4, only6: true);
        Assert.Equal(SocketError.AddressInUse, host.Stack->Listen(Address.Loopback6, 80, 4));
        int four = host.Stack->Listen(Address.Any4, 80, 4);
        host.Stack->Connect(Address.Loopback6, 80, Address.Any, 0, Now);
        host.Stack->Connect(A, 80, Address.Any4, 0, Now);
        Assert.True(host.Stack->Accept(wide) >= 0);
        Assert.Equal(SocketError.WouldBlock, host.Stack->Accept(wide));
        Assert.True(host.Stack->Accept(four) >= 0);
    }

    /// <summary>No other address of IPv6, and none of 0/8, has a route, whatever the router is.</summary>
    [Theory]
    [InlineData(Elsewhere6)]
    [InlineData("fe80::1")]
    [InlineData("ff02::1")]
    [InlineData("::2")]
    [InlineData("0.255.255.255")]
    public void Nothing_leaves_for_an_address_that_no_packet_has(string name)
    {
        Address address = Of(name);
        using Host host = new(A, change: c =>
        {
            c.Gateway = 0x0a0000fe;
            return c;
        });
        Assert.Equal(address.IsMulticast6 ? SocketError.Invalid : SocketError.NetworkUnreachable, host.Stack->Connect(address, 80, default, 0, Now));
        int udp = host.Stack->OpenUdp(Address.Any, 0, Now);
        Assert.Equal(SocketError.NetworkUnreachable, host.Stack->SendTo(udp, "abc"u8, address, 53, Now));
        Assert.Equal(SocketError.NetworkUnreachable, host.Stack->ConnectDatagram(udp, address, 53));
        Assert.Equal(SocketError.AddressNotAvailable, host.Stack->Listen(address, 80, 4));
        Assert.Empty(host.Sent);
    }

    [Fact]
    public void Nothing_goes_from_loopback_to_others_or_from_one_family_to_the_other()
    {
        using Host host = new(A);
        Assert.Equal(SocketError.NetworkUnreachable, host.Stack->Connect(B, 80, Address.Loopback6, 0, Now));
        Assert.Equal(SocketError.NetworkUnreachable, host.Stack->Connect(Address.Loopback6, 80, A, 0, Now));
        Assert.Equal(SocketError.Invalid, host.Stack->Connect(B, 80, FirstLoopback, 0, Now));
        int six = host.Stack->OpenUdp(Address.Loopback6, 0, Now);
        int four = host.Stack->OpenUdp(FirstLoopback, 0, Now);
        Assert.Equal(SocketError.NetworkUnreachable, host.Stack->SendTo(six, "abc"u8, B, 53, Now));
        Assert.Equal(SocketError.NetworkUnreachable, host.Stack->ConnectDatagram(six, FirstLoopback, 53));
        Assert.Equal(SocketError.Invalid, host.Stack->SendTo(four, "abc"u8, B, 53, Now));
        Assert.Equal(SocketError.Invalid, host.Stack->SendTo(host.Stack->OpenUdp(Address.Any4, 0, Now), "abc"u8, FirstLoopback, 53, Now, B));
        Assert.Empty(host.Sent);
    }

    private static byte[] Packet(uint source, uint destination, byte protocol, ReadOnlySpan<byte> rest)
    {
        byte[] frame = new byte[34 + rest.Length];
        fixed (byte* at = frame)
        {
            Ethernet.Emit(at, 0x024500000000UL | A, 0x024500000000UL | B, Ethernet.TypeIpv4);
            Ipv4.Emit(at + 14, source, destination, protocol, 20 + rest.Length);
        }
        rest.CopyTo(frame.AsSpan(34));
        return frame;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(FirstLoopback)]
    public void A_packet_from_a_link_reaches_nobody_at_these_addresses(uint destination)
    {
        using Host host = new(A);
        int udp = host.Stack->OpenUdp(Address.Any, 53, Now);
        host.Stack->Listen(Address.Any, 80, 4);
        // Of UDP: ports 9 and 53, 8 bytes, no checksum. Of TCP: ports 9 and 80, a SYN.
        host.Receive(Packet(B, destination, Ipv4.ProtocolUdp, [0, 9, 0, 53, 0, 8, 0, 0]), Now, FrameFlags.ChecksumValid);
        byte[] syn = new byte[20];
        (syn[1], syn[3], syn[12], syn[13]) = (9, 80, 0x50, (byte)TcpFlags.Syn);
        host.Receive(Packet(B, destination, Ipv4.ProtocolTcp, syn), Now, FrameFlags.ChecksumValid);
        Assert.Equal(SocketError.WouldBlock, host.Stack->NextDatagramLength(udp));
        Assert.Empty(host.Sent);
        Assert.Equal(2ul, host.Stack->Counters.Ipv4BadSource + host.Stack->Counters.Ipv4NotForUs);

        // To an own address both arrive.
        host.Receive(Packet(B, A, Ipv4.ProtocolUdp, [0, 9, 0, 53, 0, 8, 0, 0]), Now, FrameFlags.ChecksumValid);
        host.Receive(Packet(B, A, Ipv4.ProtocolTcp, syn), Now, FrameFlags.ChecksumValid);
        Assert.Equal(0, host.Stack->NextDatagramLength(udp));
        Assert.NotEmpty(host.Sent);
    }

    /// <summary>An ICMP error that a link brings quotes a packet of ours; it must be one that could have left.</summary>
    [Fact]
    public void An_error_from_a_link_says_nothing_of_loopback()
    {
        const uint loopback = FirstLoopback;
        using Host host = new(A);
        int udp = host.Stack->OpenUdp(loopback, 9, Now);
        Assert.Equal(0, host.Stack->ConnectDatagram(udp, loopback, 53));
        host.Receive(PortUnreachable(loopback, loopback), Now);
        Assert.Equal(0, host.Stack->TakeError(udp));

        // Of a packet that did leave it is heard.
        int away = host.Stack->OpenUdp(A, 9, Now);
        Assert.Equal(0, host.Stack->ConnectDatagram(away, B, 53));
        host.Receive(PortUnreachable(A, B), Now);
        Assert.Equal(SocketError.Refused, host.Stack->TakeError(away));
    }

    private static byte[] PortUnreachable(uint source, uint destination)
    {
        byte[] quoted = Packet(source, destination, Ipv4.ProtocolUdp, [0, 9, 0, 53, 0, 8, 0, 0])[14..];
        byte[] message = [Icmp.DestinationUnreachable, Icmp.CodePort, 0, 0, 0, 0, 0, 0, .. quoted];
        fixed (byte* at = message)
            *(ushort*)(at + 2) = (ushort)~Checksum.Sum(at, message.Length);
        return Packet(B, A, Ipv4.ProtocolIcmp, message);
    }

    [Theory]
    [InlineData(Any, true)]
    [InlineData(Both, true)]
    [InlineData(OwnA, true)]
    [InlineData(Any6, false)]
    [InlineData(Loopback6, false)]
    public void A_broadcast_is_heard_by_sockets_of_IPv4(string bound, bool heard)
    {
        using Host host = new(A);
        int udp = host.Stack->OpenUdp(Of(bound), 53, Now, only6: IsOnly6(bound));
        byte[] frame = Packet(B, 0x0a0000ff, Ipv4.ProtocolUdp, [0, 9, 0, 53, 0, 8, 0, 0]);
        frame.AsSpan(0, 6).Fill(0xff);
        host.Receive(frame, Now, FrameFlags.ChecksumValid);
        Assert.Equal(heard ? 0 : SocketError.WouldBlock, host.Stack->NextDatagramLength(udp));
    }

    [Fact]
    public void A_peer_gives_a_datagram_socket_its_address_until_it_is_forgotten()
    {
        using Host host = new(A);
        int udp = host.Stack->OpenUdp(Address.Any, 9, Now);
        Assert.Equal(0, host.Stack->ConnectDatagram(udp, Address.Loopback6, 53));
        host.Stack->GetEndpoints(udp, out Endpoints endpoints);
        Assert.Equal(Address.Loopback6, endpoints.LocalAddress);
        Assert.Equal(0, host.Stack->ConnectDatagram(udp, B, 53));
        host.Stack->GetEndpoints(udp, out endpoints);
        Assert.Equal(((Address)A, (Address)B), (endpoints.LocalAddress, endpoints.RemoteAddress));
        Assert.Equal(0, host.Stack->ConnectDatagram(udp, default, 0));
        host.Stack->GetEndpoints(udp, out endpoints);
        Assert.Equal((Address.Any, Address.Any), (endpoints.LocalAddress, endpoints.RemoteAddress));
    }
}
