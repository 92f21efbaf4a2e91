namespace Netstack;

/// <summary>
/// How much may be on its way: slow start and congestion avoidance (RFC 5681), fast recovery with SACK (RFC 6675) or
/// without (RFC 6582, NewReno), initial window of ten segments (RFC 6928).
/// </summary>
internal static unsafe class TcpCongestion
{
    private const int DuplicateThreshold = 3;
    private const uint MaxWindow = 1 << 26;

    internal static void Start(Connection* c)
    {
        c->CongestionWindow = InitialWindow(c);
        c->SlowStartThreshold = uint.MaxValue;
    }

    /// <summary>RFC 6928: ten segments, at most 14,600 bytes or two segments.</summary>
    internal static uint InitialWindow(Connection* c)
    {
        uint size = c->SegmentSize;
        uint limit = size * 2 > 14600 ? size * 2 : 14600;
        return size * 10 < limit ? size * 10 : limit;
    }

    /// <summary>RFC 5681 §4.1: what was learned is stale after an idle timeout.</summary>
    internal static void RestartAfterIdle(Connection* c)
    {
        uint window = InitialWindow(c);
        if (c->CongestionWindow > window)
            c->CongestionWindow = window;
    }

    /// <summary>
    /// Bytes that are thought to be in the network (RFC 6675 §4, SetPipe): sent, not SACKed, and not lost unless sent
    /// again.
    /// </summary>
    internal static uint Pipe(Connection* c)
    {
        uint flight = c->SendNext - c->SendUnacknowledged;
        if (c->SackedCount == 0)
        {
            if (!c->InRecovery)
                return flight;
            // NewReno: each duplicate acknowledgement says that one segment has left.
            return flight > c->Inflation ? flight - c->Inflation : 0;
        }
        flight -= SequenceRanges.CountBetween(c->SackedEdges, c->SackedCount, c->SendUnacknowledged, c->SendNext);
        if (!c->InRecovery)
            return flight;
        uint hole = c->SendUnacknowledged;
        for (int i = 0; i < c->SackedCount; i++)
        {
            uint end = c->SackedEdges[i * 2];
            if (!IsLost(c, hole, i))
                break;
            uint from = Tcp.Later(hole, c->HighRetransmitted);
            if (Tcp.Before(from, end))
                flight -= end - from;
            hole = c->SackedEdges[i * 2 + 1];
        }
        return (int)flight < 0 ? 0 : flight;
    }

    /// <summary>
    /// RFC 6675 IsLost: three ranges, or more than two segments, were SACKed above the hole in front of range
    /// <paramref name="index"/>. The first hole is what recovery is about, and after a tail probe any SACK is proof
    /// enough.
    /// </summary>
    internal static bool IsLost(Connection* c, uint hole, int index)
    {
        if (hole == c->SendUnacknowledged || c->ProbeSent || c->SackedCount - index >= DuplicateThreshold)
            return true;
        uint above = 0;
        for (int i = index; i < c->SackedCount; i++)
            above += c->SackedEdges[i * 2 + 1] - c->SackedEdges[i * 2];
        return above > (DuplicateThreshold - 1) * (uint)c->SegmentSize;
    }

    /// <summary>An acknowledgement brought nothing new, or SACK blocks: is it time to recover?</summary>
    internal static void OnDuplicate(Stack* stack, Connection* c)
    {
        stack->Counters.DuplicateAcknowledgements++;
        if (c->InRecovery)
        {
            c->Inflation += c->SegmentSize;
            return;
        }
        c->DuplicateAcknowledgements++;
        ConsiderRecovery(stack, c);
    }

    internal static void ConsiderRecovery(Stack* stack, Connection* c)
    {
        if (c->InRecovery || c->SendNext == c->SendUnacknowledged)
            return;
        bool proven = c->DuplicateAcknowledgements >= DuplicateThreshold;
        if (c->SackedCount > 0 && !proven)
        {
            uint above = SequenceRanges.CountBetween(c->SackedEdges, c->SackedCount, c->SendUnacknowledged,
                c->SendMaximum);
            proven = c->ProbeSent || c->SackedCount >= DuplicateThreshold
                || above > (DuplicateThreshold - 1) * (uint)c->SegmentSize;
        }
        // RFC 6582 §3.2: not again for what a timeout or an earlier recovery has already covered.
        if (!proven || Tcp.Before(c->SendUnacknowledged, c->RecoveryPoint))
            return;
        stack->Counters.FastRetransmits++;
        c->InRecovery = true;
        c->RecoveryPoint = c->SendMaximum;
        c->HighRetransmitted = c->SendUnacknowledged;
        c->SlowStartThreshold = HalfFlight(c);
        c->CongestionWindow = c->SlowStartThreshold;
        c->Inflation = c->SackedCount == 0 ? (uint)DuplicateThreshold * c->SegmentSize : 0;
        c->RoundTripTiming = false;
        c->ProbeDeadline = 0;
    }

    private static uint HalfFlight(Connection* c)
    {
        uint half = (c->SendMaximum - c->SendUnacknowledged) / 2;
        uint least = 2u * c->SegmentSize;
        return half > least ? half : least;
    }

    /// <summary>New data was acknowledged; SendUnacknowledged has moved by <paramref name="bytes"/>.</summary>
    /// <param name="wasLimited">The window was in use: only then may it grow (RFC 7661 §3).</param>
    internal static void OnAcknowledged(Connection* c, uint bytes, bool wasLimited)
    {
        c->DuplicateAcknowledgements = 0;
        if (c->InRecovery)
        {
            if (!Tcp.Before(c->SendUnacknowledged, c->RecoveryPoint))
            {
                c->InRecovery = false;
                c->CongestionWindow = c->SlowStartThreshold;
                c->Inflation = 0;
                return;
            }
            // Partial acknowledgement: the next hole goes at once (RFC 6582 §3.2 step 3).
            c->HighRetransmitted = Tcp.Later(c->HighRetransmitted, c->SendUnacknowledged);
            if (c->SackedCount == 0)
            {
                c->HighRetransmitted = c->SendUnacknowledged;
                c->Inflation = c->Inflation > bytes ? c->Inflation - bytes + c->SegmentSize : c->SegmentSize;
            }
            return;
        }
        // Keeps the point comparable however long nothing is lost.
        if (Tcp.After(c->SendUnacknowledged, c->RecoveryPoint))
            c->RecoveryPoint = c->SendUnacknowledged;
        if (!wasLimited || c->CongestionWindow >= MaxWindow)
            return;
        if (c->CongestionWindow < c->SlowStartThreshold)
        {
            c->CongestionWindow += bytes;
            return;
        }
        c->CongestionCredit += bytes;
        if (c->CongestionCredit >= c->CongestionWindow)
        {
            c->CongestionCredit -= c->CongestionWindow;
            c->CongestionWindow += c->SegmentSize;
        }
    }

    /// <summary>RFC 5681 §3.1 and RFC 2018 §8: start over with one segment, and forget what was SACKed.</summary>
    internal static void OnTimeout(Connection* c)
    {
        if (c->Backoff <= 1)
            c->SlowStartThreshold = HalfFlight(c);
        c->CongestionWindow = c->SegmentSize;
        c->CongestionCredit = 0;
        c->InRecovery = false;
        c->Inflation = 0;
        c->SackedCount = 0;
        c->DuplicateAcknowledgements = 0;
        c->ProbeSent = false;
        c->RecoveryPoint = c->SendMaximum;
    }
}
