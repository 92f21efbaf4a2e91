namespace Guestos;

/// <summary>Memory that a program has named by CHECKPOINT_SCRATCH, see <see cref="DeadMemory"/>.</summary>
internal struct ScratchRange
{
    /// <summary>Whose, <see cref="AddressSpace.Serial"/>; numbers are not used twice.</summary>
    public ulong Space;

    /// <summary>Both of whole pages.</summary>
    public ulong Address;
    public ulong Length;
}

/// <summary>
/// Memory in use whose content the copy does not need: rings that no connection holds, and what a program has said of
/// its own by CHECKPOINT_SCRATCH. What is still to be sent of it at the fork arrives as zeros, and is not kept.
/// </summary>
internal static unsafe class DeadMemory
{
    public const int MaxRanges = 4;

    /// <summary>At the fork, once each page that is still to be sent has its place.</summary>
    public static void Discard(CheckpointState* state)
    {
        for (int i = 0; i < RingPool.Idle; i++)
            for (int offset = 0; offset < RingPool.Size; offset += Frames.Size)
                SnapshotBuffer.Discard(state, (uint)(DirectMap.PhysicalOf(RingPool.IdleRing(i) + offset) >> 12));
        AddressSpace* space = Process.Current->Space;
        for (int i = 0; i < state->ScratchCount; i++)
            if (state->Scratches[i].Space == space->Serial)
                Discard(state, space, state->Scratches[i]);
    }

    private static void Discard(CheckpointState* state, AddressSpace* space, in ScratchRange range)
    {
        for (ulong address = range.Address; address - range.Address < range.Length; address += Frames.Size)
        {
            ulong* entry = WriteProtection.LeafOf(space->Root, address);
            if (entry == null || !PageTable.IsWritable(*entry))
                continue;
            // A page that others see too is not this program's alone to throw away.
            ulong physical = (ulong)WriteProtection.FrameOf(*entry) << 12;
            if (Frames.StateOf(physical) == FrameState.User && Frames.References(physical) == 1)
                SnapshotBuffer.Discard(state, (uint)(physical >> 12));
        }
    }
}
