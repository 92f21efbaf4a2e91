using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using PacketDotNet;
using Xunit;

namespace Plug.Tests;

public class SegmenterTests
{
    public static TheoryData<int, int, int, int> Shapes()
    {
        TheoryData<int, int, int, int> shapes = [];
        foreach (int data in new[] { 0, 1, 1448, 1449, 2896, 65535 - 92 })
            foreach ((int ip, int tcp) in new[] { (0, 0), (0, 12), (40, 0), (12, 40) })
                foreach (int size in new[] { 8, 536, 1400 })
                    shapes.Add(data, size, ip, tcp);
        return shapes;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Segments_hold_the_data_once_and_in_order(int data, int size, int ipOptions, int tcpOptions)
    {
        var made = new Packets { Data = data, SegmentSize = (ushort)size, IpOptions = ipOptions, TcpOptions = tcpOptions, Flags = 0x99, Seed = data };
        byte[] packet = made.Make(), original = packet.ToArray();
        List<byte[]> frames = [];
        Assert.Equal(Verdict.Frames, Packets.Cut(packet, frames));
        Assert.Equal(Math.Max(1, (data + size - 1) / size), frames.Count);

        int headers = made.Tcp + 20 + tcpOptions;
        List<byte> stream = [];
        for (int i = 0; i < frames.Count; i++)
        {
            TcpPacket tcp = Packets.Checked(frames[i]);
            Assert.Equal(made.Sequence + (uint)(i * size), tcp.SequenceNumber);
            Assert.Equal((ushort)(made.Identification + i), ((IPv4Packet)tcp.ParentPacket).Id);
            bool last = i == frames.Count - 1;
            Assert.Equal((i == 0, last, last, true), (tcp.CongestionWindowReduced, tcp.Push, tcp.Finished, tcp.Acknowledgment));
            Assert.Equal(77u, tcp.AcknowledgmentNumber);
            Assert.Equal(original[10..24], frames[i][..14]);
            Assert.Equal(original[(made.Tcp + 20)..headers], frames[i][(made.Tcp + 10)..(headers - 10)]);
            stream.AddRange(frames[i][(headers - 10)..]);
        }
        Assert.Equal(original[headers..], stream);
    }

    [Theory]
    [InlineData(6, 16)]
    [InlineData(17, 6)]
    public void A_checksum_that_was_left_undone_is_finished(byte protocol, byte offset)
    {
        for (int size = 0; size < 100; size++)
        {
            byte[] packet = new Packets { Data = size, SegmentSize = 0, Seed = size }.Make();
            packet[Packets.Ip + 9] = protocol;
            if (protocol == 17)
            {
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(Packets.Ip + 24), (ushort)(packet.Length - Packets.Ip - 20));
                (packet[8], packet[Packets.Ip + 26], packet[Packets.Ip + 27]) = (offset, 0, 0);
                uint pseudo = 10 * 256 + 0x0001 + 10 * 256 + 50 + 17u + (uint)(packet.Length - Packets.Ip - 20);
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(Packets.Ip + 26), (ushort)pseudo);
            }
            List<byte[]> frames = [];
            Assert.Equal(Verdict.Frames, Packets.Cut(packet, frames));
            TransportPacket transport = PacketDotNet.Packet.ParsePacket(LinkLayers.Ethernet, Assert.Single(frames)).Extract<TransportPacket>();
            Assert.True(transport switch { TcpPacket tcp => tcp.ValidChecksum, UdpPacket udp => udp.Checksum == udp.CalculateUdpChecksum(), _ => false });
        }
    }

    [Fact]
    public void A_udp_checksum_is_never_the_zero_that_says_there_is_none()
    {
        byte[] packet = new Packets { Data = 2, TcpOptions = 0, SegmentSize = 0 }.Make();
        packet[8] = 16;
        // With the field's own value the rest sums up to 0xFFFF: the data is its complement.
        List<byte[]> frames = [];
        Packets.Cut(packet.ToArray(), frames);
        byte[] sum = frames[0][(made(packet) + 16)..(made(packet) + 18)];
        (packet[^2], packet[^1]) = Added(packet[^2..], sum);
        frames.Clear();
        Packets.Cut(packet, frames);
        Assert.Equal([0xFF, 0xFF], frames[0][(made(packet) + 16)..(made(packet) + 18)]);

        static int made(byte[] _) => Packets.Ip + 20 - Segmenter.HeaderSize;

        static (byte, byte) Added(byte[] word, byte[] sum)
        {
            int added = BinaryPrimitives.ReadUInt16BigEndian(word) + BinaryPrimitives.ReadUInt16BigEndian(sum);
            added = (added & 0xFFFF) + (added >> 16);
            return ((byte)(added >> 8), (byte)added);
        }
    }

    [Fact]
    public void What_is_complete_passes_as_it_is()
    {
        foreach (int size in new[] { 14, 15, 60, 1514 })
        {
            byte[] packet = new byte[Segmenter.HeaderSize + size];
            new Random(size).NextBytes(packet.AsSpan(Segmenter.HeaderSize));
            packet[0] = 2; // VIRTIO_NET_HDR_F_DATA_VALID
            List<byte[]> frames = [];
            byte[] frame = packet[Segmenter.HeaderSize..];
            Assert.Equal(Verdict.Frames, Packets.Cut(packet, frames));
            Assert.Equal(frame, Assert.Single(frames));
        }
    }

    private static byte[] With(byte[] packet, params (int At, int Value)[] changes)
    {
        foreach ((int at, int value) in changes)
            packet[at] = (byte)value;
        return packet;
    }

    public static IEnumerable<object[]> Lies()
    {
        byte[] Good() => new Packets().Make();
        byte[] Plain() => new Packets { Data = 100, SegmentSize = 0 }.Make();
        const int Ip = Packets.Ip, Tcp = Ip + 20;
        yield return [Verdict.Malformed, "shorter than its headers", new byte[23]];
        yield return [Verdict.Malformed, "larger than anything", new byte[Segmenter.MaxPacket + 1]];
        yield return [Verdict.TooLarge, "too large to be plain", new byte[Segmenter.HeaderSize + 1515]];
        yield return [Verdict.TooLarge, "not cut", new Packets { SegmentSize = 0 }.Make()];
        yield return [Verdict.TooLarge, "segments too large", new Packets { SegmentSize = 1449 }.Make()];
        yield return [Verdict.Unsupported, "UDP fragmentation", With(Good(), (1, 3))];
        yield return [Verdict.Unsupported, "TCP over IPv6", With(Good(), (1, 4))];
        yield return [Verdict.Unsupported, "UDP segmentation", With(Good(), (1, 5))];
        yield return [Verdict.Unsupported, "unknown segmentation", With(Good(), (1, 0x7F))];
        yield return [Verdict.Malformed, "segments without a checksum", With(Good(), (0, 0))];
        yield return [Verdict.Malformed, "segments of nothing", With(Good(), (4, 0), (5, 0))];
        yield return [Verdict.Malformed, "segments of next to nothing", With(Good(), (4, 7), (5, 0))];
        yield return [Verdict.Malformed, "checksum in the Ethernet header", With(Plain(), (6, 0), (8, 0))];
        yield return [Verdict.Malformed, "checksum in the IPv4 header", With(Plain(), (6, 14), (8, 12))];
        yield return [Verdict.Malformed, "checksum in the IPv4 options", With(Plain(), (Ip, 0x46))];
        yield return [Verdict.Malformed, "checksum beyond the end", With(Plain(), (8, 143))];
        yield return [Verdict.Malformed, "checksum far beyond the end", With(Plain(), (6, 0xFF), (7, 0xFF), (8, 0xFF), (9, 0xFF))];
        yield return [Verdict.Malformed, "checksum in an ARP packet", With(Plain(), (Ip - 1, 6))];
        yield return [Verdict.Malformed, "checksum in an IPv6 address", With(Plain(), (Ip - 2, 0x86), (Ip - 1, 0xDD))];
        yield return [Verdict.Malformed, "checksum elsewhere in TCP", With(Good(), (8, 14))];
        yield return [Verdict.Malformed, "checksum of a later run", With(Good(), (6, 36), (8, 14))];
        yield return [Verdict.Malformed, "not IPv4", With(Good(), (Ip, 0x65))];
        yield return [Verdict.Malformed, "an IPv4 header that is too short", With(Good(), (Ip, 0x44))];
        yield return [Verdict.Malformed, "an IPv4 header that ends elsewhere", With(Good(), (Ip, 0x4F))];
        yield return [Verdict.Malformed, "a total length that is too small", With(Good(), (Ip + 3, packet => packet - 1))];
        yield return [Verdict.Malformed, "a total length that is too large", With(Good(), (Ip + 3, packet => packet + 1))];
        yield return [Verdict.Malformed, "more fragments", With(Good(), (Ip + 6, 0x20))];
        yield return [Verdict.Malformed, "a later fragment", With(Good(), (Ip + 7, 1))];
        yield return [Verdict.Malformed, "UDP that says TCP", With(Good(), (Ip + 9, 17))];
        yield return [Verdict.Malformed, "a TCP header that is too short", With(Good(), (Tcp + 12, 0x40))];
        yield return [Verdict.Malformed, "a TCP header beyond the end", With(new Packets { Data = 4, TcpOptions = 0 }.Make(), (Tcp + 12, 0xF0))];
        yield return [Verdict.Malformed, "a TCP header cut short", With(Good()[..(Tcp + 19)], (Ip + 2, 0), (Ip + 3, 39))];
        yield return [Verdict.Malformed, "SYN", With(Good(), (Tcp + 13, 2))];
        yield return [Verdict.Malformed, "RST", With(Good(), (Tcp + 13, 4))];
    }

    private static byte[] With(byte[] packet, (int At, Func<int, int> Value) change) => With(packet, (change.At, change.Value(packet[change.At])));

    [Theory]
    [MemberData(nameof(Lies))]
    public void A_packet_that_lies_becomes_nothing(Verdict verdict, string how, byte[] packet)
    {
        List<byte[]> frames = [];
        Assert.True(verdict == Packets.Cut(packet, frames), how);
        Assert.Empty(frames);
    }

    [Fact]
    public void Whatever_comes_frames_fit_the_wire_and_addresses_stay()
    {
        var random = new Random(5);
        int cut = 0;
        List<byte[]> frames = [];
        for (int i = 0; i < 300_000; i++)
        {
            byte[] packet = new Packets
            {
                Data = random.Next(3000), SegmentSize = (ushort)random.Next(i % 2 * 1500), IpOptions = random.Next(11) * 4, TcpOptions = random.Next(11) * 4, Seed = i,
            }.Make();
            int headers = 10 + 14 + 60 + 60;
            for (int changes = random.Next(4); changes > 0; changes--)
                packet[random.Next(Math.Min(headers, packet.Length))] = (byte)random.Next(256);
            if (random.Next(8) == 0)
                packet = packet[..random.Next(packet.Length)];
            byte[] before = packet.ToArray();
            frames.Clear();
            if (Packets.Cut(packet, frames) != Verdict.Frames)
                continue;
            cut += frames.Count > 1 ? 1 : 0;
            Assert.InRange(frames.Count, 1, 65535 / 8);
            foreach (byte[] frame in frames)
            {
                Assert.InRange(frame.Length, 14, 1514);
                Assert.Equal(before[10..24], frame[..14]);
                if (frame.Length >= 34 && frame[12] == 8 && frame[13] == 0 && frame[14] >> 4 == 4)
                    Assert.Equal(before[36..44], frame[26..34]);
            }
        }
        Assert.True(cut > 10_000, $"only {cut} packets were cut");
    }
}
