using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>
/// What user mode computes clocks of, in a page that all processes map (arch/Vdso.S, which reaches these by offset).
/// Written by <see cref="Clock"/> only. No process runs meanwhile; one that was interrupted while it read sees another
/// <see cref="Version"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct SharedClock
{
    public ulong Version;

    /// <summary>Time stamp counter at monotonic time <see cref="Base"/>, and nanoseconds per tick times 2^32.</summary>
    public ulong Origin;
    public ulong Scale;
    public ulong Base;

    /// <summary>What is added for wall time, beside what of the slew is over.</summary>
    public ulong WallOffset;
    public long SlewLeft;
    public ulong SlewStart;
    public ulong SlewRate;

    /// <summary>Its place in the page.</summary>
    public const int Offset = 0xf80;
}
