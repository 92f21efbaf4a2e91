using System;

namespace Netstack;

/// <summary>
/// Decides what leaves and when (RFC 9293 §3.7.4, §3.8.6; Nagle; congestion and peer's window), builds segments, and
/// hands them to the link: one call for up to 64 KiB where the device segments.
/// </summary>
internal static unsafe partial class TcpOutput
{
    /// <summary>
    /// Largest stream part of one transmission: the IPv4 length field, less room for headers with options.
    /// </summary>
    private const int MaxPerTransmission = Ipv4.MaxLength - Ipv4.HeaderLength - TcpHeader.MaxLength;

    /// <summary>Length of the SACK option with its alignment, for this many blocks.</summary>
    private static int SackLength(int blocks) => blocks == 0 ? 0 : 4 + 8 * blocks;

    /// <summary>Milliseconds, from a point of the connection's own (RFC 7323 §5.4).</summary>
    internal static uint Timestamp(Connection* c, ulong now) => (uint)(now / Tcp.Millisecond) + c->TimestampOffset;

    /// <summary>
    /// Sends everything that may be sent now, and an acknowledgement if one is owed and nothing carried it.
    /// </summary>
    internal static void Run(Stack* stack, Connection* c, ulong now)
    {
        c->OutputPending = false;
        switch (c->State)
        {
            case TcpState.Closed:
                return;
            case TcpState.SynSent:
            case TcpState.SynReceived:
                if (c->SendNext == c->InitialSend)
                    SendSyn(stack, c, now);
                break;
            case TcpState.FinWait2:
            case TcpState.TimeWait:
                break;
            default:
                if (c->LostBytes != 0 && !RetransmitLost(stack, c, now))
                    return;
                if ((c->QueueEnd != c->SendNext || c->FinQueued) && !SendNew(stack, c, now))
                    return;
                break;
        }
        if (c->AcknowledgeNow && c->State != TcpState.SynSent)
            Emit(stack, c, c->SendNext, 0, TcpFlags.Ack, now);
    }

    /// <summary>Runs the output of connections that waited for the link or a neighbour.</summary>
    internal static void RunPending(Stack* stack, ulong now)
    {
        stack->OutputPending = false;
        for (int i = 0; i < stack->ConnectionTop; i++)
        {
            Connection* c = stack->Connections + i;
            if (c->InUse && c->OutputPending)
                Run(stack, c, now);
        }
    }

    private static void SendSyn(Stack* stack, Connection* c, ulong now)
    {
        TcpFlags flags = c->State == TcpState.SynSent ? TcpFlags.Syn : TcpFlags.Syn | TcpFlags.Ack;
        bool sent = Emit(stack, c, c->InitialSend, 0, flags, now);
        if (sent)
        {
            if (c->SendMaximum == c->InitialSend)
            {
                c->SendMaximum = c->InitialSend + 1;
                c->RoundTripStart = now;
            }
            else
            {
                stack->Counters.Retransmissions++;
                c->Retransmissions++;
            }
            c->SendNext = c->InitialSend + 1;
        }
        if (c->State != TcpState.Closed && c->RetransmitDeadline == 0)
            TcpTimers.StartRetransmission(stack, c, now);
    }

    /// <summary>New data. False when the link is busy.</summary>
    private static bool SendNew(Stack* stack, Connection* c, ulong now)
    {
        if (c->SendMaximum == c->SendUnacknowledged && now - c->LastSent > c->RetransmissionTimeout)
            TcpCongestion.RestartAfterIdle(c);
        bool sentSomething = false;
        while (true)
        {
            int queued = (int)(c->QueueEnd - c->SendNext);
            if (queued < 0)
                break;
            bool fin = c->FinQueued;
            int size = c->SegmentSize - SackLength(SackBlocks(c));
            int window = (int)(c->SendUnacknowledged + c->SendWindow - c->SendNext);
            uint pipe = TcpCongestion.Pipe(c);
            int congestion = (int)(c->CongestionWindow - pipe);
            if (c->CongestionWindow < pipe)
                congestion = 0;

            int length = queued;
            if (length > window)
                length = window;
            if (length > congestion)
                length = congestion;
            if (length <= 0)
            {
                // FIN needs no window of its own, but waits for the data before it.
                if (queued == 0 && fin)
                {
                    if (!Emit(stack, c, c->SendNext, 0, TcpFlags.Fin | TcpFlags.Ack, now))
                        return false;
                    Sent(stack, c, 0, fin: true, now);
                    sentSomething = true;
                }
                break;
            }
            int most = size;
            if (stack->IsLocal(c->RemoteAddress))
                most = Loopback.MaxFrame(stack) / size * size;
            else if ((stack->Link.Capabilities & LinkCapabilities.Segmentation) != 0 && c->RemoteAddress.IsIpv4)
                most = MaxPerTransmission / size * size;
            if (most < size)
                most = size;
            if (length > most)
                length = most;
            if (length > size)
            {
                // Whole segments first; the rest decides for itself in the next turn.
                length -= length % size;
            }
            else if (length < size && !MaySendShort(c, length, queued))
            {
                break;
            }
            TcpFlags flags = TcpFlags.Ack;
            if (length == queued)
                flags |= fin ? TcpFlags.Psh | TcpFlags.Fin : TcpFlags.Psh;
            int carried = length;
            if (!EmitData(stack, c, c->SendNext, ref carried, flags, size, now))
                return false;
            Sent(stack, c, carried, fin && carried == queued, now);
            sentSomething = true;
        }
        if (c->SendNext == c->SendUnacknowledged && c->QueueEnd != c->SendNext && c->RetransmitDeadline == 0)
            TcpTimers.StartPersist(stack, c, now);
        else if (sentSomething)
            TcpTimers.StartProbe(stack, c, now);
        return true;
    }

    /// <summary>
    /// Nagle (RFC 9293 §3.7.4) and sender's silly window avoidance (§3.8.6.2.1) for less than a segment.
    /// </summary>
    private static bool MaySendShort(Connection* c, int length, int queued)
    {
        bool corked = c->Corked || c->MoreFollows;
        if (length == queued && !corked && (c->NoDelay || c->FinQueued || c->SendNext == c->SendUnacknowledged))
            return true;
        if (length == queued && corked && c->FinQueued)
            return true;
        return length < queued && (uint)length >= c->MaxSendWindow / 2 && c->SendNext == c->SendUnacknowledged;
    }

    private static void Sent(Stack* stack, Connection* c, int length, bool fin, ulong now)
    {
        uint end = c->SendNext + (uint)length + (fin ? 1u : 0);
        if (c->SendMaximum == c->SendUnacknowledged)
        {
            TcpCubic.Pass(c, now - c->LastProgress, now);
            c->LastProgress = now;
        }
        TcpScoreboard.Append(c, end, now);
        c->SendNext = end;
        c->SendMaximum = end;
        c->LastSent = now;
        c->PersistDeadline = 0;
        if (c->RetransmitDeadline == 0)
            TcpTimers.StartRetransmission(stack, c, now);
    }

    /// <summary>
    /// What is thought lost, as far as the windows allow (RFC 6675 §5 step 4.1). False when the link is busy.
    /// </summary>
    private static bool RetransmitLost(Stack* stack, Connection* c, ulong now)
    {
        while (TcpScoreboard.FirstLost(c, out uint at, out uint end))
        {
            int size = c->SegmentSize - SackLength(SackBlocks(c));
            // Where nothing else is on its way, what waited for it goes with it.
            if (end == c->SendMaximum)
                end = Tcp.Later(end, c->QueueEnd);
            int length = (int)(end - at);
            if (length > size)
                length = size;
            // The first one goes whatever the congestion window says.
            if (at != c->SendUnacknowledged && TcpCongestion.Pipe(c) + (uint)length > c->CongestionWindow)
                return true;
            // The peer may have taken room back; a FIN needs none.
            int window = (int)(c->SendUnacknowledged + c->SendWindow - at);
            if (length > window && at != c->QueueEnd)
                length = window;
            if (length <= 0)
            {
                if (TcpCongestion.Pipe(c) == 0 && c->RetransmitDeadline == 0)
                    TcpTimers.StartPersist(stack, c, now);
                return true;
            }
            if (!EmitAgain(stack, c, at, ref length, size, now))
                return false;
        }
        return true;
    }

    /// <summary>Sends a part of what was sent before, FIN included when it lies there.</summary>
    private static bool EmitAgain(Stack* stack, Connection* c, uint sequence, ref int length, int size, ulong now)
    {
        int data = (int)(Tcp.Earlier(sequence + (uint)length, c->QueueEnd) - sequence);
        bool sent;
        if (data <= 0)
        {
            // Only the FIN is left.
            length = 1;
            sent = Emit(stack, c, sequence, 0, TcpFlags.Fin | TcpFlags.Ack, now);
        }
        else
        {
            bool fin = data < length
                || (c->FinQueued && sequence + (uint)data == c->QueueEnd && c->SendMaximum == c->QueueEnd + 1);
            int carried = data;
            sent = EmitData(stack, c, sequence, ref carried,
                fin ? TcpFlags.Ack | TcpFlags.Psh | TcpFlags.Fin : TcpFlags.Ack, size, now);
            length = carried + (fin && carried == data ? 1 : 0);
        }
        if (!sent)
            return false;
        uint end = sequence + (uint)length;
        if (Tcp.After(end, c->SendMaximum))
        {
            TcpScoreboard.Append(c, end, now);
            c->SendNext = end;
            c->SendMaximum = end;
        }
        TcpScoreboard.Repeat(c, sequence, end, now);
        stack->Counters.Retransmissions++;
        c->Retransmissions++;
        c->UndoSegments++;
        c->LastSent = now;
        TcpTimers.StartRetransmission(stack, c, now);
        return true;
    }

    /// <summary>
    /// One more segment when the tail stays unanswered (RFC 8985 §7.3): new data if there is some that the peer's
    /// window allows, else the last segment again.
    /// </summary>
    internal static void SendTailProbe(Stack* stack, Connection* c, ulong now)
    {
        if (c->SentCount == 0 || c->LostBytes != 0 || !Tcp.CanTransmitData(c->State))
            return;
        int size = c->SegmentSize - SackLength(SackBlocks(c));
        int window = (int)(c->SendUnacknowledged + c->SendWindow - c->SendNext);
        int fresh = Math.Min((int)(c->QueueEnd - c->SendNext), Math.Min(window, size));
        if (fresh > 0)
        {
            if (!EmitData(stack, c, c->SendNext, ref fresh, TcpFlags.Ack | TcpFlags.Psh, size, now))
                return;
            Sent(stack, c, fresh, fin: false, now);
            TcpRack.OnProbe(c, repeats: false);
        }
        else
        {
            int last = c->SentCount - 1;
            SentRange* range = TcpScoreboard.At(c, last);
            if ((range->Marks & SentMarks.Sacked) != 0)
                return;
            int length = Math.Min((int)(range->End - TcpScoreboard.StartOf(c, last)), size);
            if (!EmitAgain(stack, c, c->SendMaximum - (uint)length, ref length, size, now))
                return;
            TcpRack.OnProbe(c, repeats: true);
        }
        stack->Counters.TailLossProbes++;
        TcpTimers.StartRetransmission(stack, c, now);
    }

    /// <summary>
    /// What the peer's small window allows, or a probe that makes it answer when it is shut (RFC 9293 §3.8.6.1).
    /// </summary>
    internal static void SendWindowProbe(Stack* stack, Connection* c, ulong now)
    {
        int window = (int)(c->SendUnacknowledged + c->SendWindow - c->SendNext);
        int queued = (int)(c->QueueEnd - c->SendNext);
        int length = queued < window ? queued : window;
        int size = c->SegmentSize - SackLength(SackBlocks(c));
        if (length > size)
            length = size;
        if (length <= 0 || c->LostBytes != 0)
        {
            SendProbe(stack, c, now);
            return;
        }
        if (EmitData(stack, c, c->SendNext, ref length, TcpFlags.Ack, size, now))
            Sent(stack, c, length, fin: false, now);
    }

    /// <summary>
    /// A segment without data below the window, which must be answered: keep-alive and zero window probe (RFC 9293
    /// §3.8.4).
    /// </summary>
    internal static void SendProbe(Stack* stack, Connection* c, ulong now) =>
        Emit(stack, c, c->SendUnacknowledged - 1, 0, TcpFlags.Ack, now);

    /// <summary>
    /// Within the peer's window: a reset behind it is not answered (RFC 9293 §3.10.7.4), and one behind what the peer
    /// expects is, by a challenge (RFC 5961 §3.2). A peer that has dropped data and closed its window expects its edge.
    /// </summary>
    internal static void SendReset(Stack* stack, Connection* c, ulong now)
    {
        stack->Counters.ResetsSent++;
        uint sequence = Tcp.Earlier(c->SendNext, c->SendUnacknowledged + c->SendWindow);
        Emit(stack, c, sequence, 0, TcpFlags.Rst | TcpFlags.Ack, now);
    }

    /// <summary>Everything unacknowledged again, and an acknowledgement even if none is owed.</summary>
    internal static void Resume(Stack* stack, Connection* c, ulong now)
    {
        if (c->State is TcpState.Closed or TcpState.TimeWait)
            return;
        if (c->SendMaximum != c->SendUnacknowledged)
        {
            if (!Tcp.CanTransmitData(c->State))
                c->SendNext = c->SendUnacknowledged;
            TcpScoreboard.LoseAll(c);
            c->InRecovery = false;
            c->Inflation = 0;
            c->MayUndo = false;
            c->RoundTripStart = 0;
            c->RecoveryPoint = c->SendMaximum;
            c->Backoff = 0;
            TcpTimers.Recompute(c);
            c->RetransmitDeadline = 0;
            uint window = TcpCongestion.InitialWindow(c);
            if (c->CongestionWindow < window)
                c->CongestionWindow = window;
        }
        c->LastReceived = now;
        c->LastProgress = now;
        if (Tcp.IsSynchronized(c->State))
            c->AcknowledgeNow = true;
        Run(stack, c, now);
    }
}
