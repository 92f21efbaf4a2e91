namespace Netstack;

/// <summary>A listening socket and its connections that are being opened or wait to be accepted.</summary>
internal struct Listener
{
    public Address Address;

    /// <summary>Its :: has no IPv4.</summary>
    public bool Only6;
    public ushort Port;
    public bool InUse;

    /// <summary>
    /// What all have in common that may listen on this address and port (SO_REUSEPORT): each gets some of the
    /// connections. 0: it listens alone.
    /// </summary>
    public ulong Sharers;

    public uint Generation;

    /// <summary>
    /// So many are kept half-open, and while so many wait to be accepted no SYN is answered. Whose SYN was answered
    /// before comes on top: he takes his connection for open, and may wait for the other side to speak, so that nothing
    /// that he sends would bring it here again.
    /// </summary>
    public int Backlog;

    /// <summary>
    /// A connection is kept from the segment on that brings so many bytes, its first; until then the stack remembers
    /// nothing of it. 0: from the SYN on.
    /// </summary>
    public int FirstBytes;

    public ConnectionList HalfOpen;
    public ConnectionList Queue;

    // Inherited by accepted connections.
    public bool NoDelay;
    public bool KeepAlive;
    public bool Reserved;
    public bool Reuse;
    public int KeepAliveIdle;
    public int KeepAliveInterval;
    public int KeepAliveCount;
    public int UserTimeout;
}
