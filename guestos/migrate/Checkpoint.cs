using System;
using System.Machine;
using Wire;

namespace Guestos;

/// <summary>
/// Self-checkpointing, seen from the rest of the kernel (thesis chapters 5 and 6): whether one is in progress, and the hooks by which
/// those who change memory behind the page tables' back say so.
/// </summary>
public static unsafe class Checkpoint
{
    // The one pointer to what is never part of a checkpoint. It is itself ordinary memory: in the copy it points to nothing
    // until Recovery has set it to null.
    private static CheckpointState* s_state;

    /// <summary>Null when no checkpoint is in progress.</summary>
    internal static CheckpointState* State => s_state;

    public static bool Active => s_state != null;

    /// <summary>In a page-table entry: read-only just because of a checkpoint, see <see cref="WriteProtection"/>.</summary>
    public const ulong EntryBit = WriteProtection.Mark;

    /// <summary>After the fork only the migration's own packets may leave and arrive here.</summary>
    public static bool HasForked => s_state != null && s_state->Phase != CheckpointPhase.Rounds;

    // ---- hooks ----

    /// <summary>
    /// First thing on a page fault with P and W set in its error code. True when the checkpoint's protection caused it, which is lifted now:
    /// return to the instruction. Runs on the interrupt stack; see <see cref="FaultLog"/>.
    /// </summary>
    public static bool HandleWriteFault(ulong address, void* frame) => s_state != null && FaultLog.Handle(s_state, address, Processor.ReadCr3());

    /// <summary>Lifts protection from kernel memory that is about to be written where a fault cannot be taken.</summary>
    public static void MakeWritable(ulong address, ulong length)
    {
        if (s_state == null)
            return;
        for (ulong page = address & ~4095UL; page < address + length; page += 4096)
            FaultLog.Handle(s_state, page, Processor.ReadCr3());
    }

    /// <summary>
    /// A page-table entry is about to change (the table itself is never write-protected). Returns the value to store: while a checkpoint is
    /// in progress no mapping is born writable. Entries that point to tables pass unchanged.
    /// </summary>
    public static ulong BeforeEntryWrite(ulong* entry, ulong value)
    {
        if (s_state == null)
            return value;
        FaultLog.Note(s_state, (uint)(DirectMap.PhysicalOf(entry) >> 12));
        return (value & 3) == 3 && !WriteProtection.IsExempt(value) ? (value & ~2UL) | WriteProtection.Mark : value;
    }

    /// <summary>
    /// A frame begins or ceases to be one that is not write-protected (page table, excluded, lent): call with the new state set. From here on its
    /// writers tell, or are told, accordingly.
    /// </summary>
    public static void FrameChanged(ulong physical)
    {
        CheckpointState* state = s_state;
        if (state == null)
            return;
        FaultLog.Note(state, (uint)(physical >> 12));
        ulong* entry = WriteProtection.LeafOf(PageTable.KernelRoot, (ulong)DirectMap.At(physical));
        if (entry != null)
            WriteProtection.Lift(state, entry);
    }

    /// <summary>Where the bytes of a page queued to the network are now (netstack: Link.ResolveFrame).</summary>
    public static byte* ResolveFrame(ulong reference) =>
        s_state != null ? PageCleaner.ContentOf(s_state, (uint)(reference >> 12)) : DirectMap.At(reference);

    /// <summary>A received frame that this side of the fork must not answer.</summary>
    public static void CaptureLate(Netstack.Fragment* pieces, int count) => s_state->Late.Capture(pieces, count);

    // ---- life ----

    /// <summary>0, -EBUSY when one is in progress, -ENOMEM.</summary>
    internal static long Begin()
    {
        if (s_state != null)
            return Errno.Busy;
        uint frames = (uint)(Frames.End >> 12);
        ulong capacity = Math.Min(frames / 4UL, 16384UL);
        // One block, laid out by walking it twice: once to know how long it is, once to fill it in.
        CheckpointState measured = default;
        ulong size = Layout(&measured, null, frames, capacity);
        int count = (int)((size + Frames.Size - 1) / Frames.Size);
        ulong block = Frames.AllocateContiguous(count);
        if (block == 0)
            return Errno.NoMemory;
        for (int i = 0; i < count; i++)
            Frames.SetState(block + (ulong)i * Frames.Size, FrameState.Checkpoint);
        // SAFETY: a zeroed block of at least `size` bytes, ours alone.
        byte* memory = DirectMap.At(block);
        var state = (CheckpointState*)memory;
        Layout(state, memory, frames, capacity);
        state->FirstFrame = (uint)(block >> 12);
        state->OwnFrames = (uint)count;
        state->Socket = -1;
        s_state = state;
        return 0;
    }

    /// <summary>Closing: back to normal operation, or, after the commit, the end of the machine.</summary>
    internal static void End()
    {
        CheckpointState* state = s_state;
        if (state == null)
            return;
        if (state->Phase == CheckpointPhase.Committed)
            Processor.Reset();
        bool forked = state->Phase == CheckpointPhase.Forked;
        Network.AbandonStream(state->Socket);
        LateFrames late = state->Late;
        s_state = null;
        WriteProtection.Remove();
        if (forked)
            Network.OnResume(late);
        SnapshotBuffer.Free(state);
        RateLimit.WakeAll();
        ulong first = (ulong)state->FirstFrame << 12;
        for (uint i = state->OwnFrames; i-- > 0;)
            Frames.Release(first + i * (ulong)Frames.Size);
    }

    /// <summary>In the copy: what the pointer pointed to stayed behind; the frames that the checkpoint used are free.</summary>
    internal static void Arrive()
    {
        s_state = null;
        for (ulong frame = 0; frame < Frames.End; frame += Frames.Size)
            if (Frames.StateOf(frame) == FrameState.Checkpoint)
                Frames.Release(frame);
    }

    internal static long SetOptions(CheckpointState* state, uint options)
    {
        state->Options = options;
        if (options == 0)
            state->Checksums = null;
        else
            state->Checksums = state->ChecksumTable;
        return 0;
    }

    // Bytes needed in all; with memory, also sets the pointers.
    private static ulong Layout(CheckpointState* state, byte* memory, uint frames, ulong capacity)
    {
        ulong offset = (ulong)sizeof(CheckpointState);
        state->Frames = frames;
        state->Phase = CheckpointPhase.Rounds;
        state->Transmit = new FrameSet(Place(memory, ref offset, FrameSet.Bytes(frames)), frames);
        state->Dirty = new FrameSet(Place(memory, ref offset, FrameSet.Bytes(frames)), frames);
        state->UseAtFork = Place(memory, ref offset, frames);
        state->CopyOf = (ushort*)Place(memory, ref offset, frames * 2UL);
        state->ChecksumTable = (uint*)Place(memory, ref offset, frames * 4UL);
        state->BufferCapacityLimit = (uint)capacity;
        state->Buffer = (ulong*)Place(memory, ref offset, capacity * 8);
        state->UnprotectedCapacity = (uint)capacity * 2;
        state->Unprotected = (ulong**)Place(memory, ref offset, capacity * 16);
        state->UnprotectedSpare = (ulong**)Place(memory, ref offset, capacity * 16);
        state->Scratch = Place(memory, ref offset, CheckpointRecord.PageSize + 64);
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
