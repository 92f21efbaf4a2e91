using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Launcher.Tests;

/// <summary>A test that needs Debian's kernel and a machine of two processors to run it in.</summary>
public sealed class KernelFactAttribute : FactAttribute
{
    public KernelFactAttribute()
    {
        if (!File.Exists("/usr/bin/qemu-system-x86_64") || !File.Exists(Path.Combine(ControlGroupKernelTests.Kernel, "vmlinuz")))
            Skip = "needs qemu-system-x86, and what deploy/debian-kernel fetches";
    }
}

/// <summary>
/// deploy/cgroups and the launcher under Debian's own kernel, with packetd's rights, and monitors that take what they can get: each once as on a
/// node without control groups, which shows that it does take it, and once in one.
/// </summary>
public class ControlGroupKernelTests
{
    private const int MaxMilliseconds = 300_000;

    public static string Kernel => Path.Combine(Repository.Root, "out/kernels/cloud");

    [KernelFact]
    public void What_is_sold_holds_against_a_monitor_that_has_been_taken_over()
    {
        DirectoryInfo work = Directory.CreateTempSubdirectory();
        string said = Run(Pack(work.FullName));
        work.Delete(recursive: true);
        string[] lines = [.. said.Split('\n').Select(line => line.TrimEnd('\r'))];
        string[] Of(string name) => [.. lines.Where(line => line.StartsWith(name + ": ", StringComparison.Ordinal)).Select(line => line[(name.Length + 2)..])];
        void Expect(string name, params string[] expected) => Assert.True(expected.SequenceEqual(Of(name)), $"{name}: {string.Join(" | ", Of(name))}\n\n{said}");
        Assert.True(lines.Contains("end"), said);

        // packetd serves under this kernel, too: its vDSO is of another size than others'.
        Assert.Contains("packetd: ready as 10.0.0.2", Of("node"));

        // The script: where there are no groups for it, it says so, and does as it was told.
        const string Unlimited = ": a machine's memory and CPU time are limited for each of its processes, not for all of them, and its share of the processors is not";
        Expect("bare", "cgroups: /sys/fs/cgroup/bare/below has no controller «cpu»" + Unlimited, "command end");
        Expect("required", "cgroups: /sys/fs/cgroup/bare/below has no controller «cpu»; nothing is started (--require)", "1");
        Expect("root", "cgroups: «/» is not a group of this node's own" + Unlimited, "command end");
        Expect("users", "cgroups: machines have no users of their own" + Unlimited, "command --uid-base 0 end");
        Assert.Contains("cgroups: each of 2 machines has the memory and the processor of its token, with all its processes: /sys/fs/cgroup/unit", lines);
        Expect("given", "--uid-base 200000 --max-domains 2 --cgroup /sys/fs/cgroup/unit");
        Expect("inside", "0::/unit/node");
        Expect("mode", [.. new[] { "cgroup.kill", "cgroup.procs", "cpu.max", "memory.max", "memory.swap.max", "pids.max" }.Select(file => $"-r--r--r-- 200001 0 {file}")]);

        // Memory: 64 MiB are sold, and 16 are the monitor's own; in one process, in several, and in a file.
        Expect("free grow", "hostile: 192 MiB", "ended: exit code 0");
        Expect("held grow", "ended: signal 9");
        Expect("free breed", "hostile: 192 MiB in 4 children", "ended: exit code 0");
        Expect("held breed", "hostile: 48 MiB in 1 children", "ended: exit code 0");
        Expect("free file", "hostile: 192 MiB in a file", "ended: exit code 0");
        Expect("held file", "ended: signal 9");
        Expect("after", "80 MiB at most, 0 swapped, 30000 100000, 32");
        Assert.InRange(int.Parse(Of("peak").Single()), 64 << 20, 80 << 20);

        // Processes.
        Expect("free fork", "hostile: 64 processes, then error 11", "ended: exit code 0");
        Expect("held fork", "hostile: 32 processes, then error 11", "ended: exit code 0");

        // Processors: there are two, and each of two processes has two threads that compute.
        Assert.InRange(Share("free spin"), 150, 220);
        Assert.InRange(Share("held spin"), 50, 110);
        Assert.InRange(Share("held half"), 25, 55);
        Assert.InRange(Share("held third"), 15, 33);
        int Share(string name) => Of(name) is [var line, "ended: exit code 0"] && Regex.Match(line, "^hostile: ([0-9]+) percent of a processor$") is { Success: true } match
            ? int.Parse(match.Groups[1].Value) : throw new InvalidOperationException(said);

        // Its way out: of each file open, chmod, fchmodat2, chown, and open again; then a group of its own, out of the group, and packetd into it.
        // The groups are mounted again for writing, for reading, and that changed to writing.
        string refused = string.Concat(Enumerable.Repeat(" 13 1 1 1 13", 6)) + " make 13 leave 16 13 fetch 13";
        Expect("held escape", $"hostile: as it is:{refused}", "hostile: namespaces 0", "hostile: mapped 0 0 0", $"hostile: in namespaces:{refused}", "hostile: mounted 1 0 1",
            $"hostile: mounted again:{refused.Replace("make 13", "make 30", StringComparison.Ordinal)}", "ended: exit code 0");

        // What another machine has left in the group is killed: 128 and SIGKILL, by the shell that had started it.
        Expect("left", "hostile: idle", "ended: exit code 0", "137");
    }

    [KernelFact]
    public void A_token_for_half_a_processor_gets_it_through_packetd_launcher_and_the_shipped_monitor()
    {
        DirectoryInfo work = Directory.CreateTempSubdirectory();
        string said = Run(PackNode(work.FullName));
        work.Delete(recursive: true);
        string[] lines = [.. said.Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.StartsWith("sold: ", StringComparison.Ordinal)).Select(line => line[6..])];
        void Expect(string line) => Assert.True(lines.Contains(line), $"«{line}» is not there:\n{said}");
        Expect("packetd: CPU shares are 1 to 100 percent: tokens for others are refused");
        Expect($"more: refusal {(int)Refusal.CpuShareNotGiven}");
        Expect("half: refusal 0");
        Expect("whole: refusal 0");
        Expect("group: /domain 50000 100000, 320 MiB");
        Expect("group: /domain 100000 100000, 320 MiB");
        Expect("packetd: /sold/node, 1 process");
        Expect("left: 0");
        int[] shares = [.. Regex.Matches(lines.Single(line => line.StartsWith("share: ", StringComparison.Ordinal)), "[0-9]+").Select(number => int.Parse(number.Value))];
        // However little this machine gets of the host: half a processor is no more than that, and about half of a whole one.
        Assert.InRange(shares[0], 5, 55);
        Assert.InRange(shares[1], shares[0] * 3 / 2, 110);
    }

    private static string Run(string archive)
    {
        using var machine = Process.Start(new ProcessStartInfo("qemu-system-x86_64", ["-M", "pc", "-cpu", "max", "-accel", "tcg", "-smp", "2", "-m", "1024", "-nodefaults",
            "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", Path.Combine(Kernel, "vmlinuz"), "-initrd", archive, "-append", "console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check",
            "-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random"])
        { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        var output = machine.StandardOutput.ReadToEndAsync();
        bool ended = machine.WaitForExit(MaxMilliseconds);
        if (!ended)
            machine.Kill();
        machine.WaitForExit();
        Assert.True(ended, "the machine goes on running: " + output.Result);
        return output.Result;
    }

    private static string Pack(string folder)
    {
        string root = Path.Combine(folder, "root"), archive = Path.Combine(folder, "archive"), programs = Path.Combine(Repository.Root, "tests/Launcher.Tests/programs");
        foreach (string inner in new[] { "bin", "proc", "sys", "dev", "tmp" })
            Directory.CreateDirectory(Path.Combine(root, inner));
        var files = new Dictionary<string, string>
        {
            ["bin/busybox"] = Path.Combine(Kernel, "busybox"), ["bin/sh"] = Path.Combine(Kernel, "busybox"), ["launcher"] = Repository.Image("launcher"), ["packetd"] = Repository.Image("packetd"),
            ["cgroups"] = Path.Combine(Repository.Root, "deploy/cgroups"), ["init"] = Path.Combine(programs, "groups-init.sh"), ["groups.sh"] = Path.Combine(programs, "groups.sh"),
        };
        foreach ((string to, string from) in files)
            File.Copy(from, Path.Combine(root, to));
        foreach (string program in new[] { "node", "hostile" })
            Programs.Run("gcc", "-static", "-O1", "-w", "-pthread", "-o", Path.Combine(root, program), Path.Combine(programs, program + ".c"));
        File.WriteAllBytes(Path.Combine(root, "whole"), Launch.Record(memory: 64));
        File.WriteAllBytes(Path.Combine(root, "half"), Launch.Record(memory: 64, cpu: 50));
        Programs.Run("chmod", "-R", "a+rX", root);
        Programs.Run("chmod", "a+x", root + "/init", root + "/groups.sh", root + "/cgroups", root + "/launcher", root + "/packetd", root + "/bin/sh");
        return Archive(root, archive);
    }

    /// <summary>The programs of a node, a kernel for its machines that computes for ever, and tokens for 1,000,050 to 1,000,200 Unix seconds.</summary>
    private static string PackNode(string folder)
    {
        string root = Path.Combine(folder, "root"), programs = Path.Combine(Repository.Root, "tests/Launcher.Tests/programs");
        foreach (string inner in new[] { "bin", "proc", "sys", "dev", "tmp" })
            Directory.CreateDirectory(Path.Combine(root, inner));
        var files = new Dictionary<string, string>
        {
            ["bin/busybox"] = Path.Combine(Kernel, "busybox"), ["bin/sh"] = Path.Combine(Kernel, "busybox"), ["launcher"] = Repository.Image("launcher"), ["packetd"] = Repository.Image("packetd"),
            ["cgroups"] = Path.Combine(Repository.Root, "deploy/cgroups"), ["domain"] = Path.Combine(Repository.Root, "out/bin/domain"), ["init"] = Path.Combine(programs, "node-groups.sh"),
        };
        foreach ((string to, string from) in files)
            File.Copy(from, Path.Combine(root, to));
        foreach (string program in new[] { "node", "ask" })
            Programs.Run("gcc", "-static", "-O1", "-w", "-pthread", "-o", Path.Combine(root, program), Path.Combine(programs, program + ".c"));
        Programs.Run("gcc", "-static", "-nostdlib", "-Wl,--build-id=none", "-Wl,-Ttext-segment=0x200000", "-o", Path.Combine(root, "spin"), Path.Combine(programs, "spin.S"));
        File.WriteAllBytes(Path.Combine(root, "more.ping"), new Tokens { CpuPercent = 101 }.Payload());
        File.WriteAllBytes(Path.Combine(root, "half.ping"), new Tokens { CpuPercent = 50 }.Payload());
        File.WriteAllBytes(Path.Combine(root, "whole.ping"), new Tokens { Seed = 2, Boot = 0x0A000033 }.Payload());
        Programs.Run("chmod", "-R", "a+rX", root);
        Programs.Run("chmod", "a+x", root + "/init", root + "/cgroups", root + "/launcher", root + "/packetd", root + "/domain", root + "/bin/sh");
        return Archive(root, Path.Combine(folder, "archive"));
    }

    private static string Archive(string root, string archive)
    {
        Programs.Run("sh", "-c", $"cd '{root}' && find . | cpio -o -H newc --quiet -R 0:0 >'{archive}'");
        return archive;
    }
}
