using Wire;

namespace Guestos;

/// <summary>
/// What a program may say to a checkpoint in progress, and ask of it, by ioctl(2). Which request is good at which <see
/// cref="CheckpointStage"/> stands with each; at others it is EINVAL and nothing happens.
/// </summary>
internal static unsafe class CheckpointRequests
{
    public static long Answer(CheckpointState* state, CheckpointControl request, ulong argument) => request switch
    {
        CheckpointControl.SetOptions => SetOptions(state, argument),
        CheckpointControl.GetProgress => GetProgress(state, argument),
        CheckpointControl.AddSocket => AddSocket(state, argument),
        CheckpointControl.AddScratch => AddScratch(state, argument),
        CheckpointControl.SetBudget => SetBudget(state, argument),
        CheckpointControl.Commit => CheckpointCommit.Commit(state, argument),
        CheckpointControl.Leave => CheckpointCommit.Leave(state),
        CheckpointControl.Stay => CheckpointCommit.Stay(state),
        _ => Errno.ENOTTY,
    };

    // Before the first byte.
    private static long SetOptions(CheckpointState* state, ulong argument)
    {
        const CheckpointOptions Known = CheckpointOptions.Checksum | CheckpointOptions.Verify;
        if (state->Stage != CheckpointStage.Header || argument > (ulong)Known)
            return Errno.EINVAL;
        return Checkpoint.SetOptions(state, (CheckpointOptions)argument);
    }

    // Before the fork: nanoseconds.
    private static long SetBudget(CheckpointState* state, ulong argument)
    {
        if (state->IsForked || argument is < ForkThreshold.MinBudget or > ForkThreshold.MaxBudget)
            return Errno.EINVAL;
        state->Budget = argument;
        return 0;
    }

    // Always.
    private static long GetProgress(CheckpointState* state, UserPointer<CheckpointProgress> argument)
    {
        CheckpointProgress progress = new()
        {
            Phase = state->Stage.Phase(),
            Round = state->Round,
            PagesInRound = state->PagesInRound,
            PagesSent = state->PagesSent,
            WorkingSet = state->IsForked ? state->Transmit.Count : state->Dirty.Count,
            BufferPages = state->BufferPages,
            Postponed = state->Postponed,
            LateFrames = state->Late.Count,
            SinceFork = state->IsForked ? Clock.Monotonic - CheckpointFork.ForkMonotonic : 0,
        };
        return argument.TryPut(progress) ? 0 : Errno.EFAULT;
    }

    // Before the fork.
    private static long AddSocket(CheckpointState* state, ulong descriptor)
    {
        if (state->IsForked)
            return Errno.EINVAL;
        long refusal = CheckpointDevice.FindCarrier(Descriptor.FileOf((uint)descriptor), out Socket* socket);
        if (refusal < 0)
            return refusal;
        if (!state->Sockets.Add(socket->Handle))
            return Errno.ENOSPC;
        RingPool.LendLong(socket->Handle);
        return 0;
    }

    // Before the fork: whole pages of the caller's memory that the copy does without.
    private static long AddScratch(CheckpointState* state, UserPointer<ScratchRequest> argument)
    {
        if (state->IsForked)
            return Errno.EINVAL;
        if (!argument.TryGet(out ScratchRequest request))
            return Errno.EFAULT;
        const ulong InPage = Frames.Size - 1;
        bool isRange = ((request.Address | request.Length) & InPage) == 0 && request.Length != 0
            && request.Address < AddressSpace.End && request.Length <= AddressSpace.End - request.Address;
        if (!isRange)
            return Errno.EINVAL;
        if (state->ScratchCount == DeadMemory.MaxRanges)
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
}
