using System;

namespace Guestos;

/// <summary>Moves and fills over pointers; spans end at 2 GiB and these do not.</summary>
public static unsafe class Memory
{
    // SAFETY (all): the caller vouches for the ranges.

    public static void Copy(byte* to, byte* from, ulong count) => Buffer.MemoryCopy(from, to, count, count);

    public static void Clear(byte* at, ulong count)
    {
        while (count > 0)
        {
            int step = (int)Math.Min(count, 1UL << 30);
            new Span<byte>(at, step).Clear();
            at += step;
            count -= (ulong)step;
        }
    }

    /// <summary>Bytes before the terminating zero.</summary>
    public static int StringLength(byte* text)
    {
        int length = 0;
        while (text[length] != 0)
            length++;
        return length;
    }

    public static bool Equal(byte* left, byte* right, int count) =>
        new ReadOnlySpan<byte>(left, count).SequenceEqual(new ReadOnlySpan<byte>(right, count));
}
