using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>Network byte order at any address. The caller has checked that the bytes are there.</summary>
internal static unsafe class BigEndian
{
    // SAFETY: every caller has checked the length of what it reads or writes once, before the first access.
    internal static ushort Load16(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(at));

    internal static uint Load32(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(at));

    /// <summary>Six bytes, the first one highest.</summary>
    internal static ulong Load48(byte* at) => ((ulong)Load16(at) << 32) | Load32(at + 2);

    internal static ulong Load64(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ulong>(at));

    internal static void Store16(byte* at, int value) =>
        Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness((ushort)value));

    internal static void Store32(byte* at, uint value) =>
        Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(value));

    internal static void Store64(byte* at, ulong value) =>
        Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(value));

    internal static void Store48(byte* at, ulong value)
    {
        Store16(at, (int)(value >> 32) & 0xffff);
        Store32(at + 2, (uint)value);
    }
}
