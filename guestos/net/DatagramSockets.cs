using System;
using Netstack;

namespace Guestos;

/// <summary>UDP and ICMP Echo sockets.</summary>
internal static unsafe class DatagramSockets
{
    /// <summary>Makes sure that the stack knows the socket; it is bound to an ephemeral port if nothing else was said.</summary>
    public static long Open(Socket* socket)
    {
        if (socket->Handle >= 0)
            return 0;
        int handle = socket->Kind == SocketKind.Echo
            ? Network.Stack->OpenEcho(socket->LocalPort, Clock.Monotonic)
            : Network.Stack->OpenUdp(socket->LocalAddress, socket->LocalPort, Clock.Monotonic);
        if (handle < 0)
            return Sockets.ErrnoOf(handle);
        socket->Handle = handle;
        return 0;
    }

    public static long Receive(Socket* socket, ref Transfer to, bool wait, out Endpoints from)
    {
        from = default;
        long result = Open(socket);
        ulong deadline = Sockets.Deadline(socket->ReceiveTimeout);
        while (result >= 0)
        {
            if (!to.Fill(to.Count))
                return Errno.Fault;
            // SAFETY: Fill made the range writable, and nothing sleeps before it is written.
            int got = Network.Stack->ReceiveFrom(socket->Handle, new Span<byte>(to.Address, (int)Math.Min(to.Count, 65536)), out from);
            if (got >= 0)
                return (long)Math.Min((ulong)got, to.Count);
            if (got != SocketError.WouldBlock)
                return Sockets.ErrnoOf(got);
            if (!wait)
                return Errno.TryAgain;
            result = Sockets.Wait(socket, deadline);
        }
        return result;
    }

    public static long Send(Socket* socket, ref Transfer from, uint address, ushort port, bool wait)
    {
        long result = Open(socket);
        if (result < 0)
            return result;
        if (from.Count > 65507)
            return Errno.MessageTooLong;
        if (!from.Take(from.Count))
            return Errno.Fault;
        // SAFETY: Take made the range readable.
        int sent = Network.Stack->SendTo(socket->Handle, new ReadOnlySpan<byte>(from.Address, (int)from.Count), address, port, Clock.Monotonic);
        return sent == SocketError.NotConnected ? Errno.DestinationRequired : Sockets.ErrnoOf(sent);
    }
}
