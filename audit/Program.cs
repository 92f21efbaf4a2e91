using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;

namespace Audit;

internal static class Program
{
    private const string Help =
        """
        Usage: audit [--root DIR] [--baseline REV] [--raise]
               audit [--root DIR] --layout
        Measures ring 0 (packetd and what it links) from its sources and binary, and compares with audit/budget.json.

          --root DIR       the source tree; its out/images/packetd must be built (the current directory)
          --baseline REV   also builds and measures a git revision, and tells what changed since
          --raise          writes what was measured into audit/budget.json: for the person who agrees to it
          --layout         lists where freestanding code breaks the layout rule (docs/contributing.md), and lowers audit/layout.json

        Reports: out/audit/report.html, audit.sarif, badge.svg, sbom.json. Exit codes: 0 ok, 1 over budget or forbidden, 2 wrong use.
        """;

    private static int Main(string[] arguments)
    {
        string root = Directory.GetCurrentDirectory();
        string? baseline = null;
        bool raise = false, layout = false;
        for (int i = 0; i < arguments.Length; i++)
            switch (arguments[i])
            {
                case "--root" when i + 1 < arguments.Length: root = Path.GetFullPath(arguments[++i]); break;
                case "--baseline" when i + 1 < arguments.Length: baseline = arguments[++i]; break;
                case "--raise": raise = true; break;
                case "--layout": layout = true; break;
                case "--help": Console.WriteLine(Help); return 0;
                default: Console.Error.WriteLine($"audit: {arguments[i]} is not an option; --help lists them."); return 2;
            }
        try
        {
            return layout ? CheckLayout(root) : Run(root, baseline, raise);
        }
        catch (Exception problem) when (problem is IOException or InvalidDataException or InvalidOperationException)
        {
            Console.Error.WriteLine($"audit: {problem.Message}");
            return 2;
        }
    }

    private static int CheckLayout(string root)
    {
        IReadOnlyList<Violation> violations = Layout.CheckTree(root);
        foreach (Violation violation in violations)
            Console.WriteLine($"{violation.File}:{violation.Line}: {violation.Rule}: {violation.Message}");
        SortedDictionary<string, int> before = LayoutAllowance.Load(root), now = LayoutAllowance.Of(violations);
        foreach (string difference in LayoutAllowance.Differences(before, now))
            Console.WriteLine($"layout: {difference}");
        bool lowered = LayoutAllowance.TryLower(root, now);
        Console.WriteLine(lowered ? $"layout: ok violations={now.Values.Sum()}, before {before.Values.Sum()}"
            : $"layout: failed violations={now.Values.Sum()}, of {before.Values.Sum()} that are allowed");
        return lowered ? 0 : 1;
    }

    private static int Run(string root, string? baseline, bool raise)
    {
        string images = Path.Combine(root, "out/images"), file = Path.Combine(root, "audit/budget.json");
        var measured = new Measurement(root, Path.Combine(images, "packetd"));
        if (raise)
            Budget.Of(measured).Save(file);
        Budget budget = Budget.Load(file);
        PrintTables(measured, budget);
        if (baseline != null)
            PrintChanges(root, baseline, measured);

        var over = budget.Compare(measured).Where(row => row.Measured > row.Allowed)
            .Select(row => new Violation("budget", $"Ring 0 has {row.Measured:N0} {row.What}, its budget is {row.Allowed:N0}.")).ToList();
        Violation[] violations = [.. measured.Violations, .. over];
        WriteReports(root, images, measured, budget, violations);
        foreach (Violation violation in violations)
            Console.WriteLine($"audit: {violation.Rule}: {violation.Message}{(violation.File == null ? "" : $" ({violation.File}:{violation.Line})")}");
        if (over.Count > 0)
            ExplainGrowth(measured, budget);
        Console.WriteLine($"audit: {(violations.Length == 0 ? "ok" : "failed")} ring0_lines={measured.Lines} ring0_unsafe_lines={measured.UnsafeLines} ring0_tokens={measured.Tokens} ring0_branches={measured.Branches} ring0_text_bytes={measured.TextBytes} ring0_syscalls={measured.CallCount} sha256={measured.Sha256}");
        return violations.Length == 0 ? 0 : 1;
    }

    private static void PrintTables(Measurement measured, Budget budget)
    {
        Console.WriteLine("Ring 0, what is linked        code  comment  unsafe  tokens  jumps    bytes");
        foreach (string folder in Measurement.RingZeroFolders)
        {
            FolderSums sums = measured.Sums(folder);
            Console.WriteLine($"  {folder,-24} {sums.Code,7} {sums.Comment,8} {sums.Unsafe,7} {sums.Tokens,7:N0} {sums.Branches,6:N0} {sums.Bytes,8:N0}");
        }
        Console.WriteLine($"  data {measured.DataBytes:N0} bytes, padding {measured.Code.Functions.Sum(f => f.Padding):N0}, relocations {measured.Relocations}");
        string other = Path.Combine(measured.Root, "out/images/arm64/packetd.debug");
        if (File.Exists(other))
            Console.WriteLine($"  for arm64 {new ElfFile(other).Find(".text")!.Size:N0} bytes of machine code, of the same sources; no budget");
        Console.WriteLine();
        Console.WriteLine("                          measured     budget");
        foreach (var (what, value, allowed) in budget.Compare(measured))
            Console.WriteLine($"  {what,-24} {value,7:N0} {allowed,10:N0}{(value > allowed ? "  over" : "")}");
        Console.WriteLine();
        Console.WriteLine("Largest methods               code      Largest functions                          bytes");
        foreach (var (method, function) in measured.Methods.OrderByDescending(m => m.Code).Zip(measured.Code.Functions.OrderByDescending(f => f.Size)).Take(8))
            Console.WriteLine($"  {method.Name,-28}{method.Code,4}      {function.Name.Split("__")[^1],-38} {function.Size,9:N0}");
        Console.WriteLine();
    }

    private static void ExplainGrowth(Measurement measured, Budget budget)
    {
        var grown = budget.Grown(measured).Take(12).ToArray();
        if (grown.Length > 0)
            Console.WriteLine("audit: methods that grew since the budget was agreed to, most first:");
        foreach (var (method, before, now) in grown)
            Console.WriteLine($"audit:   {method}: {before} -> {now} lines");
        Console.WriteLine("audit: ring 0 is what everybody on a node must trust, so it grows only when a person says so. Make it smaller, or run `make audit-raise` and let audit/budget.json be reviewed.");
    }

    private static void PrintChanges(string root, string revision, Measurement measured)
    {
        string folder = History.Export(root, revision);
        try
        {
            using (Process build = Process.Start(new ProcessStartInfo("dotnet", ["build", "-c", "Release", "-m:1", "-v:q", "-nologo", Path.Combine(folder, "packetd/packetd.csproj")]) { RedirectStandardOutput = true })!)
            {
                build.StandardOutput.ReadToEnd();
                build.WaitForExit();
            }
            var before = new Measurement(folder, Path.Combine(folder, "out/images/packetd"));
            Console.WriteLine($"Since {revision}                    lines          unsafe           tokens          jumps            bytes");
            foreach (string? part in Measurement.RingZeroFolders.Append(null))
            {
                FolderSums then = before.Sums(part), now = measured.Sums(part);
                Console.WriteLine($"  {part ?? "all",-24} {Change(then.Code, now.Code)} {Change(then.Unsafe, now.Unsafe)} {Change(then.Tokens, now.Tokens)} {Change(then.Branches, now.Branches)} {Change(then.Bytes, now.Bytes)}");
            }
            Console.WriteLine($"  system calls {before.CallCount} -> {measured.CallCount}, bounds checks left {before.Bounds.Count} -> {measured.Bounds.Count}; methods with more lines:");
            foreach (var (method, then, now) in Budget.Of(before).Grown(measured).Take(12))
                Console.WriteLine($"  {method}: {then} -> {now} lines");
            Console.WriteLine();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Change(int before, int now) => $"{before,6} -> {now,-6}";

    private static void WriteReports(string root, string images, Measurement measured, Budget budget, Violation[] violations)
    {
        string folder = Directory.CreateDirectory(Path.Combine(root, "out/audit")).FullName;
        File.WriteAllText(Path.Combine(folder, "report.html"), HtmlReport.Write(measured, budget, RingPart.Read(root, images), History.Read(root, 12)));
        File.WriteAllText(Path.Combine(folder, "audit.sarif"), OtherReports.Sarif(measured, violations));
        File.WriteAllText(Path.Combine(folder, "badge.svg"), OtherReports.Badge(measured, violations.Length == 0));
        File.WriteAllText(Path.Combine(folder, "sbom.json"), OtherReports.Sbom(images));
    }
}
