using System;

namespace Netstack;

/// <summary>ICMP (RFC 792): type (0), code (1), checksum (2), then 4 bytes by type, then data.</summary>
public unsafe struct Icmp
{
    public const int HeaderLength = 8;
    public const byte EchoReply = 0;
    public const byte DestinationUnreachable = 3;
    public const byte EchoRequest = 8;
    public const byte CodeProtocol = 2;
    public const byte CodePort = 3;
    public const byte CodeFragmentationNeeded = 4;

    public byte Type;
    public byte Code;

    /// <summary>
    /// Echo: identifier and sequence number. Fragmentation needed: unused and next-hop MTU (RFC 1191 §4).
    /// </summary>
    public ushort Identifier;
    public ushort Sequence;

    /// <summary>
    /// The checksum, over all of the message, is the caller's to verify: it may be in several pieces.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Icmp header)
    {
        header = default;
        if (bytes.Length < HeaderLength)
            return false;
        // SAFETY: the length was checked.
        fixed (byte* at = bytes)
        {
            header.Type = at[0];
            header.Code = at[1];
            header.Identifier = BigEndian.Load16(at + 4);
            header.Sequence = BigEndian.Load16(at + 6);
        }
        return true;
    }

    /// <summary>Writes <see cref="HeaderLength"/> bytes with checksum 0.</summary>
    public readonly void Emit(byte* at)
    {
        at[0] = Type;
        at[1] = Code;
        BigEndian.Store16(at + 2, 0);
        BigEndian.Store16(at + 4, Identifier);
        BigEndian.Store16(at + 6, Sequence);
    }
}
