using System;

namespace Guestos;

/// <summary>
/// The fault log (thesis §6.3): what happens when somebody writes to a page that the checkpoint has write-protected.
/// Runs on the interrupt stack that is never protected, writes only to <see cref="CheckpointState"/> and page tables, takes no lock
/// and calls nobody who might write elsewhere: a fault in here would be fatal.
/// </summary>
internal static unsafe class FaultLog
{
    /// <summary>Notes the write and lifts the protection of one mapping, or says that the fault is somebody else's.</summary>
    /// <param name="address">CR2.</param>
    /// <param name="root">Physical address of the page-table root in force.</param>
    public static bool Handle(CheckpointState* state, ulong address, ulong root)
    {
        ulong* entry = WriteProtection.LeafOf(root, address);
        if (entry == null || (*entry & WriteProtection.Mark) == 0)
            return false;
        Note(state, WriteProtection.FrameOf(*entry));
        WriteProtection.Lift(state, entry);
        System.Machine.Processor.InvalidatePage(address);
        return true;
    }

    /// <summary>A frame is about to change, by a write fault or by a writer that tells so (page tables, devices).</summary>
    public static void Note(CheckpointState* state, uint frame)
    {
        if (state->Phase == CheckpointPhase.Rounds)
            state->Dirty.Add(frame);
        else
            Preserve(state, frame);
    }

    /// <summary>
    /// Copy on write into the snapshot buffer, which was made at the fork for every page that was then still to be sent: only those need it.
    /// </summary>
    public static void Preserve(CheckpointState* state, uint frame)
    {
        if (frame >= state->Frames || state->CopyOf[frame] != 0 || !state->Transmit.Contains(frame))
            return;
        if (state->BufferUsed == state->BufferCapacity)
            Panic.Stop("the snapshot buffer is smaller than the set it was made for"u8);
        // SAFETY: both are whole frames in the direct map; the destination is the checkpoint's own.
        byte* copy = DirectMap.At(state->Buffer[state->BufferUsed++]);
        Buffer.MemoryCopy(DirectMap.At((ulong)frame << 12), copy, 4096UL, 4096UL);
        state->CopyOf[frame] = (ushort)state->BufferUsed;
    }
}
