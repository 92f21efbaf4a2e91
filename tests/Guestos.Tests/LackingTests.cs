using System;
using System.IO;
using System.Linq;
using Testing;
using Xunit;

namespace Guestos.Tests;

/// <summary>The README's table of what the guest does not have is what the guest answers, row by row; this host has all of it.</summary>
public class LackingTests
{
    private const string Title = "## What the guest does not have yet";

    [Fact]
    public void The_README_says_what_the_guest_does_not_have()
    {
        Initramfs initramfs = Initramfs.WithBusybox().File("bin/lacking", Programs.Bytes("lacking"))
            .Script("init", "mkdir -p /tmp; /bin/lacking; exec reboot -f\n");
        using var guest = new Guest("domain", initramfs);
        string[] answers = Rows(guest.AwaitEnd(60));
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        Assert.Equal(Rows(readme[readme.IndexOf(Title, StringComparison.Ordinal)..]), answers);

        string[] here = Rows(Programs.RunOnHost("lacking"));
        Assert.Equal(answers.Select(What), here.Select(What));
        Assert.All(here, row => Assert.EndsWith("| works |", row, StringComparison.Ordinal));
    }

    /// <summary>The first table's rows, without its head.</summary>
    private static string[] Rows(string text) => [.. text.Split('\n').SkipWhile(line => !line.StartsWith("| ", StringComparison.Ordinal))
        .TakeWhile(line => line.StartsWith('|')).Where(line => !line.StartsWith("| what |", StringComparison.Ordinal) && !line.StartsWith("| ---", StringComparison.Ordinal))];

    private static string What(string row) => row[..row.LastIndexOf("| ", StringComparison.Ordinal)];
}
