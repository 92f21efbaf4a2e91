namespace Netstack;

/// <summary>
/// Retransmission (RFC 6298), tail loss probe and reordering (RFC 8985), persist, delayed acknowledgement (RFC 9293
/// §3.8.6.3), keep-alive (§3.8.4) and the waiting states. A deadline of 0 is off. The stack's own deadline is a lower
/// bound of them all.
/// </summary>
internal static unsafe class TcpTimers
{
    /// <summary>Linux's lower bound. RFC 6298 §2.4 recommends one second, which is long on a LAN.</summary>
    internal const ulong MinTimeout = 200 * Tcp.Millisecond;
    internal const ulong MaxTimeout = 60 * Tcp.Second;
    private const ulong DelayedAcknowledgement = 40 * Tcp.Millisecond;
    private const ulong FinWait2Time = 60 * Tcp.Second;
    private const int MaxRetransmissions = 15;

    /// <summary>The same of an orphan, window probes included (Linux's tcp_orphan_retries).</summary>
    private const int MaxOrphanRetransmissions = 8;
    private const int MaxSynRetransmissions = 6;

    /// <summary>Linux's tcp_synack_retries: after 63 s a half-open connection is given up.</summary>
    private const int MaxSynAcknowledgementRetransmissions = 5;

    internal static void Stop(Connection* c)
    {
        c->RetransmitDeadline = 0;
        c->ProbeDeadline = 0;
        c->ReorderDeadline = 0;
        c->PersistDeadline = 0;
        c->AcknowledgeDeadline = 0;
        c->KeepAliveDeadline = 0;
        c->LingerDeadline = 0;
        c->AcknowledgeNow = false;
    }

    internal static void StartRetransmission(Stack* stack, Connection* c, ulong now)
    {
        c->RetransmitDeadline = now + c->RetransmissionTimeout;
        stack->Schedule(c, c->RetransmitDeadline);
    }

    internal static void StartPersist(Stack* stack, Connection* c, ulong now)
    {
        if (c->PersistDeadline != 0)
            return;
        ulong interval = c->RetransmissionTimeout << (c->Backoff < 10 ? c->Backoff : 10);
        c->PersistDeadline = now + (interval < MaxTimeout ? interval : MaxTimeout);
        stack->Schedule(c, c->PersistDeadline);
    }

    /// <summary>Two round trips, plus the peer's delay when a single segment is out (RFC 8985 §7.2).</summary>
    internal static void StartProbe(Stack* stack, Connection* c, ulong now)
    {
        c->ProbeDeadline = 0;
        if (c->ProbeSent || c->InRecovery || !c->SackPermitted || c->SmoothedRoundTrip == 0 || c->Backoff != 0)
            return;
        ulong interval = 2 * c->SmoothedRoundTrip;
        if (c->SendMaximum - c->SendUnacknowledged <= c->SegmentSize)
            interval += DelayedAcknowledgement;
        if (interval < 10 * Tcp.Millisecond)
            interval = 10 * Tcp.Millisecond;
        ulong deadline = now + interval;
        if (c->RetransmitDeadline != 0 && deadline >= c->RetransmitDeadline)
            return;
        c->ProbeDeadline = deadline;
        stack->Schedule(c, deadline);
    }

    internal static void DelayAcknowledgement(Stack* stack, Connection* c, ulong now)
    {
        if (c->AcknowledgeDeadline != 0)
            return;
        c->AcknowledgeDeadline = now + DelayedAcknowledgement;
        stack->Schedule(c, c->AcknowledgeDeadline);
    }

    internal static void Linger(Stack* stack, Connection* c, ulong time, ulong now)
    {
        c->LingerDeadline = now + time;
        stack->Schedule(c, c->LingerDeadline);
    }

    /// <summary>How long FIN-WAIT-2 lasts without a user.</summary>
    internal static void LingerFinWait2(Stack* stack, Connection* c, ulong now) => Linger(stack, c, FinWait2Time, now);

    internal static void StartKeepAlive(Stack* stack, Connection* c, ulong now)
    {
        c->KeepAliveProbes = 0;
        c->KeepAliveDeadline = 0;
        if (!c->KeepAlive || !Tcp.IsSynchronized(c->State) || c->State == TcpState.TimeWait)
            return;
        c->KeepAliveDeadline = now + c->KeepAliveIdle;
        stack->Schedule(c, c->KeepAliveDeadline);
    }

    /// <summary>A new measurement (RFC 6298 §2).</summary>
    internal static void Measure(Connection* c, ulong roundTrip)
    {
        if (roundTrip == 0)
            roundTrip = 1000;
        if (c->SmoothedRoundTrip == 0)
        {
            c->SmoothedRoundTrip = roundTrip;
            c->RoundTripVariation = roundTrip / 2;
        }
        else
        {
            ulong difference = c->SmoothedRoundTrip > roundTrip ? c->SmoothedRoundTrip - roundTrip
                : roundTrip - c->SmoothedRoundTrip;
            c->RoundTripVariation = c->RoundTripVariation - c->RoundTripVariation / 4 + difference / 4;
            c->SmoothedRoundTrip = c->SmoothedRoundTrip - c->SmoothedRoundTrip / 8 + roundTrip / 8;
        }
        Recompute(c);
    }

    internal static void Recompute(Connection* c)
    {
        if (c->SmoothedRoundTrip == 0)
            return;
        // The floor is put under the variation, as Linux does, so that a delayed acknowledgement on a slow path is no
        // timeout.
        ulong variation = 4 * c->RoundTripVariation;
        ulong timeout = c->SmoothedRoundTrip + (variation < MinTimeout ? MinTimeout : variation);
        c->RetransmissionTimeout = timeout < MaxTimeout ? timeout : MaxTimeout;
    }

    /// <summary>Runs what is due; returns the earliest deadline that is left.</summary>
    internal static ulong Poll(Stack* stack, Connection* c, ulong now)
    {
        if (IsDue(c->LingerDeadline, now))
        {
            // A user who still holds the handle of a finished connection keeps it.
            Tcp.Close(stack, c, 0);
            return ulong.MaxValue;
        }
        if (IsDue(c->AcknowledgeDeadline, now))
        {
            c->AcknowledgeDeadline = 0;
            c->AcknowledgeNow = true;
            stack->Counters.DelayedAcknowledgements++;
            TcpOutput.Run(stack, c, now);
        }
        if (IsDue(c->RetransmitDeadline, now) && !Retransmit(stack, c, now))
            return ulong.MaxValue;
        if (IsDue(c->ProbeDeadline, now))
        {
            c->ProbeDeadline = 0;
            TcpOutput.SendTailProbe(stack, c, now);
        }
        if (IsDue(c->ReorderDeadline, now))
        {
            // RFC 8985 §6.2 step 5: what has not come by now is lost.
            TcpRack.DetectLoss(stack, c, now);
            TcpOutput.Run(stack, c, now);
        }
        if (IsDue(c->PersistDeadline, now) && !Persist(stack, c, now))
            return ulong.MaxValue;
        if (IsDue(c->KeepAliveDeadline, now) && !ProbePeer(stack, c, now))
            return ulong.MaxValue;
        ulong next = ulong.MaxValue;
        Earliest(c->LingerDeadline, ref next);
        Earliest(c->AcknowledgeDeadline, ref next);
        Earliest(c->RetransmitDeadline, ref next);
        Earliest(c->ProbeDeadline, ref next);
        Earliest(c->ReorderDeadline, ref next);
        Earliest(c->PersistDeadline, ref next);
        Earliest(c->KeepAliveDeadline, ref next);
        return next;
    }

    private static bool IsDue(ulong deadline, ulong now) => deadline != 0 && now >= deadline;

    private static void Earliest(ulong deadline, ref ulong next)
    {
        if (deadline != 0 && deadline < next)
            next = deadline;
    }

    private static int MaxRetransmissionsOf(Connection* c) => c->State switch
    {
        TcpState.SynSent => MaxSynRetransmissions,
        TcpState.SynReceived => MaxSynAcknowledgementRetransmissions,
        _ => c->Orphan ? MaxOrphanRetransmissions : MaxRetransmissions,
    };

    private static bool Retransmit(Stack* stack, Connection* c, ulong now)
    {
        c->RetransmitDeadline = 0;
        if (c->SendMaximum == c->SendUnacknowledged && !c->OutputPending)
            return true;
        if (c->Backoff >= MaxRetransmissionsOf(c) || IsGivenUp(c, now))
        {
            stack->Counters.TimedOut++;
            if (!Tcp.IsSynchronized(c->State))
                stack->Counters.ConnectionsFailed++;
            Tcp.Close(stack, c, SocketError.TimedOut);
            return false;
        }
        c->Backoff++;
        c->RetransmissionTimeout *= 2;
        if (c->RetransmissionTimeout > MaxTimeout)
            c->RetransmissionTimeout = MaxTimeout;
        c->RoundTripStart = 0;
        c->ProbeDeadline = 0;
        if (c->SendMaximum != c->SendUnacknowledged)
        {
            stack->Counters.RetransmissionTimeouts++;
            TcpCongestion.OnTimeout(c);
        }
        if (!Tcp.CanTransmitData(c->State))
            c->SendNext = c->SendUnacknowledged;
        TcpOutput.Run(stack, c, now);
        if (c->RetransmitDeadline == 0 && c->PersistDeadline == 0)
            StartRetransmission(stack, c, now);
        return true;
    }

    private static bool IsGivenUp(Connection* c, ulong now) =>
        c->UserTimeout != 0 && now - c->LastProgress >= c->UserTimeout;

    private static bool Persist(Stack* stack, Connection* c, ulong now)
    {
        c->PersistDeadline = 0;
        if (c->QueueEnd == c->SendNext && !c->FinQueued && c->LostBytes == 0)
            return true;
        // A peer that answers may keep its window closed as long as it likes (RFC 9293 §3.8.6.1); silence counts as
        // with data. A connection without a user is given up after a while (RFC 9293 §3.8.3 leaves that to the
        // implementation).
        if (c->Backoff >= MaxRetransmissionsOf(c) || (c->Backoff > 0 && IsGivenUp(c, now)))
        {
            stack->Counters.TimedOut++;
            Tcp.Close(stack, c, SocketError.TimedOut);
            return false;
        }
        c->Backoff++;
        stack->Counters.ZeroWindowProbes++;
        TcpOutput.SendWindowProbe(stack, c, now);
        if (c->RetransmitDeadline == 0)
            StartPersist(stack, c, now);
        return true;
    }

    private static bool ProbePeer(Stack* stack, Connection* c, ulong now)
    {
        c->KeepAliveDeadline = 0;
        ulong idle = now - c->LastReceived;
        if (c->KeepAliveProbes == 0 && idle < c->KeepAliveIdle)
        {
            c->KeepAliveDeadline = c->LastReceived + c->KeepAliveIdle;
            return true;
        }
        // Unacknowledged data probes by itself.
        if (c->SendMaximum == c->SendUnacknowledged)
        {
            if (c->KeepAliveProbes >= c->KeepAliveCount)
            {
                stack->Counters.TimedOut++;
                TcpOutput.SendReset(stack, c, now);
                Tcp.Close(stack, c, SocketError.TimedOut);
                return false;
            }
            c->KeepAliveProbes++;
            stack->Counters.KeepAliveProbes++;
            TcpOutput.SendProbe(stack, c, now);
        }
        c->KeepAliveDeadline = now + c->KeepAliveInterval;
        return true;
    }
}
