using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;

namespace Evilman.Demo;

/// <summary>
/// The latency chart in plain characters: one column per slice of time, as high as its slowest echo. While the guest
/// moves a column is a bar, and where it stood still a solid one; otherwise it is a point.
/// </summary>
public static class TerminalChart
{
    const int Rows = 7;
    const int Margin = 9;
    const string Eighths = " ▁▂▃▄▅▆▇█";
    const char Moving = '▒', Otherwise = '·';

    public static List<string> Draw(ReadOnlySpan<Echo> echoes, IReadOnlyList<MoveRecord> moves, long begin, long end,
        int width)
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
            for (var i = 0; i < columns; i++)
            {
                var eighths = slices[i].IsEmpty ? 0
                    : (int)Math.Round(Math.Max(1, scale.Position(slices[i].Highest) * Rows * 8)) - row * 8;
                line.Append(CellOf(Math.Clamp(eighths, 0, 8), eighths <= 8, KindOf(i)));
            }
            lines.Add(line.ToString().TrimEnd());
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
            $"{seconds:0.0} s; the slowest echo of each {seconds / columns * 1000:0} ms, logarithmic"));
        lines.Add(new string(' ', Margin) + "█ the guest stands still   ▒ it is moving   · otherwise");
        return lines;

        Kind KindOf(int column)
        {
            var from = begin + (long)((end - begin) * (column / (double)columns));
            var to = begin + (long)((end - begin) * ((column + 1.0) / columns));
            var kind = Kind.Otherwise;
            foreach (var move in moves)
            {
                if (move.Freeze.Begin < to && move.Freeze.End >= from)
                    return Kind.Frozen;
                if (move.Asked < to && move.Done >= from)
                    kind = Kind.Moving;
            }
            return kind;
        }
    }

    enum Kind
    {
        Otherwise,
        Moving,
        Frozen,
    }

    /// <param name="eighths">How much of the cell lies below the column's value.</param>
    /// <param name="top">The value lies in this cell or below it.</param>
    static char CellOf(int eighths, bool top, Kind kind) => kind switch
    {
        Kind.Frozen => Eighths[eighths],
        Kind.Moving => eighths >= 4 ? Moving : ' ',
        _ => top && eighths > 0 ? Otherwise : ' ',
    };

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
