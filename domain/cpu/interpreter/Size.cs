using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>Operand size as a type argument, so that each handler is compiled once per size.</summary>
internal unsafe interface ISize
{
    static abstract int Bytes { get; }

    /// <summary>0 for 8 bits, 1, 2, 3 for 64: added to a flag kind.</summary>
    static abstract int Log { get; }
    static abstract ulong Mask { get; }

    /// <summary>Zero-extending load.</summary>
    static abstract ulong Load(byte* at);

    /// <summary>Register write: 32-bit writes clear the upper half.</summary>
    static abstract void SetRegister(byte* at, ulong value);
    static abstract void Store(byte* at, ulong value);
    static abstract ulong SignExtend(ulong value);
}

// SAFETY for all four: callers pass addresses inside CpuState or guest RAM, with Bytes valid bytes.
internal unsafe struct Size8 : ISize
{
    public static int Bytes => 1;
    public static int Log => 0;
    public static ulong Mask => 0xff;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(byte* at) => *at;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetRegister(byte* at, ulong value) => *at = (byte)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* at, ulong value) => *at = (byte)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SignExtend(ulong value) => (ulong)(sbyte)value;
}

internal unsafe struct Size16 : ISize
{
    public static int Bytes => 2;
    public static int Log => 1;
    public static ulong Mask => 0xffff;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(byte* at) => *(ushort*)at;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetRegister(byte* at, ulong value) => *(ushort*)at = (ushort)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* at, ulong value) => *(ushort*)at = (ushort)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SignExtend(ulong value) => (ulong)(short)value;
}

internal unsafe struct Size32 : ISize
{
    public static int Bytes => 4;
    public static int Log => 2;
    public static ulong Mask => 0xffff_ffff;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(byte* at) => *(uint*)at;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetRegister(byte* at, ulong value) => *(ulong*)at = (uint)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* at, ulong value) => *(uint*)at = (uint)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SignExtend(ulong value) => (ulong)(int)value;
}

internal unsafe struct Size64 : ISize
{
    public static int Bytes => 8;
    public static int Log => 3;
    public static ulong Mask => ulong.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(byte* at) => *(ulong*)at;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetRegister(byte* at, ulong value) => *(ulong*)at = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* at, ulong value) => *(ulong*)at = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SignExtend(ulong value) => value;
}
