namespace Guestos;

/// <summary>Time, in nanoseconds.</summary>
public static class Clock
{
    /// <summary>Since boot; goes on through a migration.</summary>
    public static ulong Monotonic => 0;

    /// <summary>Since 1970-01-01 UTC.</summary>
    public static ulong Realtime => 0;

    /// <summary>
    /// After a move: the machine's clocks are others. Monotonic goes on from where it was; Realtime too, unless the new machine's clock differs by
    /// more than two seconds: then that is the time.
    /// </summary>
    public static void Resume(ulong monotonic, ulong realtime) { }
}
