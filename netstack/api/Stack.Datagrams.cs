using System;

namespace Netstack;

/// <summary>UDP and ICMP Echo for users.</summary>
public unsafe partial struct Stack
{
    /// <summary>
    /// Opens a UDP socket of an own address, or of all (<see cref="Address.Any4"/>, <see cref="Address.Any"/>). Port 0
    /// is an ephemeral one.
    /// </summary>
    /// <param name="privileged">
    /// It may take one of the last sockets (<see cref="StackConfiguration.ReservedDatagramSockets"/>), and its queue is
    /// asked for as reserved (<see cref="Link.TakeRing"/>).
    /// </param>
    /// <param name="only6">:: has no IPv4 (IPV6_V6ONLY).</param>
    /// <param name="sharers">Not 0: others that say the same may be bound to it as well (SO_REUSEPORT).</param>
    public int OpenUdp(Address address, ushort port, ulong now, bool privileged = false, bool only6 = false,
        ulong sharers = 0)
    {
        return Netstack.Datagrams.Open(Self, address, only6, port, isEcho: false, privileged, sharers);
    }

    /// <summary>
    /// Opens an ICMP Echo socket (Linux's ping socket): sends Echo Requests with this identifier (0: any free),
    /// receives their replies.
    /// </summary>
    /// <param name="privileged">As in <see cref="OpenUdp"/>.</param>
    public int OpenEcho(ushort identifier, ulong now, bool privileged = false)
    {
        return Netstack.Datagrams.Open(Self, Address.Any4, only6: false, identifier, isEcho: true, privileged,
            sharers: 0);
    }

    /// <summary>
    /// Remembers a peer: only its datagrams are received, at our address nearest to it, unless the socket has one;
    /// SendTo with an address that names nobody goes there. Such an address forgets.
    /// </summary>
    /// <returns>0, or BadSocket, NetworkUnreachable, Invalid.</returns>
    public int ConnectDatagram(int socket, Address remoteAddress, ushort remotePort)
    {
        Stack* stack = Self;
        DatagramSocket* found = Handles.Datagram(stack, socket);
        return found == null
            ? SocketError.BadSocket
            : Netstack.Datagrams.Connect(stack, found, remoteAddress, remotePort);
    }

    /// <summary>
    /// Sends one datagram (ICMP Echo: header and payload, type, code, checksum and identifier are filled in). Returns
    /// its length or an error.
    /// </summary>
    /// <param name="localAddress">
    /// Our address that it comes from (IP_PKTINFO); a wildcard: the socket's own, or the nearest.
    /// </param>
    public int SendTo(int socket, ReadOnlySpan<byte> payload, Address remoteAddress, ushort remotePort, ulong now,
        Address localAddress = default)
    {
        Stack* stack = Self;
        DatagramSocket* found = Handles.Datagram(stack, socket);
        if (found == null)
            return SocketError.BadSocket;
        if (!localAddress.IsUnspecified && !IsLocal(localAddress))
            return SocketError.Invalid;
        int sent = Netstack.Datagrams.Send(stack, found, payload, remoteAddress, remotePort, localAddress,
            now);
        Loopback.Drain(stack, now);
        return sent;
    }

    /// <summary>
    /// Copies the oldest datagram from <paramref name="skip"/> bytes on, cut to fit, without taking it. Returns its
    /// full length, or WouldBlock, or a pending error (Refused, HostUnreachable), which is taken.
    /// </summary>
    public int PeekDatagram(int socket, int skip, Span<byte> into, out Endpoints endpoints)
    {
        endpoints = default;
        DatagramSocket* found = Handles.Datagram(Self, socket);
        if (found == null)
            return SocketError.BadSocket;
        return skip < 0 ? SocketError.Invalid : Netstack.Datagrams.Peek(found, skip, into, out endpoints);
    }

    /// <summary>Takes the oldest datagram, which <see cref="PeekDatagram"/> has shown.</summary>
    public void DropDatagram(int socket)
    {
        DatagramSocket* found = Handles.Datagram(Self, socket);
        if (found != null)
            Netstack.Datagrams.Drop(Self, found);
    }

    /// <summary>Length of the oldest datagram, or WouldBlock.</summary>
    public int NextDatagramLength(int socket)
    {
        DatagramSocket* found = Handles.Datagram(Self, socket);
        return found == null ? SocketError.BadSocket : Netstack.Datagrams.NextLength(found);
    }
}
