using System;
using Board;
using Wire;

namespace Guestos;

/// <summary>
/// Self-checkpointing, seen from the rest of the kernel (thesis chapters 5 and 6): whether one is in progress, and what
/// the layers below call meanwhile.
/// </summary>
public static unsafe class Checkpoint
{
    // The one pointer to what is never part of a checkpoint. It is itself ordinary memory: in the copy it points to
    // nothing until Recovery has set it to null.
    private static CheckpointState* s_state;

    /// <summary>Null when no checkpoint is in progress.</summary>
    internal static CheckpointState* State => s_state;

    // ---- hooks ----

    /// <summary>
    /// Tells the layers below. Those of write faults stay when a checkpoint has ended: its marks are in the page tables
    /// where nobody has written since.
    /// </summary>
    private static void Hook()
    {
        Traps.OnWriteFault = &HandleWriteFault;
        Traps.MakeWritable = &MakeWritable;
        MmuNotifier.EntryChanges = &BeforeEntryWrite;
        MmuNotifier.FrameChanged = &FrameChanged;
        Scheduler.BeforeUserMode = &RateLimit.Hold;
        Network.ResolvePage = &ResolvePage;
    }

    private static void Unhook()
    {
        MmuNotifier.EntryChanges = null;
        MmuNotifier.FrameChanged = null;
        Scheduler.BeforeUserMode = null;
        Network.ResolvePage = null;
    }

    /// <summary>
    /// First thing on a page fault with P and W set in its error code: whether the checkpoint's protection caused it,
    /// which is lifted now. Runs on the interrupt stack; see <see cref="FaultLog"/>.
    /// </summary>
    private static WriteFault HandleWriteFault(TrapFrame* frame)
    {
        if (!FaultLog.Handle(s_state, frame->FaultAddress, Processor.ReadCr3()))
            return WriteFault.Other;
        bool mustWait = frame->FromUser && RateLimit.MustWait(s_state, Process.Current);
        return mustWait ? WriteFault.LiftedMustWait : WriteFault.Lifted;
    }

    /// <summary>
    /// Lifts protection from kernel memory that is about to be written where a fault cannot be taken.
    /// </summary>
    private static void MakeWritable(ulong address, ulong length)
    {
        for (ulong page = address & ~4095UL; page < address + length; page += 4096)
            FaultLog.Handle(s_state, page, Processor.ReadCr3());
    }

    /// <summary>
    /// A page-table entry is about to change (the table itself is never write-protected). Returns the value to store:
    /// while a checkpoint is in progress no mapping is born writable. Entries that point to tables pass unchanged.
    /// </summary>
    private static ulong BeforeEntryWrite(ulong* entry, ulong value)
    {
        FaultLog.Note(s_state, (uint)(DirectMap.PhysicalOf(entry) >> 12));
        return (value & 3) == 3 && !WriteProtection.IsExempt(value) ? (value & ~2UL) | WriteProtection.Mark : value;
    }

    /// <summary>
    /// Write protection ceases or begins to matter for a frame: it is now <see cref="FrameState.PageTable"/>,
    /// <see cref="FrameState.Excluded"/> or <see cref="FrameState.Checkpoint"/>, or no longer. Called with the new
    /// state set.
    /// </summary>
    private static void FrameChanged(ulong physical)
    {
        CheckpointState* state = s_state;
        FaultLog.Note(state, (uint)(physical >> 12));
        ulong* entry = WriteProtection.LeafOf(PageTable.KernelRoot, (ulong)DirectMap.At(physical));
        if (entry != null)
            WriteProtection.Lift(state, entry);
    }

    /// <summary>Where the bytes of a page queued to the network are now (netstack: Link.ResolveFrame).</summary>
    private static byte* ResolvePage(ulong reference) => PageCleaner.ContentOf(s_state, (uint)(reference >> 12));

    /// <summary>A received frame that this side of the fork must not answer.</summary>
    internal static void CaptureLate(Netstack.FramePiece* pieces, int count) => s_state->Late.Capture(pieces, count);

    // ---- life ----

    /// <summary>0, -EBUSY when one is in progress, -ENOMEM.</summary>
    internal static long Begin()
    {
        if (s_state != null)
            return Errno.EBUSY;
        uint frames = (uint)(Frames.End >> 12);
        // One block, laid out by walking it twice: once to know how long it is, once to fill it in.
        CheckpointState measured = default;
        ulong size = Layout(&measured, null, frames);
        byte* memory = CheckpointMemory.Take(size);
        // SAFETY: a zeroed block of at least `size` bytes, ours alone.
        var state = (CheckpointState*)memory;
        if (state != null)
        {
            Layout(state, memory, frames);
            state->PageSocket = -1;
            state->Budget = ForkThreshold.StandardBudget;
        }
        if (state == null || !SnapshotBuffer.Follow(state))
        {
            Console.Write("checkpoint: its tables need "u8);
            Console.WriteDecimal(size >> 10);
            Console.Write(" KiB and the snapshot buffer some more, and only "u8);
            Console.WriteDecimal(Frames.Free * Frames.Size >> 10);
            Console.Write(" KiB are free\n"u8);
            CheckpointMemory.Give();
            return Errno.ENOMEM;
        }
        s_state = state;
        Hook();
        return 0;
    }

    /// <summary>
    /// The device is closed: back to normal operation. After a commit of which it is not proved what became, the copy
    /// may run: then this machine does nothing more.
    /// </summary>
    internal static void End()
    {
        CheckpointState* state = s_state;
        if (state == null)
            return;
        if (state->Stage == CheckpointStage.Committed)
        {
            Console.Write("checkpoint: the program that committed it has ended and does not know "u8);
            Console.Write("whether the copy runs: this machine stays silent\n"u8);
            return;
        }
        bool forked = state->IsForked;
        UsedFeatures.End();
        Network.AbandonStream(state->PageSocket);
        LateFrames late = state->Late;
        Unhook();
        s_state = null;
        if (forked)
            Resume(late);
        RateLimit.WakeAll();
        CheckpointMemory.Give();
    }

    /// <summary>
    /// In the copy: what the pointer pointed to stayed behind; the frames that the checkpoint used are given back.
    /// </summary>
    internal static void Arrive()
    {
        Unhook();
        Traps.OnWriteFault = null;
        Traps.MakeWritable = null;
        s_state = null;
        CheckpointMemory.Give();
    }

    /// <summary>The network goes on as if nothing had been, and hears what came meanwhile.</summary>
    private static void Resume(in LateFrames late)
    {
        Network.StopFiltering();
        int cursor = 0;
        while (late.Next(ref cursor, out byte* frame, out int length))
            Network.Deliver(frame, length);
        Network.Resume();
    }

    internal static long SetOptions(CheckpointState* state, CheckpointOptions options)
    {
        if (options != CheckpointOptions.None && state->Checksums == null)
        {
            state->Checksums = (uint*)CheckpointMemory.Take(state->Frames * 4UL);
            if (state->Checksums == null)
                return Errno.ENOMEM;
        }
        state->Options = options;
        return 0;
    }

    // Bytes needed in all; with memory, also sets the pointers.
    private static ulong Layout(CheckpointState* state, byte* memory, uint frames)
    {
        ulong capacity = SnapshotBuffer.Capacity(frames);
        // More than that is found again by a walk through everything.
        ulong list = Math.Min(frames / 2UL, 32768UL);
        ulong offset = (ulong)sizeof(CheckpointState);
        state->Frames = frames;
        state->Transmit = new FrameSet(Place(memory, ref offset, FrameSet.Bytes(frames)), frames);
        state->Dirty = new FrameSet(Place(memory, ref offset, FrameSet.Bytes(frames)), frames);
        state->UseAtFork = Place(memory, ref offset, capacity);
        state->KeptOf = (ushort*)Place(memory, ref offset, frames * 2UL);
        state->Buffer = (ulong*)Place(memory, ref offset, capacity * 8);
        state->UnprotectedCapacity = (uint)list;
        state->Unprotected = (ulong**)Place(memory, ref offset, list * 8);
        state->Renewed = (ulong**)Place(memory, ref offset, list * 8);
        state->Debts = (WriteDebt*)Place(memory, ref offset, (ulong)(RateLimit.Accounts * sizeof(WriteDebt)));
        state->RunBuffer = Place(memory, ref offset, CheckpointRecord.PageSize + 64);
        state->Clean = Place(memory, ref offset, CheckpointRecord.PageSize);
        state->SentOf = (ushort*)Place(memory, ref offset, frames * 2UL);
        state->Sent = (SentPage*)Place(memory, ref offset, SentPages.MaxPages(frames) * (ulong)sizeof(SentPage));
        ulong scratches = DeadMemory.MaxRanges * (ulong)sizeof(ScratchRange);
        state->Scratches = (ScratchRange*)Place(memory, ref offset, scratches);
        state->Late = new LateFrames(Place(memory, ref offset, HandOver.LateCapacity));
        return offset;
    }

    private static byte* Place(byte* memory, ref ulong offset, ulong size)
    {
        offset = (offset + 63) & ~63UL;
        byte* at = memory + offset;
        offset += size;
        return at;
    }
}
