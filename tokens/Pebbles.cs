using System;
using Wire;

namespace Tokens;

/// <summary>
/// The secret side of a hash chain (thesis §8.2), for who sells from many: of s_0 … s_n every ⌈√n⌉th element is kept, so
/// that any element is at most ⌈√n⌉ hashes away, whatever was sold before. The bytes are length n, distance, and the
/// elements s_0, s_distance … in this order.
/// </summary>
public readonly struct Pebbles
{
    private const int HeadSize = 8;

    public byte[] Bytes { get; }

    public Pebbles(byte[] bytes) => Bytes = bytes;

    public int Length => BitConverter.ToInt32(Bytes, 0);

    private int Distance => BitConverter.ToInt32(Bytes, 4);

    /// <summary>A new chain, and its end s_n: n hashes.</summary>
    public static Pebbles Create(int length, out byte[] end)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Chain.MaxLength);
        int distance = (int)Math.Ceiling(Math.Sqrt(length));
        byte[] bytes = new byte[HeadSize + (length / distance + 1) * HashChain.ElementSize];
        BitConverter.TryWriteBytes(bytes, length);
        BitConverter.TryWriteBytes(bytes.AsSpan(4), distance);
        end = Secret.Random(HashChain.ElementSize);
        for (int index = 0; ; index += distance)
        {
            end.CopyTo(bytes, HeadSize + index / distance * HashChain.ElementSize);
            int steps = Math.Min(distance, length - index);
            HashChain.Advance(end, (uint)steps);
            if (index + steps < length)
                continue;
            if (steps == distance)
                end.CopyTo(bytes, HeadSize + length / distance * HashChain.ElementSize);
            return new Pebbles(bytes);
        }
    }

    /// <summary>s_index, for 0 ≤ index ≤ n.</summary>
    public byte[] Element(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, Length);
        byte[] element = Bytes.AsSpan(HeadSize + index / Distance * HashChain.ElementSize, HashChain.ElementSize)
            .ToArray();
        HashChain.Advance(element, (uint)(index % Distance));
        return element;
    }

    /// <summary>
    /// The element with which <paramref name="sold"/> of them, counted from s_n, are paid: s_{n-sold+1}.
    /// </summary>
    public byte[] Paying(long sold) => Element(checked((int)(Length - sold + 1)));
}
