namespace Guestos;

/// <summary>
/// Where the pages of a mapping come from, as mm sees it: the first field of an inode. Whoever keeps one holds a
/// reference on it.
/// </summary>
public unsafe struct MemoryObject
{
    /// <summary>Bytes. Pages wholly behind it cannot be had.</summary>
    public ulong Size;

    /// <summary>Areas of address spaces that it is mapped into.</summary>
    public int Mappings;

    /// <summary>Address spaces that run it as their program.</summary>
    public int Executions;

    /// <summary>What the file layer does with it. Registered at boot.</summary>
    public static MemoryObjectOperations Operations;
}

public unsafe struct MemoryObjectOperations
{
    /// <summary>Takes and gives back a reference.</summary>
    public delegate*<MemoryObject*, void> Hold;
    public delegate*<MemoryObject*, void> Release;

    /// <summary>
    /// The frame that holds a page, by its number, to be mapped read-only; 0: there is none, and none can be made if
    /// that is asked for.
    /// </summary>
    public delegate*<MemoryObject*, ulong, bool, ulong> PageFrame;

    /// <summary>Copies bytes from an offset. How many, 0 at the end, or -errno.</summary>
    public delegate*<MemoryObject*, ulong, byte*, ulong, long> Read;
}
