using System;
using System.Buffers.Binary;
using Netstack;

namespace Guestos;

/// <summary>UDP and ICMP Echo sockets.</summary>
internal static unsafe class DatagramSockets
{
    /// <summary>An IPv4 header without options (RFC 791 §3.1).</summary>
    private const int HeaderLength = 20;

    /// <summary>UDP payload of the longest IPv4 packet, and of the longest that is not cut into fragments.</summary>
    public const int MaxDatagram = 65507;
    private const int MaxWhole = Network.Mtu - 28;
    private const int MaxWhole6 = Network.Mtu - 48;

    /// <summary>
    /// Makes sure that the stack knows the socket; it is bound to an ephemeral port if nothing else was said.
    /// </summary>
    public static long Open(Socket* socket)
    {
        if (socket->Handle >= 0)
            return 0;
        int handle = socket->Kind is SocketKind.Echo or SocketKind.RawEcho
            ? Network.Stack->OpenEcho(socket->LocalPort, Clock.Monotonic, FileRights.IsSuperuser)
            : Network.Stack->OpenUdp(socket->LocalAddress, socket->LocalPort, Clock.Monotonic, FileRights.IsSuperuser,
                socket->Only6, socket->Sharers);
        if (handle < 0)
            return Sockets.ErrnoOf(handle);
        SocketTable.Attach(socket, handle);
        return 0;
    }

    /// <summary>
    /// A header as the kernel hands it to raw sockets: no options, what the stack does not tell left 0.
    /// </summary>
    private static void PutHeader(Span<byte> header, int payload, in Endpoints from)
    {
        header.Clear();
        header[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(header.Slice(2), (ushort)(HeaderLength + payload));
        header[8] = 64;
        header[9] = 1;
        BinaryPrimitives.WriteUInt32BigEndian(header.Slice(12), from.RemoteAddress.Ipv4);
        BinaryPrimitives.WriteUInt32BigEndian(header.Slice(16), from.LocalAddress.Ipv4);
    }

    /// <summary>
    /// Waits for a datagram if told to: its length, raw sockets' header included, or −errno. It stays where it is.
    /// </summary>
    public static long Await(Socket* socket, bool wait, out Endpoints from)
    {
        from = default;
        if (socket->Kind == SocketKind.RawEcho && socket->Handle < 0)
            return wait ? Errno.EINVAL : Errno.EAGAIN;   // nothing has been asked, so nothing can come
        long result = Open(socket);
        ulong deadline = Sockets.Deadline(socket->ReceiveTimeout);
        while (result >= 0)
        {
            if (socket->ReadShut)
                return 0;
            int length = Network.Stack->PeekDatagram(socket->Handle, 0, default, out from);
            if (length >= 0)
                return length + (socket->Kind == SocketKind.RawEcho ? HeaderLength : 0);
            if (length != SocketError.WouldBlock)
                return Sockets.ErrnoOf(length);
            if (!wait)
                return Errno.EAGAIN;
            result = Sockets.Wait(socket, PollEvents.Readable, deadline);
        }
        return result;
    }

    /// <summary>
    /// Copies of the datagram that <see cref="Await"/> found, from <paramref name="skip"/> on, what fits: how much, or
    /// -EFAULT.
    /// </summary>
    public static long Copy(Socket* socket, int length, int skip, ref Transfer to)
    {
        int part = (int)Math.Min(to.Count, (ulong)(length - skip));
        if (part == 0)
            return 0;
        if (!to.TryFill((ulong)part, out Span<byte> into))
            return Errno.EFAULT;
        int header = socket->Kind == SocketKind.RawEcho ? HeaderLength : 0;
        int done = 0;
        if (skip < header)
        {
            Span<byte> whole = stackalloc byte[HeaderLength];
            Network.Stack->PeekDatagram(socket->Handle, 0, default, out Endpoints from);
            PutHeader(whole, length - header, from);
            done = Math.Min(part, header - skip);
            whole.Slice(skip, done).CopyTo(into);
        }
        if (done < part)
            Network.Stack->PeekDatagram(socket->Handle, skip + done - header, into.Slice(done), out _);
        return part;
    }

    /// <summary>Takes the datagram that <see cref="Await"/> found.</summary>
    public static void Drop(Socket* socket)
    {
        Network.Stack->DropDatagram(socket->Handle);
        if (socket->Kind == SocketKind.Datagram)
            Received++;
    }

    /// <summary>Datagrams of UDP that programs have received and sent (/proc/net/snmp).</summary>
    public static ulong Received;
    public static ulong Sent;

    public static long Receive(Socket* socket, ref Transfer to, Sockets.ReceiveFlags flags, out Endpoints from)
    {
        long length = Await(socket, (flags & Sockets.ReceiveFlags.Wait) != 0, out from);
        if (length < 0 || socket->ReadShut)
            return length;
        long result = Copy(socket, (int)length, 0, ref to);
        if ((flags & Sockets.ReceiveFlags.Peek) == 0)
            Drop(socket);
        return result >= 0 && (flags & Sockets.ReceiveFlags.Truncate) != 0 ? length : result;
    }

    /// <param name="name">To whom; of AF_UNSPEC: to the peer of connect(2).</param>
    /// <param name="local">Our address that it comes from, or a wildcard.</param>
    public static long Send(Socket* socket, ref Transfer from, SocketName name, Address local, bool wait)
    {
        if (socket->Kind == SocketKind.RawEcho && socket->Handle < 0)
        {
            const int identifier = 4;   // RFC 792: type, code, checksum, identifier, sequence number
            if (from.Count < 8)
                return Errno.EINVAL;
            if (!from.TryTake(8, out ReadOnlySpan<byte> message))
                return Errno.EFAULT;
            socket->LocalPort = BinaryPrimitives.ReadUInt16BigEndian(message.Slice(identifier));
        }

        long result = Open(socket);
        if (result < 0)
            return result;
        if (from.Count > MaxDatagram || from.Count > MostWhole(socket, name))
            return Errno.EMSGSIZE;
        int pending = Network.Stack->TakeError(socket->Handle);
        if (pending < 0)
            return Sockets.ErrnoOf(pending);
        if (socket->WriteShut)
            return Errno.EPIPE;
        Address address = default;
        if (name.Family != SocketAddress.Unspecified)
        {
            result = SocketAddress.Resolve(socket, ref name);
            address = name.Address;
        }
        else if (!IsConnected(socket))
            result = Errno.EDESTADDRREQ;
        if (result < 0)
            return result;
        if (!socket->Broadcast && Network.Stack->IsBroadcast(address))
            return Errno.EACCES;
        if (!from.TryTake(from.Count, out ReadOnlySpan<byte> datagram))
            return Errno.EFAULT;
        int sent = Network.Stack->SendTo(socket->Handle, datagram, address, name.Port, Clock.Monotonic, local);
        if (sent >= 0 && socket->Kind == SocketKind.Datagram)
            Sent++;
        return Sockets.ErrnoOf(sent);
    }

    /// <summary>
    /// The longest datagram that is sent: with IP_PMTUDISC_DO or PROBE, or IPV6_DONTFRAG, nothing is cut into
    /// fragments.
    /// </summary>
    private static ulong MostWhole(Socket* socket, in SocketName name)
    {
        bool isWhole = socket->PathMtu is 2 or 3;
        bool isWhole6 = socket->PathMtu6 is 2 or 3 || socket->DoNotFragment6;
        if (!isWhole && !isWhole6)
            return MaxDatagram;
        Address to = name.Address;
        if (name.Family == SocketAddress.Unspecified
            && Network.Stack->GetEndpoints(socket->Handle, out Endpoints endpoints) == 0)
            to = endpoints.RemoteAddress;
        if (to.IsIpv4)
            return isWhole ? MaxWhole : (ulong)MaxDatagram;
        return isWhole6 && !Network.Stack->IsLocal(to) ? MaxWhole6 : (ulong)MaxDatagram;
    }

    /// <summary>connect(2): 0, or −errno.</summary>
    public static long Connect(Socket* socket, SocketName name)
    {
        if (socket->Only6 && name.Family == SocketAddress.Inet)
            return Errno.EAFNOSUPPORT;
        long result = SocketAddress.Resolve(socket, ref name);
        if (result < 0)
            return result;
        if (!socket->Broadcast && Network.Stack->IsBroadcast(name.Address))
            return Errno.EACCES;
        result = Open(socket);
        return result < 0
            ? result
            : Sockets.ErrnoOf(Network.Stack->ConnectDatagram(socket->Handle, name.Address, name.Port));
    }

    /// <summary>connect(2) with AF_UNSPEC: without a peer, and without the port if bind(2) did not name it.</summary>
    public static void Disconnect(Socket* socket)
    {
        if (!socket->Bound)
            Sockets.Leave(socket);
        else if (socket->Handle >= 0)
            Network.Stack->ConnectDatagram(socket->Handle, default, 0);
    }

    public static bool IsConnected(Socket* socket) =>
        socket->Handle >= 0 && Network.Stack->GetEndpoints(socket->Handle, out Endpoints endpoints) == 0
            && !endpoints.RemoteAddress.IsUnspecified;
}
