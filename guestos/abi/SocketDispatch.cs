namespace Guestos;

/// <summary>System calls on sockets, by number.</summary>
public static class SocketDispatch
{
    /// <summary>The result, or <see cref="Dispatch.Unknown"/> when it is none of them.</summary>
    public static long Call(SystemCall call, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        long result = CallInternet(call, a, b, c, d, e, f);
        // A descriptor that is none of these sockets may be one of the other families.
        if (result == Errno.ENOTSOCK)
            result = CallLocal(call, a, b, c, d, e, f);
        return result == Errno.ENOTSOCK ? CallNetlink(call, a, b, c, d, e, f) : result;
    }

    private static long CallInternet(SystemCall call, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f) =>
        call switch
        {
            SystemCall.Socket when (uint)a == LocalCalls.Family => LocalCalls.Socket(b, c),
            SystemCall.Socket when (uint)a == NetlinkCalls.Family => NetlinkCalls.Socket(b, c),
            SystemCall.Socket => SocketCalls.Socket(a, b, c),
            SystemCall.Connect => SocketCalls.Connect(a, b, c),
            SystemCall.Accept => SocketCalls.Accept(a, b, c),
            SystemCall.Sendto => SocketCalls.Sendto(a, b, c, d, e, f),
            SystemCall.Recvfrom => SocketCalls.Recvfrom(a, b, c, d, e, f),
            SystemCall.Sendmsg => SocketCalls.Sendmsg(a, b, c),
            SystemCall.Recvmsg => SocketCalls.Recvmsg(a, b, c),
            SystemCall.Shutdown => SocketCalls.Shutdown(a, b),
            SystemCall.Bind => SocketCalls.Bind(a, b, c),
            SystemCall.Listen => SocketCalls.Listen(a, b),
            SystemCall.Getsockname => SocketCalls.Getsockname(a, b, c),
            SystemCall.Getpeername => SocketCalls.Getpeername(a, b, c),
            SystemCall.Socketpair when (uint)a == LocalCalls.Family => LocalCalls.Socketpair(b, c, d),
            SystemCall.Socketpair => SocketCalls.Socketpair(a, b, c),
            SystemCall.Setsockopt => SocketCalls.Setsockopt(a, b, c, d, e),
            SystemCall.Getsockopt => SocketCalls.Getsockopt(a, b, c, d, e),
            SystemCall.Accept4 => SocketCalls.Accept4(a, b, c, d),
            _ => Dispatch.Unknown,
        };

    private static long CallLocal(SystemCall call, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f) =>
        call switch
        {
            SystemCall.Connect => LocalCalls.Connect(a, b, c),
            SystemCall.Accept => LocalCalls.Accept4(a, b, c, 0),
            SystemCall.Sendto => LocalCalls.Sendto(a, b, c, d, e, f),
            SystemCall.Recvfrom => LocalCalls.Recvfrom(a, b, c, d, e, f),
            SystemCall.Sendmsg => LocalCalls.Sendmsg(a, b, c),
            SystemCall.Recvmsg => LocalCalls.Recvmsg(a, b, c),
            SystemCall.Shutdown => LocalCalls.Shutdown(a, b),
            SystemCall.Bind => LocalCalls.Bind(a, b, c),
            SystemCall.Listen => LocalCalls.Listen(a, b),
            SystemCall.Getsockname => LocalCalls.Getsockname(a, b, c),
            SystemCall.Getpeername => LocalCalls.Getpeername(a, b, c),
            SystemCall.Setsockopt => LocalCalls.Setsockopt(a, b, c, d, e),
            SystemCall.Getsockopt => LocalCalls.Getsockopt(a, b, c, d, e),
            SystemCall.Accept4 => LocalCalls.Accept4(a, b, c, d),
            _ => Errno.ENOTSOCK,
        };

    private static unsafe long CallNetlink(
        SystemCall call, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        if (!NetlinkCalls.TryFind(a, out File* file))
            return Errno.ENOTSOCK;
        return call switch
        {
            SystemCall.Bind => NetlinkCalls.Bind(file, b, c),
            SystemCall.Getsockname => NetlinkCalls.Getsockname(file, b, c),
            SystemCall.Sendto => NetlinkCalls.Sendto(file, b, c),
            SystemCall.Sendmsg => NetlinkCalls.Sendmsg(file, b),
            SystemCall.Recvfrom => NetlinkCalls.Recvfrom(file, b, c, d, e, f),
            SystemCall.Recvmsg => NetlinkCalls.Recvmsg(file, b, c),
            SystemCall.Connect => 0,
            // Buffer sizes are hints; what else there is has no meaning here.
            SystemCall.Setsockopt when (uint)b == 1 => 0,
            SystemCall.Setsockopt or SystemCall.Getsockopt => Errno.ENOPROTOOPT,
            _ => Errno.EOPNOTSUPP,
        };
    }
}
