using System;

namespace Netstack;

/// <summary>UDP (RFC 768): source port (0), destination port (2), length (4), checksum (6, 0 for none).</summary>
public unsafe struct Udp
{
    public const int HeaderLength = 8;

    public ushort SourcePort;
    public ushort DestinationPort;

    /// <summary>Header and data.</summary>
    public int Length;

    public bool HasChecksum;

    /// <param name="available">Bytes of the datagram in all; more than <see cref="Length"/> is padding.</param>
    public static bool TryParse(ReadOnlySpan<byte> bytes, int available, out Udp header)
    {
        header = default;
        if (bytes.Length < HeaderLength)
            return false;
        // SAFETY: the length was checked.
        fixed (byte* at = bytes)
        {
            header.SourcePort = BigEndian.Load16(at);
            header.DestinationPort = BigEndian.Load16(at + 2);
            header.Length = BigEndian.Load16(at + 4);
            header.HasChecksum = BigEndian.Load16(at + 6) != 0;
        }
        return header.Length >= HeaderLength && header.Length <= available;
    }

    /// <summary>Writes <see cref="HeaderLength"/> bytes with checksum 0.</summary>
    public readonly void Emit(byte* at)
    {
        BigEndian.Store16(at, SourcePort);
        BigEndian.Store16(at + 2, DestinationPort);
        BigEndian.Store16(at + 4, Length);
        BigEndian.Store16(at + 6, 0);
    }
}
