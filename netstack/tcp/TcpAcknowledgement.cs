namespace Netstack;

/// <summary>
/// What an arriving acknowledgement means: the send queue, the send window, round trips, SACK blocks.
/// </summary>
internal static unsafe class TcpAcknowledgement
{
    /// <summary>
    /// Handles the acknowledgement and window of an acceptable segment in a synchronized state.
    /// False when the segment is to be dropped, answered if need be (RFC 5961 §5).
    /// </summary>
    internal static bool Process(Stack* stack, Connection* c, ref TcpHeader header, int payloadLength, ulong now)
    {
        uint ack = header.Acknowledgement;
        if (Tcp.After(ack, c->SendMaximum) || Tcp.Before(ack, c->SendUnacknowledged - c->MaxSendWindow))
        {
            stack->Counters.TcpBadAcknowledgement++;
            TcpInput.Challenge(stack, c, now);
            return false;
        }
        bool sacked = header.SackCount > 0 && c->SackPermitted && UpdateScoreboard(c, ref header);
        uint window = (uint)header.Window << c->SendShift;
        if (Tcp.After(ack, c->SendUnacknowledged))
        {
            Advance(stack, c, ref header, ack, now);
        }
        else if (ack == c->SendUnacknowledged && payloadLength == 0 && window == c->SendWindow && c->SendMaximum != ack
            && (header.Flags & (TcpFlags.Syn | TcpFlags.Fin)) == 0)
        {
            TcpCongestion.OnDuplicate(stack, c);
        }
        if (sacked)
            TcpCongestion.ConsiderRecovery(stack, c);
        UpdateWindow(c, ref header, window);
        return true;
    }

    private static void Advance(Stack* stack, Connection* c, ref TcpHeader header, uint ack, ulong now)
    {
        uint bytes = ack - c->SendUnacknowledged;
        bool wasLimited = c->SendNext - c->SendUnacknowledged + 2u * c->SegmentSize >= c->CongestionWindow;
        if (c->RoundTripTiming && Tcp.After(ack, c->RoundTripSequence))
        {
            c->RoundTripTiming = false;
            TcpTimers.Measure(c, now - c->RoundTripStart);
        }
        else if (header.HasTimestamps && c->TimestampsEnabled && !c->RoundTripTiming && header.TimestampEcho != 0)
        {
            // After retransmissions the echoed timestamp still says which copy was meant (RFC 7323 §4.1).
            uint milliseconds = TcpOutput.Timestamp(c, now) - header.TimestampEcho;
            if (milliseconds < 60000)
                TcpTimers.Measure(c, milliseconds * Tcp.Millisecond);
        }
        c->SendUnacknowledged = ack;
        if (Tcp.Before(c->SendNext, ack))
            c->SendNext = ack;
        uint data = Tcp.Earlier(ack, c->QueueEnd) - c->QueueStart;
        if ((int)data > 0)
            TcpSendQueue.Acknowledge(stack, c, data);
        if (c->SackedCount > 0)
            SequenceRanges.TrimBefore(c->SackedEdges, ref c->SackedCount, ack);
        c->LastProgress = now;
        if (c->Orphan)
            Tcp.NoteOrphanProgress(stack, c);
        c->Backoff = 0;
        TcpTimers.Recompute(c);
        TcpCongestion.OnAcknowledged(c, bytes, wasLimited);
        c->ProbeSent = false;
        c->ProbeDeadline = 0;
        if (ack == c->SendMaximum)
        {
            c->RetransmitDeadline = 0;
        }
        else
        {
            TcpTimers.StartRetransmission(stack, c, now);
            TcpTimers.StartProbe(stack, c, now);
        }
        if ((int)data > 0)
            Tcp.Changed(stack, c, Readiness.Writable);
    }

    /// <summary>RFC 9293 §3.10.7.4: only a newer segment may change the window.</summary>
    private static void UpdateWindow(Connection* c, ref TcpHeader header, uint window)
    {
        if (Tcp.Before(header.Acknowledgement, c->SendUnacknowledged)
            || Tcp.Before(header.Sequence, c->WindowSequence)
            || (header.Sequence == c->WindowSequence && Tcp.Before(header.Acknowledgement, c->WindowAcknowledgement)))
            return;
        c->WindowSequence = header.Sequence;
        c->WindowAcknowledgement = header.Acknowledgement;
        c->SendWindow = window;
        if (window > c->MaxSendWindow)
            c->MaxSendWindow = window;
        // An acknowledgement shows that the peer is there; output starts the persist timer again if the window is still
        // too small.
        if (c->PersistDeadline != 0)
        {
            if (window != 0)
            {
                c->PersistDeadline = 0;
                c->Backoff = 0;
            }
            else if (c->Backoff > 8)
                c->Backoff = 8;
        }
    }

    /// <summary>Takes the SACK blocks that lie in what is in flight. True when they said something new.</summary>
    private static bool UpdateScoreboard(Connection* c, ref TcpHeader header)
    {
        bool news = false;
        for (int i = 0; i < header.SackCount; i++)
        {
            uint start = header.SackEdges[i * 2];
            uint end = header.SackEdges[i * 2 + 1];
            // D-SACK (RFC 2883) lies below the acknowledgement and tells us nothing that we use.
            if (!Tcp.Before(start, end) || Tcp.After(end, c->SendMaximum) || !Tcp.After(start, header.Acknowledgement)
                || !Tcp.After(start, c->SendUnacknowledged))
                continue;
            uint known = SequenceRanges.CountBetween(c->SackedEdges, c->SackedCount, start, end);
            if (known == end - start)
                continue;
            news |= SequenceRanges.Add(c->SackedEdges, ref c->SackedCount, start, end);
        }
        return news;
    }
}
