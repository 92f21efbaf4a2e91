namespace Guestos;

/// <summary>System calls on sockets, by number (arch/x86/entry/syscalls/syscall_64.tbl).</summary>
public static class SocketDispatch
{
    /// <summary>The result, or <see cref="Dispatch.Unknown"/> when the number is not one of a socket call.</summary>
    public static long Call(ulong number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f) => number switch
    {
        41 => SocketCalls.Socket(a, b, c),
        42 => SocketCalls.Connect(a, b, c),
        43 => SocketCalls.Accept(a, b, c),
        44 => SocketCalls.SendTo(a, b, c, d, e, f),
        45 => SocketCalls.ReceiveFrom(a, b, c, d, e, f),
        46 => SocketCalls.SendMessage(a, b, c),
        47 => SocketCalls.ReceiveMessage(a, b, c),
        48 => SocketCalls.Shutdown(a, b),
        49 => SocketCalls.Bind(a, b, c),
        50 => SocketCalls.Listen(a, b),
        51 => SocketCalls.GetSocketName(a, b, c),
        52 => SocketCalls.GetPeerName(a, b, c),
        53 => Errno.AddressFamilyNotSupported, // socketpair: there are no local sockets
        54 => SocketCalls.SetOption(a, b, c, d, e),
        55 => SocketCalls.GetOption(a, b, c, d, e),
        288 => SocketCalls.Accept4(a, b, c, d),
        _ => Dispatch.Unknown,
    };
}
