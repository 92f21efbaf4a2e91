using System;

namespace Netstack;

/// <summary>What poll and epoll want to know about a socket.</summary>
[Flags]
public enum Readiness : uint
{
    None = 0,

    /// <summary>Receive gives bytes, or the end of the stream; a datagram waits.</summary>
    Readable = 1,

    /// <summary>Send takes bytes (TCP: a quarter of the ring, of the page bytes, and a chunk are free).</summary>
    Writable = 2,

    /// <summary>A listener has a connection to accept.</summary>
    Acceptable = 4,

    /// <summary>The peer has sent its FIN: nothing more comes after what is buffered (POLLRDHUP).</summary>
    PeerClosed = 8,

    /// <summary>Both directions are finished, or the connection is gone (POLLHUP).</summary>
    HangUp = 16,

    /// <summary>The connection broke; <see cref="Stack.TakeError"/> says why (POLLERR).</summary>
    Error = 32,
}

/// <summary>Why a call failed. Calls return a count or handle (0 or more), or one of these (negative).</summary>
public static class SocketError
{
    /// <summary>Nothing to do now; the Changed hook tells when to try again (EAGAIN).</summary>
    public const int WouldBlock = -1;

    /// <summary>The handle names no socket, or one of another kind (EBADF).</summary>
    public const int BadSocket = -2;

    /// <summary>An argument is out of its range (EINVAL).</summary>
    public const int Invalid = -3;

    /// <summary>All sockets of this kind, or all send chunks, are in use (ENOBUFS).</summary>
    public const int NoRoom = -4;

    /// <summary>Somebody listens on or uses that address and port (EADDRINUSE).</summary>
    public const int AddressInUse = -5;

    /// <summary>The address is not one of ours (EADDRNOTAVAIL).</summary>
    public const int AddressNotAvailable = -6;

    /// <summary>Not connected yet, or no more (ENOTCONN).</summary>
    public const int NotConnected = -7;

    /// <summary>The peer answered our SYN with RST (ECONNREFUSED).</summary>
    public const int Refused = -8;

    /// <summary>The peer sent RST (ECONNRESET).</summary>
    public const int Reset = -9;

    /// <summary>The peer did not acknowledge in time, or keep-alive got no answer (ETIMEDOUT).</summary>
    public const int TimedOut = -10;

    /// <summary>No neighbour answers ARP, or a router said so (EHOSTUNREACH).</summary>
    public const int HostUnreachable = -11;

    /// <summary>There is no route to the address (ENETUNREACH).</summary>
    public const int NetworkUnreachable = -12;

    /// <summary>Our side of the stream is already shut down (EPIPE).</summary>
    public const int ShutDown = -13;

    /// <summary>A datagram is larger than the MTU allows (EMSGSIZE).</summary>
    public const int MessageTooLong = -14;

    /// <summary>The connection was aborted on our side (ECONNABORTED).</summary>
    public const int Aborted = -15;
}

/// <summary>The four numbers of a connection; ports in host order, 0 where there is none.</summary>
public struct Endpoints
{
    public Address LocalAddress;
    public Address RemoteAddress;
    public ushort LocalPort;
    public ushort RemotePort;
}

/// <summary>TCP connection states (RFC 9293 §3.3.2); also of a closed connection whose handle is still held.</summary>
public enum TcpState : byte
{
    Closed,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

/// <summary>Options of a socket. The value is 0 or 1 where no unit is given.</summary>
public enum SocketOption
{
    /// <summary>Send small segments at once instead of waiting for acknowledgements (TCP_NODELAY).</summary>
    NoDelay,

    /// <summary>Probe an idle peer (SO_KEEPALIVE).</summary>
    KeepAlive,

    /// <summary>Idle milliseconds before the first probe (TCP_KEEPIDLE). Default 7,200,000.</summary>
    KeepAliveIdle,

    /// <summary>Milliseconds between probes (TCP_KEEPINTVL). Default 75,000.</summary>
    KeepAliveInterval,

    /// <summary>Unanswered probes before the connection is given up (TCP_KEEPCNT). Default 9.</summary>
    KeepAliveCount,

    /// <summary>
    /// Milliseconds that data may stay unacknowledged before the connection is given up (TCP_USER_TIMEOUT). Default 0:
    /// 15 retransmissions.
    /// </summary>
    UserTimeout,
}

/// <summary>
/// A snapshot of one connection for /proc, tests and progress lines. Sizes in bytes.
/// </summary>
public struct ConnectionInformation
{
    public Endpoints Endpoints;
    public TcpState State;

    /// <summary>That of its user, or −1.</summary>
    public int Handle;
    public bool SackPermitted;
    public bool TimestampsEnabled;
    public byte SendWindowShift;
    public byte ReceiveWindowShift;
    public int MaximumSegmentSize;
    public uint CongestionWindow;
    public uint SlowStartThreshold;
    public uint SendWindow;
    public int UnacknowledgedBytes;
    public int QueuedBytes;
    public int ReadableBytes;
    public uint Retransmissions;
}
