using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace System.Linux;

/// <summary>
/// Sockets of IPv4 (ip(7), tcp(7), icmp(7)). Addresses are in host order. Results are the kernel's: −4095…−1 is −errno.
/// </summary>
internal static class Inet
{
    /// <summary>A TCP socket whose calls do not block.</summary>
    public static int OpenStream() => Call(CallNumber.Socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK);

    /// <summary>A UDP socket whose calls do not block.</summary>
    public static int OpenDatagram() => Call(CallNumber.Socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);

    /// <summary>A socket for ICMP Echo whose calls do not block.</summary>
    public static int OpenEcho() => Call(CallNumber.Socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_ICMP);

    public static int Connect(int socket, uint address, ushort port) =>
        CallWithName(CallNumber.Connect, socket, address, port);

    /// <summary>A socket that accepts connections to a port of any address.</summary>
    public static int Listen(ushort port, int backlog)
    {
        int socket = OpenStream();
        if (socket < 0)
            return socket;
        SetSocketOption(socket, SOL_SOCKET, SO_REUSEADDR, 1);
        int error = CallWithName(CallNumber.Bind, socket, 0, port);
        if (error == 0)
            error = Call(CallNumber.Listen, socket, backlog);
        return error < 0 ? error : socket;
    }

    // struct sockaddr_in (linux/in.h): the family, and port and address with their highest byte first.
    private static int CallWithName(CallNumber call, int socket, uint address, ushort port)
    {
        const int NameSize = 16;
        Span<byte> name = stackalloc byte[NameSize];
        name.Clear();
        name[0] = AF_INET;
        name[2] = (byte)(port >> 8);
        name[3] = (byte)port;
        name[4] = (byte)(address >> 24);
        name[5] = (byte)(address >> 16);
        name[6] = (byte)(address >> 8);
        name[7] = (byte)address;
        return Call(call, socket, AddressOf((ReadOnlySpan<byte>)name), NameSize);
    }

    /// <summary>The next connection, whose calls do not block.</summary>
    public static int Accept(int listener) => Call(CallNumber.Accept4, listener, 0, 0, SOCK_NONBLOCK);

    public static void SetBlocking(int socket) => Call(CallNumber.Fcntl, socket, F_SETFL, 0);

    /// <summary>Sends small segments at once.</summary>
    public static void SetNoDelay(int socket) => SetSocketOption(socket, IPPROTO_TCP, TCP_NODELAY, 1);

    /// <summary>Closing resets the connection, and forgets what was not sent.</summary>
    public static void SetAbortive(int socket)
    {
        // struct linger: l_onoff, l_linger.
        const ulong OnForNoTime = 1;
        SetSocketOption(socket, SOL_SOCKET, SO_LINGER, OnForNoTime);
    }

    /// <summary>How long a call waits for room in the connection.</summary>
    public static void SetSendTimeout(int socket, int milliseconds)
    {
        Timeval time = new()
        {
            Seconds = (ulong)milliseconds / 1000,
            Microseconds = (ulong)milliseconds % 1000 * 1000,
        };
        SetSocketOption(socket, SOL_SOCKET, SO_SNDTIMEO, time);
    }

    /// <summary>Why a connection broke: −errno, 0 when it did not.</summary>
    public static int ErrorOf(int socket)
    {
        int error = 0;
        int length = sizeof(int);
        Call(CallNumber.GetSockOpt, socket, SOL_SOCKET, SO_ERROR, AddressOf(ref error), AddressOf(ref length));
        return -error;
    }

    /// <summary>Sends what there is room for. Blocks as the socket does.</summary>
    public static int Send(int socket, ReadOnlySpan<byte> from) =>
        Call(CallNumber.SendTo, socket, AddressOf(from), from.Length, MSG_NOSIGNAL);
}
