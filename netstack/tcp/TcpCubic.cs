using System;

namespace Netstack;

/// <summary>
/// CUBIC (RFC 9438): how the congestion window grows when it is above the slow start threshold, as a function of the
/// time since it was last reduced, so that flows of different round trips share a line. Integers only: windows in
/// bytes, time in milliseconds, C = 0.4 segments/s³, β = 0.7.
/// </summary>
internal static unsafe class TcpCubic
{
    /// <summary>Milliseconds beyond which the curve is flat: it would have passed every window long before.</summary>
    private const ulong MaxMilliseconds = 100_000;

    /// <summary>β of a window.</summary>
    internal static uint Reduced(uint window) => (uint)((ulong)window * 7 / 10);

    /// <summary>§4.6, §4.7: the window is about to be reduced.</summary>
    internal static void OnReduction(Connection* c)
    {
        uint window = c->CongestionWindow;
        // Fast convergence: who has had to give way below the last maximum leaves room to newcomers, (1 + β) / 2.
        bool gaveWay = window < c->CubicMaximum;
        c->CubicMaximum = gaveWay ? (uint)((ulong)window * 17 / 20) : window;
        c->CubicPrior = window;
        c->CubicEpoch = 0;
    }

    /// <summary>§4.8: after a timeout the curve begins at the window at which slow start ends.</summary>
    internal static void OnTimeout(Connection* c)
    {
        c->CubicMaximum = 0;
        c->CubicPrior = c->CongestionWindow;
        c->CubicEpoch = 0;
    }

    /// <summary>§5.8: for so long the window was not what limited the sender: that time does not count.</summary>
    internal static void Pass(Connection* c, ulong nanoseconds, ulong now)
    {
        if (c->CubicEpoch != 0)
            c->CubicEpoch = Math.Min(c->CubicEpoch + nanoseconds, now);
    }

    /// <summary>So many bytes were acknowledged while the window was in use (§4.2 to §4.5).</summary>
    internal static void Grow(Connection* c, uint bytes, ulong now)
    {
        if (c->CubicEpoch == 0)
            Begin(c, now);
        uint window = c->CongestionWindow;
        ulong elapsed = (now - c->CubicEpoch) / Tcp.Millisecond;
        GrowEstimate(c, bytes, window);
        if (WindowAt(c, elapsed) < c->CubicEstimate)
        {
            c->CongestionWindow = Math.Max(window, c->CubicEstimate);
            return;
        }
        uint target = WindowAt(c, elapsed + c->SmoothedRoundTrip / Tcp.Millisecond);
        target = Math.Max(window, Math.Min(target, window + window / 2));
        c->CubicCredit += (ulong)(target - window) * bytes;
        ulong growth = c->CubicCredit / window;
        c->CubicCredit -= growth * window;
        c->CongestionWindow = window + (uint)growth;
    }

    private static void Begin(Connection* c, ulong now)
    {
        uint window = c->CongestionWindow;
        c->CubicEpoch = now;
        if (c->CubicMaximum < window)
            c->CubicMaximum = window;
        c->CubicPeriod = Period(c->CubicMaximum - window, c->SegmentSize);
        c->CubicEstimate = window;
        c->CubicCredit = 0;
        c->CubicEstimateCredit = 0;
    }

    // W_est of §4.3: what Reno would have: α = 3 (1 − β) / (1 + β) = 9 / 17 of a segment a window until it is where it
    // was before the reduction, then a whole one.
    private static void GrowEstimate(Connection* c, uint bytes, uint window)
    {
        ulong share = c->CubicEstimate >= c->CubicPrior ? 17ul : 9ul;
        ulong whole = 17ul * window;
        c->CubicEstimateCredit += share * bytes * c->SegmentSize;
        ulong growth = c->CubicEstimateCredit / whole;
        c->CubicEstimateCredit -= growth * whole;
        c->CubicEstimate = (uint)Math.Min(c->CubicEstimate + growth, TcpCongestion.MaxWindow);
    }

    /// <summary>K of §4.2 in milliseconds: the cube root of (W_max − cwnd_epoch) / C.</summary>
    internal static uint Period(uint bytes, uint segmentSize)
    {
        // (bytes / size) / 0.4 s³, in ms³. At most 2^26 bytes, so it fits.
        ulong cube = bytes * 2_500_000_000ul / segmentSize;
        ulong root = 0;
        for (int bit = 20; bit >= 0; bit--)
        {
            ulong next = root | 1ul << bit;
            if (next * next * next <= cube)
                root = next;
        }
        return (uint)root;
    }

    /// <summary>W_cubic of §4.2, so many milliseconds after the epoch began.</summary>
    internal static uint WindowAt(Connection* c, ulong elapsed)
    {
        bool isBefore = elapsed < c->CubicPeriod;
        ulong distance = isBefore ? c->CubicPeriod - elapsed : elapsed - c->CubicPeriod;
        distance = Math.Min(distance, MaxMilliseconds);
        // 0.4 d³ segments with d in seconds, in two steps so that it fits.
        ulong bytes = distance * distance * distance / 100_000 * (4ul * c->SegmentSize) / 100_000;
        ulong maximum = c->CubicMaximum;
        if (isBefore)
            return (uint)(maximum - Math.Min(bytes, maximum));
        return (uint)Math.Min(maximum + bytes, TcpCongestion.MaxWindow);
    }
}
