using System;
using System.Globalization;

namespace Evilman.Text;

/// <summary>
/// A time in whole seconds that a user types and reads: "30s", "10m", "2h". What it prints it also parses.
/// </summary>
internal readonly record struct Duration(TimeSpan Time)
{
    public static implicit operator TimeSpan(Duration duration) => duration.Time;

    public override string ToString()
    {
        var seconds = (long)Time.TotalSeconds;
        foreach (var (unit, size) in ((char, int)[])[('h', 3600), ('m', 60)])
        {
            if (seconds != 0 && seconds % size == 0)
                return string.Create(CultureInfo.InvariantCulture, $"{seconds / size}{unit}");
        }
        return string.Create(CultureInfo.InvariantCulture, $"{seconds}s");
    }
}
