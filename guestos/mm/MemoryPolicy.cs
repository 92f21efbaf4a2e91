namespace Guestos;

/// <summary>Questions that mm leaves to proc, which registers the functions at boot.</summary>
public static unsafe class MemoryPolicy
{
    /// <summary>
    /// Whether the current process's stack may grow (RLIMIT_STACK, RLIMIT_AS, RLIMIT_MEMLOCK). Arguments: the address
    /// space, the stack's new length in bytes, pages that are added, whether the area is locked.
    /// </summary>
    public static delegate*<AddressSpace*, ulong, ulong, bool, bool> MayGrowStack;

    /// <summary>
    /// No frame is left for a page that the current process needs: chooses a process and kills it. False when that is
    /// the current one; otherwise the access may be tried again after others have run. Never sleeps.
    /// </summary>
    public static delegate*<bool> Relieve;

    /// <summary>
    /// Whether the current process may use what is reserved for the kernel's own work and for the superuser. True in
    /// interrupts and at boot.
    /// </summary>
    public static delegate*<bool> MayUseReserve;
}
