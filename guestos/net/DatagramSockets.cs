using System;
using System.Buffers.Binary;
using Netstack;

namespace Guestos;

/// <summary>UDP and ICMP Echo sockets.</summary>
internal static unsafe class DatagramSockets
{
    /// <summary>An IPv4 header without options (RFC 791 §3.1).</summary>
    private const int HeaderLength = 20;

    /// <summary>Makes sure that the stack knows the socket; it is bound to an ephemeral port if nothing else was said.</summary>
    public static long Open(Socket* socket)
    {
        if (socket->Handle >= 0)
            return 0;
        int handle = socket->Kind is SocketKind.Echo or SocketKind.RawEcho
            ? Network.Stack->OpenEcho(socket->LocalPort, Clock.Monotonic)
            : Network.Stack->OpenUdp(socket->LocalAddress, socket->LocalPort, Clock.Monotonic);
        if (handle < 0)
            return Sockets.ErrnoOf(handle);
        Sockets.Attach(socket, handle);
        return 0;
    }

    /// <summary>A header as the kernel hands it to raw sockets: no options, what the stack does not tell left 0.</summary>
    private static void PutHeader(byte* at, int payload, in Endpoints from)
    {
        // SAFETY: the caller made HeaderLength bytes writable.
        var header = new Span<byte>(at, HeaderLength);
        header.Clear();
        header[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(header.Slice(2), (ushort)(HeaderLength + payload));
        header[8] = 64;
        header[9] = 1;
        BinaryPrimitives.WriteUInt32BigEndian(header.Slice(12), from.RemoteAddress);
        BinaryPrimitives.WriteUInt32BigEndian(header.Slice(16), from.LocalAddress);
    }

    public static long Receive(Socket* socket, ref Transfer to, bool wait, out Endpoints from)
    {
        from = default;
        int header = socket->Kind == SocketKind.RawEcho ? HeaderLength : 0;
        if (header > 0 && socket->Handle < 0)
            return wait ? Errno.Invalid : Errno.TryAgain;   // nothing has been asked, so nothing can come
        if (to.Count < (ulong)header)
            return Errno.Invalid;
        long result = Open(socket);
        ulong deadline = Sockets.Deadline(socket->ReceiveTimeout);
        while (result >= 0)
        {
            if (!to.Fill(to.Count))
                return Errno.Fault;
            // SAFETY: Fill made the range writable, and nothing sleeps before it is written.
            int got = Network.Stack->ReceiveFrom(socket->Handle, new Span<byte>(to.Address + header, (int)Math.Min(to.Count - (ulong)header, 65536)), out from);
            if (got >= 0 && header > 0)
                PutHeader(to.Address, got, from);
            if (got >= 0)
                return (long)Math.Min((ulong)(got + header), to.Count);
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
        if (socket->Kind == SocketKind.RawEcho && socket->Handle < 0)
        {
            const int identifier = 4;   // RFC 792: type, code, checksum, identifier, sequence number
            if (from.Count < 8)
                return Errno.Invalid;
            if (!from.Take(8))
                return Errno.Fault;
            socket->LocalPort = BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(from.Address + identifier, 2));
        }

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
