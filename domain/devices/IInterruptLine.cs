namespace Domain.Devices;

/// <summary>A wire from a device to an input of the I/O APIC.</summary>
/// <remarks>
/// Contract of this folder: a device is made before the machine runs, and is then called by the CPU thread only, so it
/// needs no lock. It reaches guest memory through <see cref="DmaMemory"/>, which checks every address, and the host
/// through channels and descriptors that it was given; it opens nothing and starts no thread. No call waits for the
/// guest; a turn serves a bounded number of requests.
/// </remarks>
public interface IInterruptLine
{
    /// <summary>
    /// Drives the wire. Driving it high again while it is high is a new event on an edge-triggered input.
    /// </summary>
    void Set(bool high);
}
