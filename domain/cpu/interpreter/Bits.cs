using System.Numerics;

namespace Domain;

/// <summary>BT, BTS, BTR, BTC (kinds 0–3), BSF, BSR, POPCNT, CMPXCHG, XADD.</summary>
internal static unsafe class Bits<TSize> where TSize : struct, ISize
{
    /// <summary>Bit tests in a register or temporary (Dst); kind in Scale.</summary>
    public static void TestRegister(CpuState* s, Op* op)
    {
        Test(s, op, TSize.Load((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    public static void TestImmediate(CpuState* s, Op* op)
    {
        Test(s, op, op->Imm);
        op[1].Handler(s, op + 1);
    }

    private static void Test(CpuState* s, Op* op, ulong offset)
    {
        byte* to = (byte*)s + op->Dst;
        ulong value = TSize.Load(to);
        int bit = (int)offset & (TSize.Bytes * 8 - 1);
        Flags.Change(s, Flags.CF, (uint)(value >> bit & 1));
        if (op->Scale != 0)
            TSize.SetRegister(to, Changed(value, bit, op->Scale));
    }

    private static ulong Changed(ulong value, int bit, int kind) => kind switch
    {
        1 => value | 1UL << bit,
        2 => value & ~(1UL << bit),
        _ => value ^ 1UL << bit,
    };

    /// <summary>
    /// A bit string in memory at <see cref="CpuState.TempAddress"/>: the register offset reaches beyond the operand.
    /// </summary>
    public static void TestMemory(CpuState* s, Op* op)
    {
        long offset = (long)TSize.SignExtend(TSize.Load((byte*)s + op->Src));
        ulong address = Mmu.Linear(s, s->TempAddress + (ulong)((offset >> (3 + TSize.Log)) * TSize.Bytes));
        int bit = (int)offset & (TSize.Bytes * 8 - 1);
        byte* at = op->Scale == 0 ? Mmu.Read(s, op, address, TSize.Bytes) : Mmu.Modify(s, op, address, TSize.Bytes);
        if (at == null)
            return;
        ulong value = TSize.Load(at);
        if (op->Scale != 0)
        {
            TSize.Store(at, Changed(value, bit, op->Scale));
            Mmu.Commit(s);
        }
        Flags.Change(s, Flags.CF, (uint)(value >> bit & 1));
        op[1].Handler(s, op + 1);
    }

    // A zero source leaves the destination alone, as processors do.
    public static void ScanForward(CpuState* s, Op* op)
    {
        ulong value = TSize.Load((byte*)s + op->Src);
        if (value != 0)
            TSize.SetRegister((byte*)s + op->Dst, (ulong)BitOperations.TrailingZeroCount(value));
        Flags.SetResult(s, value == 0 ? 0UL : 1, 0);
        op[1].Handler(s, op + 1);
    }

    public static void ScanReverse(CpuState* s, Op* op)
    {
        ulong value = TSize.Load((byte*)s + op->Src);
        if (value != 0)
            TSize.SetRegister((byte*)s + op->Dst, (ulong)BitOperations.Log2(value));
        Flags.SetResult(s, value == 0 ? 0UL : 1, 0);
        op[1].Handler(s, op + 1);
    }

    public static void Count(CpuState* s, Op* op)
    {
        ulong value = TSize.Load((byte*)s + op->Src);
        TSize.SetRegister((byte*)s + op->Dst, (ulong)BitOperations.PopCount(value));
        Flags.Set(s, value == 0 ? Flags.ZF : 0);
        op[1].Handler(s, op + 1);
    }

    public static void CompareExchange(CpuState* s, Op* op)
    {
        byte* to = (byte*)s + op->Dst;
        ulong accumulator = TSize.Load((byte*)s), value = TSize.Load(to);
        AluSub.Apply<TSize>(s, accumulator, value);
        if (accumulator == value)
            TSize.SetRegister(to, TSize.Load((byte*)s + op->Src));
        else
            TSize.SetRegister((byte*)s, value);
        op[1].Handler(s, op + 1);
    }

    public static void ExchangeAdd(CpuState* s, Op* op)
    {
        byte* to = (byte*)s + op->Dst, from = (byte*)s + op->Src;
        ulong a = TSize.Load(to), b = TSize.Load(from);
        ulong sum = AluAdd.Apply<TSize>(s, a, b);
        TSize.SetRegister(from, a);
        TSize.SetRegister(to, sum);
        op[1].Handler(s, op + 1);
    }
}

/// <summary>CMPXCHG8B and CMPXCHG16B at <see cref="CpuState.TempAddress"/>.</summary>
internal static unsafe class Bits
{
    public static void CompareExchange8(CpuState* s, Op* op)
    {
        ulong* at = (ulong*)Mmu.Modify(s, op, s->TempAddress, 8);
        if (at == null)
            return;
        ulong value = *at;
        bool equal = value == (s->Gpr[2] << 32 | (uint)s->Gpr[0]);
        if (equal)
            *at = s->Gpr[1] << 32 | (uint)s->Gpr[3];
        else
        {
            s->Gpr[0] = (uint)value;
            s->Gpr[2] = value >> 32;
        }
        Mmu.Commit(s);
        Flags.Change(s, Flags.ZF, equal ? Flags.ZF : 0);
        op[1].Handler(s, op + 1);
    }

    public static void CompareExchange16(CpuState* s, Op* op)
    {
        if ((s->TempAddress & 15) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        ulong* at = (ulong*)Mmu.Modify(s, op, s->TempAddress, 16);
        if (at == null)
            return;
        bool equal = at[0] == s->Gpr[0] && at[1] == s->Gpr[2];
        if (equal)
        {
            at[0] = s->Gpr[3];
            at[1] = s->Gpr[1];
        }
        else
        {
            s->Gpr[0] = at[0];
            s->Gpr[2] = at[1];
        }
        Mmu.Commit(s);
        Flags.Change(s, Flags.ZF, equal ? Flags.ZF : 0);
        op[1].Handler(s, op + 1);
    }
}
