using System;
using Netstack;
using Wire;

namespace Guestos;

/// <summary>
/// The last word between the two sides of a fork (docs/migration.md, "The hand-over"): what may be said once the
/// trailer was given, and by whom. After <see cref="Commit"/> the copy may run, so no signal reaches the program before
/// it has told which side runs on, by <see cref="Leave"/> or <see cref="Stay"/>.
/// </summary>
internal static unsafe class CheckpointCommit
{
    /// <summary>
    /// The destination may run from here on. COMMIT is queued in the same step in which this side falls silent, except
    /// towards the destination, so that nobody's end can come between the two. What became of it is for the caller to
    /// find out. An error says that nothing has happened. Sleeps until the connection has room.
    /// </summary>
    public static long Commit(CheckpointState* state, UserPointer<CommitRequest> argument)
    {
        if (state->IsTaken)
            return Errno.EBUSY;
        state->IsTaken = true;
        long result = Try(state, argument);
        state->IsTaken = false;
        return result;
    }

    /// <summary>How often late frames put a commit off.</summary>
    private const int MaxPutOff = 3;

    private static long Try(CheckpointState* state, UserPointer<CommitRequest> argument)
    {
        if (state->Stage != CheckpointStage.Late)
            return Errno.EINVAL;
        if (!argument.TryGet(out CommitRequest request))
            return Errno.EFAULT;
        File* file = Descriptor.FileOf((uint)request.Socket);
        Socket* socket = CheckpointDevice.ConnectionOf(file);
        bool isGood = request.Length is not (0 or > CommitRequest.MaxLength)
            && socket != null && state->Sockets.Contains(socket->Handle);
        if (!isGood)
            return Errno.EINVAL;
        Files.Hold(file);
        long result = Say(state, socket->Handle, request);
        Files.Release(file);
        return result;
    }

    private static long Say(CheckpointState* state, int handle, in CommitRequest request)
    {
        Span<byte> room = stackalloc byte[(int)CommitRequest.MaxLength];
        Span<byte> words = room.Slice(0, (int)request.Length);
        if (!((UserPointer<byte>)request.Bytes).TryGetAll(words))
            return Errno.EFAULT;
        long result = Queue(state, handle, words);
        // Nobody else has run since it was queued.
        if (result == 0)
            FallSilent(state);
        return result;
    }

    // All of it or nothing: half a record would be worse than none. EAGAIN when a late frame is yet to be taken, also
    // one that the device has received and nobody has looked at: behind the words it would be lost. But the guest
    // stands still meanwhile: after a few times more frames do not hold it up. 0, or −errno.
    private static long Queue(CheckpointState* state, int handle, ReadOnlySpan<byte> words)
    {
        Stack* stack = Network.Stack;
        stack->Cork(handle, false, Clock.Monotonic);
        ulong since = Clock.Monotonic;
        while (true)
        {
            Network.Poll();
            if (!state->Piece.IsEmpty)
                return Errno.EAGAIN;
            if (state->Late.Unsent.Length > 0 && state->PutOff < MaxPutOff)
            {
                state->PutOff++;
                return Errno.EAGAIN;
            }
            int taken = SocketError.WouldBlock;
            if (stack->SendRoom(handle) >= words.Length)
                taken = stack->Send(handle, words, Clock.Monotonic);
            if (taken > 0)
                return 0;
            if (taken is not (0 or SocketError.WouldBlock or SocketError.NoRoom))
                return Sockets.ErrnoOf(taken);
            long result = Sockets.WaitChange(handle, since);
            if (result < 0)
                return result;
        }
    }

    private static void FallSilent(CheckpointState* state)
    {
        state->SetMover(Process.Current);
        state->Enter(CheckpointStage.Committed);
        Network.OnCommit();
        state->MoverMask = Thread.Current->BlockedSignals;
        Thread.Current->BlockedSignals = ulong.MaxValue;
    }

    private static bool HasCommitted(CheckpointState* state) =>
        state->Stage == CheckpointStage.Committed && state->Mover == Process.Current->Id;

    /// <summary>The copy runs: the machine ends.</summary>
    public static long Leave(CheckpointState* state)
    {
        if (!HasCommitted(state))
            return Errno.EINVAL;
        Board.Processor.Reset();
        return 0;
    }

    /// <summary>The commit was not taken and cannot be any more: all is as before it.</summary>
    public static long Stay(CheckpointState* state)
    {
        if (!HasCommitted(state))
            return Errno.EINVAL;
        state->Enter(CheckpointStage.Late);
        Thread.Current->BlockedSignals = state->MoverMask;
        return 0;
    }
}
