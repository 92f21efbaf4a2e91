using Wire;

namespace Guestos;

/// <summary>
/// The checkpoint as a stream of pieces, in the order in which programs get them: header, rounds, what is left after
/// the fork, trailer, late frames. Sleeps while pages are protected and before the fork.
/// </summary>
internal static unsafe class CheckpointStream
{
    /// <summary>
    /// Sees to it that a piece waits. 1, or 0 at the end of the stream, or −errno; ECANCELED in the copy, where
    /// <paramref name="state"/> points to nothing.
    /// </summary>
    /// <param name="stopsAtRound">The end of a round gives 0, too.</param>
    public static long Prepare(CheckpointState* state, bool stopsAtRound)
    {
        while (state->Piece.IsEmpty)
        {
            if (state->Stage >= CheckpointStage.Late)
                return PrepareLate(state);
            PageCleaner.Step step = PageCleaner.Next(state);
            if (step == PageCleaner.Step.ForkDue)
            {
                long error = AwaitAcknowledged(state);
                if (error < 0)
                    return error;
                // A program has begun to use what the receiver was not asked for. The next checkpoint asks.
                if ((UsedFeatures.Find() & ~state->Features) != 0)
                    return Errno.EOPNOTSUPP;
                step = PageCleaner.TryFork(state);
            }
            switch (step)
            {
                case PageCleaner.Step.Arrived:
                    return Errno.ECANCELED;
                case PageCleaner.Step.Forked:
                    Network.OnFork(state->Sockets.All, &Checkpoint.CaptureLate);
                    break;
                case PageCleaner.Step.Pause:
                    LetOthersRun();
                    if (Signals.Pending)
                        return Errno.EINTR;
                    break;
            }
            bool isRoundOver = step is PageCleaner.Step.RoundEnd or PageCleaner.Step.Forked;
            if (isRoundOver && stopsAtRound)
                return 0;
        }
        return 1;
    }

    private static long PrepareLate(CheckpointState* state)
    {
        int length = state->Late.Unsent.Length;
        if (length == 0)
            return 0;
        state->Piece.Set(state->Late.UnsentAddress, length);
        state->Late.Sent(length);
        return 1;
    }

    // Nothing of what was sent may be on its way when its content begins to matter. 0, or −errno.
    private static long AwaitAcknowledged(CheckpointState* state)
    {
        foreach (int socket in state->Sockets.All)
        {
            long result = Sockets.WaitAcknowledged(socket, socket == state->PageSocket);
            if (result < 0)
                return result;
        }
        return 0;
    }

    /// <summary>So many bytes of the piece were taken.</summary>
    public static void Take(CheckpointState* state, int count)
    {
        RateLimit.Progressed(state);
        if (!state->IsForked)
            ForkThreshold.Taken(state, count);
        state->Piece.Take(count);
    }

    /// <summary>
    /// A call may take long, and no interrupt reaches the kernel meanwhile. The mover keeps the share of the processor
    /// that it has a right to: who gave up his turn each time would be left with a small part of it beside one process
    /// that always runs.
    /// </summary>
    public static void LetOthersRun()
    {
        Network.Poll();
        Preemption.Point();
    }
}
