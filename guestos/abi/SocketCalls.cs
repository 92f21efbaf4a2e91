using Netstack;

namespace Guestos;

/// <summary>
/// System calls on sockets (socket(2), ip(7), tcp(7), udp(7), icmp(7)): IPv4 streams, datagrams and ICMP Echo. Other families are refused
/// with EAFNOSUPPORT, at which programs fall back to IPv4.
/// </summary>
public static unsafe partial class SocketCalls
{
    private const ulong FamilyInet = 2;
    private const ulong TypeStream = 1, TypeDatagram = 2, TypeRaw = 3, TypeMask = 0xf;
    private const ulong FlagNonBlocking = 0x800, FlagCloseOnExec = 0x80000;
    private const ulong ProtocolIcmp = 1, ProtocolTcp = 6, ProtocolUdp = 17;
    private const ulong Peek = 0x2, WaitAll = 0x100, DontWait = 0x40, NoSignal = 0x4000;

    public static long Socket(ulong family, ulong type, ulong protocol)
    {
        if (family != FamilyInet)
            return Errno.AddressFamilyNotSupported;
        SocketKind kind;
        switch (type & TypeMask)
        {
            case TypeStream when protocol is 0 or ProtocolTcp:
                kind = SocketKind.Stream;
                break;
            case TypeDatagram when protocol is 0 or ProtocolUdp:
                kind = SocketKind.Datagram;
                break;
            case TypeDatagram when protocol == ProtocolIcmp:
                kind = SocketKind.Echo;
                break;
            case TypeRaw when protocol == ProtocolIcmp:
                kind = SocketKind.RawEcho;
                break;
            case TypeStream or TypeDatagram or TypeRaw:
                return Errno.ProtocolNotSupported;
            default:
                return Errno.SocketTypeNotSupported;
        }
        Socket* socket = Sockets.Allocate(kind);
        return socket == null ? Errno.NoBuffers : Install(socket, type);
    }

    public static long Bind(ulong descriptor, ulong address, ulong length)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        result = SocketAddress.Read(address, length, out uint local, out ushort port);
        if (result < 0)
            return result;
        if (socket->Bound || socket->Handle >= 0)
            return Errno.Invalid;
        if (local != 0 && !Network.Stack->IsLocal(local))
            return Errno.AddressNotAvailable;
        socket->LocalAddress = local;
        socket->LocalPort = port;
        socket->Bound = true;
        return socket->Kind == SocketKind.Stream ? 0 : DatagramSockets.Open(socket);
    }

    public static long Listen(ulong descriptor, ulong backlog)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if (socket->Kind != SocketKind.Stream)
            return Errno.NotSupported;
        if (socket->Listening)
            return 0;
        if (socket->Handle >= 0)
            return Errno.Invalid;
        // listen(2): as unsigned, at most somaxconn, and one more than it says may wait.
        int most = (int)System.Math.Min((uint)backlog, Stack.MostBacklog - 1) + 1;
        bool reserved = socket->LocalPort == Network.CommandPort;
        int handle = Network.Stack->Listen(socket->LocalAddress, socket->LocalPort, most, reserved, socket->ReuseAddress);
        if (handle < 0)
            return Sockets.ErrnoOf(handle);
        Sockets.Attach(socket, handle);
        socket->Listening = true;
        return 0;
    }

    public static long Accept(ulong descriptor, ulong address, ulong lengthAt) => Accept4(descriptor, address, lengthAt, 0);

    public static long Accept4(ulong descriptor, ulong address, ulong lengthAt, ulong flags)
    {
        long result = Get(descriptor, out File* file, out Socket* socket);
        if (result < 0)
            return result;
        if (!socket->Listening)
            return socket->Kind == SocketKind.Stream ? Errno.Invalid : Errno.NotSupported;
        // The file is held while sleeping: another thread may close the descriptor.
        Files.Hold(file);
        result = AcceptOne(file, socket, address, lengthAt, flags);
        SocketDescriptors.Release(file);
        return result;
    }

    private static long AcceptOne(File* file, Socket* socket, ulong address, ulong lengthAt, ulong flags)
    {
        ulong deadline = Sockets.Deadline(socket->ReceiveTimeout);
        int handle;
        while ((handle = Network.Stack->Accept(socket->Handle)) == SocketError.WouldBlock)
        {
            if (file->NonBlocking)
                return Errno.TryAgain;
            long result = Sockets.Wait(socket, deadline);
            if (result < 0)
                return result;
        }
        if (handle < 0)
            return Sockets.ErrnoOf(handle);
        Socket* accepted = Sockets.Allocate(SocketKind.Stream);
        if (accepted == null)
        {
            Network.Stack->Abort(handle, Clock.Monotonic);
            return Errno.TooManyFiles;
        }
        Sockets.Attach(accepted, handle);
        accepted->NoDelay = socket->NoDelay;
        ApplyOptions(accepted);
        Network.Stack->GetEndpoints(handle, out Endpoints endpoints);
        long told = SocketAddress.Answer(address, lengthAt, endpoints.RemoteAddress, endpoints.RemotePort);
        if (told < 0)
        {
            Sockets.Free(accepted);
            return told;
        }
        return Install(accepted, flags);
    }

    public static long Connect(ulong descriptor, ulong address, ulong length)
    {
        long result = Get(descriptor, out File* file, out Socket* socket);
        if (result < 0)
            return result;
        result = SocketAddress.Read(address, length, out uint remote, out ushort port);
        if (result < 0)
            return result;
        if (socket->Kind != SocketKind.Stream)
        {
            result = DatagramSockets.Open(socket);
            return result < 0 ? result : Sockets.ErrnoOf(Network.Stack->ConnectDatagram(socket->Handle, remote, port));
        }
        if (socket->Listening)
            return Errno.IsConnected;
        if (socket->Handle >= 0 && !socket->Connecting)
            return Errno.IsConnected;
        if (socket->Handle < 0)
        {
            // 0.0.0.0 as a destination is this host (RFC 1122 §3.2.1.3 has it as a source only; Linux connects to itself).
            int handle = Network.Stack->Connect(remote == 0 ? 0x7f000001 : remote, port, socket->LocalAddress, socket->LocalPort,
                Clock.Monotonic, reserved: Scheduler.Current->EffectiveUserId == 0, reuse: socket->ReuseAddress);
            if (handle < 0)
                return Sockets.ErrnoOf(handle);
            Sockets.Attach(socket, handle);
            socket->Connecting = true;
            ApplyOptions(socket);
            if (file->NonBlocking)
                return Errno.InProgress;
        }
        else if (file->NonBlocking)
            return Outcome(socket, Errno.Already);
        Files.Hold(file);
        ulong deadline = Sockets.Deadline(socket->SendTimeout);
        while ((result = Outcome(socket, Errno.InProgress)) == Errno.InProgress)
        {
            long wait = Sockets.Wait(socket, deadline);
            if (wait == Errno.Interrupted)
            {
                result = wait;
                break;
            }
            if (wait < 0)
                break;
        }
        SocketDescriptors.Release(file);
        return result;
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
        return error < 0 ? Sockets.ErrnoOf(error) : Errno.ConnectionRefused;
    }

    public static long SendTo(ulong descriptor, ulong buffer, ulong length, ulong flags, ulong address, ulong addressLength)
    {
        Transfer from = Transfer.User(buffer, length);
        return SendOne(descriptor, ref from, flags, address, addressLength);
    }

    private static long SendOne(ulong descriptor, ref Transfer from, ulong flags, ulong address, ulong addressLength)
    {
        long result = Get(descriptor, out File* file, out Socket* socket);
        if (result < 0)
            return result;
        bool wait = !file->NonBlocking && (flags & DontWait) == 0;
        if (socket->Kind != SocketKind.Stream)
        {
            uint remote = 0;
            ushort port = 0;
            if (address != 0)
                result = SocketAddress.Read(address, addressLength, out remote, out port);
            return result < 0 ? result : DatagramSockets.Send(socket, ref from, remote, port, wait);
        }
        Files.Hold(file);
        result = Sockets.Send(socket, ref from, wait, signal: (flags & NoSignal) == 0);
        SocketDescriptors.Release(file);
        return result;
    }

    public static long ReceiveFrom(ulong descriptor, ulong buffer, ulong length, ulong flags, ulong address, ulong lengthAt)
    {
        Transfer to = Transfer.User(buffer, length);
        long result = ReceiveOne(descriptor, ref to, flags, out Endpoints from);
        if (result < 0 || address == 0)
            return result;
        long told = SocketAddress.Answer(address, lengthAt, from.RemoteAddress, from.RemotePort);
        return told < 0 ? told : result;
    }

    private static long ReceiveOne(ulong descriptor, ref Transfer to, ulong flags, out Endpoints from)
    {
        from = default;
        long result = Get(descriptor, out File* file, out Socket* socket);
        if (result < 0)
            return result;
        bool wait = !file->NonBlocking && (flags & DontWait) == 0;
        Files.Hold(file);
        if (socket->Kind != SocketKind.Stream)
            result = DatagramSockets.Receive(socket, ref to, wait, out from);
        else
        {
            if (socket->Handle >= 0)
                Network.Stack->GetEndpoints(socket->Handle, out from);
            long total = 0;
            do
            {
                result = Sockets.Receive(socket, ref to, wait, (flags & Peek) != 0);
                if (result > 0)
                    total += result;
            }
            while (result > 0 && to.Count > 0 && (flags & WaitAll) != 0 && (flags & Peek) == 0);
            if (total > 0)
                result = total;
        }
        SocketDescriptors.Release(file);
        return result;
    }

    public static long Shutdown(ulong descriptor, ulong how)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if (how > 2)
            return Errno.Invalid;
        if (socket->Handle < 0)
            return Errno.NotConnected;
        if (how is 0 or 2)
        {
            socket->ReadShut = true;
            Sockets.Changed(socket->Handle, Netstack.Readiness.None);
        }
        return how == 0 || socket->Kind != SocketKind.Stream ? 0 : Sockets.ErrnoOf(Network.Stack->Shutdown(socket->Handle, Clock.Monotonic));
    }

    public static long GetSocketName(ulong descriptor, ulong address, ulong lengthAt)
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
        return SocketAddress.Answer(address, lengthAt, endpoints.LocalAddress, endpoints.LocalPort);
    }

    public static long GetPeerName(ulong descriptor, ulong address, ulong lengthAt)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if (socket->Handle < 0 || socket->Listening)
            return Errno.NotConnected;
        Network.Stack->GetEndpoints(socket->Handle, out Endpoints endpoints);
        return endpoints.RemoteAddress == 0 ? Errno.NotConnected : SocketAddress.Answer(address, lengthAt, endpoints.RemoteAddress, endpoints.RemotePort);
    }

    private const ulong LevelSocket = 1, LevelTcp = 6;

    public static long SetOption(ulong descriptor, ulong level, ulong name, ulong value, ulong length)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if (length < 4 || !UserMemory.Readable(value, length))
            return length < 4 ? Errno.Invalid : Errno.Fault;
        // SAFETY: made readable above.
        int number = *(int*)value;
        switch (level, name)
        {
            case (LevelSocket, 9): // SO_KEEPALIVE
                socket->KeepAlive = number != 0;
                ApplyOptions(socket);
                return 0;
            case (LevelSocket, 20) or (LevelSocket, 21): // SO_RCVTIMEO, SO_SNDTIMEO: struct timeval
                if (length < 16)
                    return Errno.Invalid;
                ulong timeout = ((ulong*)value)[0] * 1_000_000_000 + ((ulong*)value)[1] * 1000;
                if (name == 20)
                    socket->ReceiveTimeout = timeout;
                else
                    socket->SendTimeout = timeout;
                return 0;
            case (LevelTcp, 1): // TCP_NODELAY
                socket->NoDelay = number != 0;
                ApplyOptions(socket);
                return 0;
            case (LevelTcp, 3) when socket->Handle >= 0: // TCP_CORK
                return Sockets.ErrnoOf(Network.Stack->Cork(socket->Handle, number != 0, Clock.Monotonic));
            case (LevelTcp, 4) when socket->Handle >= 0: // TCP_KEEPIDLE, seconds
                return Sockets.ErrnoOf(Network.Stack->SetOption(socket->Handle, SocketOption.KeepAliveIdle, number * 1000, Clock.Monotonic));
            case (LevelTcp, 5) when socket->Handle >= 0: // TCP_KEEPINTVL
                return Sockets.ErrnoOf(Network.Stack->SetOption(socket->Handle, SocketOption.KeepAliveInterval, number * 1000, Clock.Monotonic));
            case (LevelTcp, 6) when socket->Handle >= 0: // TCP_KEEPCNT
                return Sockets.ErrnoOf(Network.Stack->SetOption(socket->Handle, SocketOption.KeepAliveCount, number, Clock.Monotonic));
            default:
                // Buffer sizes, address reuse, priorities, lingering: hints that the stack's fixed tables make moot.
                return level is LevelSocket or LevelTcp or 0 ? 0 : Errno.NoProtocolOption;
        }
    }

    public static long GetOption(ulong descriptor, ulong level, ulong name, ulong value, ulong lengthAt)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if (!UserMemory.Writable(lengthAt, 4))
            return Errno.Fault;
        int answer;
        switch (level, name)
        {
            case (LevelSocket, 3): // SO_TYPE
                answer = socket->Kind == SocketKind.Stream ? 1 : 2;
                break;
            case (LevelSocket, 4): // SO_ERROR
                answer = socket->Handle < 0 ? 0 : (int)-Sockets.ErrnoOf(Network.Stack->TakeError(socket->Handle));
                break;
            case (LevelSocket, 7) or (LevelSocket, 8): // SO_SNDBUF, SO_RCVBUF
                answer = 32 * 1024;
                break;
            case (LevelSocket, 30): // SO_ACCEPTCONN
                answer = socket->Listening ? 1 : 0;
                break;
            case (LevelTcp, 1):
                answer = socket->NoDelay ? 1 : 0;
                break;
            case (LevelTcp, 2): // TCP_MAXSEG
                answer = 1460;
                break;
            default:
                answer = 0;
                break;
        }
        // SAFETY: both were made writable.
        if (*(uint*)lengthAt < 4)
            return Errno.Invalid;
        if (!UserMemory.Writable(value, 4))
            return Errno.Fault;
        *(int*)value = answer;
        *(uint*)lengthAt = 4;
        return 0;
    }

    private static void ApplyOptions(Socket* socket)
    {
        if (socket->Handle < 0 || socket->Listening || socket->Kind != SocketKind.Stream)
            return;
        Network.Stack->SetOption(socket->Handle, SocketOption.NoDelay, socket->NoDelay ? 1 : 0, Clock.Monotonic);
        Network.Stack->SetOption(socket->Handle, SocketOption.KeepAlive, socket->KeepAlive ? 1 : 0, Clock.Monotonic);
    }

    private static long Get(ulong descriptor, out File* file, out Socket* socket)
    {
        socket = null;
        file = SocketDescriptors.Get((int)descriptor);
        if (file == null)
            return Errno.BadDescriptor;
        if (file->Kind != FileKind.Socket)
            return Errno.NotSocket;
        socket = SocketFile.Of(file);
        return 0;
    }

    private static long Install(Socket* socket, ulong flags)
    {
        uint open = OpenFlags.ReadWrite | ((flags & FlagNonBlocking) != 0 ? OpenFlags.NonBlocking : 0);
        long descriptor = SocketDescriptors.Install(socket, open, (flags & FlagCloseOnExec) != 0);
        if (descriptor < 0)
            Sockets.Free(socket);
        return descriptor;
    }
}
