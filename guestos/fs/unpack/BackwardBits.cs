using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>
/// Bits that are read from the end of their bytes to the beginning (RFC 8878 §4.1): the highest set bit of the last
/// byte says where they begin.
/// </summary>
public ref struct BackwardBits
{
    private readonly ReadOnlySpan<byte> bytes;

    /// <summary>Bits not yet read; below zero when more were read than there are (those are zeros).</summary>
    public long Left;

    /// <summary>False: there is no mark.</summary>
    public static bool TryStart(ReadOnlySpan<byte> bytes, out BackwardBits bits)
    {
        bits = default;
        if (bytes.Length == 0 || bytes[^1] == 0)
            return false;
        bits = new BackwardBits(bytes);
        return true;
    }

    private BackwardBits(ReadOnlySpan<byte> bytes)
    {
        this.bytes = bytes;
        Left = bytes.Length * 8L - (System.Numerics.BitOperations.LeadingZeroCount((uint)bytes[^1]) - 24) - 1;
    }

    /// <summary>The next bits, 0 to 32, without passing over them.</summary>
    public readonly uint Peek(int count)
    {
        long from = Left - count;
        int missing = 0;
        if (from < 0)
        {
            missing = (int)Math.Min(-from, count);
            from = 0;
        }

        int index = (int)(from >> 3);
        ulong word = 0;
        if (index + 8 <= bytes.Length)
            word = BinaryPrimitives.ReadUInt64LittleEndian(bytes.Slice(index));
        else
            for (int i = bytes.Length - 1; i >= index; i--)
                word = word << 8 | bytes[i];
        word >>= (int)(from & 7);
        return (uint)((word & (1UL << count - missing) - 1) << missing);
    }

    public uint Read(int count)
    {
        uint value = Peek(count);
        Left -= count;
        return value;
    }
}
