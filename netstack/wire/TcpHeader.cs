using System;
using System.Runtime.CompilerServices;

namespace Netstack;

[Flags]
public enum TcpFlags : byte
{
    None = 0,
    Fin = 1,
    Syn = 2,
    Rst = 4,
    Psh = 8,
    Ack = 16,
    Urg = 32,
}

/// <summary>
/// TCP header (RFC 9293 §3.1): ports (0, 2), sequence (4), acknowledgement (8), offset and flags (12), window (14),
/// checksum (16), urgent pointer (18), options (20). Options: MSS, window scale and timestamps (RFC 7323), SACK (RFC
/// 2018). The urgent pointer is ignored: urgent data stays in line (RFC 6093).
/// </summary>
public unsafe struct TcpHeader
{
    public const int MinLength = 20;
    public const int MaxLength = 60;
    public const int ChecksumOffset = 16;
    private const byte OptionEnd = 0;
    private const byte OptionNothing = 1;
    private const byte OptionMss = 2;
    private const byte OptionWindow = 3;
    private const byte OptionSackPermitted = 4;
    private const byte OptionSack = 5;
    private const byte OptionTimestamps = 8;

    /// <summary>NOP, NOP, timestamps, 10: the form that everybody sends, as one little-endian word.</summary>
    private const uint UsualTimestamps = 0x0a080101;

    public ushort SourcePort;
    public ushort DestinationPort;
    public uint Sequence;
    public uint Acknowledgement;
    public TcpFlags Flags;

    /// <summary>As on the wire, not scaled.</summary>
    public ushort Window;

    /// <summary>20 to 60.</summary>
    public int Length;

    /// <summary>0 when the option is absent.</summary>
    public ushort MaximumSegmentSize;

    /// <summary>0 to 14, when <see cref="HasWindowShift"/>.</summary>
    public byte WindowShift;

    public bool HasWindowShift;
    public bool SackPermitted;
    public bool HasTimestamps;
    public uint TimestampValue;
    public uint TimestampEcho;

    /// <summary>Number of SACK blocks, 0 to 4.</summary>
    public int SackCount;

    /// <summary>Left and right edges of the SACK blocks.</summary>
    public fixed uint SackEdges[8];

    /// <summary>How many sequence numbers SYN and FIN take (RFC 9293 §3.4).</summary>
    public readonly uint ControlLength
    {
        get
        {
            uint length = (Flags & TcpFlags.Fin) != 0 ? 1u : 0;
            return (Flags & TcpFlags.Syn) != 0 ? length + 1 : length;
        }
    }

    /// <summary>
    /// False when the header is cut short or its offset is wrong. An option that is wrong ends the options (RFC 9293
    /// §3.1: MUST-7).
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out TcpHeader header)
    {
        Unsafe.SkipInit(out header);
        if (bytes.Length < MinLength)
            return false;
        // SAFETY: MinLength bytes are there; Length is compared with the span before the options are read.
        fixed (byte* at = bytes)
        {
            header.SourcePort = BigEndian.Load16(at);
            header.DestinationPort = BigEndian.Load16(at + 2);
            header.Sequence = BigEndian.Load32(at + 4);
            header.Acknowledgement = BigEndian.Load32(at + 8);
            header.Length = (at[12] >> 4) * 4;
            header.Flags = (TcpFlags)(at[13] & 0x3f);
            header.Window = BigEndian.Load16(at + 14);
            header.MaximumSegmentSize = 0;
            header.HasWindowShift = false;
            header.SackPermitted = false;
            header.HasTimestamps = false;
            header.WindowShift = 0;
            header.SackCount = 0;
            header.TimestampValue = 0;
            header.TimestampEcho = 0;
            if (header.Length < MinLength || header.Length > bytes.Length)
                return false;
            if (header.Length == MinLength + 12
                && Unsafe.ReadUnaligned<uint>(at + MinLength) == UsualTimestamps)
            {
                header.HasTimestamps = true;
                header.TimestampValue = BigEndian.Load32(at + 24);
                header.TimestampEcho = BigEndian.Load32(at + 28);
            }
            else if (header.Length > MinLength)
            {
                ParseOptions(at + MinLength, at + header.Length, ref header);
            }
        }
        return true;
    }

    private static void ParseOptions(byte* at, byte* end, ref TcpHeader header)
    {
        // SAFETY: a kind is read at at < end, a length only when at + 1 < end, a body only when at + length <= end.
        while (at < end)
        {
            byte kind = *at;
            if (kind == OptionEnd)
                return;
            if (kind == OptionNothing)
            {
                at++;
                continue;
            }
            if (at + 1 >= end)
                return;
            int length = at[1];
            if (length < 2 || length > end - at)
                return;
            switch (kind)
            {
                case OptionMss when length == 4:
                    header.MaximumSegmentSize = BigEndian.Load16(at + 2);
                    break;
                case OptionWindow when length == 3:
                    header.HasWindowShift = true;
                    // RFC 7323 §2.3: more than 14 is taken as 14.
                    header.WindowShift = at[2] > 14 ? (byte)14 : at[2];
                    break;
                case OptionSackPermitted when length == 2:
                    header.SackPermitted = true;
                    break;
                case OptionTimestamps when length == 10:
                    header.HasTimestamps = true;
                    header.TimestampValue = BigEndian.Load32(at + 2);
                    header.TimestampEcho = BigEndian.Load32(at + 6);
                    break;
                case OptionSack when length >= 10 && length <= 34 && (length & 7) == 2:
                    header.SackCount = (length - 2) / 8;
                    for (int i = 0; i < header.SackCount * 2; i++)
                        header.SackEdges[i] = BigEndian.Load32(at + 2 + i * 4);
                    break;
            }
            at += length;
        }
    }

    /// <summary>
    /// Writes the header with its options and checksum 0, at most <see cref="MaxLength"/> bytes, and sets
    /// <see cref="Length"/>. SACK blocks that do not fit beside the other options are left out.
    /// </summary>
    public void Emit(byte* at)
    {
        byte* option = at + MinLength;
        if (MaximumSegmentSize != 0)
        {
            BigEndian.Store32(option, (uint)(OptionMss << 24 | 4 << 16 | MaximumSegmentSize));
            option += 4;
        }
        if (HasWindowShift)
        {
            BigEndian.Store32(option, (uint)(OptionNothing << 24 | OptionWindow << 16 | 3 << 8 | WindowShift));
            option += 4;
        }
        if (SackPermitted)
        {
            BigEndian.Store32(option, OptionNothing << 24 | OptionNothing << 16 | OptionSackPermitted << 8 | 2);
            option += 4;
        }
        if (HasTimestamps)
        {
            Unsafe.WriteUnaligned(option, UsualTimestamps);
            BigEndian.Store32(option + 4, TimestampValue);
            BigEndian.Store32(option + 8, TimestampEcho);
            option += 12;
        }
        int room = (int)(at + MaxLength - option - 4) / 8;
        int blocks = SackCount < room ? SackCount : room;
        if (blocks > 0)
        {
            BigEndian.Store32(option,
                (uint)(OptionNothing << 24 | OptionNothing << 16 | OptionSack << 8 | (2 + blocks * 8)));
            option += 4;
            for (int i = 0; i < blocks * 2; i++, option += 4)
                BigEndian.Store32(option, SackEdges[i]);
        }
        Length = (int)(option - at);
        BigEndian.Store16(at, SourcePort);
        BigEndian.Store16(at + 2, DestinationPort);
        BigEndian.Store32(at + 4, Sequence);
        BigEndian.Store32(at + 8, Acknowledgement);
        at[12] = (byte)(Length << 2);
        at[13] = (byte)Flags;
        BigEndian.Store16(at + 14, Window);
        BigEndian.Store32(at + 16, 0);
    }
}
