using System;
using Wire;

namespace Guestos;

/// <summary>
/// The page cleaner (thesis §6.3.1): turns memory into the checkpoint stream, piece by piece, while the guest runs.
/// Rounds until the writable working set fits the snapshot buffer, then the fork, then what is left.
/// </summary>
internal static unsafe class PageCleaner
{
    public const uint OptionChecksum = 1;
    public const uint OptionVerify = 2;

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

        /// <summary>The trailer was given.</summary>
        End,

        /// <summary>This is the copy, on the machine it arrived on.</summary>
        Arrived,
    }

    /// <summary>Makes the next piece. Called only when the last one was taken whole.</summary>
    public static Step Next(CheckpointState* state)
    {
        switch (state->Part)
        {
            case StreamPart.Header:
                Begin(state);
                return Step.Piece;
            case StreamPart.Protection:
                if (!WriteProtection.ProtectPiece(state))
                    return Step.Pause;
                state->Part = StreamPart.Rounds;
                return Next(state);
            case StreamPart.Rounds:
                return NextPage(state) ? Step.Piece : EndRound(state);
            case StreamPart.Final:
                if (!NextPage(state))
                    Finish(state);
                return Step.Piece;
            default:
                return Step.End;
        }
    }

    private static void Begin(CheckpointState* state)
    {
        var kind = state->Options != 0 ? CheckpointHash.Crc32CSum : CheckpointHash.None;
        Span<uint> addresses = stackalloc uint[CheckpointHeader.MostAddresses];
        int count = Network.Stack->CopyAddresses(addresses);
        CheckpointHeader.Emit(new Span<byte>(state->Scratch, CheckpointHeader.Size), kind,
            MachineFeatures.X86_64_V2 | MachineFeatures.VirtioMmio | MachineFeatures.VirtioNet | MachineFeatures.LocalApicTimer | MachineFeatures.CmosClock,
            state->Frames, CheckpointFork.RecoveryEntry, 0, addresses.Slice(0, count));
        state->Run = state->Scratch;
        state->RunLength = CheckpointHeader.Size;
        state->Transmit.AddFrom(CheckpointHeader.FirstFrame);
        WriteProtection.BeginWalk(state);
        state->Part = StreamPart.Protection;
    }

    private static bool NextPage(CheckpointState* state)
    {
        while (true)
        {
            uint frame = state->Transmit.Next(state->Cursor);
            if (frame == uint.MaxValue)
                return false;
            state->Cursor = frame + 1;
            // A page written again before it was sent will be sent in the next round anyway (thesis §6.3.1).
            if (state->Phase == CheckpointPhase.Rounds && state->Dirty.Contains(frame))
            {
                state->Transmit.Remove(frame);
                state->Postponed++;
                continue;
            }
            Describe(state, frame);
            return true;
        }
    }

    private static void Describe(CheckpointState* state, uint frame)
    {
        FrameState kind = state->Phase == CheckpointPhase.Rounds
            ? Frames.StateOf((ulong)frame << 12) : SnapshotBuffer.UseAtFork(state, frame);
        byte* page = ContentOf(state, frame);
        // A free frame's content means nothing, the checkpoint's own and the devices' pages stay behind: both arrive as
        // zeros.
        bool zero = kind is FrameState.Free or FrameState.Excluded or FrameState.Checkpoint or FrameState.Lent or FrameState.Absent || IsZero(page);
        var header = new Span<byte>(state->Scratch, CheckpointRecord.Size);
        CheckpointRecord.Emit(header, frame, zero ? RecordFlags.Zero : RecordFlags.Page);
        state->Run = state->Scratch;
        state->RunLength = CheckpointRecord.Size;
        state->Records++;
        state->PagesSent++;
        state->PagesInRound++;
        if (zero)
        {
            if (state->Checksums != null)
                NoteChecksum(state, frame, Crc32C.ZeroPage);
            state->Transmit.Remove(frame);
            return;
        }
        if (kind == FrameState.PageTable)
        {
            page = state->Scratch + CheckpointRecord.Size;
            WriteProtection.CopyClean((ulong*)ContentOf(state, frame), (ulong*)page);
            state->RunLength += CheckpointRecord.PageSize;
            state->Transmit.Remove(frame);
        }
        else
        {
            // After the fork a page is sent from the snapshot buffer, changed or not: the device reads it whenever it
            // likes.
            if (state->Phase != CheckpointPhase.Rounds)
            {
                SnapshotBuffer.Preserve(state, frame);
                page = ContentOf(state, frame);
            }
            state->Page = frame;
            state->PageOffset = 0;
            state->Transmit.Remove(frame);
        }
        // What is verified was hashed at the fork.
        bool hashed = state->Phase != CheckpointPhase.Rounds && (state->Options & OptionVerify) != 0;
        if (state->Checksums != null && !hashed)
            NoteChecksum(state, frame, Crc32C.Of(new ReadOnlySpan<byte>(page, CheckpointRecord.PageSize)));
    }

    private static void NoteChecksum(CheckpointState* state, uint frame, uint checksum)
    {
        state->Sum += CheckpointSum.Term(frame, checksum) - CheckpointSum.Term(frame, state->Checksums[frame]);
        state->Checksums[frame] = checksum;
    }

    /// <summary>
    /// What the checkpoint holds of a frame: its copy in the snapshot buffer where there is one (thesis §5.2.1), else
    /// the frame.
    /// </summary>
    public static byte* ContentOf(CheckpointState* state, uint frame) =>
        SnapshotBuffer.CopyOf(state, frame) is var copy && copy != null ? copy : DirectMap.At((ulong)frame << 12);

    private static bool IsZero(byte* page)
    {
        // SAFETY: a whole frame in the direct map.
        ulong* words = (ulong*)page;
        for (int i = 0; i < 512; i++)
            if (words[i] != 0)
                return false;
        return true;
    }

    private static Step EndRound(CheckpointState* state)
    {
        if (state->Dirty.Count <= state->BufferPages && SnapshotBuffer.Fits(state))
            return Step.ForkDue;
        return AnotherRound(state);
    }

    private static Step AnotherRound(CheckpointState* state)
    {
        SnapshotBuffer.Grow(state);
        NextRound(state);
        state->Part = StreamPart.Protection;
        return Step.RoundEnd;
    }

    /// <summary>
    /// The fork, if the working set has not outgrown the buffer meanwhile; else another round. Nothing may be on its
    /// way out: a device that reads a page late would read what this side has made of it since.
    /// </summary>
    public static Step TryFork(CheckpointState* state)
    {
        return CheckpointFork.Fork(state) switch
        {
            CheckpointFork.Outcome.Arrived => Step.Arrived,
            CheckpointFork.Outcome.Forked => Step.RoundEnd,
            _ => AnotherRound(state),
        };
    }

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
            if (kind is FrameState.Free or FrameState.Excluded or FrameState.Checkpoint or FrameState.Lent or FrameState.Absent)
            {
                // Sent as zeros if it is sent again; otherwise what was sent before stands.
                if (state->Transmit.Contains(frame))
                    NoteChecksum(state, frame, Crc32C.ZeroPage);
                continue;
            }
            byte* page = ContentOf(state, frame);
            if (kind == FrameState.PageTable)
            {
                byte* clean = state->Scratch + CheckpointRecord.Size;
                WriteProtection.CopyClean((ulong*)page, (ulong*)clean);
                page = clean;
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
        var to = new Span<byte>(state->Scratch, CheckpointRecord.Size + CheckpointTrailer.Size);
        CheckpointRecord.Emit(to.Slice(0, CheckpointRecord.Size), CheckpointRecord.EndFrame, RecordFlags.End);
        CheckpointTrailer.Emit(to.Slice(CheckpointRecord.Size), state->Records, state->Sum);
        state->Run = state->Scratch;
        state->RunLength = to.Length;
        state->Part = StreamPart.End;
    }
}
