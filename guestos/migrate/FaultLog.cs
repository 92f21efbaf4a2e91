namespace Guestos;

/// <summary>
/// The fault log (thesis §6.3): what happens when somebody writes to a page that the checkpoint has write-protected.
/// Runs on the interrupt stack that is never protected, writes only to <see cref="CheckpointState"/> and page tables,
/// takes no lock and calls nobody who might write elsewhere: a fault in here would be fatal.
/// </summary>
internal static unsafe class FaultLog
{
    /// <summary>
    /// Notes the write and lifts the protection of one mapping, or says that the fault is somebody else's.
    /// </summary>
    /// <param name="state">Null when the checkpoint is over and the mapping has not been written to since.</param>
    /// <param name="address">CR2.</param>
    /// <param name="root">Physical address of the page-table root in force.</param>
    public static bool Handle(CheckpointState* state, ulong address, ulong root)
    {
        ulong* entry = WriteProtection.LeafOf(root, address);
        if (entry == null || (*entry & WriteProtection.Mark) == 0)
            return false;
        if (state != null)
            Note(state, WriteProtection.FrameOf(*entry));
        WriteProtection.Lift(state, entry);
        Board.Processor.InvalidatePage(address);
        return true;
    }

    /// <summary>
    /// A frame is about to change, by a write fault or by a writer that tells so (page tables, devices).
    /// </summary>
    public static void Note(CheckpointState* state, uint frame)
    {
        if (state->IsForked)
            SnapshotBuffer.Preserve(state, frame);
        else if (state->Dirty.Add(frame))
            RateLimit.Charge(state);
    }
}
