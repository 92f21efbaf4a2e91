namespace Guestos;

/// <summary>One user address space: page tables and the areas in it.</summary>
public unsafe partial struct AddressSpace
{
    /// <summary>Processes that share it.</summary>
    public int References;

    /// <summary>Physical address of the top-level page table.</summary>
    public ulong Root;

    /// <summary>All address spaces, in no order.</summary>
    public static AddressSpace* First;
    public AddressSpace* Next;

    /// <summary>Program arguments and environment on the stack: /proc/PID/cmdline and environ.</summary>
    public ulong ArgumentsStart, ArgumentsEnd, EnvironmentStart, EnvironmentEnd;

    /// <summary>Frames mapped now (resident set) and pages of all areas.</summary>
    public ulong ResidentPages;
    public ulong TotalPages;

    /// <summary>
    /// Copies bytes out of another process's memory (for /proc); what is not resident reads as zeros.
    /// Returns how many bytes were copied: less than <paramref name="count"/> where an area ends.
    /// </summary>
    public static int Peek(AddressSpace* space, ulong address, byte* to, int count) => 0;
}
