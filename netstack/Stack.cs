using System;

namespace Netstack;

/// <summary>
/// One host on one link. Lives in the memory given to <see cref="Init"/> and never moves; all tables have a fixed size.
/// Not thread safe: one caller at a time, and no calls from the functions of <see cref="Netstack.Link"/>.
/// </summary>
public unsafe partial struct Stack
{
    // ---- the device's side ----

    /// <summary>Takes one received Ethernet frame (no FCS, no virtio header) of 14 to 65,549 bytes. Nothing of it is kept.</summary>
    /// <param name="fragments">Its pieces in order; the first holds all headers.</param>
    public void ReceiveFrame(Fragment* fragments, int count, FrameFlags flags, ulong now)
    {
        Input.Receive(Self, fragments, count, flags, isLoopback: false, now);
        Loopback.Drain(Self, now);
    }

    /// <summary>The same for a frame in one piece.</summary>
    public void ReceiveFrame(byte* frame, int length, FrameFlags flags, ulong now)
    {
        Fragment fragment;
        fragment.Address = frame;
        fragment.Length = length;
        ReceiveFrame(&fragment, 1, flags, now);
    }

    /// <summary>The device has room again after <see cref="Link.Transmit"/> said false.</summary>
    public void LinkReady(ulong now)
    {
        if (OutputPending)
            TcpOutput.RunPending(Self, now);
        Loopback.Drain(Self, now);
    }

    /// <summary>Runs the timers that are due at <paramref name="now"/>, and waiting output.</summary>
    public void Poll(ulong now)
    {
        Stack* stack = Self;
        if (now < Deadline)
            return;
        // Timers set meanwhile lower it again.
        Deadline = ulong.MaxValue;
        for (int i = 0; i < ConnectionCount; i++)
        {
            Connection* c = Connections + i;
            if (c->InUse && c->State != TcpState.Closed)
                Schedule(TcpTimers.Poll(stack, c, now));
        }
        Schedule(ArpCache.Poll(stack, now));
        Loopback.Drain(stack, now);
    }

    /// <summary>When <see cref="Poll"/> is needed next; ulong.MaxValue for never. May be earlier than strictly needed, never later.</summary>
    public ulong NextDeadline()
    {
        return Deadline;
    }

    // ---- addresses and moving ----

    /// <summary>Adds an own address (at most 8). False when the table is full.</summary>
    public bool AddAddress(uint address, int prefixLength)
    {
        if (address == 0 || prefixLength is < 0 or > 32 || AddressCount == MostAddresses)
            return false;
        Addresses[AddressCount] = address;
        Masks[AddressCount] = prefixLength == 0 ? 0 : uint.MaxValue << (32 - prefixLength);
        AddressCount++;
        return true;
    }

    /// <summary>Removes an own address; connections that use it fail by themselves.</summary>
    public bool RemoveAddress(uint address)
    {
        for (int i = 0; i < AddressCount; i++)
        {
            if (Addresses[i] != address)
                continue;
            AddressCount--;
            for (; i < AddressCount; i++)
            {
                Addresses[i] = Addresses[i + 1];
                Masks[i] = Masks[i + 1];
            }
            return true;
        }
        return false;
    }

    /// <summary>True for own addresses and 127/8.</summary>
    public readonly bool IsLocal(uint address)
    {
        for (int i = 0; i < AddressCount; i++)
        {
            if (Addresses[i] == address)
                return true;
        }
        return Ipv4.IsLoopback(address);
    }

    /// <summary>Default router, 0 for none.</summary>
    public void SetGateway(uint gateway)
    {
        Gateway = gateway;
    }

    /// <summary>Takes the MAC address of the machine it arrived on; <see cref="Announce"/> tells the others.</summary>
    public void ChangeHardwareAddress(ulong hardwareAddress)
    {
        HardwareAddress = hardwareAddress;
    }

    /// <summary>Takes another device (and owner's hooks), for instance on arrival on another machine.</summary>
    /// <returns>False, and nothing changed, when its fields are out of range or its MTU is larger than at <see cref="Init"/>.</returns>
    public bool ChangeLink(in Link link)
    {
        Link full = link;
        Default(ref full.Mtu, 1500);
        Default(ref full.MaximumFragments, Link.MostFragments);
        if (!IsValid(full) || full.Mtu + Ethernet.HeaderLength > FrameBufferSize)
            return false;
        Link = full;
        for (int i = 0; i < ConnectionCount; i++)
        {
            Connection* c = Connections + i;
            int size = full.Mtu - Ipv4.HeaderLength - TcpHeader.MinimumLength - (c->TimestampsEnabled ? Tcp.TimestampOptionLength : 0);
            if (c->InUse && c->SegmentSize > size)
                c->SegmentSize = (ushort)size;
        }
        return true;
    }

    /// <summary>Announces every own address by gratuitous ARP, as request and as reply (RFC 5227 §3).</summary>
    public void Announce(ulong now)
    {
        Stack* stack = Self;
        for (int i = 0; i < AddressCount; i++)
        {
            Arp packet = default;
            packet.Operation = Arp.Request;
            packet.SenderHardware = HardwareAddress;
            packet.SenderAddress = packet.TargetAddress = Addresses[i];
            ArpCache.Send(stack, packet, Ethernet.Broadcast);
            packet.Operation = Arp.Reply;
            packet.TargetHardware = HardwareAddress;
            ArpCache.Send(stack, packet, Ethernet.Broadcast);
        }
    }

    /// <summary>After a silence on our side: sends again what is unacknowledged and an acknowledgement to every peer, without waiting for timers.</summary>
    public void Resume(ulong now)
    {
        Stack* stack = Self;
        for (int i = 0; i < ConnectionCount; i++)
        {
            if (Connections[i].InUse)
                TcpOutput.Resume(stack, Connections + i, now);
        }
        Loopback.Drain(stack, now);
    }

    /// <summary>From now on only the segments of this TCP connection, and ARP, leave; everything else is dropped and counted.</summary>
    public void FilterOutgoing(uint remoteAddress, ushort remotePort, ushort localPort)
    {
        FilterRemoteAddress = remoteAddress;
        FilterRemotePort = remotePort;
        FilterLocalPort = localPort;
        FilterArmed = true;
    }

    /// <summary>Ends <see cref="FilterOutgoing"/>.</summary>
    public void StopFiltering()
    {
        FilterArmed = false;
    }

    // ---- TCP ----

    /// <summary>Listens on a port of one own address, or of all (0).</summary>
    /// <param name="backlog">Most connections that are being opened or wait to be accepted, 1 to 128.</param>
    /// <returns>Handle, or NoRoom, AddressInUse, AddressNotAvailable, Invalid.</returns>
    public int Listen(uint address, ushort port, int backlog)
    {
        if (port == 0 || backlog is < 1 or > 128)
            return SocketError.Invalid;
        if (address != 0 && !IsLocal(address))
            return SocketError.AddressNotAvailable;
        Listener* free = null;
        for (int i = 0; i < ListenerCount; i++)
        {
            Listener* listener = Listeners + i;
            if (!listener->InUse)
                free = free == null ? listener : free;
            else if (listener->Port == port && listener->Address == address)
                return SocketError.AddressInUse;
        }
        if (free == null)
            return SocketError.NoRoom;
        *free = new Listener { Generation = free->Generation, InUse = true, Address = address, Port = port, Backlog = backlog, QueueHead = -1, QueueTail = -1 };
        return Handles.Of(Self, free);
    }

    /// <summary>The oldest established connection of a listener: a handle, or WouldBlock, BadSocket.</summary>
    public int Accept(int listener)
    {
        Stack* stack = Self;
        Listener* found = Handles.Listener(stack, listener);
        if (found == null)
            return SocketError.BadSocket;
        if (found->QueueHead < 0)
            return SocketError.WouldBlock;
        Connection* c = Connections + found->QueueHead;
        TcpOpen.LeaveBacklog(stack, c);
        c->Owned = true;
        return Handles.Of(c);
    }

    /// <summary>Starts to connect. Local address 0 is the one nearest to the remote one, local port 0 an ephemeral one.</summary>
    /// <returns>
    /// Handle at once: it becomes Writable when connected, Error when not. Or NoRoom, AddressInUse, AddressNotAvailable, NetworkUnreachable, Invalid.
    /// </returns>
    public int Connect(uint remoteAddress, ushort remotePort, uint localAddress, ushort localPort, ulong now)
    {
        Stack* stack = Self;
        if (remoteAddress == 0 || remotePort == 0 || Ipv4.IsBadSource(remoteAddress) || Output.IsBroadcast(stack, remoteAddress))
            return SocketError.Invalid;
        if (localAddress == 0)
            localAddress = Output.SourceFor(stack, remoteAddress);
        if (localAddress == 0 || (!IsLocal(remoteAddress) && Output.NextHop(stack, remoteAddress) == 0))
            return SocketError.NetworkUnreachable;
        if (!IsLocal(localAddress))
            return SocketError.AddressNotAvailable;
        if (localPort == 0)
            localPort = TcpOpen.EphemeralPort(stack, localAddress, remoteAddress, remotePort);
        if (localPort == 0 || Tcp.Find(stack, localAddress, localPort, remoteAddress, remotePort) != null)
            return SocketError.AddressInUse;
        Connection* c = TcpOpen.Connect(stack, localAddress, localPort, remoteAddress, remotePort, now);
        if (c == null)
            return SocketError.NoRoom;
        int handle = Handles.Of(c);
        Loopback.Drain(stack, now);
        return handle;
    }

    /// <summary>Queues bytes. Returns how many were taken (1 or more), or WouldBlock, NotConnected, ShutDown, or what broke the connection.</summary>
    public int Send(int socket, ReadOnlySpan<byte> bytes, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        int refusal = MaySend(c);
        if (refusal != 0)
            return refusal;
        if (bytes.Length == 0)
            return 0;
        int taken = TcpSendQueue.Append(stack, c, bytes);
        if (taken == 0)
            return SocketError.WouldBlock;
        if (Tcp.CanTransmitData(c->State))
            TcpOutput.Run(stack, c, now);
        Loopback.Drain(stack, now);
        return taken;
    }

    /// <summary>
    /// Queues <paramref name="length"/> bytes from <paramref name="offset"/> of a page frame by reference, without copying:
    /// see <see cref="Link.ResolveFrame"/> and <see cref="Link.ReleaseFrame"/>.
    /// </summary>
    /// <returns><paramref name="length"/>, or as <see cref="Send"/>; on an error nothing was queued and ReleaseFrame is not called.</returns>
    public int SendPage(int socket, ulong reference, int offset, int length, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        int refusal = MaySend(c);
        if (refusal != 0)
            return refusal;
        if (offset < 0 || length <= 0 || length > PageBytesLimit || Link.ResolveFrame == null)
            return SocketError.Invalid;
        if (!TcpSendQueue.AppendPage(stack, c, reference, (uint)offset, length))
            return SocketError.WouldBlock;
        if (Tcp.CanTransmitData(c->State))
            TcpOutput.Run(stack, c, now);
        Loopback.Drain(stack, now);
        return length;
    }

    /// <summary>While on, only full segments leave (MSG_MORE, TCP_CORK); turning it off sends the rest.</summary>
    public int Cork(int socket, bool on, ulong now)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c == null)
            return SocketError.BadSocket;
        c->Corked = on;
        if (!on && Tcp.CanTransmitData(c->State))
            TcpOutput.Run(stack, c, now);
        Loopback.Drain(stack, now);
        return 0;
    }

    /// <summary>Takes received bytes: > 0 count, 0 end of stream, or WouldBlock, NotConnected, or what broke the connection.</summary>
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

    /// <summary>
    /// Shows received bytes where they lie (one contiguous run, maybe not all). Returns as <see cref="Receive"/>; valid until the next call
    /// that is given this socket's frames or consumes. Follow with <see cref="Consume"/>.
    /// </summary>
    public int PeekReceive(int socket, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        Connection* c = Handles.Connection(Self, socket);
        int end = MayReceive(c);
        if (end != 1)
            return end;
        bytes = TcpReassembly.Peek(c, 0);
        return bytes.Length;
    }

    /// <summary>Copies received bytes without taking them, from <paramref name="skip"/> on (MSG_PEEK). Returns as <see cref="Receive"/>.</summary>
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

    /// <summary>Takes <paramref name="count"/> bytes that <see cref="PeekReceive"/> has shown. Returns 0 or an error.</summary>
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
    /// Gives the handle up, of any kind. What is queued is still delivered; unread received data makes it a reset (RFC 2525 §2.17). Returns 0 or BadSocket.
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
    /// Gives up the handle and the connection without a word to the peer: for the copy of a migration's own connection on arrival,
    /// which still belongs to the source. Returns 0 or BadSocket.
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

    // ---- datagrams ----

    /// <summary>Opens a UDP socket. Address 0 is all own ones, port 0 an ephemeral one.</summary>
    public int OpenUdp(uint address, ushort port, ulong now)
    {
        return Netstack.Datagrams.Open(Self, address, port, isEcho: false);
    }

    /// <summary>Opens an ICMP Echo socket (Linux's ping socket): sends Echo Requests with this identifier (0: any free), receives their replies.</summary>
    public int OpenEcho(ushort identifier, ulong now)
    {
        return Netstack.Datagrams.Open(Self, 0, identifier, isEcho: true);
    }

    /// <summary>Remembers a peer: only its datagrams are received; SendTo with remote address 0 goes there. Address 0 forgets.</summary>
    public int ConnectDatagram(int socket, uint remoteAddress, ushort remotePort)
    {
        DatagramSocket* found = Handles.Datagram(Self, socket);
        if (found == null)
            return SocketError.BadSocket;
        found->RemoteAddress = remoteAddress;
        found->RemotePort = remotePort;
        return 0;
    }

    /// <summary>Sends one datagram (ICMP Echo: header and payload, type, code, checksum and identifier are filled in). Returns its length or an error.</summary>
    public int SendTo(int socket, ReadOnlySpan<byte> payload, uint remoteAddress, ushort remotePort, ulong now)
    {
        Stack* stack = Self;
        DatagramSocket* found = Handles.Datagram(stack, socket);
        if (found == null)
            return SocketError.BadSocket;
        int sent = Netstack.Datagrams.Send(stack, found, payload, remoteAddress, remotePort, now);
        Loopback.Drain(stack, now);
        return sent;
    }

    /// <summary>Takes the oldest datagram, cut to fit. Returns its full length, or WouldBlock or a pending error (Refused, HostUnreachable).</summary>
    public int ReceiveFrom(int socket, Span<byte> into, out Endpoints endpoints)
    {
        endpoints = default;
        DatagramSocket* found = Handles.Datagram(Self, socket);
        return found == null ? SocketError.BadSocket : Netstack.Datagrams.Receive(found, into, out endpoints);
    }

    /// <summary>Length of the oldest datagram, or WouldBlock.</summary>
    public int NextDatagramLength(int socket)
    {
        DatagramSocket* found = Handles.Datagram(Self, socket);
        return found == null ? SocketError.BadSocket : Netstack.Datagrams.NextLength(found);
    }

    // ---- any socket ----

    /// <summary>What is ready now. A handle that names nothing is <see cref="Readiness.Error"/> | <see cref="Readiness.HangUp"/>.</summary>
    public Readiness GetReadiness(int socket)
    {
        Stack* stack = Self;
        Connection* c = Handles.Connection(stack, socket);
        if (c != null)
            return ReadinessOf(stack, c);
        Listener* listener = Handles.Listener(stack, socket);
        if (listener != null)
            return listener->QueueHead >= 0 ? Readiness.Acceptable : Readiness.None;
        DatagramSocket* datagram = Handles.Datagram(stack, socket);
        if (datagram == null)
            return Readiness.Error | Readiness.HangUp;
        return Readiness.Writable | (datagram->Count > 0 ? Readiness.Readable : 0) | (datagram->Error != 0 ? Readiness.Error | Readiness.Readable : 0);
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

    public int GetOption(int socket, SocketOption option)
    {
        Stack* stack = Self;
        Listener* listener = Handles.Listener(stack, socket);
        if (listener != null)
            return SocketOptions.Get(listener, option);
        Connection* c = Handles.Connection(stack, socket);
        return c == null ? SocketError.BadSocket : SocketOptions.Get(c, option);
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

    /// <summary>Queued bytes that the peer has not acknowledged, FIN not counted; 0 also when the connection is over (see <see cref="TakeError"/>).</summary>
    public int UnacknowledgedBytes(int socket)
    {
        Connection* c = Handles.Connection(Self, socket);
        return c == null ? SocketError.BadSocket : (int)(c->QueueEnd - c->QueueStart);
    }

    /// <summary>
    /// For /proc/net/tcp: the index-th connection slot, with or without a handle. False when it is free; index from 0 to the configured count.
    /// </summary>
    public bool ConnectionAt(int index, out ConnectionInformation information)
    {
        information = default;
        if (index < 0 || index >= ConnectionCount || !Connections[index].InUse)
            return false;
        Describe(Connections + index, out information);
        return true;
    }

    // ---- what several calls share ----

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
        datagram->InUse = false;
        datagram->Generation++;
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
            || (c->State >= TcpState.Established && TcpSendQueue.Free(c) > (int)(c->SendRingMask >> 2)
                && c->PageBytes <= stack->PageBytesLimit - stack->PageBytesLimit / 4 && TcpSendQueue.HasChunk(stack, c)))
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
        information.RoundTripMicroseconds = (uint)(c->SmoothedRoundTrip / 1000);
        information.RetransmissionTimeoutMicroseconds = (uint)(c->RetransmissionTimeout / 1000);
        information.Retransmissions = c->Retransmissions;
    }
}
