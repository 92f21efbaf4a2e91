namespace Domain;

/// <summary>Instructions that 64-bit code does not have: decimal adjustments, BOUND, ARPL, SALC (SDM vol. 2).</summary>
internal static unsafe class Legacy
{
    /// <summary>AAA, and AAS when Imm is 1.</summary>
    public static void AdjustAscii(CpuState* s, Op* op)
    {
        uint flags = Flags.Get(s);
        ushort* ax = (ushort*)s;
        bool adjusts = (*ax & 15) > 9 || (flags & Flags.AF) != 0;
        if (adjusts)
            *ax = (ushort)(op->Imm == 0 ? *ax + 0x106 : *ax - 0x106);
        *(byte*)s &= 15;
        SetByLow(s, adjusts ? Flags.AF | Flags.CF : 0);
        op[1].Handler(s, op + 1);
    }

    /// <summary>AAM: Imm is the base, usually ten.</summary>
    public static void AdjustAsciiMultiply(CpuState* s, Op* op)
    {
        if (op->Imm == 0)
        {
            Cpu.Raise(s, op, ExceptionVector.DE);
            return;
        }
        uint low = *(byte*)s;
        *(ushort*)s = (ushort)(low / (uint)op->Imm << 8 | low % (uint)op->Imm);
        SetByLow(s, 0);
        op[1].Handler(s, op + 1);
    }

    /// <summary>AAD.</summary>
    public static void AdjustAsciiDivide(CpuState* s, Op* op)
    {
        *(ushort*)s = (byte)(*(byte*)s + *((byte*)s + 1) * (uint)op->Imm);
        SetByLow(s, 0);
        op[1].Handler(s, op + 1);
    }

    /// <summary>DAA, and DAS when Imm is 1.</summary>
    public static void AdjustDecimal(CpuState* s, Op* op)
    {
        uint flags = Flags.Get(s), result = 0;
        byte old = *(byte*)s;
        int value = old, sign = op->Imm == 0 ? 1 : -1;
        if ((old & 15) > 9 || (flags & Flags.AF) != 0)
        {
            value += 6 * sign;
            result |= Flags.AF;
            // A borrow of the low digit counts only when subtracting.
            if (sign < 0 && value < 0)
                result |= Flags.CF;
        }
        if (old > 0x99 || (flags & Flags.CF) != 0)
        {
            value += 0x60 * sign;
            result |= Flags.CF;
        }
        *(byte*)s = (byte)value;
        SetByLow(s, result);
        op[1].Handler(s, op + 1);
    }

    private static void SetByLow(CpuState* s, uint carryAuxiliary) =>
        Flags.Set(s, Flags.OfResult((ulong)*(sbyte*)s) | carryAuxiliary);

    /// <summary>SALC: AL becomes CF, spread over all bits.</summary>
    public static void SetLowOnCarry(CpuState* s, Op* op)
    {
        *(byte*)s = Flags.Carry(s) ? (byte)0xff : (byte)0;
        op[1].Handler(s, op + 1);
    }

    /// <summary>ARPL: raises the requested privilege of the selector at Dst to that of the one at Src.</summary>
    public static void AdjustPrivilege(CpuState* s, Op* op)
    {
        ushort* selector = (ushort*)((byte*)s + op->Dst);
        int wanted = *(ushort*)((byte*)s + op->Src) & 3;
        bool raises = (*selector & 3) < wanted;
        if (raises)
            *selector = (ushort)(*selector & ~3 | wanted);
        Flags.Change(s, Flags.ZF, raises ? Flags.ZF : 0);
        op[1].Handler(s, op + 1);
    }

    /// <summary>BOUND: register Dst against the two signed bounds at TempAddress.</summary>
    public static void Bound<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        byte* at = Mmu.Read(s, op, s->TempAddress, TSize.Bytes);
        if (at == null)
            return;
        long lower = (long)TSize.SignExtend(TSize.Load(at));
        at = Mmu.Read(s, op, Mmu.Linear(s, s->TempAddress + (ulong)TSize.Bytes), TSize.Bytes);
        if (at == null)
            return;
        long upper = (long)TSize.SignExtend(TSize.Load(at)),
            index = (long)TSize.SignExtend(TSize.Load((byte*)s + op->Dst));
        if (index < lower || index > upper)
        {
            Cpu.Raise(s, op, ExceptionVector.BR);
            return;
        }
        op[1].Handler(s, op + 1);
    }
}
