using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.Intrinsics.X86;

namespace Domain;

/// <summary>LZCNT, TZCNT, BMI1, BMI2 and MOVBE (SDM vol. 2). A second source is at Index.</summary>
internal static unsafe class BitManipulation<TSize> where TSize : struct, ISize
{
    private const int ControlMask = 0xff;

    private static int Bits => 8 * TSize.Bytes;

    private static ulong First(CpuState* s, Op* op) => TSize.Load((byte*)s + op->Src);

    private static ulong Second(CpuState* s, Op* op) => TSize.Load((byte*)s + op->Index);

    private static void Result(CpuState* s, Op* op, ulong value) => TSize.SetRegister((byte*)s + op->Dst, value);

    // SF and ZF follow the result; OF is clear; AF and PF are undefined.
    private static void ResultWithFlags(CpuState* s, Op* op, ulong value, bool carry)
    {
        Result(s, op, value);
        Flags.SetResult(s, TSize.SignExtend(value & TSize.Mask), carry ? Flags.CF : 0);
    }

    // Only CF and ZF are defined.
    private static void Count(CpuState* s, Op* op, int zeros, bool isZero)
    {
        Result(s, op, (ulong)zeros);
        Flags.Set(s, (isZero ? Flags.CF : 0) | (zeros == 0 ? Flags.ZF : 0));
    }

    public static void CountTrailing(CpuState* s, Op* op)
    {
        ulong value = First(s, op);
        Count(s, op, value == 0 ? Bits : BitOperations.TrailingZeroCount(value), value == 0);
        op[1].Handler(s, op + 1);
    }

    public static void CountLeading(CpuState* s, Op* op)
    {
        ulong value = First(s, op);
        Count(s, op, BitOperations.LeadingZeroCount(value) - (64 - Bits), value == 0);
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVBE: to Dst, a register or the temporary.</summary>
    public static void Swap(CpuState* s, Op* op)
    {
        Result(s, op, BinaryPrimitives.ReverseEndianness(First(s, op)) >> (64 - Bits));
        op[1].Handler(s, op + 1);
    }

    public static void AndNot(CpuState* s, Op* op)
    {
        ResultWithFlags(s, op, ~First(s, op) & Second(s, op), false);
        op[1].Handler(s, op + 1);
    }

    public static void Extract(CpuState* s, Op* op)
    {
        ulong control = Second(s, op);
        int start = (int)control & ControlMask, length = (int)(control >> 8) & ControlMask;
        ulong value = start < Bits ? First(s, op) >> start : 0;
        if (length < Bits)
            value &= (1UL << length) - 1;
        ResultWithFlags(s, op, value, false);
        op[1].Handler(s, op + 1);
    }

    public static void IsolateLowest(CpuState* s, Op* op)
    {
        ulong value = First(s, op);
        ResultWithFlags(s, op, value & (0 - value), value != 0);
        op[1].Handler(s, op + 1);
    }

    public static void MaskToLowest(CpuState* s, Op* op)
    {
        ulong value = First(s, op);
        ResultWithFlags(s, op, value ^ (value - 1), value == 0);
        op[1].Handler(s, op + 1);
    }

    public static void ResetLowest(CpuState* s, Op* op)
    {
        ulong value = First(s, op);
        ResultWithFlags(s, op, value & (value - 1), value == 0);
        op[1].Handler(s, op + 1);
    }

    public static void ZeroHigh(CpuState* s, Op* op)
    {
        int first = (int)Second(s, op) & ControlMask;
        ulong value = First(s, op);
        ResultWithFlags(s, op, first < Bits ? value & ((1UL << first) - 1) : value, first >= Bits);
        op[1].Handler(s, op + 1);
    }

    /// <summary>MULX: the low half to Index, then the high half to Dst; flags stay.</summary>
    public static void Multiply(CpuState* s, Op* op)
    {
        SetProduct(s, op, TSize.Load((byte*)&s->Gpr[2]), First(s, op));
        op[1].Handler(s, op + 1);
    }

    private static void SetProduct(CpuState* s, Op* op, ulong a, ulong b)
    {
        ulong high = Math.BigMul(a, b, out ulong low);
        TSize.SetRegister((byte*)s + op->Index, low);
        Result(s, op, TSize.Bytes == 8 ? high : low >> 32);
    }

    public static void Deposit(CpuState* s, Op* op)
    {
        Result(s, op, Bmi2.X64.ParallelBitDeposit(First(s, op), Second(s, op)));
        op[1].Handler(s, op + 1);
    }

    public static void Gather(CpuState* s, Op* op)
    {
        Result(s, op, Bmi2.X64.ParallelBitExtract(First(s, op), Second(s, op)));
        op[1].Handler(s, op + 1);
    }

    /// <summary>RORX by Imm; flags stay.</summary>
    public static void Rotate(CpuState* s, Op* op)
    {
        ulong value = First(s, op);
        int count = (int)op->Imm & (Bits - 1);
        Result(s, op, TSize.Bytes == 8 ? BitOperations.RotateRight(value, count)
            : BitOperations.RotateRight((uint)value, count));
        op[1].Handler(s, op + 1);
    }

    public static void ShiftLeft(CpuState* s, Op* op)
    {
        Result(s, op, First(s, op) << ((int)Second(s, op) & (Bits - 1)));
        op[1].Handler(s, op + 1);
    }

    public static void ShiftRight(CpuState* s, Op* op)
    {
        Result(s, op, First(s, op) >> ((int)Second(s, op) & (Bits - 1)));
        op[1].Handler(s, op + 1);
    }

    public static void ShiftArithmetic(CpuState* s, Op* op)
    {
        Result(s, op, (ulong)((long)TSize.SignExtend(First(s, op)) >> ((int)Second(s, op) & (Bits - 1))));
        op[1].Handler(s, op + 1);
    }
}

/// <summary>Instructions in VEX encoding exist in protected mode only (SDM vol. 2A, 2.3.1).</summary>
internal static unsafe class ProtectedMode
{
    public static void Require(CpuState* s, Op* op)
    {
        if ((s->Cr0 & Cr0.PE) == 0)
        {
            Cpu.Raise(s, op, ExceptionVector.UD);
            return;
        }
        op[1].Handler(s, op + 1);
    }
}
