using System.Numerics;

namespace Netstack;

/// <summary>
/// What all parts of TCP share: sequence arithmetic, the connection table, state changes and their consequences. The
/// other parts: <see cref="TcpInput"/> (segment arrives), <see cref="TcpAcknowledgement"/>,
/// <see cref="TcpCongestion"/>, <see cref="TcpCubic"/>, <see cref="TcpRack"/>, <see cref="TcpScoreboard"/>,
/// <see cref="TcpReassembly"/>, <see cref="TcpSendQueue"/>, <see cref="TcpOutput"/>,
/// <see cref="TcpTimers"/>, <see cref="TcpOpen"/>.
/// </summary>
/// <remarks>
/// Contract of this folder: called by the entries of the stack (netstack/api, Input, Stack.Poll) only, so by one caller
/// at a time; connections are slots of the stack's table, and stay where they are. A call may close its connection:
/// callers look at the state before they go on. Nothing here fails for want of memory; what finds no room is dropped,
/// or waits for <see cref="Stack.Poll"/>.
/// </remarks>
internal static unsafe class Tcp
{
    internal const ulong Millisecond = 1_000_000;
    internal const ulong Second = 1_000_000_000;

    /// <summary>Linux's range; RFC 6056 asks for as many as possible above 1023.</summary>
    internal const uint FirstEphemeralPort = 32768;
    internal const uint EphemeralPorts = 28232;

    /// <summary>RFC 9293 §3.7.1: what a peer accepts whose SYN has no MSS option.</summary>
    internal const ushort DefaultSegmentSize = 536;

    /// <summary>With less, options could fill the whole segment.</summary>
    internal const ushort MinSegmentSize = 88;

    internal const int TimestampOptionLength = 12;

    internal static bool Before(uint a, uint b) => (int)(a - b) < 0;

    internal static bool After(uint a, uint b) => (int)(a - b) > 0;

    internal static uint Later(uint a, uint b) => After(a, b) ? a : b;

    internal static uint Earlier(uint a, uint b) => Before(a, b) ? a : b;

    /// <summary>States in which data may be sent or sent again.</summary>
    internal static bool CanTransmitData(TcpState state) =>
        state is TcpState.Established or TcpState.CloseWait or TcpState.FinWait1 or TcpState.Closing
            or TcpState.LastAck;

    internal static bool CanReceiveData(TcpState state) =>
        state is TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2;

    /// <summary>SYN-RECEIVED or later, not closed.</summary>
    internal static bool IsSynchronized(TcpState state) => state >= TcpState.Established;

    // ---- table ----

    private static uint Bucket(Stack* stack, Address localAddress, ushort localPort, Address remoteAddress,
        ushort remotePort)
    {
        uint hash = (remoteAddress.Folded ^ BitOperations.RotateLeft(localAddress.Folded, 16)
            ^ ((uint)remotePort << 16 | localPort)) * 0x9e3779b1 ^ stack->BucketSecret;
        return (hash ^ hash >> 15) & stack->BucketMask;
    }

    internal static Connection* Find(Stack* stack, Address localAddress, ushort localPort, Address remoteAddress,
        ushort remotePort)
    {
        short index = stack->Buckets[Bucket(stack, localAddress, localPort, remoteAddress, remotePort)];
        while (index >= 0)
        {
            Connection* c = stack->Connections + index;
            if (c->RemotePort == remotePort && c->LocalPort == localPort && c->RemoteAddress == remoteAddress
                && c->LocalAddress == localAddress)
                return c;
            index = c->HashNext;
        }
        return null;
    }

    /// <summary>
    /// A fresh connection in state Closed, in the table under its four numbers; null when all slots are taken, or all
    /// but the reserved ones.
    /// </summary>
    /// <param name="overOrphans">
    /// An orphan may be ended for it. Not for a SYN: its source may be forged.
    /// </param>
    internal static Connection* Allocate(
        Stack* stack, Address localAddress, ushort localPort, Address remoteAddress, ushort remotePort,
        bool reserved, bool overOrphans, ulong now)
    {
        int kept = reserved ? 0 : stack->ReservedConnections;
        if (stack->FreeConnections <= kept)
            RecycleTimeWait(stack);
        if (stack->FreeConnections <= kept && overOrphans)
            RecycleOrphan(stack, now);
        if (stack->FreeConnections <= kept)
            return null;
        Connection* c = Stack.TakeConnection(stack);
        short index = c->Index;
        if (index >= stack->ConnectionTop)
            stack->ConnectionTop = index + 1;
        stack->Deadlines[index] = ulong.MaxValue;
        byte* sendRing = c->SendRing;
        byte* receiveRing = c->ReceiveRing;
        uint generation = c->Generation;
        *c = default;
        c->Index = index;
        c->Generation = generation;
        c->SendRing = sendRing;
        c->ReceiveRing = receiveRing;
        c->SendRingMask = stack->SendBufferSize - 1;
        c->ReceiveRingMask = stack->ReceiveBufferSize - 1;
        c->InUse = true;
        c->Reserved = reserved;
        c->Listener = -1;
        c->QueueNext = -1;
        c->QueuePrevious = -1;
        c->NeighbourHint = -1;
        c->ChunkHead = -1;
        c->ChunkTail = -1;
        c->ChunkCursor = -1;
        c->LocalAddress = localAddress;
        c->LocalPort = localPort;
        c->RemoteAddress = remoteAddress;
        c->RemotePort = remotePort;
        c->RetransmissionTimeout = Second;
        c->KeepAliveIdle = 7200 * Second;
        c->KeepAliveInterval = 75 * Second;
        c->KeepAliveCount = 9;
        uint bucket = Bucket(stack, localAddress, localPort, remoteAddress, remotePort);
        c->HashNext = stack->Buckets[bucket];
        stack->Buckets[bucket] = index;
        return c;
    }

    /// <summary>Frees the connection that has been in TIME-WAIT for longest, unless its user still holds it.</summary>
    private static void RecycleTimeWait(Stack* stack)
    {
        Connection* oldest = stack->TimeWaiting.First(stack);
        while (oldest != null && oldest->Owned)
            oldest = ConnectionList.Next(stack, oldest);
        if (oldest == null)
            return;
        stack->Counters.TimeWaitRecycled++;
        Close(stack, oldest, 0);
    }

    /// <summary>Resets the orphan whose peer has acknowledged nothing new for longest.</summary>
    private static void RecycleOrphan(Stack* stack, ulong now)
    {
        Connection* orphan = stack->Orphans.First(stack);
        if (orphan != null)
            EndOrphan(stack, orphan, now);
    }

    /// <summary>Ends an orphan because its slot or its ring is needed. The peer is told by a reset.</summary>
    internal static void EndOrphan(Stack* stack, Connection* orphan, ulong now)
    {
        stack->Counters.OrphansEnded++;
        TcpOutput.SendReset(stack, orphan, now);
        Close(stack, orphan, 0);
    }

    /// <summary>The user has closed the connection. Does nothing when it is in TIME-WAIT or closed already.</summary>
    internal static void Orphan(Stack* stack, Connection* c)
    {
        if (c->State is TcpState.TimeWait or TcpState.Closed)
            return;
        c->Orphan = true;
        stack->Orphans.Add(stack, c);
    }

    /// <summary>The peer has acknowledged something new: the orphan goes to the end of the list.</summary>
    internal static void NoteOrphanProgress(Stack* stack, Connection* c)
    {
        stack->Orphans.Remove(stack, c);
        stack->Orphans.Add(stack, c);
    }

    private static void LeaveOrphans(Stack* stack, Connection* c)
    {
        c->Orphan = false;
        stack->Orphans.Remove(stack, c);
    }

    private static void Unlink(Stack* stack, Connection* c)
    {
        short* link = stack->Buckets + Bucket(stack, c->LocalAddress, c->LocalPort, c->RemoteAddress, c->RemotePort);
        while (*link >= 0)
        {
            if (*link == c->Index)
            {
                *link = c->HashNext;
                return;
            }
            link = &stack->Connections[*link].HashNext;
        }
    }

    /// <summary>
    /// The connection is over, for <paramref name="error"/> or 0: out of the table, timers off, queues released. The
    /// slot stays with the user who holds the handle, for the error and for unread data; else it is free.
    /// </summary>
    internal static void Close(Stack* stack, Connection* c, int error)
    {
        if (c->State == TcpState.Closed)
            return;
        if (c->State == TcpState.TimeWait)
            stack->TimeWaiting.Remove(stack, c);
        if (c->Orphan)
            LeaveOrphans(stack, c);
        c->State = TcpState.Closed;
        Unlink(stack, c);
        TcpSendQueue.Clear(stack, c);
        TcpTimers.Stop(c);
        c->OutputPending = false;
        TcpScoreboard.Clear(c);
        c->OutOfOrderCount = 0;
        if (c->Readable == 0)
            Rings.GiveReceive(stack, c);
        if (error != 0)
            c->Error = error;
        if (c->Listener >= 0)
            TcpOpen.LeaveBacklog(stack, c);
        if (c->Owned)
            Changed(stack, c);
        else
            Free(stack, c);
    }

    /// <summary>Gives the slot of a closed connection back.</summary>
    internal static void Free(Stack* stack, Connection* c)
    {
        Rings.GiveReceive(stack, c);
        c->InUse = false;
        c->Owned = false;
        c->Generation++;
        c->QueueNext = stack->FreeConnection;
        stack->FreeConnection = c->Index;
        stack->FreeConnections++;
        while (stack->ConnectionTop > 0 && !stack->Connections[stack->ConnectionTop - 1].InUse)
            stack->ConnectionTop--;
    }

    internal static void Changed(Stack* stack, Connection* c, Readiness what = Readiness.None)
    {
        if (stack->Link.Changed == null)
            return;
        if (c->Owned)
            stack->Link.Changed(stack->Link.Context, Handles.Of(c), what);
    }

    internal static void EnterTimeWait(Stack* stack, Connection* c, ulong now)
    {
        if (c->Orphan)
            LeaveOrphans(stack, c);
        c->State = TcpState.TimeWait;
        stack->TimeWaiting.Add(stack, c);
        TcpTimers.Stop(c);
        TcpTimers.Linger(stack, c, stack->TimeWait, now);
        Changed(stack, c);
    }

    // ---- errors from ARP and ICMP ----

    /// <summary>No answer to ARP: connections being opened over it fail; others try again with their timers.</summary>
    internal static void NeighbourFailed(Stack* stack, Address neighbour)
    {
        for (int i = 0; i < stack->ConnectionTop; i++)
        {
            Connection* c = stack->Connections + i;
            if (!c->InUse || c->State != TcpState.SynSent || Output.NextHop(stack, c->RemoteAddress) != neighbour)
                continue;
            stack->Counters.ConnectionsFailed++;
            Close(stack, c, SocketError.HostUnreachable);
        }
    }

    /// <summary>
    /// An ICMP error about a segment of ours. It counts only when the quoted sequence number is in flight (RFC 5927
    /// §4.1); it then ends a connection that is being opened and is otherwise soft (RFC 1122 §4.2.3.9).
    /// </summary>
    /// <param name="error">Of <see cref="SocketError"/>.</param>
    internal static void Unreachable(
        Stack* stack, Address local, ushort localPort, Address remote, ushort remotePort, uint sequence, int error)
    {
        Connection* c = FindInFlight(stack, local, localPort, remote, remotePort, sequence);
        if (c == null || c->State != TcpState.SynSent)
            return;
        stack->Counters.ConnectionsFailed++;
        Close(stack, c, error);
    }

    /// <summary>The same error, of a packet that was too long for its path (RFC 1191 §3, RFC 8201 §4).</summary>
    /// <param name="mtu">What the path takes, not less than every path of the family does.</param>
    internal static void TooBig(
        Stack* stack, Address local, ushort localPort, Address remote, ushort remotePort, uint sequence, int mtu,
        ulong now)
    {
        Connection* c = FindInFlight(stack, local, localPort, remote, remotePort, sequence);
        if (c == null)
            return;
        int size = MaxSegment(mtu, remote);
        if (c->TimestampsEnabled)
            size -= TimestampOptionLength;
        if (size >= c->SegmentSize)
            return;
        c->SegmentSize = (ushort)size;
        if (IsSynchronized(c->State) && c->State != TcpState.TimeWait)
        {
            TcpScoreboard.LoseAll(c);
            TcpOutput.Run(stack, c, now);
        }
    }

    /// <summary>The connection that has a segment with this number on its way; null for none.</summary>
    internal static Connection* FindInFlight(Stack* stack, Address local, ushort localPort, Address remote,
        ushort remotePort, uint sequence)
    {
        Connection* c = Find(stack, local, localPort, remote, remotePort);
        bool isInFlight = c != null && !Before(sequence, c->SendUnacknowledged) && Before(sequence, c->SendMaximum);
        return isInFlight ? c : null;
    }

    /// <summary>Stream bytes of a packet of this length, options counted as such.</summary>
    internal static int MaxSegment(int mtu, Address remote) => mtu - Output.HeaderLength(remote) - TcpHeader.MinLength;
}
