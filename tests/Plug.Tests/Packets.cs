using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Net;
using PacketDotNet;

namespace Plug.Tests;

/// <summary>Packets as a correct sender leaves them to be finished: virtio-net header, Ethernet, IPv4, TCP or UDP.</summary>
internal sealed record Packets
{
    public const int Ip = Segmenter.HeaderSize + Segmenter.EthernetSize;

    public int Data { get; init; } = 4000;
    public ushort SegmentSize { get; init; } = 1448;
    public int IpOptions { get; init; }
    public int TcpOptions { get; init; } = 12;
    public byte Flags { get; init; } = 0x18;
    public ushort Identification { get; init; } = 0xFFFE;
    public uint Sequence { get; init; } = 0xFFFF_FF00;
    public int Seed { get; init; }

    /// <summary>Where TCP begins in the packet.</summary>
    public int Tcp => Ip + 20 + IpOptions;

    public byte[] Make()
    {
        var random = new Random(Seed);
        byte[] packet = new byte[Tcp + 20 + TcpOptions + Data];
        random.NextBytes(packet.AsSpan(Tcp + 20 + TcpOptions));
        packet[0] = 1;
        packet[1] = SegmentSize == 0 ? (byte)0 : (byte)1;
        BinaryPrimitives.WriteUInt16LittleEndian(packet.AsSpan(2), (ushort)(Tcp + 20 + TcpOptions - Segmenter.HeaderSize));
        BinaryPrimitives.WriteUInt16LittleEndian(packet.AsSpan(4), SegmentSize);
        BinaryPrimitives.WriteUInt16LittleEndian(packet.AsSpan(6), (ushort)(Tcp - Segmenter.HeaderSize));
        packet[8] = 16;

        new byte[] { 2, 0x45, 10, 0, 0, 50, 2, 0x45, 10, 0, 0, 1, 8, 0 }.CopyTo(packet, Segmenter.HeaderSize);
        Span<byte> ip = packet.AsSpan(Ip), tcp = packet.AsSpan(Tcp);
        ip[0] = (byte)(0x45 + IpOptions / 4);
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], Identification);
        (ip[6], ip[8], ip[9]) = (0x40, 64, 6);
        new byte[] { 10, 0, 0, 1, 10, 0, 0, 50 }.CopyTo(ip[12..]);
        ip[20..(20 + IpOptions)].Fill(1);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Fold(Sum(ip[..(20 + IpOptions)])));

        BinaryPrimitives.WriteUInt16BigEndian(tcp, 40000);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], 80);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], 77);
        tcp[12] = (byte)((20 + TcpOptions) / 4 << 4);
        tcp[13] = Flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], 500);
        tcp[20..(20 + TcpOptions)].Fill(1);
        // The pseudo-header's sum, as virtio 1.2 §5.1.6.2 wants it there.
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], Fold(Sum(ip[12..20]) + 6 + (uint)tcp.Length));
        return packet;
    }

    public static Verdict Cut(byte[] packet, List<byte[]> into)
    {
        Verdict verdict = Segmenter.Open(packet, out Segmenter frames);
        while (frames.Next(out Span<byte> frame))
            into.Add(frame.ToArray());
        return verdict;
    }

    /// <summary>The TCP segment of a frame, whose checksums and lengths an independent library has found right.</summary>
    public static TcpPacket Checked(byte[] frame)
    {
        var ip = (IPv4Packet)Packet.ParsePacket(LinkLayers.Ethernet, frame).Extract<IPPacket>();
        Xunit.Assert.True(ip.ValidIPChecksum && ip.ValidChecksum);
        Xunit.Assert.Equal(frame.Length - Segmenter.EthernetSize, ip.TotalLength);
        Xunit.Assert.Equal(IPAddress.Parse("10.0.0.1"), ip.SourceAddress);
        var tcp = ip.Extract<TcpPacket>();
        Xunit.Assert.True(tcp.ValidChecksum);
        return tcp;
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
            sum += (uint)bytes[i] << (i % 2 == 0 ? 8 : 0);
        return sum;
    }

    private static ushort Fold(uint sum)
    {
        while (sum >> 16 != 0)
            sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)sum;
    }
}
