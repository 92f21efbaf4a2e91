namespace Wire;

/// <summary>
/// The firmware's services for the loader that it started: the first argument of the loader's entry
/// (docs/architecture.md, "cstrap and the loader's service table"). The functions are System V AMD64; they are called
/// with interrupts off, under the firmware's identity map, and return so.
/// </summary>
public unsafe struct ServiceTable
{
    public const uint ExpectedMagic = 0x52545343; // "CSTR"
    public const uint ExpectedVersion = 3;

    public uint Magic;
    public uint Version;

    /// <summary>
    /// Physical address of a copy of the monitor's <c>hvm_start_info</c>, in the firmware's part of memory.
    /// </summary>
    public ulong StartInfo;

    /// <summary>Physical address one past the last byte of RAM.</summary>
    public ulong MemoryEnd;

    /// <summary>
    /// The next bytes of the connection: more than 0 is how many, 0 the end of the stream, less than 0 that the
    /// connection broke.
    /// </summary>
    public delegate*<byte*, ulong, long> Receive;

    /// <summary>Sends all of it; less than 0 when the connection broke.</summary>
    public delegate*<byte*, ulong, long> Send;

    /// <summary>
    /// Waits until the peer has acknowledged everything: 0, or less when it did not within the milliseconds. With 0
    /// milliseconds: sends the last of what it has not once more, and waits until the device has sent it.
    /// </summary>
    public delegate*<ulong, long> Flush;

    /// <summary>Text for the console.</summary>
    public delegate*<byte*, ulong, void> Write;

    /// <summary>
    /// Resets every virtio device, stops the timer, and clears all keys and the 24 KiB below the caller's stack
    /// pointer: only memory and processor are left. Afterwards only <see cref="Write"/> and <see cref="Reset"/> may be
    /// called.
    /// </summary>
    public delegate*<void> Quiesce;

    /// <summary>Ends the machine.</summary>
    public delegate*<void> Reset;

    /// <summary>How fast this machine's time stamp counter counts, as the firmware found out. kHz.</summary>
    public uint CounterKilohertz;

    /// <summary>How fast this machine's local APIC timer counts, as the firmware found out. kHz.</summary>
    public uint TimerKilohertz;

    /// <summary>
    /// Announces an IPv4 address (host order) as this machine's by gratuitous ARP: from now on frames for it come here.
    /// The firmware does not answer for it.
    /// </summary>
    public delegate*<uint, void> Claim;

    /// <summary>
    /// Physical address from which on all RAM is zeros: a monitor starts with memory of zeros, and no loader has run.
    /// 0 when one has, or when the firmware does not know.
    /// </summary>
    public ulong ZerosFrom;
}
