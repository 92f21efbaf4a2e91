namespace Guestos;

/// <summary>
/// Where the pages of a mapping come from, as mm sees it: the first field of an inode. Every pointer to one that is
/// kept holds a reference.
/// </summary>
public unsafe struct MemoryObject
{
    /// <summary>Bytes. A page that lies wholly behind it cannot be mapped (SIGBUS).</summary>
    public ulong Size;

    /// <summary>Areas of address spaces that it is mapped into.</summary>
    public int Mappings;

    /// <summary>Those of them that are shared: what is written there is the file's.</summary>
    public int SharedMappings;

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
    /// The frame that holds a page of the file, for mapping it: others see what is written to it. Arguments: the page's
    /// number, and whether a frame is made when there is none. Returns its physical address, or 0 for none.
    /// </summary>
    public delegate*<MemoryObject*, ulong, bool, ulong> PageFrame;

    /// <summary>Copies bytes from an offset. Returns how many, 0 at the end, or -errno.</summary>
    public delegate*<MemoryObject*, ulong, byte*, ulong, long> Read;
}
