using System;

namespace Domain;

/// <summary>MUL, IMUL, DIV, IDIV. The explicit operand is a register or a temporary (Src).</summary>
internal static unsafe class DivMul<TSize> where TSize : struct, ISize
{
    // The 8-bit forms work in AX, the others in (R|E)DX:(R|E)AX.
    private static void SetProduct(CpuState* s, ulong low, ulong high)
    {
        if (TSize.Bytes == 1)
        {
            *(ushort*)s = (ushort)(low & 0xff | high << 8);
            return;
        }
        TSize.SetRegister((byte*)s, low);
        TSize.SetRegister((byte*)&s->Gpr[2], high);
    }

    public static void Multiply(CpuState* s, Op* op)
    {
        ulong a = TSize.Load((byte*)s), b = TSize.Load((byte*)s + op->Src);
        ulong low, high;
        if (TSize.Bytes == 8)
            high = Math.BigMul(a, b, out low);
        else
        {
            low = a * b;
            high = low >> (TSize.Bytes * 8) & TSize.Mask;
        }
        SetProduct(s, low & TSize.Mask, high);
        Flags.SetResult(s, TSize.SignExtend(low), high != 0 ? Flags.CF | Flags.OF : 0);
        op[1].Handler(s, op + 1);
    }

    public static void MultiplySigned(CpuState* s, Op* op)
    {
        long a = (long)TSize.SignExtend(TSize.Load((byte*)s)),
            b = (long)TSize.SignExtend(TSize.Load((byte*)s + op->Src));
        long high = Math.BigMul(a, b, out long low);
        if (TSize.Bytes != 8)
            high = low >> (TSize.Bytes * 8);
        SetProduct(s, (ulong)low & TSize.Mask, (ulong)high & TSize.Mask);
        bool fits = TSize.Bytes == 8 ? high == low >> 63 : (long)TSize.SignExtend((ulong)low) == low;
        Flags.SetResult(s, TSize.SignExtend((ulong)low), fits ? 0 : Flags.CF | Flags.OF);
        op[1].Handler(s, op + 1);
    }

    public static void MultiplyTwo(CpuState* s, Op* op)
    {
        byte* to = (byte*)s + op->Dst;
        TSize.SetRegister(to, Truncated(s, TSize.Load(to), TSize.Load((byte*)s + op->Src)));
        op[1].Handler(s, op + 1);
    }

    public static void MultiplyThree(CpuState* s, Op* op)
    {
        TSize.SetRegister((byte*)s + op->Dst, Truncated(s, TSize.Load((byte*)s + op->Src), op->Imm));
        op[1].Handler(s, op + 1);
    }

    private static ulong Truncated(CpuState* s, ulong x, ulong y)
    {
        long a = (long)TSize.SignExtend(x), b = (long)TSize.SignExtend(y);
        long low = a * b;
        bool fits = TSize.Bytes == 8
            ? Math.BigMul(a, b, out long same) == same >> 63
            : (long)TSize.SignExtend((ulong)low) == low;
        Flags.SetResult(s, TSize.SignExtend((ulong)low), fits ? 0 : Flags.CF | Flags.OF);
        return (ulong)low;
    }

    public static void Divide(CpuState* s, Op* op)
    {
        ulong divisor = TSize.Load((byte*)s + op->Src);
        ulong low = TSize.Bytes == 1 ? *(byte*)s : TSize.Load((byte*)s);
        ulong high = TSize.Bytes == 1 ? *((byte*)s + 1) : TSize.Load((byte*)&s->Gpr[2]);
        if (high >= divisor)
        {
            // Also when the divisor is zero.
            Cpu.Raise(s, op, ExceptionVector.DE);
            return;
        }
        ulong quotient, remainder;
        if (TSize.Bytes == 8)
        {
            if (high == 0)
                (quotient, remainder) = Math.DivRem(low, divisor);
            else
                quotient = Divide128(high, low, divisor, out remainder);
        }
        else
            (quotient, remainder) = Math.DivRem(high << (TSize.Bytes * 8 & 63) | low, divisor);
        SetProduct(s, quotient, remainder);
        op[1].Handler(s, op + 1);
    }

    public static void DivideSigned(CpuState* s, Op* op)
    {
        long divisor = (long)TSize.SignExtend(TSize.Load((byte*)s + op->Src));
        ulong low = TSize.Bytes == 1 ? *(byte*)s : TSize.Load((byte*)s);
        ulong high = TSize.Bytes == 1 ? *((byte*)s + 1) : TSize.Load((byte*)&s->Gpr[2]);
        Int128 dividend = TSize.Bytes == 8
            ? new Int128(high, low)
            : (long)(high << (TSize.Bytes * 8 & 63) | low) << (64 - TSize.Bytes * 16 & 63) >> (64 - TSize.Bytes * 16
                & 63);
        if (divisor == 0)
        {
            Cpu.Raise(s, op, ExceptionVector.DE);
            return;
        }
        bool negative = Int128.IsNegative(dividend);
        UInt128 magnitude = (UInt128)(negative ? -dividend : dividend);
        ulong by = divisor < 0 ? (ulong)-divisor : (ulong)divisor;
        ulong quotient, remainder;
        ulong top = (ulong)(magnitude >> 64);
        if (top >= by)
        {
            Cpu.Raise(s, op, ExceptionVector.DE);
            return;
        }
        if (top == 0)
            (quotient, remainder) = Math.DivRem((ulong)magnitude, by);
        else
            quotient = Divide128(top, (ulong)magnitude, by, out remainder);
        bool negativeQuotient = negative != divisor < 0;
        ulong limit = (TSize.Mask >> 1) + (negativeQuotient ? 1UL : 0);
        if (quotient > limit)
        {
            Cpu.Raise(s, op, ExceptionVector.DE);
            return;
        }
        SetProduct(s, (negativeQuotient ? 0 - quotient : quotient) & TSize.Mask,
            (negative ? 0 - remainder : remainder) & TSize.Mask);
        op[1].Handler(s, op + 1);
    }

    private static ulong Divide128(ulong high, ulong low, ulong divisor, out ulong remainder)
    {
        var (quotient, rest) = UInt128.DivRem(new UInt128(high, low), divisor);
        remainder = (ulong)rest;
        return (ulong)quotient;
    }
}
