namespace Domain.Devices;

/// <summary>A wire from a device to an input of the I/O APIC.</summary>
public interface IInterruptLine
{
    /// <summary>
    /// Drives the wire. Driving it high again while it is high is a new event on an edge-triggered input.
    /// </summary>
    void Set(bool high);
}
