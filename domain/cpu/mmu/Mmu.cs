using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Domain;

/// <summary>How an operand that missed the TLB can be reached.</summary>
internal enum Prepared
{
    Faulted,

    /// <summary>The TLB has it now.</summary>
    Mapped,

    /// <summary>
    /// It is in <see cref="CpuState.Scratch"/>: a device register, bytes of two pages, or a page with code.
    /// </summary>
    Copied,
}

/// <summary>Guest memory as handlers see it: an inlined TLB probe, and slow paths for everything else.</summary>
/// <remarks>
/// A slow path returns a host pointer to the operand, or to a copy of it in <see cref="CpuState.Scratch"/> when it lies
/// in a device or across two pages, or null after a fault: the handler then returns at once.
/// Null operations stand for accesses outside any instruction (interrupt delivery): the caller has set Rip.
/// </remarks>
internal static unsafe class Mmu
{
    /// <summary>
    /// Slots of a TLB for data and of one for code, which reach 16 MiB: powers of two, at most 4096. A slot for data
    /// has two entries, so that two pages that belong to it do not take turns: the first, which probes look at, and
    /// behind those of all slots the second, with the page that the first had before. A page is in one of them at most.
    /// </summary>
    public const int TlbEntries = 4096, CodeTlbEntries = 4096;

    /// <summary>Logarithm of the size of a <see cref="TlbEntry"/>.</summary>
    public const int EntryShift = 5;

    public const ulong OffsetMask = 0xfff;

    /// <summary>
    /// Tag of an empty entry: a page that belongs half a table away; of 4,096 entries slot 5's is page 0x805. What is
    /// looked for in <paramref name="slot"/> begins in a page that belongs there, and ends in that one or the next, so
    /// that it never hits.
    /// </summary>
    public static ulong Empty(int slot, int entries) => (ulong)(slot ^ entries / 2) << 12;

    /// <summary>Host address for reading, or null when the slow path is needed.</summary>
    /// <remarks>
    /// The page of the last byte is compared, so that an operand that crosses into the next page never hits.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* ReadHit(CpuState* s, ulong address, int size)
    {
        var entry = (TlbEntry*)((byte*)s->ReadTlb + ((address >> (12 - EntryShift)) & ((TlbEntries - 1) << EntryShift)));
        return ((address + (ulong)(size - 1)) & ~OffsetMask) == entry->Tag ? (byte*)(address + entry->Addend) : null;
    }

    /// <summary>Host address for writing, or null when the slow path is needed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* WriteHit(CpuState* s, ulong address, int size)
    {
        var entry = (TlbEntry*)((byte*)s->WriteTlb + ((address >> (12 - EntryShift)) & ((TlbEntries - 1) << EntryShift)));
        return ((address + (ulong)(size - 1)) & ~OffsetMask) == entry->Tag ? (byte*)(address + entry->Addend) : null;
    }

    /// <summary>
    /// Linear address of a part of an operand, computed apart from the others: 32 bits in 32-bit code.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Linear(CpuState* s, ulong address) => s->Code64 ? address : (uint)address;

    /// <summary>The entry that a read of this address would use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TlbEntry* ReadEntry(CpuState* s, ulong address) =>
        (TlbEntry*)((byte*)s->ReadTlb + ((address >> (12 - EntryShift)) & ((TlbEntries - 1) << EntryShift)));

    /// <summary>The entry that a write of this address would use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TlbEntry* WriteEntry(CpuState* s, ulong address) =>
        (TlbEntry*)((byte*)s->WriteTlb + ((address >> (12 - EntryShift)) & ((TlbEntries - 1) << EntryShift)));

    /// <summary>The entry that a fetch from this address would use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TlbEntry* ExecuteEntry(CpuState* s, ulong address) => (TlbEntry*)((byte*)s->ExecuteTlb
        + ((address >> (12 - EntryShift)) & ((CodeTlbEntries - 1) << EntryShift)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Misses(TlbEntry* entry, ulong address, int size) =>
        ((address + (ulong)(size - 1)) & ~OffsetMask) != entry->Tag;

    /// <summary>
    /// What a handler calls, last of all, when its read missed: fills the TLB and runs the operation again, or runs it
    /// on a copy of the operand in <see cref="CpuState.Scratch"/>, or faults. The operation must do nothing before the
    /// access and may not be followed by links.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void ReadAgain(CpuState* s, Op* op, ulong address, int size)
    {
        switch (Owner(s).PrepareRead(op, address, size))
        {
            case Prepared.Mapped:
                op->Handler(s, op);
                return;
            case Prepared.Copied:
                if (Owner(s).RunOnCopy(op, address, size, false))
                    op[1].Handler(s, op + 1);
                return;
        }
    }

    /// <summary>As <see cref="ReadAgain"/>, for an operand that is written without being read.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void WriteAgain(CpuState* s, Op* op, ulong address, int size) =>
        WriteAgain(s, op, address, size, false);

    /// <summary>As <see cref="ReadAgain"/>, for a read-modify-write.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void ModifyAgain(CpuState* s, Op* op, ulong address, int size) =>
        WriteAgain(s, op, address, size, true);

    private static void WriteAgain(CpuState* s, Op* op, ulong address, int size, bool modify)
    {
        switch (Owner(s).PrepareWrite(op, address, size, modify))
        {
            case Prepared.Mapped:
                op->Handler(s, op);
                return;
            case Prepared.Copied:
                if (Owner(s).RunOnCopy(op, address, size, true))
                    op[1].Handler(s, op + 1);
                return;
        }
    }

    /// <summary>Ends an operation that runs by itself.</summary>
    public static void Stop(CpuState* s, Op* op) => s->Stopped = true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Read(CpuState* s, Op* op, ulong address, int size)
    {
        byte* at = ReadHit(s, address, size);
        return at != null ? at : ReadMiss(s, op, address, size);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Write<TSize>(CpuState* s, Op* op, ulong address, ulong value) where TSize : ISize
    {
        byte* at = WriteHit(s, address, TSize.Bytes);
        if (at == null)
            return WriteMiss(s, op, address, TSize.Bytes, value);
        TSize.Store(at, value);
        return true;
    }

    /// <summary>The operand of a read-modify-write; <see cref="Commit"/> must follow when it is not null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Modify(CpuState* s, Op* op, ulong address, int size)
    {
        byte* at = WriteHit(s, address, size);
        return at != null ? at : ModifyMiss(s, op, address, size);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Commit(CpuState* s)
    {
        if (s->RmwSize != 0)
            Owner(s).CommitSlow();
    }

    // Kept out of line so that the handlers stay small.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* ReadMiss(CpuState* s, Op* op, ulong address, int size) => Owner(s).ReadSlow(op, address, size);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* ModifyMiss(CpuState* s, Op* op, ulong address, int size) =>
        Owner(s).ModifySlow(op, address, size);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool WriteMiss(CpuState* s, Op* op, ulong address, int size, ulong value) =>
        Owner(s).WriteSlow(op, address, size, value, 0);

    /// <summary>The processor that owns a state block.</summary>
    public static Cpu Owner(CpuState* s) => Unsafe.As<Cpu>(GCHandle.FromIntPtr(s->Owner).Target!);
}
