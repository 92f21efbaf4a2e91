using System;
using Packetd;
using Wire;

namespace Testing.Nodes;

/// <summary>Frames as a correct peer would send them, with their virtio-net header in front.</summary>
public static class Frames
{
    public static readonly byte[] ClientMac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    public static byte[] Broadcast => [255, 255, 255, 255, 255, 255];

    public static byte[] Mac(uint address)
    {
        byte[] mac = new byte[6];
        Bytes.PutBe16(mac, 0, Packet.MacPrefix);
        Bytes.PutBe32(mac, 2, address);
        return mac;
    }

    public static byte[] Ethernet(byte[] to, byte[] from, ushort type, byte[] body)
    {
        byte[] packet = new byte[Packet.HeaderSize + Packet.EthernetSize + body.Length];
        Span<byte> frame = packet.AsSpan(Packet.HeaderSize);
        to.CopyTo(frame);
        from.CopyTo(frame.Slice(6));
        Bytes.PutBe16(frame, 12, type);
        body.CopyTo(frame.Slice(14));
        return packet;
    }

    public static byte[] Arp(ushort operation, byte[] senderMac, uint sender, uint target, byte[]? to = null)
    {
        byte[] body = new byte[28];
        Bytes.PutBe32(body, 0, 0x0001_0800);
        Bytes.PutBe32(body, 4, 0x0604_0000u | operation);
        senderMac.CopyTo(body, 8);
        Bytes.PutBe32(body, 14, sender);
        Bytes.PutBe32(body, 24, target);
        return Ethernet(to ?? [255, 255, 255, 255, 255, 255], senderMac, Packet.TypeArp, body);
    }

    public static byte[] Ipv4(byte[] to, byte[] from, uint source, uint target, byte protocol, byte[] body)
    {
        byte[] datagram = new byte[20 + body.Length];
        datagram[0] = 0x45;
        Bytes.PutBe16(datagram, 2, (ushort)datagram.Length);
        datagram[8] = 64;
        datagram[9] = protocol;
        Bytes.PutBe32(datagram, 12, source);
        Bytes.PutBe32(datagram, 16, target);
        Bytes.PutBe16(datagram, 10, Sum(datagram.AsSpan(0, 20)));
        body.CopyTo(datagram, 20);
        return Ethernet(to, from, Packet.TypeIpv4, datagram);
    }

    public static byte[] Echo(byte[] payload, uint source = TestHost.Client, uint target = TestHost.Node, byte[]? to = null, byte[]? from = null)
    {
        byte[] icmp = new byte[8 + payload.Length];
        icmp[0] = 8;
        Bytes.PutBe32(icmp, 4, 0x1234_0007);
        payload.CopyTo(icmp, 8);
        Bytes.PutBe16(icmp, 2, Sum(icmp));
        return Ipv4(to ?? Mac(TestHost.Node), from ?? ClientMac, source, target, 1, icmp);
    }

    /// <summary>The node's answer to <see cref="Echo"/>, as it is on the wire: no header, an atomic datagram with a TTL of 64.</summary>
    public static byte[] EchoReply(byte[] payload, byte[] to, uint target)
    {
        byte[] frame = Echo(payload, TestHost.Node, target, to, Mac(TestHost.Node))[10..];
        frame[20] = 0x40;
        frame[34] = 0;
        Bytes.PutBe16(frame, 24, 0);
        Bytes.PutBe16(frame, 24, Sum(frame.AsSpan(14, 20)));
        Bytes.PutBe16(frame, 36, 0);
        Bytes.PutBe16(frame, 36, Sum(frame.AsSpan(34)));
        return frame;
    }

    /// <summary>The node's answer to whoever asked for its MAC.</summary>
    public static byte[] ArpReply(byte[] to, uint target)
    {
        byte[] frame = Arp(2, Mac(TestHost.Node), TestHost.Node, target, to)[10..];
        to.CopyTo(frame, 32);
        return frame;
    }

    /// <summary>RFC 1071, written down a second time and as slowly as the RFC does.</summary>
    public static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
            sum += (uint)(bytes[i] << 8 | (i + 1 < bytes.Length ? bytes[i + 1] : 0));
        while (sum >> 16 != 0)
            sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }
}
