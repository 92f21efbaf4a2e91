using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;

namespace Evilman.Demo;

/// <summary>The latency chart in plain characters: one column per slice of time, a bar up to its slowest echo.</summary>
public static class TerminalChart
{
    const int Rows = 7;
    const int Margin = 9;
    const string Eighths = " ▁▂▃▄▅▆▇█";

    public static List<string> Draw(ReadOnlySpan<Echo> echoes, IReadOnlyList<MoveRecord> moves, long begin, long end, int width)
    {
        var columns = Math.Clamp(width - Margin - 1, 20, 110);
        var slices = LatencySeries.Cut(echoes, begin, end, columns);
        var (lowest, highest) = (double.MaxValue, 0.0);
        foreach (var slice in slices)
        {
            if (slice.IsEmpty)
                continue;
            lowest = Math.Min(lowest, slice.Lowest);
            highest = Math.Max(highest, slice.Highest);
        }
        var lines = new List<string>();
        if (highest == 0)
            return lines;
        var scale = new LogScale(lowest, highest);

        for (var row = Rows - 1; row >= 0; row--)
        {
            var line = new StringBuilder();
            line.Append(LabelOf(row, scale).PadLeft(Margin - 1)).Append('│');
            foreach (var slice in slices)
            {
                var eighths = slice.IsEmpty ? 0 : (int)Math.Round(Math.Max(1, scale.Position(slice.Highest) * Rows * 8)) - row * 8;
                line.Append(Eighths[Math.Clamp(eighths, 0, 8)]);
            }
            lines.Add(line.ToString());
        }

        var axis = new StringBuilder(new string(' ', Margin - 1) + '└' + new string('─', columns));
        var names = new StringBuilder(new string(' ', Margin + columns));
        foreach (var move in moves)
        {
            var column = Margin + (int)((double)(move.Freeze.Begin - begin) / (end - begin) * columns);
            if (column < Margin || column >= Margin + columns)
                continue;
            axis[column] = '┴';
            var name = $"{move.From}→{move.To}";
            var start = Math.Min(column, names.Length - name.Length);
            for (var i = 0; i < name.Length && names[start + i] == ' '; i++)
                names[start + i] = name[i];
        }
        lines.Add(axis.ToString());
        if (moves.Count > 0)
            lines.Add(names.ToString().TrimEnd());
        var seconds = Stopwatch.GetElapsedTime(begin, end).TotalSeconds;
        lines.Add(new string(' ', Margin) + string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"{seconds:0.0} s, each column the slowest echo of {seconds / columns * 1000:0} ms, logarithmic"));
        return lines;
    }

    /// <summary>The label of the power of ten that lies within the row, if one does.</summary>
    static string LabelOf(int row, LogScale scale)
    {
        foreach (var tick in scale.Ticks(between: false))
        {
            if (Math.Min(Rows - 1, (int)(scale.Position(tick) * Rows)) == row)
                return LogScale.Label(tick);
        }
        return "";
    }
}
