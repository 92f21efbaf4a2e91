using System;

namespace Netstack;

/// <summary>
/// Received stream data: straight into the connection's ring, in order or not, with the runs that came too early kept
/// as ranges. The ring always has room up to the window's edge, so nothing inside the window is turned away for lack of
/// memory.
/// </summary>
internal static unsafe class TcpReassembly
{
    /// <summary>
    /// Takes the part of [sequence, sequence + payload) that lies in the window. True when something new could be read.
    /// </summary>
    internal static bool Accept(Stack* stack, Connection* c, uint sequence, Payload payload, ulong now)
    {
        if (Tcp.Before(sequence, c->ReceiveNext))
        {
            uint old = c->ReceiveNext - sequence;
            stack->Counters.DuplicateSegments++;
            c->AcknowledgeNow = true;
            NoteTwice(c, sequence, sequence + (uint)payload.Length);
            if (old >= (uint)payload.Length)
                return false;
            payload.Skip((int)old);
            sequence = c->ReceiveNext;
        }
        int room = (int)(c->ReceiveEdge - sequence);
        if (room < payload.Length)
        {
            stack->Counters.TcpReceiveRingFull++;
            c->AcknowledgeNow = true;
            if (room <= 0)
                return false;
            payload.Truncate(room);
        }
        // Without a ring it is as if the segment had been lost: it comes again.
        if (payload.Length == 0 || !Rings.HasReceive(stack, c, now))
            return false;
        uint length = (uint)payload.Length;
        if (sequence == c->ReceiveNext)
        {
            if (c->Readable == 0 && c->OutOfOrderCount == 0)
                c->ReceiveRingHead = 0;
            Put(c, (uint)c->Readable, payload);
            Advance(c, length);
            if (c->OutOfOrderCount != 0)
                Join(c);
            return true;
        }
        stack->Counters.OutOfOrderSegments++;
        c->AcknowledgeNow = true;
        if (SequenceRanges.CountBetween(c->OutOfOrderEdges, c->OutOfOrderCount, sequence, sequence + length) == length)
        {
            c->TwiceStart = sequence;
            c->TwiceEnd = sequence + length;
        }
        if (!SequenceRanges.Add(c->OutOfOrderEdges, ref c->OutOfOrderCount, sequence, sequence + length))
        {
            stack->Counters.TcpReassemblyFull++;
            return false;
        }
        c->LastOutOfOrder = sequence;
        Put(c, (uint)c->Readable + (sequence - c->ReceiveNext), payload);
        return false;
    }

    /// <summary>
    /// Data came of which what lies before RCV.NXT has come before: the next acknowledgement says so (RFC 2883 §4).
    /// </summary>
    internal static void NoteTwice(Connection* c, uint start, uint end)
    {
        // What lies further back than a window is none of this stream.
        if (c->ReceiveNext - start > c->ReceiveRingMask + 1)
            return;
        c->TwiceStart = start;
        c->TwiceEnd = Tcp.Earlier(end, c->ReceiveNext);
    }

    /// <summary>
    /// Gives the ring up when nothing lies in it but data that came too early. The peer has to send that again
    /// (RFC 2018 §8 allows it).
    /// </summary>
    internal static void ForgetOutOfOrder(Stack* stack, Connection* c)
    {
        if (c->ReceiveRing == null || c->Readable > 0 || c->OutOfOrderCount == 0)
            return;
        c->OutOfOrderCount = 0;
        Rings.GiveReceive(stack, c);
    }

    private static void Advance(Connection* c, uint length)
    {
        c->ReceiveNext += length;
        c->Readable += (int)length;
        c->UnansweredBytes += length;
    }

    /// <summary>
    /// Takes over the ranges that the in-order data has reached. RFC 5681 §4.2: filling a gap is acknowledged at once.
    /// </summary>
    private static void Join(Connection* c)
    {
        c->AcknowledgeNow = true;
        int gone = 0;
        while (gone < c->OutOfOrderCount && !Tcp.After(c->OutOfOrderEdges[gone * 2], c->ReceiveNext))
        {
            uint end = c->OutOfOrderEdges[gone * 2 + 1];
            if (Tcp.After(end, c->ReceiveNext))
                Advance(c, end - c->ReceiveNext);
            gone++;
        }
        if (gone > 0)
            SequenceRanges.TrimBefore(c->OutOfOrderEdges, ref c->OutOfOrderCount, c->ReceiveNext);
    }

    /// <summary>Copies to <paramref name="distance"/> bytes behind the oldest unread one.</summary>
    private static void Put(Connection* c, uint distance, Payload payload)
    {
        // SAFETY: distance + payload.Length <= ring size: the window's edge never passes the free part of the ring.
        uint at = (c->ReceiveRingHead + distance) & c->ReceiveRingMask;
        int first = (int)(c->ReceiveRingMask + 1 - at);
        if (first >= payload.Length)
        {
            payload.CopyTo(c->ReceiveRing + at, payload.Length);
            return;
        }
        payload.CopyTo(c->ReceiveRing + at, first);
        payload.Skip(first);
        payload.CopyTo(c->ReceiveRing, payload.Length);
    }

    /// <summary>Unread bytes in one piece, from <paramref name="skip"/> on.</summary>
    private static ReadOnlySpan<byte> Peek(Connection* c, int skip)
    {
        uint at = (c->ReceiveRingHead + (uint)skip) & c->ReceiveRingMask;
        int straight = (int)(c->ReceiveRingMask + 1 - at);
        int length = c->Readable - skip;
        // SAFETY: skip <= Readable, so the run holds received bytes.
        return new ReadOnlySpan<byte>(c->ReceiveRing + at, length < straight ? length : straight);
    }

    /// <summary>Copies unread bytes; returns how many.</summary>
    internal static int Copy(Connection* c, int skip, Span<byte> into)
    {
        int copied = 0;
        while (copied < into.Length && skip + copied < c->Readable)
        {
            ReadOnlySpan<byte> run = Peek(c, skip + copied);
            if (run.Length > into.Length - copied)
                run = run.Slice(0, into.Length - copied);
            run.CopyTo(into.Slice(copied));
            copied += run.Length;
        }
        return copied;
    }

    /// <summary>
    /// Takes unread bytes, and tells the peer of the room when that is worth a segment (RFC 9293 §3.8.6.2.2).
    /// </summary>
    internal static void Consume(Stack* stack, Connection* c, int bytes, ulong now)
    {
        c->ReceiveRingHead = (c->ReceiveRingHead + (uint)bytes) & c->ReceiveRingMask;
        c->Readable -= bytes;
        if (c->Readable == 0 && c->OutOfOrderCount == 0)
            Rings.GiveReceive(stack, c);
        if (!Tcp.CanReceiveData(c->State))
            return;
        uint size = c->ReceiveRingMask + 1;
        uint opened = c->ReceiveNext + size - (uint)c->Readable - c->ReceiveEdge;
        uint window = c->ReceiveEdge - c->ReceiveNext;
        // A quarter of the ring, or the first segment's worth after the window had closed.
        if ((int)opened >= (int)(size / 4) || (window < c->SegmentSize && opened >= c->SegmentSize))
        {
            c->AcknowledgeNow = true;
            TcpOutput.Run(stack, c, now);
        }
    }
}
