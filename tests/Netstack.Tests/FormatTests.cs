using System;
using System.Linq;
using System.Net;
using System.Net.NetworkInformation;
using CsCheck;
using PacketDotNet;
using PacketDotNet.Utils;
using Xunit;

namespace Netstack.Tests;

/// <summary>Every header: emit and parse agree, cut-off input is refused, and PacketDotNet reads the same.</summary>
public sealed unsafe class FormatTests
{
    [Fact]
    public void ChecksumIsThatOfTheDefinition() => Gen.Byte.Array[0, 300].Sample(bytes =>
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
            sum += (uint)bytes[i] << (i % 2 == 0 ? 8 : 0);
        while (sum >> 16 != 0)
            sum = (sum & 0xffff) + (sum >> 16);
        fixed (byte* at = bytes)
            return Checksum.AtOddOffset(Checksum.Sum(at, bytes.Length)) == sum;
    });

    [Fact]
    public void ChecksumOfPiecesIsThatOfTheWhole() => Gen.Select(Gen.Byte.Array[1, 200], Gen.Int[0, 200], Gen.Int[0, 200]).Sample((bytes, a, b) =>
    {
        int first = Math.Min(a, bytes.Length), second = Math.Min(b, bytes.Length - first);
        fixed (byte* at = bytes)
        {
            FramePiece* pieces = stackalloc FramePiece[3];
            pieces[0] = new FramePiece { Address = at, Length = first };
            pieces[1] = new FramePiece { Address = at + first, Length = second };
            pieces[2] = new FramePiece { Address = at + first + second, Length = bytes.Length - first - second };
            Payload payload = new(pieces, 3, 0, bytes.Length);
            return Checksum.Sum(pieces, 3) == Checksum.Sum(at, bytes.Length) && payload.Sum() == Checksum.Sum(at, bytes.Length);
        }
    });

    [Fact]
    public void EthernetRoundTrip() => Gen.Select(Gen.ULong[0, 0xffffffffffff], Gen.ULong[0, 0xffffffffffff], Gen.UShort).Sample((destination, source, type) =>
    {
        byte[] bytes = new byte[14];
        fixed (byte* at = bytes)
            Ethernet.Emit(at, destination, source, type);
        EthernetPacket packet = new(new ByteArraySegment(bytes));
        Assert.Equal(source, Number(packet.SourceHardwareAddress));
        Assert.Equal(destination, Number(packet.DestinationHardwareAddress));
        Assert.Equal(type, (ushort)packet.Type);
        Assert.False(Ethernet.TryParse(bytes.AsSpan(0, 13), out _));
        return Ethernet.TryParse(bytes, out Ethernet header) && header.Destination == destination && header.Source == source && header.Type == type;
    });

    [Fact]
    public void ArpRoundTrip() => Gen.Select(Gen.UShort[1, 2], Gen.ULong[0, 0xffffffffffff], Gen.UInt, Gen.ULong[0, 0xffffffffffff], Gen.UInt).Sample((operation, sender, from, target, to) =>
    {
        sender &= ~0x010000000000ul;
        Arp arp = new() { Operation = operation, SenderMac = sender, SenderAddress = from, TargetMac = target, TargetAddress = to };
        byte[] bytes = new byte[28];
        fixed (byte* at = bytes)
            arp.Emit(at);
        ArpPacket packet = new(new ByteArraySegment(bytes));
        Assert.Equal(operation, (ushort)packet.Operation);
        Assert.Equal(from, Number(packet.SenderProtocolAddress));
        Assert.Equal(to, Number(packet.TargetProtocolAddress));
        Assert.Equal(sender, Number(packet.SenderHardwareAddress));
        for (int i = 0; i < 28; i++)
            Assert.False(Arp.TryParse(bytes.AsSpan(0, i), out _));
        return Arp.TryParse(bytes, out Arp parsed) && parsed.Equals(arp);
    });

    [Fact]
    public void Ipv4RoundTrip() => Gen.Select(Gen.UInt, Gen.UInt, Gen.Byte, Gen.Int[0, 1000]).Sample((source, destination, protocol, length) =>
    {
        byte[] bytes = new byte[20 + length];
        fixed (byte* at = bytes)
            Ipv4.Emit(at, source, destination, protocol, bytes.Length);
        IPv4Packet packet = new(new ByteArraySegment(bytes));
        Assert.True(packet.ValidChecksum);
        Assert.Equal(source, Number(packet.SourceAddress));
        Assert.Equal(destination, Number(packet.DestinationAddress));
        Assert.Equal(bytes.Length, packet.TotalLength);
        Assert.Equal(2, packet.FragmentFlags);
        Assert.Equal(Ipv4Error.None, Ipv4.Parse(bytes, bytes.Length, out IpHeader header));
        Assert.Equal((source, destination, protocol, 20, bytes.Length), (header.Source, header.Destination, header.Protocol, header.DataOffset, header.TotalLength));
        Assert.Equal(Ipv4Error.Malformed, Ipv4.Parse(bytes, bytes.Length - 1, out _));
        Assert.Equal(Ipv4Error.Malformed, Ipv4.Parse(bytes.AsSpan(0, 19), bytes.Length, out _));
        bytes[8] ^= 1;
        return Ipv4.Parse(bytes, bytes.Length, out _) == Ipv4Error.BadChecksum;
    });

    private static readonly Gen<TcpHeader> s_genHeader = Gen.Select(Gen.UInt, Gen.UInt, Gen.UInt, Gen.UShort, Gen.Byte, Gen.Int[0, 31], Gen.Int[0, 4], Gen.UInt).Select(
        (ports, sequence, acknowledgement, window, flags, options, blocks, seed) =>
        {
            TcpHeader header = new()
            {
                SourcePort = (ushort)ports,
                DestinationPort = (ushort)(ports >> 16),
                Sequence = sequence,
                Acknowledgement = acknowledgement,
                Window = window,
                // PacketDotNet reads no options beside the urgent flag.
                Flags = (TcpFlags)(flags & 0x1f),
                MaximumSegmentSize = (ushort)((options & 1) != 0 ? seed | 1 : 0),
                HasWindowShift = (options & 2) != 0,
                WindowShift = (byte)((options & 2) != 0 ? seed % 15 : 0),
                SackPermitted = (options & 4) != 0,
                HasTimestamps = (options & 8) != 0,
            };
            if (header.HasTimestamps)
                (header.TimestampValue, header.TimestampEcho) = (seed * 7, seed * 13);
            int room = (40 - 4 - (header.MaximumSegmentSize != 0 ? 4 : 0) - (header.HasWindowShift ? 4 : 0) - (header.SackPermitted ? 4 : 0) - (header.HasTimestamps ? 12 : 0)) / 8;
            header.SackCount = Math.Min(blocks, room);
            for (int i = 0; i < header.SackCount * 2; i++)
                header.SackEdges[i] = seed * (uint)(i + 3);
            return header;
        });

    [Fact]
    public void TcpRoundTrip() => s_genHeader.Sample(header =>
    {
        byte[] bytes = new byte[60];
        fixed (byte* at = bytes)
            header.Emit(at);
        bytes = bytes[..header.Length];
        TcpPacket packet = new(new ByteArraySegment(bytes));
        Assert.Equal(header.SourcePort, packet.SourcePort);
        Assert.Equal(header.DestinationPort, packet.DestinationPort);
        Assert.Equal(header.Sequence, packet.SequenceNumber);
        Assert.Equal(header.Acknowledgement, packet.AcknowledgmentNumber);
        Assert.Equal(header.Window, packet.WindowSize);
        Assert.Equal(header.Length, packet.DataOffset * 4);
        Assert.Equal((byte)header.Flags, (byte)packet.Flags);
        Assert.Equal(
            (header.MaximumSegmentSize != 0 ? 1 : 0) + (header.HasWindowShift ? 1 : 0) + (header.SackPermitted ? 1 : 0) + (header.HasTimestamps ? 1 : 0) + (header.SackCount > 0 ? 1 : 0),
            packet.OptionsCollection?.Count(option => option is not PacketDotNet.Tcp.NoOperationOption) ?? 0);
        Assert.True(TcpHeader.TryParse(bytes, out TcpHeader parsed));
        Assert.Equal(
            (header.SourcePort, header.DestinationPort, header.Sequence, header.Acknowledgement, header.Flags, header.Window, header.Length),
            (parsed.SourcePort, parsed.DestinationPort, parsed.Sequence, parsed.Acknowledgement, parsed.Flags, parsed.Window, parsed.Length));
        Assert.Equal(
            (header.MaximumSegmentSize, header.HasWindowShift, header.WindowShift, header.SackPermitted, header.HasTimestamps, header.TimestampValue, header.TimestampEcho, header.SackCount),
            (parsed.MaximumSegmentSize, parsed.HasWindowShift, parsed.WindowShift, parsed.SackPermitted, parsed.HasTimestamps, parsed.TimestampValue, parsed.TimestampEcho, parsed.SackCount));
        for (int i = 0; i < header.SackCount * 2; i++)
            Assert.Equal(header.SackEdges[i], parsed.SackEdges[i]);
        for (int i = 0; i < bytes.Length; i++)
            Assert.False(TcpHeader.TryParse(bytes.AsSpan(0, i), out _));
    });

    [Fact]
    public void TcpOptionsOfAnySortEndSomewhere() => Gen.Byte.Array[40].Sample(options =>
    {
        byte[] bytes = new byte[60];
        bytes[12] = 0xf0;
        options.CopyTo(bytes, 20);
        return TcpHeader.TryParse(bytes, out TcpHeader header) && header.SackCount is >= 0 and <= 4 && header.WindowShift <= 14;
    });

    [Fact]
    public void RangesAreASet() => Gen.Select(Gen.UInt, Gen.Select(Gen.Int[0, 250], Gen.Int[1, 40]).Array[1, 60]).Sample((start, runs) =>
    {
        uint* edges = stackalloc uint[Connection.MaxRanges * 2];
        int count = 0;
        bool[] model = new bool[300];
        foreach ((int from, int length) in runs)
        {
            bool added = SequenceRanges.Add(edges, ref count, start + (uint)from, start + (uint)(from + length));
            if (added)
                Array.Fill(model, true, from, length);
            else
                Assert.Equal(Connection.MaxRanges, count);
            if (length % 7 == 0)
            {
                SequenceRanges.TrimBefore(edges, ref count, start + (uint)(from / 4));
                Array.Fill(model, false, 0, from / 4);
            }
            for (int i = 0; i < 300; i++)
                Assert.Equal(model[i] ? 1u : 0, SequenceRanges.CountBetween(edges, count, start + (uint)i, start + (uint)i + 1));
            for (int i = 0; i + 1 < count; i++)
                Assert.True(Tcp.Before(edges[i * 2 + 1], edges[i * 2 + 2]));
        }
    });

    [Fact]
    public void WhatWeSendIsWhatPacketDotNetExpects()
    {
        using TwoHosts pair = new(new FaultRates(), 1, 0x0a000001, 0x0a000002);
        int tcp = 0;
        pair.Inspect = (_, frame) =>
        {
            Packet packet = Packet.ParsePacket(LinkLayers.Ethernet, frame);
            IPv4Packet? ip = packet.Extract<IPv4Packet>();
            if (ip == null)
                return packet.Extract<ArpPacket>() != null;
            Assert.True(ip.ValidChecksum);
            TcpPacket? segment = packet.Extract<TcpPacket>();
            if (segment != null)
            {
                tcp++;
                Assert.True(segment.ValidTcpChecksum);
            }
            UdpPacket? datagram = packet.Extract<UdpPacket>();
            if (datagram != null)
                Assert.True(datagram.ValidUdpChecksum);
            IcmpV4Packet? icmp = packet.Extract<IcmpV4Packet>();
            if (icmp != null)
                Assert.True(icmp.ValidIcmpChecksum);
            return true;
        };
        pair.RunStreams(100_000, 33_333);
        int sender = pair.A.Stack->OpenUdp(0, 0, pair.Now), receiver = pair.B.Stack->OpenUdp(0, 53, pair.Now);
        Assert.Equal(777, pair.A.Stack->SendTo(sender, Pattern.Make(0, 777), 0x0a000002, 53, pair.Now));
        Assert.Equal(3, pair.A.Stack->SendTo(sender, Pattern.Make(0, 3), 0x0a000002, 54, pair.Now));
        pair.Pass(0.1);
        byte[] into = new byte[1000];
        Assert.Equal(777, pair.B.Stack->ReceiveFrom(receiver, into, out Endpoints endpoints));
        Assert.Equal(-1, Pattern.FirstWrong(into.AsSpan(0, 777), 0));
        Assert.Equal(0x0a000001u, endpoints.RemoteAddress);
        Assert.Equal(1ul, pair.B.Stack->Counters.UnreachablesSent);
        Assert.Equal(1ul, pair.A.Stack->Counters.UnreachablesReceived);
        Assert.True(tcp > 100);
    }

    private static ulong Number(PhysicalAddress address) => address.GetAddressBytes().Aggregate(0ul, (sum, next) => sum << 8 | next);

    private static uint Number(IPAddress address) => address.GetAddressBytes().Aggregate(0u, (sum, next) => sum << 8 | next);
}
