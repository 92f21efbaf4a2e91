namespace Guestos;

/// <summary>System calls on sockets, by number.</summary>
public static class SocketDispatch
{
    /// <summary>The result, or <see cref="Dispatch.Unknown"/> when it is none of them.</summary>
    public static long Call(SystemCall call, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f) => call switch
    {
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
        SystemCall.Socketpair => Errno.EAFNOSUPPORT,     // there are no local sockets
        SystemCall.Setsockopt => SocketCalls.Setsockopt(a, b, c, d, e),
        SystemCall.Getsockopt => SocketCalls.Getsockopt(a, b, c, d, e),
        SystemCall.Accept4 => SocketCalls.Accept4(a, b, c, d),
        _ => Dispatch.Unknown,
    };
}
