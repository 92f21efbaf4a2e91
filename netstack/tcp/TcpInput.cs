namespace Netstack;

/// <summary>
/// A segment arrives: RFC 9293 §3.10.7 in its order, with the checks of RFC 5961 and RFC 7323 and a fast path for the
/// usual case.
/// </summary>
internal static unsafe class TcpInput
{
    /// <summary>
    /// Least time between two challenges (RFC 5961 §7), and between two answers to unacceptable segments without data,
    /// of one connection, so that two stacks cannot answer each other for ever. There is no limit for all connections
    /// together: an attacker with a connection of his own could tell by it whether a guess about another connection
    /// was answered (Cao and others, "Off-Path TCP Exploits", USENIX Security 2016).
    /// </summary>
    private const ulong ChallengeInterval = 20 * Tcp.Millisecond;

    /// <summary>After 24 days a timestamp may have wrapped and says nothing (RFC 7323 §5.5).</summary>
    private const ulong TimestampLifetime = 24ul * 24 * 3600 * Tcp.Second;

    internal static void Receive(Stack* stack, in IpHeader ip, Payload payload, bool checksumValid, ulong now)
    {
        stack->Counters.SegmentsReceived++;
        if (!TcpHeader.TryParse(payload.First, out TcpHeader header))
        {
            if (payload.First.Length < payload.Length && payload.First.Length < TcpHeader.MaxLength)
                stack->Counters.FirstFragmentTooShort++;
            else
                stack->Counters.TcpMalformed++;
            return;
        }
        if (!checksumValid
            && Checksum.Fold(payload.Sum()
                + Checksum.PseudoHeader(ip.Source, ip.Destination, Ipv4.ProtocolTcp, payload.Length)) != 0xffff)
        {
            stack->Counters.TcpBadChecksum++;
            return;
        }
        payload.Skip(header.Length);
        Connection* c = Tcp.Find(stack, ip.Destination, header.DestinationPort, ip.Source, header.SourcePort);
        if (c != null && c->State == TcpState.TimeWait && IsNewOpening(c, ref header))
        {
            // RFC 9293 §3.6.1, RFC 6191: a later incarnation may begin.
            if (c->Owned)
            {
                stack->Counters.SynDroppedTable++;
                return;
            }
            Tcp.Close(stack, c, 0);
            c = null;
        }
        if (c != null)
        {
            Arrive(stack, c, ip, ref header, payload, now);
            return;
        }
        Listener* listener = TcpOpen.FindListener(stack, ip, header);
        if (listener != null)
        {
            c = TcpOpen.Receive(stack, listener, ip, ref header, payload.Length, now);
            if (c != null)
                Arrive(stack, c, ip, ref header, payload, now);
            return;
        }
        stack->Counters.TcpNoConnection++;
        TcpOutput.SendResetFor(stack, ip, header, payload.Length, now);
    }

    private static bool IsNewOpening(Connection* c, ref TcpHeader header) =>
        (header.Flags & (TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Rst | TcpFlags.Fin)) == TcpFlags.Syn
        && (Tcp.After(header.Sequence, c->ReceiveNext)
            || (c->TimestampsEnabled && header.HasTimestamps && Tcp.After(header.TimestampValue, c->TimestampRecent)));

    private static void Arrive(Stack* stack, Connection* c, in IpHeader ip, ref TcpHeader header, Payload payload,
        ulong now)
    {
        if (c->State == TcpState.Established && IsUsual(c, ref header))
        {
            ArriveUsual(stack, c, ref header, payload, now);
            return;
        }
        if (c->State == TcpState.SynSent)
        {
            ArriveSynSent(stack, c, ip, ref header, payload, now);
            return;
        }
        if (c->State == TcpState.SynReceived && header.Sequence == c->InitialReceive
            && (header.Flags & (TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Rst)) == (TcpFlags.Syn | TcpFlags.Ack))
        {
            // The other half of a simultaneous open: its SYN is known, its acknowledgement is news.
            header.Flags &= ~TcpFlags.Syn;
            header.Sequence++;
            c->AcknowledgeNow = true;
        }
        if (!IsAcceptable(stack, c, ref header, payload.Length, now))
            return;
        if ((header.Flags & TcpFlags.Rst) != 0)
        {
            ArriveReset(stack, c, ref header, now);
            return;
        }
        if ((header.Flags & TcpFlags.Syn) != 0)
        {
            // RFC 5961 §4.
            Challenge(stack, c, now);
            return;
        }
        if ((header.Flags & TcpFlags.Ack) == 0)
        {
            stack->Counters.TcpNoFlags++;
            return;
        }
        if (c->State == TcpState.SynReceived)
        {
            if (!Tcp.After(header.Acknowledgement, c->SendUnacknowledged)
                || Tcp.After(header.Acknowledgement, c->SendMaximum))
            {
                stack->Counters.TcpBadAcknowledgement++;
                TcpOutput.SendResetFor(stack, ip, header, payload.Length, now);
                return;
            }
            c->SendWindow = (uint)header.Window << c->SendShift;
            c->MaxSendWindow = c->SendWindow > c->MaxSendWindow ? c->SendWindow : c->MaxSendWindow;
            TcpOpen.Established(stack, c, now);
        }
        NoteArrival(stack, c, ref header, now);
        if (!TcpAcknowledgement.Process(stack, c, ref header, payload.Length, now))
            return;
        if (!AfterAcknowledgement(stack, c, now))
            return;
        if (payload.Length > 0 && !TakeData(stack, c, ref header, payload, now))
            return;
        if ((header.Flags & TcpFlags.Fin) != 0)
            NoteFin(c, header.Sequence + (uint)payload.Length);
        if (c->FinPending && c->ReceiveNext == c->PendingFinSequence)
            TakeFin(stack, c, now);
        TcpOutput.Run(stack, c, now);
    }

    // ---- the usual case ----

    /// <summary>Header prediction: the next segment in order of an undisturbed connection.</summary>
    private static bool IsUsual(Connection* c, ref TcpHeader header) =>
        (header.Flags & ~TcpFlags.Psh) == TcpFlags.Ack
        && header.Sequence == c->ReceiveNext
        && header.SackCount == 0
        && c->OutOfOrderCount == 0
        && !c->InRecovery
        && !c->FinPending
        && header.HasTimestamps == c->TimestampsEnabled
        && (!header.HasTimestamps || !Tcp.Before(header.TimestampValue, c->TimestampRecent));

    private static void ArriveUsual(Stack* stack, Connection* c, ref TcpHeader header, Payload payload, ulong now)
    {
        NoteArrival(stack, c, ref header, now);
        if (!TcpAcknowledgement.Process(stack, c, ref header, payload.Length, now))
            return;
        if (payload.Length == 0)
            stack->Counters.FastPathAcknowledgements++;
        else if (!TakeData(stack, c, ref header, payload, now))
            return;
        else
            stack->Counters.FastPathData++;
        if (c->AcknowledgeNow || c->QueueEnd != c->SendNext || c->LostBytes != 0)
            TcpOutput.Run(stack, c, now);
    }

    // ---- checks ----

    /// <summary>
    /// PAWS, then the window (RFC 9293 §3.10.7.4, first check). Unacceptable segments are answered with an
    /// acknowledgement.
    /// </summary>
    private static bool IsAcceptable(Stack* stack, Connection* c, ref TcpHeader header, int payloadLength, ulong now)
    {
        bool reset = (header.Flags & TcpFlags.Rst) != 0;
        if (c->TimestampsEnabled && header.HasTimestamps && !reset
            && Tcp.Before(header.TimestampValue, c->TimestampRecent)
            && now - c->TimestampRecentTime < TimestampLifetime)
        {
            stack->Counters.TcpOldTimestamp++;
            Answer(stack, c, ref header, payloadLength, now);
            return false;
        }
        uint length = (uint)payloadLength + header.ControlLength;
        uint window = c->ReceiveEdge - c->ReceiveNext;
        uint start = header.Sequence - c->ReceiveNext;
        uint last = start + length - 1;
        // A FIN lies behind the data and takes no room in the ring: one more number is accepted for it.
        bool acceptable = length == 0
            ? start < window || start == 0
            : start <= window || last <= window;
        // A segment that begins before the window and ends in it, or covers it.
        if (!acceptable && length > 0)
            acceptable = Tcp.Before(header.Sequence, c->ReceiveNext)
                && Tcp.After(header.Sequence + length, c->ReceiveNext);
        if (acceptable)
            return true;
        stack->Counters.TcpOutsideWindow++;
        if (reset)
        {
            stack->Counters.ResetsIgnored++;
            return false;
        }
        if (c->State == TcpState.SynReceived && (header.Flags & (TcpFlags.Syn | TcpFlags.Ack)) == TcpFlags.Syn
            && header.Sequence == c->InitialReceive)
        {
            // Our SYN-ACK was lost.
            c->SendNext = c->InitialSend;
            TcpOutput.Run(stack, c, now);
            return false;
        }
        if (c->State == TcpState.TimeWait && (header.Flags & TcpFlags.Fin) != 0)
            TcpTimers.Linger(stack, c, stack->TimeWait, now);
        // A retransmission may carry the acknowledgement that we wait for; RFC 9293 lets it be dropped, and so do we.
        if (payloadLength > 0)
            TcpReassembly.NoteTwice(c, header.Sequence, header.Sequence + (uint)payloadLength);
        Answer(stack, c, ref header, payloadLength, now);
        return false;
    }

    private static void Answer(Stack* stack, Connection* c, ref TcpHeader header, int payloadLength, ulong now)
    {
        // Data and FIN are never part of an endless exchange of acknowledgements.
        if (payloadLength == 0 && (header.Flags & (TcpFlags.Syn | TcpFlags.Fin)) == 0)
        {
            if (c->LastChallenge != 0 && now - c->LastChallenge < ChallengeInterval)
            {
                stack->Counters.ChallengesLimited++;
                return;
            }
            c->LastChallenge = now;
        }
        if (c->State == TcpState.SynReceived)
            return;
        c->AcknowledgeNow = true;
        c->LastReceived = now;
        TcpOutput.Run(stack, c, now);
    }

    /// <summary>RFC 5961: the sender has to show that it knows our sequence numbers (challenge ACK).</summary>
    internal static void Challenge(Stack* stack, Connection* c, ulong now)
    {
        if (c->LastChallenge != 0 && now - c->LastChallenge < ChallengeInterval)
        {
            stack->Counters.ChallengesLimited++;
            return;
        }
        c->LastChallenge = now;
        stack->Counters.ChallengeAcknowledgements++;
        c->AcknowledgeNow = true;
        TcpOutput.Run(stack, c, now);
    }

    /// <summary>RFC 5961 §3: only exactly the next number resets.</summary>
    private static void ArriveReset(Stack* stack, Connection* c, ref TcpHeader header, ulong now)
    {
        if (header.Sequence != c->ReceiveNext)
        {
            stack->Counters.ResetsIgnored++;
            Challenge(stack, c, now);
            return;
        }
        if (c->State == TcpState.TimeWait)
        {
            // RFC 1337 §3: a reset does not end TIME-WAIT.
            stack->Counters.ResetsIgnored++;
            return;
        }
        stack->Counters.ResetsReceived++;
        bool done = c->State is TcpState.Closing or TcpState.LastAck;
        if (c->State == TcpState.SynReceived)
            stack->Counters.ConnectionsFailed++;
        Tcp.Close(stack, c, done ? 0 : c->State switch
        {
            TcpState.SynReceived => SocketError.Refused,
            // A user that has read the end of the stream learns that the peer no longer reads (EPIPE), as on Linux.
            TcpState.CloseWait => SocketError.ShutDown,
            _ => SocketError.Reset,
        });
    }

    /// <summary>
    /// What every acceptable segment shows: that the peer is there, and its timestamp (RFC 7323 §4.3).
    /// </summary>
    private static void NoteArrival(Stack* stack, Connection* c, ref TcpHeader header, ulong now)
    {
        c->LastReceived = now;
        if (c->KeepAliveProbes != 0)
            TcpTimers.StartKeepAlive(stack, c, now);
        if (header.HasTimestamps && c->TimestampsEnabled && !Tcp.After(header.Sequence, c->LastAcknowledgementSent)
            && !Tcp.Before(header.TimestampValue, c->TimestampRecent))
        {
            c->TimestampRecent = header.TimestampValue;
            c->TimestampRecentTime = now;
        }
    }

    // ---- states ----

    /// <summary>RFC 9293 §3.10.7.3.</summary>
    private static void ArriveSynSent(Stack* stack, Connection* c, in IpHeader ip, ref TcpHeader header,
        Payload payload, ulong now)
    {
        bool acknowledges = (header.Flags & TcpFlags.Ack) != 0;
        if (acknowledges && (!Tcp.After(header.Acknowledgement, c->InitialSend)
            || Tcp.After(header.Acknowledgement, c->SendMaximum)))
        {
            stack->Counters.TcpBadAcknowledgement++;
            TcpOutput.SendResetFor(stack, ip, header, payload.Length, now);
            return;
        }
        if ((header.Flags & TcpFlags.Rst) != 0)
        {
            if (!acknowledges)
            {
                stack->Counters.ResetsIgnored++;
                return;
            }
            stack->Counters.ResetsReceived++;
            stack->Counters.ConnectionsFailed++;
            Tcp.Close(stack, c, SocketError.Refused);
            return;
        }
        if ((header.Flags & TcpFlags.Syn) == 0)
        {
            stack->Counters.TcpNoFlags++;
            return;
        }
        TcpOpen.Negotiate(stack, c, ref header, now);
        if (acknowledges)
        {
            c->SendUnacknowledged = header.Acknowledgement;
            c->SendNext = header.Acknowledgement;
            if (c->RoundTripStart != 0)
                TcpTimers.Measure(c, now - c->RoundTripStart);
            c->RoundTripStart = 0;
            TcpOpen.Established(stack, c, now);
            c->AcknowledgeNow = true;
            if (payload.Length > 0 && !TakeData(stack, c, ref header, payload, now))
                return;
            if ((header.Flags & TcpFlags.Fin) != 0)
                NoteFin(c, header.Sequence + 1 + (uint)payload.Length);
            if (c->FinPending && c->ReceiveNext == c->PendingFinSequence)
                TakeFin(stack, c, now);
        }
        else
        {
            // Simultaneous open: our SYN again, now with an acknowledgement.
            c->State = TcpState.SynReceived;
            c->SendNext = c->InitialSend;
        }
        TcpOutput.Run(stack, c, now);
    }

    /// <summary>Our FIN may be acknowledged now. False when the connection is finished.</summary>
    private static bool AfterAcknowledgement(Stack* stack, Connection* c, ulong now)
    {
        bool finAcknowledged = c->FinQueued && c->SendUnacknowledged == c->QueueEnd + 1;
        switch (c->State)
        {
            case TcpState.FinWait1 when finAcknowledged:
                c->State = TcpState.FinWait2;
                if (!c->Owned)
                    TcpTimers.LingerFinWait2(stack, c, now);
                break;
            case TcpState.Closing when finAcknowledged:
                Tcp.EnterTimeWait(stack, c, now);
                break;
            case TcpState.LastAck when finAcknowledged:
                Tcp.Close(stack, c, 0);
                return false;
        }
        return true;
    }

    /// <summary>Stream data. False when it ended the connection.</summary>
    private static bool TakeData(Stack* stack, Connection* c, ref TcpHeader header, Payload payload, ulong now)
    {
        uint sequence = header.Sequence + ((header.Flags & TcpFlags.Syn) != 0 ? 1u : 0);
        if (!Tcp.CanReceiveData(c->State) || c->FinReceived)
        {
            c->AcknowledgeNow |= c->State is TcpState.TimeWait or TcpState.CloseWait or TcpState.LastAck
                or TcpState.Closing;
            return true;
        }
        if (!c->Owned && !c->Queued && Tcp.After(sequence + (uint)payload.Length, c->ReceiveNext))
        {
            // The user has closed the connection: a reset tells the peer that nobody will read it (RFC 2525 §2.17).
            stack->Counters.TcpDataAfterClose++;
            TcpOutput.SendReset(stack, c, now);
            Tcp.Close(stack, c, 0);
            return false;
        }
        if (c->FinPending && Tcp.After(sequence + (uint)payload.Length, c->PendingFinSequence))
        {
            // Data behind the end of the stream.
            int before = (int)(c->PendingFinSequence - sequence);
            if (before <= 0)
                return true;
            payload.Truncate(before);
        }
        uint size = (uint)payload.Length < c->SegmentSize ? (uint)payload.Length : c->SegmentSize;
        if (size > c->PeerPayload)
            c->PeerPayload = size;
        if (TcpReassembly.Accept(stack, c, sequence, payload, now))
            Tcp.Changed(stack, c, Readiness.Readable);
        // RFC 9293 §3.8.6.3: at least every second full segment at once.
        if (c->UnansweredBytes >= 2 * c->PeerPayload)
            c->AcknowledgeNow = true;
        else if (c->UnansweredBytes > 0 && !c->AcknowledgeNow)
            TcpTimers.DelayAcknowledgement(stack, c, now);
        return true;
    }

    private static void NoteFin(Connection* c, uint sequence)
    {
        if (c->FinReceived || !Tcp.CanReceiveData(c->State))
        {
            c->AcknowledgeNow = true;
            return;
        }
        // The first one counts; it must lie where the window allows and not before data that we already have.
        if (c->FinPending || Tcp.Before(sequence, c->ReceiveNext) || Tcp.After(sequence, c->ReceiveEdge))
            return;
        if (c->OutOfOrderCount > 0 && Tcp.Before(sequence, c->OutOfOrderEdges[c->OutOfOrderCount * 2 - 1]))
            return;
        c->FinPending = true;
        c->PendingFinSequence = sequence;
        c->AcknowledgeNow = true;
    }

    private static void TakeFin(Stack* stack, Connection* c, ulong now)
    {
        c->FinPending = false;
        c->FinReceived = true;
        c->ReceiveNext++;
        if (Tcp.Before(c->ReceiveEdge, c->ReceiveNext))
            c->ReceiveEdge = c->ReceiveNext;
        c->AcknowledgeNow = true;
        switch (c->State)
        {
            case TcpState.Established:
                c->State = TcpState.CloseWait;
                break;
            case TcpState.FinWait1:
                c->State = TcpState.Closing;
                break;
            case TcpState.FinWait2:
                TcpOutput.Run(stack, c, now);
                Tcp.EnterTimeWait(stack, c, now);
                // The acknowledgement may still wait for the link.
                c->AcknowledgeNow = c->OutputPending;
                return;
        }
        Tcp.Changed(stack, c);
    }
}
