using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace Audit.Tests;

/// <summary>What README.md and docs/ name is there: tests, files, targets of make, pages and their sections.</summary>
public sealed partial class DocumentTests
{
    private static IEnumerable<string> Pages() => Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Append(Path.Combine(Repository.Root, "README.md"));

    /// <summary>What stands between backquotes, with the page's name.</summary>
    private static IEnumerable<(string Page, string Word)> Quoted() =>
        from page in Pages()
        from Match match in CodeSpan().Matches(File.ReadAllText(page))
        select (Path.GetFileName(page), match.Groups[1].Value);

    [GeneratedRegex("(?<!`)`([^`\n]+)`(?!`)")]
    private static partial Regex CodeSpan();

    /// <summary>`Project.Tests/ClassTests`, `ClassTests`, `ClassTests.A_method…`, `A_method…`.</summary>
    [Fact]
    public void Every_test_that_a_page_names_is_there()
    {
        string[] sources = [.. Directory.GetFiles(Path.Combine(Repository.Root, "tests"), "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains("/obj/"))];
        string all = string.Join('\n', sources.Select(File.ReadAllText));
        List<string> missing = [];
        int seen = 0;
        foreach ((string page, string word) in Quoted())
        {
            Match match = TestName().Match(word);
            if (!match.Success)
                continue;
            seen++;
            (string project, string kind, string method) = (match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value + match.Groups[4].Value);
            bool isThere = (project.Length == 0 || Directory.Exists(Path.Combine(Repository.Root, "tests", project)))
                && (kind.Length == 0 || sources.Any(file => Path.GetFileNameWithoutExtension(file) == kind && (project.Length == 0 || file.Contains($"/{project}/"))))
                && (method.Length == 0 || Regex.IsMatch(all, $@"public void {method}\w*\("));
            if (!isThere)
                missing.Add($"{page}: {word}");
        }
        Assert.Empty(missing);
        Assert.True(seen > 40, $"the pages name {seen} tests");
    }

    [GeneratedRegex(@"^(?:(\w+(?:\.\w+)*\.Tests)(?:/|$))?(?:(\w+Tests)(?:\.|$))?(?:(?<=\.)(\w+)|([A-Z][a-z]*_\w+)…)?$")]
    private static partial Regex TestName();

    [Fact]
    public void Every_file_that_a_page_names_is_there()
    {
        List<string> missing = [];
        foreach ((string page, string word) in Quoted())
        {
            // What begins with a folder of the tree; "A, B" and "A/B.C" of a program are no paths.
            Match match = FileName().Match(word);
            if (!match.Success || !Directory.Exists(Path.Combine(Repository.Root, match.Groups[1].Value)) || word.StartsWith("out/", StringComparison.Ordinal))
                continue;
            string path = Path.Combine(Repository.Root, word);
            // A type's name stands for its file, and a project's test class for its.
            if (!Directory.Exists(path) && !File.Exists(path) && !File.Exists(path + ".cs") && !Directory.Exists(Path.Combine(Repository.Root, "tests", match.Groups[1].Value)))
                missing.Add($"{page}: {word}");
        }
        Assert.Empty(missing);
    }

    [GeneratedRegex(@"^([\w-]+)/[\w./-]*$")]
    private static partial Regex FileName();

    [Fact]
    public void Every_target_that_a_page_names_is_there()
    {
        string makefile = File.ReadAllText(Path.Combine(Repository.Root, "Makefile"));
        List<string> missing = [];
        foreach (string page in Pages())
            foreach (Match match in Target().Matches(File.ReadAllText(page)))
                if (!Regex.IsMatch(makefile, $@"^{match.Groups[1].Value}:", RegexOptions.Multiline))
                    missing.Add($"{Path.GetFileName(page)}: {match.Value}");
        Assert.Empty(missing);
    }

    [GeneratedRegex(@"(?:`|^    )make ([a-z][a-z0-9-]*)", RegexOptions.Multiline)]
    private static partial Regex Target();

    [Fact]
    public void Every_link_leads_somewhere()
    {
        List<string> broken = [];
        foreach (string page in Pages())
            foreach (Match match in Link().Matches(File.ReadAllText(page)))
            {
                (string file, string section) = (match.Groups[1].Value, match.Groups[2].Value);
                if (file.Contains("://"))
                    continue;
                string path = file.Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, file);
                if (!File.Exists(path) || (section.Length > 0 && !Anchors(path).Contains(section)))
                    broken.Add($"{Path.GetFileName(page)}: {match.Value}");
            }
        Assert.Empty(broken);
    }

    [GeneratedRegex(@"\]\(([^)#\s]*)#?([^)\s]*)\)")]
    private static partial Regex Link();

    /// <summary>What a heading is called in a link: small letters, digits and hyphens, blanks made hyphens.</summary>
    private static IEnumerable<string> Anchors(string page) =>
        File.ReadLines(page).Where(line => line.StartsWith('#'))
            .Select(line => Regex.Replace(line.TrimStart('#').Trim().ToLowerInvariant(), @"[^\w\- ]", "").Replace(' ', '-'));
}
