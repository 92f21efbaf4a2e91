using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Testing;
using Xunit;

namespace Audit.Tests;

/// <summary>
/// A system call of the guest is in several lists: its name and number (guestos/kernel/SystemCall.cs), its dispatcher, and the table of the program that calls it with
/// hostile arguments.
/// </summary>
public sealed partial class SystemCallTests
{
    /// <summary>What the header of Debian 12 (Linux 6.1) does not know yet, by number. A header that does is compared.</summary>
    private static readonly Dictionary<string, ulong> s_newer = new() { ["fchmodat2"] = 452 };

    /// <summary>Without a row in the table of tests/Guestos.Tests/programs/fuzzcalls.c, and why.</summary>
    private static readonly Dictionary<string, string> s_withoutRow = new()
    {
        ["RtSigreturn"] = "ends the caller at once; hostile.c makes frames for it",
        ["Exit"] = "ends the caller",
        ["ExitGroup"] = "ends the caller",
        ["Reboot"] = "ends the machine",
        ["Clone"] = "work() calls it, with a child that ends",
        ["Fork"] = "work() calls it",
        ["Vfork"] = "work() calls it, since the child has to end first",
        ["Ptrace"] = "trace_child() calls it, about a child",
        ["Getpid"] = "has no arguments",
        ["Getppid"] = "has no arguments",
        ["Getpgrp"] = "has no arguments",
        ["Gettid"] = "has no arguments",
        ["Getuid"] = "has no arguments",
        ["Geteuid"] = "has no arguments",
        ["Getgid"] = "has no arguments",
        ["Getegid"] = "has no arguments",
    };

    private static string Read(string path) => File.ReadAllText(Path.Combine(Repository.Root, path));

    /// <summary>The members of the enumeration, and their numbers.</summary>
    private static Dictionary<string, ulong> Members() =>
        CSharpSyntaxTree.ParseText(Read("guestos/kernel/SystemCall.cs")).GetRoot().DescendantNodes().OfType<EnumMemberDeclarationSyntax>()
            .ToDictionary(member => member.Identifier.Text, member => ulong.Parse(member.EqualsValue!.Value.ToString()));

    /// <summary>Linux's names without underscores, and their numbers, as the C compiler's headers have them.</summary>
    private static Dictionary<string, ulong> OfLinux() =>
        Number().Matches(Programs.Run("gcc", "-m64", "-dM", "-E", "-include", "asm/unistd_64.h", "-x", "c", "/dev/null"))
            .ToDictionary(match => Plain(match.Groups[1].Value), match => ulong.Parse(match.Groups[2].Value));

    private static string Plain(string name) => name.Replace("_", "").ToLowerInvariant();

    [Fact]
    public void Every_number_is_the_one_of_Linux_for_that_name()
    {
        Dictionary<string, ulong> members = Members(), linux = OfLinux();
        Assert.True(members.Count > 250 && linux.Count > 350, $"{members.Count} members, {linux.Count} numbers of Linux");
        foreach ((string name, ulong number) in s_newer)
            linux.TryAdd(name, number);
        Assert.Equal([], members.Where(member => linux.GetValueOrDefault(Plain(member.Key), ulong.MaxValue) != member.Value));
        Assert.Equal([], s_newer.Keys.Except(members.Keys.Select(Plain)));
    }

    /// <summary>What has no line is ENOSYS, and the second of two is never reached. Lines with a condition do not count.</summary>
    [Fact]
    public void Every_member_is_dispatched_once()
    {
        string[] core = Lines("Dispatch", "CallCore", _ => true);
        string[] dispatched = [.. core, .. Lines("FileDispatch", "Call", _ => true), .. Lines("SocketDispatch", "CallInternet", _ => true)];
        Assert.Equal(Members().Keys.Order(), dispatched.Order());
        // Those on areas of memory have a line behind that one.
        string[] onAreas = Lines("Dispatch", "CallCore", line => line.Expression.ToString().StartsWith("MemoryCalls.Change(", StringComparison.Ordinal));
        Assert.NotEmpty(onAreas);
        Assert.Equal(onAreas.Order(), Lines("MemoryCalls", "Change", _ => true).Order());
    }

    /// <summary>The members that the switch of a method in guestos/abi names.</summary>
    private static string[] Lines(string type, string method, Func<SwitchExpressionArmSyntax, bool> isMeant) =>
    [
        .. from body in CSharpSyntaxTree.ParseText(Read($"guestos/abi/{type}.cs")).GetRoot().DescendantNodes().OfType<MethodDeclarationSyntax>()
           where body.Identifier.Text == method
           from line in body.DescendantNodes().OfType<SwitchExpressionArmSyntax>()
           where line.WhenClause == null && isMeant(line)
           from Match name in Member().Matches(line.Pattern.ToString())
           select name.Groups[1].Value,
    ];

    [Fact]
    public void Every_call_is_fuzzed_or_has_a_reason_why_not()
    {
        Dictionary<string, ulong> members = Members(), linux = OfLinux();
        ulong[] rows = [.. Row().Matches(Read("tests/Guestos.Tests/programs/fuzzcalls.c")).Select(row => row.Groups[1].Value)
            .Select(name => ulong.TryParse(name, out ulong number) ? number : linux[Plain(name["SYS_".Length..])])];
        Assert.Equal([], members.Where(member => !rows.Contains(member.Value) && !s_withoutRow.ContainsKey(member.Key)));
        Assert.Equal([], s_withoutRow.Keys.Where(name => !members.TryGetValue(name, out ulong number) || rows.Contains(number)));
        Assert.Equal([], rows.Except(members.Values));
    }

    [GeneratedRegex(@"^#define __NR_(\w+) (\d+)$", RegexOptions.Multiline)]
    private static partial Regex Number();

    [GeneratedRegex(@"\bSystemCall\.(\w+)")]
    private static partial Regex Member();

    [GeneratedRegex("""\{ (SYS_\w+|\d+), "\w*" \}""")]
    private static partial Regex Row();
}
