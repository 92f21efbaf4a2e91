using System.Runtime.InteropServices;

namespace Loader.Checkpoint;

/// <summary>What the recovery code finds at RDX (docs/architecture.md, "Checkpoint hand-over"). The late frames lie right behind it.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal struct Arrival
{
    /// <summary>Bytes of late frames.</summary>
    public ulong LateBytes;

    /// <summary>Nanoseconds since the snapshot, half-way between VERIFIED and COMMIT, as the sender says.</summary>
    public ulong SinceSnapshot;

    /// <summary>This machine's time stamp counter half-way between VERIFIED and COMMIT.</summary>
    public ulong Counter;

    /// <summary>How fast this machine's time stamp counter and local APIC timer count, so that nobody stands still to measure it again. kHz.</summary>
    public uint CounterKilohertz, TimerKilohertz;
}
