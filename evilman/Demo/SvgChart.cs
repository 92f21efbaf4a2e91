using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Evilman.Demo;

/// <summary>
/// The latency chart as a drawing: a band from the fastest to the slowest echo of each slice, the median as a line, and
/// each move with its freeze. Logarithmic, because both half a millisecond and a freeze of fifty are to be seen.
/// </summary>
public static class SvgChart
{
    const int Width = 1000, Height = 486;
    const int Left = 70, Right = 24, Top = 148, Bottom = 56;
    const int PlotWidth = Width - Left - Right, PlotHeight = Height - Top - Bottom;

    const string Style = """
        <style>
          :root { color-scheme: light dark; }
          svg { background: #ffffff; }
          text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #3d4450; }
          .title { font-size: 18px; font-weight: 600; fill: #14181f; }
          .tick { font-size: 12px; fill: #697180; font-variant-numeric: tabular-nums; }
          .grid { stroke: #e4e7ec; } .axis { stroke: #9aa3b2; }
          .band { fill: #9ec5f4; } .median { stroke: #1d5fb8; stroke-width: 1.6; fill: none; stroke-linejoin: round; }
          .move { stroke: #c2410c; stroke-dasharray: 3 3; }
          .freeze { fill: #fb923c; opacity: .6; } .moving { fill: #fdba74; opacity: .28; }
          .name { font-weight: 600; fill: #9a3412; text-anchor: middle; }
          .value { font-size: 12px; fill: #9a3412; text-anchor: middle; }
          @media (prefers-color-scheme: dark) {
            svg { background: #14171c; } text { fill: #b6bdc9; } .title { fill: #f2f4f7; } .tick { fill: #8d95a3; }
            .grid { stroke: #262b33; } .axis { stroke: #59616e; } .band { fill: #24497a; } .median { stroke: #7db4f5; }
            .move { stroke: #fb923c; } .freeze { fill: #c2410c; opacity: .6; }
            .moving { fill: #7c2d12; opacity: .45; } .name, .value { fill: #fdba74; }
          }
        </style>
        """;

    /// <param name="verdict">What the demo found, in a sentence.</param>
    public static string Draw(ReadOnlySpan<Echo> echoes, IReadOnlyList<MoveRecord> moves, long begin, long end,
        string verdict)
    {
        const int Slices = PlotWidth / 2;
        var slices = LatencySeries.Cut(echoes, begin, end, Slices);
        var (lowest, highest) = (1.0, 1.0);
        foreach (var slice in slices)
        {
            if (slice.IsEmpty)
                continue;
            lowest = Math.Min(lowest, slice.Lowest);
            highest = Math.Max(highest, slice.Highest);
        }
        var scale = new LogScale(lowest, highest);
        var seconds = Stopwatch.GetElapsedTime(begin, end).TotalSeconds;

        var svg = new StringBuilder();
        Add($"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {Height}" """
            + $"""role="img" aria-labelledby="title note">""");
        svg.Append(Style).Append('\n');
        Add($"""<text id="title" class="title" x="{Left}" y="30">"""
            + "Echo latency seen by the client while the guest moves itself</text>");
        Add($"""<text id="note" x="{Left}" y="50">{echoes.Length} echoes, one every millisecond on one TCP """
            + "connection, and HTTP requests beside it, each on a connection of its own</text>");
        Add($"""<text x="{Left}" y="70">{System.Net.WebUtility.HtmlEncode(verdict)}</text>""");
        AddKey();

        foreach (var tick in scale.Ticks(between: false))
            Add($"""<line class="grid" x1="{Left}" x2="{Width - Right}" y1="{Y(tick)}" y2="{Y(tick)}"/>"""
                + $"""<text class="tick" x="{Left - 8}" y="{F(Down(tick) + 4)}" """
                + $"""text-anchor="end">{LogScale.Label(tick)}</text>""");
        var step = Step(seconds);
        for (var second = 0.0; second <= seconds; second += step)
            Add($"""<text class="tick" x="{F(Left + second / seconds * PlotWidth)}" y="{Height - Bottom + 20}" """
                + $"""text-anchor="middle">{second.ToString("0.##", CultureInfo.InvariantCulture)}</text>""");
        Add($"""<text class="tick" x="{Left + PlotWidth / 2}" y="{Height - 14}" text-anchor="middle">seconds</text>""");

        foreach (var move in moves)
            Add($"""<rect class="moving" x="{X(move.Asked)}" """
                + $"""width="{F(Math.Max(1.5, Along(move.Done) - Along(move.Asked)))}" """
                + $"""y="{Top}" height="{PlotHeight}"/>""");
        foreach (var move in moves)
            Add($"""<rect class="freeze" x="{X(move.Freeze.Begin)}" """
                + $"""width="{F(Math.Max(1.5, Along(move.Freeze.End) - Along(move.Freeze.Begin)))}" """
                + $"""y="{Top}" height="{PlotHeight}"/>""");
        AddBand();
        AddMedian();
        AddMoves();
        Add($"""<line class="axis" x1="{Left}" x2="{Width - Right}" y1="{Height - Bottom}" y2="{Height - Bottom}"/>""");
        svg.Append("</svg>\n");
        return svg.ToString();

        void Add(string line) => svg.Append(line).Append('\n');
        double Along(long time) => Left + (double)(time - begin) / (end - begin) * PlotWidth;
        double Down(double value) => Top + (1 - scale.Position(value)) * PlotHeight;
        string X(long time) => F(Along(time));
        string Y(double value) => F(Down(value));

        void AddKey()
        {
            const int Y = 82;
            var x = Left;
            foreach (var (mark, text, width) in ((string, string, int)[])
            [
                ("""<path class="median" d="M{0} {1}h16"/>""", "median", 90),
                ("""<rect class="band" x="{0}" y="{2}" width="16" height="10"/>""", "fastest to slowest", 152),
                ("""<rect class="moving" x="{0}" y="{2}" width="16" height="10"/>""",
                    "moving: from the request until the source is gone", 330),
                ("""<rect class="freeze" x="{0}" y="{2}" width="16" height="10"/>""",
                    "standing still: the longest silence", 0),
            ])
            {
                Add(string.Format(CultureInfo.InvariantCulture, mark, x, Y + 5, Y));
                Add($"""<text class="tick" x="{x + 22}" y="{Y + 9}">{text}</text>""");
                x += width;
            }
        }

        void AddBand()
        {
            for (var i = 0; i < Slices; i++)
            {
                if (slices[i].IsEmpty)
                    continue;
                var top = Down(slices[i].Highest);
                svg.Append($"""<rect class="band" x="{Left + 2 * i}" y="{F(top)}" width="2" """
                    + $"""height="{F(Math.Max(1, Down(slices[i].Lowest) - top))}"/>""");
            }
            svg.Append('\n');
        }

        void AddMedian()
        {
            svg.Append("<path class=\"median\" d=\"");
            var pen = 'M';
            for (var i = 0; i < Slices; i++)
            {
                if (slices[i].IsEmpty)
                {
                    pen = 'M';
                    continue;
                }
                svg.Append($"{pen}{Left + 2 * i + 1} {Y(slices[i].Median)}");
                pen = 'L';
            }
            svg.Append("\"/>\n");
        }

        // With many moves the labels would run into one another: then every second one goes a line higher, or only
        // names stay.
        void AddMoves()
        {
            var close = moves.Count > 1 && PlotWidth / moves.Count < 90;
            for (var i = 0; i < moves.Count; i++)
            {
                var move = moves[i];
                var x = X(move.Freeze.Begin);
                var y = Top - 8 - (close && i % 2 == 1 ? 15 : 0);
                Add($"""<line class="move" x1="{x}" x2="{x}" y1="{Top - 4}" y2="{Height - Bottom}"/>""");
                Add(close
                    ? $"""<text class="value" x="{x}" y="{y}">{move.From}→{move.To}</text>"""
                    : $"""<text class="name" x="{x}" y="{y - 14}">{move.From} → {move.To}</text>"""
                        + $"""<text class="value" x="{x}" y="{y}">"""
                        + $"""{move.Freeze.Milliseconds.ToString("0.0", CultureInfo.InvariantCulture)} ms</text>""");
            }
        }
    }

    static string F(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    /// <summary>A step of 1, 2 or 5 times a power of ten that gives about ten labels.</summary>
    static double Step(double seconds)
    {
        var decade = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(seconds, 0.1) / 10)));
        foreach (var factor in (ReadOnlySpan<double>)[1, 2, 5])
        {
            if (seconds / (decade * factor) <= 12)
                return decade * factor;
        }
        return decade * 10;
    }
}
