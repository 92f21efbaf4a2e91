namespace Domain;

/// <summary>
/// Numbers of the model-specific registers that exist here (SDM vol. 4, chapter 2, where nothing else is named).
/// </summary>
internal static class Msr
{
    public const uint Ia32TimeStampCounter = 0x10;
    public const uint Ia32ApicBase = 0x1b;
    public const uint Ia32BiosSignId = 0x8b;
    public const uint Ia32SysenterCs = 0x174;
    public const uint Ia32SysenterEsp = 0x175;
    public const uint Ia32SysenterEip = 0x176;
    public const uint Ia32MiscEnable = 0x1a0;
    public const uint Ia32Pat = 0x277;
    public const uint Ia32TscDeadline = 0x6e0;

    public const uint Ia32Efer = 0xc000_0080;
    public const uint Ia32Star = 0xc000_0081;
    public const uint Ia32Lstar = 0xc000_0082;

    /// <summary>
    /// The target of SYSCALL from compatibility mode, which Intel's processors do not have (AMD64 vol. 2, 6.1.1).
    /// </summary>
    public const uint Ia32Cstar = 0xc000_0083;

    public const uint Ia32Fmask = 0xc000_0084;
    public const uint Ia32FsBase = 0xc000_0100;
    public const uint Ia32GsBase = 0xc000_0101;
    public const uint Ia32KernelGsBase = 0xc000_0102;
    public const uint Ia32TscAux = 0xc000_0103;

    /// <summary>
    /// Interrupt Pending and CMP-Halt (AMD BKDG family 0Fh). Zero: a halt never goes deeper than C1. It cannot be
    /// written.
    /// </summary>
    public const uint AmdInterruptPending = 0xc001_0055;

    /// <summary>
    /// This monitor's own (40000000H to 400000FFH are left to software): while it is 1, CPUID tells programs of no
    /// extension that they have not used yet. A guest sets it before it says what it needs to move elsewhere.
    /// </summary>
    public const uint TellUsedOnly = 0x4000_0011;

    /// <summary>MSR_KVM_WALL_CLOCK_NEW (Linux: Documentation/virt/kvm/x86/msr.rst).</summary>
    public const uint KvmWallClockNew = 0x4b56_4d00;

    /// <summary>MSR_KVM_SYSTEM_TIME_NEW (Linux: Documentation/virt/kvm/x86/msr.rst).</summary>
    public const uint KvmSystemTimeNew = 0x4b56_4d01;
}
