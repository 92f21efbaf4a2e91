using System;
using Wire;

namespace Guestos;

/// <summary>A page that is kept as it was last sent.</summary>
internal unsafe struct SentPage
{
    public byte* Content;

    /// <summary>0 for none.</summary>
    public uint Frame;

    /// <summary>The round in which it was sent.</summary>
    public ulong Round;
}

/// <summary>
/// Sent pages: what was last sent of pages that are written to again and again, so that only the 64-byte lines that
/// have changed follow: above all after the fork, when the guest stands still. One is made when its page is sent in a
/// later round than the first. There are as many as there were pages to send in a round, up to a limit; a guest that
/// has no memory for them goes without.
/// </summary>
internal static unsafe class SentPages
{
    /// <summary>There are at most so many sent pages, and at most one for so many frames of memory.</summary>
    private const uint Max = 512;
    private const uint Share = 32;

    /// <summary>Free frames that must be left to the guest, one in so many.</summary>
    private const uint FreeShare = 64;

    public static uint MaxPages(uint frames) => Math.Min(frames / Share, Max);

    /// <summary>
    /// Between two rounds, while the guest works: room for those that were written to in the one that ends.
    /// </summary>
    public static void Grow(CheckpointState* state)
    {
        uint wanted = Math.Min(state->Dirty.Count, MaxPages(state->Frames));
        state->SentHand = 0;
        while (state->SentCount < wanted && Frames.Free > Frames.KernelReserve + state->Frames / FreeShare)
        {
            byte* page = CheckpointMemory.Take(Frames.Size);
            if (page == null)
                return;
            state->LeaveOut((uint)(CheckpointMemory.FrameOf(page) >> 12));
            state->Sent[state->SentCount].Content = page;
            state->SentCount++;
        }
    }

    /// <summary>The page as it was last sent, or null.</summary>
    public static byte* Of(CheckpointState* state, uint frame)
    {
        uint number = state->SentOf[frame];
        return number != 0 ? state->Sent[number - 1].Content : null;
    }

    /// <summary>
    /// True when what is sent of a page should be kept though it has been written to again: there is none yet.
    /// </summary>
    public static bool WantsBase(CheckpointState* state, uint frame) =>
        state->Round > 0 && state->SentOf[frame] == 0 && state->SentHand < state->SentCount;

    /// <summary>
    /// Room for what is sent as a whole in this round, the caller fills it: a free one, or that of a page that is
    /// neither written to any more nor was sent in this round. Null when there is none.
    /// </summary>
    public static byte* Take(CheckpointState* state, uint frame)
    {
        // SentHand goes through them as the hand of a clock algorithm does, once in each round.
        while (state->SentHand < state->SentCount)
        {
            SentPage* sent = state->Sent + state->SentHand;
            state->SentHand++;
            bool inUse = sent->Frame != 0 && (sent->Round == state->Round
                || state->Transmit.Contains(sent->Frame) || state->Dirty.Contains(sent->Frame));
            if (inUse)
                continue;
            Forget(state, sent->Frame);
            sent->Frame = frame;
            sent->Round = state->Round;
            state->SentOf[frame] = (ushort)state->SentHand;
            return sent->Content;
        }
        return null;
    }

    /// <summary>The lines are sent now.</summary>
    public static void Update(CheckpointState* state, uint frame, byte* content, ulong lines)
    {
        SentPage* sent = state->Sent + (state->SentOf[frame] - 1);
        sent->Round = state->Round;
        while (CheckpointLines.TakeRun(ref lines, out int offset, out int length))
            Buffer.MemoryCopy(content + offset, sent->Content + offset, length, length);
    }

    /// <summary>Drops what was last sent of a frame, if it is there.</summary>
    public static void Forget(CheckpointState* state, uint frame)
    {
        uint number = state->SentOf[frame];
        if (number == 0)
            return;
        state->SentOf[frame] = 0;
        state->Sent[number - 1].Frame = 0;
    }
}
