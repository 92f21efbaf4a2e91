namespace Netstack;

/// <summary>
/// The rings of connections. They are part of the stack's memory, or, where the owner has some to lend
/// (<see cref="Link.TakeRing"/>), held only while there are bytes in them: a connection that is idle costs its table
/// entry.
/// </summary>
internal static unsafe class Rings
{
    /// <summary>How often connections that wait for a ring try to get one.</summary>
    private const ulong RetryInterval = 10 * Tcp.Millisecond;

    /// <summary>When there are no rings left, a connection whose peer was silent for so long loses its own.</summary>
    private const ulong Silence = Tcp.Second;

    /// <summary>Least time between two searches for such connections, which look at all of them.</summary>
    private const ulong ReclaimInterval = 100 * Tcp.Millisecond;

    internal static bool HasSend(Stack* stack, Connection* c, ulong now)
    {
        if (c->SendRing != null)
            return true;
        c->SendRing = Take(stack, c->SendRingMask + 1, c->Reserved, now);
        c->WaitsForRing = c->SendRing == null;
        if (c->SendRing != null)
            return true;
        stack->RingWaiters = true;
        stack->Schedule(now + RetryInterval);
        return false;
    }

    internal static bool HasReceive(Stack* stack, Connection* c, ulong now)
    {
        if (c->ReceiveRing == null)
            c->ReceiveRing = Take(stack, c->ReceiveRingMask + 1, c->Reserved, now);
        return c->ReceiveRing != null;
    }

    /// <summary>
    /// Makes a ring of the owner's the connection's own to its end. False when there are bytes in the one that it has,
    /// or it has one for ever.
    /// </summary>
    internal static bool Lend(Stack* stack, Connection* c, byte* ring, uint length)
    {
        if (stack->Link.GiveRing == null || c->SendRingIsLent || c->SendRingCount != 0)
            return false;
        GiveSend(stack, c);
        c->SendRing = ring;
        c->SendRingMask = length - 1;
        c->SendRingHead = 0;
        c->SendRingIsLent = true;
        c->WaitsForRing = false;
        return true;
    }

    /// <summary>At the connection's end: what was lent is the owner's again.</summary>
    internal static void ReturnLent(Stack* stack, Connection* c)
    {
        if (!c->SendRingIsLent)
            return;
        c->SendRingIsLent = false;
        GiveSend(stack, c);
        c->SendRingMask = stack->SendBufferSize - 1;
    }

    /// <summary>Returns an empty ring: everything in it was acknowledged, or it is no longer needed.</summary>
    internal static void GiveSend(Stack* stack, Connection* c)
    {
        if (stack->Link.GiveRing == null || c->SendRing == null || c->SendRingIsLent)
            return;
        stack->Link.GiveRing(stack->Link.Context, c->SendRing, (int)c->SendRingMask + 1, true);
        c->SendRing = null;
    }

    internal static void GiveReceive(Stack* stack, Connection* c)
    {
        if (stack->Link.GiveRing == null || c->ReceiveRing == null)
            return;
        stack->Link.GiveRing(stack->Link.Context, c->ReceiveRing, (int)c->ReceiveRingMask + 1, false);
        c->ReceiveRing = null;
    }

    /// <summary>Those who had no ring may try again.</summary>
    internal static void Wake(Stack* stack)
    {
        if (!stack->RingWaiters)
            return;
        stack->RingWaiters = false;
        for (int i = 0; i < stack->ConnectionTop; i++)
        {
            Connection* c = stack->Connections + i;
            if (!c->InUse || !c->WaitsForRing)
                continue;
            c->WaitsForRing = false;
            Tcp.Changed(stack, c, Readiness.Writable);
        }
    }

    /// <summary>
    /// The queue of a datagram socket: the whole, or what a connection has where there is not so much in one piece.
    /// </summary>
    internal static bool HasQueue(Stack* stack, DatagramSocket* socket)
    {
        if (socket->Ring != null)
            return true;
        uint length = stack->DatagramBufferSize;
        socket->Ring = Take(stack, length, socket->Reserved);
        if (socket->Ring == null && length > stack->ReceiveBufferSize)
        {
            length = stack->ReceiveBufferSize;
            socket->Ring = Take(stack, length, reserved: false);
        }
        socket->RingMask = length - 1;
        return socket->Ring != null;
    }

    internal static void GiveQueue(Stack* stack, DatagramSocket* socket)
    {
        if (stack->Link.GiveRing == null || socket->Ring == null)
            return;
        stack->Link.GiveRing(stack->Link.Context, socket->Ring, (int)socket->RingMask + 1, false);
        socket->Ring = null;
    }

    private static byte* Take(Stack* stack, uint length, bool reserved, ulong now)
    {
        byte* ring = Take(stack, length, reserved);
        if (ring != null || stack->Link.TakeRing == null || !Reclaim(stack, now))
            return ring;
        return Take(stack, length, reserved);
    }

    private static byte* Take(Stack* stack, uint length, bool reserved)
    {
        byte* ring = stack->Link.TakeRing == null ? null
            : stack->Link.TakeRing(stack->Link.Context, (int)length, reserved);
        if (ring == null)
            stack->Counters.RingsMissing++;
        return ring;
    }

    /// <summary>
    /// Takes back the rings that a silent peer can make the stack hold: an orphan of which nothing new has been
    /// acknowledged is ended, and a ring with nothing in it but data that came too early is emptied. False when that
    /// was done less than <see cref="ReclaimInterval"/> ago.
    /// </summary>
    private static bool Reclaim(Stack* stack, ulong now)
    {
        if (stack->RingsReclaimed != 0 && now - stack->RingsReclaimed < ReclaimInterval)
            return false;
        stack->RingsReclaimed = now;
        for (int i = 0; i < stack->ConnectionTop; i++)
        {
            Connection* c = stack->Connections + i;
            if (!c->InUse)
                continue;
            if (now - c->LastReceived >= Silence)
                TcpReassembly.ForgetOutOfOrder(stack, c);
            if (c->Orphan && c->SendRing != null && now - c->LastProgress >= Silence)
                Tcp.EndOrphan(stack, c, now);
        }
        return true;
    }
}
