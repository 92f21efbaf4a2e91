using System;

namespace Tokenbroker.Http;

/// <summary>
/// Tells when the clock was set on. What lapses by the clock cannot be taken back, so none of it is done until there was
/// time to set the clock right.
/// </summary>
/// <param name="clock">Unix seconds, which may be set.</param>
/// <param name="elapsed">Milliseconds of a clock that nobody sets.</param>
internal sealed class ClockWatch(Func<long> clock, Func<long> elapsed)
{
    /// <summary>Seconds by which the clock may go on faster than time between two looks, as NTP may have it.</summary>
    internal const int Tolerance = 300;

    /// <summary>Seconds after it was set on, in which nothing lapses.</summary>
    internal const int Patience = 3600;

    private long before = clock();
    private long lookedAt = elapsed();
    private long heldUntil = long.MinValue;

    /// <summary>
    /// How many seconds the clock was set on since the last look, if that is more than <see cref="Tolerance"/>;
    /// otherwise 0.
    /// </summary>
    internal long Look()
    {
        long now = clock(), at = elapsed();
        long gained = now - before - (at - lookedAt) / 1000;
        (before, lookedAt) = (now, at);
        if (gained <= Tolerance)
            return 0;
        heldUntil = at + 1000L * Patience;
        return gained;
    }

    /// <summary>As of the last look.</summary>
    internal bool IsTrusted => lookedAt >= heldUntil;
}
