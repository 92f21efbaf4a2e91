using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace Evilman.Tests;

/// <summary>README.md and docs/ give commands as this program takes them.</summary>
public partial class PagesTests
{
    [Fact]
    public void Every_command_of_the_pages_is_understood()
    {
        var seen = 0;
        List<string> wrong = [];
        foreach (var page in (string[])[Path.Combine(Repository.Root, "README.md"), .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md")])
        {
            foreach (var command in Commands(File.ReadAllText(page)))
            {
                seen++;
                foreach (var error in Program.Parse(command.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Errors)
                    wrong.Add($"{Path.GetFileName(page)}: evilman {command}: {error.Message}");
            }
        }
        Assert.Empty(wrong);
        Assert.True(seen > 12, $"the pages hold {seen} commands");
    }

    /// <summary>Each has one meaning, a row of docs/deploy.md, and, up to 5, its place in every help text.</summary>
    [Fact]
    public void Exit_codes_are_those_of_the_page()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs/deploy.md")).Split("### Exit codes")[1].Split("## ")[0];
        var rows = CodeRow().Matches(page).Select(match => int.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture)).ToList();
        var codes = typeof(ExitCode).GetFields().Select(field => (int)field.GetRawConstantValue()!).Order().ToList();
        Assert.Equal(codes, rows);
        Assert.Distinct(codes);
        var help = new StringWriter();
        Program.Root().Parse(["stop", "--help"]).Invoke(new System.CommandLine.InvocationConfiguration { Output = help });
        var told = HelpCode().Matches($"{help}".Split("Exit codes:")[1]).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal);
        Assert.Equal(codes.Where(code => code < 10).Select(code => $"{code}"), told);
    }

    [GeneratedRegex(@"^\| (\d+) \|", RegexOptions.Multiline)]
    private static partial Regex CodeRow();

    [GeneratedRegex(@"(?<= )(\d)  ")]
    private static partial Regex HelpCode();

    /// <summary>What follows <c>evilman</c> in a block of code or between backquotes, with the lines that a backslash joins, without its comment.</summary>
    static IEnumerable<string> Commands(string page)
    {
        foreach (Match match in Block().Matches(page.Replace("\\\n", " ")))
            yield return Comment().Replace(match.Groups[1].Value, "");
        foreach (Match match in Span().Matches(page))
        {
            if (!match.Groups[1].Value.Contains('…') && !PlaceHolder().IsMatch(match.Groups[1].Value))
                yield return match.Groups[1].Value;
        }
    }

    [GeneratedRegex(@"^ {4,}evilman (.+)$", RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex(@"\s+#.*$")]
    private static partial Regex Comment();

    /// <summary>With an option or a word after the command's name: a name alone is only spoken of.</summary>
    [GeneratedRegex("`evilman ([a-z-]+ [^`]+|--help)`")]
    private static partial Regex Span();

    [GeneratedRegex("[A-Z]{3,}")]
    private static partial Regex PlaceHolder();
}
