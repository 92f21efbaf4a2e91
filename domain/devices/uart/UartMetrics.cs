namespace Domain.Devices;

/// <summary>What went through the serial port, in characters.</summary>
public struct UartMetrics
{
    public ulong Transmitted;
    public ulong Received;

    /// <summary>Characters that came while the receive buffer was full.</summary>
    public ulong Overruns;
}
