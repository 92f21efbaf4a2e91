namespace Netstack;

/// <summary>What sockets of every kind have: readiness, errors, options, names.</summary>
/// <remarks>
/// Contract of this folder: what the owner of a stack calls; one call at a time, never from the functions of <see
/// cref="Netstack.Link"/>. Sockets are named by handles, and a stale or wrong one is an error, never another socket.
/// Nothing waits: what cannot be done now is <see cref="SocketError.WouldBlock"/>, and the Changed hook tells when to
/// try again. Times are nanoseconds of one clock that never goes back.
/// </remarks>
public unsafe partial struct Stack
{
    /// <summary>
    /// What is ready now. A handle that names nothing is <see cref="Readiness.Error"/> |
    /// <see cref="Readiness.HangUp"/>.
    /// </summary>
    public Readiness GetReadiness(int socket)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c != null)
            return ReadinessOf(stack, c);
        Listener* listener = Handles.Listener(stack, socket);
        if (listener != null)
            return listener->Queue.Count > 0 ? Readiness.Acceptable : Readiness.None;
        DatagramSocket* datagram = Handles.Datagram(stack, socket);
        if (datagram == null)
            return Readiness.Error | Readiness.HangUp;
        Readiness ready = Readiness.Writable;
        if (datagram->Count > 0)
            ready |= Readiness.Readable;
        if (datagram->Error != 0)
            ready |= Readiness.Error | Readiness.Readable;
        return ready;
    }

    /// <summary>Why the connection broke, once (SO_ERROR): 0 or a SocketError.</summary>
    public int TakeError(int socket)
    {
        Stack* stack = Self;
        int error = 0;
        Connection* c = Handles.Connection(stack, socket);
        if (c != null)
        {
            error = c->Error;
            c->Error = 0;
            return error;
        }
        DatagramSocket* datagram = Handles.Datagram(stack, socket);
        if (datagram != null)
        {
            error = datagram->Error;
            datagram->Error = 0;
            return error;
        }
        return Handles.Listener(stack, socket) != null ? 0 : SocketError.BadSocket;
    }

    public int SetOption(int socket, SocketOption option, int value, ulong now)
    {
        Stack* stack = Self;
        if (value < 0)
            return SocketError.Invalid;
        Listener* listener = Handles.Listener(stack, socket);
        if (listener != null)
            return SocketOptions.Set(listener, option, value);
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        int result = SocketOptions.Set(stack, c, option, value, now);
        Loopback.Drain(stack, now);
        return result;
    }

    /// <summary>Addresses and ports of a socket. Returns 0 or BadSocket.</summary>
    public int GetEndpoints(int socket, out Endpoints endpoints)
    {
        endpoints = default;
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c != null)
        {
            endpoints = EndpointsOf(c);
            return 0;
        }
        Listener* listener = Handles.Listener(stack, socket);
        if (listener != null)
        {
            endpoints.LocalAddress = listener->Address;
            endpoints.LocalPort = listener->Port;
            return 0;
        }
        DatagramSocket* datagram = Handles.Datagram(stack, socket);
        if (datagram == null)
            return SocketError.BadSocket;
        endpoints.LocalAddress = datagram->LocalAddress;
        endpoints.LocalPort = datagram->LocalPort;
        endpoints.RemoteAddress = datagram->RemoteAddress;
        endpoints.RemotePort = datagram->RemotePort;
        return 0;
    }

    /// <summary>A snapshot of a connection. Returns 0 or BadSocket.</summary>
    public int GetInformation(int socket, out ConnectionInformation information)
    {
        information = default;
        Connection* c = Handles.Connection(Self, socket);
        if (c == null)
            return SocketError.BadSocket;
        Describe(c, out information);
        return 0;
    }

    /// <summary>
    /// Bytes that <c>Send</c> of a connection would copy now, if there is a place in the queue for them.
    /// </summary>
    public int SendRoom(int socket)
    {
        Connection* c = Handles.Connection(Self, socket);
        return c == null ? SocketError.BadSocket : TcpSendQueue.Free(c);
    }

    /// <summary>
    /// Queued bytes that the peer has not acknowledged, FIN not counted; 0 also when the connection is over (see
    /// <see cref="TakeError"/>).
    /// </summary>
    public int UnacknowledgedBytes(int socket)
    {
        Connection* c = Handles.Connection(Self, socket);
        return c == null ? SocketError.BadSocket : (int)(c->QueueEnd - c->QueueStart);
    }

    /// <summary>All connections lie in the first so many slots.</summary>
    public readonly int ConnectionSlots => ConnectionTop;

    /// <summary>
    /// For /proc/net/tcp: the index-th connection slot, with or without a handle. False when it is free; index from 0
    /// to <see cref="ConnectionSlots"/>.
    /// </summary>
    public bool ConnectionAt(int index, out ConnectionInformation information)
    {
        information = default;
        if (index < 0 || index >= ConnectionsMade || !Connections[index].InUse)
            return false;
        Describe(Connections + index, out information);
        return true;
    }

    private int CloseOther(int socket, ulong now)
    {
        Stack* stack = Self;
        Listener* listener = Handles.Listener(stack, socket);
        if (listener != null)
        {
            TcpOpen.CloseListener(stack, listener, now);
            Loopback.Drain(stack, now);
            return 0;
        }
        DatagramSocket* datagram = Handles.Datagram(stack, socket);
        if (datagram == null)
            return SocketError.BadSocket;
        Netstack.Datagrams.Close(stack, datagram);
        return 0;
    }

    private static Readiness ReadinessOf(Stack* stack, Connection* c)
    {
        Readiness ready = Readiness.None;
        if (c->Readable > 0 || c->FinReceived || c->State == TcpState.Closed)
            ready |= Readiness.Readable;
        if (c->FinReceived || c->State == TcpState.Closed)
            ready |= Readiness.PeerClosed;
        if (c->Error != 0)
            ready |= Readiness.Error;
        if (c->State == TcpState.Closed || (c->FinReceived && c->FinQueued))
            ready |= Readiness.HangUp;
        // After our own FIN a write fails at once, which poll calls writable.
        if (c->State == TcpState.Closed || c->FinQueued
            || (c->State >= TcpState.Established && !c->WaitsForRing
                && TcpSendQueue.Free(c) > (int)(c->SendRingMask >> 2)
                && c->PageBytes <= stack->MaxPageBytes - stack->MaxPageBytes / 4
                && TcpSendQueue.HasChunk(stack, c)))
            ready |= Readiness.Writable;
        return ready;
    }

    private static Endpoints EndpointsOf(Connection* c) => new()
    {
        LocalAddress = c->LocalAddress,
        LocalPort = c->LocalPort,
        RemoteAddress = c->RemoteAddress,
        RemotePort = c->RemotePort,
    };

    private static void Describe(Connection* c, out ConnectionInformation information)
    {
        information = default;
        information.Endpoints = EndpointsOf(c);
        information.State = c->State;
        information.Handle = c->Owned ? Handles.Of(c) : -1;
        information.SackPermitted = c->SackPermitted;
        information.TimestampsEnabled = c->TimestampsEnabled;
        information.SendWindowShift = c->SendShift;
        information.ReceiveWindowShift = c->ReceiveShift;
        information.MaximumSegmentSize = c->SegmentSize;
        information.CongestionWindow = c->CongestionWindow;
        information.SlowStartThreshold = c->SlowStartThreshold;
        information.SendWindow = c->SendWindow;
        information.UnacknowledgedBytes = (int)(c->SendMaximum - c->SendUnacknowledged);
        information.QueuedBytes = (int)(c->QueueEnd - c->QueueStart);
        information.ReadableBytes = c->Readable;
        information.Retransmissions = c->Retransmissions;
    }
}
