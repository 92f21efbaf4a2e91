namespace Netstack;

internal enum NeighbourState : byte
{
    Free,

    /// <summary>Asked, no answer yet.</summary>
    Incomplete,

    Reachable,

    /// <summary>Used while it is asked again.</summary>
    Probing,
}

/// <summary>What is known of a host of the link.</summary>
internal struct Neighbour
{
    public Address Address;
    public NeighbourState State;
    public byte Attempts;
    public ulong MacAddress;

    /// <summary>When the next request is due, or when the entry becomes old.</summary>
    public ulong Deadline;

    /// <summary>When it was last used, by which the entry to displace is chosen.</summary>
    public ulong LastUsed;

    /// <summary>Held datagram of this neighbour: buffer number, or -1.</summary>
    public short Held;
}
