using System;

namespace Netstack;

/// <summary>TCP for users: listen, accept, connect, send, receive, end.</summary>
public unsafe partial struct Stack
{
    /// <summary>Linux's somaxconn, and the one more that listen(2) lets wait.</summary>
    public const int MaxBacklog = 4097;

    /// <summary>
    /// Listens on a port of one own address, or of all (<see cref="Address.Any4"/>, <see cref="Address.Any"/>). Port 0
    /// is any that is free.
    /// </summary>
    /// <param name="backlog">
    /// While so many connections wait to be accepted, no new one is answered, and so many are kept while they are being
    /// opened, 1 to 4,097. Those that were answered before may wait on top.
    /// </param>
    /// <param name="reserved">
    /// Its connections may take what is kept (<see cref="StackConfiguration.ReservedConnections"/>).
    /// </param>
    /// <param name="reuse">Its connections do not keep the port from being bound again (SO_REUSEADDR).</param>
    /// <param name="firstBytes">
    /// Bytes that a client sends in its first segment at least, up to 536: one that is silent, or sends less at once,
    /// takes no connection (RFC 4987 §3.6). 0 where the server may speak first.
    /// </param>
    /// <param name="privileged">
    /// It may take one of the last listeners (<see cref="StackConfiguration.ReservedListeners"/>).
    /// </param>
    /// <param name="only6">:: has no IPv4 (IPV6_V6ONLY).</param>
    /// <param name="sharers">Not 0: others that say the same may listen there as well (SO_REUSEPORT).</param>
    /// <returns>Handle, or NoRoom, AddressInUse, AddressNotAvailable, Invalid.</returns>
    public int Listen(Address address, ushort port, int backlog, bool reserved = false, bool reuse = false,
        int firstBytes = 0, bool privileged = false, bool only6 = false, ulong sharers = 0)
    {
        if (backlog is < 1 or > MaxBacklog || firstBytes is < 0 or > Tcp.DefaultSegmentSize)
            return SocketError.Invalid;
        if (!MayBind(address))
            return SocketError.AddressNotAvailable;
        if (port == 0)
            port = FreePort(address, only6);
        Listener* free = null;
        int freeCount = 0;
        for (int i = 0; i < ListenerCount; i++)
        {
            Listener* listener = Listeners + i;
            if (!listener->InUse)
            {
                free = free == null ? listener : free;
                freeCount++;
            }
            else if (listener->Port == port && Address.Overlap(listener->Address, listener->Only6, address, only6)
                && (sharers == 0 || sharers != listener->Sharers))
                return SocketError.AddressInUse;
        }
        if (port == 0)
            return SocketError.AddressInUse;
        if (freeCount <= (privileged ? 0 : ReservedListeners))
            return SocketError.NoRoom;
        *free = new Listener
        {
            Generation = free->Generation, InUse = true, Address = address, Only6 = only6, Port = port,
                Backlog = backlog, Reserved = reserved, Reuse = reuse,
            FirstBytes = firstBytes, Sharers = sharers,
        };
        return Handles.Of(Self, free);
    }

    /// <summary>As in <see cref="Listen"/>, for a listener that listens already.</summary>
    public int SetBacklog(int listener, int backlog)
    {
        Listener* found = Handles.Listener(Self, listener);
        if (found == null)
            return SocketError.BadSocket;
        if (backlog is < 1 or > MaxBacklog)
            return SocketError.Invalid;
        found->Backlog = backlog;
        return 0;
    }

    /// <summary>A TCP port of an own address, or of all, that nobody uses; 0 when there is none.</summary>
    public ushort FreePort(Address address, bool only6)
    {
        for (int attempt = 0; attempt < Tcp.EphemeralPorts; attempt++)
        {
            ushort port = (ushort)(Tcp.FirstEphemeralPort + EphemeralCounter % Tcp.EphemeralPorts);
            EphemeralCounter++;
            if (!TcpOpen.IsTaken(Self, address, only6, port, reuse: false, sharers: 0))
                return port;
        }
        return 0;
    }

    /// <summary>
    /// Whether bind(2) has to refuse a TCP port of an own address, or of all: somebody listens on it, or a
    /// connection has it and not both sides allow that (SO_REUSEADDR).
    /// </summary>
    public bool IsPortTaken(Address address, bool only6, ushort port, bool reuse, ulong sharers = 0) =>
        TcpOpen.IsTaken(Self, address, only6, port, reuse, sharers);

    /// <summary>The oldest established connection of a listener: a handle, or WouldBlock, BadSocket.</summary>
    public int Accept(int listener)
    {
        Stack* stack = Self;
        Listener* found = Handles.Listener(stack, listener);
        if (found == null)
            return SocketError.BadSocket;
        Connection* c = found->Queue.First(stack);
        if (c == null)
            return SocketError.WouldBlock;
        TcpOpen.LeaveBacklog(stack, c);
        c->Owned = true;
        return Handles.Of(c);
    }

    /// <summary>
    /// Starts to connect. A wildcard as local address is the one nearest to the remote one, local port 0 an ephemeral
    /// one.
    /// </summary>
    /// <returns>
    /// Handle at once: it becomes Writable when connected, Error when not. Or NoRoom, AddressInUse,
    /// AddressNotAvailable, NetworkUnreachable, Invalid.
    /// </returns>
    /// <param name="reserved">It may take what is kept (<see cref="StackConfiguration.ReservedConnections"/>).</param>
    /// <param name="reuse">It does not keep its port from being bound again (SO_REUSEADDR).</param>
    public int Connect(
        Address remoteAddress, ushort remotePort, Address localAddress, ushort localPort, ulong now,
        bool reserved = false, bool reuse = false)
    {
        Stack* stack = Self;
        if (remoteAddress == Address.Any4 || remotePort == 0 || Output.IsGroup(stack, remoteAddress))
            return SocketError.Invalid;
        if (localAddress.IsUnspecified)
            localAddress = Output.SourceFor(stack, remoteAddress);
        if (localAddress.IsUnspecified
            || (!IsLocal(remoteAddress) && Output.NextHop(stack, remoteAddress).IsUnspecified))
            return SocketError.NetworkUnreachable;
        if (!IsLocal(localAddress))
            return SocketError.AddressNotAvailable;
        int error = Output.ErrorOf(stack, localAddress, remoteAddress);
        if (error != 0)
            return error;
        if (localPort == 0)
            localPort = TcpOpen.EphemeralPort(stack, localAddress, remoteAddress, remotePort);
        if (localPort == 0 || Tcp.Find(stack, localAddress, localPort, remoteAddress, remotePort) != null)
            return SocketError.AddressInUse;
        Connection* c = TcpOpen.Connect(stack, localAddress, localPort, remoteAddress, remotePort, reserved, now);
        if (c == null)
            return SocketError.NoRoom;
        c->Reuse = reuse;
        int handle = Handles.Of(c);
        Loopback.Drain(stack, now);
        return handle;
    }

    /// <summary>
    /// Queues bytes; less than a segment of them waits for more when <paramref name="more"/> follows (MSG_MORE).
    /// Returns how many were taken (1 or more), or WouldBlock, NotConnected, ShutDown, or what broke the connection.
    /// </summary>
    public int Send(int socket, ReadOnlySpan<byte> bytes, ulong now, bool more = false)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        int error = MaySend(c);
        if (error != 0)
            return error;
        if (bytes.Length == 0)
            return 0;
        int taken = TcpSendQueue.Append(stack, c, bytes, now);
        c->MoreFollows = more && taken == bytes.Length;
        if (taken == 0)
            return SocketError.WouldBlock;
        if (Tcp.CanTransmitData(c->State))
            TcpOutput.Run(stack, c, now);
        Loopback.Drain(stack, now);
        return taken;
    }

    /// <summary>
    /// Queues <paramref name="length"/> bytes from <paramref name="offset"/> of a page frame by reference, without
    /// copying: see <see cref="Link.ResolveFrame"/> and <see cref="Link.ReleaseFrame"/>.
    /// </summary>
    /// <returns>
    /// <paramref name="length"/>, or as <see cref="Send"/>; on an error nothing was queued and ReleaseFrame is not
    /// called.
    /// </returns>
    public int SendPage(int socket, ulong reference, int offset, int length, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        int error = MaySend(c);
        if (error != 0)
            return error;
        if (offset < 0 || length <= 0 || length > MaxPageBytes || Link.ResolveFrame == null)
            return SocketError.Invalid;
        if (!TcpSendQueue.AppendPage(stack, c, reference, (uint)offset, length))
            return SocketError.WouldBlock;
        if (Tcp.CanTransmitData(c->State))
            TcpOutput.Run(stack, c, now);
        Loopback.Drain(stack, now);
        return length;
    }

    /// <summary>
    /// Lends a connection a ring for sending that it keeps until it ends, when <see cref="Link.GiveRing"/> is called
    /// with it; only where rings are lent (<see cref="Link.TakeRing"/>).
    /// </summary>
    /// <param name="length">A power of two, 4,096 to 2^24.</param>
    /// <returns>0, or BadSocket; Invalid, and nothing is taken, also while something is queued in its ring.</returns>
    public int LendSendRing(int socket, byte* ring, uint length)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        bool isLength = length is >= 4096 and <= 1 << 24 && (length & length - 1) == 0;
        bool isTaken = isLength && ring != null && c->State != TcpState.Closed && Rings.Lend(stack, c, ring, length);
        return isTaken ? 0 : SocketError.Invalid;
    }

    /// <summary>Sends what waits for more that does not come (<see cref="Send"/>).</summary>
    public int Push(int socket, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        if (!c->MoreFollows)
            return 0;
        c->MoreFollows = false;
        if (Tcp.CanTransmitData(c->State))
            TcpOutput.Run(stack, c, now);
        Loopback.Drain(stack, now);
        return 0;
    }

    /// <summary>
    /// Sends the last segment that has not been acknowledged once more without waiting for a timer (the probe of
    /// RFC 8985 §7.3), for who will not be there when one is due; nothing when all is acknowledged.
    /// </summary>
    public int Probe(int socket, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        TcpOutput.SendTailProbe(stack, c, now);
        Loopback.Drain(stack, now);
        return 0;
    }

    /// <summary>
    /// Sends an acknowledgement that is being delayed (RFC 9293 §3.8.6.3), for who knows that no data will carry it.
    /// </summary>
    public int Acknowledge(int socket, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        if (c->AcknowledgeDeadline == 0)
            return 0;
        c->AcknowledgeNow = true;
        TcpOutput.Run(stack, c, now);
        Loopback.Drain(stack, now);
        return 0;
    }

    /// <summary>While on, only full segments leave (MSG_MORE, TCP_CORK); turning it off sends the rest.</summary>
    public int Cork(int socket, bool on, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        c->Corked = on;
        c->MoreFollows = false;
        if (!on && Tcp.CanTransmitData(c->State))
            TcpOutput.Run(stack, c, now);
        Loopback.Drain(stack, now);
        return 0;
    }

    /// <summary>
    /// Takes received bytes: > 0 count, 0 end of stream, or WouldBlock, NotConnected, or what broke the connection.
    /// </summary>
    public int Receive(int socket, Span<byte> into, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        int end = MayReceive(c);
        if (end != 1)
            return end;
        int copied = TcpReassembly.Copy(c, 0, into);
        TcpReassembly.Consume(stack, c, copied, now);
        Loopback.Drain(stack, now);
        return copied;
    }

    /// <summary>How many bytes Receive would give, at least 1; or as <see cref="Receive"/>.</summary>
    public int Available(int socket)
    {
        Connection* c = Handles.Connection(Self, socket);
        int end = MayReceive(c);
        return end == 1 ? c->Readable : end;
    }

    /// <summary>
    /// Copies received bytes without taking them, from <paramref name="skip"/> on (MSG_PEEK). Returns as
    /// <see cref="Receive"/>.
    /// </summary>
    public int CopyReceived(int socket, int skip, Span<byte> into)
    {
        Connection* c = Handles.Connection(Self, socket);
        int end = MayReceive(c);
        if (end != 1)
            return end;
        if (skip < 0)
            return SocketError.Invalid;
        return skip >= c->Readable ? 0 : TcpReassembly.Copy(c, skip, into);
    }

    /// <summary>
    /// Takes <paramref name="count"/> bytes that have been looked at where they are. Returns 0 or an error.
    /// </summary>
    public int Consume(int socket, int count, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        if (count < 0 || count > c->Readable)
            return SocketError.Invalid;
        TcpReassembly.Consume(stack, c, count, now);
        Loopback.Drain(stack, now);
        return 0;
    }

    /// <summary>Sends FIN after what is queued; receiving goes on (SHUT_WR). Returns 0 or an error.</summary>
    public int Shutdown(int socket, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        if (c->State is TcpState.Closed or TcpState.SynSent or TcpState.SynReceived)
            return SocketError.NotConnected;
        if (!c->FinQueued)
        {
            QueueFin(c);
            TcpOutput.Run(stack, c, now);
            Loopback.Drain(stack, now);
        }
        return 0;
    }

    /// <summary>
    /// Gives the handle up, of any kind. What is queued is still delivered; unread received data makes it a reset (RFC
    /// 2525 §2.17). Returns 0 or BadSocket.
    /// </summary>
    public int Close(int socket, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return CloseOther(socket, now);
        c->Owned = false;
        // The handle is stale from here on, though the connection may go on in its slot.
        c->Generation++;
        switch (c->State)
        {
            case TcpState.Closed:
                Tcp.Free(stack, c);
                return 0;
            case TcpState.SynSent:
                Tcp.Close(stack, c, 0);
                return 0;
        }
        if ((c->Readable > 0 && c->State != TcpState.TimeWait) || c->State == TcpState.SynReceived)
        {
            TcpOutput.SendReset(stack, c, now);
            Tcp.Close(stack, c, 0);
        }
        else
        {
            c->KeepAlive = false;
            c->KeepAliveDeadline = 0;
            if (!c->FinQueued)
            {
                QueueFin(c);
                TcpOutput.Run(stack, c, now);
            }
            if (c->State == TcpState.FinWait2)
                TcpTimers.LingerFinWait2(stack, c, now);
            Tcp.Orphan(stack, c);
        }
        Loopback.Drain(stack, now);
        return 0;
    }

    /// <summary>Resets the connection and gives the handle up. Returns 0 or BadSocket.</summary>
    public int Abort(int socket, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return CloseOther(socket, now);
        c->Owned = false;
        c->Generation++;
        if (c->State == TcpState.Closed)
        {
            Tcp.Free(stack, c);
            return 0;
        }
        if (c->State is not (TcpState.SynSent or TcpState.TimeWait))
            TcpOutput.SendReset(stack, c, now);
        Tcp.Close(stack, c, 0);
        Loopback.Drain(stack, now);
        return 0;
    }

    /// <summary>
    /// Gives up the handle and the connection without telling the peer: for the copy of a migration's own connection on
    /// arrival, which still belongs to the source. Returns 0 or BadSocket.
    /// </summary>
    public int Forget(int socket)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        c->Owned = false;
        c->Generation++;
        if (c->State == TcpState.Closed)
            Tcp.Free(stack, c);
        else
            Tcp.Close(stack, c, 0);
        return 0;
    }

    private static int MaySend(Connection* c)
    {
        if (c == null)
            return SocketError.BadSocket;
        if (c->Error != 0)
        {
            int error = c->Error;
            c->Error = 0;
            return error;
        }
        if (c->FinQueued || c->State == TcpState.Closed)
            return SocketError.ShutDown;
        return c->State is TcpState.SynSent or TcpState.SynReceived ? SocketError.WouldBlock : 0;
    }

    /// <summary>1 when there are bytes, else what Receive returns.</summary>
    private static int MayReceive(Connection* c)
    {
        if (c == null)
            return SocketError.BadSocket;
        if (c->Readable > 0)
            return 1;
        if (c->Error != 0)
        {
            int error = c->Error;
            c->Error = 0;
            return error;
        }
        return c->FinReceived || c->State == TcpState.Closed ? 0 : SocketError.WouldBlock;
    }

    private static void QueueFin(Connection* c)
    {
        c->FinQueued = true;
        if (c->State == TcpState.Established)
            c->State = TcpState.FinWait1;
        else if (c->State == TcpState.CloseWait)
            c->State = TcpState.LastAck;
    }
}
