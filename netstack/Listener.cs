namespace Netstack;

/// <summary>A listening socket and the queue of connections that wait to be accepted.</summary>
internal struct Listener
{
    public uint Address;
    public ushort Port;
    public bool InUse;
    public uint Generation;
    public int Backlog;

    /// <summary>Connections in SYN-RECEIVED or in the queue.</summary>
    public int Pending;
    public short QueueHead, QueueTail;

    // Inherited by accepted connections.
    public bool NoDelay, KeepAlive;
    public int KeepAliveIdle, KeepAliveInterval, KeepAliveCount, UserTimeout;
}
