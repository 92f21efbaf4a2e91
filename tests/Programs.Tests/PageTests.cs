using System;
using System.IO;
using System.Linq;
using Testing;
using Xunit;

namespace Programs.Tests;

/// <summary>docs/programs.md has a row for each program of the table, in its order, and no other.</summary>
public sealed class PageTests
{
    [Fact]
    public void The_page_lists_what_runs() =>
        Assert.Equal(Table.Running.Select(entry => $"| {entry.Name} | {entry.Source} | {entry.What} |"), Rows("## What runs"));

    [Fact]
    public void The_page_lists_what_does_not_run() =>
        Assert.Equal(Table.Lacking.Select(entry => $"| {entry.Name} | {entry.Source} | {entry.What} | {entry.Lacks} | {entry.Says} |"), Rows("## What does not run yet"));

    [Fact]
    public void Names_are_words_and_there_are_enough()
    {
        Entry[] all = [.. Table.Running.Concat(Table.Lacking)];
        Assert.Equal(all.Length, all.Select(entry => entry.Name).Distinct().Count());
        Assert.All(all, entry => Assert.DoesNotContain(' ', entry.Name));
        Assert.True(Table.Running.Count() >= 40, $"only {Table.Running.Count()} programs");
    }

    /// <summary>The rows of the first table below a title.</summary>
    private static string[] Rows(string title)
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "programs.md"));
        return [.. page[page.IndexOf(title + "\n", StringComparison.Ordinal)..].Split('\n').SkipWhile(line => !line.StartsWith("| ", StringComparison.Ordinal))
            .TakeWhile(line => line.StartsWith('|')).Skip(2)];
    }
}
