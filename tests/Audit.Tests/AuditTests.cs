using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace Audit.Tests;

/// <summary>A copy of the tree whose packetd may be spoilt.</summary>
public sealed class Copy : IDisposable
{
    public Copy()
    {
        Folder = Directory.CreateTempSubdirectory("auditcopy").FullName;
        Run("sh", "-c", $"cd '{Repository.Root}' && tar -c --exclude=bin --exclude=obj Directory.* global.json .editorconfig corelib wire packetd audit | tar -x -C '{Folder}'");
        Build();
        WithinBudget = Audit(out string found) == 0;
        Found = found;
        Assert.Equal(0, Audit(out string raised, "--raise"));
        Raised = raised;
    }

    public string Folder { get; }

    /// <summary>What the audit says of the tree as it is, by the budget that was agreed on.</summary>
    public bool WithinBudget { get; }

    public string Found { get; }

    /// <summary>What an audit says that agrees to everything.</summary>
    public string Raised { get; }

    public void Build() => Run("dotnet", "build", "-c", "Release", "-m:1", "-v:q", "-nologo", Path.Combine(Folder, "packetd/packetd.csproj"));

    /// <summary>Replaces text in a source for as long as an action lasts, with the image built to match.</summary>
    public void With(string file, string before, string after, Action action)
    {
        string path = Path.Combine(Folder, file), kept = File.ReadAllText(path);
        Assert.Contains(before, kept, StringComparison.Ordinal);
        File.WriteAllText(path, kept.Replace(before, after, StringComparison.Ordinal));
        try
        {
            Build();
            action();
        }
        finally
        {
            File.WriteAllText(path, kept);
        }
    }

    public int Audit(out string output, params string[] options)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "audit.dll"), "--root", Folder, .. options])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }

    public static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {output}{error}");
        return output;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

public class AuditTests(Copy copy) : IClassFixture<Copy>
{
    [Fact]
    public void This_tree_is_within_the_budget_that_was_agreed_on() => Assert.True(copy.WithinBudget, copy.Found);

    [Fact]
    public void The_lines_that_the_page_on_security_lists_are_those_that_there_are()
    {
        string table = File.ReadAllText(Path.Combine(Repository.Root, "docs/security.md")).Split("| lines | where | what for |")[1].Split("\n\n")[0];
        int listed = Regex.Matches(table, @"^\| (\d+) \|", RegexOptions.Multiline).Sum(row => int.Parse(row.Groups[1].Value));
        Assert.Contains($" ring0_lines={listed} ", copy.Raised, StringComparison.Ordinal);
    }

    [Fact]
    public void The_sums_of_folders_that_the_page_on_security_lists_are_those_that_there_are()
    {
        string table = File.ReadAllText(Path.Combine(Repository.Root, "docs/security.md")).Split("| folder | lines | unsafe | tokens | jumps | bytes |")[1].Split("\n\n")[0];
        string[] listed = [.. Regex.Matches(table, @"^\| `(\w+)` ((?:\| [\d,]+ )+)\|$", RegexOptions.Multiline)
            .Select(row => $"{row.Groups[1].Value} {row.Groups[2].Value.Replace("| ", "")}".TrimEnd())];
        // The audit's own table has the lines of comment too, behind those of code.
        string[] measured = [.. Regex.Matches(copy.Raised, @"^  (packetd|wire|corelib) +(\d+) +\d+ +(\d+) +([\d,]+) +([\d,]+) +([\d,]+)$", RegexOptions.Multiline)
            .Select(row => string.Join(' ', row.Groups.Values.Skip(1).Select(group => group.Value)))];
        Assert.Equal(3, measured.Length);
        Assert.Equal(measured, listed);
    }

    [Fact]
    public void Within_its_budget_it_is_ok_and_says_what_it_measured()
    {
        copy.Build();
        Assert.Equal(0, copy.Audit(out string output));
        string last = output.TrimEnd().Split('\n')[^1];
        Assert.Matches("^audit: ok ring0_lines=[0-9]+ ring0_unsafe_lines=[0-9]+ ring0_tokens=[0-9]+ ring0_branches=[0-9]+ ring0_text_bytes=[0-9]+ ring0_syscalls=[0-9]+ sha256=[0-9a-f]{64}$", last);
        string sum = Copy.Run("sha256sum", Path.Combine(copy.Folder, "out/images/packetd")).Split(' ')[0];
        Assert.EndsWith(sum, last, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_more_in_the_event_loop_fails_and_names_the_loop() => copy.With("packetd/Linux/Program.cs",
        "        node.Host.Wait();\n", "        node.Host.Wait();\n        node.Host.Wait();\n", () =>
        {
            Assert.Equal(1, copy.Audit(out string output));
            Assert.Contains("code lines, its budget is", output, StringComparison.Ordinal);
            Assert.Matches(@"packetd/Linux/Program.cs: Program.Serve: (\d+) -> (\d+) lines", output);
            Assert.Contains("make audit-raise", output, StringComparison.Ordinal);
            Assert.StartsWith("audit: failed ", output.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
        });

    [Fact]
    public void A_system_call_that_is_not_declared_is_found_in_the_binary() => copy.With("packetd/Linux/LinuxHost.cs",
        "        Call(CallNumber.ClockGetTime,", "        Call((CallNumber)9);\n        Call(CallNumber.ClockGetTime,", () =>
        {
            Assert.Equal(1, copy.Audit(out string output, "--raise"));
            Assert.Contains("system call 9, which packetd does not declare", output, StringComparison.Ordinal);
        });

    [Fact]
    public void A_declared_call_that_is_never_made_is_found_too() => copy.With("packetd/Linux/Calls.cs",
        "Read, OpenAt,", "Read, Mmap, OpenAt,", () =>
        {
            Assert.Equal(1, copy.Audit(out string output, "--raise"));
            Assert.Contains("declares the system call Mmap and the binary never makes it", output, StringComparison.Ordinal);
        });

    [Fact]
    public void A_call_through_a_pointer_is_found() => copy.With("packetd/Linux/LinuxHost.cs",
        "    public void Wait()\n    {\n",
        "    private static ulong Half(ulong seconds) => seconds / 2;\n\n    private static ulong Twice(ulong seconds) => seconds * 2;\n\n"
        + "    public unsafe void Wait()\n    {\n        delegate*<ulong, ulong> chosen = polls.Length > 9 ? &Half : &Twice;\n        Now = chosen(Now);\n", () =>
        {
            Assert.Equal(1, copy.Audit(out string output, "--raise"));
            Assert.Contains("no-indirect-calls", output, StringComparison.Ordinal);
        });

    [Fact]
    public void The_reports_are_there_and_a_browser_reads_the_page()
    {
        copy.Build();
        Assert.Equal(0, copy.Audit(out string output, "--raise"));
        string folder = Path.Combine(copy.Folder, "out/audit");
        int lines = int.Parse(Regex.Match(output, "ring0_lines=([0-9]+)").Groups[1].Value);

        using JsonDocument sarif = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "audit.sarif")));
        Assert.Equal("2.1.0", sarif.RootElement.GetProperty("version").GetString());
        Assert.All(sarif.RootElement.GetProperty("runs")[0].GetProperty("results").EnumerateArray(), result => Assert.Equal("note", result.GetProperty("level").GetString()));
        using JsonDocument bill = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "sbom.json")));
        Assert.Contains(bill.RootElement.GetProperty("components").EnumerateArray(), part => part.GetProperty("name").GetString() == "packetd");
        string badge = File.ReadAllText(Path.Combine(folder, "badge.svg"));
        Assert.Contains($"{lines} lines", badge, StringComparison.Ordinal);
        // Each text is within its field, and both fields are within the picture.
        int[] fields = Numbers(@"<rect (?:x=""\d+"" )?width=""(\d+)"""), texts = Numbers(@"textLength=""(\d+)""");
        Assert.Equal((2, 2, Numbers(@"<svg [^>]*width=""(\d+)""")[0]), (fields.Length, texts.Length, fields.Sum()));
        Assert.All(fields.Zip(texts), pair => Assert.InRange(pair.Second, 1, pair.First - 8));

        string? browser = new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(program => HostKernel.TakesFilters && File.Exists(program));
        string page = browser == null ? File.ReadAllText(Path.Combine(folder, "report.html"))
            : Copy.Run("timeout", "60", browser, "--headless", "--no-sandbox", "--disable-gpu", $"--user-data-dir={copy.Folder}/browser", "--dump-dom", "file://" + Path.Combine(folder, "report.html"));
        Assert.Contains("id=\"treemap\"", page, StringComparison.Ordinal);
        Assert.Contains("id=\"rings\"", page, StringComparison.Ordinal);
        Assert.Contains(Regex.Match(output, "sha256=([0-9a-f]{64})").Groups[1].Value, page, StringComparison.Ordinal);
        Assert.Contains($"<td>code lines</td><td>{lines:N0}</td>", page, StringComparison.Ordinal);
        Assert.True(Regex.Count(page, "<rect ") > 80, "the treemap shows the methods");
        // Its colours have a key and a second set for a dark screen; its history has the unit of the budget.
        string[] colors = [.. Regex.Matches(page, "<rect [^>]*fill=\"(#[0-9a-f]{6})\" stroke=\"#fff\"").Select(match => match.Groups[1].Value).Distinct().Order()];
        string key = Regex.Match(page, "<p class=\"key\">.*?</p>").Value;
        Assert.Equal(colors, Regex.Matches(key, "background:(#[0-9a-f]{6})").Select(match => match.Groups[1].Value).Order());
        Assert.Matches(@"@media ?\(prefers-color-scheme: ?dark\)", page);
        Assert.Matches("<table id=\"history\">(<tbody>)?<tr><th>revision</th><th>code lines</th>", page);

        int[] Numbers(string pattern) => [.. Regex.Matches(badge, pattern).Select(match => int.Parse(match.Groups[1].Value))];
    }

    [Fact]
    public void Wrong_use_is_one_sentence()
    {
        Assert.Equal(2, copy.Audit(out string output, "--frob"));
        Assert.Equal("audit: --frob is not an option; --help lists them.\n", output);
    }
}
