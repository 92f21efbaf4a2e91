using System;
using Netstack;

namespace Guestos;

/// <summary>
/// setsockopt(2) and getsockopt(2) (socket(7), tcp(7), ip(7)). What is set is kept, for connections that are still to
/// come and for those who ask. An option that would have no effect is refused with ENOPROTOOPT, as unknown ones are;
/// buffer sizes, priority and type of service are taken as the hints that they are.
/// </summary>
public static unsafe partial class SocketCalls
{
    private const ulong LevelIp = 0;
    private const ulong LevelSocket = 1;
    private const ulong LevelTcp = 6;

    // include/uapi/linux/tcp.h
    private const ulong NoDelay = 1;
    private const ulong SegmentSize = 2;
    private const ulong Cork = 3;
    private const ulong KeepIdle = 4;
    private const ulong KeepInterval = 5;
    private const ulong KeepCount = 6;
    private const ulong QuickAcknowledgement = 12;
    private const ulong CongestionControl = 13;
    private const ulong UserTimeout = 18;

    // include/uapi/linux/in.h
    private const ulong TypeOfService = 1;
    private const ulong TimeToLive = 2;
    private const ulong PacketInformation = 8;
    private const ulong PathMtuDiscovery = 10;
    private const int DefaultTimeToLive = 64;
    private const int MaxPathMtu = 5;

    // Linux's bounds of SO_SNDBUF and SO_RCVBUF: it doubles what it is told.
    private const int MinSendBuffer = 4608;
    private const int MinReceiveBuffer = 2304;
    private const int MaxBuffer = 212992;

    public static long Setsockopt(ulong descriptor, ulong level, ulong name, ulong value, ulong length)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if ((int)length < 0 || (uint)length < sizeof(int))
            return Errno.EINVAL;
        if (level == LevelTcp && name == CongestionControl && socket->Kind == SocketKind.Stream)
            return SetCongestionControl(value, (uint)length);
        // Options of IPv6 take no value for 0.
        int number = 0;
        if ((level != LevelIp6 || value != 0) && !((UserPointer<int>)value).TryGet(out number))
            return Errno.EFAULT;
        return level switch
        {
            LevelSocket when name == SocketOptions.ReceiveTimeout =>
                SocketOptions.ReadTimeout(value, length, ref socket->ReceiveTimeout),
            LevelSocket when name == SocketOptions.SendTimeout =>
                SocketOptions.ReadTimeout(value, length, ref socket->SendTimeout),
            LevelSocket when name == SocketOptions.Linger => SetLinger(socket, value, length),
            LevelSocket => SetSocketOption(socket, name, number),
            LevelTcp when socket->Kind == SocketKind.Stream => SetTcpOption(socket, name, number),
            LevelIp => SetIpOption(socket, name, number),
            LevelIp6 when socket->Family == SocketAddress.Inet6 => SetIp6Option(socket, name, number),
            _ => Errno.ENOPROTOOPT,
        };
    }

    /// <summary>TCP_CA_NAME_MAX.</summary>
    private const int MaxAlgorithmName = 16;

    /// <summary>The algorithm of the stack (RFC 9438), which is all that may be chosen.</summary>
    private static ReadOnlySpan<byte> Algorithm => "cubic"u8;

    /// <summary>TCP_CONGESTION: 0, or ENOENT for any other.</summary>
    private static long SetCongestionControl(UserPointer<byte> value, uint length)
    {
        Span<byte> name = stackalloc byte[MaxAlgorithmName];
        name = name.Slice(0, (int)Math.Min(length, MaxAlgorithmName - 1));
        if (!value.TryGetAll(name))
            return Errno.EFAULT;
        int end = name.IndexOf((byte)0);
        if (end >= 0)
            name = name.Slice(0, end);
        return name.SequenceEqual(Algorithm) ? 0 : Errno.ENOENT;
    }

    private static long SetLinger(Socket* socket, UserPointer<SocketOptions.LingerOption> value, ulong length)
    {
        if ((uint)length < 2 * sizeof(int))
            return Errno.EINVAL;
        if (!value.TryGet(out SocketOptions.LingerOption linger))
            return Errno.EFAULT;
        socket->LingerOn = linger.On != 0;
        if (linger.On != 0)
            socket->LingerSeconds = linger.Seconds;
        return 0;
    }

    private static long SetSocketOption(Socket* socket, ulong name, int number)
    {
        switch (name)
        {
            case SocketOptions.ReuseAddress:
                socket->ReuseAddress = number != 0;
                return 0;
            case SocketOptions.ReusePort:
                socket->ReusePort = number != 0;
                return 0;
            case SocketOptions.Broadcast:
                socket->Broadcast = number != 0;
                return 0;
            case SocketOptions.SendBuffer:
                socket->SendBuffer = Math.Max(2 * Math.Clamp(number, 0, MaxBuffer), MinSendBuffer);
                return 0;
            case SocketOptions.ReceiveBuffer:
                socket->ReceiveBuffer = Math.Max(2 * Math.Clamp(number, 0, MaxBuffer), MinReceiveBuffer);
                return 0;
            case SocketOptions.KeepAlive:
                socket->KeepAlive = number != 0;
                ApplyOptions(socket);
                return 0;
            case SocketOptions.InlineUrgent:
                return 0;   // it always is
            case SocketOptions.Priority:
                socket->Priority = number;
                return 0;
            case SocketOptions.ForceSendBuffer or SocketOptions.ForceReceiveBuffer
                when !Permissions.Has(Capability.NET_ADMIN):
                return Errno.EPERM;
            case SocketOptions.ForceSendBuffer:
                socket->SendBuffer = Math.Max(2 * Math.Clamp(number, 0, int.MaxValue / 2), MinSendBuffer);
                return 0;
            case SocketOptions.ForceReceiveBuffer:
                socket->ReceiveBuffer = Math.Max(2 * Math.Clamp(number, 0, int.MaxValue / 2), MinReceiveBuffer);
                return 0;
            case SocketOptions.DetachFilter:
                return Errno.ENOENT;    // there is none
            default:
                return Errno.ENOPROTOOPT;
        }
    }

    private static long SetTcpOption(Socket* socket, ulong name, int number)
    {
        const int maxSeconds = 32767;
        const int maxProbes = 127;
        switch (name)
        {
            case NoDelay:
                socket->NoDelay = number != 0;
                break;
            case Cork:
                socket->Corked = number != 0;
                break;
            case KeepIdle when number is >= 1 and <= maxSeconds:
                socket->KeepAliveIdle = number;
                break;
            case KeepInterval when number is >= 1 and <= maxSeconds:
                socket->KeepAliveInterval = number;
                break;
            case KeepCount when number is >= 1 and <= maxProbes:
                socket->KeepAliveCount = number;
                break;
            case UserTimeout when number >= 0:
                socket->UserTimeout = number;
                break;
            case KeepIdle or KeepInterval or KeepCount or UserTimeout:
                return Errno.EINVAL;
            case QuickAcknowledgement:
                return 0;   // a hint
            default:
                return Errno.ENOPROTOOPT;
        }
        ApplyOptions(socket);
        return 0;
    }

    private static long SetIpOption(Socket* socket, ulong name, int number)
    {
        switch (name)
        {
            case TypeOfService:
                socket->TypeOfService = number & 0xff;
                return 0;
            case TimeToLive when number == DefaultTimeToLive || number == -1:
                return 0;
            case PathMtuDiscovery when number is < 0 or > MaxPathMtu:
                return Errno.EINVAL;
            case PathMtuDiscovery:
                socket->PathMtu = (byte)number;
                return 0;
            case PacketInformation:
                socket->TellsDestination = number != 0;
                return 0;
            default:
                return Errno.ENOPROTOOPT;
        }
    }

    public static long Getsockopt(ulong descriptor, ulong level, ulong name, UserPointer<byte> value,
        UserPointer<int> lengthAt)
    {
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        if (!lengthAt.TryGet(out int room))
            return Errno.EFAULT;
        if (room < 0)
            return Errno.EINVAL;
        // Linux answers so for levels that the protocol does not have, other than in setting.
        bool isKnown = level switch
        {
            LevelSocket or LevelIp => true,
            LevelTcp => socket->Kind == SocketKind.Stream,
            LevelIp6 => socket->Family == SocketAddress.Inet6,
            _ => false,
        };
        if (!isKnown)
            return Errno.EOPNOTSUPP;
        if (level == LevelIp6 && name == Mtu6 && !IsConnected(socket))
            return Errno.ENOTCONN;
        long* answer = stackalloc long[2];
        int length = Read(socket, level, name, answer);
        if (length == 0)
            return Errno.ENOPROTOOPT;
        length = Math.Min(length, room);
        // SAFETY: the answer has at least that many bytes.
        return value.TryPutAll(new ReadOnlySpan<byte>(answer, length)) && lengthAt.TryPut(length) ? 0 : Errno.EFAULT;
    }

    /// <summary>The length of the answer, at most 16 bytes, or 0 for an option that is not known.</summary>
    private static int Read(Socket* socket, ulong level, ulong name, long* answer)
    {
        int* pair = (int*)answer;
        switch (level, name)
        {
            case (LevelSocket, SocketOptions.Linger):
                pair[0] = socket->LingerOn ? 1 : 0;
                pair[1] = socket->LingerSeconds;
                return 2 * sizeof(int);
            case (LevelTcp, CongestionControl) when socket->Kind == SocketKind.Stream:
                var text = new Span<byte>(answer, MaxAlgorithmName);
                text.Clear();
                Algorithm.CopyTo(text);
                return MaxAlgorithmName;
            case (LevelSocket, SocketOptions.ReceiveTimeout) or (LevelSocket, SocketOptions.SendTimeout):
                ulong timeout = name == SocketOptions.ReceiveTimeout ? socket->ReceiveTimeout : socket->SendTimeout;
                answer[0] = (long)(timeout / 1_000_000_000);
                answer[1] = (long)(timeout % 1_000_000_000 / 1000);
                return 2 * sizeof(long);
        }
        bool known = level switch
        {
            LevelSocket => ReadSocketOption(socket, name, out *pair),
            LevelTcp when socket->Kind == SocketKind.Stream => ReadTcpOption(socket, name, out *pair),
            LevelIp => ReadIpOption(socket, name, out *pair),
            LevelIp6 => ReadIp6Option(socket, name, out *pair),
            _ => false,
        };
        return known ? sizeof(int) : 0;
    }

    private static bool ReadSocketOption(Socket* socket, ulong name, out int number)
    {
        number = name switch
        {
            SocketOptions.ReuseAddress => socket->ReuseAddress ? 1 : 0,
            SocketOptions.ReusePort => socket->ReusePort ? 1 : 0,
            SocketOptions.Type => (int)TypeOf(socket->Kind),
            SocketOptions.Error when socket->Handle < 0 => 0,
            SocketOptions.Error => (int)-Sockets.ErrnoOf(Network.Stack->TakeError(socket->Handle)),
            SocketOptions.Broadcast => socket->Broadcast ? 1 : 0,
            SocketOptions.SendBuffer => socket->SendBuffer != 0 ? socket->SendBuffer : RingPool.Size,
            SocketOptions.ReceiveBuffer => socket->ReceiveBuffer != 0 ? socket->ReceiveBuffer : RingPool.Size,
            SocketOptions.KeepAlive => socket->KeepAlive ? 1 : 0,
            SocketOptions.InlineUrgent => 0,
            SocketOptions.Priority => socket->Priority,
            SocketOptions.Accepting => socket->Listening ? 1 : 0,
            SocketOptions.Protocol => (int)ProtocolOf(socket->Kind),
            SocketOptions.Domain => socket->Family,
            _ => -1,
        };
        return number >= 0 || name == SocketOptions.Priority;
    }

    private static ulong TypeOf(SocketKind kind) => kind switch
    {
        SocketKind.Stream => TypeStream,
        SocketKind.RawEcho => TypeRaw,
        _ => TypeDatagram,
    };

    private static ulong ProtocolOf(SocketKind kind) => kind switch
    {
        SocketKind.Stream => ProtocolTcp,
        SocketKind.Datagram => ProtocolUdp,
        _ => ProtocolIcmp,
    };

    private static bool ReadTcpOption(Socket* socket, ulong name, out int number)
    {
        const int idle = 7200;
        const int interval = 75;
        const int probes = 9;
        number = name switch
        {
            NoDelay => socket->NoDelay ? 1 : 0,
            SegmentSize => SegmentSizeOf(socket),
            Cork => socket->Corked ? 1 : 0,
            KeepIdle => socket->KeepAliveIdle != 0 ? socket->KeepAliveIdle : idle,
            KeepInterval => socket->KeepAliveInterval != 0 ? socket->KeepAliveInterval : interval,
            KeepCount => socket->KeepAliveCount != 0 ? socket->KeepAliveCount : probes,
            QuickAcknowledgement => 1,
            UserTimeout => socket->UserTimeout,
            _ => -1,
        };
        return number >= 0;
    }

    private static int SegmentSizeOf(Socket* socket)
    {
        const int unknown = 536;
        return socket->Handle >= 0 && !socket->Listening
            && Network.Stack->GetInformation(socket->Handle, out ConnectionInformation information) == 0
            ? information.MaximumSegmentSize : unknown;
    }

    private static bool ReadIpOption(Socket* socket, ulong name, out int number)
    {
        number = name switch
        {
            TypeOfService => socket->TypeOfService,
            TimeToLive => DefaultTimeToLive,
            PathMtuDiscovery => socket->PathMtu,
            PacketInformation => socket->TellsDestination ? 1 : 0,
            _ => -1,
        };
        return number >= 0;
    }

    /// <summary>A connection has the options of the listener that it came through.</summary>
    private static void InheritOptions(Socket* accepted, Socket* listener)
    {
        accepted->Only6 = listener->Only6;
        accepted->LocalAddress = accepted->Wildcard;
        accepted->TrafficClass6 = listener->TrafficClass6;
        accepted->UnicastHops6 = listener->UnicastHops6;
        accepted->NoDelay = listener->NoDelay;
        accepted->KeepAlive = listener->KeepAlive;
        accepted->ReuseAddress = listener->ReuseAddress;
        accepted->ReusePort = listener->ReusePort;
        accepted->LingerOn = listener->LingerOn;
        accepted->LingerSeconds = listener->LingerSeconds;
        accepted->Priority = listener->Priority;
        accepted->TypeOfService = listener->TypeOfService;
        accepted->SendBuffer = listener->SendBuffer;
        accepted->ReceiveBuffer = listener->ReceiveBuffer;
        accepted->KeepAliveIdle = listener->KeepAliveIdle;
        accepted->KeepAliveInterval = listener->KeepAliveInterval;
        accepted->KeepAliveCount = listener->KeepAliveCount;
        accepted->UserTimeout = listener->UserTimeout;
        accepted->ReceiveTimeout = listener->ReceiveTimeout;
        accepted->SendTimeout = listener->SendTimeout;
    }

    /// <summary>Tells the stack of those that it acts by.</summary>
    private static void ApplyOptions(Socket* socket)
    {
        if (socket->Handle < 0 || socket->Listening || socket->Kind != SocketKind.Stream)
            return;
        Set(socket, SocketOption.NoDelay, socket->NoDelay ? 1 : 0);
        if (socket->KeepAliveIdle != 0)
            Set(socket, SocketOption.KeepAliveIdle, socket->KeepAliveIdle * 1000);
        if (socket->KeepAliveInterval != 0)
            Set(socket, SocketOption.KeepAliveInterval, socket->KeepAliveInterval * 1000);
        if (socket->KeepAliveCount != 0)
            Set(socket, SocketOption.KeepAliveCount, socket->KeepAliveCount);
        Set(socket, SocketOption.KeepAlive, socket->KeepAlive ? 1 : 0);
        Set(socket, SocketOption.UserTimeout, socket->UserTimeout);
        Network.Stack->Cork(socket->Handle, socket->Corked, Clock.Monotonic);
    }

    private static void Set(Socket* socket, SocketOption option, int value) =>
        Network.Stack->SetOption(socket->Handle, option, value, Clock.Monotonic);
}
