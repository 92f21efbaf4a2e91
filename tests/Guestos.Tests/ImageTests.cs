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
        using Process objdump = Process.Start(new ProcessStartInfo("objdump", ["-d", "--no-show-raw-insn", Path.Combine(Repository.Root, "out/images/guestos.debug")])
        {
            RedirectStandardOutput = true,
        })!;
        string[] lines = objdump.StandardOutput.ReadToEnd().Split('\n');
        objdump.WaitForExit();
        Assert.Contains(lines, line => line.Contains("fxrstor64"));
        Assert.DoesNotContain(lines, line => Computes().IsMatch(line));
    }

    // Of SSE what works on scalar or packed numbers, conversions, MXCSR itself; of x87 all but FXSAVE and FXRSTOR.
    [GeneratedRegex(@"\t(v?(add|sub|mul|div|sqrt|max|min|cmp\w*|u?comi|rcp|rsqrt|round|dp|hadd|hsub|addsub)[sp][sd]|v?cvt\w+|v?(ld|st)mxcsr|f(?!xsave|xrstor)\w+) ")]
    private static partial Regex Computes();
}
