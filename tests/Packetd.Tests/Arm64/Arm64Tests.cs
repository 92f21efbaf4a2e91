using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Testing;
using Testing.Nodes;
using Xunit;

namespace Packetd.Tests;

/// <summary>Everything that <see cref="BinaryTests"/> asks, of packetd for arm64.</summary>
[Collection("arm64")]
public class Arm64BinaryTests : BinaryTests
{
    public Arm64BinaryTests() => Platform.Emulate();
}

/// <summary>Everything that <see cref="FaultTests"/> asks, of packetd for arm64.</summary>
[Collection("arm64")]
public class Arm64FaultTests : FaultTests
{
    public Arm64FaultTests() => Platform.Emulate();
}

/// <summary>Everything that <see cref="FloodTests"/> asks, of packetd for arm64.</summary>
[Collection(Floods.Name)]
public class Arm64FloodTests : FloodTests
{
    public Arm64FloodTests() => Platform.Emulate();
}

/// <summary>Everything that <see cref="ExhaustionTests"/> asks, of packetd for arm64.</summary>
[Collection("arm64")]
public class Arm64ExhaustionTests : ExhaustionTests
{
    public Arm64ExhaustionTests() => Platform.Emulate();
}

/// <summary>What there is to ask of packetd for arm64 only.</summary>
[Collection("arm64")]
public class Arm64Tests
{
    public Arm64Tests() => Platform.Emulate();

    [RootFact]
    public void The_lab_runs_the_arm64_image()
    {
        using var lab = new Lab();
        Assert.Contains("qemu-aarch64", new FileInfo($"/proc/{lab.Pid}/exe").LinkTarget, StringComparison.Ordinal);
        Assert.Contains(Repository.Image("arm64/packetd"), File.ReadAllText($"/proc/{lab.Pid}/cmdline"), StringComparison.Ordinal);
        Assert.Equal(183, File.ReadAllBytes(Platform.Packetd)[18]); // EM_AARCH64
    }

    [Fact]
    public void Each_call_has_the_number_that_the_kernels_headers_give_it()
    {
        string folder = Directory.Exists("/usr/include/x86_64-linux-gnu/asm") ? "/usr/include/x86_64-linux-gnu" : "/usr/include";
        Dictionary<int, string> here = KernelNames(folder + "/asm/unistd_64.h"), there = KernelNames("/usr/include/asm-generic/unistd.h");
        Dictionary<string, int> numbers = Numbers("X64"), others = Numbers("Arm64");
        Assert.InRange(numbers.Count, 20, 80);
        // From 424 on a call has one number everywhere, which older headers do not name.
        foreach (string name in numbers.Where(call => call.Value > here.Keys.Max()).Select(call => call.Key).ToArray())
        {
            Assert.True(numbers[name] >= 424 && others[name] == numbers[name], name);
            numbers.Remove(name);
            others.Remove(name);
        }
        string[] absent = [.. numbers.Where(call => !there.ContainsValue(here[call.Value])).Select(call => call.Key)];
        Assert.Equal(["ChMod", "ChOwn", "Fork", "LChOwn", "VFork"], absent.Order());
        Assert.DoesNotContain(others.Keys, name => Array.IndexOf(absent, name) >= 0); // their numbers are such as no call has
        Assert.Equal(numbers.Where(call => Array.IndexOf(absent, call.Key) < 0).Select(call => (call.Key, here[call.Value])).Order(), others.Select(call => (call.Key, there[call.Value])).Order());
    }

    [RootFact]
    public void The_filter_allows_what_it_should_and_judges_calls_of_packetds_own_code_only()
    {
        using var lab = new Lab();
        const uint Arm64 = 0xC00000B7, X64 = 0xC000003E, Arm32 = 0x40000028;
        const ulong Own = 0x22_0041_0000, Elsewhere = 0x7F_0041_0000;
        string text = Source("packetd/Linux/Calls.cs");
        string list = text[text.IndexOf("WhileServing =>", StringComparison.Ordinal)..];
        string[] names = [.. Regex.Matches(list[..list.IndexOf("];", StringComparison.Ordinal)], @"(\w+),").Select(match => match.Groups[1].Value)];
        Dictionary<string, int> numbers = Numbers("Arm64");
        Assert.InRange(names.Length, 10, numbers.Count - 1);
        uint[] every = [.. Enumerable.Range(0, 2000).Select(number => (uint)number), 0x40000000, 0x7FFFFFFF, 0xFFFFFFFF];
        Assert.Equal(names.Select(name => (uint)numbers[name]).Order(), every.Where(number => Allows(lab.Filter, number, Arm64, Own)));
        Assert.DoesNotContain(every, number => Allows(lab.Filter, number, X64, Own) || Allows(lab.Filter, number, Arm32, Elsewhere));
        Assert.All(every, number => Assert.True(Allows(lab.Filter, number, Arm64, Elsewhere)));
    }

    [RootFact]
    public void Where_the_filter_is_refused_packetd_does_not_serve()
    {
        using var lab = new Lab();
        PacketSocket.kill(lab.Pid, 9);
        lab.WaitForEnd();
        Platform.FilterRefused = true;
        lab.Start(logged: false);
        Assert.Equal(1, lab.WaitForEnd());
        Assert.Contains("cannot install a filter of system calls", lab.Log[0], StringComparison.Ordinal);
    }

    /// <summary>Runs a filter of the three kinds of instructions that there should be (linux/filter.h, linux/seccomp.h).</summary>
    private static bool Allows(ulong[] filter, uint number, uint architecture, ulong caller)
    {
        uint loaded = 0;
        for (int at = 0; ; at++)
        {
            (uint code, int then, int otherwise, uint value) = ((ushort)filter[at], (byte)(filter[at] >> 16), (byte)(filter[at] >> 24), (uint)(filter[at] >> 32));
            switch (code)
            {
                case 0x20: // load a word of struct seccomp_data
                    loaded = value switch { 0 => number, 4 => architecture, 8 => (uint)caller, 12 => (uint)(caller >> 32), _ => throw new InvalidDataException() };
                    break;
                case 0x15: // jump if equal
                    at += loaded == value ? then : otherwise;
                    break;
                case 0x06: // return
                    Assert.True(value is 0x7FFF0000 or 0x80000000, "neither allows nor kills the process");
                    return value == 0x7FFF0000;
                default:
                    throw new InvalidDataException($"instruction {code:x}");
            }
        }
    }

    private static Dictionary<string, int> Numbers(string architecture) => Regex.Matches(Source($"corelib/Linux/CallNumber.{architecture}.cs"), @"(\w+) = ([0-9]+),")
        .ToDictionary(match => match.Groups[1].Value, match => int.Parse(match.Groups[2].Value));

    private static Dictionary<int, string> KernelNames(string header) =>
        Regex.Matches(File.ReadAllText(header), @"#define __NR(?:3264)?_(\w+)\s+([0-9]+)\s").GroupBy(match => int.Parse(match.Groups[2].Value))
            .ToDictionary(group => group.Key, group => group.First().Groups[1].Value);

    private static string Source(string file) => File.ReadAllText(Path.Combine(Repository.Image(""), "../..", file));
}
