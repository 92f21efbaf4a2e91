using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;

namespace Domain.Bench;

/// <summary>QEMU's times by ours as bars: in the same guest, and where there are two of a program in user mode, too.</summary>
internal static class Chart
{
    private const int Width = 760, Left = 110, Row = 26, Top = 60, Doubling = 110;

    public static void Draw(string path, int runs, List<InGuest.Row> rows, Dictionary<string, double> without)
    {
        int height = Top + rows.Count * Row + 20;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" "
            + $"font-family=\"sans-serif\" font-size=\"12\"><rect width=\"{Width}\" height=\"{height}\" fill=\"#fff\"/>\n"
            + $"<text x=\"10\" y=\"22\" font-size=\"14\">QEMU's time by domain's, medians of {runs}, logarithmic</text>\n"
            + $"<text x=\"10\" y=\"42\" fill=\"#0b6e4f\">the same guest on QEMU's microvm (TCG)</text>"
            + $"<text x=\"290\" y=\"42\" fill=\"#3b6ea5\">QEMU's user mode: no guest, no MMU</text>\n");
        foreach (int times in new[] { 1, 2, 4, 8, 16 })
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{At(times)}\" y1=\"{Top - 6}\" x2=\"{At(times)}\" "
                + $"y2=\"{height - 14}\" stroke=\"#d0d4da\"/><text x=\"{At(times) - 4}\" y=\"{height - 2}\">{times}</text>\n");
        }
        for (int i = 0; i < rows.Count; i++)
        {
            int y = Top + i * Row;
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"10\" y=\"{y + 13}\">{rows[i].Name}</text>");
            Bar(svg, y, rows[i].Faster, "#0b6e4f");
            if (without.TryGetValue(rows[i].Name, out double user))
                Bar(svg, y + 10, user, "#3b6ea5");
        }
        File.WriteAllText(path, svg.Append("</svg>\n").ToString());
    }

    private static double At(double times) => Left + Doubling * (1 + Math.Log2(Math.Clamp(times, 0.5, 24)));

    private static void Bar(StringBuilder svg, int y, double times, string color)
    {
        double from = Math.Min(At(1), At(times)), to = Math.Max(At(1), At(times));
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{from:f1}\" y=\"{y}\" width=\"{to - from:f1}\" height=\"9\" "
            + $"fill=\"{color}\"/><text x=\"{to + 4:f1}\" y=\"{y + 9}\" font-size=\"10\">{times:f2}</text>\n");
    }
}
