namespace Netstack;

/// <summary>
/// How connections come to be: active and passive open, the backlog, initial sequence numbers, negotiated options.
/// </summary>
internal static unsafe class TcpOpen
{
    internal static Connection* Connect(
        Stack* stack, Address local, ushort localPort, Address remote, ushort remotePort, bool reserved, ulong now)
    {
        Connection* c = Tcp.Allocate(stack, local, localPort, remote, remotePort, reserved, overOrphans: true, now);
        if (c == null)
            return null;
        c->Owned = true;
        ulong hash = KeyedHash.Of(stack, local, localPort, remote, remotePort);
        c->TimestampOffset = (uint)(hash >> 32);
        // RFC 6528 §3: a clock of 4 microseconds plus a keyed hash of the four numbers.
        Begin(c, TcpState.SynSent, (uint)(now / 4000) + (uint)hash, now);
        c->SegmentSize = (ushort)Tcp.MaxSegment(Output.PathMtu(stack, remote, now), remote);
        TcpOutput.Run(stack, c, now);
        return c;
    }

    private static void Begin(Connection* c, TcpState state, uint initial, ulong now)
    {
        c->State = state;
        c->InitialSend = initial;
        c->SendUnacknowledged = initial;
        c->SendNext = initial;
        c->SendMaximum = initial;
        c->QueueStart = initial + 1;
        c->QueueEnd = initial + 1;
        c->RecoveryPoint = initial;
        c->LastReceived = now;
        c->LastProgress = now;
        c->LastSent = now;
        TcpCongestion.Start(c);
    }

    /// <summary>
    /// The listener for a new connection: of those that share the address one by the connection's numbers.
    /// </summary>
    internal static Listener* FindListener(Stack* stack, in IpHeader ip, in TcpHeader header)
    {
        Listener* first = FindListener(stack, ip.Destination, header.DestinationPort);
        if (first == null || first->Sharers == 0)
            return first;
        uint count = 0;
        for (int i = 0; i < stack->ListenerCount; i++)
            count += ListensAs(stack->Listeners + i, first) ? 1u : 0;
        ulong hash = KeyedHash.Of(stack, ip.Destination, header.DestinationPort, ip.Source, header.SourcePort);
        uint left = (uint)(hash >> 32) % count;
        for (int i = 0; i < stack->ListenerCount; i++)
        {
            Listener* listener = stack->Listeners + i;
            if (!ListensAs(listener, first))
                continue;
            if (left == 0)
                return listener;
            left--;
        }
        return first;
    }

    private static bool ListensAs(Listener* listener, Listener* other) =>
        listener->InUse && listener->Port == other->Port && listener->Address == other->Address
        && listener->Only6 == other->Only6 && listener->Sharers == other->Sharers;

    internal static Listener* FindListener(Stack* stack, Address address, ushort port)
    {
        Listener* any = null;
        for (int i = 0; i < stack->ListenerCount; i++)
        {
            Listener* listener = stack->Listeners + i;
            if (!listener->InUse || listener->Port != port)
                continue;
            if (listener->Address == address)
                return listener;
            if (Address.Hears(listener->Address, listener->Only6, address))
                any = listener;
        }
        return any;
    }

    /// <summary>
    /// A half-open connection that was not answered for this long gives way to a new one when there are as many as
    /// there may be. Until then new ones are answered without being kept (RFC 4987 §3.6): their acknowledgement opens
    /// them.
    /// </summary>
    private const ulong EvictionAge = Tcp.Second;

    /// <summary>How long after the last one that was not kept acknowledgements are looked at for a cookie.</summary>
    private const ulong CookieTime = 60 * Tcp.Second;

    /// <summary>
    /// A segment for a listener (RFC 9293 §3.10.7.2). Returns the connection, in SYN-RECEIVED, that its acknowledgement
    /// has brought back, for the segment to arrive at; otherwise null.
    /// </summary>
    internal static Connection* Receive(
        Stack* stack, Listener* listener, in IpHeader ip, ref TcpHeader header, int payloadLength, ulong now)
    {
        if ((header.Flags & TcpFlags.Rst) != 0)
        {
            stack->Counters.ResetsIgnored++;
            return null;
        }
        if ((header.Flags & TcpFlags.Ack) != 0)
            return ReceiveAcknowledgement(stack, listener, ip, ref header, payloadLength, now);
        if ((header.Flags & TcpFlags.Syn) == 0 || (header.Flags & TcpFlags.Fin) != 0)
        {
            stack->Counters.TcpNoFlags++;
            return null;
        }
        // Without an answer the peer repeats its SYN; there may be room then.
        bool deferred = listener->FirstBytes > 0;
        if (!deferred && IsFull(listener))
        {
            stack->Counters.SynDroppedBacklog++;
            return null;
        }
        uint cookie = SynCookies.Make(stack, ip, header, now);
        bool crowded = listener->HalfOpen.Count >= listener->Backlog || stack->HalfOpen >= stack->MaxHalfOpen;
        Connection* c = deferred || (crowded && !Evict(stack, listener, now))
            ? null
            : Tcp.Allocate(
                stack, ip.Destination, header.DestinationPort, ip.Source, header.SourcePort, listener->Reserved,
                overOrphans: false, now);
        if (c == null)
        {
            stack->CookiesUsed = now;
            stack->Counters.CookiesSent++;
            TcpOutput.SendCookie(stack, ip, header, cookie, now);
            return null;
        }
        Enter(stack, listener, c, cookie, ref header, now);
        // Data on a SYN is left to the retransmission (RFC 9293 allows it; nobody sends it without Fast Open).
        TcpOutput.Run(stack, c, now);
        return null;
    }

    private static bool IsFull(Listener* listener) => listener->Queue.Count >= listener->Backlog;

    private static Connection* ReceiveAcknowledgement(
        Stack* stack, Listener* listener, in IpHeader ip, ref TcpHeader header, int payloadLength, ulong now)
    {
        bool expected = stack->CookiesUsed != 0 && now - stack->CookiesUsed < CookieTime
            && (header.Flags & TcpFlags.Syn) == 0;
        if (!expected || !SynCookies.TryOpen(stack, ip, header, now, out TcpHeader syn))
        {
            // The rest of a first segment that came in pieces: the peer sends them again, as one.
            if (expected && listener->FirstBytes > 0 && payloadLength > 0)
            {
                stack->Counters.FirstBytesAwaited++;
                return null;
            }
            stack->Counters.TcpNoConnection++;
            TcpOutput.SendResetFor(stack, ip, header, payloadLength, now);
            return null;
        }
        // The peer repeats what is not acknowledged.
        if (payloadLength < listener->FirstBytes)
        {
            stack->Counters.FirstBytesAwaited++;
            return null;
        }
        // A client that speaks first repeats what it said; one that waits is not heard of again.
        int most = listener->FirstBytes > 0 ? listener->Backlog : listener->Backlog + stack->MaxHalfOpen;
        if (listener->Queue.Count >= most)
        {
            stack->Counters.SynDroppedBacklog++;
            return null;
        }
        Connection* c = Tcp.Allocate(
            stack, ip.Destination, header.DestinationPort, ip.Source, header.SourcePort, listener->Reserved,
            overOrphans: true, now);
        if (c == null)
        {
            stack->Counters.SynDroppedTable++;
            return null;
        }
        stack->Counters.CookiesAccepted++;
        Enter(stack, listener, c, header.Acknowledgement - 1, ref syn, now);
        c->SendNext = header.Acknowledgement;
        c->SendMaximum = header.Acknowledgement;
        c->ReceiveEdge = c->ReceiveNext + TcpOutput.FirstWindow(stack);
        // Later than what we said in the SYN, whatever the secret was then.
        if (header.HasTimestamps)
            c->TimestampOffset = header.TimestampEcho + 1 - (uint)(now / Tcp.Millisecond);
        return c;
    }

    /// <summary>A half-open connection with what it inherits from its listener.</summary>
    private static void Enter(Stack* stack, Listener* listener, Connection* c, uint cookie, ref TcpHeader syn,
        ulong now)
    {
        c->Listener = (short)(listener - stack->Listeners);
        listener->HalfOpen.Add(stack, c);
        stack->HalfOpen++;
        c->Reuse = listener->Reuse;
        c->NoDelay = listener->NoDelay;
        c->KeepAlive = listener->KeepAlive;
        if (listener->KeepAliveIdle != 0)
            c->KeepAliveIdle = (ulong)listener->KeepAliveIdle * Tcp.Millisecond;
        if (listener->KeepAliveInterval != 0)
            c->KeepAliveInterval = (ulong)listener->KeepAliveInterval * Tcp.Millisecond;
        if (listener->KeepAliveCount != 0)
            c->KeepAliveCount = listener->KeepAliveCount;
        c->UserTimeout = (ulong)listener->UserTimeout * Tcp.Millisecond;
        c->TimestampOffset = TimestampOffset(stack, c->LocalAddress, c->LocalPort, c->RemoteAddress, c->RemotePort);
        Begin(c, TcpState.SynReceived, cookie, now);
        Negotiate(stack, c, ref syn, now);
    }

    internal static uint TimestampOffset(Stack* stack, Address local, ushort localPort, Address remote,
        ushort remotePort) =>
        (uint)(KeyedHash.Of(stack, local, localPort, remote, remotePort) >> 32);

    /// <summary>
    /// Makes room for one more half-open connection of this listener. False when all of its are young.
    /// </summary>
    private static bool Evict(Stack* stack, Listener* listener, ulong now)
    {
        Connection* oldest = listener->HalfOpen.First(stack);
        if (oldest == null || now - oldest->LastReceived < EvictionAge)
            return false;
        stack->CookiesUsed = now;
        stack->Counters.HalfOpenEvicted++;
        Tcp.Close(stack, oldest, 0);
        return true;
    }

    /// <summary>Takes the peer's SYN: its sequence number, window and options (RFC 7323, 2018, 9293 §3.7.1).</summary>
    internal static void Negotiate(Stack* stack, Connection* c, ref TcpHeader header, ulong now)
    {
        c->InitialReceive = header.Sequence;
        c->ReceiveNext = header.Sequence + 1;
        c->ReceiveEdge = header.Sequence + 1;
        c->LastAcknowledgementSent = header.Sequence + 1;
        c->SendWindow = header.Window;
        c->MaxSendWindow = header.Window;
        c->WindowSequence = header.Sequence;
        c->WindowAcknowledgement = header.Acknowledgement;
        c->WindowScaling = header.HasWindowShift;
        c->SendShift = header.HasWindowShift ? header.WindowShift : (byte)0;
        c->ReceiveShift = header.HasWindowShift ? TcpOutput.WindowShift(stack->ReceiveBufferSize) : (byte)0;
        c->SackPermitted = header.SackPermitted;
        c->TimestampsEnabled = header.HasTimestamps;
        if (header.HasTimestamps)
        {
            c->TimestampRecent = header.TimestampValue;
            c->TimestampRecentTime = now;
        }
        int size = header.MaximumSegmentSize != 0 ? header.MaximumSegmentSize : Tcp.DefaultSegmentSize;
        if (size < Tcp.MinSegmentSize)
            size = Tcp.MinSegmentSize;
        int own = Tcp.MaxSegment(Output.PathMtu(stack, c->RemoteAddress, now), c->RemoteAddress);
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
        listener->HalfOpen.Remove(stack, c);
        stack->HalfOpen--;
        c->Queued = true;
        listener->Queue.Add(stack, c);
        if (stack->Link.Changed != null)
            stack->Link.Changed(stack->Link.Context, Handles.Of(stack, listener), Readiness.Acceptable);
    }

    /// <summary>Takes the connection out of its listener's lists.</summary>
    internal static void LeaveBacklog(Stack* stack, Connection* c)
    {
        Listener* listener = stack->Listeners + c->Listener;
        c->Listener = -1;
        if (c->Queued)
        {
            c->Queued = false;
            listener->Queue.Remove(stack, c);
            return;
        }
        listener->HalfOpen.Remove(stack, c);
        stack->HalfOpen--;
    }

    /// <summary>Ends a listener: what it has not handed out is reset.</summary>
    internal static void CloseListener(Stack* stack, Listener* listener, ulong now)
    {
        ResetAll(stack, ref listener->Queue, now);
        ResetAll(stack, ref listener->HalfOpen, now);
        listener->InUse = false;
        listener->Generation++;
    }

    private static void ResetAll(Stack* stack, ref ConnectionList list, ulong now)
    {
        for (Connection* c = list.First(stack); c != null; c = list.First(stack))
        {
            TcpOutput.SendReset(stack, c, now);
            Tcp.Close(stack, c, 0);
        }
    }

    /// <summary>
    /// Whether a port of an address, or of all, is in use by a listener or a connection, other than by those that may
    /// share it: not by a listener other than of the same sharers, and by connections only when both sides said so
    /// (SO_REUSEADDR as Linux has it).
    /// </summary>
    internal static bool IsTaken(Stack* stack, Address address, bool only6, ushort port, bool reuse, ulong sharers)
    {
        for (int i = 0; i < stack->ListenerCount; i++)
        {
            Listener* listener = stack->Listeners + i;
            if (listener->InUse && listener->Port == port
                && Address.Overlap(listener->Address, listener->Only6, address, only6)
                && (sharers == 0 || sharers != listener->Sharers))
                return true;
        }
        for (int i = 0; i < stack->ConnectionTop; i++)
        {
            Connection* c = stack->Connections + i;
            if (c->InUse && c->State != TcpState.Closed && c->LocalPort == port
                && Address.Hears(address, only6, c->LocalAddress) && !(reuse && c->Reuse))
                return true;
        }
        return false;
    }

    /// <summary>A local port that makes the four numbers unique; 0 when there is none (RFC 6056 §3.3.3).</summary>
    internal static ushort EphemeralPort(Stack* stack, Address local, Address remote, ushort remotePort)
    {
        uint offset = (uint)KeyedHash.Of(stack, local, 0, remote, remotePort);
        for (uint i = 0; i < Tcp.EphemeralPorts; i++)
        {
            ushort port = (ushort)(Tcp.FirstEphemeralPort + (offset + stack->EphemeralCounter) % Tcp.EphemeralPorts);
            stack->EphemeralCounter++;
            if (Tcp.Find(stack, local, port, remote, remotePort) == null && FindListener(stack, local, port) == null)
                return port;
        }
        return 0;
    }
}
