using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Testing.Machines;
using Xunit;

namespace Domain.Tests.SystemPrograms;

/// <summary>
/// What kernels ask of a processor, tried case by case on the monitor and on QEMU's emulator: the same image must print the same. One program
/// in every run; <c>make system-programs MINUTES=10</c> for more, which sets SYSTEM_PROGRAM_MINUTES. SYSTEM_PROGRAM_SEED chooses the first.
/// </summary>
public sealed class SystemProgramTests
{
    private const int Cases = 2000;

    private static readonly string[] s_machine = ["-M", "microvm,acpi=off,pit=off,pic=off,rtc=on,isa-serial=on", "-accel", "tcg",
        "-cpu", "phenom,vendor=AuthenticAMD,-fxsr-opt", "-m", "64", "-smp", "1", "-nodefaults", "-no-user-config", "-no-reboot", "-nographic",
        "-serial", "stdio", "-monitor", "none", "-device", "i8042"];

    // Columns of a line.
    private const int Vector = 1, Error = 2, Address = 3, Rflags = 6, Rax = 9;

    [Fact]
    public void A_processor_refuses_what_another_one_refuses()
    {
        string? minutes = Environment.GetEnvironmentVariable("SYSTEM_PROGRAM_MINUTES");
        int seed = int.Parse(Environment.GetEnvironmentVariable("SYSTEM_PROGRAM_SEED") ?? "1", CultureInfo.InvariantCulture);
        var time = TimeSpan.FromMinutes(minutes is null ? 0 : double.Parse(minutes, CultureInfo.InvariantCulture));
        var watch = Stopwatch.StartNew();
        do
            Compare(seed++);
        while (watch.Elapsed < time);
    }

    private static void Compare(int seed)
    {
        var program = new SystemProgram(seed, Cases);
        string file = Path.GetTempFileName();
        File.WriteAllBytes(file, TinyKernel.Image(program.Image));
        var other = Task.Run(() => Run(file + ".qemu", ["qemu-system-x86_64", .. s_machine, "-kernel", file]));
        var own = new Dictionary<string, Monitor.Result>();
        foreach (string engine in (string[])["interpreter", "translator"])
            own[engine] = Run(file + ".domain", [Monitor.Path, "--kernel", file, "--memory", "64", "--engine", engine]);
        var theirs = other.Result;
        File.Delete(file);
        foreach (var (engine, result) in own)
            Compare(seed, program, engine, result, theirs);
    }

    private static void Compare(int seed, SystemProgram program, string engine, Monitor.Result own, Monitor.Result theirs)
    {
        Assert.True(own.ExitCode == 0 && theirs.ExitCode == 0, own.Errors + theirs.Errors);
        string[] ours = Lines(own.Output), others = Lines(theirs.Output);
        var differences = new List<string>();
        for (int i = 0; i < Math.Max(ours.Length, others.Length) && differences.Count < 10; i++)
        {
            string mine = i < ours.Length ? ours[i] : "", their = i < others.Length ? others[i] : "";
            int number = Convert.ToInt32((mine.Length > 0 ? mine : their)[..4], 16);
            string what = program.Descriptions[number];
            if (Known(mine, what, false) != Known(their, what, true))
                differences.Add($"{what}\n  {mine}\n  {their}\n");
        }
        Assert.True(differences.Count == 0, $"seed {seed}, {engine}: {SystemProgram.Fields}\n{string.Concat(differences)}");
        Assert.Equal(Cases, ours.Select(line => line[..4]).Distinct().Count());
    }

    /// <summary>With the console in a file: what finds a pipe full is lost, in both monitors.</summary>
    private static Monitor.Result Run(string console, string[] command)
    {
        var result = Monitor.Run(["-c", "console=$0; exec \"$@\" >\"$console\"", console, .. command], program: "/bin/sh", seconds: 120);
        string output = File.ReadAllText(console);
        File.Delete(console);
        return result with { Output = output };
    }

    // The last line is a full stop.
    private static string[] Lines(string output) => [.. output.Split('\n').Where(line => line.Length > 1)];

    /// <summary>The line without what the manual leaves open, and with QEMU's known errors as the manual has them.</summary>
    private static string Known(string line, string what, bool emulator)
    {
        string[] fields = line.Split(' ');
        if (fields.Length <= Rax)
            return line;
        int vector = Convert.ToInt32(fields[Vector], 16);
        uint error = Convert.ToUInt32(fields[Error], 16), flags = Convert.ToUInt32(fields[Rflags], 16);
        const uint present = 1, write = 2, reserved = 8, external = 1, inIdt = 2;
        if (vector == 14)
        {
            // QEMU 7.2 leaves P out with RSVD, which is checked in present entries only (SDM vol. 3, 4.7).
            error |= (error & reserved) != 0 ? present : 0;
            // Which of its two accesses an instruction has that reads and writes is not said.
            error &= what.Contains(" both ", StringComparison.Ordinal) ? ~write : ~0u;
        }
        else if (vector is >= 10 and <= 13)
        {
            // QEMU 7.2 counts the IDT in steps of 16 and leaves EXT out (SDM vol. 3, 6.13).
            if ((error & inIdt) != 0 && emulator)
                error = error >> 4 << 3 | inIdt;
            error &= ~external;
            fields[Address] = "";
        }
        // The monitor leaves out arithmetic flags that the next instruction overwrites anyhow; QEMU leaves RF out of the
        // frames of faults (SDM vol. 3, 18.3.1.1), which ExceptionTests look at.
        if (!(what.Contains(" lar ") || what.Contains(" lsl ") || what.Contains(" verr ") || what.Contains(" verw ")))
            flags &= ~0x8d5u;
        flags &= ~0x1_0000u;
        // Bits 19:16 of what LAR says are undefined (SDM vol. 2, LAR).
        if (what.Contains(" lar ") && vector == SystemProgram.Done)
            fields[Rax] = (Convert.ToUInt64(fields[Rax], 16) & ~0xf_0000UL).ToString("x16");
        fields[Error] = error.ToString("x4");
        fields[Rflags] = flags.ToString("x6");
        return string.Join(' ', fields);
    }
}
