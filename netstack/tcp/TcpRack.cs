using System;

namespace Netstack;

/// <summary>
/// Loss detection with SACK (RFC 8985): what was sent before something that has arrived, by more than what reordering
/// explains, is lost (RACK); and the end of what was sent is probed for when nothing is heard (TLP). Reordering is
/// learned from DSACK (RFC 2883). Times in <see cref="TcpScoreboard.Ticks"/>.
/// </summary>
internal static unsafe class TcpRack
{
    private const int DuplicateThreshold = 3;

    /// <summary>Recoveries for which a reordering window that was widened stays wide (RFC 8985 §6.2 step 4).</summary>
    private const byte Persistence = 16;

    /// <summary>How long a shortest round trip counts: paths change.</summary>
    private const ulong MinRoundTripLifetime = 300 * Tcp.Second;

    internal static void Start(Connection* c)
    {
        c->ReorderMultiplier = 1;
        c->ForwardAcknowledgement = c->InitialSend;
    }

    /// <summary>
    /// RFC 8985 §6.2 steps 2 and 3: something of a range that was not known to have arrived has, up to
    /// <paramref name="end"/>.
    /// </summary>
    internal static void OnDelivered(Connection* c, SentRange* range, uint end, uint length, ref Delivery delivery)
    {
        delivery.Bytes += length;
        delivery.Forward = Tcp.Later(delivery.Forward, end);
        uint roundTrip = TcpScoreboard.Since(range->Time, delivery.Time);
        if ((range->Marks & SentMarks.Retransmitted) != 0)
        {
            // Which copy has arrived is not certain.
            if (roundTrip < c->MinRoundTrip)
                return;
            if (delivery.HasEcho && Tcp.Before(delivery.Echo,
                TcpOutput.Timestamp(c, delivery.Now - TcpScoreboard.Nanoseconds(roundTrip))))
                return;
        }
        else
        {
            if (Tcp.Before(end, c->ForwardAcknowledgement))
                c->ReorderingSeen = true;
            if (!delivery.HasRoundTrip || roundTrip < delivery.RoundTrip)
                delivery.RoundTrip = roundTrip;
            delivery.HasRoundTrip = true;
        }
        if (!delivery.HasNewest || IsSentAfter(range->Time, end, delivery.NewestTime, delivery.NewestEnd))
        {
            delivery.HasNewest = true;
            delivery.NewestTime = range->Time;
            delivery.NewestEnd = end;
        }
    }

    private static bool IsSentAfter(uint time, uint end, uint otherTime, uint otherEnd) =>
        time == otherTime ? Tcp.After(end, otherEnd) : Tcp.After(time, otherTime);

    /// <summary>An acknowledgement was taken, the scoreboard and SendUnacknowledged are what it says.</summary>
    internal static void OnAcknowledged(Stack* stack, Connection* c, ref Delivery delivery)
    {
        if (delivery.HasRoundTrip)
            NoteRoundTrip(c, ref delivery);
        if (delivery.HasNewest)
            NoteNewest(c, ref delivery);
        c->ForwardAcknowledgement = Tcp.Later(c->ForwardAcknowledgement, delivery.Forward);
        if (delivery.HasDuplicate)
            WidenWindow(c);
        if (c->ProbeSent)
            JudgeProbe(c, ref delivery);
        bool mayBeLost = c->SackedBytes != 0 || Tcp.Before(c->SendUnacknowledged, c->RecoveryPoint);
        if (mayBeLost && c->SackPermitted)
            DetectLoss(stack, c, delivery.Now);
        else
            c->ReorderDeadline = 0;
    }

    private static void NoteRoundTrip(Connection* c, ref Delivery delivery)
    {
        uint roundTrip = Math.Max(delivery.RoundTrip, 1);
        bool isShortest = c->MinRoundTrip == 0 || roundTrip <= c->MinRoundTrip
            || delivery.Now - c->MinRoundTripTime > MinRoundTripLifetime;
        if (isShortest)
        {
            c->MinRoundTrip = roundTrip;
            c->MinRoundTripTime = delivery.Now;
        }
        TcpTimers.Measure(c, TcpScoreboard.Nanoseconds(roundTrip));
    }

    private static void NoteNewest(Connection* c, ref Delivery delivery)
    {
        c->RackRoundTrip = TcpScoreboard.Since(delivery.NewestTime, delivery.Time);
        if (!c->HasRack || IsSentAfter(delivery.NewestTime, delivery.NewestEnd, c->RackTime, c->RackEnd))
        {
            c->HasRack = true;
            c->RackTime = delivery.NewestTime;
            c->RackEnd = delivery.NewestEnd;
        }
    }

    // §6.2 step 4: data that was sent again had arrived already, or did so later. Once in a round trip. Where all that
    // is late is also sent again, nothing else tells of reordering.
    private static void WidenWindow(Connection* c)
    {
        c->ReorderingSeen = true;
        if (c->InDuplicateRound && !Tcp.Before(c->SendUnacknowledged, c->DuplicateRound))
            c->InDuplicateRound = false;
        if (c->InDuplicateRound)
            return;
        c->InDuplicateRound = true;
        c->DuplicateRound = c->SendMaximum;
        if (c->ReorderMultiplier < byte.MaxValue)
            c->ReorderMultiplier++;
        c->ReorderPersist = Persistence;
    }

    /// <summary>A recovery is over: one that needed no wider window brings the narrow one nearer.</summary>
    internal static void OnRecovered(Connection* c)
    {
        if (c->ReorderPersist == 0)
            return;
        c->ReorderPersist--;
        if (c->ReorderPersist == 0)
            c->ReorderMultiplier = 1;
    }

    /// <summary>How much later than its successors a segment may come.</summary>
    private static uint ReorderWindow(Connection* c)
    {
        bool isUrgent = c->InRecovery || c->SackedBytes > (DuplicateThreshold - 1) * (uint)c->SegmentSize;
        if (!c->ReorderingSeen && isUrgent)
            return 0;
        uint window = c->ReorderMultiplier * c->MinRoundTrip / 4;
        return Math.Min(window, TcpScoreboard.Ticks(c->SmoothedRoundTrip));
    }

    /// <summary>§6.2 step 5: finds what is lost, or when the first of it will be.</summary>
    internal static void DetectLoss(Stack* stack, Connection* c, ulong now)
    {
        c->ReorderDeadline = 0;
        uint time = TcpScoreboard.Ticks(now);
        uint patience = c->RackRoundTrip + ReorderWindow(c);
        uint lostBefore = c->LostBytes;
        int latest = -1;
        for (int i = 0; i < c->SentCount; i++)
        {
            SentRange* range = TcpScoreboard.At(c, i);
            if ((range->Marks & (SentMarks.Sacked | SentMarks.Lost)) != 0
                || !IsSentAfter(c->RackTime, c->RackEnd, range->Time, range->End))
                continue;
            int left = (int)(range->Time + patience - time);
            if (left <= 0)
                TcpScoreboard.Lose(c, i);
            else
                latest = Math.Max(latest, left);
        }
        if (latest > 0)
        {
            c->ReorderDeadline = now + TcpScoreboard.Nanoseconds((uint)latest);
            stack->Schedule(c, c->ReorderDeadline);
        }
        if (c->LostBytes != lostBefore)
            TcpCongestion.OnLoss(stack, c);
    }

    /// <summary>
    /// RFC 8985 §6.3: everything that is unanswered is lost. What was SACKed is so no longer where the peer shows that
    /// it has dropped it, or where sending the rest has not helped (RFC 2018 §8).
    /// </summary>
    internal static void OnTimeout(Connection* c)
    {
        c->ReorderDeadline = 0;
        bool isDropped = c->SentCount > 0 && (TcpScoreboard.At(c, 0)->Marks & SentMarks.Sacked) != 0;
        if (isDropped || c->Backoff > 1)
            TcpScoreboard.ForgetSacked(c);
        TcpScoreboard.LoseAll(c);
    }

    /// <summary>The probe was sent: the end of the stream as it was sent, once more or for the first time.</summary>
    internal static void OnProbe(Connection* c, bool repeats)
    {
        c->ProbeSent = true;
        c->ProbeRepeats = repeats;
        c->ProbeEnd = c->SendMaximum;
    }

    // §7.4.2: where the probe was a repetition and is acknowledged only once, it has mended a loss.
    private static void JudgeProbe(Connection* c, ref Delivery delivery)
    {
        if (Tcp.Before(c->SendUnacknowledged, c->ProbeEnd))
            return;
        // An acknowledgement with nothing new stands for DSACK where the peer has none.
        if (!c->ProbeRepeats || delivery.HasDuplicate || delivery.Bytes == 0)
        {
            c->ProbeSent = false;
            return;
        }
        if (!Tcp.After(c->SendUnacknowledged, c->ProbeEnd))
            return;
        c->ProbeSent = false;
        TcpCongestion.OnMendedTail(c);
    }
}
