namespace Guestos;

/// <summary>
/// Memory for copies of pages that change after the fork (thesis §6.6.5). Made when the working set is known to fit: one page for every
/// page still to be sent, so that the copy on write can never find it full.
/// </summary>
internal static unsafe class SnapshotBuffer
{
    /// <summary>A sixteenth of memory, and at least 512 pages: beyond it the guest would be starved of what it runs in.</summary>
    public static uint Limit(CheckpointState* state) => state->Frames / 16 > 512 ? state->Frames / 16 : 512;

    /// <summary>False when memory does not suffice; nothing is kept then.</summary>
    public static bool Make(CheckpointState* state)
    {
        // Allocating changes a few pages itself (frame descriptors, page tables), hence the slack.
        uint wanted = state->Dirty.Count + 64;
        if (wanted > state->BufferCapacityLimit)
            return false;
        while (state->BufferCapacity < wanted)
        {
            ulong page = Frames.Allocate();
            if (page == 0)
                return false;
            Frames.SetState(page, FrameState.Checkpoint);
            state->Buffer[state->BufferCapacity++] = page;
        }
        return true;
    }

    public static void Free(CheckpointState* state)
    {
        while (state->BufferCapacity > 0)
            Frames.Release(state->Buffer[--state->BufferCapacity]);
    }
}
