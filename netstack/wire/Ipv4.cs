using System;
using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>Why a packet is not taken.</summary>
public enum Ipv4Error
{
    None,
    Malformed,
    BadChecksum,
    Fragment,
}

/// <summary>
/// IPv4 header (RFC 791 §3.1): version and length (0), total length (2), fragment word (6), TTL (8), protocol (9),
/// checksum (10), source (12), destination (16). Options are skipped; DF is set on whatever we do not send in
/// fragments.
/// </summary>
/// <remarks>
/// Contract of this folder: formats without state; any caller, in any context. A Parse method checks every length
/// before it reads and keeps no pointer to the bytes; once it has succeeded, the fields are values. An Emit method
/// writes as many bytes as its comment says, for which the caller has room. Bytes are in network order, fields in the
/// machine's.
/// </remarks>
public static unsafe class Ipv4
{
    /// <summary>Without options, as we send it.</summary>
    public const int HeaderLength = 20;

    public const byte ProtocolIcmp = 1;
    public const byte ProtocolTcp = 6;
    public const byte ProtocolUdp = 17;
    public const int MaxLength = 65535;
    private const byte TimeToLive = 64;

    /// <summary>In the word of identification, flags and offset.</summary>
    internal const uint DoNotFragmentBit = 0x4000;
    internal const uint MoreFragmentsBit = 0x2000;

    /// <summary>The header is filled in also where the answer is Fragment.</summary>
    /// <param name="bytes">From the header on; must hold the whole header, the data may be elsewhere.</param>
    /// <param name="available">Bytes of the packet in all, link padding included.</param>
    public static Ipv4Error Parse(ReadOnlySpan<byte> bytes, int available, out IpHeader header)
    {
        header = default;
        if (bytes.Length < HeaderLength)
            return Ipv4Error.Malformed;
        // SAFETY: at least HeaderLength bytes, and DataOffset is compared with the length before the checksum reads it.
        fixed (byte* at = bytes)
        {
            header.DataOffset = (at[0] & 0xf) * 4;
            header.TotalLength = BigEndian.Load16(at + 2);
            if (at[0] >> 4 != 4 || header.DataOffset < HeaderLength || header.DataOffset > bytes.Length
                || header.TotalLength < header.DataOffset || header.TotalLength > available)
                return Ipv4Error.Malformed;
            if (Checksum.Sum(at, header.DataOffset) != 0xffff)
                return Ipv4Error.BadChecksum;
            header.HopLimit = at[8];
            header.Protocol = at[9];
            header.Source = BigEndian.Load32(at + 12);
            header.Destination = BigEndian.Load32(at + 16);
            header.Identification = BigEndian.Load16(at + 4);
            uint word = BigEndian.Load16(at + 6);
            header.MoreFragments = (word & MoreFragmentsBit) != 0;
            header.FragmentOffset = (int)(word & 0x1fff) * 8;
        }
        return header.MoreFragments || header.FragmentOffset != 0 ? Ipv4Error.Fragment : Ipv4Error.None;
    }

    /// <summary>Writes <see cref="HeaderLength"/> bytes with a valid checksum.</summary>
    /// <param name="fragment">
    /// Identification, flags and offset; where DF is set the identification means nothing (RFC 6864).
    /// </param>
    public static void Emit(byte* at, uint source, uint destination, byte protocol, int totalLength,
        uint fragment = DoNotFragmentBit)
    {
        BigEndian.Store32(at, 0x45000000 | (uint)totalLength);
        BigEndian.Store32(at + 4, fragment);
        BigEndian.Store32(at + 8, (uint)(TimeToLive << 24 | protocol << 16));
        BigEndian.Store32(at + 12, source);
        BigEndian.Store32(at + 16, destination);
        Unsafe.WriteUnaligned(at + 10, (ushort)~Checksum.Sum(at, HeaderLength));
    }

    /// <summary>Addresses that may not be a source (RFC 1122 §3.2.1.3): broadcast, multicast, class E.</summary>
    public static bool IsBadSource(uint address) => address >= 0xe0000000;
}
