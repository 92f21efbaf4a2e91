using System;
using Wire;

namespace Guestos;

/// <summary>
/// Whether the fork is due. The guest stands still while the rest is sent, so what counts is how long that takes: what
/// is to be sent, at the pace at which the program that carries the stream has taken it and the line has delivered it
/// so far. The freeze budget bounds it. What the snapshot buffer does not hold is never due.
/// </summary>
internal static unsafe class ForkThreshold
{
    /// <summary>Nanoseconds that sending the rest may take, where the program does not say otherwise.</summary>
    public const ulong StandardBudget = 10_000_000;

    /// <summary>What a program may say.</summary>
    public const ulong MinBudget = 1_000_000;
    public const ulong MaxBudget = 10_000_000_000;

    /// <summary>
    /// Of the budget, so much is used for each round after the first: a guest that comes to rest is frozen for less. It
    /// is also what is added for each round in which those that write are slowed as much as they can be: what is left
    /// then is the kernel's and the mover's own, and does not become less.
    /// </summary>
    private const ulong Allowance = 2_000_000;

    /// <summary>
    /// Bytes of the stream over which its pace is measured: shorter ones would lie within one record that the program
    /// reads before it seals it, longer ones would all hold turns of others.
    /// </summary>
    private const ulong Stretch = 64 * 1024;

    /// <summary>Paces are nanoseconds for so many bytes.</summary>
    private const ulong PaceUnit = 16 * 1024;

    /// <summary>
    /// Bytes over which the line's is: what has left together may be acknowledged together, a ring of it.
    /// </summary>
    private const ulong LineStretch = 256 * 1024;

    private const ulong WholePage = CheckpointRecord.Size + CheckpointRecord.PageSize;

    /// <summary>
    /// Bytes were taken: the shortest time that any stretch took is what it takes when nobody else has a turn.
    /// </summary>
    public static void Taken(CheckpointState* state, int bytes)
    {
        state->StretchBytes += (ulong)bytes;
        if (state->StretchBytes < Stretch)
            return;
        ulong now = Clock.Monotonic;
        state->StreamBytes += state->StretchBytes;
        NotePace(ref state->Pace, now - state->StretchStart, state->StretchBytes, state->StretchStart != 0);
        state->StretchStart = now;
        state->StretchBytes = 0;
        NoteLine(state, now);
    }

    // What was taken and is not acknowledged has not been delivered, however fast it was taken.
    private static void NoteLine(CheckpointState* state, ulong now)
    {
        ulong waiting = 0;
        foreach (int socket in state->Sockets.All)
            waiting += (ulong)Math.Max(Network.Stack->UnacknowledgedBytes(socket), 0);
        ulong delivered = state->StreamBytes - Math.Min(waiting, state->StreamBytes);
        if (delivered < state->LineBytes + LineStretch)
            return;
        NotePace(ref state->LinePace, now - state->LineStart, delivered - state->LineBytes, state->LineStart != 0);
        state->LineStart = now;
        state->LineBytes = delivered;
    }

    private static void NotePace(ref ulong best, ulong time, ulong bytes, bool isWhole)
    {
        ulong pace = time * PaceUnit / bytes;
        if (isWhole && (best == 0 || pace < best))
            best = pace;
    }

    /// <summary>0 while it is not known.</summary>
    private static ulong Pace(CheckpointState* state) => Math.Max(state->Pace, state->LinePace);

    /// <summary>At the end of a round, before its figures are gone.</summary>
    public static bool IsReached(CheckpointState* state)
    {
        // In the second round those that are written to again and again are sent whole once more, and kept.
        if (state->Round == 0 || !SnapshotBuffer.Fits(state))
            return false;
        return Expected(state) * Pace(state) / PaceUnit <= Allowed(state);
    }

    private static ulong Allowed(CheckpointState* state)
    {
        ulong allowed = Math.Min(Allowance * state->Round, state->Budget);
        if (state->Round > RateLimit.SlowestRound)
            allowed += Allowance * (state->Round - RateLimit.SlowestRound);
        return allowed;
    }

    /// <summary>
    /// Pages that may be sent within the budget, so that there is no use in keeping more: as many as have a copy of
    /// their own, of which lines are sent, and whole ones besides.
    /// </summary>
    public static ulong MaxPages(CheckpointState* state)
    {
        ulong pace = Pace(state);
        ulong budget = Math.Max(state->Budget, Allowed(state));
        ulong whole = pace == 0 ? uint.MaxValue : budget * PaceUnit / pace / WholePage;
        return SentPages.MaxPages(state->Frames) + whole;
    }

    // Bytes of what is dirty now. A page of which there is a copy is expected to have changed as much as those have of
    // which lines were sent in this round.
    private static ulong Expected(CheckpointState* state)
    {
        ulong lines = state->LinePages != 0 ? state->ChangedBytes / state->LinePages : WholePage / 4;
        ulong bytes = 0;
        for (uint frame = state->Dirty.Next(0); frame != uint.MaxValue; frame = state->Dirty.Next(frame + 1))
            bytes += SentPages.Of(state, frame) != null ? lines : WholePage;
        return bytes;
    }
}
