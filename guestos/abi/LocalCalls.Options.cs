using System;

namespace Guestos;

/// <summary>
/// setsockopt(2) and getsockopt(2) on local sockets (socket(7), unix(7)). What has no meaning for them is accepted, as
/// on Linux, and reads as nothing.
/// </summary>
public static unsafe partial class LocalCalls
{
    private const uint LevelSocket = 1;
    private const int MinSendBuffer = 4608;
    private const int MinReceiveBuffer = 2304;

    public static long Setsockopt(ulong descriptor, ulong level, ulong name, ulong value, ulong length)
    {
        long error = Get(descriptor, out _, out LocalSocket* socket);
        if (error < 0)
            return error;
        if ((uint)level != LevelSocket)
            return Errno.EOPNOTSUPP;
        if ((int)length < sizeof(int))
            return Errno.EINVAL;
        if (!((UserPointer<int>)value).TryGet(out int number))
            return Errno.EFAULT;
        int buffer = 2 * Math.Clamp(number, 0, LocalSocket.DefaultBuffer);
        switch ((uint)name)
        {
            case SocketOptions.SendBuffer:
                socket->SendBuffer = Math.Max(buffer, MinSendBuffer);
                return 0;
            case SocketOptions.ReceiveBuffer:
                socket->ReceiveBuffer = Math.Max(buffer, MinReceiveBuffer);
                return 0;
            case SocketOptions.PassCredentials:
                socket->PassesCredentials = number != 0;
                return 0;
            case SocketOptions.ReceiveTimeout:
                return SocketOptions.ReadTimeout(value, length, ref socket->ReceiveTimeout);
            case SocketOptions.SendTimeout:
                return SocketOptions.ReadTimeout(value, length, ref socket->SendTimeout);
            case SocketOptions.ReceiveLow:
                int least = number < 0 ? int.MaxValue : number;
                socket->LeastToReceive = Math.Max(least, 1);
                return 0;
            case SocketOptions.Linger:
                return SetLinger(socket, value, length);
            case SocketOptions.DetachFilter:
                return Errno.ENOENT;    // there is none
            default:
                return Keep(socket, (uint)name, number);
        }
    }

    /// <summary>Options without a meaning here.</summary>
    private static long Keep(LocalSocket* socket, uint name, int number)
    {
        switch (name)
        {
            case SocketOptions.ReuseAddress:
                socket->ReusesAddress = number != 0;
                return 0;
            case SocketOptions.Broadcast:
                socket->Broadcasts = number != 0;
                return 0;
            case SocketOptions.KeepAlive:
                socket->KeepsAlive = number != 0;
                return 0;
            case SocketOptions.NoCheck:
                socket->HasNoChecksum = number != 0;
                return 0;
            case SocketOptions.Priority:
                socket->Priority = number;
                return 0;
            default:
                return Errno.ENOPROTOOPT;
        }
    }

    /// <summary>struct linger. EINVAL, EFAULT.</summary>
    private static long SetLinger(LocalSocket* socket, UserPointer<SocketOptions.LingerOption> value, ulong length)
    {
        if ((uint)length < sizeof(SocketOptions.LingerOption))
            return Errno.EINVAL;
        if (!value.TryGet(out SocketOptions.LingerOption linger))
            return Errno.EFAULT;
        socket->Lingers = linger.On != 0;
        if (linger.On != 0)
            socket->LingerSeconds = linger.Seconds;
        return 0;
    }

    public static long Getsockopt(ulong descriptor, ulong level, ulong name, UserPointer<byte> value,
        UserPointer<int> lengthAt)
    {
        long error = Get(descriptor, out _, out LocalSocket* socket);
        if (error < 0)
            return error;
        if (!lengthAt.TryGet(out int room))
            return Errno.EFAULT;
        if (room < 0)
            return Errno.EINVAL;
        if ((uint)level != LevelSocket)
            return Errno.EOPNOTSUPP;
        long* answer = stackalloc long[2];
        int length = Read(socket, (uint)name, answer);
        if (length == 0)
            return Errno.ENOPROTOOPT;
        length = Math.Min(length, room);
        // SAFETY: the answer has at least that many bytes.
        return value.TryPutAll(new ReadOnlySpan<byte>(answer, length)) && lengthAt.TryPut(length) ? 0 : Errno.EFAULT;
    }

    /// <summary>The length of the answer, at most 16 bytes, or 0 for an option that is not known.</summary>
    private static int Read(LocalSocket* socket, uint name, long* answer)
    {
        const long second = 1_000_000_000;
        int* number = (int*)answer;
        answer[0] = 0;
        answer[1] = 0;
        switch (name)
        {
            case SocketOptions.PeerCredentials:
                *(LocalCredentials*)answer = socket->PeerCredentials;
                return sizeof(LocalCredentials);
            case SocketOptions.ReceiveTimeout or SocketOptions.SendTimeout:
                bool receives = name == SocketOptions.ReceiveTimeout;
                long timeout = (long)(receives ? socket->ReceiveTimeout : socket->SendTimeout);
                answer[0] = timeout / second;
                answer[1] = timeout % second / 1000;
                return 2 * sizeof(long);
            case SocketOptions.Type:
                *number = (int)socket->Kind;
                break;
            case SocketOptions.Error:
                *number = (int)-LocalSocket.TakeError(socket);
                break;
            case SocketOptions.SendBuffer:
                *number = socket->SendBuffer;
                break;
            case SocketOptions.ReceiveBuffer:
                *number = socket->ReceiveBuffer;
                break;
            case SocketOptions.PassCredentials:
                *number = socket->PassesCredentials ? 1 : 0;
                break;
            case SocketOptions.Accepting:
                *number = socket->State == LocalState.Listening ? 1 : 0;
                break;
            case SocketOptions.Domain:
                *number = (int)Family;
                break;
            case SocketOptions.Linger:
                number[0] = socket->Lingers ? 1 : 0;
                number[1] = socket->LingerSeconds;
                return 2 * sizeof(int);
            case SocketOptions.ReceiveLow:
                *number = socket->LeastToReceive;
                break;
            case SocketOptions.ReuseAddress:
                *number = socket->ReusesAddress ? 1 : 0;
                break;
            case SocketOptions.Broadcast:
                *number = socket->Broadcasts ? 1 : 0;
                break;
            case SocketOptions.KeepAlive:
                *number = socket->KeepsAlive ? 1 : 0;
                break;
            case SocketOptions.NoCheck:
                *number = socket->HasNoChecksum ? 1 : 0;
                break;
            case SocketOptions.Priority:
                *number = socket->Priority;
                break;
            case SocketOptions.Protocol:
                break;
            default:
                return 0;
        }

        return sizeof(int);
    }
}
