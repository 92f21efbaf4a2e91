using System;

namespace Wire;

/// <summary>
/// Integers in spans: <c>Le</c> little-endian (our own formats), <c>Be</c> big-endian (the network's, RFC 1700).
/// An offset outside the span fails the bounds check; callers check lengths once, where they parse. And the one comparison of spans.
/// </summary>
public static class Bytes
{
    public static ushort Le16(ReadOnlySpan<byte> from, int at) => (ushort)(from[at] | (from[at + 1] << 8));

    public static uint Le32(ReadOnlySpan<byte> from, int at) => Le16(from, at) | ((uint)Le16(from, at + 2) << 16);

    public static ulong Le64(ReadOnlySpan<byte> from, int at) => Le32(from, at) | ((ulong)Le32(from, at + 4) << 32);

    public static ushort Be16(ReadOnlySpan<byte> from, int at) => (ushort)((from[at] << 8) | from[at + 1]);

    public static uint Be32(ReadOnlySpan<byte> from, int at) => ((uint)Be16(from, at) << 16) | Be16(from, at + 2);

    /// <summary>Equality that looks at every byte; only the lengths may show in its time.</summary>
    public static bool FixedTimeEquals(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        if (left.Length != right.Length)
            return false;
        int difference = 0;
        for (int i = 0; i < left.Length; i++)
            difference |= left[i] ^ right[i];
        return difference == 0;
    }

    public static void PutLe16(Span<byte> to, int at, ushort value)
    {
        to[at] = (byte)value;
        to[at + 1] = (byte)(value >> 8);
    }

    public static void PutLe32(Span<byte> to, int at, uint value)
    {
        PutLe16(to, at, (ushort)value);
        PutLe16(to, at + 2, (ushort)(value >> 16));
    }

    public static void PutLe64(Span<byte> to, int at, ulong value)
    {
        PutLe32(to, at, (uint)value);
        PutLe32(to, at + 4, (uint)(value >> 32));
    }

    public static void PutBe16(Span<byte> to, int at, ushort value)
    {
        to[at] = (byte)(value >> 8);
        to[at + 1] = (byte)value;
    }

    public static void PutBe32(Span<byte> to, int at, uint value)
    {
        PutBe16(to, at, (ushort)(value >> 16));
        PutBe16(to, at + 2, (ushort)value);
    }
}
