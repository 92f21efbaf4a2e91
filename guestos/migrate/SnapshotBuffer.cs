namespace Guestos;

/// <summary>
/// Memory to keep pages in that change after the fork (thesis §6.6.5). It is as large as the working set that was
/// measured in the last round, as far as that can be sent within the freeze budget. Frames are taken while the guest
/// still works, because to take them is to write to their descriptors, which may lie anywhere: what that dirties is
/// sent in the next round. At the fork there must be a page for every page still to be sent (<see cref="Assign"/>);
/// nothing is allocated then.
/// </summary>
internal static unsafe class SnapshotBuffer
{
    /// <summary>Pages that it begins with, and has at least.</summary>
    public const uint MinPages = 64;

    /// <summary>
    /// Pages beyond what the algorithm counts with: for what is written between the end of the last round and the fork.
    /// </summary>
    private const uint Slack = 64;

    /// <summary>
    /// Set in <see cref="CheckpointState.UseAtFork"/> when the page has been kept, or need not be any more.
    /// </summary>
    private const byte Filled = 0x80;

    /// <summary>
    /// A sixteenth of memory, and at least 512 pages: beyond it the guest would be starved of what it runs in.
    /// </summary>
    public static uint MaxPages(uint frames) => System.Math.Min(System.Math.Max(frames / 16, 512), MaxIndex - Slack);

    /// <summary>What an index of <see cref="CheckpointState.KeptOf"/> can say.</summary>
    private const uint MaxIndex = ushort.MaxValue;

    /// <summary>Pages that there may be in all.</summary>
    public static uint Capacity(uint frames) => MaxPages(frames) + Slack;

    /// <summary>
    /// Between two rounds: as many pages as were written to in the one that ends, if the limit and the guest's free
    /// memory allow. False when there is not even the least.
    /// </summary>
    public static bool Follow(CheckpointState* state)
    {
        ulong useful = System.Math.Min(state->Dirty.Count, ForkThreshold.MaxPages(state));
        ulong wanted = System.Math.Min(System.Math.Max(useful, MinPages), MaxPages(state->Frames));
        state->BufferPages = (uint)wanted;
        while (state->BufferCount < state->BufferPages + Slack && Frames.Free > Frames.KernelReserve)
        {
            byte* page = CheckpointMemory.Take(Frames.Size);
            if (page == null)
                break;
            ulong frame = CheckpointMemory.FrameOf(page);
            state->LeaveOut((uint)(frame >> 12));
            state->Buffer[state->BufferCount] = frame;
            state->BufferCount++;
        }
        return state->BufferCount >= MinPages;
    }

    /// <summary>
    /// True when there is a page for each that was written to, and the list of what is to be protected again is whole.
    /// </summary>
    public static bool Fits(CheckpointState* state) =>
        state->Dirty.Count <= state->BufferCount && !state->UnprotectedOverflow;

    /// <summary>
    /// At the fork: gives each page that is still to be sent one of the buffer's to be kept in, and notes what it was
    /// used for, since this side goes on to free and take frames. The caller has counted: they are no more than the
    /// buffer has.
    /// </summary>
    public static void Assign(CheckpointState* state)
    {
        uint slot = 0;
        for (uint frame = state->Transmit.Next(0); frame != uint.MaxValue; frame = state->Transmit.Next(frame + 1))
        {
            state->UseAtFork[slot] = (byte)Frames.StateOf((ulong)frame << 12);
            slot++;
            state->KeptOf[frame] = (ushort)slot;
        }
    }

    /// <summary>
    /// At the fork: a page that the arrived guest does without, which is sent as zeros and need not be kept.
    /// </summary>
    public static void Discard(CheckpointState* state, uint frame)
    {
        uint slot = frame < state->Frames ? state->KeptOf[frame] : 0u;
        if (slot != 0)
            state->UseAtFork[slot - 1] = (byte)FrameState.Excluded | Filled;
    }

    /// <summary>After the fork: what there was to send of a page has been copied, or is not needed.</summary>
    public static void Forget(CheckpointState* state, uint frame) => state->KeptOf[frame] = 0;

    /// <summary>
    /// Copy on write: keeps what the page holds. Does nothing where it is kept or sent already, or not to be sent.
    /// </summary>
    public static void Preserve(CheckpointState* state, uint frame)
    {
        uint slot = frame < state->Frames ? state->KeptOf[frame] : 0u;
        if (slot == 0 || (state->UseAtFork[slot - 1] & Filled) != 0)
            return;
        // SAFETY: both are whole frames in the direct map; the destination is the checkpoint's own.
        byte* kept = DirectMap.At(state->Buffer[slot - 1]);
        System.Buffer.MemoryCopy(DirectMap.At((ulong)frame << 12), kept, 4096UL, 4096UL);
        state->UseAtFork[slot - 1] |= Filled;
    }

    /// <summary>A page that was kept, or null when it is still as it was at the fork.</summary>
    public static byte* KeptPage(CheckpointState* state, uint frame)
    {
        uint slot = state->KeptOf[frame];
        return slot != 0 && (state->UseAtFork[slot - 1] & Filled) != 0 ? DirectMap.At(state->Buffer[slot - 1]) : null;
    }

    /// <summary>What a page still to be sent was used for at the fork.</summary>
    public static FrameState UseAtFork(CheckpointState* state, uint frame) =>
        (FrameState)(state->UseAtFork[state->KeptOf[frame] - 1] & ~Filled);
}
