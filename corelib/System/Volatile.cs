using System.Runtime.CompilerServices;

namespace System.Threading;

/// <summary>
/// Loads and stores that the compiler neither drops, repeats, widens nor moves across each other: x86-64 itself keeps
/// loads acquiring and stores releasing. One overload for each type, as in the framework: the compiler takes a generic
/// one for 64 bits.
/// </summary>
public static class Volatile
{
    private struct VolatileByte
    {
        public volatile byte Value;
    }

    [Intrinsic]
    public static byte Read(ref readonly byte location) =>
        Unsafe.As<byte, VolatileByte>(ref Unsafe.AsRef(in location)).Value;
    [Intrinsic]
    public static void Write(ref byte location, byte value) =>
        Unsafe.As<byte, VolatileByte>(ref location).Value = value;

    private struct VolatileUshort

    {

        public volatile ushort Value;

    }

    [Intrinsic]
    public static ushort Read(ref readonly ushort location) =>
        Unsafe.As<ushort, VolatileUshort>(ref Unsafe.AsRef(in location)).Value;
    [Intrinsic]
    public static void Write(ref ushort location, ushort value) =>
        Unsafe.As<ushort, VolatileUshort>(ref location).Value = value;

    private struct VolatileInt

    {

        public volatile int Value;

    }

    [Intrinsic]
    public static int Read(ref readonly int location) =>
        Unsafe.As<int, VolatileInt>(ref Unsafe.AsRef(in location)).Value;
    [Intrinsic]
    public static void Write(ref int location, int value) => Unsafe.As<int, VolatileInt>(ref location).Value = value;

    private struct VolatileUint

    {

        public volatile uint Value;

    }

    [Intrinsic]
    public static uint Read(ref readonly uint location) =>
        Unsafe.As<uint, VolatileUint>(ref Unsafe.AsRef(in location)).Value;
    [Intrinsic]
    public static void Write(ref uint location, uint value) =>
        Unsafe.As<uint, VolatileUint>(ref location).Value = value;

    private struct VolatileLong

    {

        public long Value;

    }

    [Intrinsic]
    public static long Read(ref readonly long location) =>
        Unsafe.As<long, VolatileLong>(ref Unsafe.AsRef(in location)).Value;
    [Intrinsic]
    public static void Write(ref long location, long value) =>
        Unsafe.As<long, VolatileLong>(ref location).Value = value;

    private struct VolatileUlong

    {

        public ulong Value;

    }

    [Intrinsic]
    public static ulong Read(ref readonly ulong location) =>
        Unsafe.As<ulong, VolatileUlong>(ref Unsafe.AsRef(in location)).Value;
    [Intrinsic]
    public static void Write(ref ulong location, ulong value) =>
        Unsafe.As<ulong, VolatileUlong>(ref location).Value = value;
}
