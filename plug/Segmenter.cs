using System;
using System.Runtime.CompilerServices;
using Netstack;
using Bytes = Wire.Bytes;

namespace Plug;

/// <summary>What becomes of a packet.</summary>
public enum Verdict
{
    /// <summary>It is one or more frames.</summary>
    Frames,

    /// <summary>Its headers contradict each other or what was left undone.</summary>
    Malformed,

    /// <summary>It leaves something undone that is not done here: segmentation of UDP, or of TCP over IPv6.</summary>
    Unsupported,

    /// <summary>A frame of it would be larger than Ethernet carries.</summary>
    TooLarge,
}

/// <summary>
/// Does with a packet what a network card does that offers checksums and TCP segmentation (virtio 1.2 §5.1.6.2):
/// finishes its checksum, or cuts it into frames. They are made in the packet's own memory, each over the end of the
/// one before, so a frame is good until the next one is asked for. Nothing in the packet is believed.
/// </summary>
public ref struct Segmenter
{
    /// <summary>
    /// <c>struct virtio_net_hdr</c> without <c>num_buffers</c> (virtio 1.2 §5.1.6, legacy layout), little-endian.
    /// </summary>
    public const int HeaderSize = 10;
    private const int FlagsAt = 0;
    private const int GsoAt = 1;
    private const int GsoSizeAt = 4;
    private const int ChecksumStartAt = 6;
    private const int ChecksumOffsetAt = 8;
    private const byte NeedsChecksum = 1;
    private const byte GsoNone = 0;
    private const byte GsoTcp4 = 1;
    private const byte GsoEcn = 0x80;

    /// <summary>Ethernet and the largest IPv4 datagram.</summary>
    public const int MaxPacket = HeaderSize + EthernetSize + 65535;

    /// <summary>The largest frame without FCS, and the size of its header.</summary>
    public const int MaxFrame = 1514;
    public const int EthernetSize = 14;

    // Offsets into the frame: Ethernet II, then IPv4 (RFC 791 §3.1).
    private const int TypeAt = 12;
    private const int IpAt = EthernetSize;
    private const int TotalLengthAt = IpAt + 2;
    private const int IdentificationAt = IpAt + 4;
    private const int FragmentAt = IpAt + 6;
    private const int ProtocolAt = IpAt + 9;
    private const int IpChecksumAt = IpAt + 10;
    private const int SourceAt = IpAt + 12;
    private const int TargetAt = IpAt + 16;
    private const int TypeIpv4 = 0x0800;
    private const int TypeIpv6 = 0x86DD;
    private const int MoreFragmentsOrOffset = 0x3FFF;
    private const int Ipv6Size = 40;
    private const byte ProtocolTcp = 6;

    // Offsets into the TCP header (RFC 9293 §3.1).
    private const int SequenceAt = 4;
    private const int DataOffsetAt = 12;
    private const int TcpFlagsAt = 13;
    private const int TcpChecksumAt = TcpHeader.ChecksumOffset;
    private const byte CongestionWindowReduced = 0x80;

    /// <summary>
    /// Less data than this in a segment asks for more frames than any sender needs; Linux's own floor is the same.
    /// </summary>
    private const int MinSegment = 8;

    /// <summary>From the header of the frame that was given last to the end of the packet.</summary>
    private Span<byte> rest;

    /// <summary>Bytes of all headers.</summary>
    private int headers;

    /// <summary>Bytes of the headers before TCP; 0 where nothing is to be cut.</summary>
    private int tcpAt;

    /// <summary>Bytes of data in a full segment.</summary>
    private int step;

    /// <summary>Bytes of data in the frame that was given last.</summary>
    private int given;

    /// <summary>TCP's flags as they came.</summary>
    private int flags;

    /// <summary>Whether there are more frames to ask for.</summary>
    public bool More { get; private set; }

    /// <summary>
    /// Takes a packet: virtio-net header and frame. Its frames are then got by <see cref="Next"/>; there are none
    /// unless the verdict says so.
    /// </summary>
    public static Verdict Open(Span<byte> packet, out Segmenter frames)
    {
        frames = default;
        if (packet.Length is < HeaderSize + EthernetSize or > MaxPacket)
            return Verdict.Malformed;
        Span<byte> frame = packet.Slice(HeaderSize);
        int start = Bytes.Le16(packet, ChecksumStartAt);
        int at = start + Bytes.Le16(packet, ChecksumOffsetAt);
        bool undone = (packet[FlagsAt] & NeedsChecksum) != 0;
        int segmentation = packet[GsoAt] & ~GsoEcn;
        if (segmentation is not (GsoNone or GsoTcp4))
            return Verdict.Unsupported;
        if (undone && !IsBehindNetworkHeader(frame, start, at))
            return Verdict.Malformed;

        frames.rest = frame;
        frames.headers = frame.Length;
        if (segmentation == GsoTcp4 && !(undone && frames.CanCut(start, at, Bytes.Le16(packet, GsoSizeAt))))
            return Verdict.Malformed;
        if (frames.headers + Math.Min(frames.step, frame.Length - frames.headers) > MaxFrame)
            return Verdict.TooLarge;
        if (segmentation == GsoNone && undone)
            Complete(frame, start, at);
        frames.More = true;
        return Verdict.Frames;
    }

    /// <summary>The next frame; false when all have been given.</summary>
    public bool Next(out Span<byte> frame)
    {
        frame = default;
        if (!More)
            return false;
        bool first = given == 0;
        if (!first)
            Advance();
        given = Math.Min(rest.Length - headers, step);
        frame = rest.Slice(0, headers + given);
        More = frame.Length < rest.Length;
        if (tcpAt != 0)
            Finish(frame, first);
        return true;
    }

    /// <summary>
    /// Whether a checksum that begins there and is stored there lies behind the network header: what it is written over
    /// must never be an address, which packetd has checked before.
    /// </summary>
    private static bool IsBehindNetworkHeader(ReadOnlySpan<byte> frame, int start, int at)
    {
        if (at + 2 > frame.Length)
            return false;
        return Bytes.Be16(frame, TypeAt) switch
        {
            TypeIpv4 => frame.Length > IpAt
                && frame[IpAt] >> 4 == 4
                && frame[IpAt] % 16 >= 5
                && start >= IpAt + frame[IpAt] % 16 * 4,
            TypeIpv6 => start >= IpAt + Ipv6Size,
            _ => false,
        };
    }

    /// <summary>Whether the packet is TCP over IPv4 as it says; notes where its headers end.</summary>
    private bool CanCut(int start, int at, int size)
    {
        ReadOnlySpan<byte> frame = rest;
        // An IPv4 packet with a checksum behind its header: the rest of that header is there.
        if (Bytes.Be16(frame, TypeAt) != TypeIpv4
            || start != IpAt + frame[IpAt] % 16 * 4
            || at != start + TcpChecksumAt
            || frame[ProtocolAt] != ProtocolTcp
            || (Bytes.Be16(frame, FragmentAt) & MoreFragmentsOrOffset) != 0
            || Bytes.Be16(frame, TotalLengthAt) != frame.Length - IpAt
            || frame.Length < start + TcpHeader.MinLength
            || size < MinSegment)
            return false;
        int length = frame[start + DataOffsetAt] >> 4 << 2;
        flags = frame[start + TcpFlagsAt];
        // Data that opens or resets a connection is never more than a segment: repeated flags would say something else.
        if (length < TcpHeader.MinLength
            || start + length > frame.Length
            || (flags & (int)(TcpFlags.Syn | TcpFlags.Rst)) != 0)
            return false;
        headers = start + length;
        tcpAt = start;
        step = size;
        return true;
    }

    /// <summary>Moves the headers on to the next data, over data that has been given already.</summary>
    private void Advance()
    {
        rest.Slice(0, headers).CopyTo(rest.Slice(given));
        rest = rest.Slice(given);
        Bytes.PutBe16(rest, IdentificationAt, (ushort)(Bytes.Be16(rest, IdentificationAt) + 1));
        Bytes.PutBe32(rest, tcpAt + SequenceAt, Bytes.Be32(rest, tcpAt + SequenceAt) + (uint)given);
    }

    /// <summary>Makes the headers those of this frame: lengths, flags and checksums.</summary>
    private readonly void Finish(Span<byte> frame, bool first)
    {
        int mine = flags;
        if (!first)
            mine &= ~CongestionWindowReduced; // RFC 3168 §6.1.2: said once
        if (More)
            mine &= ~(int)(TcpFlags.Fin | TcpFlags.Psh);
        frame[tcpAt + TcpFlagsAt] = (byte)mine;
        Bytes.PutBe16(frame, TotalLengthAt, (ushort)(frame.Length - IpAt));
        Bytes.PutBe16(frame, IpChecksumAt, 0);
        Put(frame, IpChecksumAt, Sum(frame.Slice(IpAt, tcpAt - IpAt)));
        Bytes.PutBe16(frame, tcpAt + TcpChecksumAt, 0);
        uint pseudo = Checksum.PseudoHeader(
            Bytes.Be32(frame, SourceAt), Bytes.Be32(frame, TargetAt), ProtocolTcp, frame.Length - tcpAt);
        Put(frame, tcpAt + TcpChecksumAt, Checksum.Fold((ulong)pseudo + Sum(frame.Slice(tcpAt))));
    }

    /// <summary>Finishes a checksum whose field holds the sum of its pseudo-header.</summary>
    private static void Complete(Span<byte> frame, int start, int at)
    {
        uint sum = Sum(frame.Slice(start));
        // 0 would say that there is none (RFC 768); the other zero of one's complement is as good everywhere.
        Put(frame, at, sum == 0xFFFF ? 0 : sum);
    }

    private static unsafe uint Sum(ReadOnlySpan<byte> bytes)
    {
        // SAFETY: the run is the span.
        fixed (byte* at = bytes)
            return Checksum.Sum(at, bytes.Length);
    }

    /// <summary>Stores the complement of a folded sum, which is in memory order.</summary>
    private static void Put(Span<byte> frame, int at, uint sum)
    {
        frame[at] = (byte)~sum;
        frame[at + 1] = (byte)(~sum >> 8);
    }
}
