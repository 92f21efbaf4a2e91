using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>
/// The Internet checksum (RFC 1071). Sums are kept as 16-bit words in memory order, which makes them independent of the
/// machine's byte order: a finished checksum is stored as it is, without a swap.
/// </summary>
public static unsafe class Checksum
{
    /// <summary>
    /// One's complement sum, folded to 16 bits, of a run that starts at an even offset of its packet.
    /// </summary>
    public static uint Sum(byte* bytes, int length)
    {
        // SAFETY: reads stay inside [bytes, bytes + length).
        // 64 bits hold the carries of 2^32 additions of 32-bit words, so nothing is folded inside the loops.
        ulong sum = 0;
        while (length >= 32)
        {
            sum += (ulong)Unsafe.ReadUnaligned<uint>(bytes) + Unsafe.ReadUnaligned<uint>(bytes + 4);
            sum += (ulong)Unsafe.ReadUnaligned<uint>(bytes + 8) + Unsafe.ReadUnaligned<uint>(bytes + 12);
            sum += (ulong)Unsafe.ReadUnaligned<uint>(bytes + 16) + Unsafe.ReadUnaligned<uint>(bytes + 20);
            sum += (ulong)Unsafe.ReadUnaligned<uint>(bytes + 24) + Unsafe.ReadUnaligned<uint>(bytes + 28);
            bytes += 32;
            length -= 32;
        }
        for (; length >= 4; bytes += 4, length -= 4)
            sum += Unsafe.ReadUnaligned<uint>(bytes);
        if (length >= 2)
        {
            sum += Unsafe.ReadUnaligned<ushort>(bytes);
            bytes += 2;
            length -= 2;
        }
        if (length != 0)
            sum += *bytes;
        return Fold(sum);
    }

    /// <summary>Folds any sum to 16 bits.</summary>
    public static uint Fold(ulong sum)
    {
        sum = (sum & 0xffffffff) + (sum >> 32);
        sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        return (uint)((sum & 0xffff) + (sum >> 16));
    }

    /// <summary>
    /// A folded sum of a run that starts at an odd offset of its packet: its bytes count in the other halves.
    /// </summary>
    public static uint AtOddOffset(uint folded) => BinaryPrimitives.ReverseEndianness((ushort)folded);

    /// <summary>Sum of the pseudo-header of TCP or UDP (RFC 9293 §3.1), and of ICMPv6 too (RFC 8200 §8.1).</summary>
    public static uint PseudoHeader(Address source, Address destination, byte protocol, int length)
    {
        ulong sum = (ulong)BinaryPrimitives.ReverseEndianness((uint)length) + ((uint)protocol << 8);
        if (source.IsIpv4)
            return Fold(sum + BinaryPrimitives.ReverseEndianness(source.Ipv4)
                + BinaryPrimitives.ReverseEndianness(destination.Ipv4));
        return Fold(sum + Words(source.High) + Words(source.Low) + Words(destination.High) + Words(destination.Low));
    }

    /// <summary>Eight bytes, the first of them highest, as two words in memory order, added up.</summary>
    private static ulong Words(ulong bytes)
    {
        ulong inMemory = BinaryPrimitives.ReverseEndianness(bytes);
        return (uint)inMemory + (inMemory >> 32);
    }

    /// <summary>Sum of pieces that together start at an even offset of their packet.</summary>
    public static uint Sum(FramePiece* pieces, int count)
    {
        ulong sum = 0;
        bool odd = false;
        for (int i = 0; i < count; i++)
        {
            uint part = Sum(pieces[i].Address, pieces[i].Length);
            sum += odd ? AtOddOffset(part) : part;
            odd ^= (pieces[i].Length & 1) != 0;
        }
        return Fold(sum);
    }
}
