using System;
using System.Runtime.CompilerServices;

namespace Domain;

// Shifts and rotates as two-operand operations: the second operand is the count, of which the processor takes 5 bits
// (6 for 64-bit operands). A count of 0 leaves the flags. OF is defined for a count of 1 only; here every count
// computes it the same way.

internal unsafe struct ShiftLeft : IAlu
{
    public static bool Writes => true;

    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        int count = (int)b & (TSize.Bytes == 8 ? 63 : 31);
        if (count == 0)
            return a;
        int bits = TSize.Bytes * 8;
        ulong r = TSize.SignExtend(a << count);
        bool carry = count <= bits && (a >> (bits - count) & 1) != 0;
        Flags.SetResult(s, r, (carry ? Flags.CF : 0) | ((long)r < 0 != carry ? Flags.OF : 0));
        return r;
    }
}

internal unsafe struct ShiftRight : IAlu
{
    public static bool Writes => true;

    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        int count = (int)b & (TSize.Bytes == 8 ? 63 : 31);
        if (count == 0)
            return a;
        ulong r = a >> count;
        Flags.SetResult(s, TSize.SignExtend(r),
            ((a >> (count - 1) & 1) != 0 ? Flags.CF : 0) | ((long)TSize.SignExtend(a) < 0 ? Flags.OF : 0));
        return r;
    }
}

internal unsafe struct ShiftArithmetic : IAlu
{
    public static bool Writes => true;

    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        int count = (int)b & (TSize.Bytes == 8 ? 63 : 31);
        if (count == 0)
            return a;
        long value = (long)TSize.SignExtend(a);
        long r = value >> count;
        Flags.SetResult(s, (ulong)r, (value >> (count - 1) & 1) != 0 ? Flags.CF : 0);
        return (ulong)r;
    }
}

internal unsafe struct PlainShiftLeft : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize =>
        a << ((int)b & (TSize.Bytes == 8 ? 63 : 31));
}

internal unsafe struct PlainShiftRight : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize =>
        a >> ((int)b & (TSize.Bytes == 8 ? 63 : 31));
}

internal unsafe struct PlainShiftArithmetic : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize =>
        (ulong)((long)TSize.SignExtend(a) >> ((int)b & (TSize.Bytes == 8 ? 63 : 31)));
}

internal unsafe struct RotateLeft : IAlu
{
    public static bool Writes => true;

    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        int bits = TSize.Bytes * 8;
        int count = (int)b & (TSize.Bytes == 8 ? 63 : 31);
        if (count == 0)
            return a;
        int turn = count & (bits - 1);
        ulong r = turn == 0 ? a : (a << turn | a >> (bits - turn)) & TSize.Mask;
        bool carry = (r & 1) != 0;
        Flags.Change(s, Flags.CF | Flags.OF,
            (carry ? Flags.CF : 0) | ((r >> (bits - 1) & 1) != 0 != carry ? Flags.OF : 0));
        return r;
    }
}

internal unsafe struct RotateRight : IAlu
{
    public static bool Writes => true;

    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        int bits = TSize.Bytes * 8;
        int count = (int)b & (TSize.Bytes == 8 ? 63 : 31);
        if (count == 0)
            return a;
        int turn = count & (bits - 1);
        ulong r = turn == 0 ? a : (a >> turn | a << (bits - turn)) & TSize.Mask;
        ulong top = r >> (bits - 1) & 1, next = r >> (bits - 2) & 1;
        Flags.Change(s, Flags.CF | Flags.OF, (top != 0 ? Flags.CF : 0) | (top != next ? Flags.OF : 0));
        return r;
    }
}

internal unsafe struct RotateCarryLeft : IAlu
{
    public static bool Writes => true;

    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        int bits = TSize.Bytes * 8;
        int count = ((int)b & (TSize.Bytes == 8 ? 63 : 31)) % (bits + 1);
        if (count == 0)
            return a;
        ulong carry = Flags.Carry(s) ? 1UL : 0;
        ulong r = (count == 64 ? 0 : a << count) | carry << (count - 1);
        if (count > 1)
            r |= a >> (bits + 1 - count);
        r &= TSize.Mask;
        bool out1 = (a >> (bits - count) & 1) != 0;
        Flags.Change(s, Flags.CF | Flags.OF,
            (out1 ? Flags.CF : 0) | ((r >> (bits - 1) & 1) != 0 != out1 ? Flags.OF : 0));
        return r;
    }
}

internal unsafe struct RotateCarryRight : IAlu
{
    public static bool Writes => true;

    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        int bits = TSize.Bytes * 8;
        int count = ((int)b & (TSize.Bytes == 8 ? 63 : 31)) % (bits + 1);
        if (count == 0)
            return a;
        ulong carry = Flags.Carry(s) ? 1UL : 0;
        ulong r = (count == 64 ? 0 : a >> count) | carry << (bits - count);
        if (count > 1)
            r |= a << (bits + 1 - count);
        r &= TSize.Mask;
        bool out1 = (a >> (count - 1) & 1) != 0;
        ulong top = r >> (bits - 1) & 1, next = r >> (bits - 2) & 1;
        Flags.Change(s, Flags.CF | Flags.OF, (out1 ? Flags.CF : 0) | (top != next ? Flags.OF : 0));
        return r;
    }
}

/// <summary>SHLD and SHRD: destination (register or temporary), source register, count in Imm or CL.</summary>
internal static unsafe class DoubleShift<TSize> where TSize : struct, ISize
{
    public static void Left(CpuState* s, Op* op) { Shift(s, op, (int)op->Imm, true); op[1].Handler(s, op + 1); }

    public static void LeftByCl(CpuState* s, Op* op) { Shift(s, op, (int)s->Gpr[1], true); op[1].Handler(s, op + 1); }

    public static void Right(CpuState* s, Op* op) { Shift(s, op, (int)op->Imm, false); op[1].Handler(s, op + 1); }

    public static void RightByCl(CpuState* s, Op* op) { Shift(s, op, (int)s->Gpr[1], false); op[1].Handler(s, op + 1); }

    private static void Shift(CpuState* s, Op* op, int count, bool left)
    {
        int bits = TSize.Bytes * 8;
        byte* to = (byte*)s + op->Dst;
        ulong a = TSize.Load(to), b = TSize.Load((byte*)s + op->Src);
        count &= TSize.Bytes == 8 ? 63 : 31;
        if (count == 0)
        {
            TSize.SetRegister(to, a);
            return;
        }
        // Counts above 16 on 16-bit operands are undefined; processors rotate through the source and the destination
        // again.
        UInt128 joined;
        ulong r;
        bool carry;
        if (left)
        {
            joined = bits == 16 ? (UInt128)(a << 32 | b << 16 | a) : ((UInt128)a << bits) | b;
            int width = bits == 16 ? 48 : 2 * bits;
            r = (ulong)(joined >> (width - bits - count)) & TSize.Mask;
            carry = ((ulong)(joined >> (width - count)) & 1) != 0;
        }
        else
        {
            joined = bits == 16 ? (UInt128)(a << 32 | b << 16 | a) : ((UInt128)b << bits) | a;
            r = (ulong)(joined >> count) & TSize.Mask;
            carry = ((ulong)(joined >> (count - 1)) & 1) != 0;
        }
        bool signChanged = ((r ^ a) >> (bits - 1) & 1) != 0;
        Flags.SetResult(s, TSize.SignExtend(r), (carry ? Flags.CF : 0) | (signChanged ? Flags.OF : 0));
        TSize.SetRegister(to, r);
    }
}
