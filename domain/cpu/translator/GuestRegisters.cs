namespace Domain;

/// <summary>Where the guest's registers are while translated code runs.</summary>
/// <remarks>
/// RAX to R11 lie in the host's of the same name, but RSP, which lies in R15: the host's own stack stays where it is,
/// since signals are delivered on it. R12 to R15 stay in <see cref="CpuState.Gpr"/>. Host R12 holds
/// <see cref="CpuState.Budget"/>; R13 and R14 are free for use within an instruction.
/// </remarks>
internal static class GuestRegisters
{
    public const int Rax = 0, Rcx = 1, Rdx = 2, Rbx = 3, Rsp = 4, Rbp = 5, Rsi = 6, Rdi = 7, LastHeld = 11;

    /// <summary>Holds the budget: instructions left until the run loop looks up.</summary>
    public const int Budget = 12;

    /// <summary>Free for use; between instructions nothing of the guest's is in them.</summary>
    public const int Scratch = 13, Pointer = 14;

    /// <summary>The host register that holds the guest's RSP.</summary>
    public const int StackPointer = 15;

    /// <summary>The host register of a guest register, or -1 where it has none.</summary>
    public static int HostOf(int guest) => guest == Rsp ? StackPointer : guest <= LastHeld ? guest : -1;

    /// <summary>RBX, RBP, R12–R15: what a function of the System V ABI leaves as it was.</summary>
    public static readonly int[] Preserved = [3, 5, 12, 13, 14, 15];
}
