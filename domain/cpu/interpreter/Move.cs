using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>MOV, MOVZX, MOVSX, LEA, XCHG, CMOV, SETCC, BSWAP and sign extensions of the accumulator.</summary>
internal static unsafe class Move<TSize> where TSize : struct, ISize
{
    public static void RegisterRegister(CpuState* s, Op* op)
    {
        TSize.SetRegister((byte*)s + op->Dst, TSize.Load((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    public static void RegisterImmediate(CpuState* s, Op* op)
    {
        TSize.SetRegister((byte*)s + op->Dst, op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Exchange(CpuState* s, Op* op)
    {
        ulong a = TSize.Load((byte*)s + op->Dst), b = TSize.Load((byte*)s + op->Src);
        TSize.SetRegister((byte*)s + op->Dst, b);
        TSize.SetRegister((byte*)s + op->Src, a);
        op[1].Handler(s, op + 1);
    }

    public static void ByteSwap(CpuState* s, Op* op)
    {
        ulong value = TSize.Load((byte*)s + op->Dst);
        value = TSize.Bytes == 8 ? BinaryPrimitives.ReverseEndianness(value)
            : BinaryPrimitives.ReverseEndianness((uint)value);
        TSize.SetRegister((byte*)s + op->Dst, value);
        op[1].Handler(s, op + 1);
    }

    /// <summary>
    /// CMOVcc with any condition (in Imm). A 32-bit move clears the upper half even when it does not happen.
    /// </summary>
    public static void Conditional(CpuState* s, Op* op)
    {
        byte* to = (byte*)s + op->Dst;
        TSize.SetRegister(to, TSize.Load(Flags.Test(s, (int)op->Imm) ? (byte*)s + op->Src : to));
        op[1].Handler(s, op + 1);
    }
}

internal static unsafe class MoveMemory<TSize, TAddress> where TSize : struct, ISize where TAddress : struct, IAddress
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
        TSize.SetRegister((byte*)s + op->Dst, TSize.Load(at));
        op[1].Handler(s, op + 1);
    }

    public static void MemoryRegister(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.WriteEntry(s, address);
        if (Mmu.Misses(entry, address, TSize.Bytes))
        {
            Mmu.WriteAgain(s, op, address, TSize.Bytes);
            return;
        }
        TSize.Store((byte*)(address + entry->Addend), TSize.Load((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    public static void MemoryImmediate(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.WriteEntry(s, address);
        if (Mmu.Misses(entry, address, TSize.Bytes))
        {
            Mmu.WriteAgain(s, op, address, TSize.Bytes);
            return;
        }
        TSize.Store((byte*)(address + entry->Addend), op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Exchange(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.WriteEntry(s, address);
        if (Mmu.Misses(entry, address, TSize.Bytes))
        {
            Mmu.ModifyAgain(s, op, address, TSize.Bytes);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        ulong old = TSize.Load(at);
        TSize.Store(at, TSize.Load((byte*)s + op->Src));
        TSize.SetRegister((byte*)s + op->Src, old);
        op[1].Handler(s, op + 1);
    }

    public static void LoadAddress(CpuState* s, Op* op)
    {
        TSize.SetRegister((byte*)s + op->Dst, TAddress.Of(s, op));
        op[1].Handler(s, op + 1);
    }

    /// <summary>LEA with an address-size prefix or in 32-bit code.</summary>
    public static void LoadNarrowAddress(CpuState* s, Op* op)
    {
        TSize.SetRegister((byte*)s + op->Dst, (uint)TAddress.Of(s, op));
        op[1].Handler(s, op + 1);
    }

    /// <summary>LEA with 16-bit addresses.</summary>
    public static void LoadShortAddress(CpuState* s, Op* op)
    {
        TSize.SetRegister((byte*)s + op->Dst, (ushort)TAddress.Of(s, op));
        op[1].Handler(s, op + 1);
    }
}

/// <summary>Widening moves.</summary>
internal static unsafe class Extend<TTo, TFrom> where TTo : struct, ISize where TFrom : struct, ISize
{
    public static void Zero(CpuState* s, Op* op)
    {
        TTo.SetRegister((byte*)s + op->Dst, TFrom.Load((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    public static void Sign(CpuState* s, Op* op)
    {
        TTo.SetRegister((byte*)s + op->Dst, TFrom.SignExtend(TFrom.Load((byte*)s + op->Src)));
        op[1].Handler(s, op + 1);
    }
}

internal static unsafe class ExtendMemory<TTo, TFrom, TAddress>
    where TTo : struct, ISize where TFrom : struct, ISize where TAddress : struct, IAddress
{
    public static void Zero(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, TFrom.Bytes))
        {
            Mmu.ReadAgain(s, op, address, TFrom.Bytes);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        TTo.SetRegister((byte*)s + op->Dst, TFrom.Load(at));
        op[1].Handler(s, op + 1);
    }

    public static void Sign(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, TFrom.Bytes))
        {
            Mmu.ReadAgain(s, op, address, TFrom.Bytes);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        TTo.SetRegister((byte*)s + op->Dst, TFrom.SignExtend(TFrom.Load(at)));
        op[1].Handler(s, op + 1);
    }
}

/// <summary>Moves whose operands are implied or that need no size.</summary>
internal static unsafe class Move
{
    public static void Nop(CpuState* s, Op* op) => op[1].Handler(s, op + 1);

    /// <summary>SETcc with any condition (in Imm).</summary>
    public static void Set(CpuState* s, Op* op)
    {
        *((byte*)s + op->Dst) = Flags.Test(s, (int)op->Imm) ? (byte)1 : (byte)0;
        op[1].Handler(s, op + 1);
    }

    public static void Cbw(CpuState* s, Op* op)
    {
        *(ushort*)s = (ushort)(sbyte)*(byte*)s;
        op[1].Handler(s, op + 1);
    }

    public static void Cwde(CpuState* s, Op* op)
    {
        *(ulong*)s = (uint)(short)*(ushort*)s;
        op[1].Handler(s, op + 1);
    }

    public static void Cdqe(CpuState* s, Op* op)
    {
        *(ulong*)s = (ulong)(int)*(uint*)s;
        op[1].Handler(s, op + 1);
    }

    public static void Cwd(CpuState* s, Op* op)
    {
        *(ushort*)&s->Gpr[2] = (ushort)(*(short*)s >> 15);
        op[1].Handler(s, op + 1);
    }

    public static void Cdq(CpuState* s, Op* op)
    {
        s->Gpr[2] = (uint)(*(int*)s >> 31);
        op[1].Handler(s, op + 1);
    }

    public static void Cqo(CpuState* s, Op* op)
    {
        s->Gpr[2] = (ulong)(*(long*)s >> 63);
        op[1].Handler(s, op + 1);
    }

}
