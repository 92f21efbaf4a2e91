namespace Guestos;

/// <summary>
/// Makes progress certain (thesis §6.6.6): a process that dirties pages faster than the page cleaner sends them sleeps in its own page fault
/// until the cleaner has caught up. Never one that runs in the kernel: it might hold what the cleaner waits for.
/// </summary>
internal static unsafe class RateLimit
{
    /// <summary>The first rounds are for the working set to show itself.</summary>
    private const ulong FirstRound = 3;

    /// <summary>Pages that may be dirtied in a round beyond those sent in it.</summary>
    private const uint Credit = 32;

    private static WaitQueue s_queue;

    /// <summary>The calling process, about to return to user mode from a write fault, waits if it has outrun the cleaner.</summary>
    public static void Throttle()
    {
        while (Exceeded(Checkpoint.State))
        {
            // SAFETY: a static; it does not move. The deadline keeps a stalled network from stopping the guest for good.
            fixed (WaitQueue* queue = &s_queue)
                if (Scheduler.Sleep(queue, Clock.Monotonic + 50_000_000) != WaitResult.Woken)
                    return;
        }
    }

    /// <summary>True when the write that was just logged should make its process wait.</summary>
    public static bool Exceeded(CheckpointState* state) =>
        state != null && state->Phase == CheckpointPhase.Rounds && state->Round >= FirstRound
        && state->Dirty.Count > state->PagesInRound + Credit;

    /// <summary>The cleaner has sent something.</summary>
    public static void Progressed(CheckpointState* state)
    {
        if (!Exceeded(state))
            WakeAll();
    }

    public static void WakeAll()
    {
        fixed (WaitQueue* queue = &s_queue)
            if (!queue->IsEmpty)
                Scheduler.Wake(queue);
    }
}
