using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>How an operation's memory operand is addressed, as a type argument.</summary>
internal unsafe interface IAddress
{
    static abstract ulong Of(CpuState* s, Op* op);
}

/// <summary>
/// Base + displacement; the base may be <see cref="CpuState.Zero"/> or <see cref="CpuState.EaTemp"/>.
/// </summary>
internal unsafe struct AddressBase : IAddress
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(CpuState* s, Op* op) => *(ulong*)((byte*)s + op->Base) + (ulong)op->Disp;
}

/// <summary>Base + index × scale + displacement.</summary>
internal unsafe struct AddressIndex : IAddress
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(CpuState* s, Op* op) =>
        *(ulong*)((byte*)s + op->Base) + (*(ulong*)((byte*)s + op->Index) << op->Scale) + (ulong)op->Disp;
}

/// <summary>Relative to the instruction: the displacement counts from its start.</summary>
internal unsafe struct AddressRip : IAddress
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(CpuState* s, Op* op) => op->Rip + (ulong)op->Disp;
}

/// <summary>
/// Operations that compute addresses and move memory operands through temporaries, for instructions without a memory
/// form of their own.
/// </summary>
/// <remarks>
/// An instruction that writes memory is load-for-write, compute, store: the first probes for writing, so the store
/// cannot fault and nothing needs undoing.
/// </remarks>
internal static unsafe class Operand<TAddress> where TAddress : struct, IAddress
{
    /// <summary>64-bit code with FS or GS, whose base Src names.</summary>
    public static void Segmented(CpuState* s, Op* op)
    {
        s->EaTemp = TAddress.Of(s, op) + *(ulong*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    /// <summary>64-bit code with 32-bit addresses: they wrap before the segment base is added.</summary>
    public static void Narrow(CpuState* s, Op* op)
    {
        s->EaTemp = (uint)TAddress.Of(s, op) + *(ulong*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    /// <summary>Flat 32-bit code.</summary>
    public static void Wrapped(CpuState* s, Op* op)
    {
        s->EaTemp = (uint)TAddress.Of(s, op);
        op[1].Handler(s, op + 1);
    }

    /// <summary>
    /// 32- and 16-bit code, through segment Src, for Dst bytes; Imm is the mask of the address size, with bit 32 set
    /// for a write.
    /// </summary>
    public static void Checked(CpuState* s, Op* op)
    {
        ulong offset = TAddress.Of(s, op) & (uint)op->Imm;
        if (!Segment.Allows(s, op->Src, offset, op->Dst, op->Imm >> 32 != 0))
        {
            Segment.Refuse(s, op, op->Src);
            return;
        }
        s->EaTemp = (uint)(offset + s->SegmentBase[op->Src]);
        op[1].Handler(s, op + 1);
    }

    public static void Load<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, TSize.Bytes))
        {
            Mmu.ReadAgain(s, op, address, TSize.Bytes);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        s->Temp = TSize.Load(at);
        op[1].Handler(s, op + 1);
    }

    public static void LoadForWrite<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong address = TAddress.Of(s, op);
        s->TempAddress = address;
        byte* at = Mmu.WriteHit(s, address, TSize.Bytes);
        if (at == null)
        {
            var owner = Mmu.Owner(s);
            if (!owner.ProbeWrite(op, address, TSize.Bytes))
                return;
            at = owner.ReadSlow(op, address, TSize.Bytes);
            if (at == null)
                return;
        }
        s->Temp = TSize.Load(at);
        op[1].Handler(s, op + 1);
    }

    public static void Store<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.WriteEntry(s, address);
        if (Mmu.Misses(entry, address, TSize.Bytes))
        {
            Mmu.WriteAgain(s, op, address, TSize.Bytes);
            return;
        }
        TSize.Store((byte*)(address + entry->Addend), s->Temp);
        op[1].Handler(s, op + 1);
    }

    /// <summary>
    /// Loads 4, 8 or 16 bytes into <see cref="CpuState.XmmTemp"/>; 17 stands for 16 that must be aligned.
    /// </summary>
    public static void LoadVector4(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, 4))
        {
            Mmu.ReadAgain(s, op, address, 4);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        s->XmmTemp[0] = *(uint*)at;
        s->XmmTemp[1] = 0;
        op[1].Handler(s, op + 1);
    }

    public static void LoadVector8(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, 8))
        {
            Mmu.ReadAgain(s, op, address, 8);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        s->XmmTemp[0] = *(ulong*)at;
        s->XmmTemp[1] = 0;
        op[1].Handler(s, op + 1);
    }

    public static void LoadVector16(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, 16))
        {
            Mmu.ReadAgain(s, op, address, 16);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        s->XmmTemp[0] = *(ulong*)at;
        s->XmmTemp[1] = *(ulong*)(at + 8);
        op[1].Handler(s, op + 1);
    }

    public static void LoadVectorAligned(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        if ((address & 15) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, 16))
        {
            Mmu.ReadAgain(s, op, address, 16);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        s->XmmTemp[0] = *(ulong*)at;
        s->XmmTemp[1] = *(ulong*)(at + 8);
        op[1].Handler(s, op + 1);
    }

    /// <summary>Only the address, for instructions that do their own access.</summary>
    public static void Compute(CpuState* s, Op* op)
    {
        s->TempAddress = TAddress.Of(s, op);
        op[1].Handler(s, op + 1);
    }
}

/// <summary>The way back to memory for <see cref="Operand{T}.LoadForWrite{TSize}"/>.</summary>
internal static unsafe class Operand
{
    public static void StoreBack<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        if (!Mmu.Write<TSize>(s, op, s->TempAddress, s->Temp))
            return;
        op[1].Handler(s, op + 1);
    }
}
