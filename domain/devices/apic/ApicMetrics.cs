namespace Domain.Devices;

/// <summary>What the interrupt controllers did.</summary>
public struct ApicMetrics
{
    public ulong Delivered;
    public ulong TimerInterrupts;

    /// <summary>Messages with an illegal vector.</summary>
    public ulong Errors;
}
