using System;
using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>
/// One host on one link. Lives in the memory given to <see cref="Init"/> and never moves; all tables have a fixed size.
/// Not thread safe: one caller at a time, and no calls from the functions of <see cref="Netstack.Link"/>.
/// </summary>
public unsafe partial struct Stack
{
    /// <summary>Bytes of memory that a stack of this configuration needs; 0 when a field is out of range.</summary>
    public static ulong RequiredMemory(in StackConfiguration configuration) => 0;

    /// <summary>
    /// Builds a stack in <paramref name="memory"/> (64-byte aligned). Null when <paramref name="length"/> is less than
    /// <see cref="RequiredMemory"/> or a field of the configuration is out of range.
    /// </summary>
    public static Stack* Init(byte* memory, ulong length, in StackConfiguration configuration) => null;

    /// <summary>What was received, sent and dropped, and why.</summary>
    public Counters Counters;

    // ---- the device's side ----

    /// <summary>Takes one received Ethernet frame (no FCS, no virtio header) of 14 to 65,549 bytes. Nothing of it is kept.</summary>
    /// <param name="fragments">Its pieces in order; the first holds all headers.</param>
    public void ReceiveFrame(Fragment* fragments, int count, FrameFlags flags, ulong now) { }

    /// <summary>The same for a frame in one piece.</summary>
    public void ReceiveFrame(byte* frame, int length, FrameFlags flags, ulong now) { }

    /// <summary>The device has room again after <see cref="Link.Transmit"/> said false.</summary>
    public void LinkReady(ulong now) { }

    /// <summary>Runs the timers that are due at <paramref name="now"/>, and waiting output.</summary>
    public void Poll(ulong now) { }

    /// <summary>When <see cref="Poll"/> is needed next; ulong.MaxValue for never. May be earlier than strictly needed, never later.</summary>
    public ulong NextDeadline() => ulong.MaxValue;

    // ---- addresses and moving ----

    /// <summary>Adds an own address (at most 8). False when the table is full.</summary>
    public bool AddAddress(uint address, int prefixLength) => false;

    /// <summary>Removes an own address; connections that use it fail by themselves.</summary>
    public bool RemoveAddress(uint address) => false;

    /// <summary>True for own addresses and 127/8.</summary>
    public readonly bool IsLocal(uint address) => false;

    /// <summary>Default router, 0 for none.</summary>
    public void SetGateway(uint gateway) { }

    public void ChangeHardwareAddress(ulong hardwareAddress) { }

    /// <summary>Takes another device (and owner's hooks), for instance on arrival on another machine.</summary>
    public void ChangeLink(in Link link) { }

    /// <summary>Announces every own address by gratuitous ARP, as request and as reply (RFC 5227 §3).</summary>
    public void Announce(ulong now) { }

    /// <summary>After a silence on our side: sends again what is unacknowledged and an acknowledgement to every peer, without waiting for timers.</summary>
    public void Resume(ulong now) { }

    /// <summary>From now on only the segments of this TCP connection, and ARP, leave; everything else is dropped and counted.</summary>
    public void FilterOutgoing(uint remoteAddress, ushort remotePort, ushort localPort) { }

    /// <summary>Ends <see cref="FilterOutgoing"/>.</summary>
    public void StopFiltering() { }

    // ---- TCP ----

    /// <summary>Listens on a port of one own address, or of all (0).</summary>
    /// <param name="backlog">Most connections that are being opened or wait to be accepted, 1 to 128.</param>
    /// <returns>Handle, or NoRoom, AddressInUse, AddressNotAvailable, Invalid.</returns>
    public int Listen(uint address, ushort port, int backlog) => SocketError.NoRoom;

    /// <summary>The oldest established connection of a listener: a handle, or WouldBlock, BadSocket.</summary>
    public int Accept(int listener) => SocketError.WouldBlock;

    /// <summary>Starts to connect. Local address 0 is the one nearest to the remote one, local port 0 an ephemeral one.</summary>
    /// <returns>
    /// Handle at once: it becomes Writable when connected, Error when not. Or NoRoom, AddressInUse, AddressNotAvailable, NetworkUnreachable, Invalid.
    /// </returns>
    public int Connect(uint remoteAddress, ushort remotePort, uint localAddress, ushort localPort, ulong now) => SocketError.NoRoom;

    /// <summary>Queues bytes. Returns how many were taken (1 or more), or WouldBlock, NotConnected, ShutDown, or what broke the connection.</summary>
    public int Send(int socket, ReadOnlySpan<byte> bytes, ulong now) => SocketError.BadSocket;

    /// <summary>
    /// Queues <paramref name="length"/> bytes from <paramref name="offset"/> of a page frame by reference, without copying:
    /// see <see cref="Link.ResolveFrame"/> and <see cref="Link.ReleaseFrame"/>.
    /// </summary>
    /// <returns><paramref name="length"/>, or as <see cref="Send"/>; on an error nothing was queued and ReleaseFrame is not called.</returns>
    public int SendPage(int socket, ulong reference, int offset, int length, ulong now) => SocketError.BadSocket;

    /// <summary>While on, only full segments leave (MSG_MORE, TCP_CORK); turning it off sends the rest.</summary>
    public int Cork(int socket, bool on, ulong now) => SocketError.BadSocket;

    /// <summary>Takes received bytes: > 0 count, 0 end of stream, or WouldBlock, NotConnected, or what broke the connection.</summary>
    public int Receive(int socket, Span<byte> into, ulong now) => SocketError.BadSocket;

    /// <summary>
    /// Shows received bytes where they lie (one contiguous run, maybe not all). Returns as <see cref="Receive"/>; valid until the next call
    /// that is given this socket's frames or consumes. Follow with <see cref="Consume"/>.
    /// </summary>
    public int PeekReceive(int socket, out ReadOnlySpan<byte> bytes) { bytes = default; return SocketError.BadSocket; }

    /// <summary>Copies received bytes without taking them, from <paramref name="skip"/> on (MSG_PEEK). Returns as <see cref="Receive"/>.</summary>
    public int CopyReceived(int socket, int skip, Span<byte> into) => SocketError.BadSocket;

    /// <summary>Takes <paramref name="count"/> bytes that <see cref="PeekReceive"/> has shown. Returns 0 or an error.</summary>
    public int Consume(int socket, int count, ulong now) => SocketError.BadSocket;

    /// <summary>Sends FIN after what is queued; receiving goes on (SHUT_WR). Returns 0 or an error.</summary>
    public int Shutdown(int socket, ulong now) => SocketError.BadSocket;

    /// <summary>
    /// Gives the handle up, of any kind. What is queued is still delivered; unread received data makes it a reset (RFC 2525 §2.17). Returns 0 or BadSocket.
    /// </summary>
    public int Close(int socket, ulong now) => SocketError.BadSocket;

    /// <summary>Resets the connection and gives the handle up. Returns 0 or BadSocket.</summary>
    public int Abort(int socket, ulong now) => SocketError.BadSocket;

    // ---- datagrams ----

    /// <summary>Opens a UDP socket. Address 0 is all own ones, port 0 an ephemeral one.</summary>
    public int OpenUdp(uint address, ushort port, ulong now) => SocketError.NoRoom;

    /// <summary>Opens an ICMP Echo socket (Linux's ping socket): sends Echo Requests with this identifier (0: any free), receives their replies.</summary>
    public int OpenEcho(ushort identifier, ulong now) => SocketError.NoRoom;

    /// <summary>Remembers a peer: only its datagrams are received; SendTo with remote address 0 goes there. Address 0 forgets.</summary>
    public int ConnectDatagram(int socket, uint remoteAddress, ushort remotePort) => SocketError.BadSocket;

    /// <summary>Sends one datagram (ICMP Echo: header and payload, type, code, checksum and identifier are filled in). Returns its length or an error.</summary>
    public int SendTo(int socket, ReadOnlySpan<byte> payload, uint remoteAddress, ushort remotePort, ulong now) => SocketError.BadSocket;

    /// <summary>Takes the oldest datagram, cut to fit. Returns its full length, or WouldBlock or a pending error (Refused, HostUnreachable).</summary>
    public int ReceiveFrom(int socket, Span<byte> into, out Endpoints endpoints) { endpoints = default; return SocketError.BadSocket; }

    /// <summary>Length of the oldest datagram, or WouldBlock.</summary>
    public int NextDatagramLength(int socket) => SocketError.BadSocket;

    // ---- any socket ----

    /// <summary>What is ready now. A handle that names nothing is <see cref="Readiness.Error"/> | <see cref="Readiness.HangUp"/>.</summary>
    public Readiness GetReadiness(int socket) => Readiness.Error;

    /// <summary>Why the connection broke, once (SO_ERROR): 0 or a SocketError.</summary>
    public int TakeError(int socket) => SocketError.BadSocket;

    public int SetOption(int socket, SocketOption option, int value, ulong now) => SocketError.BadSocket;

    public int GetOption(int socket, SocketOption option) => SocketError.BadSocket;

    /// <summary>Addresses and ports of a socket. Returns 0 or BadSocket.</summary>
    public int GetEndpoints(int socket, out Endpoints endpoints) { endpoints = default; return SocketError.BadSocket; }

    /// <summary>A snapshot of a connection. Returns 0 or BadSocket.</summary>
    public int GetInformation(int socket, out ConnectionInformation information) { information = default; return SocketError.BadSocket; }

    /// <summary>Queued bytes that the peer has not acknowledged, FIN not counted; 0 also when the connection is over (see <see cref="TakeError"/>).</summary>
    public int UnacknowledgedBytes(int socket) => SocketError.BadSocket;

    /// <summary>For /proc/net/tcp: the handle of the index-th TCP connection slot in use, or BadSocket; index from 0 to the configured count.</summary>
    public int SocketAt(int index) => SocketError.BadSocket;
}
