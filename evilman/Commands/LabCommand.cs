using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using Evilman.Lab;
using Evilman.Text;
using Spectre.Console;

namespace Evilman.Commands;

/// <summary><c>evilman lab up|down|status|exec</c>: a cluster on this machine, in namespaces.</summary>
internal static class LabCommand
{
    internal static Command Create()
    {
        var command =
            new Command("lab",
                "A cluster on this machine: nodes, a client and an Ethernet in network namespaces of their own.")
        {
            Up(), Down(), Status(), Exec(),
        };
        return command.WithExamples("""
            evilman lab up --nodes 2 --monitors domain,qemu
            evilman lab exec client -- evilman ping 10.77.0.1
            evilman lab down
            """);
    }

    /// <summary>What a lab runs as its first process; not for people.</summary>
    internal static Command CreateHolder()
    {
        var directory = new Argument<string>("directory");
        var words = new Argument<string[]>("command") { Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("lab-hold") { directory, words };
        command.Hidden = true;
        command.SetAction(result => LabHolder.Hold(result.GetValue(directory)!, result.GetValue(words) ?? []));
        return command;
    }

    /// <summary>What keeps the words of a lab's machines within bounds; not for people.</summary>
    internal static Command CreateKeeper()
    {
        var path = new Argument<string>("file");
        var command = new Command("lab-keep") { path };
        command.Hidden = true;
        command.SetAction(result =>
        {
            BoundedLog.Keep(Console.OpenStandardInput(), result.GetValue(path)!);
            return ExitCode.Done;
        });
        return command;
    }

    static Command Up()
    {
        var nodes = Values.CountOption("--nodes", "How many nodes.", 2, 1, LabPlan.MaxNodes);
        var monitors = MonitorsOption();
        var lifetime = Values.DurationOption("--lifetime", "After this time the lab removes itself.", "2h");
        var json = Values.Json();
        var command = new Command("up", "Builds a lab and starts packetd on each node.") { nodes, monitors, lifetime, json };
        command.WithExamples("""
            evilman lab up                                 two nodes with the monitor «domain»
            evilman lab up --nodes 3 --monitors domain,qemu,domain
            """);
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            var plan = LabLauncher.Prepare(result.GetValue(nodes), Monitors(result.GetValue(monitors)),
                (int)result.GetValue(lifetime).Time.TotalSeconds);
            LabLauncher.StartDetached(plan);
            Say.Step($"lab {plan.Id} is up: {plan.Nodes.Count} nodes, client {LabPlan.ClientAddress}");
            foreach (var node in plan.Nodes)
            {
                if (Say.IsForPrograms)
                    Lines.Print(new LabLine(plan.Id, node.Name, node.Address, node.MonitorName, true, 0), Lines.Default.LabLine);
                Say.Note($"{node.Name}  {node.Address}  {node.MonitorName,-7} boot addresses from "
                    + $"{node.BootAddress(0)}/24");
                Say.Note($"  key {plan.KeyFile(node)}");
                Say.Note($"  log {plan.LogFile(node)}");
            }
            Say.Note("try: evilman lab exec client -- ping -c 3 10.77.0.1");
            Say.Note("or a program of yours: evilman run ./server --publish 8080 --on node1 --detach");
            return ExitCode.Done;
        });
        return command;
    }

    internal static Option<string> MonitorsOption() => new("--monitors")
    {
        Description =
            "What emulates the machines on each node, by turns: domain, qemu, or a program's path; separated by "
                + "commas.",
        HelpName = "LIST",
        DefaultValueFactory = _ => LabLauncher.StandardMonitor,
    };

    internal static string[] Monitors(string? list) =>
        (list ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    static Command Down()
    {
        var name = new Argument<string?>("lab")
        {
            Description = "The lab's name, as «evilman lab status» shows it; may be left out where there is only one.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var all = new Option<bool>("--all") { Description = "Every lab of this user." };
        var command =
            new Command("down",
                "Ends a lab, also one that crashed, and whatever runs in it. Labs are remembered in $TMPDIR, or "
                    + "/tmp: those of another TMPDIR are left alone.")
        {
            name, all,
        };
        command.WithExamples("""
            evilman lab down                               the only one
            evilman lab down 3fa09c
            TMPDIR=/tmp/mine evilman lab down --all        every lab that was made with this TMPDIR
            """);
        command.SetAction(result =>
        {
            var chosen = Chosen([.. LabStore.Directories()], result.GetValue(name), result.GetValue(all));
            foreach (var directory in chosen)
            {
                LabStore.Remove(directory);
                Say.Step($"lab {Path.GetFileName(directory)} is gone");
            }
            if (chosen.Length == 0)
                Say.Note("there is no lab");
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>The labs that the user means. With several labs, one has to be named, or all of them.</summary>
    static string[] Chosen(string[] labs, string? name, bool all)
    {
        if (name is not null && all)
            throw Failure.Usage("a lab's name and --all exclude each other");
        if (name is not null)
            return Array.FindAll(labs, lab => Path.GetFileName(lab) == name) is [var one] ? [one]
                : throw new Failure($"there is no lab {Values.Quoted(name)}");
        if (labs.Length > 1 && !all)
            throw Failure.Usage($"there are {labs.Length} labs: name one of "
                + $"{string.Join(", ", Array.ConvertAll(labs, Path.GetFileName))}, or say --all");
        return labs;
    }

    static Command Status()
    {
        var json = Values.Json();
        var command =
            new Command("status",
                "Shows the labs of this user in $TMPDIR, or /tmp, their nodes and what runs on them.") { json };
        command.WithExamples("evilman lab status                             exit code 1 when a packetd is not "
            + "running");
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            var table = new Table().AddColumns("lab", "node", "address", "monitor", "packetd", "domains");
            var (labs, broken) = (0, false);
            foreach (var directory in LabStore.Directories())
            {
                labs++;
                var plan = LabPlan.Load(directory);
                // Inside of the lab its own processes are the only ones, and the first of them is the holder's child.
                var inner = Array.IndexOf(ProcessTable.Arguments(1), directory) >= 0 ? 1
                    : LabStore.Holder(directory) is not 0 and var holder ? ProcessTable.FirstChild(holder) : 0;
                var alive = inner != 0;
                foreach (var node in plan.Nodes)
                {
                    var pid = alive ? PacketdOf(inner, node) : 0;
                    broken |= pid == 0;
                    var domains = pid == 0 ? 0 : ProcessTable.Children(pid).Count;
                    var state = pid != 0 ? "runs" : alive ? "ended" : "lab is dead";
                    table.AddRow(plan.Id, node.Name, node.Address, Markup.Escape(node.MonitorName), state,
                        domains.ToString(CultureInfo.InvariantCulture));
                    if (Say.IsForPrograms)
                        Lines.Print(new LabLine(plan.Id, node.Name, node.Address, node.MonitorName, pid != 0, domains),
                            Lines.Default.LabLine);
                    else if (!Say.Interactive)
                        Say.Plain($"{plan.Id} {node.Name} {node.Address} {node.MonitorName} "
                            + $"packetd={(pid != 0 ? "runs" : "ended")} domains={domains}");
                }
            }
            if (labs == 0)
                Say.Note("there is no lab");
            else if (Say.Interactive && !Say.IsForPrograms)
                AnsiConsole.Write(table);
            return broken ? ExitCode.Failed : ExitCode.Done;
        });
        return command;
    }

    /// <summary>The node's packetd, by the number it has here; 0 when it has ended.</summary>
    /// <param name="inner">The first process inside of the lab.</param>
    static int PacketdOf(int inner, LabNode node)
    {
        foreach (var child in ProcessTable.Children(inner))
        {
            // The command line names the node's address; a lab's nodes have different ones.
            if (Array.IndexOf(ProcessTable.Arguments(child.Pid), node.Address) >= 0)
                return child.Pid;
        }
        return 0;
    }

    static Command Exec()
    {
        var part = new Argument<string>("where") { Description = "client, lan (the bridge), node1, node2, …" };
        part.CompletionSources.Add("client", "lan", "node1", "node2");
        var words = new Argument<string[]>("command")
        {
            Description = "The program and its arguments, after --.",
            Arity = ArgumentArity.OneOrMore,
        };
        var lab = new Option<string?>("--lab")
        {
            Description = "The lab's name, where there are several.",
            HelpName = "NAME",
        };
        var command = new Command("exec", "Runs a program inside the lab.") { part, words, lab };
        command.WithExamples("""
            evilman lab exec client -- ping -c 3 10.77.0.1
            evilman lab exec node2 -- tcpdump -ni eth0
            """);
        command.SetAction(result =>
        {
            var living = Array.FindAll([.. LabStore.Directories()], directory => LabStore.Holder(directory) != 0);
            var wanted = result.GetValue(lab);
            var plan = Array.FindAll(living, directory =>
                wanted is null || Path.GetFileName(directory) == wanted) switch
            {
                [var one] => LabPlan.Load(one),
                [] => throw new Failure(wanted is null ? "there is no lab: «evilman lab up» makes one"
                    : $"there is no lab {Values.Quoted(wanted)}"),
                _ => throw Failure.Usage("there are several labs: --lab NAME says which («evilman lab status» lists "
                    + "them)"),
            };
            List<string> parts = ["client", "lan", .. plan.Nodes.Select(node => node.Name)];
            if (!parts.Contains(result.GetValue(part)!))
                throw Failure.Usage($"the lab has no {Values.Quoted(result.GetValue(part)!)}: it has {string.Join(", ", parts)}");
            using var process =
                Process.Start(LabLauncher.Enter(plan, result.GetValue(part)!, result.GetValue(words)!))!;
            process.WaitForExit();
            return process.ExitCode;
        });
        return command;
    }
}
