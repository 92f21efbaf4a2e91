namespace Netstack;

/// <summary>
/// A UDP or ICMP Echo socket with its queue: a ring of records, each a <see cref="DatagramRecord"/> and the payload.
/// </summary>
internal unsafe struct DatagramSocket
{
    public bool InUse;
    public bool IsEcho;

    /// <summary>Its owner is privileged, and may have one of the last queues.</summary>
    public bool Reserved;
    public uint Generation;
    /// <summary>
    /// As it was opened; and where it receives: the same, or what its peer sees while there is one.
    /// </summary>
    public Address BoundAddress;
    public Address LocalAddress;
    public Address RemoteAddress;

    /// <summary>Its :: has no IPv4.</summary>
    public bool Only6;

    /// <summary>
    /// What all have in common that may be bound to this address and port (SO_REUSEPORT): each gets the datagrams of
    /// some senders. 0: it is bound alone.
    /// </summary>
    public ulong Sharers;

    /// <summary>Local port; for ICMP Echo the identifier.</summary>
    public ushort LocalPort;
    public ushort RemotePort;
    public int Error;
    public byte* Ring;
    public uint RingMask;
    public uint Head;
    public int Count;
    public short Index;
}

/// <summary>What precedes each queued payload.</summary>
internal struct DatagramRecord
{
    public Address Source;
    public Address Destination;
    public ushort SourcePort;
    public ushort DestinationPort;
    public int Length;
}
