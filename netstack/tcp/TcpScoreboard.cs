namespace Netstack;

/// <summary>What an acknowledgement brought, for those who learn from it one after the other.</summary>
internal struct Delivery
{
    /// <summary>When it came, in nanoseconds and in <see cref="TcpScoreboard.Ticks"/>.</summary>
    public ulong Now;
    public uint Time;

    /// <summary>
    /// The timestamp that it echoes, when there is one that says what was acknowledged last: that of the last segment
    /// in order, none that was SACKed (RFC 7323 §4.3).
    /// </summary>
    public bool HasEcho;
    public uint Echo;

    /// <summary>Bytes that it says for the first time that the peer has.</summary>
    public uint Bytes;

    /// <summary>The shortest round trip of what was sent once, in ticks.</summary>
    public bool HasRoundTrip;
    public uint RoundTrip;

    /// <summary>Of what it says has arrived, what was sent last (RFC 8985 §6.2 step 2).</summary>
    public bool HasNewest;
    public uint NewestTime;
    public uint NewestEnd;

    /// <summary>The highest number that is known to have arrived.</summary>
    public uint Forward;

    /// <summary>It reports data that came twice (RFC 2883).</summary>
    public bool HasDuplicate;
}

/// <summary>
/// What is on its way, in the order of the stream: ranges from SendUnacknowledged to SendMaximum, each with the time at
/// which it was sent last and what is known of it. Their number is bounded: what is sent within a thirty-second of a
/// round trip is one range, and where there is still no room, neighbours become one. A range whose parts were sent at
/// different times has the earliest time when it grew by sending, the latest when it was merged.
/// </summary>
internal static unsafe class TcpScoreboard
{
    /// <summary>A power of two.</summary>
    public const int MaxRanges = 64;

    private const SentMarks Fate = SentMarks.Sacked | SentMarks.Lost;

    /// <summary>
    /// Time in units of 1,024 ns, modulo 2^32: the difference of two is right when they lie less than 73 minutes apart.
    /// </summary>
    internal static uint Ticks(ulong nanoseconds) => (uint)(nanoseconds >> 10);

    /// <summary>Ticks between two times, 0 when the second is the earlier one.</summary>
    internal static uint Since(uint earlier, uint later) => Tcp.After(later, earlier) ? later - earlier : 0;

    internal static ulong Nanoseconds(uint ticks) => (ulong)ticks << 10;

    internal static SentRange* At(Connection* c, int index) =>
        // SAFETY: the index is taken modulo the length of the table.
        (SentRange*)c->SentRanges + ((c->SentHead + index) & (MaxRanges - 1));

    internal static uint StartOf(Connection* c, int index) =>
        index == 0 ? c->SendUnacknowledged : At(c, index - 1)->End;

    private static uint LengthOf(Connection* c, int index) => At(c, index)->End - StartOf(c, index);

    /// <summary>Everything from SendMaximum to <paramref name="end"/> was sent for the first time.</summary>
    internal static void Append(Connection* c, uint end, ulong now)
    {
        if (c->SentCount == 0)
        {
            // Times of before are of no use, and may be too long ago to be compared.
            c->SentHead = 0;
            c->SentTime = Ticks(now) - 1;
            c->HasRack = false;
        }
        else
        {
            SentRange* last = At(c, c->SentCount - 1);
            if (last->Marks == SentMarks.None && IsGrowing(c, last, now))
            {
                last->End = end;
                return;
            }
            if (c->SentCount == MaxRanges)
                MakeRoom(c);
        }
        SentRange* range = At(c, c->SentCount);
        range->End = end;
        range->Time = Stamp(c, now);
        range->Marks = SentMarks.None;
        c->SentCount++;
    }

    // Of two ranges that was sent later whose time is higher, even where the clock stood still meanwhile.
    private static uint Stamp(Connection* c, ulong now)
    {
        c->SentTime = Tcp.Later(Ticks(now), c->SentTime + 1);
        return c->SentTime;
    }

    // Whether it is what was sent last, so short a time ago that what is sent now belongs to it.
    private static bool IsGrowing(Connection* c, SentRange* range, ulong now) =>
        range->Time == c->SentTime && (int)(Ticks(now) - range->Time) <= (int)Ticks(c->SmoothedRoundTrip / 32);

    /// <summary>
    /// Everything below <paramref name="ack"/> has arrived. The caller then moves SendUnacknowledged there.
    /// </summary>
    internal static void Acknowledge(Connection* c, uint ack, ref Delivery delivery)
    {
        uint start = c->SendUnacknowledged;
        while (c->SentCount > 0 && Tcp.Before(start, ack))
        {
            SentRange* range = At(c, 0);
            uint end = Tcp.Earlier(range->End, ack);
            uint length = end - start;
            if ((range->Marks & SentMarks.Sacked) != 0)
                c->SackedBytes -= length;
            else
                TcpRack.OnDelivered(c, range, end, length, ref delivery);
            if ((range->Marks & SentMarks.Lost) != 0)
                c->LostBytes -= length;
            start = end;
            if (range->End != end)
                return;
            c->SentHead = (c->SentHead + 1) & (MaxRanges - 1);
            c->SentCount--;
        }
    }

    /// <summary>The peer has [start, end), which lies in what is on its way.</summary>
    internal static void Sack(Connection* c, uint start, uint end, ref Delivery delivery)
    {
        Reserve(c);
        int index = Split(c, start);
        int behind = Split(c, end);
        int first = index;
        for (; index < behind; index++)
        {
            SentRange* range = At(c, index);
            if ((range->Marks & SentMarks.Sacked) != 0)
                continue;
            uint length = LengthOf(c, index);
            TcpRack.OnDelivered(c, range, range->End, length, ref delivery);
            if ((range->Marks & SentMarks.Lost) != 0)
                c->LostBytes -= length;
            c->SackedBytes += length;
            range->Marks = SentMarks.Sacked;
        }
        JoinSacked(c, first, behind);
    }

    /// <summary>[start, end) was sent once more, except for what of it the peer has.</summary>
    internal static void Repeat(Connection* c, uint start, uint end, ulong now)
    {
        Reserve(c);
        int index = Split(c, start);
        int behind = Split(c, end);
        SentRange* before = index > 0 ? At(c, index - 1) : null;
        bool grows = before != null && before->Marks == SentMarks.Retransmitted && IsGrowing(c, before, now);
        uint time = grows ? before->Time : Stamp(c, now);
        for (int i = index; i < behind; i++)
        {
            SentRange* range = At(c, i);
            if ((range->Marks & SentMarks.Sacked) != 0)
                continue;
            if ((range->Marks & SentMarks.Lost) != 0)
                c->LostBytes -= LengthOf(c, i);
            range->Time = time;
            range->Marks = SentMarks.Retransmitted;
        }
        if (grows && behind == index + 1)
        {
            before->End = end;
            Remove(c, index);
        }
    }

    /// <summary>The first of what is thought lost, in one piece. False when there is none.</summary>
    internal static bool FirstLost(Connection* c, out uint start, out uint end)
    {
        for (int i = 0; c->LostBytes != 0 && i < c->SentCount; i++)
        {
            if ((At(c, i)->Marks & SentMarks.Lost) == 0)
                continue;
            start = StartOf(c, i);
            while (i + 1 < c->SentCount && (At(c, i + 1)->Marks & SentMarks.Lost) != 0)
                i++;
            end = At(c, i)->End;
            return true;
        }
        start = 0;
        end = 0;
        return false;
    }

    /// <summary>Thinks the range lost, unless the peer has it.</summary>
    internal static void Lose(Connection* c, int index)
    {
        SentRange* range = At(c, index);
        if ((range->Marks & Fate) != 0)
            return;
        range->Marks |= SentMarks.Lost;
        c->LostBytes += LengthOf(c, index);
    }

    /// <summary>The first bytes that are on their way, at most so many.</summary>
    internal static void LoseFirst(Connection* c, uint bytes)
    {
        if (c->SentCount == 0)
            return;
        Reserve(c);
        uint end = Tcp.Earlier(c->SendUnacknowledged + bytes, c->SendMaximum);
        int behind = Split(c, end);
        for (int i = 0; i < behind; i++)
            Lose(c, i);
    }

    internal static void LoseAll(Connection* c)
    {
        for (int i = 0; i < c->SentCount; i++)
            Lose(c, i);
    }

    /// <summary>The peer may have dropped what it had not acknowledged (RFC 2018 §8).</summary>
    internal static void ForgetSacked(Connection* c)
    {
        for (int i = 0; i < c->SentCount; i++)
            At(c, i)->Marks &= ~SentMarks.Sacked;
        c->SackedBytes = 0;
    }

    /// <summary>Nothing is on its way.</summary>
    internal static void Clear(Connection* c)
    {
        c->SentHead = 0;
        c->SentCount = 0;
        c->SackedBytes = 0;
        c->LostBytes = 0;
    }

    /// <summary>
    /// Sees to it that a range begins at <paramref name="sequence"/>: its index, or the number of ranges behind the
    /// last. There is room for one more.
    /// </summary>
    private static int Split(Connection* c, uint sequence)
    {
        int index = 0;
        while (index < c->SentCount && !Tcp.After(At(c, index)->End, sequence))
            index++;
        if (index == c->SentCount || !Tcp.After(sequence, StartOf(c, index)))
            return index;
        for (int i = c->SentCount; i > index; i--)
            *At(c, i) = *At(c, i - 1);
        c->SentCount++;
        At(c, index)->End = sequence;
        return index + 1;
    }

    private static void Remove(Connection* c, int index)
    {
        c->SentCount--;
        for (int i = index; i < c->SentCount; i++)
            *At(c, i) = *At(c, i + 1);
    }

    // The ranges [first, behind) are SACKed: they become one, with their neighbours if those are.
    private static void JoinSacked(Connection* c, int first, int behind)
    {
        if (first > 0 && (At(c, first - 1)->Marks & SentMarks.Sacked) != 0)
            first--;
        if (behind < c->SentCount && (At(c, behind)->Marks & SentMarks.Sacked) != 0)
            behind++;
        int gone = behind - first - 1;
        if (gone <= 0)
            return;
        At(c, first)->End = At(c, behind - 1)->End;
        c->SentCount -= gone;
        for (int i = first + 1; i < c->SentCount; i++)
            *At(c, i) = *At(c, i + gone);
    }

    // Room for two more.
    private static void Reserve(Connection* c)
    {
        while (c->SentCount > MaxRanges - 2)
            MakeRoom(c);
    }

    /// <summary>
    /// Two neighbours of one fate become one, those whose times lie closest together. Where all neighbours differ, one
    /// that the peer has is counted with its neighbour, and is perhaps sent for nothing. What was sent again is never
    /// taken for lost here: sending what is lost would make room without end.
    /// </summary>
    private static void MakeRoom(Connection* c)
    {
        int best = -1;
        uint least = uint.MaxValue;
        for (int i = 0; i + 1 < c->SentCount; i++)
        {
            SentRange* one = At(c, i);
            SentRange* other = At(c, i + 1);
            if (((one->Marks ^ other->Marks) & Fate) != 0)
                continue;
            uint apart = Tcp.Later(one->Time, other->Time) - Tcp.Earlier(one->Time, other->Time);
            if (apart < least)
            {
                least = apart;
                best = i;
            }
        }
        if (best < 0)
        {
            best = FirstUnlike(c);
            Forget(c, best);
        }
        SentRange* kept = At(c, best);
        SentRange* gone = At(c, best + 1);
        kept->End = gone->End;
        kept->Time = Tcp.Later(kept->Time, gone->Time);
        kept->Marks |= gone->Marks;
        Remove(c, best + 1);
    }

    // Two neighbours of which one is SACKed; the first two when none is.
    private static int FirstUnlike(Connection* c)
    {
        for (int i = 0; i + 1 < c->SentCount; i++)
        {
            if (((At(c, i)->Marks | At(c, i + 1)->Marks) & SentMarks.Sacked) != 0)
                return i;
        }
        return 0;
    }

    // Of two neighbours of which one is SACKed the other says what is thought of both; where one is lost and the other
    // on its way, both are thought to be on their way.
    private static void Forget(Connection* c, int first)
    {
        SentMarks fate = At(c, first)->Marks & Fate;
        bool isSecond = fate == SentMarks.None || (At(c, first + 1)->Marks & SentMarks.Sacked) != 0;
        int index = isSecond ? first + 1 : first;
        SentRange* range = At(c, index);
        SentRange* other = At(c, isSecond ? first : first + 1);
        uint length = LengthOf(c, index);
        if ((range->Marks & SentMarks.Sacked) != 0)
            c->SackedBytes -= length;
        else
            c->LostBytes -= length;
        if ((other->Marks & SentMarks.Lost) != 0)
            c->LostBytes += length;
        range->Marks = other->Marks;
    }
}
