using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>
/// The host's monotonic clock, which is also the guest's time stamp counter (1 GHz) and APIC timer clock.
/// </summary>
public static class Clock
{
    /// <summary>Nanoseconds of CLOCK_MONOTONIC. On Linux the stopwatch counts exactly these.</summary>
    public static ulong Nanoseconds
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (ulong)Stopwatch.GetTimestamp();
    }
}
