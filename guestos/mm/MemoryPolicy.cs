namespace Guestos;

/// <summary>What mm asks of those who run processes. Registered at boot.</summary>
public static unsafe class MemoryPolicy
{
    /// <summary>
    /// Whether the current process's stack may become so many bytes long, for which so many pages are added to an area
    /// that is locked or not.
    /// </summary>
    public static delegate*<AddressSpace*, ulong, ulong, bool, bool> MayGrowStack;

    /// <summary>
    /// No frame is left for a page that the current process needs: somebody ends. False when it is the current process;
    /// otherwise its access is worth another try once others have run. Nothing sleeps in it.
    /// </summary>
    public static delegate*<bool> Relieve;

    /// <summary>
    /// Whether the current process may use what is reserved for the kernel's own work and for the superuser. True in
    /// interrupts and at boot.
    /// </summary>
    public static delegate*<bool> MayUseReserve;
}
