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
        uint window = (uint)header.Window << c->SendShift;
        bool isRepetition = ack == c->SendUnacknowledged && payloadLength == 0 && window == c->SendWindow
            && c->SendMaximum != ack && (header.Flags & (TcpFlags.Syn | TcpFlags.Fin)) == 0;
        bool hasBlocks = header.SackCount > 0 && c->SackPermitted;
        if (Tcp.After(ack, c->SendUnacknowledged) || hasBlocks || (isRepetition && c->ProbeSent))
            Learn(stack, c, ref header, now);
        if (isRepetition)
            TcpCongestion.OnDuplicate(stack, c);
        UpdateWindow(c, ref header, window);
        return true;
    }

    // What has arrived, by the cumulative acknowledgement and by blocks, and what must be lost therefore.
    private static void Learn(Stack* stack, Connection* c, ref TcpHeader header, ulong now)
    {
        Delivery delivery = default;
        delivery.Now = now;
        delivery.Time = TcpScoreboard.Ticks(now);
        delivery.Forward = c->ForwardAcknowledgement;
        if (c->SackPermitted)
            TakeBlocks(c, ref header, ref delivery);
        delivery.HasEcho = header.HasTimestamps && c->TimestampsEnabled && header.TimestampEcho != 0;
        delivery.Echo = header.TimestampEcho;
        if (Tcp.After(header.Acknowledgement, c->SendUnacknowledged))
            Advance(stack, c, ref delivery, header.Acknowledgement);
        TcpRack.OnAcknowledged(stack, c, ref delivery);
    }

    private static void Advance(Stack* stack, Connection* c, ref Delivery delivery, uint ack)
    {
        ulong now = delivery.Now;
        uint bytes = ack - c->SendUnacknowledged;
        bool wasLimited = c->SendMaximum - c->SendUnacknowledged + 2u * c->SegmentSize >= c->CongestionWindow;
        if (c->RoundTripStart != 0)
        {
            TcpTimers.Measure(c, now - c->RoundTripStart);
            c->RoundTripStart = 0;
        }
        TcpScoreboard.Acknowledge(c, ack, ref delivery);
        if (!delivery.HasRoundTrip && delivery.HasEcho)
        {
            // After retransmissions the echoed timestamp still says which copy was meant (RFC 7323 §4.1).
            uint milliseconds = TcpOutput.Timestamp(c, now) - delivery.Echo;
            if (milliseconds < 60000)
                TcpTimers.Measure(c, milliseconds * Tcp.Millisecond);
        }
        c->SendUnacknowledged = ack;
        if (Tcp.Before(c->SendNext, ack))
            c->SendNext = ack;
        uint data = Tcp.Earlier(ack, c->QueueEnd) - c->QueueStart;
        if ((int)data > 0)
            TcpSendQueue.Acknowledge(stack, c, data);
        c->Backoff = 0;
        TcpTimers.Recompute(c);
        TcpCongestion.OnAcknowledged(c, bytes, wasLimited, now);
        c->LastProgress = now;
        if (c->Orphan)
            Tcp.NoteOrphanProgress(stack, c);
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

    /// <summary>
    /// Takes the SACK blocks that lie in what is on its way; the first may say what came twice (RFC 2883 §4).
    /// </summary>
    private static void TakeBlocks(Connection* c, ref TcpHeader header, ref Delivery delivery)
    {
        for (int i = 0; i < header.SackCount; i++)
        {
            uint start = header.SackEdges[i * 2];
            uint end = header.SackEdges[i * 2 + 1];
            if (!Tcp.Before(start, end) || Tcp.After(end, c->SendMaximum))
                continue;
            if (i == 0 && IsReceivedTwice(ref header, start, end))
            {
                if (Tcp.Before(end, c->SendUnacknowledged - c->MaxSendWindow))
                    continue;
                delivery.HasDuplicate = true;
                TcpCongestion.OnReceivedTwice(c, start, end);
                continue;
            }
            if (Tcp.After(start, header.Acknowledgement) && Tcp.After(start, c->SendUnacknowledged))
                TcpScoreboard.Sack(c, start, end, ref delivery);
        }
    }

    private static bool IsReceivedTwice(ref TcpHeader header, uint start, uint end) =>
        Tcp.Before(start, header.Acknowledgement)
        || (header.SackCount > 1 && !Tcp.Before(start, header.SackEdges[2])
            && !Tcp.After(end, header.SackEdges[3]));
}
