using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;

namespace Netstack.Tests;

/// <summary>A stack that speaks IPv6, and somebody on its link who writes every frame by hand.</summary>
public sealed unsafe class Ipv6Link : IDisposable
{
    internal const uint A = 0x0a000001;
    internal const ulong OurMac = 0x024500000000UL | A, PeerMac = 0x0245aabbccddUL, RouterMac = 0x0245aabbcc01UL;
    internal const ulong Identifier = 0x5efe0a000001;

    internal static readonly Address Ours = FamilyTests.Of("fe80::5efe:a00:1"), Peer = FamilyTests.Of("fe80::2"), Router = FamilyTests.Of("fe80::ff");
    internal static readonly Address Global = FamilyTests.Of("2001:db8::1"), Remote = FamilyTests.Of("2001:db8:ffff::9"), AllNodes = FamilyTests.Of("ff02::1");

    public Host Host { get; }

    public ulong Now { get; private set; } = 1_000_000_000;

    public Stack* Stack => Host.Stack;

    /// <param name="known">The addresses are ours already, and the peer's MAC address is known.</param>
    public Ipv6Link(bool takesAdvertisements = false, bool known = true)
    {
        Host = new Host(A, change: Host.WithRings);
        if (!Stack->StartIpv6(Identifier, takesAdvertisements, Now) || !Stack->AddAddress6(Global, 64, Now))
            throw new InvalidOperationException("IPv6 is refused");
        if (!known)
            return;
        Pass(1.5);
        Receive(Solicit(Peer, Ours, PeerMac));
        Host.Sent.Clear();
    }

    public void Pass(double seconds)
    {
        Now += (ulong)(seconds * 1e9);
        Stack->Poll(Now);
    }

    public void Receive(byte[] frame) => Host.Receive(frame, Now);

    /// <summary>What was sent since the last time.</summary>
    public List<byte[]> Take()
    {
        List<byte[]> frames = [.. Host.Sent.Select(sent => sent.Bytes)];
        Host.Sent.Clear();
        return frames;
    }

    /// <summary>Of what was sent since the last time, the messages of a type of ICMPv6, from its Ethernet header on.</summary>
    public List<byte[]> TakeIcmp(byte type) => [.. Take().Where(frame => TypeOf(frame) == type)];

    /// <summary>Of ICMPv6 without further headers; -1: something else.</summary>
    public static int TypeOf(byte[] frame) =>
        frame.Length > 54 && frame[12] == 0x86 && frame[20] == Ipv6.ProtocolIcmp ? frame[54] : -1;

    public static byte[] Bytes(Address address)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, address.High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), address.Low);
        return bytes;
    }

    public static byte[] Mac(ulong mac) => [.. Enumerable.Range(0, 6).Select(i => (byte)(mac >> (40 - 8 * i)))];

    /// <summary>A packet to us, to what carries it as it is.</summary>
    public static byte[] Packet(Address source, Address destination, byte next, byte[] payload, byte hops = 64, ulong from = PeerMac, ulong? to = null)
    {
        byte[] frame = new byte[54 + payload.Length];
        fixed (byte* at = frame)
        {
            Ethernet.Emit(at, to ?? (destination.IsMulticast6 ? Ethernet.GroupOf(destination) : OurMac), from, Ethernet.TypeIpv6);
            Ipv6.Emit(at + 14, source, destination, next, hops, payload.Length);
        }
        payload.CopyTo(frame, 54);
        return frame;
    }

    /// <summary>What the transport's checksum has to be, stored at its place.</summary>
    public static byte[] Summed(Address source, Address destination, byte protocol, byte[] transport, int at)
    {
        byte[] bytes = [.. transport];
        fixed (byte* start = bytes)
            *(ushort*)(start + at) = (ushort)~Checksum.Fold(Checksum.Sum(start, bytes.Length) + Checksum.PseudoHeader(source, destination, protocol, bytes.Length));
        return bytes;
    }

    public static byte[] Icmp(Address source, Address destination, byte[] message, byte hops = 255, ulong from = PeerMac) =>
        Packet(source, destination, Ipv6.ProtocolIcmp, Summed(source, destination, Ipv6.ProtocolIcmp, message, 2), hops, from);

    public static byte[] Udp(Address source, Address destination, ushort from, ushort to, byte[] data)
    {
        byte[] datagram = [(byte)(from >> 8), (byte)from, (byte)(to >> 8), (byte)to, (byte)((8 + data.Length) >> 8), (byte)(8 + data.Length), 0, 0, .. data];
        return Summed(source, destination, Ipv4.ProtocolUdp, datagram, 6);
    }

    public static byte[] Option(byte type, ulong mac) => [type, 1, .. Mac(mac)];

    /// <summary>A solicitation for a target of ours, to its group.</summary>
    public static byte[] Solicit(Address source, Address target, ulong? mac, byte hops = 255, ulong? from = null)
    {
        byte[] message = [Icmp6.NeighbourSolicitation, 0, 0, 0, 0, 0, 0, 0, .. Bytes(target), .. mac is ulong own ? Option(1, own) : []];
        return Icmp(source, target.SolicitedNode, message, hops, from ?? mac ?? PeerMac);
    }

    public static byte[] Advertise(Address source, Address destination, Address target, byte flags, ulong? mac, byte hops = 255, ulong? from = null)
    {
        byte[] message = [Icmp6.NeighbourAdvertisement, 0, 0, 0, flags, 0, 0, 0, .. Bytes(target), .. mac is ulong own ? Option(2, own) : []];
        return Icmp(source, destination, message, hops, from ?? mac ?? PeerMac);
    }

    public static byte[] Prefix(Address prefix, byte length, byte flags, uint valid, uint preferred) =>
        [3, 4, length, flags, .. Big(valid), .. Big(preferred), 0, 0, 0, 0, .. Bytes(prefix)];

    public static byte[] Big(uint value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    public static byte[] AdvertiseRouter(ushort lifetime, byte[] options, byte hops = 255, Address? source = null) =>
        Icmp(source ?? Router, AllNodes, [Icmp6.RouterAdvertisement, 0, 0, 0, 64, 0, (byte)(lifetime >> 8), (byte)lifetime, 0, 0, 0, 0, 0, 0, 0, 0, .. Option(1, RouterMac), .. options],
            hops, RouterMac);

    public List<Address> Addresses()
    {
        List<Address> found = [];
        for (int i = 0; i < Netstack.Stack.MaxAddresses6; i++)
        {
            if (Stack->AddressAt6(i, out Address address, out _, out bool isTentative) && !isTentative)
                found.Add(address);
        }
        return found;
    }

    public void Dispose() => Host.Dispose();
}
