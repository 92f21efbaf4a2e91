using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>A condition code as a type argument.</summary>
internal unsafe interface ICondition
{
    /// <summary>From the flags.</summary>
    static abstract bool Test(CpuState* s);

    /// <summary>After comparing zero-extended <paramref name="a"/> with <paramref name="b"/>.</summary>
    static abstract bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize;

    /// <summary>After a logical operation with this sign-extended result.</summary>
    static abstract bool Logic(ulong result);
}

internal unsafe struct Not<T> : ICondition where T : struct, ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* s) => !T.Test(s);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize => !T.Compare<TSize>(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Logic(ulong result) => !T.Logic(result);
}

internal unsafe struct Below : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* s) => Flags.Carry(s);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize => a < b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Logic(ulong result) => false;
}

internal unsafe struct Equal : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* s) => Flags.Zero(s);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize => a == b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Logic(ulong result) => result == 0;
}

internal unsafe struct BelowOrEqual : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* s) => Flags.Carry(s) || Flags.Zero(s);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize => a <= b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Logic(ulong result) => result == 0;
}

internal unsafe struct Sign : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* s) => Flags.Sign(s);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize =>
        (long)TSize.SignExtend(a - b) < 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Logic(ulong result) => (long)result < 0;
}

internal unsafe struct Less : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* s) => Flags.Sign(s) != Flags.Overflow(s);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize =>
        (long)TSize.SignExtend(a) < (long)TSize.SignExtend(b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Logic(ulong result) => (long)result < 0;
}

internal unsafe struct LessOrEqual : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* s) => Flags.Zero(s) || Flags.Sign(s) != Flags.Overflow(s);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize =>
        (long)TSize.SignExtend(a) <= (long)TSize.SignExtend(b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Logic(ulong result) => (long)result <= 0;
}

internal unsafe struct Overflow : ICondition
{
    public static bool Test(CpuState* s) => Flags.Overflow(s);

    public static bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize =>
        (long)TSize.SignExtend((a ^ b) & (a ^ (a - b))) < 0;

    public static bool Logic(ulong result) => false;
}

internal unsafe struct Parity : ICondition
{
    public static bool Test(CpuState* s) => Flags.Parity(s);

    public static bool Compare<TSize>(ulong a, ulong b) where TSize : struct, ISize => Logic(a - b);

    public static bool Logic(ulong result) => (System.Numerics.BitOperations.PopCount((byte)result) & 1) == 0;
}
