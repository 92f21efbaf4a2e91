using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// What the checkpoint loader tells the recovery code of the guest that it resumes: the third argument of the recovery
/// entry (docs/architecture.md, "Checkpoint hand-over"). The late frames lie right behind it.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
public struct ArrivalBlock
{
    /// <summary>Bytes of late frames.</summary>
    public ulong LateBytes;

    /// <summary>Nanoseconds since the snapshot, half-way between VERIFIED and COMMIT, as the sender says.</summary>
    public ulong SinceSnapshot;

    /// <summary>This machine's time stamp counter half-way between VERIFIED and COMMIT.</summary>
    public ulong Counter;

    /// <summary>
    /// How fast this machine's time stamp counter counts, as the firmware found out: the guest does not measure it
    /// again. kHz.
    /// </summary>
    public uint CounterKilohertz;

    /// <summary>How fast this machine's local APIC timer counts. kHz.</summary>
    public uint TimerKilohertz;
}
