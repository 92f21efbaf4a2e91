namespace Domain;

/// <summary>Why <see cref="Cpu.Run"/> returned.</summary>
public enum CpuExit
{
    /// <summary>HLT with interrupts enabled and none waiting (or disabled: then nothing will wake it but a reset).</summary>
    Halted,

    /// <summary><see cref="Cpu.RaiseAttention"/> was called.</summary>
    Attention,

    /// <summary>An exception while delivering a double fault: the processor shut down.</summary>
    TripleFault,
}
/// <summary>One emulated x86-64 processor.</summary>
public sealed unsafe partial class Cpu
{
    private readonly GuestMemory memory;
    private readonly Bus bus;
    private readonly IInterruptController interrupts;

    /// <summary>Makes a processor over <paramref name="memory"/> in its reset state.</summary>
    public Cpu(GuestMemory memory, Bus bus, IInterruptController interrupts)
    {
        this.memory = memory;
        this.bus = bus;
        this.interrupts = interrupts;
    }

    /// <summary>Instructions completed since the start.</summary>
    public ulong InstructionsRetired => 0;

    /// <summary>PVH start state: 32-bit protected mode, paging off, EBX = start information.</summary>
    public void ResetToPvh(uint entry, uint startInfo)
    {
        _ = entry;
        _ = startInfo;
    }

    /// <summary>Runs until something outside the processor is needed.</summary>
    public CpuExit Run() => interrupts.Pending && memory.Size != 0 && bus is not null ? CpuExit.TripleFault : CpuExit.Halted;

    /// <summary>Makes <see cref="Run"/> return <see cref="CpuExit.Attention"/> soon. Any thread may call it.</summary>
    public void RaiseAttention()
    {
    }

    /// <summary>A device wrote guest-physical memory: decoded blocks there are stale.</summary>
    public void InvalidateCode(ulong physical, ulong length)
    {
        _ = physical;
        _ = length;
    }
}
