using System;
using Wire;

namespace Guestos;

/// <summary>
/// The page cleaner (thesis §6.3.1): turns memory into the checkpoint stream, piece by piece, while the guest runs.
/// Rounds until the writable working set fits the snapshot buffer, then the fork, then what is left.
/// </summary>
internal static unsafe class PageCleaner
{
    public enum Step
    {
        /// <summary>A piece waits in the state.</summary>
        Piece,

        /// <summary>A round ended; ask again.</summary>
        RoundEnd,

        /// <summary>Nothing yet, and nothing is being waited for: let others run, and ask again.</summary>
        Pause,

        /// <summary>
        /// The working set fits the snapshot buffer: <see cref="TryFork"/> when nothing that was sent is
        /// unacknowledged.
        /// </summary>
        ForkDue,

        /// <summary>The fork has happened, and this is the side that goes on sending. Ask again.</summary>
        Forked,

        /// <summary>This is the copy, on the machine it arrived on.</summary>
        Arrived,
    }

    /// <summary>
    /// Makes the next piece, up to the trailer. Called only when the last one was taken whole, before <see
    /// cref="CheckpointStage.Late"/>.
    /// </summary>
    public static Step Next(CheckpointState* state)
    {
        switch (state->Stage)
        {
            case CheckpointStage.Header:
                Begin(state);
                return Step.Piece;
            case CheckpointStage.Protection:
                if (!WriteProtection.ProtectPiece(state))
                    return Step.Pause;
                state->Enter(CheckpointStage.Round);
                return NextInRound(state);
            case CheckpointStage.Round:
                return NextInRound(state);
            default:
                if (!NextPage(state))
                    Finish(state);
                return Step.Piece;
        }
    }

    private static Step NextInRound(CheckpointState* state)
    {
        if (NextPage(state))
            return Step.Piece;
        return ForkThreshold.IsReached(state) ? Step.ForkDue : AnotherRound(state);
    }

    private static void Begin(CheckpointState* state)
    {
        CheckpointHash hash = state->Options != CheckpointOptions.None ? CheckpointHash.Crc32CSum : CheckpointHash.None;
        const MachineFeatures Needed = MachineFeatures.X86_64_V2 | MachineFeatures.VirtioMmio
            | MachineFeatures.VirtioNet | MachineFeatures.LocalApicTimer | MachineFeatures.CmosClock;
        Span<uint> addresses = stackalloc uint[CheckpointHeader.MaxAddresses];
        int count = Network.Stack->CopyAddresses(addresses);
        state->Features = Needed | UsedFeatures.Begin();
        CheckpointHeader.Emit(new Span<byte>(state->RunBuffer, CheckpointHeader.Size), hash, state->Features,
            state->Frames, CheckpointFork.RecoveryEntry, 0, addresses.Slice(0, count));
        state->Piece.Set(state->RunBuffer, CheckpointHeader.Size);
        state->Transmit.AddFrom(CheckpointHeader.FirstFrame);
        WriteProtection.BeginWalk(state);
        state->Enter(CheckpointStage.Protection);
    }

    // A page written again before it was sent will be sent in the next round anyway (thesis §6.3.1). What is written to
    // all the time would then be sent after the fork for the first time, as a whole: it is sent once before, so that
    // its lines suffice.
    private static bool NextPage(CheckpointState* state)
    {
        while (true)
        {
            uint frame = state->Transmit.Next(state->Cursor);
            if (frame == uint.MaxValue)
                return false;
            state->Cursor = frame + 1;
            bool postponed = !state->IsForked && state->Dirty.Contains(frame)
                && !SentPages.WantsBase(state, frame);
            if (postponed)
            {
                state->Transmit.Remove(frame);
                state->Postponed++;
                continue;
            }
            if (Describe(state, frame))
                return true;
        }
    }

    // False when there is nothing to say: the page is as it was sent before.
    private static bool Describe(CheckpointState* state, uint frame)
    {
        FrameState kind = state->IsForked
            ? SnapshotBuffer.UseAtFork(state, frame)
            : Frames.StateOf((ulong)frame << 12);
        if (HasNoContent(kind) || IsZero(ContentOf(state, frame)))
        {
            MakeZeros(state, frame);
            return true;
        }
        Count(state, frame);
        byte* before = SentPages.Of(state, frame);
        byte* kept = before;
        if (before == null && !state->IsForked && state->Round > 0)
            kept = SentPages.Take(state, frame);
        byte* page = Stable(state, frame, kind, kept != null);
        // What is verified was hashed at the fork.
        bool hashed = state->IsForked && (state->Options & CheckpointOptions.Verify) != 0;
        if (state->Checksums != null && !hashed)
            NoteChecksum(state, frame, Crc32C.Of(new ReadOnlySpan<byte>(page, CheckpointRecord.PageSize)));
        if (before != null)
            return DescribeChanges(state, frame, page, before);
        if (kept != null)
            Buffer.MemoryCopy(page, kept, CheckpointRecord.PageSize, CheckpointRecord.PageSize);
        if (kept != null || kind == FrameState.PageTable)
            MakeRun(state, frame, page);
        else
            MakeReference(state, frame);
        return true;
    }

    // A free frame's content means nothing, the checkpoint's own and the devices' pages stay behind: both arrive as
    // zeros.
    private static bool HasNoContent(FrameState kind) =>
        kind is FrameState.Free or FrameState.Excluded or FrameState.Checkpoint or FrameState.Absent;

    // The content of a page in a place where nobody writes to it while it is described: the page may be this code's own
    // stack. In a round only pages that are also kept are copied for that. The others are handed over by reference, and
    // TCP reads them as they are each time that it sends; a write meanwhile makes the page due once more. After the
    // fork the place is always the snapshot buffer, since the page must be sent as it was at the fork.
    private static byte* Stable(CheckpointState* state, uint frame, FrameState kind, bool kept)
    {
        if (kind == FrameState.PageTable)
        {
            WriteProtection.CopyClean((ulong*)ContentOf(state, frame), (ulong*)state->Clean);
            return state->Clean;
        }
        if (state->IsForked)
            SnapshotBuffer.Preserve(state, frame);
        byte* page = ContentOf(state, frame);
        if (state->IsForked || !kept)
            return page;
        Buffer.MemoryCopy(page, state->Clean, CheckpointRecord.PageSize, CheckpointRecord.PageSize);
        return state->Clean;
    }

    private static void Count(CheckpointState* state, uint frame)
    {
        state->Transmit.Remove(frame);
        state->PagesSent++;
        state->PagesInRound++;
    }

    // A record of this frame and of those behind it that are zeros, too, and due now.
    private static void MakeZeros(CheckpointState* state, uint frame)
    {
        // So that others need not wait: those that have to be read, and all of them.
        const uint MaxRead = 64;
        const uint MaxInAll = 1024;
        uint first = frame;
        uint read = 0;
        bool isZero = true;
        while (isZero)
        {
            Count(state, frame);
            if (state->Checksums != null)
                NoteChecksum(state, frame, Crc32C.ZeroPage);
            SentPages.Forget(state, frame);
            Done(state, frame);
            frame++;
            bool mayFollow = frame - first < MaxInAll && state->Transmit.Contains(frame)
                && (state->IsForked || !state->Dirty.Contains(frame));
            isZero = mayFollow && IsZeroNow(state, frame, ref read) && read <= MaxRead;
        }
        state->Cursor = frame;
        MakeHeader(state, first, RecordFlags.Zero, frame - first);
        state->Piece.Set(state->RunBuffer, CheckpointRecord.Size);
    }

    private static bool IsZeroNow(CheckpointState* state, uint frame, ref uint read)
    {
        FrameState kind = state->IsForked
            ? SnapshotBuffer.UseAtFork(state, frame)
            : Frames.StateOf((ulong)frame << 12);
        if (HasNoContent(kind))
            return true;
        read++;
        return IsZero(ContentOf(state, frame));
    }

    private static bool DescribeChanges(CheckpointState* state, uint frame, byte* page, byte* before)
    {
        ulong lines = CheckpointLines.Changed(new ReadOnlySpan<byte>(page, CheckpointRecord.PageSize),
            new ReadOnlySpan<byte>(before, CheckpointRecord.PageSize));
        state->LinePages++;
        if (lines == 0)
        {
            Done(state, frame);
            return false;
        }
        int length = CheckpointLines.Size(lines);
        if (length < CheckpointRecord.PageSize)
            MakeLines(state, frame, page, lines);
        else
            MakeRun(state, frame, page);
        state->ChangedBytes += (ulong)state->Piece.Run.Length;
        SentPages.Update(state, frame, page, lines);
        return true;
    }

    // Where the header of a record is made, and behind it what follows.
    private static Span<byte> MakeHeader(CheckpointState* state, uint frame, RecordFlags flags, uint count = 1)
    {
        state->Records++;
        // SAFETY: the scratch memory holds a record with its page.
        var record = new Span<byte>(state->RunBuffer, CheckpointRecord.Size + CheckpointRecord.PageSize);
        CheckpointRecord.Emit(record.Slice(0, CheckpointRecord.Size), frame, flags, count);
        return record.Slice(CheckpointRecord.Size);
    }

    /// <summary>A record whose page is read when it is taken.</summary>
    private static void MakeReference(CheckpointState* state, uint frame)
    {
        MakeHeader(state, frame, RecordFlags.Page);
        state->Piece.Set(state->RunBuffer, CheckpointRecord.Size, frame);
    }

    /// <summary>A record by copying.</summary>
    private static void MakeRun(CheckpointState* state, uint frame, byte* page)
    {
        Span<byte> to = MakeHeader(state, frame, RecordFlags.Page);
        new ReadOnlySpan<byte>(page, CheckpointRecord.PageSize).CopyTo(to);
        state->Piece.Set(state->RunBuffer, CheckpointRecord.Size + CheckpointRecord.PageSize);
        Done(state, frame);
    }

    private static void MakeLines(CheckpointState* state, uint frame, byte* page, ulong lines)
    {
        Span<byte> to = MakeHeader(state, frame, RecordFlags.Lines);
        int length = CheckpointLines.Emit(to, new ReadOnlySpan<byte>(page, CheckpointRecord.PageSize), lines);
        state->Piece.Set(state->RunBuffer, CheckpointRecord.Size + length);
        Done(state, frame);
    }

    // What there was to send of a page has been copied, or is not needed.
    private static void Done(CheckpointState* state, uint frame)
    {
        if (state->IsForked)
            SnapshotBuffer.Forget(state, frame);
    }

    private static void NoteChecksum(CheckpointState* state, uint frame, uint checksum)
    {
        state->Sum += CheckpointSum.Term(frame, checksum) - CheckpointSum.Term(frame, state->Checksums[frame]);
        state->Checksums[frame] = checksum;
    }

    /// <summary>
    /// What the checkpoint holds of a frame: its page in the snapshot buffer where that is filled (thesis §5.2.1), else
    /// the frame.
    /// </summary>
    public static byte* ContentOf(CheckpointState* state, uint frame) =>
        SnapshotBuffer.KeptPage(state, frame) is var kept && kept != null ? kept : DirectMap.At((ulong)frame << 12);

    private static bool IsZero(byte* page)
    {
        // SAFETY: a whole frame in the direct map.
        ulong* words = (ulong*)page;
        for (int i = 0; i < 512; i += 8)
        {
            ulong any = words[i] | words[i + 1] | words[i + 2] | words[i + 3]
                | words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7];
            if (any != 0)
                return false;
        }
        return true;
    }

    private static Step AnotherRound(CheckpointState* state)
    {
        SnapshotBuffer.Follow(state);
        SentPages.Grow(state);
        NextRound(state);
        state->Enter(CheckpointStage.Protection);
        return Step.RoundEnd;
    }

    /// <summary>
    /// The fork, if the working set has not outgrown the buffer meanwhile; else another round. Nothing may be on its
    /// way out: a device that reads a page late would read what this side has made of it since.
    /// </summary>
    public static Step TryFork(CheckpointState* state) => CheckpointFork.Fork(state) switch
    {
        CheckpointFork.Outcome.Arrived => Step.Arrived,
        CheckpointFork.Outcome.Forked => Step.Forked,
        _ => AnotherRound(state),
    };

    /// <summary>
    /// The dirty vector becomes the transmit vector; what was written meanwhile is to be protected again.
    /// </summary>
    public static void NextRound(CheckpointState* state)
    {
        RateLimit.Settle(state);
        (state->Transmit, state->Dirty) = (state->Dirty, state->Transmit);
        state->Dirty.Clear();
        state->Cursor = 0;
        state->Round++;
        state->PagesInRound = 0;
        state->LinePages = 0;
        state->ChangedBytes = 0;
        WriteProtection.Renew(state);
    }

    /// <summary>
    /// Checksums of every frame at the instant of the fork, against which the receiver's are held (thesis §6.6.4).
    /// </summary>
    public static void ChecksumAll(CheckpointState* state)
    {
        for (uint frame = CheckpointHeader.FirstFrame; frame < state->Frames; frame++)
        {
            FrameState kind = Frames.StateOf((ulong)frame << 12);
            if (HasNoContent(kind))
            {
                // Sent as zeros if it is sent again; otherwise what was sent before stands.
                if (state->Transmit.Contains(frame))
                    NoteChecksum(state, frame, Crc32C.ZeroPage);
                continue;
            }
            byte* page = ContentOf(state, frame);
            if (kind == FrameState.PageTable)
            {
                WriteProtection.CopyClean((ulong*)page, (ulong*)state->Clean);
                page = state->Clean;
            }
            uint checksum = Crc32C.Of(new ReadOnlySpan<byte>(page, CheckpointRecord.PageSize));
            if (!state->Transmit.Contains(frame) && state->Checksums[frame] != checksum)
                Report(frame, kind);
            NoteChecksum(state, frame, checksum);
        }
    }

    // A write that the fault log missed: the page was sent as something else and is not to be sent again.
    private static void Report(uint frame, FrameState kind)
    {
        Console.Write("checkpoint: frame "u8);
        Console.WriteHex(frame);
        Console.Write(" in use as "u8);
        Console.WriteDecimal((ulong)kind);
        Console.Write(" changed unnoticed\n"u8);
    }

    private static void Finish(CheckpointState* state)
    {
        var to = new Span<byte>(state->RunBuffer, CheckpointRecord.Size + CheckpointTrailer.Size);
        CheckpointRecord.Emit(to.Slice(0, CheckpointRecord.Size), CheckpointRecord.EndFrame, RecordFlags.End);
        CheckpointTrailer.Emit(to.Slice(CheckpointRecord.Size), state->Records, state->Sum);
        state->Piece.Set(state->RunBuffer, to.Length);
        state->Enter(CheckpointStage.Late);
    }
}
