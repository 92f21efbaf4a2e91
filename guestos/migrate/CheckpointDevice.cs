using System;
using Netstack;
using Wire;

namespace Guestos;

/// <summary>
/// /dev/checkpoint: user space decides where the checkpoint goes (thesis §6.3.2; contract in docs/architecture.md).
/// </summary>
public static unsafe class CheckpointDevice
{
    private const uint IoctlOptions = 0x4501;
    private const uint IoctlProgress = 0x4502;
    private const uint IoctlCommit = 0x4503;
    private const uint IoctlSocket = 0x4504;
    private const uint IoctlScratch = 0x4505;
    private const uint IoctlLeave = 0x4506;
    private const uint IoctlStay = 0x4507;

    /// <summary>What COMMIT may be long, <see cref="IoctlCommit"/>.</summary>
    private const uint LongestCommit = 256;

    /// <summary>
    /// The kernel is not preempted: while the guest still works, the cleaner lets others run this often. Nanoseconds.
    /// </summary>
    private const ulong LongestRun = 500_000;

    /// <summary>struct of CHECKPOINT_PROGRESS.</summary>
    private struct Progress
    {
        public ulong Phase, Round, PagesInRound, PagesSent, WorkingSet, BufferPages, Postponed, LateFrames, SinceFork;
    }

    /// <summary>struct of CHECKPOINT_COMMIT.</summary>
    private struct CommitRequest
    {
        public int Socket;
        public uint Length;
        public UserPointer<byte> Bytes;
    }

    /// <summary>struct of CHECKPOINT_SCRATCH.</summary>
    private struct ScratchRequest
    {
        public ulong Address;
        public ulong Length;
    }

    /// <summary>Major 10 (miscellaneous), a minor of the local range.</summary>
    private const uint DeviceNumber = 0xaf0;

    private static FileOperations s_operations;

    /// <summary>Makes the device and its node. At boot, once there is a tree.</summary>
    internal static void Register()
    {
        s_operations = new FileOperations
        {
            Traits = FileTraits.Stream | FileTraits.Watchable | FileTraits.Sendable,
            Open = &Open,
            Release = &Release,
            Read = &Read,
            Poll = &Poll,
            Ioctl = &Ioctl,
            SendTo = &SendTo,
        };
        Devices.Register(DeviceNumber, "checkpoint"u8, 0x180, FileOperations.At(ref s_operations));
    }

    /// <summary>0, or -EBUSY, -ENOMEM.</summary>
    private static long Open(File* file) => Checkpoint.Begin();

    /// <summary>The guest goes on as if nothing had been.</summary>
    private static void Release(File* file) => Checkpoint.End();

    private static void SetMover(CheckpointState* state)
    {
        state->Mover = Process.Current->ThreadGroupId;
        state->MoverGroup = Process.Current->GroupId;
    }

    /// <summary>The stream by copying: for a disk, a pipe, a program that wants to see it.</summary>
    private static long Read(File* file, ref Transfer to)
    {
        CheckpointState* state = Checkpoint.State;
        if (state == null)
            return Errno.ECANCELED;
        SetMover(state);
        ulong done = 0;
        while (to.Count > 0)
        {
            long result = Prepare(state, done > 0);
            if (result <= 0)
                return result == Errno.ECANCELED || (result < 0 && done == 0) ? result : (long)done; // in the copy, what came before the fork is of no use
            ReadOnlySpan<byte> piece = state->RunLength > 0
                ? new(state->Run, state->RunLength)
                : new(PageCleaner.ContentOf(state, state->Page) + state->PageOffset, CheckpointRecord.PageSize - state->PageOffset);
            int taken = (int)Math.Min((ulong)piece.Length, to.Count);
            if (!to.TryFill((ulong)taken, out Span<byte> into))
                return done > 0 ? (long)done : Errno.EFAULT;
            piece.Slice(0, taken).CopyTo(into);
            to.Advance((ulong)taken);
            Take(state, taken);
            done += (ulong)taken;
        }
        return (long)done;
    }

    /// <summary>The stream onto a TCP connection: page frames go to the device from where they lie.</summary>
    private static long SendTo(File* file, File* socket, ulong count)
    {
        Socket* connection = SocketFile.Of(socket);
        if (connection->Kind != SocketKind.Stream || connection->Handle < 0 || connection->Listening)
            return Errno.ENOTCONN;
        return SendTo(connection->Handle, count);
    }

    private static long SendTo(int socket, ulong count)
    {
        CheckpointState* state = Checkpoint.State;
        if (state == null)
            return Errno.ECANCELED;
        if (!state->AddSocket(socket))
            return Errno.EINVAL;
        state->PageSocket = socket;
        SetMover(state);
        if (state->LastTaken == 0)
            state->LastTaken = Clock.Monotonic;
        Stack* stack = Network.Stack;
        ulong done = 0;
        ulong nextPause = Clock.Monotonic + LongestRun;
        stack->Cork(socket, true, Clock.Monotonic);
        long result = 1;
        while (done < count)
        {
            result = Prepare(state, done > 0);
            if (result <= 0)
                break;
            int taken;
            if (state->RunLength > 0)
            {
                int length = (int)Math.Min((ulong)state->RunLength, count - done);
                taken = stack->Send(socket, new ReadOnlySpan<byte>(state->Run, length), Clock.Monotonic);
            }
            else
            {
                int length = (int)Math.Min((ulong)(CheckpointRecord.PageSize - state->PageOffset), count - done);
                taken = stack->SendPage(socket, (ulong)state->Page << 12, state->PageOffset, length, Clock.Monotonic);
            }
            if (taken == SocketError.WouldBlock || taken == SocketError.NoRoom)
            {
                // The guest is frozen after the fork: then all the rest together has the time that a silence has
                // before.
                result = Sockets.WaitChange(socket, state->Phase == CheckpointPhase.Rounds ? state->LastTaken : CheckpointFork.ForkMonotonic);
                if (result < 0)
                    break;
                continue;
            }
            if (taken <= 0)
            {
                result = Sockets.ErrnoOf(taken);
                break;
            }
            Take(state, taken);
            state->LastTaken = Clock.Monotonic;
            done += (ulong)taken;
            if (state->Phase == CheckpointPhase.Rounds && Clock.Monotonic >= nextPause)
            {
                LetOthersRun();
                nextPause = Clock.Monotonic + LongestRun;
            }
        }
        // In the copy the state is gone, and so is the connection.
        if (Checkpoint.State == null)
            return Errno.ECANCELED;
        stack->Cork(socket, false, Clock.Monotonic);
        return done > 0 ? (long)done : result;
    }

    // A call may take long, and no interrupt reaches the kernel meanwhile. The mover keeps the share of the processor
    // that it has a right to: who gave up his turn each time would be left with a small part of it beside one process
    // that always runs.
    private static void LetOthersRun()
    {
        Network.Poll();
        Preemption.Point();
    }

    private static uint Poll(File* file) => PollEvents.In | PollEvents.ReadNormal;

    private static long Ioctl(File* file, uint request, ulong argument)
    {
        CheckpointState* state = Checkpoint.State;
        if (state == null)
            return Errno.ECANCELED;
        switch (request)
        {
            case IoctlOptions:
                if (state->Part != StreamPart.Header || argument > 3)
                    return Errno.EINVAL;
                return Checkpoint.SetOptions(state, (uint)argument);
            case IoctlProgress:
                bool rounds = state->Phase == CheckpointPhase.Rounds;
                return ((UserPointer<Progress>)argument).TryPut(new Progress
                {
                    Phase = (ulong)state->Phase, Round = state->Round, PagesInRound = state->PagesInRound, PagesSent = state->PagesSent,
                    WorkingSet = rounds ? state->Dirty.Count : state->Transmit.Count,
                    BufferPages = state->BufferPages, Postponed = state->Postponed, LateFrames = state->Late.Count,
                    SinceFork = rounds ? 0 : Clock.Monotonic - CheckpointFork.ForkMonotonic,
                }) ? 0 : Errno.EFAULT;
            case IoctlCommit:
                return Commit(state, argument);
            case IoctlSocket:
                if (state->Phase != CheckpointPhase.Rounds)
                    return Errno.EINVAL;
                Socket* socket = Connection((int)argument);
                return socket == null ? Errno.ENOTCONN : state->AddSocket(socket->Handle) ? 0 : Errno.ENOSPC;
            case IoctlScratch:
                return state->Phase == CheckpointPhase.Rounds ? AddScratch(state, argument) : Errno.EINVAL;
            case IoctlLeave:
                return Leave(state);
            case IoctlStay:
                return Stay(state);
            default:
                return Errno.ENOTTY;
        }
    }

    // Whole pages of the caller's memory that the copy does without.
    private static long AddScratch(CheckpointState* state, UserPointer<ScratchRequest> argument)
    {
        if (!argument.TryGet(out ScratchRequest request))
            return Errno.EFAULT;
        const ulong InPage = Frames.Size - 1;
        bool isRange = ((request.Address | request.Length) & InPage) == 0 && request.Length != 0
            && request.Address < AddressSpace.End && request.Length <= AddressSpace.End - request.Address;
        if (!isRange)
            return Errno.EINVAL;
        if (state->ScratchCount == DeadMemory.MostRanges)
            return Errno.ENOSPC;
        state->Scratches[state->ScratchCount] = new ScratchRange
        {
            Space = Process.Current->Space->Serial,
            Address = request.Address,
            Length = request.Length,
        };
        state->ScratchCount++;
        return 0;
    }

    // The TCP connection behind a descriptor, or null.
    private static Socket* Connection(int descriptor)
    {
        File* file = Descriptor.FileOf((uint)descriptor);
        if (file == null || !SocketFile.Is(file))
            return null;
        Socket* socket = SocketFile.Of(file);
        return socket->Kind == SocketKind.Stream && socket->Handle >= 0 && !socket->Listening ? socket : null;
    }

    /// <summary>
    /// The destination may run from here on. COMMIT is queued in the same step in which this side falls silent, except
    /// towards the destination, so that nobody's end can come between the two. What became of it is for the caller to
    /// find out: 0 says that it is to end with <see cref="Leave"/> or <see cref="Stay"/>, and no signal, not even
    /// SIGKILL, reaches it before. An error says that nothing has happened.
    /// </summary>
    private static long Commit(CheckpointState* state, UserPointer<CommitRequest> argument)
    {
        if (state->Part != StreamPart.End || state->Phase != CheckpointPhase.Forked)
            return Errno.EINVAL;
        if (!argument.TryGet(out CommitRequest request))
            return Errno.EFAULT;
        Socket* socket = Connection(request.Socket);
        if (request.Length is 0 or > LongestCommit || socket == null || !state->HasSocket(socket->Handle))
            return Errno.EINVAL;
        File* file = Files.Hold(Descriptor.FileOf((uint)request.Socket));
        long result = Commit(state, socket, request);
        Files.Release(file);
        return result;
    }

    private static long Commit(CheckpointState* state, Socket* socket, in CommitRequest request)
    {
        Span<byte> room = stackalloc byte[(int)LongestCommit];
        Span<byte> words = room.Slice(0, (int)request.Length);
        if (!request.Bytes.TryGetAll(words))
            return Errno.EFAULT;
        int handle = socket->Handle;
        Stack* stack = Network.Stack;
        stack->Cork(handle, false, Clock.Monotonic);
        ulong since = Clock.Monotonic;
        while (true)
        {
            // All of it or nothing: half a record would be worse than none.
            int taken = SocketError.WouldBlock;
            if (stack->SendRoom(handle) >= (int)request.Length)
                taken = stack->Send(handle, words, Clock.Monotonic);
            if (taken > 0)
                break;
            if (taken is not (0 or SocketError.WouldBlock or SocketError.NoRoom))
                return Sockets.ErrnoOf(taken);
            long result = Sockets.WaitChange(handle, since);
            if (result < 0)
                return result;
        }
        state->Phase = CheckpointPhase.Committed;
        SetMover(state);
        Network.OnCommit();
        state->MoverMask = Process.Current->BlockedSignals;
        Process.Current->BlockedSignals = ulong.MaxValue;
        return 0;
    }

    private static bool HasCommitted(CheckpointState* state) =>
        state->Phase == CheckpointPhase.Committed && state->Mover == Process.Current->ThreadGroupId;

    /// <summary>The copy runs: the machine ends.</summary>
    private static long Leave(CheckpointState* state)
    {
        if (!HasCommitted(state))
            return Errno.EINVAL;
        Board.Processor.Reset();
        return 0;
    }

    /// <summary>The commit was not taken and cannot be any more: all is as before it.</summary>
    private static long Stay(CheckpointState* state)
    {
        if (!HasCommitted(state))
            return Errno.EINVAL;
        state->Phase = CheckpointPhase.Forked;
        Process.Current->BlockedSignals = state->MoverMask;
        return 0;
    }

    // Sees to it that a piece waits: 1, or 0 at the end of a round or of the stream, or -errno.
    private static long Prepare(CheckpointState* state, bool mayStop)
    {
        if (state->RunLength > 0 || state->Page != 0)
            return 1;
        if (state->Part == StreamPart.End)
        {
            ReadOnlySpan<byte> late = state->Late.Unsent;
            if (late.IsEmpty)
                return 0;
            state->Run = state->Late.UnsentAddress;
            state->RunLength = late.Length;
            state->Late.Sent(late.Length);
            return 1;
        }
        while (true)
        {
            PageCleaner.Step step = PageCleaner.Next(state);
            if (step == PageCleaner.Step.ForkDue)
            {
                for (int i = 0; i < state->SocketCount; i++)
                {
                    long result = Sockets.WaitAcknowledged(state->Sockets[i], state->Sockets[i] == state->PageSocket);
                    if (result < 0)
                        return result;
                }
                step = PageCleaner.TryFork(state);
            }
            switch (step)
            {
                case PageCleaner.Step.Piece:
                    return 1;
                case PageCleaner.Step.RoundEnd:
                    if (state->Phase == CheckpointPhase.Forked)
                        Network.OnFork(new ReadOnlySpan<int>(state->Sockets, state->SocketCount), &Checkpoint.CaptureLate);
                    if (mayStop)
                        return 0;
                    break;
                case PageCleaner.Step.Arrived:
                    return Errno.ECANCELED;
                case PageCleaner.Step.Pause:
                    LetOthersRun();
                    if (Signals.Pending)
                        return Errno.EINTR;
                    break;
                default:
                    return 0;
            }
        }
    }

    private static void Take(CheckpointState* state, int taken)
    {
        RateLimit.Progressed(state);
        if (state->Phase == CheckpointPhase.Rounds)
            ForkThreshold.Taken(state, taken);
        if (state->RunLength > 0)
        {
            state->Run += taken;
            state->RunLength -= taken;
            return;
        }
        state->PageOffset += taken;
        if (state->PageOffset == CheckpointRecord.PageSize)
            state->Page = 0;
    }
}
