using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// Integers in spans: <c>Le</c> little-endian (our own formats), <c>Be</c> big-endian (the network's, RFC 1700).
/// An offset outside the span fails the bounds check; callers check lengths once, where they parse. And the one
/// comparison of spans. Each is one load or store: the machines that all of this is for are little-endian and read at
/// any address.
/// </summary>
public static class Bytes
{
    public static ushort Le16(ReadOnlySpan<byte> from, int at) =>
        MemoryMarshal.Cast<byte, ushort>(from.Slice(at, 2))[0];

    public static uint Le32(ReadOnlySpan<byte> from, int at) => MemoryMarshal.Cast<byte, uint>(from.Slice(at, 4))[0];

    public static ulong Le64(ReadOnlySpan<byte> from, int at) => MemoryMarshal.Cast<byte, ulong>(from.Slice(at, 8))[0];

    public static ushort Be16(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReverseEndianness(Le16(from, at));

    public static uint Be32(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReverseEndianness(Le32(from, at));

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

    public static void PutLe16(Span<byte> to, int at, ushort value) =>
        MemoryMarshal.Cast<byte, ushort>(to.Slice(at, 2))[0] = value;

    public static void PutLe32(Span<byte> to, int at, uint value) =>
        MemoryMarshal.Cast<byte, uint>(to.Slice(at, 4))[0] = value;

    public static void PutLe64(Span<byte> to, int at, ulong value) =>
        MemoryMarshal.Cast<byte, ulong>(to.Slice(at, 8))[0] = value;

    public static void PutBe16(Span<byte> to, int at, ushort value) =>
        PutLe16(to, at, BinaryPrimitives.ReverseEndianness(value));

    public static void PutBe32(Span<byte> to, int at, uint value) =>
        PutLe32(to, at, BinaryPrimitives.ReverseEndianness(value));
}
