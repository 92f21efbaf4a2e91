using System;

namespace Evilman.Demo;

/// <summary>A logarithmic axis of milliseconds, with ticks at 1, 2 and 5 times the powers of ten.</summary>
public readonly struct LogScale
{
    readonly double low;
    readonly double high;

    /// <summary>
    /// Covers from <paramref name="smallest"/> to <paramref name="largest"/>, widened to whole powers of ten below and
    /// a tick above.
    /// </summary>
    public LogScale(double smallest, double largest)
    {
        low = Math.Pow(10, Math.Floor(Math.Log10(Math.Clamp(smallest, 0.01, 1000))));
        high = low * 10;
        foreach (var factor in (ReadOnlySpan<double>)[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000,
            20_000, 50_000, 100_000, 1_000_000])
        {
            high = Math.Max(low * 10, low * factor);
            if (high >= largest)
                break;
        }
    }

    /// <summary>0 at the lower end, 1 at the upper one.</summary>
    public double Position(double value) =>
        Math.Clamp(Math.Log(Math.Max(value, low) / low) / Math.Log(high / low), 0, 1);

    /// <summary>Powers of ten; with <paramref name="between"/> also their multiples by 2 and 5.</summary>
    public double[] Ticks(bool between)
    {
        var ticks = new System.Collections.Generic.List<double>();
        for (var decade = low; decade <= high * 1.001; decade *= 10)
        {
            ticks.Add(decade);
            foreach (var factor in (ReadOnlySpan<double>)[2, 5])
            {
                if (between && decade * factor <= high * 1.001)
                    ticks.Add(decade * factor);
            }
        }
        return [.. ticks];
    }

    public static string Label(double milliseconds) => milliseconds >= 1000
        ? (milliseconds / 1000).ToString("0.#", System.Globalization.CultureInfo.InvariantCulture) + " s"
        : milliseconds.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture) + " ms";
}
