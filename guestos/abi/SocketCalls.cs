using Netstack;

namespace Guestos;

/// <summary>
/// System calls on sockets (socket(2), ip(7), ipv6(7), tcp(7), udp(7), icmp(7)): streams and datagrams of IPv4 and
/// IPv6, and ICMP Echo; those of AF_UNIX are <see cref="LocalCalls"/>. Other families are refused with EAFNOSUPPORT.
/// </summary>
public static unsafe partial class SocketCalls
{
    private const ulong TypeStream = 1;
    private const ulong TypeDatagram = 2;
    private const ulong TypeRaw = 3;
    private const ulong TypeMask = 0xf;
    private const uint FlagNonBlocking = 0x800;
    private const uint FlagCloseOnExec = 0x80000;
    private const ulong ProtocolIcmp = 1;
    private const ulong ProtocolTcp = 6;
    private const ulong ProtocolUdp = 17;

    public static long Socket(ulong family, ulong type, ulong protocol)
    {
        if (!CallFlags.TryMake(type & ~TypeMask, FlagNonBlocking | FlagCloseOnExec, out CallFlags flags))
            return Errno.EINVAL;
        if ((uint)family is not (SocketAddress.Inet or SocketAddress.Inet6))
            return Errno.EAFNOSUPPORT;
        bool isInet = (uint)family == SocketAddress.Inet;
        SocketKind kind;
        switch (type & TypeMask)
        {
            case TypeStream when protocol is 0 or ProtocolTcp:
                kind = SocketKind.Stream;
                break;
            case TypeDatagram when protocol is 0 or ProtocolUdp:
                kind = SocketKind.Datagram;
                break;
            case TypeDatagram when protocol == ProtocolIcmp && isInet:
                kind = SocketKind.Echo;
                break;
            case TypeRaw when !Permissions.Has(Capability.NET_RAW):
                return Errno.EPERM;
            case TypeRaw when protocol == ProtocolIcmp && isInet:
                kind = SocketKind.RawEcho;
                break;
            case TypeStream or TypeDatagram or TypeRaw:
                return Errno.EPROTONOSUPPORT;
            default:
                return Errno.ESOCKTNOSUPPORT;
        }
        Socket* socket = Sockets.Allocate(kind, (ushort)family);
        return socket == null ? Errno.ENOBUFS : Install(socket, flags);
    }

    /// <summary>Only local sockets come in pairs.</summary>
    public static long Socketpair(ulong family, ulong type, ulong protocol)
    {
        long made = Socket(family, type, protocol);
        if (made < 0)
            return made;
        FileTable.Close(FileContext.TableOf(Process.Current), (int)made);
        return Errno.EOPNOTSUPP;
    }

    /// <summary>Lower ones are for CAP_NET_BIND_SERVICE (ip(7)).</summary>
    private const ushort FirstUnprivilegedPort = 1024;

    public static long Bind(ulong descriptor, UserPointer<byte> address, ulong length)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        result = SocketAddress.Read(socket, address, length, out SocketName name);
        if (result < 0)
            return result;
        if (name.Family == SocketAddress.Unspecified && !name.Address.IsUnspecified)
            return Errno.EAFNOSUPPORT;
        Address local = name.Address;
        ushort port = name.Port;
        if (socket->Bound || socket->Handle >= 0)
            return Errno.EINVAL;
        if (port is > 0 and < FirstUnprivilegedPort && !Permissions.Has(Capability.NET_BIND_SERVICE))
            return Errno.EACCES;
        if (socket->Only6 && local.IsIpv4)
            return Errno.EINVAL;
        if (!Network.Stack->MayBind(local))
            return Errno.EADDRNOTAVAIL;
        socket->LocalAddress = local;
        socket->LocalPort = port;
        socket->PortGiven = port != 0;
        result = socket->Kind == SocketKind.Stream ? BindStream(socket) : DatagramSockets.Open(socket);
        socket->Bound = result >= 0;
        if (result < 0)
        {
            socket->LocalAddress = socket->Wildcard;
            socket->LocalPort = 0;
        }
        return result;
    }

    private static long BindStream(Socket* socket)
    {
        if (socket->LocalPort != 0)
            return Sockets.IsPortTaken(socket, socket->LocalAddress, socket->LocalPort) ? Errno.EADDRINUSE : 0;
        // What the stack finds free may be bound by a socket that it does not know yet.
        for (int attempt = 0; attempt < 1000; attempt++)
        {
            socket->LocalPort = Network.Stack->FreePort(socket->LocalAddress, socket->Only6);
            if (socket->LocalPort != 0 && !Sockets.IsPortTaken(socket, socket->LocalAddress, socket->LocalPort))
                return 0;
        }
        return Errno.EADDRINUSE;
    }

    public static long Listen(ulong descriptor, ulong backlog)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if (socket->Kind != SocketKind.Stream)
            return Errno.EOPNOTSUPP;
        // listen(2): as unsigned, at most somaxconn, and one more than it says may wait.
        int most = (int)System.Math.Min((uint)backlog, Stack.MaxBacklog - 1) + 1;
        socket->Backlog = most - 1;
        if (socket->Listening)
            return Sockets.ErrnoOf(Network.Stack->SetBacklog(socket->Handle, most));
        if (socket->Handle >= 0)
            return Errno.EINVAL;
        result = socket->Bound ? 0 : BindStream(socket);
        // Others may have bound the same port with SO_REUSEADDR; one of them listens.
        if (result < 0)
            return result;
        socket->Bound = true;
        // On the command port a connection gets a reserved place only when its client's first message has come: silent
        // clients must not fill the places (docs/protocols.md, "Secure channel").
        bool privileged = FileRights.IsSuperuser;
        bool reserved = privileged && socket->LocalPort == Network.CommandPort;
        int firstBytes = reserved ? Wire.ChannelHello.MessageSize : 0;
        int handle = Network.Stack->Listen(socket->LocalAddress, socket->LocalPort, most, reserved,
            socket->ReuseAddress || socket->ReusePort, firstBytes, privileged, socket->Only6, socket->Sharers);
        if (handle < 0)
            return Sockets.ErrnoOf(handle);
        SocketTable.Attach(socket, handle);
        socket->Listening = true;
        return 0;
    }

    public static long Accept(ulong descriptor, UserPointer<byte> address, UserPointer<int> lengthAt) =>
        Accept4(descriptor, address, lengthAt, 0);

    public static long Accept4(ulong descriptor, UserPointer<byte> address, UserPointer<int> lengthAt, ulong flags)
    {
        if (!CallFlags.TryMake(flags, FlagNonBlocking | FlagCloseOnExec, out CallFlags how))
            return Errno.EINVAL;
        long result = Get(descriptor, out File* file, out Socket* socket);
        if (result < 0)
            return result;
        if (!socket->Listening)
            return socket->Kind == SocketKind.Stream ? Errno.EINVAL : Errno.EOPNOTSUPP;
        // The file is held while sleeping: another thread may close the descriptor.
        Files.Hold(file);
        result = AcceptOne(file, socket, address, lengthAt, how);
        Files.Release(file);
        return result;
    }

    private static long AcceptOne(File* file, Socket* socket, UserPointer<byte> address, UserPointer<int> lengthAt,
        CallFlags flags)
    {
        ulong deadline = Sockets.Deadline(socket->ReceiveTimeout);
        int handle = Network.Stack->Accept(socket->Handle);
        while (handle == SocketError.WouldBlock)
        {
            if (file->NonBlocking)
                return Errno.EAGAIN;
            long result = Sockets.Wait(socket, PollEvents.Readable, deadline);
            if (result < 0)
                return result;
            // shutdown(2) meanwhile.
            if (!socket->Listening)
                return Errno.EINVAL;
            handle = Network.Stack->Accept(socket->Handle);
        }
        if (handle < 0)
            return Sockets.ErrnoOf(handle);
        Socket* accepted = Sockets.Allocate(SocketKind.Stream, socket->Family);
        if (accepted == null)
        {
            Network.Stack->Abort(handle, Clock.Monotonic);
            return Errno.ENFILE;
        }
        SocketTable.Attach(accepted, handle);
        InheritOptions(accepted, socket);
        ApplyOptions(accepted);
        Network.Stack->GetEndpoints(handle, out Endpoints endpoints);
        long told = address.IsNull
            ? 0
            : SocketAddress.Answer(socket, address, lengthAt, endpoints.RemoteAddress, endpoints.RemotePort);
        if (told < 0)
        {
            Sockets.Free(accepted);
            return told;
        }
        return Install(accepted, flags);
    }

    public static long Connect(ulong descriptor, UserPointer<byte> address, ulong length)
    {
        long result = Get(descriptor, out File* file, out Socket* socket);
        if (result < 0)
            return result;
        bool isStream = socket->Kind == SocketKind.Stream;
        result = SocketAddress.Read(socket, address, length, out SocketName name, takesInet: !isStream);
        if (name.Family == SocketAddress.Unspecified && (uint)length >= sizeof(ushort) && result != Errno.EFAULT)
            return Disconnect(socket);
        if (result < 0)
            return result;
        if (!isStream)
            return DatagramSockets.Connect(socket, name);
        if (socket->Listening)
            return Errno.EISCONN;
        if (socket->Handle >= 0 && !socket->Connecting)
            return Errno.EISCONN;
        if (socket->Handle < 0)
        {
            result = SocketAddress.Resolve(socket, ref name);
            // Nobody can listen on port 0.
            if (result == 0 && name.Port == 0)
                result = Errno.ECONNREFUSED;
            if (result < 0)
                return result;
            int handle = Network.Stack->Connect(name.Address, name.Port, socket->LocalAddress, socket->LocalPort,
                Clock.Monotonic, reserved: FileRights.IsSuperuser, reuse: socket->ReuseAddress);
            if (handle < 0)
                return Sockets.ErrnoOf(handle);
            SocketTable.Attach(socket, handle);
            socket->Connecting = true;
            ApplyOptions(socket);
            if (file->NonBlocking)
                return Errno.EINPROGRESS;
        }
        else if (file->NonBlocking)
            return Outcome(socket, Errno.EALREADY);
        Files.Hold(file);
        ulong deadline = Sockets.Deadline(socket->SendTimeout);
        result = Outcome(socket, Errno.EINPROGRESS);
        while (result == Errno.EINPROGRESS)
        {
            long wait = Sockets.Wait(socket, PollEvents.All, deadline);
            if (wait == Errno.EINTR)
            {
                result = wait;
                break;
            }
            if (wait < 0)
                break;
            result = Outcome(socket, Errno.EINPROGRESS);
        }
        Files.Release(file);
        return result;
    }

    /// <summary>
    /// connect(2) with AF_UNSPEC: a datagram socket forgets its peer, a stream's connection is reset, and the socket
    /// may be used again.
    /// </summary>
    private static long Disconnect(Socket* socket)
    {
        if (socket->Kind != SocketKind.Stream)
        {
            DatagramSockets.Disconnect(socket);
            return 0;
        }
        if (socket->Listening)
            return StopListening(socket);
        Sockets.Leave(socket, abort: true);
        socket->Connecting = false;
        socket->ReadShut = false;
        if (!socket->PortGiven)
            socket->LocalPort = 0;
        socket->Bound = socket->PortGiven;
        Readiness.Changed(&socket->Queue, PollEvents.All);
        return 0;
    }

    // 0 when connected, -errno when that failed, `pending` while it is open.
    private static long Outcome(Socket* socket, long pending)
    {
        Network.Stack->GetInformation(socket->Handle, out ConnectionInformation information);
        if (information.State is TcpState.SynSent or TcpState.SynReceived)
            return pending;
        socket->Connecting = false;
        if (information.State != TcpState.Closed)
            return 0;
        int error = Network.Stack->TakeError(socket->Handle);
        Sockets.Leave(socket);
        // The error was told already, by SO_ERROR.
        return error < 0 ? Sockets.ErrnoOf(error) : Errno.ECONNABORTED;
    }

    public static long Sendto(ulong descriptor, ulong buffer, ulong length, ulong flags, UserPointer<byte> address,
        ulong addressLength)
    {
        long result = Get(descriptor, out File* file, out _);
        if (result < 0)
            return result;
        if (!UserRange.TryMake(buffer, length, out UserRange range))
            return Errno.EFAULT;
        Transfer from = Transfer.Of(range);
        return SendOne(file, ref from, flags, address, addressLength);
    }

    /// <param name="local">Of a datagram: our address that it comes from, or a wildcard.</param>
    private static long SendOne(File* file, ref Transfer from, ulong flags, UserPointer<byte> address,
        ulong addressLength, Address local = default)
    {
        Socket* socket = SocketFile.Of(file);
        bool wait = !file->NonBlocking && (flags & MessageFlags.DontWait) == 0;
        // There is no urgent data (RFC 6093 advises against it).
        if ((flags & MessageFlags.OutOfBand) != 0)
            return Errno.EOPNOTSUPP;
        long result = 0;
        if (socket->Kind != SocketKind.Stream)
        {
            SocketName name = default;
            if (!address.IsNull)
                result = SocketAddress.Read(socket, address, addressLength, out name, takesInet: true);
            // An IPv4 socket takes a name without a family as one of its own.
            if (!address.IsNull && socket->Family == SocketAddress.Inet)
                name.Family = SocketAddress.Inet;
            else if (result == Errno.EAFNOSUPPORT)
                result = Errno.EINVAL;
            return result < 0 ? result : DatagramSockets.Send(socket, ref from, name, local, wait);
        }
        Files.Hold(file);
        result = Sockets.Send(socket, ref from, wait, signal: (flags & MessageFlags.NoSignal) == 0,
            more: (flags & MessageFlags.More) != 0);
        Files.Release(file);
        return result;
    }

    public static long Recvfrom(ulong descriptor, ulong buffer, ulong length, ulong flags, UserPointer<byte> address,
        UserPointer<int> lengthAt)
    {
        long result = Get(descriptor, out File* file, out Socket* socket);
        if (result < 0)
            return result;
        if (!UserRange.TryMake(buffer, length, out UserRange range))
            return Errno.EFAULT;
        bool stream = socket->Kind == SocketKind.Stream;
        Transfer to = Transfer.Of(range);
        result = ReceiveOne(file, ref to, flags, out Endpoints from);
        // A stream names nobody: its length becomes 0 (tcp(7)).
        if (result < 0 || address.IsNull)
            return result;
        long told = stream
            ? TellNobody(lengthAt)
            : SocketAddress.Answer(socket, address, lengthAt, from.RemoteAddress, from.RemotePort);
        return told < 0 ? told : result;
    }

    /// <param name="skip">Bytes that an earlier piece of the same call has peeked at.</param>
    private static long ReceiveOne(File* file, ref Transfer to, ulong flags, out Endpoints from, int skip = 0)
    {
        from = default;
        Socket* socket = SocketFile.Of(file);
        bool stream = socket->Kind == SocketKind.Stream;
        if ((flags & MessageFlags.ErrorQueue) != 0)
            return Errno.EAGAIN;
        if ((flags & MessageFlags.OutOfBand) != 0 && stream)
            return Errno.EINVAL;
        Sockets.ReceiveFlags how = 0;
        if (!file->NonBlocking && (flags & MessageFlags.DontWait) == 0)
            how |= Sockets.ReceiveFlags.Wait;
        if ((flags & MessageFlags.Peek) != 0)
            how |= Sockets.ReceiveFlags.Peek;
        if ((flags & MessageFlags.Truncated) != 0)
            how |= Sockets.ReceiveFlags.Truncate;
        if ((flags & MessageFlags.WaitAll) != 0)
            how |= Sockets.ReceiveFlags.All;
        Files.Hold(file);
        long result = stream
            ? Sockets.Receive(socket, ref to, how, skip)
            : DatagramSockets.Receive(socket, ref to, how, out from);
        Files.Release(file);
        return result;
    }

    public static long Shutdown(ulong descriptor, ulong how)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if ((uint)how > 2)
            return Errno.EINVAL;
        bool stream = socket->Kind == SocketKind.Stream;
        if (socket->Handle < 0 || !stream && !DatagramSockets.IsConnected(socket))
            return Errno.ENOTCONN;
        if (socket->Listening)
            return how == 1 ? 0 : StopListening(socket);
        if (how is 0 or 2)
        {
            socket->ReadShut = true;
            Readiness.Changed(&socket->Queue, PollEvents.All);
        }
        socket->WriteShut |= !stream && how != 0;
        return how == 0 || !stream ? 0 : Sockets.ErrnoOf(Network.Stack->Shutdown(socket->Handle, Clock.Monotonic));
    }

    /// <summary>
    /// It keeps the port that it was given and may listen again; whoever waits for a connection is told.
    /// </summary>
    private static long StopListening(Socket* socket)
    {
        socket->Listening = false;
        Sockets.Leave(socket);
        if (!socket->PortGiven)
            socket->LocalPort = 0;
        socket->Bound = socket->PortGiven;
        Readiness.Changed(&socket->Queue, PollEvents.All);
        return 0;
    }

    /// <summary>A length of 0, for what a stream says of who has sent. EFAULT, EINVAL.</summary>
    private static long TellNobody(UserPointer<int> lengthAt)
    {
        if (!lengthAt.TryGet(out int length))
            return Errno.EFAULT;
        return length < 0 ? Errno.EINVAL : lengthAt.Put(0);
    }

    public static long Getsockname(ulong descriptor, UserPointer<byte> address, UserPointer<int> lengthAt)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        Endpoints endpoints = default;
        if (socket->Handle >= 0)
            Network.Stack->GetEndpoints(socket->Handle, out endpoints);
        else
        {
            endpoints.LocalAddress = socket->LocalAddress;
            endpoints.LocalPort = socket->LocalPort;
        }
        return SocketAddress.Answer(socket, address, lengthAt, endpoints.LocalAddress, endpoints.LocalPort);
    }

    public static long Getpeername(ulong descriptor, UserPointer<byte> address, UserPointer<int> lengthAt)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if (socket->Handle < 0 || socket->Listening)
            return Errno.ENOTCONN;
        Network.Stack->GetEndpoints(socket->Handle, out Endpoints endpoints);
        // Linux takes a peer's port for whether there is one.
        return endpoints.RemoteAddress.IsUnspecified || endpoints.RemotePort == 0
            ? Errno.ENOTCONN
            : SocketAddress.Answer(socket, address, lengthAt, endpoints.RemoteAddress, endpoints.RemotePort);
    }

    private static long Get(ulong descriptor, out File* file, out Socket* socket)
    {
        socket = null;
        file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if (!SocketFile.Is(file))
            return Errno.ENOTSOCK;
        socket = SocketFile.Of(file);
        return 0;
    }

    private static long Install(Socket* socket, CallFlags flags)
    {
        uint open = OpenFlags.RDWR | (flags.Has(FlagNonBlocking) ? OpenFlags.NONBLOCK : 0);
        long descriptor = SocketDescriptors.Install(socket, open, flags.Has(FlagCloseOnExec));
        if (descriptor < 0)
            Sockets.Free(socket);
        return descriptor;
    }
}
