namespace Guestos;

/// <summary>Time, in nanoseconds.</summary>
public static class Clock
{
    /// <summary>Since boot; goes on through a migration.</summary>
    public static ulong Monotonic => 0;

    /// <summary>Since 1970-01-01 UTC.</summary>
    public static ulong Realtime => 0;
}
