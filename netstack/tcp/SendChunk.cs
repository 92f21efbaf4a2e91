namespace Netstack;

/// <summary>
/// A run of a connection's send queue: bytes in its ring, or part of a page frame. Linked in stream order.
/// </summary>
internal struct SendChunk
{
    /// <summary>The owner's name of the page frame.</summary>
    public ulong Reference;

    /// <summary>Position in the ring, or offset in the page frame, of the first byte not yet acknowledged.</summary>
    public uint Offset;

    public int Length;
    public int Next;
    public bool IsPage;
}
