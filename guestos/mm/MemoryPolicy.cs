namespace Guestos;

/// <summary>What mm asks of those who run processes. Registered at boot.</summary>
public static unsafe class MemoryPolicy
{
    /// <summary>
    /// Whether the current process's stack may become so many bytes long, for which so many pages are added to an area
    /// that is locked or not.
    /// </summary>
    public static delegate*<AddressSpace*, ulong, ulong, bool, bool> MayGrowStack;

    /// <summary>No frame is left for a page that the current process needs: it does not go on.</summary>
    public static delegate*<void> OutOfMemory;
}
