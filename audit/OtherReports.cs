using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text.Json;

namespace Audit;

/// <summary>The audit's findings in the forms that other programs read.</summary>
internal static class OtherReports
{
    private static readonly JsonSerializerOptions s_format = new() { WriteIndented = true };

    /// <summary>SARIF 2.1.0, for code-hosting sites: violations are errors, remaining bounds checks are notes.</summary>
    public static string Sarif(Measurement measured, IEnumerable<Violation> violations)
    {
        object Result(string rule, string level, string message, string? file, int line) => new
        {
            ruleId = rule,
            level,
            message = new { text = message },
            locations = new[] { new { physicalLocation = new { artifactLocation = new { uri = file ?? "audit/budget.json" }, region = new { startLine = Math.Max(1, line) } } } },
        };
        IEnumerable<object> results = violations.Select(violation => Result(violation.Rule, "error", violation.Message, violation.File, violation.Line))
            .Concat(measured.Bounds.Select(place => Result("bounds-check", "note", "The compiler could not prove this access to be in bounds, so it is checked.", place.File, place.Line)));
        var log = new Dictionary<string, object>
        {
            ["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json",
            ["version"] = "2.1.0",
            ["runs"] = new[] { new { tool = new { driver = new { name = "audit" } }, results = results.ToArray() } },
        };
        return JsonSerializer.Serialize(log, s_format) + "\n";
    }

    public static string Badge(Measurement measured, bool ok)
    {
        const string Name = "trusted base";
        string value = $"{measured.Lines} lines, {measured.TextBytes} bytes";
        int left = Width(Name), right = Width(value);
        return $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{Name}: {value}" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" fill="#fff">
            <rect width="{left}" height="20" fill="#555"/><rect x="{left}" width="{right}" height="20" fill="{(ok ? "#27803c" : "#c0392b")}"/>
            <text x="{left / 2}" y="14" text-anchor="middle" textLength="{left - Padding}">{Name}</text>
            <text x="{left + right / 2}" y="14" text-anchor="middle" textLength="{right - Padding}">{value}</text></svg>

            """;

        // textLength fits the text to the room, whatever font the reader has.
        static int Width(string text) => 7 * text.Length + Padding;
    }

    /// <summary>On both sides of a badge's text together, in pixels.</summary>
    private const int Padding = 12;

    /// <summary>CycloneDX 1.6 over every shipped binary that was built, with its ring.</summary>
    public static string Sbom(string images)
    {
        (string Name, int Ring)[] shipped =
        [
            ("packetd", 0), ("arm64/packetd", 0), ("launcher", 1), ("arm64/launcher", 1), ("../bin/domain", 1), ("plug", 1), ("cstrap", 2), ("loader-kernel", 2), ("loader-checkpoint", 2), ("guestos", 2), ("migrate", 2), ("../bin/evilman", 3),
        ];
        var components = shipped.Select(entry => (entry, Path: Path.GetFullPath(Path.Combine(images, entry.Name)))).Where(entry => File.Exists(entry.Path)).Select(entry =>
            new Dictionary<string, object>
            {
                ["type"] = "application",
                ["name"] = Path.GetFileName(entry.Path) + (entry.entry.Name.StartsWith("arm64/", StringComparison.Ordinal) ? "-arm64" : ""),
                ["hashes"] = new[] { new { alg = "SHA-256", content = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(entry.Path))) } },
                ["properties"] = new[] { new { name = "ring", value = entry.entry.Ring == 3 ? "client" : $"{entry.entry.Ring}" } },
            });
        var bill = new Dictionary<string, object> { ["bomFormat"] = "CycloneDX", ["specVersion"] = "1.6", ["version"] = 1, ["components"] = components.ToArray() };
        return JsonSerializer.Serialize(bill, s_format) + "\n";
    }
}
