namespace Guestos;

/// <summary>
/// Taking away and giving back write access to all of memory (thesis §6.2.1): every leaf entry of the direct map and of every
/// address space that allows writing becomes read-only and carries a software mark, by which the fault log knows its own.
/// Atomic because the one processor runs it with interrupts off.
/// </summary>
internal static unsafe class WriteProtection
{
    /// <summary>Software bit 9 of a leaf entry (ignored by the processor, Intel SDM vol. 3 table 5-20): was writable before a checkpoint.</summary>
    public const ulong Mark = 1UL << 9;

    private const ulong Present = 1;
    private const ulong Writable = 2;
    private const ulong Accessed = 1 << 5;
    private const ulong Dirty = 1 << 6;
    private const ulong AddressBits = 0x000f_ffff_ffff_f000;
    private const int DirectMapSlot = 384;
    private const int UserSlots = 256;

    public static uint FrameOf(ulong entry) => (uint)((entry & AddressBits) >> 12);

    /// <summary>The 4 KiB leaf entry that maps an address, or null. The kernel uses no larger pages.</summary>
    public static ulong* LeafOf(ulong root, ulong address)
    {
        ulong table = root & AddressBits;
        for (int shift = 39; shift > 12; shift -= 9)
        {
            ulong entry = ((ulong*)DirectMap.At(table))[(address >> shift) & 511];
            if ((entry & Present) == 0)
                return null;
            table = entry & AddressBits;
        }
        ulong* leaf = (ulong*)DirectMap.At(table) + ((address >> 12) & 511);
        return (*leaf & Present) != 0 ? leaf : null;
    }

    /// <summary>Makes one mapping writable again and remembers it for the next <see cref="Renew"/>.</summary>
    public static void Lift(CheckpointState* state, ulong* entry)
    {
        *entry = (*entry & ~Mark) | Writable;
        if (state->UnprotectedCount < state->UnprotectedCapacity)
            state->Unprotected[state->UnprotectedCount++] = entry;
        else
            state->UnprotectedOverflow = true;
    }

    /// <summary>Protects everything: the first round.</summary>
    public static void Protect(CheckpointState* state)
    {
        // Emptied first: the walk itself writes to its stack, and whatever it makes writable again must be found here the next time.
        state->UnprotectedCount = 0;
        state->UnprotectedOverflow = false;
        ForEveryLeaf(&ProtectEntry);
        PageTable.Flush();
    }

    /// <summary>Protects again what was written to since the last time: between rounds, and at the fork. Costs as much as the working set is large.</summary>
    public static void Renew(CheckpointState* state)
    {
        if (state->UnprotectedOverflow)
        {
            Protect(state);
            return;
        }
        // Two lists by turns, for the same reason: this loop's own stack may be protected by it, fault, and be noted anew.
        ulong** entries = state->Unprotected;
        uint count = state->UnprotectedCount;
        state->Unprotected = state->UnprotectedSpare;
        state->UnprotectedSpare = entries;
        state->UnprotectedCount = 0;
        for (uint i = 0; i < count; i++)
        {
            // A page table may have been given back since. Where it is one again, each writable entry in it is to be protected anyway.
            if (Frames.StateOf(DirectMap.PhysicalOf(entries[i])) == FrameState.PageTable)
                ProtectEntry(entries[i]);
        }
        PageTable.Flush();
    }

    /// <summary>Gives all of it back: the end of a checkpoint, and the first thing after arrival.</summary>
    public static void Remove()
    {
        ForEveryLeaf(&LiftEntry);
        PageTable.Flush();
    }

    private static void ProtectEntry(ulong* entry)
    {
        if ((*entry & (Present | Writable)) == (Present | Writable) && !IsExempt(*entry))
            *entry = (*entry & ~Writable) | Mark;
    }

    private static void LiftEntry(ulong* entry)
    {
        if ((*entry & Mark) != 0)
            *entry = (*entry & ~Mark) | Writable;
    }

    /// <summary>
    /// Copies a page table without what the checkpoint and the processor have scribbled into it (marks, accessed and dirty flags), so that
    /// a table is the same bytes whenever it is sent, and arrives clean.
    /// </summary>
    public static void CopyClean(ulong* from, ulong* to)
    {
        const ulong scribbles = Mark | Accessed | Dirty;
        for (int i = 0; i < 512; i++)
        {
            ulong entry = from[i];
            to[i] = (entry & Present) == 0 ? entry : (entry & Mark) != 0 ? (entry & ~scribbles) | Writable : entry & ~scribbles;
        }
    }

    // Page tables say themselves when they change (PageTable), the checkpoint's own pages and the devices' are not part of it.
    public static bool IsExempt(ulong entry) =>
        Frames.StateOf(entry & AddressBits) is FrameState.PageTable or FrameState.Excluded or FrameState.Checkpoint or FrameState.Lent or FrameState.Absent;

    private static void ForEveryLeaf(delegate*<ulong*, void> action)
    {
        Walk(PageTable.KernelRoot, DirectMapSlot, DirectMapSlot + 1, action);
        for (AddressSpace* space = AddressSpace.First; space != null; space = space->Next)
            Walk(space->Root, 0, UserSlots, action);
    }

    private static void Walk(ulong root, int first, int end, delegate*<ulong*, void> action)
    {
        ulong* top = (ulong*)DirectMap.At(root);
        for (int i = first; i < end; i++)
            if ((top[i] & Present) != 0)
                WalkTable(top[i] & AddressBits, 2, action);
    }

    // level 2: pointers to directories, 1: pointers to tables, 0: leaves.
    private static void WalkTable(ulong table, int level, delegate*<ulong*, void> action)
    {
        ulong* entries = (ulong*)DirectMap.At(table);
        for (int i = 0; i < 512; i++)
        {
            if ((entries[i] & Present) == 0)
                continue;
            if (level == 0)
                action(entries + i);
            else
                WalkTable(entries[i] & AddressBits, level - 1, action);
        }
    }
}
