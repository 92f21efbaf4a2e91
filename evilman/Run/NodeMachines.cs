using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using Evilman.Lab;

namespace Evilman.Run;

/// <summary>A machine of a node on this host, as /proc shows its process.</summary>
/// <param name="Node">The node's address.</param>
/// <param name="Boot">The machine's boot address.</param>
/// <param name="Guests">What its guest may have.</param>
/// <param name="MemoryMib">What its token bought.</param>
/// <param name="Since">Unix seconds.</param>
internal sealed record NodeMachine(string Node, string Boot, IReadOnlyList<string> Guests, int Process, long MemoryMib,
    long ResidentKib, double CpuSeconds, long Since);

/// <summary>
/// The machines of the nodes on this host, for their operator: children of packetd, which are named by the words that the
/// launcher gives a monitor (docs/architecture.md, "The monitor"). Nothing of packetd is asked.
/// </summary>
internal static class NodeMachines
{
    /// <summary>Of the kernel's clock ticks in proc(5), which are always hundredths of a second.</summary>
    const double TicksInSecond = 100;

    internal static List<NodeMachine> All()
    {
        var found = new List<NodeMachine>();
        var processes = ProcessTable.All();
        var started = StartOfHost();
        foreach (var packetd in processes)
        {
            var words = ProcessTable.Arguments(packetd.Pid);
            if (words.Length == 0 || Path.GetFileName(words[0]) != "packetd")
                continue;
            if (!IPAddress.TryParse(After(words, "--address"), out var node))
                continue;
            foreach (var child in processes.Where(process => process.Parent == packetd.Pid))
            {
                if (Machine($"{node}", child, started) is { } machine)
                    found.Add(machine);
            }
        }
        return [.. found.OrderBy(machine => machine.Node, StringComparer.Ordinal)
            .ThenBy(machine => machine.Boot, StringComparer.Ordinal)];
    }

    static NodeMachine? Machine(string node, ProcessEntry process, long started)
    {
        // One that has not become its monitor yet has no such words.
        var words = ProcessTable.Arguments(process.Pid);
        var line = (After(words, "--append") ?? After(words, "-append") ?? "").Split(' ');
        if (!IPAddress.TryParse(Value(line, "evilman.boot=")?.Split('/')[0], out var boot))
            return null;
        var (resident, cpu) = Used(process.Pid);
        return new NodeMachine(node, $"{boot}",
            Value(line, "evilman.guests=")?.Split(',') ?? [], process.Pid,
            long.TryParse(After(words, "--memory") ?? After(words, "-m"), NumberStyles.None, CultureInfo.InvariantCulture,
                out var memory) ? memory : 0,
            resident, cpu, started + (long)(process.StartTime / TicksInSecond));
    }

    /// <summary>Resident memory in KiB, and processor time with that of children, in seconds.</summary>
    static (long ResidentKib, double CpuSeconds) Used(int process)
    {
        const int UserTime = 11, ChildrensSystemTime = 14;
        try
        {
            var status = File.ReadLines($"/proc/{process}/status").FirstOrDefault(line =>
                line.StartsWith("VmRSS:", StringComparison.Ordinal)) ?? "VmRSS: 0";
            var text = File.ReadAllText($"/proc/{process}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            double ticks = 0;
            for (var i = UserTime; i <= ChildrensSystemTime; i++)
                ticks += double.Parse(fields[i], CultureInfo.InvariantCulture);
            var words = status.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            return (long.Parse(words[1], CultureInfo.InvariantCulture), ticks / TicksInSecond);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return (0, 0);
        }
    }

    /// <summary>When this host was started, in Unix seconds (proc_stat(5), btime).</summary>
    static long StartOfHost()
    {
        var line = File.ReadLines("/proc/stat").First(line => line.StartsWith("btime ", StringComparison.Ordinal));
        return long.Parse(line[6..], CultureInfo.InvariantCulture);
    }

    static string? After(string[] words, string name) =>
        Array.IndexOf(words, name) is >= 0 and var at && at + 1 < words.Length ? words[at + 1] : null;

    static string? Value(string[] words, string name) =>
        Array.Find(words, word => word.StartsWith(name, StringComparison.Ordinal))?[name.Length..];

    /// <summary>In Prometheus's text format, for node-exporter's textfile collector.</summary>
    internal static string Metrics(IReadOnlyList<NodeMachine> machines)
    {
        var text = new StringBuilder();
        Family("evilman_machine_cpu_seconds_total", "counter", "Processor time of a machine.",
            machine => machine.CpuSeconds);
        Family("evilman_machine_resident_bytes", "gauge", "Memory that a machine has on the host.",
            machine => machine.ResidentKib * 1024.0);
        Family("evilman_machine_memory_bytes", "gauge", "Memory that a machine's token bought.",
            machine => machine.MemoryMib * 1048576.0);
        Family("evilman_machine_start_seconds", "gauge", "When a machine was started.", machine => machine.Since);
        text.Append("# HELP evilman_machines Machines of a node.\n# TYPE evilman_machines gauge\n");
        foreach (var node in machines.GroupBy(machine => machine.Node))
            text.Append(CultureInfo.InvariantCulture, $"evilman_machines{{node=\"{node.Key}\"}} {node.Count()}\n");
        return text.ToString();

        void Family(string name, string kind, string help, Func<NodeMachine, double> value)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {kind}\n");
            foreach (var machine in machines)
                text.Append(CultureInfo.InvariantCulture,
                    $"{name}{{node=\"{machine.Node}\",machine=\"{machine.Boot}\"}} {value(machine)}\n");
        }
    }
}
