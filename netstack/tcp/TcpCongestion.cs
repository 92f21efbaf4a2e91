using System;

namespace Netstack;

/// <summary>
/// How much may be on its way: slow start (RFC 5681 §3.1) from ten segments (RFC 6928), then CUBIC
/// (<see cref="TcpCubic"/>), fast recovery with SACK as <see cref="TcpRack"/> finds losses, without it by duplicate
/// acknowledgements (RFC 6582, NewReno). A reduction for which nothing was lost is taken back (RFC 9438 §4.9).
/// </summary>
internal static unsafe class TcpCongestion
{
    private const int DuplicateThreshold = 3;

    /// <summary>Bytes.</summary>
    internal const uint MaxWindow = 1 << 26;

    internal static void Start(Connection* c)
    {
        c->CongestionWindow = InitialWindow(c);
        c->SlowStartThreshold = uint.MaxValue;
        TcpRack.Start(c);
    }

    /// <summary>RFC 6928: ten segments, at most 14,600 bytes or two segments.</summary>
    internal static uint InitialWindow(Connection* c)
    {
        uint size = c->SegmentSize;
        uint limit = size * 2 > 14600 ? size * 2 : 14600;
        return size * 10 < limit ? size * 10 : limit;
    }

    /// <summary>RFC 5681 §4.1: what was learned is stale after an idle timeout.</summary>
    internal static void RestartAfterIdle(Connection* c) =>
        c->CongestionWindow = Math.Min(c->CongestionWindow, InitialWindow(c));

    /// <summary>
    /// Bytes that are thought to be in the network (RFC 6675 §4): sent, not SACKed, and not lost unless sent again.
    /// </summary>
    internal static uint Pipe(Connection* c)
    {
        // Without SACK each duplicate acknowledgement says that one segment has left.
        uint gone = c->SackedBytes + c->LostBytes + c->Inflation;
        uint flight = c->SendMaximum - c->SendUnacknowledged;
        return flight > gone ? flight - gone : 0;
    }

    /// <summary>An acknowledgement brought nothing new. With SACK its blocks say all there is to know.</summary>
    internal static void OnDuplicate(Stack* stack, Connection* c)
    {
        stack->Counters.DuplicateAcknowledgements++;
        if (c->SackPermitted)
            return;
        if (c->InRecovery)
        {
            c->Inflation += c->SegmentSize;
            return;
        }
        c->DuplicateAcknowledgements++;
        // RFC 6582 §3.2: not again for what a timeout or an earlier recovery has already covered.
        if (c->DuplicateAcknowledgements < DuplicateThreshold
            || Tcp.Before(c->SendUnacknowledged, c->RecoveryPoint))
            return;
        TcpScoreboard.LoseFirst(c, c->SegmentSize);
        OnLoss(stack, c);
        c->Inflation = (uint)DuplicateThreshold * c->SegmentSize;
    }

    /// <summary>
    /// Something is thought lost. Once in a window, and not for what a timeout has already covered, the window is
    /// reduced.
    /// </summary>
    internal static void OnLoss(Stack* stack, Connection* c)
    {
        if (c->InRecovery || Tcp.Before(c->SendUnacknowledged, c->RecoveryPoint))
            return;
        stack->Counters.FastRetransmits++;
        c->InRecovery = true;
        c->RecoveryPoint = c->SendMaximum;
        c->ProbeDeadline = 0;
        c->ProbeSent = false;
        Reduce(c);
        c->CongestionWindow = c->SlowStartThreshold;
    }

    /// <summary>What was lost is mended already, but it was lost (RFC 8985 §7.4.2).</summary>
    internal static void OnMendedTail(Connection* c)
    {
        if (c->InRecovery)
            return;
        Reduce(c);
        c->MayUndo = false;
        c->CongestionWindow = Math.Min(c->CongestionWindow, c->SlowStartThreshold);
    }

    private static void Reduce(Connection* c)
    {
        c->UndoWindow = c->CongestionWindow;
        c->UndoThreshold = c->SlowStartThreshold;
        c->UndoMaximum = c->CubicMaximum;
        c->UndoStart = c->SendUnacknowledged;
        c->UndoSegments = 0;
        c->MayUndo = true;
        TcpCubic.OnReduction(c);
        uint flight = c->SendMaximum - c->SendUnacknowledged;
        uint used = Math.Min(c->CongestionWindow, flight);
        c->SlowStartThreshold = Math.Max(TcpCubic.Reduced(used), 2u * c->SegmentSize);
    }

    /// <summary>
    /// The peer has received [start, end) twice (RFC 2883). When that is so of all that was sent again since the window
    /// was reduced, nothing had been lost.
    /// </summary>
    internal static void OnReceivedTwice(Connection* c, uint start, uint end)
    {
        bool isOurs = c->MayUndo && !Tcp.Before(start, c->UndoStart) && !Tcp.After(end, c->RecoveryPoint);
        if (!isOurs || c->UndoSegments == 0)
            return;
        c->UndoSegments--;
        if (c->UndoSegments != 0 || c->LostBytes != 0)
            return;
        c->MayUndo = false;
        c->InRecovery = false;
        c->CongestionWindow = Math.Max(c->CongestionWindow, c->UndoWindow);
        c->SlowStartThreshold = Math.Max(c->SlowStartThreshold, c->UndoThreshold);
        c->CubicMaximum = c->UndoMaximum;
        c->CubicEpoch = 0;
    }

    /// <summary>New data was acknowledged; SendUnacknowledged has moved by <paramref name="bytes"/>.</summary>
    /// <param name="wasLimited">The window was in use: only then may it grow (RFC 7661 §3).</param>
    internal static void OnAcknowledged(Connection* c, uint bytes, bool wasLimited, ulong now)
    {
        c->DuplicateAcknowledgements = 0;
        if (c->InRecovery)
        {
            if (!Tcp.Before(c->SendUnacknowledged, c->RecoveryPoint))
            {
                c->InRecovery = false;
                c->CongestionWindow = c->SlowStartThreshold;
                c->Inflation = 0;
                TcpRack.OnRecovered(c);
            }
            else if (!c->SackPermitted)
            {
                // Partial acknowledgement: the next hole goes at once (RFC 6582 §3.2 step 3).
                TcpScoreboard.LoseFirst(c, c->SegmentSize);
                c->Inflation = c->Inflation > bytes ? c->Inflation - bytes + c->SegmentSize : c->SegmentSize;
            }
            return;
        }
        // Keeps the point comparable however long nothing is lost.
        if (Tcp.After(c->SendUnacknowledged, c->RecoveryPoint))
            c->RecoveryPoint = c->SendUnacknowledged;
        if (!wasLimited)
        {
            TcpCubic.Pass(c, now - c->LastProgress, now);
            return;
        }
        if (c->CongestionWindow >= MaxWindow)
            return;
        if (c->CongestionWindow < c->SlowStartThreshold)
            c->CongestionWindow += bytes;
        else
            TcpCubic.Grow(c, bytes, now);
    }

    /// <summary>RFC 5681 §3.1: start over with one segment.</summary>
    internal static void OnTimeout(Connection* c)
    {
        if (c->Backoff <= 1)
        {
            Reduce(c);
            TcpCubic.OnTimeout(c);
        }
        c->CongestionWindow = c->SegmentSize;
        c->InRecovery = false;
        c->Inflation = 0;
        c->DuplicateAcknowledgements = 0;
        c->ProbeSent = false;
        c->RecoveryPoint = c->SendMaximum;
        TcpRack.OnTimeout(c);
    }
}
