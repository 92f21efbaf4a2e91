using System;

namespace Guestos;

/// <summary>What one process has written to, beyond what it was granted.</summary>
internal struct WriteDebt
{
    public int ProcessId;
    public uint Pages;
}

/// <summary>
/// Makes progress certain (thesis §6.6.6): a process that dirties pages faster than the page cleaner sends them waits
/// on its way back to user mode until the cleaner has caught up. Each process has its own account, so whoever writes
/// little is not held up by whoever writes much; writes that the kernel does for a process are on its account too. Half
/// of what the cleaner sends is granted to those who write much, so rounds become shorter, as slowly as need be, until
/// the working set fits. The migration's own process always runs.
/// </summary>
internal static unsafe class RateLimit
{
    /// <summary>The first rounds are for the working set to show itself.</summary>
    private const ulong FirstRound = 3;

    /// <summary>
    /// Pages that every process may dirty in a round at no charge; half of it after so many more rounds, and so on down
    /// to one.
    /// </summary>
    private const uint FreePages = 32;
    private const ulong RoundsToHalf = 8;
    private const int HalvesToOne = 5;

    /// <summary>From this round on nobody can be slowed more.</summary>
    public const ulong SlowestRound = FirstRound + HalvesToOne * RoundsToHalf;

    /// <summary>Pages sent between two looks at who may go on.</summary>
    private const ulong WakeStep = 64;

    /// <summary>
    /// Nanoseconds without progress after which nobody is held any longer: the network stands still, the guest shall
    /// not.
    /// </summary>
    private const ulong Stalled = 1_000_000_000;

    /// <summary>
    /// Accounts; a power of two. Process numbers are given out one after another, so two processes seldom want the
    /// same.
    /// </summary>
    public const int Accounts = 512;

    private static WaitQueue s_queue;

    private static uint Free(CheckpointState* state) => state->Round < FirstRound
        ? FreePages : FreePages >> (int)Math.Min((state->Round - FirstRound) / RoundsToHalf, HalvesToOne);

    /// <summary>What a process may have written so far in this round.</summary>
    private static ulong Granted(CheckpointState* state) =>
        Free(state) + state->PagesInRound / (2 * Math.Max(state->HeavyWriters, 1));

    /// <summary>The current process has dirtied a page. On the interrupt stack, as <see cref="FaultLog"/>.</summary>
    public static void Charge(CheckpointState* state)
    {
        Process* process = Process.Current;
        if (process == null || process->Id == state->Mover)
            return;
        WriteDebt* account = state->Debts + (process->Id & (Accounts - 1));
        if (account->ProcessId != process->Id)
        {
            // Who owes much keeps the account.
            if (account->Pages > Free(state))
                return;
            account->ProcessId = process->Id;
            account->Pages = 0;
        }
        if (account->Pages == Free(state))
            state->HeavyWriters++;
        account->Pages++;
    }

    /// <summary>At the end of a round, before its figures are gone: what was granted is paid.</summary>
    public static void Settle(CheckpointState* state)
    {
        ulong granted = state->Round < FirstRound ? ulong.MaxValue : Granted(state);
        uint heavy = 0;
        for (int i = 0; i < Accounts; i++)
        {
            WriteDebt* account = state->Debts + i;
            account->Pages -= (uint)Math.Min(granted, account->Pages);
            if (account->Pages > Free(state))
                heavy++;
        }
        state->HeavyWriters = heavy;
        state->NextWake = 0;
    }

    /// <summary>
    /// True when a process is to wait before it runs on: it has outrun the cleaner, or the fork has happened, after
    /// which only the migration's process and those of its group have anything to do here.
    /// </summary>
    public static bool MustWait(CheckpointState* state, Process* process)
    {
        if (state == null || process == null || process->Id == state->Mover)
            return false;
        if (state->IsForked)
            return process->ProcessGroupId != state->MoverGroup;
        WriteDebt* account = state->Debts + (process->Id & (Accounts - 1));
        return state->Round >= FirstRound && account->ProcessId == process->Id
            && account->Pages > Granted(state);
    }

    /// <summary>
    /// The calling process is about to return to user mode, where it holds nothing that the cleaner might wait for.
    /// </summary>
    public static void Hold()
    {
        while (MustWait(Checkpoint.State, Process.Current))
        {
            CheckpointState* state = Checkpoint.State;
            ulong sent = state->PagesSent;
            WaitResult result;
            // SAFETY: a static; it does not move.
            fixed (WaitQueue* queue = &s_queue)
                result = Scheduler.Sleep(queue, Clock.Monotonic + Stalled);
            bool stalled = result == WaitResult.TimedOut && Checkpoint.State == state && state->PagesSent == sent;
            if (stalled || result == WaitResult.Interrupted)
                return;
        }
    }

    /// <summary>The cleaner has sent something.</summary>
    public static void Progressed(CheckpointState* state)
    {
        if (state->IsForked || state->PagesInRound < state->NextWake)
            return;
        state->NextWake = state->PagesInRound + WakeStep;
        WakeAll();
    }

    /// <summary>Also at the end of a checkpoint, and in the copy.</summary>
    public static void WakeAll()
    {
        // SAFETY: a static; it does not move.
        fixed (WaitQueue* queue = &s_queue)
            if (!queue->IsEmpty)
                Scheduler.Wake(queue);
    }
}
