using System.Machine;

namespace Guestos;

/// <summary>Time, in nanoseconds.</summary>
public static class Clock
{
    private static TimeSource s_source;

    /// <summary>Monotonic time at the time source's origin, and the distance of wall time from monotonic time.</summary>
    private static ulong s_base;
    private static ulong s_wallOffset;

    /// <summary>Since boot; goes on through a migration.</summary>
    public static ulong Monotonic => s_base + s_source.Nanoseconds;

    /// <summary>Since 1970-01-01 UTC.</summary>
    public static ulong Realtime => Monotonic + s_wallOffset;

    /// <summary>clock_settime, settimeofday.</summary>
    public static void SetRealtime(ulong nanoseconds) => s_wallOffset = nanoseconds - Monotonic;

    /// <summary>At boot.</summary>
    internal static void Start()
    {
        s_source = TimeSource.Measure(Interrupts.Local);
        s_wallOffset = CmosClock.ReadUnixSeconds() * 1_000_000_000 - Monotonic;
    }

    /// <summary>
    /// After a move: the machine's clocks are others. Monotonic goes on from where it was; Realtime too, unless the new machine's clock differs by
    /// more than two seconds: then that is the time.
    /// </summary>
    public static void Resume(ulong monotonic, ulong realtime)
    {
        s_source = TimeSource.Measure(Interrupts.Local);
        s_base = monotonic;
        s_wallOffset = realtime - monotonic;
        ulong machine = CmosClock.ReadUnixSeconds() * 1_000_000_000;
        if ((machine > realtime ? machine - realtime : realtime - machine) > 2_000_000_000)
            s_wallOffset = machine - monotonic;
    }

    internal static uint ToTimerTicks(ulong nanoseconds) => s_source.ToTimerTicks(nanoseconds);
}
