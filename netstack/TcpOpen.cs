namespace Netstack;

/// <summary>How connections come to be: active and passive open, the backlog, initial sequence numbers, negotiated options.</summary>
internal static unsafe class TcpOpen
{
    /// <summary>RFC 6528 §3: a clock of 4 microseconds plus a keyed hash of the four numbers.</summary>
    private static uint InitialSequence(Stack* stack, Connection* c, ulong now)
    {
        ulong hash = Tcp.Hash(stack, c->LocalAddress, c->LocalPort, c->RemoteAddress, c->RemotePort);
        c->TimestampOffset = (uint)(hash >> 32);
        return (uint)(now / 4000) + (uint)hash;
    }

    internal static Connection* Connect(Stack* stack, uint local, ushort localPort, uint remote, ushort remotePort, ulong now)
    {
        Connection* c = Tcp.Allocate(stack, local, localPort, remote, remotePort);
        if (c == null)
            return null;
        c->Owned = true;
        Begin(stack, c, TcpState.SynSent, now);
        c->SegmentSize = (ushort)(stack->Link.Mtu - Ipv4.HeaderLength - TcpHeader.MinimumLength);
        TcpOutput.Run(stack, c, now);
        return c;
    }

    private static void Begin(Stack* stack, Connection* c, TcpState state, ulong now)
    {
        c->State = state;
        uint initial = InitialSequence(stack, c, now);
        c->InitialSend = c->SendUnacknowledged = c->SendNext = c->SendMaximum = initial;
        c->QueueStart = c->QueueEnd = initial + 1;
        c->RecoveryPoint = initial;
        c->LastReceived = c->LastProgress = c->LastSent = now;
        TcpCongestion.Start(c);
    }

    internal static Listener* FindListener(Stack* stack, uint address, ushort port)
    {
        Listener* any = null;
        for (int i = 0; i < stack->ListenerCount; i++)
        {
            Listener* listener = stack->Listeners + i;
            if (!listener->InUse || listener->Port != port)
                continue;
            if (listener->Address == address)
                return listener;
            if (listener->Address == 0)
                any = listener;
        }
        return any;
    }

    /// <summary>A segment for a listener (RFC 9293 §3.10.7.2).</summary>
    internal static void Receive(Stack* stack, Listener* listener, in Ipv4 ip, ref TcpHeader header, int payloadLength, ulong now)
    {
        if ((header.Flags & TcpFlags.Rst) != 0)
        {
            stack->Counters.ResetsIgnored++;
            return;
        }
        if ((header.Flags & TcpFlags.Ack) != 0)
        {
            stack->Counters.TcpNoConnection++;
            TcpOutput.SendResetFor(stack, ip, header, payloadLength, now);
            return;
        }
        if ((header.Flags & TcpFlags.Syn) == 0 || (header.Flags & TcpFlags.Fin) != 0)
        {
            stack->Counters.TcpNoFlags++;
            return;
        }
        // Silence makes the peer try again, when there may be room.
        if (listener->Pending >= listener->Backlog)
        {
            stack->Counters.SynDroppedBacklog++;
            return;
        }
        Connection* c = Tcp.Allocate(stack, ip.Destination, header.DestinationPort, ip.Source, header.SourcePort);
        if (c == null)
        {
            stack->Counters.SynDroppedTable++;
            return;
        }
        c->Listener = (short)(listener - stack->Listeners);
        listener->Pending++;
        c->NoDelay = listener->NoDelay;
        c->KeepAlive = listener->KeepAlive;
        if (listener->KeepAliveIdle != 0)
            c->KeepAliveIdle = (ulong)listener->KeepAliveIdle * Tcp.Millisecond;
        if (listener->KeepAliveInterval != 0)
            c->KeepAliveInterval = (ulong)listener->KeepAliveInterval * Tcp.Millisecond;
        if (listener->KeepAliveCount != 0)
            c->KeepAliveCount = listener->KeepAliveCount;
        c->UserTimeout = (ulong)listener->UserTimeout * Tcp.Millisecond;
        Begin(stack, c, TcpState.SynReceived, now);
        Negotiate(stack, c, ref header, now);
        // Data on a SYN is left to the retransmission (RFC 9293 allows it; nobody sends it without Fast Open).
        TcpOutput.Run(stack, c, now);
    }

    /// <summary>Takes the peer's SYN: its sequence number, window and options (RFC 7323, 2018, 9293 §3.7.1).</summary>
    internal static void Negotiate(Stack* stack, Connection* c, ref TcpHeader header, ulong now)
    {
        c->InitialReceive = header.Sequence;
        c->ReceiveNext = c->ReceiveEdge = c->LastAcknowledgementSent = header.Sequence + 1;
        c->SendWindow = c->LargestSendWindow = header.Window;
        c->WindowSequence = header.Sequence;
        c->WindowAcknowledgement = header.Acknowledgement;
        c->WindowScaling = header.HasWindowShift;
        c->SendShift = header.HasWindowShift ? header.WindowShift : (byte)0;
        c->ReceiveShift = header.HasWindowShift ? TcpOutput.WindowShift(c) : (byte)0;
        c->SackPermitted = header.SackPermitted;
        c->TimestampsEnabled = header.HasTimestamps;
        if (header.HasTimestamps)
        {
            c->TimestampRecent = header.TimestampValue;
            c->TimestampRecentTime = now;
        }
        int size = header.MaximumSegmentSize != 0 ? header.MaximumSegmentSize : Tcp.DefaultSegmentSize;
        if (size < Tcp.SmallestSegmentSize)
            size = Tcp.SmallestSegmentSize;
        c->PeerSegmentSize = (ushort)size;
        int own = stack->Link.Mtu - Ipv4.HeaderLength - TcpHeader.MinimumLength;
        if (size > own)
            size = own;
        c->SegmentSize = (ushort)(size - (c->TimestampsEnabled ? Tcp.TimestampOptionLength : 0));
        c->CongestionWindow = TcpCongestion.InitialWindow(c);
        c->LastReceived = now;
    }

    /// <summary>The handshake is complete: wake the user, or queue for accept.</summary>
    internal static void Established(Stack* stack, Connection* c, ulong now)
    {
        c->State = TcpState.Established;
        c->Backoff = 0;
        if (c->SmoothedRoundTrip == 0)
            c->RetransmissionTimeout = Tcp.Second;
        if (c->SendUnacknowledged == c->SendMaximum)
            c->RetransmitDeadline = 0;
        TcpTimers.StartKeepAlive(stack, c, now);
        if (c->Listener < 0)
        {
            stack->Counters.ConnectionsOpened++;
            Tcp.Changed(stack, c);
            return;
        }
        stack->Counters.ConnectionsAccepted++;
        Listener* listener = stack->Listeners + c->Listener;
        c->Queued = true;
        c->QueueNext = -1;
        if (listener->QueueTail >= 0)
            stack->Connections[listener->QueueTail].QueueNext = c->Index;
        else
            listener->QueueHead = c->Index;
        listener->QueueTail = c->Index;
        if (stack->Link.Changed != null)
            stack->Link.Changed(stack->Link.Context, Handles.Of(stack, listener), Readiness.Acceptable);
    }

    /// <summary>Takes the connection out of its listener's counts and queue.</summary>
    internal static void LeaveBacklog(Stack* stack, Connection* c)
    {
        Listener* listener = stack->Listeners + c->Listener;
        listener->Pending--;
        c->Listener = -1;
        if (!c->Queued)
            return;
        c->Queued = false;
        short previous = -1;
        for (short at = listener->QueueHead; at >= 0; previous = at, at = stack->Connections[at].QueueNext)
        {
            if (at != c->Index)
                continue;
            if (previous >= 0)
                stack->Connections[previous].QueueNext = c->QueueNext;
            else
                listener->QueueHead = c->QueueNext;
            if (listener->QueueTail == at)
                listener->QueueTail = previous;
            break;
        }
        c->QueueNext = -1;
    }

    /// <summary>Ends a listener: what it has not handed out is reset.</summary>
    internal static void CloseListener(Stack* stack, Listener* listener, ulong now)
    {
        int index = (int)(listener - stack->Listeners);
        for (int i = 0; i < stack->ConnectionCount; i++)
        {
            Connection* c = stack->Connections + i;
            if (!c->InUse || c->Listener != index)
                continue;
            TcpOutput.SendReset(stack, c, now);
            Tcp.Close(stack, c, 0);
        }
        listener->InUse = false;
        listener->Generation++;
    }

    /// <summary>A local port that makes the four numbers unique; 0 when there is none (RFC 6056 §3.3.3).</summary>
    internal static ushort EphemeralPort(Stack* stack, uint local, uint remote, ushort remotePort)
    {
        uint offset = (uint)Tcp.Hash(stack, local, 0, remote, remotePort);
        for (uint i = 0; i < Tcp.EphemeralPorts; i++)
        {
            ushort port = (ushort)(Tcp.FirstEphemeralPort + (offset + stack->EphemeralCounter++) % Tcp.EphemeralPorts);
            if (Tcp.Find(stack, local, port, remote, remotePort) == null && FindListener(stack, local, port) == null)
                return port;
        }
        return 0;
    }
}
