using System;
using Wire;

namespace Guestos;

/// <summary>
/// Whether the fork is due. The guest stands still while the rest is sent, so what counts is how long that takes: what
/// is to be sent, by what the program that carries the stream has needed for a byte so far. A little is borne at once,
/// more with every round, so that the rounds end. What the snapshot buffer does not hold is never due.
/// </summary>
internal static unsafe class ForkThreshold
{
    /// <summary>Nanoseconds that sending the rest may take, for each round after the first.</summary>
    private const ulong Allowance = 2_000_000;

    /// <summary>
    /// Bytes of the stream over which its pace is measured: longer stretches would all hold turns of others.
    /// </summary>
    private const ulong Stretch = 16 * 1024;

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
        ulong pace = (now - state->StretchStart) * Stretch / state->StretchBytes;
        if (state->StretchStart != 0 && (state->Pace == 0 || pace < state->Pace))
            state->Pace = pace;
        state->StretchStart = now;
        state->StretchBytes = 0;
    }

    /// <summary>At the end of a round, before its figures are gone.</summary>
    public static bool IsReached(CheckpointState* state)
    {
        // In the second round those that are written to again and again are sent whole once more, and kept.
        if (state->Round == 0 || state->Dirty.Count > state->BufferPages || !SnapshotBuffer.Fits(state))
            return false;
        return Expected(state) * state->Pace / Stretch <= Allowance * state->Round;
    }

    // Bytes of what is dirty now. A page of which there is a copy is expected to have changed as much as those have of
    // which lines were sent in this round.
    private static ulong Expected(CheckpointState* state)
    {
        ulong lines = state->LinePages != 0 ? state->LineBytes / state->LinePages : WholePage / 4;
        ulong bytes = 0;
        for (uint frame = state->Dirty.Next(0); frame != uint.MaxValue; frame = state->Dirty.Next(frame + 1))
            bytes += SentPages.Of(state, frame) != null ? lines : WholePage;
        return bytes;
    }
}
