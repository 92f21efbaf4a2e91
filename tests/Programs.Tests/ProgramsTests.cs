using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Testing;
using Xunit;
using Xunit.Sdk;

namespace Programs.Tests;

/// <summary>What programs of others print in a guest that moves twice while they work is what they print on this host.</summary>
public abstract class ProgramsTests
{
    private protected static void PrintsTheSame(Group group, string name)
    {
        Group.Outcome outcome = group[name];
        Assert.True(outcome.Witness == outcome.Guest, $"It says on this host:\n{outcome.Witness}\nand in the guest:\n{outcome.Guest}");
        Assert.Contains("exit 0\n", outcome.Witness, StringComparison.Ordinal);
        Assert.True(outcome.WasMoved, "it had ended before the guest had moved for the second time");
    }
}

public sealed class TextTests : ProgramsTests
{
    private static readonly Group s_group = new(Table.Texts, memory: 256);

    [RootTheory, Installed(nameof(Table.Texts)), Missing(nameof(Table.Texts))]
    public void Shells_and_their_tools(string name) => PrintsTheSame(s_group, name);
}

public sealed class LanguageTests : ProgramsTests
{
    private static readonly Group s_group = new(Table.Languages, memory: 640);

    [RootTheory, Installed(nameof(Table.Languages)), Missing(nameof(Table.Languages))]
    public void Interpreters_compilers_and_databases(string name) => PrintsTheSame(s_group, name);
}

public sealed class LargeTests : ProgramsTests
{
    private static readonly Group s_group = new(Table.Large, memory: 512);

    [RootTheory, Installed(nameof(Table.Large)), Missing(nameof(Table.Large))]
    public void A_debugger_a_renderer_and_a_database(string name) => PrintsTheSame(s_group, name);
}

public sealed class BulkyTests : ProgramsTests
{
    private static readonly Group s_group = new(Table.Bulky, memory: 1200);

    [RootTheory, Installed(nameof(Table.Bulky)), Missing(nameof(Table.Bulky))]
    public void Programs_that_are_large(string name) => PrintsTheSame(s_group, name);
}

public sealed class ToolchainTests : ProgramsTests
{
    private static readonly Group s_group = new(Table.Toolchains, memory: 400);

    [RootTheory, Installed(nameof(Table.Toolchains)), Missing(nameof(Table.Toolchains))]
    public void What_compilers_make(string name) => PrintsTheSame(s_group, name);
}

public sealed class ServerTests : ProgramsTests
{
    private static readonly Group s_group = new(Table.Servers, memory: 400);

    [RootTheory, Installed(nameof(Table.Servers)), Missing(nameof(Table.Servers))]
    public void Servers_that_are_asked_all_the_time(string name) => PrintsTheSame(s_group, name);
}

/// <summary>What docs/programs.md says not to run does not: whoever makes it run moves it to the others.</summary>
public sealed class LackingTests
{
    private static readonly Group s_group = new(Table.Lacking, memory: 256, moves: false);

    [RootTheory, Installed(nameof(Table.Lacking)), Missing(nameof(Table.Lacking))]
    public void What_does_not_run_says_why(string name)
    {
        Group.Outcome outcome = s_group[name];
        Entry entry = Table.Lacking.Single(entry => entry.Name == name);
        Assert.Contains("exit 0\n", outcome.Witness, StringComparison.Ordinal);
        Assert.True(outcome.Witness != outcome.Guest, $"{name} runs: it belongs to those of docs/programs.md that do");
        Assert.Contains(entry.Says!, outcome.Guest, StringComparison.Ordinal);
    }
}

/// <summary>A case for each program of a part of the table that this host has.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal class InstalledAttribute(string part) : DataAttribute
{
    private protected Entry[] Entries { get; } = (Entry[])typeof(Table).GetField(part, BindingFlags.Static | BindingFlags.Public)!.GetValue(null)!;

    public override IEnumerable<object[]> GetData(MethodInfo method) => from entry in Entries where entry.IsChosen && !entry.FindMissing().Any() select new object[] { entry.Name };
}

/// <summary>A skipped case for each other one.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MissingAttribute : InstalledAttribute
{
    public MissingAttribute(string part)
        : base(part)
    {
        string[] missing = [.. Entries.SelectMany(entry => entry.FindMissing()).Distinct()];
        if (missing.Length > 0)
            Skip = $"not installed: {string.Join(", ", missing)}";
        if (Entries.Any(entry => entry.IsOnlyByName && !entry.IsChosen))
            Skip = "run when PROGRAMS names it (docs/programs.md)";
    }

    public override IEnumerable<object[]> GetData(MethodInfo method) =>
        from entry in Entries where entry.FindMissing().Any() || entry.IsOnlyByName && !entry.IsChosen select new object[] { entry.Name };
}
