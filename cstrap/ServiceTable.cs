namespace Cstrap;

/// <summary>
/// What a loader finds in RDI: the firmware's services (docs/architecture.md, "cstrap and the loader's service table").
/// All functions are System V AMD64; interrupts are off before and after each.
/// </summary>
public unsafe struct ServiceTable
{
    public const uint ExpectedMagic = 0x52545343; // "CSTR"
    public const uint ExpectedVersion = 2;

    public uint Magic, Version;

    /// <summary>Physical address of a copy of the monitor's <c>hvm_start_info</c>, in the firmware window.</summary>
    public ulong StartInfo;

    /// <summary>End of RAM.</summary>
    public ulong MemoryEnd;

    /// <summary>The next bytes of the connection: more than 0 is how many, 0 the end of the stream, less than 0 that it broke.</summary>
    public delegate*<byte*, ulong, long> Receive;

    /// <summary>Sends all of it; less than 0 when the connection broke.</summary>
    public delegate*<byte*, ulong, long> Send;

    /// <summary>Waits until the peer has acknowledged everything: 0, or less when it did not within the milliseconds. With 0 milliseconds: until the device has sent it.</summary>
    public delegate*<ulong, long> Flush;

    /// <summary>Text for the console.</summary>
    public delegate*<byte*, ulong, void> Write;

    /// <summary>Resets every virtio device, stops the timer, and clears all keys and the 24 KiB below the caller's stack pointer: only memory and processor are left. No other service works afterwards but Write and Reset.</summary>
    public delegate*<void> Quiesce;

    /// <summary>Ends the machine.</summary>
    public delegate*<void> Reset;

    /// <summary>How fast this machine's time stamp counter and local APIC timer count, as the firmware found out. kHz.</summary>
    public uint CounterKilohertz, TimerKilohertz;
}
