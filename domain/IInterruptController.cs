namespace Domain;

/// <summary>What the processor sees of its local APIC.</summary>
public interface IInterruptController
{
    /// <summary>An interrupt above the processor priority waits to be acknowledged.</summary>
    bool Pending { get; }

    /// <summary>
    /// Takes the highest pending interrupt into service and returns its vector (the spurious vector when none is left).
    /// </summary>
    int Acknowledge();

    /// <summary>CR8: bits 7–4 of the task priority register (SDM vol. 3, 12.8.6).</summary>
    uint TaskPriority { get; set; }

    /// <summary>IA32_TSC_DEADLINE (SDM vol. 3, 12.5.4.1).</summary>
    ulong TscDeadline { get; set; }

    /// <summary>What the time stamp counter is ahead of <see cref="Clock"/>, modulo 2^64.</summary>
    ulong TscOffset { set; }
}
