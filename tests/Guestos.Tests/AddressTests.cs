using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace Guestos.Tests;

/// <summary>
/// A number out of a register becomes a pointer in one place of the kernel, which checks it: read from its sources, because nothing else would
/// notice a handler that makes one of its own.
/// </summary>
public partial class AddressTests
{
    /// <summary>Where numbers are kernel addresses, and the one place where they are a process's.</summary>
    private static readonly string[] s_makesPointers = ["arch/", "kernel/DirectMap.cs", "kernel/Panic.cs", "mm/", "migrate/CheckpointMemory.cs", "proc/Thread.cs"];

    /// <summary>Where user memory is touched in place instead of being copied: until the process sleeps.</summary>
    private static readonly string[] s_touchesInPlace =
        ["mm/UserRange.cs", "mm/UserPointer.cs", "mm/UserString.cs", "fs/Transfer.cs", "abi/AttributeCalls.cs", "abi/PollCalls.cs", "fs/exec/Exec.cs"];

    /// <summary>Where the table of descriptors is asked by number: for the caller of a system call, and for /proc.</summary>
    private static readonly string[] s_looksUpDescriptors = ["fs/Descriptor.cs", "fs/FileTable.cs", "fs/ProcProcess.cs", "fs/ProcTree.cs"];

    [GeneratedRegex(@"\(\s*[A-Za-z_]\w*\s*\*+\s*\)\s*\(*\s*([A-Za-z_]\w*)(?!\w*\s*[(.<]|\w*->)")]
    private static partial Regex PointerCast();

    [GeneratedRegex(@"\b(?:ulong|long|uint|int|nuint|nint)\s+([A-Za-z_]\w*)")]
    private static partial Regex NumberDeclaration();

    [GeneratedRegex(@"\.(?:TryBegin|Begin)\((?:Access\.|access\b)|\bTryBegin\(Access\.")]
    private static partial Regex InPlace();

    [GeneratedRegex(@"\bFileTable\.Get\(")]
    private static partial Regex LookUp();

    private static IEnumerable<(string Name, string Text)> Sources()
    {
        string kernel = Path.Combine(Repository.Root, "guestos");
        return Directory.EnumerateFiles(kernel, "*.cs", SearchOption.AllDirectories)
            .Select(path => (Path.GetRelativePath(kernel, path), File.ReadAllText(path)))
            .Where(source => !source.Item1.StartsWith("obj/", StringComparison.Ordinal) && !source.Item1.StartsWith("user/", StringComparison.Ordinal)
                && !source.Item1.StartsWith("bin/", StringComparison.Ordinal));
    }

    private static bool IsIn(string name, string[] places) => places.Any(place => name.StartsWith(place, StringComparison.Ordinal));

    private static IEnumerable<string> Casts(string text)
    {
        HashSet<string> numbers = [.. NumberDeclaration().Matches(text).Select(match => match.Groups[1].Value)];
        return PointerCast().Matches(text).Where(match => numbers.Contains(match.Groups[1].Value)).Select(match => match.Value);
    }

    [Theory]
    [InlineData("ulong buffer) => *(byte*)buffer;")]
    [InlineData("ulong at; var x = (Thing**)(at + 8);")]
    [InlineData("ulong a) { ((int*)a)[0] = 1; }")]
    public void CastOfANumberIsSeen(string text) => Assert.Single(Casts(text));

    [Fact]
    public void NumbersBecomePointersInFewPlaces()
    {
        string[] found = [.. Sources().Where(source => !IsIn(source.Name, s_makesPointers)).SelectMany(source => Casts(source.Text).Select(cast => $"{source.Name}: {cast}"))];
        Assert.Empty(found);
        Assert.NotEmpty(Sources().Where(source => source.Name == "mm/UserRange.cs").SelectMany(source => Casts(source.Text)));
    }

    [Fact]
    public void UserMemoryIsTouchedInFewPlaces() =>
        Assert.Equal(s_touchesInPlace.Order(), Sources().Where(source => InPlace().IsMatch(source.Text)).Select(source => source.Name).Order());

    [Fact]
    public void DescriptorsAreLookedUpOnce() =>
        Assert.Empty(Sources().Where(source => !IsIn(source.Name, s_looksUpDescriptors) && LookUp().IsMatch(source.Text)).Select(source => source.Name));
}
