using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text;

namespace Audit;

/// <summary>out/audit/report.html: one page without anything from elsewhere.</summary>
internal static class HtmlReport
{
    /// <summary>Each with white text on it: at least 4.5 to 1 (WCAG 2.2, success criterion 1.4.3).</summary>
    private static readonly Dictionary<string, string> s_colors = new() { ["packetd"] = "#b03427", ["wire"] = "#23689b", ["corelib"] = "#7d6608" };

    public static string Write(Measurement measured, Budget budget, IReadOnlyList<RingPart> rings,
        IReadOnlyList<(string Revision, int Lines, long TextBytes)> history)
    {
        var page = new StringBuilder();
        page.Append("""
            <!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Trusted computing base</title>
            <style>:root{color-scheme:light dark;--text:#222;--line:#ddd;--page:#fff;--over:#b03427;--ring1:#f9e79f;--ring2:#d6eaf8}
            @media(prefers-color-scheme:dark){:root{--text:#e3e7ee;--line:#3a414c;--page:#14171c;--over:#ff8a7a;--ring1:#6b5a10;--ring2:#1f3d5c}}
            body{font:15px/1.45 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:var(--text);background:var(--page)}
            table{border-collapse:collapse}td,th{padding:.25em .8em;border-bottom:1px solid var(--line);text-align:right}td:first-child,th:first-child{text-align:left}
            svg{width:100%;height:auto}.over{color:var(--over);font-weight:bold}text{font:10px system-ui,sans-serif;fill:var(--text)}.on{fill:#fff}
            .key span{display:inline-block;width:.9em;height:.9em;margin:0 .4em 0 1em;vertical-align:-.1em}</style>
            <h1>The trusted computing base of a node</h1>
            <p>Ring 0 is <code>packetd</code> with what it links of <code>wire</code> and <code>corelib</code>. Measured from its sources and its binary.</p>

            """);
        Table(page, "summary", ["", "measured", "budget"], budget.Compare(measured)
            .Select(row => new[] { row.What, Number(row.Measured), Number(row.Allowed) }));
        page.Append(CultureInfo.InvariantCulture, $"<p>SHA-256 of the binary: <code id=\"sha256\">{measured.Sha256}</code></p>\n");
        page.Append("<h2>Rings, by bytes</h2>\n").Append(Rings(measured, rings));
        page.Append("<h2>Methods of ring 0, by bytes</h2>\n").Append(Key()).Append(Treemap(measured));
        page.Append("<h2>By folder</h2>\n");
        Table(page, "folders", ["folder", "code lines", "comment lines", "unsafe lines", "tokens", "conditional jumps", "bytes"],
            Measurement.RingZeroFolders.Select(folder => (Name: folder, Sums: measured.Sums(folder))).Select(folder => new[]
            {
                folder.Name, Number(folder.Sums.Code), Number(folder.Sums.Comment), Number(folder.Sums.Unsafe), Number(folder.Sums.Tokens), Number(folder.Sums.Branches), Number(folder.Sums.Bytes),
            }));
        page.Append("<h2>Privileged, network-facing code elsewhere</h2>\n");
        Table(page, "comparison", ["system", "lines", "language"],
        [
            ["packetd (this)", Number(measured.Lines), "C#"],
            ["packetd of the thesis, §8.2.2 (145 main loop, 200 SHA-1; a host system not counted)", "345", "C"],
            ["Firecracker's jailer and API server, before dependencies", "2,439", "Rust"],
            ["seL4", "9,300", "C and assembly, with proofs"],
        ]);
        page.Append("<h2>History</h2>\n");
        page.Append("<p>What each revision that changed the budget agreed on.</p>\n");
        Table(page, "history", ["revision", "code lines", "bytes of code"], history.Select(entry => new[] { entry.Revision, Number(entry.Lines), Number(entry.TextBytes) }));
        page.Append("<h2>System calls</h2>\n");
        Table(page, "calls", ["call", "number", "while serving"], measured.DeclaredCalls.All.OrderBy(call => call.Value)
            .Select(call => new[] { call.Key, Number(call.Value), measured.DeclaredCalls.Serving.Contains(call.Key) ? "yes" : "no" }));
        page.Append("<h2>Bounds checks that the compiler could not prove unneeded</h2>\n<p id=\"bounds\">");
        page.AppendJoin(", ", measured.Bounds.Select(place => $"<code>{WebUtility.HtmlEncode(place.File)}:{place.Line}</code>"));
        page.Append("</p>\n<h2>Methods</h2>\n");
        Table(page, "methods", ["method", "code lines", "comment lines", "unsafe lines", "tokens"], measured.Methods.OrderByDescending(m => m.Code)
            .Select(m => new[] { $"{m.File}: {m.Name}", Number(m.Code), Number(m.Comment), Number(m.Unsafe), Number(m.Tokens) }));
        return page.Append("</html>\n").ToString();
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static void Table(StringBuilder page, string id, string[] head, IEnumerable<string[]> rows)
    {
        page.Append(CultureInfo.InvariantCulture, $"<table id=\"{id}\"><tr>").AppendJoin("", head.Select(cell => $"<th>{WebUtility.HtmlEncode(cell)}</th>")).Append("</tr>\n");
        foreach (string[] row in rows)
            page.Append("<tr>").AppendJoin("", row.Select(cell => $"<td>{WebUtility.HtmlEncode(cell)}</td>")).Append("</tr>\n");
        page.Append("</table>\n");
    }

    private static string Rings(Measurement measured, IReadOnlyList<RingPart> rings)
    {
        // Nested squares whose areas are the bytes of each ring together with those inside it.
        double zero = measured.ImageSize, one = zero + rings.Where(r => r.Ring == 1).Sum(r => r.ImageBytes), two = one + rings.Where(r => r.Ring == 2).Sum(r => r.ImageBytes);
        var svg = new StringBuilder("<svg id=\"rings\" viewBox=\"0 0 620 220\">");
        foreach ((string name, double size, string color) in new[] { ("ring 2", two, "var(--ring2)"), ("ring 1", one, "var(--ring1)"), ("ring 0", zero, s_colors["packetd"]) })
        {
            double side = 210 * Math.Sqrt(size / two);
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"5\" y=\"{215 - side:0.0}\" width=\"{side:0.0}\" height=\"{side:0.0}\" style=\"fill:{color}\" stroke=\"#777\"><title>{name}</title></rect>");
        }
        int y = 30;
        foreach (string line in new[] { $"ring 0: packetd, {Number(measured.ImageSize)} bytes" }.Concat(rings.Select(r => $"ring {r.Ring}: {r.Folder}, {Number(r.Lines)} lines" + (r.ImageBytes > 0 ? $", {Number(r.ImageBytes)} bytes" : ""))))
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"240\" y=\"{y += 18}\" style=\"font-size:13px\">{WebUtility.HtmlEncode(line)}</text>");
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Which folder has which colour.</summary>
    private static string Key() =>
        "<p class=\"key\">" + string.Concat(s_colors.Select(color => $"<span style=\"background:{color.Value}\"></span>{color.Key}")) + "</p>\n";

    private static string Treemap(Measurement measured)
    {
        var svg = new StringBuilder("<svg id=\"treemap\" viewBox=\"0 0 1000 520\">");
        Slice(svg, [.. measured.Code.Functions.OrderBy(f => f.Folder).ThenByDescending(f => f.Size)], 0, 0, 1000, 520);
        return svg.Append("</svg>\n").ToString();
    }

    private static void Slice(StringBuilder svg, Function[] functions, double x, double y, double width, double height)
    {
        if (functions.Length == 0)
            return;
        if (functions.Length == 1)
        {
            Function f = functions[0];
            string name = f.Name.Split("__")[^1];
            svg.Append(CultureInfo.InvariantCulture, $"<g><rect x=\"{x:0.0}\" y=\"{y:0.0}\" width=\"{width:0.0}\" height=\"{height:0.0}\" fill=\"{s_colors.GetValueOrDefault(f.Folder, "#888")}\" stroke=\"#fff\"/><title>{WebUtility.HtmlEncode(f.Name)}: {f.Size} bytes</title>");
            if (width > 6 * name.Length && height > 12)
                svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x + 3:0.0}\" y=\"{y + 12:0.0}\" class=\"on\">{WebUtility.HtmlEncode(name)}</text>");
            svg.Append("</g>");
            return;
        }
        // Halves of about equal weight, cut across the longer side.
        double total = functions.Sum(f => f.Size + 1), sum = 0;
        int cut = 0;
        while (cut < functions.Length - 1 && (cut == 0 || sum + functions[cut].Size / 2.0 < total / 2))
            sum += functions[cut++].Size + 1;
        double part = sum / total;
        Slice(svg, functions[..cut], x, y, width > height ? width * part : width, width > height ? height : height * part);
        Slice(svg, functions[cut..], width > height ? x + width * part : x, width > height ? y : y + height * part, width > height ? width * (1 - part) : width, width > height ? height : height * (1 - part));
    }
}
