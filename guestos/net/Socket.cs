using Netstack;

namespace Guestos;

internal enum SocketKind : byte
{
    Stream,
    Datagram,

    /// <summary>ICMP Echo (SOCK_DGRAM, IPPROTO_ICMP: what ping uses without privileges).</summary>
    Echo,

    /// <summary>
    /// SOCK_RAW, IPPROTO_ICMP as ping uses it: an Echo socket whose identifier is that of the first request, and whose
    /// replies come with their IPv4 header (raw(7)).
    /// </summary>
    RawEcho,
}

/// <summary>
/// What a socket descriptor points to. The protocol's state is the stack's; here is what the stack does not know: an
/// address bound but not yet used, options set before there is a connection, who sleeps.
/// </summary>
internal unsafe struct Socket
{
    /// <summary>Neighbours in the list of all sockets.</summary>
    public Socket* Next;
    public Socket* Previous;

    public SocketKind Kind;

    /// <summary>AF_INET or AF_INET6 (<see cref="SocketAddress"/>).</summary>
    public ushort Family;

    /// <summary>IPV6_V6ONLY: IPv4 does not exist for it.</summary>
    public bool Only6;
    public bool Bound;

    /// <summary>bind(2) named the port, so that it stays the socket's when it ceases to listen.</summary>
    public bool PortGiven;
    public bool Listening;

    /// <summary>Of one that listens: how many connections may wait (listen(2)).</summary>
    public int Backlog;

    /// <summary>connect was called and its outcome has not been told yet.</summary>
    public bool Connecting;
    public bool ReadShut;

    /// <summary>Of a datagram socket: shutdown(2) has ended sending.</summary>
    public bool WriteShut;

    /// <summary>
    /// The last send or poll found no room: only then does an acknowledgement report EPOLLOUT.
    /// </summary>
    public bool WantsRoom;
    public bool NoDelay;
    public bool KeepAlive;

    // Options as they were set, for connections that are still to come and for those who ask.
    public bool Corked;
    public bool ReuseAddress;

    /// <summary>SO_REUSEPORT: it shares its address with others of its user that have set it, too.</summary>
    public bool ReusePort;
    public bool Broadcast;
    public bool LingerOn;

    /// <summary>IP_PKTINFO and IPV6_RECVPKTINFO: recvmsg(2) tells where a datagram was sent to.</summary>
    public bool TellsDestination;
    public bool TellsDestination6;

    /// <summary>IP_MTU_DISCOVER and IPV6_MTU_DISCOVER, as they were set.</summary>
    public byte PathMtu;
    public byte PathMtu6;

    // Options of IPv6 as they were set. Hops and classes are those of every packet of this host.
    public bool DoNotFragment6;
    public bool LoopsMulticast6;
    public byte TrafficClass6;
    public short UnicastHops6;
    public short MulticastHops6;
    public int LingerSeconds;
    public int Priority;
    public int TypeOfService;

    /// <summary>Bytes that SO_SNDBUF and SO_RCVBUF answer, 0 for what is so.</summary>
    public int SendBuffer;
    public int ReceiveBuffer;

    /// <summary>Seconds, and for TCP_USER_TIMEOUT milliseconds; 0 for the default.</summary>
    public int KeepAliveIdle;
    public int KeepAliveInterval;
    public int KeepAliveCount;
    public int UserTimeout;

    /// <summary>Who has made it.</summary>
    public uint UserId;

    /// <summary>What sockets that may share an address have in common, for the stack; 0: it does not share.</summary>
    public readonly ulong Sharers => ReusePort ? UserId + 1ul : 0;

    /// <summary>Handle of the stack, or −1 while there is none.</summary>
    public int Handle;

    /// <summary>As bind(2) was told, or the wildcard.</summary>
    public Address LocalAddress;
    public ushort LocalPort;

    /// <summary>SO_RCVTIMEO and SO_SNDTIMEO in nanoseconds, 0 for none.</summary>
    public ulong ReceiveTimeout;
    public ulong SendTimeout;

    public WaitQueue Queue;

    /// <summary>The address of a socket that is not bound to one.</summary>
    public readonly Address Wildcard => Family == SocketAddress.Inet6 ? Address.Any : Address.Any4;
}
