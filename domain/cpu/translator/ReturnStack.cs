namespace Domain;

/// <summary>
/// Where the host's stack pointer is while translated code runs: a guest's CALL is a CALL of the host's, a RET a RET of
/// the host's, so that the processor foresees where returns lead.
/// </summary>
/// <remarks>
/// The words on it are addresses of translated code, written by the host's CALL alone: what follows a CALL compares the
/// address that the guest's RET has found in the guest's memory with its own, and otherwise looks for it among recent
/// targets. Privileges have a stack each. A stack holds what is good as long as nothing changes the mode or entries of
/// the TLB for code: then both are emptied, as the interpreter's links are void.
/// Below the pointer there is room for frames of signals, which are delivered here, and below each stack memory that
/// cannot be touched (<see cref="CodeMemory.AllocateStack"/>).
/// </remarks>
internal static unsafe class ReturnStack
{
    public const int Bytes = 128 << 10;

    /// <summary>
    /// Bytes that may be in use when the run loop is left. From there on each CALL adds 8, at most one for each
    /// instruction of a quantum, 32 KiB; the rest is for signals.
    /// </summary>
    private const ulong MaxKept = 16 << 10;

    /// <summary>Makes an empty stack.</summary>
    /// <param name="memory"><see cref="Bytes"/>, of nobody else</param>
    /// <param name="exhausted">code that the last RET reaches; it puts the word back</param>
    /// <returns>the pointer of the empty stack</returns>
    public static ulong Make(void* memory, uint exhausted)
    {
        ulong* bottom = (ulong*)((byte*)memory + Bytes) - 1;
        *bottom = exhausted;
        return (ulong)bottom;
    }

    /// <summary>Empties both.</summary>
    public static void Empty(CpuState* s)
    {
        s->ReturnStack = s->ReturnBottom;
        s->OtherReturnStack = s->OtherReturnBottom;
    }

    /// <summary>Changes to the stack of the other privilege.</summary>
    public static void Change(CpuState* s)
    {
        (s->ReturnStack, s->OtherReturnStack) = (s->OtherReturnStack, s->ReturnStack);
        (s->ReturnBottom, s->OtherReturnBottom) = (s->OtherReturnBottom, s->ReturnBottom);
    }

    /// <summary>
    /// Before translated code runs for a quantum: there is room for all that it may add, at both privileges, since
    /// SYSCALL and SYSRET change to the other within a quantum.
    /// </summary>
    public static void Bound(CpuState* s)
    {
        if (s->ReturnBottom - s->ReturnStack > MaxKept)
            s->ReturnStack = s->ReturnBottom;
        if (s->OtherReturnBottom - s->OtherReturnStack > MaxKept)
            s->OtherReturnStack = s->OtherReturnBottom;
    }
}
