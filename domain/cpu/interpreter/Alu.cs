using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>A two-operand integer operation, as a type argument.</summary>
internal unsafe interface IAlu
{
    /// <summary>CMP and TEST only set flags.</summary>
    static abstract bool Writes { get; }

    /// <summary>Zero-extended operands to result; bits above the size are ignored by the caller.</summary>
    static abstract ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize;
}

internal unsafe struct AluAdd : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        ulong r = TSize.SignExtend(a + b);
        s->FlagKind = Flags.Add + TSize.Log;
        s->FlagSource = a;
        s->FlagResult = r;
        return r;
    }
}

internal unsafe struct AluSub : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        ulong r = TSize.SignExtend(a - b);
        s->FlagKind = Flags.Sub + TSize.Log;
        s->FlagSource = a;
        s->FlagResult = r;
        return r;
    }
}

internal unsafe struct AluCmp : IAlu
{
    public static bool Writes => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize =>
        AluSub.Apply<TSize>(s, a, b);
}

internal unsafe struct AluAdc : IAlu
{
    public static bool Writes => true;

    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        ulong carry = Flags.Carry(s) ? 1UL : 0;
        ulong r = (a + b + carry) & TSize.Mask;
        uint bits = r < a || (carry != 0 && r == a) ? Flags.CF : 0;
        bits |= (uint)(a ^ b ^ r) & Flags.AF;
        ulong signed = TSize.SignExtend(r);
        if ((long)TSize.SignExtend((a ^ r) & (b ^ r)) < 0)
            bits |= Flags.OF;
        Flags.SetResult(s, signed, bits);
        return r;
    }
}

internal unsafe struct AluSbb : IAlu
{
    public static bool Writes => true;

    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        ulong carry = Flags.Carry(s) ? 1UL : 0;
        ulong r = (a - b - carry) & TSize.Mask;
        uint bits = a < b || (carry != 0 && a == b) ? Flags.CF : 0;
        bits |= (uint)(a ^ b ^ r) & Flags.AF;
        if ((long)TSize.SignExtend((a ^ b) & (a ^ r)) < 0)
            bits |= Flags.OF;
        Flags.SetResult(s, TSize.SignExtend(r), bits);
        return r;
    }
}

internal unsafe struct AluAnd : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        ulong r = TSize.SignExtend(a & b);
        s->FlagKind = Flags.Logic;
        s->FlagResult = r;
        return r;
    }
}

internal unsafe struct AluTest : IAlu
{
    public static bool Writes => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize =>
        AluAnd.Apply<TSize>(s, a, b);
}

internal unsafe struct AluOr : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        ulong r = TSize.SignExtend(a | b);
        s->FlagKind = Flags.Logic;
        s->FlagResult = r;
        return r;
    }
}

internal unsafe struct AluXor : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        ulong r = TSize.SignExtend(a ^ b);
        s->FlagKind = Flags.Logic;
        s->FlagResult = r;
        return r;
    }
}

/// <summary>INC: the second operand is ignored, CF is kept.</summary>
internal unsafe struct AluInc : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        ulong r = TSize.SignExtend(a + 1);
        uint bits = Flags.Carry(s) ? Flags.CF : 0;
        bits |= (r & 15) == 0 ? Flags.AF : 0;
        bits |= (r & TSize.Mask) == (TSize.Mask >> 1) + 1 ? Flags.OF : 0;
        Flags.SetResult(s, r, bits);
        return r;
    }
}

/// <summary>DEC: the second operand is ignored, CF is kept.</summary>
internal unsafe struct AluDec : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize
    {
        ulong r = TSize.SignExtend(a - 1);
        uint bits = Flags.Carry(s) ? Flags.CF : 0;
        bits |= (r & 15) == 15 ? Flags.AF : 0;
        bits |= (r & TSize.Mask) == TSize.Mask >> 1 ? Flags.OF : 0;
        Flags.SetResult(s, r, bits);
        return r;
    }
}

internal unsafe struct AluNeg : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize =>
        AluSub.Apply<TSize>(s, 0, a);
}

internal unsafe struct AluNot : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize => ~a;
}

// The same operations where the block overwrites their flags before anyone reads them.

internal unsafe struct PlainAdd : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize => a + b;
}

internal unsafe struct PlainSub : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize => a - b;
}

internal unsafe struct PlainAnd : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize => a & b;
}

internal unsafe struct PlainOr : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize => a | b;
}

internal unsafe struct PlainXor : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize => a ^ b;
}

internal unsafe struct PlainInc : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize => a + 1;
}

internal unsafe struct PlainDec : IAlu
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<TSize>(CpuState* s, ulong a, ulong b) where TSize : struct, ISize => a - 1;
}

/// <summary>Register and immediate forms.</summary>
internal static unsafe class Alu<TOp, TSize> where TOp : struct, IAlu where TSize : struct, ISize
{
    public static void RegisterRegister(CpuState* s, Op* op)
    {
        byte* to = (byte*)s + op->Dst;
        ulong r = TOp.Apply<TSize>(s, TSize.Load(to), TSize.Load((byte*)s + op->Src));
        if (TOp.Writes)
            TSize.SetRegister(to, r);
        op[1].Handler(s, op + 1);
    }

    public static void RegisterImmediate(CpuState* s, Op* op)
    {
        byte* to = (byte*)s + op->Dst;
        ulong r = TOp.Apply<TSize>(s, TSize.Load(to), op->Imm);
        if (TOp.Writes)
            TSize.SetRegister(to, r);
        op[1].Handler(s, op + 1);
    }
}

/// <summary>Forms with a memory operand.</summary>
internal static unsafe class AluMemory<TOp, TSize, TAddress>
    where TOp : struct, IAlu where TSize : struct, ISize where TAddress : struct, IAddress
{
    public static void RegisterMemory(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, TSize.Bytes))
        {
            Mmu.ReadAgain(s, op, address, TSize.Bytes);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        byte* to = (byte*)s + op->Dst;
        ulong r = TOp.Apply<TSize>(s, TSize.Load(to), TSize.Load(at));
        if (TOp.Writes)
            TSize.SetRegister(to, r);
        op[1].Handler(s, op + 1);
    }

    public static void MemoryRegister(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = TOp.Writes ? Mmu.WriteEntry(s, address) : Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, TSize.Bytes))
        {
            if (TOp.Writes)
                Mmu.ModifyAgain(s, op, address, TSize.Bytes);
            else
                Mmu.ReadAgain(s, op, address, TSize.Bytes);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        ulong r = TOp.Apply<TSize>(s, TSize.Load(at), TSize.Load((byte*)s + op->Src));
        if (TOp.Writes)
            TSize.Store(at, r);
        op[1].Handler(s, op + 1);
    }

    public static void MemoryImmediate(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = TOp.Writes ? Mmu.WriteEntry(s, address) : Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, TSize.Bytes))
        {
            if (TOp.Writes)
                Mmu.ModifyAgain(s, op, address, TSize.Bytes);
            else
                Mmu.ReadAgain(s, op, address, TSize.Bytes);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        ulong r = TOp.Apply<TSize>(s, TSize.Load(at), op->Imm);
        if (TOp.Writes)
            TSize.Store(at, r);
        op[1].Handler(s, op + 1);
    }
}
