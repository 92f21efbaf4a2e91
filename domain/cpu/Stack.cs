using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>The stack's word and address width: 64-bit code, or 32-bit code on the way up to it.</summary>
internal interface IStack : ISize
{
    static abstract ulong Wrap(ulong address);
}

internal unsafe struct Stack64 : IStack
{
    public static int Bytes => 8;
    public static int Log => 3;
    public static ulong Mask => ulong.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(byte* at) => *(ulong*)at;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetRegister(byte* at, ulong value) => *(ulong*)at = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* at, ulong value) => *(ulong*)at = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SignExtend(ulong value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Wrap(ulong address) => address;
}

internal unsafe struct Stack32 : IStack
{
    public static int Bytes => 4;
    public static int Log => 2;
    public static ulong Mask => uint.MaxValue;
    public static ulong Load(byte* at) => *(uint*)at;
    public static void SetRegister(byte* at, ulong value) => *(ulong*)at = (uint)value;
    public static void Store(byte* at, ulong value) => *(uint*)at = (uint)value;
    public static ulong SignExtend(ulong value) => (ulong)(int)value;
    public static ulong Wrap(ulong address) => (uint)address;
}

/// <summary>PUSH, POP and relatives. <typeparamref name="TStack"/> is the address width, the methods' TSize the word pushed.</summary>
internal static unsafe class Stack<TStack> where TStack : struct, IStack
{
    public static void Push<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong stack = TStack.Wrap(s->Gpr[4] - (ulong)TSize.Bytes);
        var entry = Mmu.WriteEntry(s, stack);
        if (Mmu.Misses(entry, stack, TSize.Bytes))
        {
            Mmu.WriteAgain(s, op, stack, TSize.Bytes);
            return;
        }
        TSize.Store((byte*)(stack + entry->Addend), TSize.Load((byte*)s + op->Src));
        s->Gpr[4] = stack;
        op[1].Handler(s, op + 1);
    }

    public static void PushImmediate<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong stack = TStack.Wrap(s->Gpr[4] - (ulong)TSize.Bytes);
        var entry = Mmu.WriteEntry(s, stack);
        if (Mmu.Misses(entry, stack, TSize.Bytes))
        {
            Mmu.WriteAgain(s, op, stack, TSize.Bytes);
            return;
        }
        TSize.Store((byte*)(stack + entry->Addend), op->Imm);
        s->Gpr[4] = stack;
        op[1].Handler(s, op + 1);
    }

    public static void Pop<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        ulong stack = TStack.Wrap(s->Gpr[4]);
        var entry = Mmu.ReadEntry(s, stack);
        if (Mmu.Misses(entry, stack, TSize.Bytes))
        {
            Mmu.ReadAgain(s, op, stack, TSize.Bytes);
            return;
        }
        byte* at = (byte*)(stack + entry->Addend);
        ulong value = TSize.Load(at);
        s->Gpr[4] = TStack.Wrap(stack + (ulong)TSize.Bytes);
        TSize.SetRegister((byte*)s + op->Dst, value);
        op[1].Handler(s, op + 1);
    }

    /// <summary>POP to memory, whose address counts RSP already raised: first the load, then the address, then the store.</summary>
    public static void PopTemp<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        byte* at = Mmu.Read(s, op, TStack.Wrap(s->Gpr[4]), TSize.Bytes);
        if (at == null)
            return;
        s->Temp = TSize.Load(at);
        op[1].Handler(s, op + 1);
    }

    /// <summary>The end of POP to memory: Imm is added to addresses based on RSP.</summary>
    public static void PopStore<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        if (!Mmu.Write<TSize>(s, op, s->TempAddress + op->Imm, s->Temp))
            return;
        s->Gpr[4] = TStack.Wrap(s->Gpr[4] + (ulong)TSize.Bytes);
        op[1].Handler(s, op + 1);
    }

    public static void Leave(CpuState* s, Op* op)
    {
        ulong frame = TStack.Wrap(s->Gpr[5]);
        var entry = Mmu.ReadEntry(s, frame);
        if (Mmu.Misses(entry, frame, TStack.Bytes))
        {
            Mmu.ReadAgain(s, op, frame, TStack.Bytes);
            return;
        }
        byte* at = (byte*)(frame + entry->Addend);
        s->Gpr[5] = TStack.Load(at);
        s->Gpr[4] = TStack.Wrap(frame + (ulong)TStack.Bytes);
        op[1].Handler(s, op + 1);
    }

    /// <summary>ENTER with nesting level 0; Imm is the frame's size.</summary>
    public static void Enter(CpuState* s, Op* op)
    {
        ulong stack = TStack.Wrap(s->Gpr[4] - (ulong)TStack.Bytes);
        if (!Mmu.Write<TStack>(s, op, stack, s->Gpr[5]))
            return;
        TStack.SetRegister((byte*)&s->Gpr[5], stack);
        s->Gpr[4] = TStack.Wrap(stack - op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void PushFlags(CpuState* s, Op* op)
    {
        ulong stack = TStack.Wrap(s->Gpr[4] - (ulong)TStack.Bytes);
        if (!Mmu.Write<TStack>(s, op, stack, Flags.Image(s) & ~Flags.Resume))
            return;
        s->Gpr[4] = stack;
        op[1].Handler(s, op + 1);
    }

    /// <summary>POPF ends the block: interrupts or single stepping may have been switched on.</summary>
    public static void PopFlags(CpuState* s, Op* op)
    {
        ulong stack = TStack.Wrap(s->Gpr[4]);
        byte* at = Mmu.Read(s, op, stack, TStack.Bytes);
        if (at == null)
            return;
        ulong mask = Flags.Arithmetic | Flags.Trap | Flags.Direction | Flags.Nested | Flags.AlignmentCheck | Flags.Identification;
        if (s->Cpl == 0)
            mask |= Flags.Iopl;
        if (s->Cpl <= (int)(s->SystemFlags >> 12 & 3))
            mask |= Flags.Interrupt;
        Flags.LoadImage(s, TStack.Load(at), mask);
        s->Gpr[4] = TStack.Wrap(stack + (ulong)TStack.Bytes);
        s->Budget -= op->Count;
        s->Rip = op->Rip + op->Length;
    }
}
