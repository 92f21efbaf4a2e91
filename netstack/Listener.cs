namespace Netstack;

/// <summary>A listening socket and its connections that are being opened or wait to be accepted.</summary>
internal struct Listener
{
    public uint Address;
    public ushort Port;
    public bool InUse;

    public uint Generation;

    /// <summary>Most connections of either list.</summary>
    public int Backlog;

    public ConnectionList HalfOpen, Queue;

    // Inherited by accepted connections.
    public bool NoDelay, KeepAlive, Reserved, Reuse;
    public int KeepAliveIdle, KeepAliveInterval, KeepAliveCount, UserTimeout;
}
