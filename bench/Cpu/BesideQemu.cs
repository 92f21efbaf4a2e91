using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using Testing;

namespace Domain.Bench;

/// <summary>
/// The translator beside the host and QEMU's (TCG), in one run: unmodified programs in user mode, what a kernel does,
/// and the guest's own boot. Programs and kernels are measured by processor time, boots by the clock.
/// </summary>
internal static class BesideQemu
{
    private const string UserQemu = "qemu-x86_64-static", Busybox = "/bin/busybox";
    private const int BootMemory = 64, Boots = 5, BootPatience = 30_000, Runs = 5, InterpreterRuns = 3;

    private static readonly string[] s_qemu = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "microvm,acpi=off",
        "-cpu", "max", "-smp", "1,maxcpus=2", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-serial", "stdio", "-global", "virtio-mmio.force-legacy=false"];

    public static void Run()
    {
        string folder = Directory.CreateTempSubdirectory("bench-cpu").FullName;
        try
        {
            var without = Programs(folder);
            var rows = Guests(folder, Runs, without);
            double system = Systems(folder);
            var (ours, theirs, overhead) = BootBoth();
            var programs = rows.Where(row => !row.IsLoop).ToList();
            double native = Mean(programs.Select(row => row.Translated / row.Host));
            Console.WriteLine($"bench-cpu: user_vs_native={native:f2} user_vs_qemu={Mean(programs.Select(row => row.Faster)):f2} "
                + $"system_vs_qemu={system:f2} boot_ms={ours:f0} boot_vs_qemu={theirs / ours:f2} overhead_mib={overhead.Own:f1} "
                + $"user_vs_qemu_user={Mean(without.Values):f2} "
                + $"loops_vs_qemu={Mean(rows.Where(row => row.IsLoop).Select(row => row.Faster)):f2} "
                + $"code_cache_mib={overhead.Code:f1}");
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    /// <summary>What runs in guests alone.</summary>
    public static void RunGuests(int runs)
    {
        string folder = Directory.CreateTempSubdirectory("bench-cpu").FullName;
        try
        {
            Guests(folder, runs, []);
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    /// <summary>Kernels that do one thing, and boots.</summary>
    public static void RunSystems()
    {
        string folder = Directory.CreateTempSubdirectory("bench-cpu").FullName;
        try
        {
            Console.WriteLine($"system_vs_qemu={Systems(folder):f2}");
            BootBoth();
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    private static (double Ours, double Theirs, Host.Resident Overhead) BootBoth()
    {
        double ours = Boot([Repository.Program("domain"), "--memory", $"{BootMemory}"], out var overhead);
        Console.WriteLine($"boot      domain {ours:f0} ms to the guest's init, {Words(overhead)}");
        double theirs = Boot([.. s_qemu, "-m", $"{BootMemory}"], out var beside);
        Console.WriteLine($"boot      QEMU {theirs:f0} ms to the guest's init, {Words(beside)}");
        return (ours, theirs, overhead);
    }

    private static string Words(Host.Resident resident) => $"{resident.Own:f1} MiB beside its memory and "
        + $"{resident.Code:f1} of translated code; {resident.File:f1} of it are files, which all machines of a host share";

    private static double Mean(IEnumerable<double> ratios) => Math.Exp(ratios.Average(Math.Log));

    /// <summary>What runs in guests, with a table and a chart.</summary>
    /// <param name="without">QEMU's time in user mode by ours, of some of the programs</param>
    private static List<InGuest.Row> Guests(string folder, int runs, Dictionary<string, double> without)
    {
        var rows = InGuest.Run(folder, s_qemu, runs, Math.Min(runs, InterpreterRuns));
        Console.WriteLine($"the same guest on both, medians of {runs}; QEMU user mode: no guest, no MMU, times of the table above");
        Console.WriteLine($"{"",-10} {"native",12} {"translated",22} {"interpreted",22} {"QEMU microvm / ours",24} {"QEMU user / ours",18}");
        foreach (var row in rows)
        {
            string unit = row.IsLoop ? "us" : "ms";
            double scale = row.IsLoop ? 1 : 1e-3;
            string user = without.TryGetValue(row.Name, out double ratio) ? $"{ratio:f2}" : "";
            Console.WriteLine($"{row.Name,-10} {row.Host * scale,9:f1} {unit} {row.Translated * scale,9:f1} {unit} "
                + $"({row.Translated / row.Host,5:f2} x) {row.Interpreted * scale,9:f1} {unit} ({row.Interpreted / row.Host,5:f1} x) "
                + $"{row.Qemu * scale,13:f1} {unit} {row.Faster,7:f2} {user,18}");
        }
        string path = Path.Combine(Repository.Root, "out", "bench", "cpu.svg");
        Chart.Draw(path, runs, rows, without);
        Console.WriteLine($"drawn in {Path.GetRelativePath(Repository.Root, path)}");
        return rows;
    }

    /// <summary>
    /// Programs without a kernel and an MMU, system calls going to the host: the harder peer, QEMU's user mode. Its
    /// time by ours.
    /// </summary>
    private static Dictionary<string, double> Programs(string folder)
    {
        string little = Path.Combine(folder, "little"), much = Path.Combine(folder, "much");
        WriteText(little, 8 << 20);
        WriteText(much, 48 << 20);
        Dictionary<string, double> qemu = [];
        foreach (string[] words in new string[][]
        {
            ["md5sum", much], ["sha256sum", much], ["gzip", "-c", little], ["sort", little],
            ["grep", "-c", "7.*3", much], ["awk", "{ n += length($1) } END { print n }", much],
        })
        {
            double host = Host.Seconds(out string right, [Busybox, .. words]);
            double ours = Host.Seconds(out string said, [Environment.ProcessPath!, "translate", Busybox, .. words]);
            double theirs = Host.Seconds(out _, [UserQemu, Busybox, .. words]);
            if (said != right)
                throw new InvalidOperationException($"{words[0]} says something else on the emulated processor");
            qemu.Add(words[0], theirs / ours);
            Console.WriteLine($"{words[0],-9} native {host,5:f2} s, translated {ours,5:f2} s ({ours / host,5:f2} x), "
                + $"QEMU user mode {theirs,5:f2} s ({theirs / ours:f2} x ours)");
        }
        return qemu;
    }

    // Lines of words and numbers, the same in each run.
    internal static void WriteText(string path, int bytes)
    {
        var random = new Random(1);
        var text = new StringBuilder();
        while (text.Length < bytes)
        {
            for (int word = 0; word < 8; word++)
                text.Append((char)('a' + random.Next(26)), random.Next(1, 6)).Append(random.Next(1000)).Append(' ');
            text.Append('\n');
        }
        File.WriteAllText(path, text.ToString());
    }

    /// <summary>Geometric mean: QEMU's time by ours.</summary>
    private static double Systems(string folder)
    {
        List<double> ratios = [];
        string image = Path.Combine(folder, "kernel");
        foreach (var (name, count, make) in new (string, int, Func<int, byte[]>)[]
        {
            ("calls", 4_000_000, SystemImage.Calls),
            ("faults", 500_000, SystemImage.Faults),
            ("switches", 200_000, SystemImage.Switches),
        })
        {
            double Each(params string[] monitor)
            {
                File.WriteAllBytes(image, make(1));
                double empty = Host.Seconds(out _, [.. monitor, "--kernel", image]);
                File.WriteAllBytes(image, make(count));
                return Math.Max(Host.Seconds(out _, [.. monitor, "--kernel", image]) - empty, 1e-3) / count * 1e9;
            }
            double ours = Each(Repository.Program("domain"), "--memory", "16");
            double theirs = Each([.. s_qemu, "-m", "16"]);
            ratios.Add(theirs / ours);
            Console.WriteLine($"{name,-9} domain {ours,6:f0} ns each, QEMU {theirs,6:f0} ns each ({theirs / ours:f2} x ours)");
        }
        return Mean(ratios);
    }

    /// <summary>The median of milliseconds from the monitor's start to the first word of the guest's init.</summary>
    /// <param name="beside">what the monitor has resident then</param>
    private static double Boot(string[] monitor, out Host.Resident beside)
    {
        var times = new double[Boots];
        var resident = default(Host.Resident);
        for (int i = 0; i < Boots; i++)
        {
            var clock = Stopwatch.StartNew();
            using var process = Host.Start([.. monitor, "--kernel", Repository.Image("guestos"), "--initrd",
                Path.Combine(Repository.Root, "out", "guest.cpio")]);
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var limit = new System.Threading.Timer(_ => process.Kill(), null, BootPatience, -1);
            string? line;
            do
                line = process.StandardOutput.ReadLine();
            while (line != null && !line.Contains("init: ", StringComparison.Ordinal));
            times[i] = clock.Elapsed.TotalMilliseconds;
            limit.Dispose();
            if (line == null)
                throw new InvalidOperationException($"{monitor[0]} does not boot the guest");
            resident = Host.ResidentOf(process, (long)BootMemory << 20);
            process.Kill();
            process.WaitForExit();
        }
        beside = resident;
        return times.Order().ElementAt(Boots / 2);
    }
}
