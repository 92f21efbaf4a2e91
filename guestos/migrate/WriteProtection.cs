namespace Guestos;

/// <summary>
/// Taking away write access to all of memory (thesis §6.2.1): every leaf entry of the direct map and of every address
/// space that allows writing becomes read-only and carries a software mark, by which the fault log knows its own. It
/// need not be atomic but at the fork: a page is sent only after all its mappings are protected. Nor is it given back
/// when a checkpoint ends here: who writes to a marked page then makes it writable (<see cref="FaultLog.Handle"/>); in
/// the copy tables arrive without marks.
/// </summary>
internal static unsafe class WriteProtection
{
    /// <summary>
    /// Software bit 9 of a leaf entry (ignored by the processor, SDM vol. 3A §4.5.4, table 4-20): it may be
    /// written to once the protection is lifted. Entries that are made during a checkpoint get it, too.
    /// </summary>
    public const ulong Mark = PageTable.WasWritable;

    /// <summary>What one lowest-level table and one top-level entry map.</summary>
    private const ulong TableSize = 1UL << 21;
    private const ulong SlotSize = 1UL << 39;

    /// <summary>Nanoseconds that one piece may take: well below what a freeze takes.</summary>
    private const ulong MaxPieceTime = 1_000_000;

    /// <summary>Stands for the kernel's tables where address spaces have serial numbers.</summary>
    private const ulong KernelPart = ulong.MaxValue;

    public static uint FrameOf(ulong entry) => (uint)((entry & PageTable.AddressMask) >> 12);

    /// <summary>The 4 KiB leaf entry that maps an address, or null. The kernel uses no larger pages.</summary>
    public static ulong* LeafOf(ulong root, ulong address)
    {
        ulong* leaf = PageTable.Find(root, address);
        return leaf != null && (*leaf & PageTable.Present) != 0 ? leaf : null;
    }

    /// <summary>Makes one mapping writable again and remembers it for the next <see cref="Renew"/>.</summary>
    public static void Lift(CheckpointState* state, ulong* entry)
    {
        *entry = (*entry & ~Mark) | PageTable.ReadWrite;
        if (state == null)
            return;
        if (state->UnprotectedCount == state->UnprotectedCapacity)
        {
            state->UnprotectedOverflow = true;
            return;
        }
        state->Unprotected[state->UnprotectedCount] = entry;
        state->UnprotectedCount++;
    }

    // ---- between rounds: piece by piece ----

    /// <summary>
    /// Begins to protect everything: the first round, and where the list of what was written to has run over.
    /// </summary>
    public static void BeginWalk(CheckpointState* state)
    {
        // Emptied first: whatever is made writable again from here on must be found the next time.
        state->UnprotectedCount = 0;
        state->UnprotectedOverflow = false;
        state->RenewCount = 0;
        state->RenewNext = 0;
        state->WalkSpace = KernelPart;
        state->WalkAddress = DirectMap.Base;
    }

    /// <summary>
    /// Begins to protect again what was written to since the last time: costs as much as the working set is large.
    /// </summary>
    public static void Renew(CheckpointState* state)
    {
        if (state->UnprotectedOverflow)
        {
            BeginWalk(state);
            return;
        }
        // Two lists by turns: the loop's own stack may be protected by it, fault, and be noted anew.
        ulong** entries = state->Unprotected;
        state->Unprotected = state->Renewed;
        state->Renewed = entries;
        state->RenewCount = state->UnprotectedCount;
        state->RenewNext = 0;
        state->UnprotectedCount = 0;
    }

    /// <summary>
    /// Does a piece of what was begun, of about a millisecond. True when all of it is done. Others may run between two
    /// pieces: nothing of the round has been sent, so what they write meanwhile without being noticed is sent as they
    /// leave it, and every mapping that they make is protected from the start
    /// (<see cref="Checkpoint.BeforeEntryWrite"/>), new address spaces therefore too.
    /// </summary>
    public static bool ProtectPiece(CheckpointState* state)
    {
        ulong end = Clock.Monotonic + MaxPieceTime;
        bool done;
        do
            done = RenewSome(state) && WalkSome(state);
        while (!done && Clock.Monotonic < end);
        PageTable.Flush();
        return done;
    }

    /// <summary>All that was written to since the last time, at once: the fork.</summary>
    public static void RenewAll(CheckpointState* state)
    {
        while (!RenewSome(state)) { }
        PageTable.Flush();
    }

    // True when the list is done.
    private static bool RenewSome(CheckpointState* state)
    {
        const uint AtOnce = 512;
        uint end = System.Math.Min(state->RenewNext + AtOnce, state->RenewCount);
        while (state->RenewNext < end)
        {
            ulong* entry = state->Renewed[state->RenewNext];
            state->RenewNext++;
            // A page table may have been given back since. Where it is one again, each writable entry in it is to be
            // protected anyway.
            if (Frames.StateOf(DirectMap.PhysicalOf(entry)) == FrameState.PageTable)
                ProtectEntry(entry);
        }
        return end == state->RenewCount;
    }

    // One table of leaf entries. True when all are done.
    private static bool WalkSome(CheckpointState* state)
    {
        if (!TryFindPart(state, out ulong root, out ulong end))
            return true;
        // The walk stands where a table's part begins, so this is the table's first entry.
        ulong* table = PageTable.Next(root, ref state->WalkAddress, end);
        if (table == null)
        {
            state->WalkSpace = state->WalkSpace == KernelPart ? AddressSpace.NewestSerial : state->WalkSpace - 1;
            state->WalkAddress = 0;
            return false;
        }
        for (int i = 0; i < PageTable.Entries; i++)
            ProtectEntry(table + i);
        state->WalkAddress += TableSize;
        return false;
    }

    // Which tables are walked through now: the kernel's, then each address space's, from the newest to the oldest,
    // which serial numbers find again after others have run. False behind the oldest.
    private static bool TryFindPart(CheckpointState* state, out ulong root, out ulong end)
    {
        root = PageTable.KernelRoot;
        end = DirectMap.Base + SlotSize;
        if (state->WalkSpace == KernelPart)
            return true;
        AddressSpace* space = AddressSpace.First;
        while (space != null && space->Serial > state->WalkSpace)
            space = space->Next;
        if (space == null)
        {
            state->WalkSpace = 0;
            return false;
        }
        if (space->Serial < state->WalkSpace)
        {
            state->WalkSpace = space->Serial;
            state->WalkAddress = 0;
        }
        root = space->Root;
        end = AddressSpace.End;
        return true;
    }

    private static void ProtectEntry(ulong* entry)
    {
        const ulong PresentAndWritable = PageTable.Present | PageTable.ReadWrite;
        if ((*entry & PresentAndWritable) == PresentAndWritable && !IsExempt(*entry))
            *entry = (*entry & ~PageTable.ReadWrite) | Mark;
    }

    /// <summary>
    /// Copies a page table without what the checkpoint and the processor have set in it (marks, accessed and
    /// dirty flags), so that a table is the same bytes whenever it is sent, and arrives clean.
    /// </summary>
    public static void CopyClean(ulong* from, ulong* to)
    {
        const ulong Added = Mark | PageTable.Accessed | PageTable.Dirty;
        for (int i = 0; i < PageTable.Entries; i++)
        {
            ulong entry = from[i];
            if ((entry & PageTable.Present) != 0)
            {
                ulong writable = (entry & Mark) != 0 ? PageTable.ReadWrite : 0;
                entry = (entry & ~Added) | writable;
            }
            to[i] = entry;
        }
    }

    /// <summary>
    /// True for mappings of what is never write-protected: page tables say themselves when they change (<see
    /// cref="PageTable.Set"/>), the checkpoint's own pages and the devices' are not part of it.
    /// </summary>
    public static bool IsExempt(ulong entry)
    {
        FrameState use = Frames.StateOf(entry & PageTable.AddressMask);
        return use is FrameState.PageTable or FrameState.Excluded or FrameState.Checkpoint or FrameState.Absent;
    }
}
