using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace Guestos.Tests;

/// <summary>What the kernel's image must not hold.</summary>
public partial class ImageTests
{
    /// <summary>
    /// While the kernel runs, x87 and MXCSR are user mode's (guestos/arch/FloatState.cs): an instruction that computes with them would round as a
    /// program has said, and fault where that has unmasked exceptions.
    /// </summary>
    [Fact]
    public void The_kernel_computes_no_floating_point_numbers()
    {
        string[] lines = Instructions();
        Assert.Contains(lines, line => line.Contains("fxrstor64"));
        Assert.DoesNotContain(lines, line => Computes().IsMatch(line));
    }

    /// <summary>
    /// SYSRET to an address that is not canonical faults with the kernel's privilege, on a stack of the program's choice, on Intel's processors (SDM vol. 2; CVE-2012-0217); on
    /// AMD's, and on both monitors here, it faults in user mode, so that no guest shows whether the kernel looks.
    /// </summary>
    [Fact]
    public void Sysret_is_reached_only_with_an_address_of_the_lower_half()
    {
        string[] lines = Instructions();
        int last = Array.FindIndex(lines, line => line.Contains("\tsysretq"));
        Assert.Equal(last, Array.FindLastIndex(lines, line => line.Contains("\tsysretq")));
        int label = Array.FindLastIndex(lines, last, line => line.EndsWith(">:", StringComparison.Ordinal));
        Assert.EndsWith("<syscall_entry>:", lines[label], StringComparison.Ordinal);
        // The address is the frame's, and the jump goes to the way by IRETQ.
        string[] way = [.. lines[label..last].Select(line => line[(line.LastIndexOf('\t') + 1)..].TrimEnd())];
        int test = Array.FindIndex(way, line => Regex.IsMatch(line, @"^shr +\$0x2f,%rcx$"));
        Assert.True(test > 0, "nothing looks at the upper bits of RCX");
        Assert.Matches("^jne .*<return_to_user>$", way[test + 1]);
        // Behind the last of what jumps or is called.
        Assert.DoesNotContain(way[(test + 2)..], line => line.StartsWith('j') || line.StartsWith("call", StringComparison.Ordinal));
        int load = Array.FindLastIndex(way, test - 1, line => line.EndsWith(",%rcx", StringComparison.Ordinal) && line.StartsWith("mov", StringComparison.Ordinal));
        Assert.Matches(@"^mov +0x[0-9a-f]+\(%rsp\),%rcx$", way[load]);
    }

    private static string[] Instructions()
    {
        using Process objdump = Process.Start(new ProcessStartInfo("objdump", ["-d", "--no-show-raw-insn", Path.Combine(Repository.Root, "out/images/guestos.debug")])
        {
            RedirectStandardOutput = true,
        })!;
        string[] lines = objdump.StandardOutput.ReadToEnd().Split('\n');
        objdump.WaitForExit();
        return lines;
    }

    // Of SSE what works on scalar or packed numbers, conversions, MXCSR itself; of x87 all but FXSAVE and FXRSTOR.
    [GeneratedRegex(@"\t(v?(add|sub|mul|div|sqrt|max|min|cmp\w*|u?comi|rcp|rsqrt|round|dp|hadd|hsub|addsub)[sp][sd]|v?cvt\w+|v?(ld|st)mxcsr|f(?!xsave|xrstor)\w+) ")]
    private static partial Regex Computes();
}
