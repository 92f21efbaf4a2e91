using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;

namespace Audit;

/// <summary>One row: the code from <see cref="Address"/> to the next row comes from this line.</summary>
internal sealed record LineRow(ulong Address, string File, int Line);

/// <summary>
/// The compiler's own account of which line each instruction comes from (.debug_line, read by binutils' objdump, which the
/// build needs anyway). A line that was inlined elsewhere has rows there, so a method without a symbol is still found.
/// </summary>
internal static class LineTable
{
    /// <summary>Sources are compiled as if they lay here (Directory.Build.props, PathMap).</summary>
    public const string SourceRoot = "/src/";

    public static IReadOnlyList<LineRow> Read(string image)
    {
        using Process process = Process.Start(new ProcessStartInfo("objdump", ["--dwarf=decodedline", "--wide", image]) { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException("objdump does not start.");
        var rows = new List<LineRow>();
        string file = "";
        while (process.StandardOutput.ReadLine() is { } text)
        {
            if (text.EndsWith(':') && text.StartsWith('/'))
            {
                file = text.TrimEnd(':');
                continue;
            }
            string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 3 && words[2].StartsWith("0x", StringComparison.Ordinal) && int.TryParse(words[1], out int line)
                && file.StartsWith(SourceRoot, StringComparison.Ordinal) && file.EndsWith(words[0], StringComparison.Ordinal))
                rows.Add(new LineRow(ulong.Parse(words[2].AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture), file[SourceRoot.Length..], line));
        }
        process.WaitForExit();
        return rows.OrderBy(row => row.Address).ToArray();
    }

    /// <summary>The row that covers an address.</summary>
    public static LineRow? At(IReadOnlyList<LineRow> rows, ulong address)
    {
        int low = 0, high = rows.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (rows[middle].Address <= address)
                low = middle + 1;
            else
                high = middle;
        }
        return low == 0 ? null : rows[low - 1];
    }
}
