using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>
/// How the stack is addressed, as a type argument: by 64-bit code, by flat 32-bit code, through a segment that is not
/// flat.
/// </summary>
internal unsafe interface IStack
{
    /// <summary>Cuts a pointer to the stack's width.</summary>
    static abstract ulong Wrap(CpuState* s, ulong pointer);

    /// <summary>Linear address of a wrapped pointer.</summary>
    static abstract ulong Linear(CpuState* s, ulong pointer);

    static abstract bool Allows(CpuState* s, ulong pointer, int size, bool write);

    static abstract void Set(CpuState* s, ulong pointer);
}

internal unsafe struct Stack64 : IStack
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Wrap(CpuState* s, ulong pointer) => pointer;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Linear(CpuState* s, ulong pointer) => pointer;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Allows(CpuState* s, ulong pointer, int size, bool write) => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Set(CpuState* s, ulong pointer) => s->Gpr[Cpu.RegisterRsp] = pointer;
}

internal unsafe struct Stack32 : IStack
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Wrap(CpuState* s, ulong pointer) => (uint)pointer;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Linear(CpuState* s, ulong pointer) => pointer;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Allows(CpuState* s, ulong pointer, int size, bool write) => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Set(CpuState* s, ulong pointer) => s->Gpr[Cpu.RegisterRsp] = pointer;
}

internal unsafe struct StackSegmented : IStack
{
    private static bool IsBig(CpuState* s) => (s->SegmentRights[Cpu.SegmentSs] & Segment.Big) != 0;

    public static ulong Wrap(CpuState* s, ulong pointer) => IsBig(s) ? (uint)pointer : (ushort)pointer;

    public static ulong Linear(CpuState* s, ulong pointer) => (uint)(pointer + s->SegmentBase[Cpu.SegmentSs]);

    public static bool Allows(CpuState* s, ulong pointer, int size, bool write) =>
        Segment.Allows(s, Cpu.SegmentSs, pointer, size, write);

    public static void Set(CpuState* s, ulong pointer)
    {
        if (IsBig(s))
            s->Gpr[Cpu.RegisterRsp] = pointer;
        else
            *(ushort*)&s->Gpr[Cpu.RegisterRsp] = (ushort)pointer;
    }
}

/// <summary>PUSH, POP and relatives. The methods' TSize is the word pushed.</summary>
internal static unsafe class Stack<TStack> where TStack : struct, IStack
{
    public static void Push<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong pointer = TStack.Wrap(s, s->Gpr[4] - (ulong)TSize.Bytes), stack = TStack.Linear(s, pointer);
        if (!TStack.Allows(s, pointer, TSize.Bytes, true))
        {
            Segment.Refuse(s, op, Cpu.SegmentSs);
            return;
        }
        var entry = Mmu.WriteEntry(s, stack);
        if (Mmu.Misses(entry, stack, TSize.Bytes))
        {
            Mmu.WriteAgain(s, op, stack, TSize.Bytes);
            return;
        }
        TSize.Store((byte*)(stack + entry->Addend), TSize.Load((byte*)s + op->Src));
        TStack.Set(s, pointer);
        op[1].Handler(s, op + 1);
    }

    public static void PushImmediate<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong pointer = TStack.Wrap(s, s->Gpr[4] - (ulong)TSize.Bytes), stack = TStack.Linear(s, pointer);
        if (!TStack.Allows(s, pointer, TSize.Bytes, true))
        {
            Segment.Refuse(s, op, Cpu.SegmentSs);
            return;
        }
        var entry = Mmu.WriteEntry(s, stack);
        if (Mmu.Misses(entry, stack, TSize.Bytes))
        {
            Mmu.WriteAgain(s, op, stack, TSize.Bytes);
            return;
        }
        TSize.Store((byte*)(stack + entry->Addend), op->Imm);
        TStack.Set(s, pointer);
        op[1].Handler(s, op + 1);
    }

    public static void Pop<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong pointer = TStack.Wrap(s, s->Gpr[4]), stack = TStack.Linear(s, pointer);
        if (!TStack.Allows(s, pointer, TSize.Bytes, false))
        {
            Segment.Refuse(s, op, Cpu.SegmentSs);
            return;
        }
        var entry = Mmu.ReadEntry(s, stack);
        if (Mmu.Misses(entry, stack, TSize.Bytes))
        {
            Mmu.ReadAgain(s, op, stack, TSize.Bytes);
            return;
        }
        byte* at = (byte*)(stack + entry->Addend);
        ulong value = TSize.Load(at);
        TStack.Set(s, TStack.Wrap(s, pointer + (ulong)TSize.Bytes));
        TSize.SetRegister((byte*)s + op->Dst, value);
        op[1].Handler(s, op + 1);
    }

    /// <summary>A word of the stack <paramref name="offset"/> bytes above its pointer, or null after a fault.</summary>
    public static byte* At<TSize>(CpuState* s, Op* op, ulong offset) where TSize : struct, ISize
    {
        ulong pointer = TStack.Wrap(s, s->Gpr[4] + offset);
        if (TStack.Allows(s, pointer, TSize.Bytes, false))
            return Mmu.Read(s, op, TStack.Linear(s, pointer), TSize.Bytes);
        Segment.Refuse(s, op, Cpu.SegmentSs);
        return null;
    }

    /// <summary>Stores a word at a stack pointer that <see cref="TStack"/> has wrapped.</summary>
    public static bool Put<TSize>(CpuState* s, Op* op, ulong pointer, ulong value) where TSize : struct, ISize
    {
        if (TStack.Allows(s, pointer, TSize.Bytes, true))
            return Mmu.Write<TSize>(s, op, TStack.Linear(s, pointer), value);
        Segment.Refuse(s, op, Cpu.SegmentSs);
        return false;
    }

    /// <summary>
    /// POP to memory, whose address counts RSP already raised: first the load, then the address, then the store.
    /// </summary>
    public static void PopTemp<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        byte* at = At<TSize>(s, op, 0);
        if (at == null)
            return;
        s->Temp = TSize.Load(at);
        op[1].Handler(s, op + 1);
    }

    /// <summary>The end of POP to memory: Imm is added to addresses based on RSP.</summary>
    public static void PopStore<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        if (!Mmu.Write<TSize>(s, op, Mmu.Linear(s, s->TempAddress + op->Imm), s->Temp))
            return;
        TStack.Set(s, TStack.Wrap(s, s->Gpr[4] + (ulong)TSize.Bytes));
        op[1].Handler(s, op + 1);
    }

    /// <summary>
    /// The end of POP to segment register Imm. It ends its block: what comes next may be decoded otherwise.
    /// </summary>
    public static void PopSegment<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong pointer = TStack.Wrap(s, s->Gpr[4] + (ulong)TSize.Bytes);
        if (SystemOps.TakeSegment(s, op, (ushort)s->Temp))
            TStack.Set(s, pointer);
    }

    public static void Leave<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong frame = TStack.Wrap(s, s->Gpr[5]), stack = TStack.Linear(s, frame);
        if (!TStack.Allows(s, frame, TSize.Bytes, false))
        {
            Segment.Refuse(s, op, Cpu.SegmentSs);
            return;
        }
        var entry = Mmu.ReadEntry(s, stack);
        if (Mmu.Misses(entry, stack, TSize.Bytes))
        {
            Mmu.ReadAgain(s, op, stack, TSize.Bytes);
            return;
        }
        byte* at = (byte*)(stack + entry->Addend);
        TSize.SetRegister((byte*)&s->Gpr[5], TSize.Load(at));
        TStack.Set(s, TStack.Wrap(s, frame + (ulong)TSize.Bytes));
        op[1].Handler(s, op + 1);
    }

    /// <summary>ENTER: Imm is the frame's size, Scale the nesting level, 0–31.</summary>
    public static void Enter<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        if (!EnterFrame<TSize>(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    // Everything is read and probed before the first store, so a fault leaves nothing half done (SDM vol. 2, ENTER).
    private static bool EnterFrame<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        const int levels = 32;
        ulong* words = stackalloc ulong[levels + 1];
        ulong size = (ulong)TSize.Bytes;
        ulong frame = TStack.Wrap(s, s->Gpr[4] - size);
        int count = 0;
        words[count++] = s->Gpr[5];
        for (int level = 1; level < op->Scale; level++)
        {
            ulong outer = TStack.Wrap(s, s->Gpr[5] - (ulong)level * size);
            if (!TStack.Allows(s, outer, TSize.Bytes, false))
            {
                Segment.Refuse(s, op, Cpu.SegmentSs);
                return false;
            }
            byte* at = Mmu.Read(s, op, TStack.Linear(s, outer), TSize.Bytes);
            if (at == null)
                return false;
            words[count++] = TSize.Load(at);
        }
        if (op->Scale != 0)
            words[count++] = frame;
        ulong last = TStack.Wrap(s, s->Gpr[4] - (ulong)count * size), end = TStack.Wrap(s, last - op->Imm);
        var owner = Mmu.Owner(s);
        // The new top is probed too: a stack that cannot grow by the frame faults here, not later.
        if (!owner.ProbeWrite(op, TStack.Linear(s, end), TSize.Bytes))
            return false;
        for (int i = 0; i < count; i++)
        {
            ulong pointer = TStack.Wrap(s, s->Gpr[4] - (ulong)(i + 1) * size);
            if (!TStack.Allows(s, pointer, TSize.Bytes, true))
            {
                Segment.Refuse(s, op, Cpu.SegmentSs);
                return false;
            }
            if (!owner.ProbeWrite(op, TStack.Linear(s, pointer), TSize.Bytes))
                return false;
        }
        for (int i = 0; i < count; i++)
            Mmu.Write<TSize>(s, op, TStack.Linear(s, TStack.Wrap(s, s->Gpr[4] - (ulong)(i + 1) * size)), words[i]);
        TSize.SetRegister((byte*)&s->Gpr[5], frame);
        TStack.Set(s, end);
        return true;
    }

    public static void PushFlags<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong pointer = TStack.Wrap(s, s->Gpr[4] - (ulong)TSize.Bytes);
        if (!Put<TSize>(s, op, pointer, Flags.Image(s) & ~Flags.RF))
            return;
        TStack.Set(s, pointer);
        op[1].Handler(s, op + 1);
    }

    /// <summary>POPF ends the block: interrupts or single stepping may have been switched on.</summary>
    public static void PopFlags<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        byte* at = At<TSize>(s, op, 0);
        if (at == null)
            return;
        ulong mask = Flags.Arithmetic | Flags.TF | Flags.DF | Flags.NT;
        if (TSize.Bytes != 2)
            mask |= Flags.AC | Flags.ID;
        if (s->Cpl == 0)
            mask |= Flags.IOPL;
        if (s->Cpl <= (int)(s->SystemFlags >> 12 & 3))
            mask |= Flags.IF;
        Flags.LoadImage(s, TSize.Load(at), mask);
        TStack.Set(s, TStack.Wrap(s, s->Gpr[4] + (ulong)TSize.Bytes));
        s->Budget -= op->Count;
        s->Rip = op->Rip + op->Length;
    }

    /// <summary>PUSHA: AX, CX, DX, BX, the SP from before, BP, SI, DI.</summary>
    public static void PushAll<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        for (int i = 1; i <= 8; i++)
        {
            ulong pointer = TStack.Wrap(s, s->Gpr[4] - (ulong)(i * TSize.Bytes));
            if (!TStack.Allows(s, pointer, TSize.Bytes, true))
            {
                Segment.Refuse(s, op, Cpu.SegmentSs);
                return;
            }
            if (!Mmu.Owner(s).ProbeWrite(op, TStack.Linear(s, pointer), TSize.Bytes))
                return;
        }
        for (int i = 0; i < 8; i++)
        {
            ulong pointer = TStack.Wrap(s, s->Gpr[4] - (ulong)((i + 1) * TSize.Bytes));
            Mmu.Write<TSize>(s, op, TStack.Linear(s, pointer), TSize.Load((byte*)&s->Gpr[i]));
        }
        TStack.Set(s, TStack.Wrap(s, s->Gpr[4] - (ulong)(8 * TSize.Bytes)));
        op[1].Handler(s, op + 1);
    }

    /// <summary>POPA: the SP in the image is skipped.</summary>
    public static void PopAll<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        // Both ends first: what lies between them is in one of the two pages.
        if (At<TSize>(s, op, 0) == null || At<TSize>(s, op, (ulong)(7 * TSize.Bytes)) == null)
            return;
        for (int i = 0; i < 8; i++)
        {
            byte* at = At<TSize>(s, op, (ulong)((7 - i) * TSize.Bytes));
            if (at == null)
                return;
            if (i != Cpu.RegisterRsp)
                TSize.SetRegister((byte*)&s->Gpr[i], TSize.Load(at));
        }
        TStack.Set(s, TStack.Wrap(s, s->Gpr[4] + (ulong)(8 * TSize.Bytes)));
        op[1].Handler(s, op + 1);
    }
}
