using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Text;
using System.Text.Json;
using System.Threading;
using Evilman.Minting;
using Evilman.Run;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman node top|metrics|log|end</c>: what an operator does on the node's own host.</summary>
internal static class OperatorCommands
{
    internal static IEnumerable<Command> All() => [Top(), Metrics(), Log(), End()];

    static Command Top()
    {
        var interval = Values.DurationOption("--interval", "How long to wait between two looks.", "2s");
        var count = Values.CountOption("--count", "How many looks; 0 for as many as there is time for.", 0, 0, 1_000_000);
        var json = Values.Json();
        var command = new Command("top", "On a node's host: its machines, and what they take of the host.")
        {
            interval, count, json,
        };
        command.WithExamples("""
            evilman node top
            evilman node top --count 1 --json    one object of JSON for each machine
            """);
        command.SetAction(result =>
        {
            var before = new Dictionary<int, (double Cpu, long At)>();
            for (var look = 1; ; look++)
            {
                var machines = NodeMachines.All();
                if (Say.Interactive && !result.GetValue(json))
                    Console.Write("\e[H\e[J");
                if (!result.GetValue(json))
                    Say.Plain(machines.Count == 0 ? "no node on this host runs a machine" : Table(machines, before));
                else
                    machines.ForEach(machine => Say.Plain(JsonSerializer.Serialize(machine, JobJson.Default.NodeMachine)));
                if (look == result.GetValue(count))
                    return ExitCode.Done;
                Thread.Sleep(result.GetValue(interval).Time);
            }
        });
        return command;
    }

    static Command Metrics()
    {
        var file = new Option<string?>("--out")
        {
            Description = "Write them to this file, whole at any instant, instead of standard output.",
            HelpName = "FILE",
        };
        var command = new Command("metrics", "On a node's host: its machines in Prometheus's text format, for the textfile "
            + "collector of node-exporter.")
        {
            file,
        };
        command.WithExamples("""
            evilman node metrics --out /var/lib/node_exporter/evilman.prom     each minute, by cron or a timer
            """);
        command.SetAction(result =>
        {
            var text = NodeMachines.Metrics(NodeMachines.All());
            if (result.GetValue(file) is { } path)
                Replace(path, text);
            else
                Say.Plain(text.TrimEnd('\n'));
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>The collector runs under an account of its own, so all may read it.</summary>
    static void Replace(string path, string text)
    {
        const UnixFileMode ForAll = (UnixFileMode)0b110_100_100;
        SecretFile.Write(path + ".new", Encoding.UTF8.GetBytes(text), replace: true);
        File.SetUnixFileMode(path + ".new", ForAll);
        File.Move(path + ".new", path, overwrite: true);
    }

    static Command Log()
    {
        var file = new Argument<string?>("file")
        {
            Description = "A log; otherwise it comes on standard input.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("log", "Shows a node's log with the sentences of its refusals, which packetd tells by number.")
        {
            file,
        };
        command.WithExamples("""
            journalctl -u packetd@eth1 | evilman node log
            journalctl -f -u packetd@eth1 | evilman node log      as it comes
            """);
        command.SetAction(result =>
        {
            using var log = result.GetValue(file) is { } path ? Open(path) : Console.In;
            NodeLog.Explain(log, Say.Followed);
            return ExitCode.Done;
        });
        return command;
    }

    static StreamReader Open(string path)
    {
        try
        {
            return new StreamReader(path);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new Failure($"{path}: there is no such file");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new Failure($"{path} cannot be read: {failure.Message}");
        }
    }

    static Command End()
    {
        var machine = Values.Address("machine", "The machine's boot address, as «evilman node top» shows it.");
        var json = Values.Json();
        var command = new Command("end", "On a node's host, as root: ends a machine whoever's it is, and whatever runs in it.")
        {
            machine, json,
        };
        command.WithExamples("evilman node end 10.0.0.101");
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            var boot = $"{result.GetValue(machine)}";
            var found = NodeMachines.All().FindAll(one => one.Boot == boot);
            if (found.Count != 1)
                throw Failure.Usage(found.Count == 0 ? $"no node on this host runs a machine {boot}"
                    : $"{found.Count} nodes on this host run a machine {boot}");
            if (Native.kill(found[0].Process, Native.SignalKill) != 0)
                throw Failure.Lacking($"the machine {boot} cannot be ended: {Native.LastError()}");
            Say.Step($"{found[0].Node} runs the machine {boot} no longer");
            if (Say.IsForPrograms)
                Lines.Print(new EndLine(found[0].Node, boot), Lines.Default.EndLine);
            return ExitCode.Done;
        });
        return command;
    }

    /// <param name="before">What was seen last of each process, for what it took since.</param>
    internal static string Table(IReadOnlyList<NodeMachine> machines, Dictionary<int, (double Cpu, long At)> before)
    {
        var (now, clock) = (DateTimeOffset.UtcNow.ToUnixTimeSeconds(), Environment.TickCount64);
        var table = new StringBuilder(Row("NODE", "MACHINE", "GUEST", "CPU %", "CPU TIME", "MEMORY", "SINCE"));
        foreach (var machine in machines)
        {
            var percent = before.TryGetValue(machine.Process, out var last) && clock > last.At
                ? Number(Math.Max(0, 100_000 * (machine.CpuSeconds - last.Cpu) / (clock - last.At)), "0.0") : "";
            before[machine.Process] = (machine.CpuSeconds, clock);
            table.Append('\n').Append(Row(machine.Node, machine.Boot, machine.Guests.Count == 0 ? "" : machine.Guests[0],
                percent, Number(machine.CpuSeconds, machine.CpuSeconds < 10_000 ? "0.00" : "0"),
                Number(machine.ResidentKib / 1024.0, "0") + "M", Quantity.Age(now - machine.Since)));
        }
        return table.ToString();

        static string Row(string node, string machine, string guest, string percent, string time, string memory,
            string since) => $"{node,-15} {machine,-15} {guest,-15} {percent,6} {time,9} {memory,7} {since,5}";

        static string Number(double number, string form) => number.ToString(form, CultureInfo.InvariantCulture);
    }
}
