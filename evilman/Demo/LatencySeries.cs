using System;
using System.Diagnostics;

namespace Evilman.Demo;

/// <summary>What the echoes sent within one slice of time took, in milliseconds. NaN when none was sent.</summary>
public readonly record struct LatencySlice(double Lowest, double Median, double Highest)
{
    public static readonly LatencySlice Empty = new(double.NaN, double.NaN, double.NaN);

    public bool IsEmpty => double.IsNaN(Highest);
}

/// <summary>The echoes cut into equal slices, as both charts draw them.</summary>
public static class LatencySeries
{
    public static LatencySlice[] Cut(ReadOnlySpan<Echo> echoes, long begin, long end, int slices)
    {
        var result = new LatencySlice[slices];
        Array.Fill(result, LatencySlice.Empty);
        var values = new System.Collections.Generic.List<double>();
        var at = 0;
        for (var slice = 0; slice < slices; slice++)
        {
            var limit = begin + (long)((end - begin) * ((slice + 1.0) / slices));
            values.Clear();
            for (; at < echoes.Length && echoes[at].Sent < limit; at++)
            {
                if (echoes[at].Sent >= begin)
                    values.Add(Stopwatch.GetElapsedTime(echoes[at].Sent, echoes[at].Received == 0 ? end
                        : echoes[at].Received).TotalMilliseconds);
            }
            if (values.Count == 0)
                continue;
            values.Sort();
            result[slice] = new LatencySlice(values[0], values[values.Count / 2], values[^1]);
        }
        return result;
    }

    public static double Percentile(ReadOnlySpan<Echo> echoes, double share)
    {
        var values = new System.Collections.Generic.List<double>();
        foreach (ref readonly var echo in echoes)
        {
            if (echo.Received != 0)
                values.Add(Stopwatch.GetElapsedTime(echo.Sent, echo.Received).TotalMilliseconds);
        }
        if (values.Count == 0)
            return 0;
        values.Sort();
        return values[Math.Min(values.Count - 1, (int)(share * values.Count))];
    }

    public static double Median(System.Collections.Generic.IReadOnlyCollection<double> values)
    {
        var sorted = new double[values.Count];
        var i = 0;
        foreach (var value in values)
            sorted[i++] = value;
        Array.Sort(sorted);
        return sorted.Length == 0 ? 0 : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
