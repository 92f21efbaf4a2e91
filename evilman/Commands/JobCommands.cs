using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Threading;
using Evilman.Demo;
using Evilman.Net;
using Evilman.Run;
using Evilman.Text;
using Microsoft.Win32.SafeHandles;

namespace Evilman.Commands;

/// <summary><c>evilman ls|top|logs|exec|forward|stop|drain</c>: the programs that <c>evilman run --on</c> has started, by name.</summary>
internal static class JobCommands
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    internal static IEnumerable<Command> All() => [List(), Top(), Logs(), Exec(), Forward(), Stop(), Drain()];

    static Argument<string> Name() => new("name")
    {
        Description = "What «evilman run» calls it; where several labs have one of that name, LAB/NAME.",
    };

    static Command List()
    {
        var json = Values.Json();
        var command = new Command("ls", "Lists the programs that run on nodes, and what they and their nodes say.")
        {
            json,
        };
        command.WithExamples("""
            evilman ls
            evilman ls --json                    one object of JSON a line
            """);
        command.SetAction(result =>
        {
            var lines = JobView.All();
            if (result.GetValue(json))
            {
                foreach (var line in lines)
                    Say.Plain(JsonSerializer.Serialize(line, JobJson.Default.JobLine));
                return ExitCode.Done;
            }
            if (lines.Count == 0)
                Say.Note("nothing runs on nodes: «evilman run PROGRAM --on NODE» starts something (a run without --on is not listed)");
            else
                Say.Plain(JobTable.Of(lines, DateTimeOffset.UtcNow.ToUnixTimeSeconds()));
            return ExitCode.Done;
        });
        return command;
    }

    static Command Top()
    {
        var interval = Values.DurationOption("--interval", "How long to wait between two looks.", "2s");
        var count = Values.CountOption("--count", "How many looks; 0 for as many as there is time for.", 0, 0, 1_000_000);
        var json = Values.Json();
        var command = new Command("top", "Shows what runs on nodes, with the processor time and memory that it takes.")
        {
            interval, count, json,
        };
        command.WithExamples("""
            evilman top
            evilman top --count 1                once, for a script
            evilman top --json                   one object of JSON a line, each look anew
            """);
        command.SetAction(result =>
        {
            var before = new Dictionary<string, (double Cpu, long At)>();
            for (var look = 1; ; look++)
            {
                var lines = JobView.All();
                if (result.GetValue(json))
                {
                    foreach (var line in lines)
                        Say.Plain(JsonSerializer.Serialize(line, JobJson.Default.JobLine));
                }
                else
                {
                    if (Say.Interactive)
                        Console.Write("\e[H\e[J");
                    Say.Plain(lines.Count == 0 ? "nothing runs" : JobTable.Top(lines, before));
                }
                if (look == result.GetValue(count))
                    return ExitCode.Done;
                Thread.Sleep(result.GetValue(interval).Time);
            }
        });
        return command;
    }

    static Command Logs()
    {
        var name = Name();
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on until the program ends." };
        var tail = Values.CountOption("--tail", "Only the last N lines of what there is; 0 for all that is kept.", 0, 0,
            1_000_000);
        var command = new Command("logs", "Shows what a program has written: the last 256 KiB, which move with it.")
        {
            name, follow, tail,
        };
        command.WithExamples("""
            evilman logs server
            evilman logs -f server
            """);
        command.SetAction(result =>
        {
            if (result.GetValue(follow) && result.GetValue(tail) != 0)
                throw Failure.Usage("--tail and --follow exclude each other");
            var (site, job) = Site.FindJob(result.GetValue(name)!);
            site.Enter();
            var lines = new Queue<string>();
            var most = result.GetValue(tail);
            JobOutput.Show(job.GuestAddress, job.Key(), result.GetValue(follow), line =>
            {
                if (most == 0)
                {
                    Say.Followed(line);
                    return;
                }
                if (lines.Count == most)
                    lines.Dequeue();
                lines.Enqueue(line);
            });
            foreach (var line in lines)
                Say.Plain(line);
            return ExitCode.Done;
        });
        return command;
    }

    static Command Exec()
    {
        var name = Name();
        var words = new Argument<string[]>("command")
        {
            Description = "After --: a program of the guest, and its arguments.",
            Arity = ArgumentArity.OneOrMore,
        };
        var terminal = new Option<bool>("--tty", "-t")
        {
            Description = "It gets a terminal, as large as this one: for shells and editors. What is typed goes to it, Ctrl-C "
                + "too, and what it writes steers this terminal.",
        };
        // Input is passed on always; the word is what docker's users are used to.
        var interactive = new Option<bool>("--interactive", "-i") { Hidden = true };
        var command = new Command("exec", "Runs a command beside a program, as root of its guest. Its input and output are "
            + "this command's, and its exit code too (126 and 127: it could not be run, or was not found; 128 and more: "
            + "a signal).")
        {
            name, words, terminal, interactive,
        };
        command.WithExamples("""
            evilman exec server -- ps                what is in /.evilman is evilman's
            evilman exec -t server -- sh
            evilman exec server -- sh -c 'cat >/tmp/file' <file
            """);
        command.SetAction(result =>
        {
            var (site, job) = Site.FindJob(result.GetValue(name)!);
            site.Enter();
            if (result.GetValue(terminal))
                return OnTerminal(job, result.GetValue(words)!);
            using var exec = GuestExec.Start(job.GuestAddress, job.Key(), result.GetValue(words)!, s_patience);
            var output = new RawOutput(1, Console.IsOutputRedirected);
            var error = new RawOutput(2, Console.IsErrorRedirected);
            return exec.Run(Input(), output.Write, error.Write);
        });
        return command;
    }

    /// <summary>
    /// Standard input as it comes. .NET's own stream edits lines where it is a terminal, and changes its settings for that.
    /// </summary>
    static FileStream Input() => new(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0);

    static int OnTerminal(RunningJob job, string[] words)
    {
        using var own = new OwnTerminal();
        using var exec = GuestExec.Start(job.GuestAddress, job.Key(), words, s_patience, own);
        using var resized = PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => exec.Resize(own));
        own.MakeRaw();
        return exec.Run(Input(), data => Native.WriteOut(data), data => Native.WriteOut(data, 2));
    }

    static Command Forward()
    {
        var name = Name();
        var ports = Values.PortsArgument("port", "A port of the guest's, or HERE:PORT for another number on this machine; any number "
            + "of them.");
        var command = new Command("forward", "Leads ports of 127.0.0.1 to a program, wherever it moves; connections that are open go "
            + "on. Ends with Ctrl-C, and when the program is stopped.")
        {
            name, ports,
        };
        command.WithExamples("""
            evilman forward server 8080
            evilman forward server 8000:80 5432
            """);
        command.SetAction(result =>
        {
            var (site, _) = Site.FindJob(result.GetValue(name)!);
            using var local = new LocalPorts(result.GetValue(ports)!);
            site.Enter(local);
            var word = result.GetValue(name)!.Split('/')[^1];
            var job = site.Jobs.Find(word) ?? throw Failure.Usage($"there is no job {word} any more");
            local.Lead(job.GuestAddress);
            foreach (var port in local.Pairs)
                Say.Step($"127.0.0.1:{port.Here} leads to port {port.Guest} of {word}; Ctrl-C ends that");
            while (site.Jobs.Find(word)?.Since == job.Since)
                Thread.Sleep(500);
            Say.Note($"{word} is there no more");
            return ExitCode.Done;
        });
        return command;
    }

    static Command Drain()
    {
        var node = new Argument<string>("node") { Description = "The node; of several labs' nodes with one name, LAB/NAME." };
        var to = new Option<string?>("--to")
        {
            Description = "Where they shall move; otherwise each to the node with the fewest programs that can take it.",
            HelpName = "NODE",
        };
        var timeout = Values.DurationOption("--timeout", "Patience with each move.", "60s");
        var json = Values.Json();
        var command = new Command("drain", "Moves all programs away from a node that «evilman run» has started there, one after the "
            + "other, so that it can be switched off. Ctrl-C leaves the rest where they are; the same command again goes on.")
        {
            node, to, timeout, json,
        };
        command.WithExamples("""
            evilman drain n1
            evilman drain n1 --to n2
            """);
        command.SetAction(result =>
        {
            var (site, from) = Site.FindNode(result.GetValue(node)!);
            site.Enter();
            var goal = result.GetValue(to) is { } word ? site.Node(word) : null;
            if (goal?.Name == from.Name)
                throw Failure.Usage($"{goal.Name} is the node that is drained");
            return new Drain(site, from, goal, result.GetValue(json)).Run(new MoveOrder(System.Net.IPAddress.Any, []),
                result.GetValue(timeout));
        });
        return command;
    }

    static Command Stop()
    {
        var name = Name();
        var time = Values.CountOption("--time", "Seconds that the program has to end by itself when it gets SIGTERM.",
            (int)JobStop.Patience.TotalSeconds, 0, 3600);
        var kill = new Option<bool>("--kill") { Description = "End it at once: nothing of it is asked." };
        var json = Values.Json();
        var command = new Command("stop", "Ends a program with its guest and its machine, and forgets it. The program gets "
            + "SIGTERM first, as from «docker stop», and what it has not done in time is cut off.")
        {
            name, time, kill, json,
        };
        command.WithExamples("""
            evilman stop server
            evilman stop server --time 60        a database that writes for long
            evilman stop server --kill
            """);
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            var (site, _) = Site.FindJob(result.GetValue(name)!);
            site.Enter();
            var word = result.GetValue(name)!.Split('/')[^1];
            using var mine = site.Jobs.Lock(word);
            if (site.Jobs.Find(word) is not { } job)
                throw Failure.Usage($"there is no job {word} any more");
            int? code = null;
            var how = "";
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => Say.Complain(
                $"interrupted: {word} is remembered, and may have been asked to end: «evilman stop {word}» goes on"));
            if (job.IsUp && !result.GetValue(kill) && result.GetValue(time) is > 0 and var seconds)
            {
                code = JobStop.Ask(job.GuestAddress, job.Key(), TimeSpan.FromSeconds(seconds), out how);
                how += "; ";
            }
            if (!JobEnd.TryEndAll(job, out var sentence))
                throw Failure.NoAnswer($"{how}{sentence}, so {word} is remembered");
            site.Jobs.Remove(word);
            Say.Step($"{word} is gone: {how}{sentence}");
            if (Say.IsForPrograms)
                Lines.Print(new StopLine(word, code, how + sentence), Lines.Default.StopLine);
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>Bytes as they are; what a terminal gets does not steer it.</summary>
    sealed class RawOutput(int fd, bool isRedirected)
    {
        readonly Decoder decoder = Encoding.UTF8.GetDecoder();

        internal void Write(ReadOnlySpan<byte> data)
        {
            if (isRedirected)
            {
                Native.WriteOut(data, fd);
                return;
            }
            var letters = new char[data.Length + 4];
            var count = decoder.GetChars(data, letters, flush: false);
            Native.WriteOut(Encoding.UTF8.GetBytes(Printable.Of(new string(letters, 0, count), keepLines: true)), fd);
        }
    }
}

/// <summary>Jobs as people read them, within 80 columns.</summary>
internal static class JobTable
{
    internal static string Of(IReadOnlyList<JobLine> lines, long now)
    {
        var table = new StringBuilder(Row("NAME", "PROGRAM", "NODE", "ADDRESS", "STATE", "SINCE", "MOVES"));
        foreach (var line in lines)
            table.Append('\n').Append(Row(line.Name, line.Program, NodeOf(line), line.Address, State(line),
                Quantity.Age(now - line.Since), $"{line.Moves}"));
        return table.ToString();

        static string Row(string name, string program, string node, string address, string state, string since,
            string moves) =>
            $"{Cut(name, 12),-12} {Cut(program, 12),-12} {Cut(node, 12),-12} {address,-15} {Cut(state, 11),-11} {since,5} {moves,5}";
    }

    /// <param name="before">What was seen last of each, for what it took since.</param>
    internal static string Top(IReadOnlyList<JobLine> lines, Dictionary<string, (double Cpu, long At)> before)
    {
        var now = Environment.TickCount64;
        var table = new StringBuilder(Row("NAME", "NODE", "STATE", "CPU %", "CPU TIME", "MEMORY", "OF"));
        foreach (var line in lines)
        {
            var name = $"{line.Lab}/{line.Name}";
            var percent = "";
            if (line.CpuSeconds is { } cpu)
            {
                if (before.TryGetValue(name, out var last) && now > last.At)
                    percent = Say(Math.Max(0, 100_000 * (cpu - last.Cpu) / (now - last.At)), "0.0");
                before[name] = (cpu, now);
            }
            table.Append('\n').Append(Row(line.Name, NodeOf(line), State(line), percent,
                line.CpuSeconds is { } time ? Say(time, time < 10_000 ? "0.00" : "0") + " s" : "",
                line.MemoryUsedKib is { } used ? Say(used / 1024.0, "0.0") + "M" : "", $"{line.MemoryMib}M"));
        }
        return table.ToString();

        static string Row(string name, string node, string state, string percent, string time, string memory, string of) =>
            $"{Cut(name, 16),-16} {Cut(node, 14),-14} {Cut(state, 12),-12} {percent,6} {time,11} {memory,8} {of,6}";

        static string Say(double number, string form) => number.ToString(form, CultureInfo.InvariantCulture);
    }

    static string NodeOf(JobLine line) => line.Lab is null ? line.Node : $"{line.Lab[..Math.Min(6, line.Lab.Length)]}/{line.Node}";

    static string State(JobLine line) => line.Code is { } code && line.State == "ended"
        ? string.Create(CultureInfo.InvariantCulture, $"ended ({code})") : line.State;

    static string Cut(string text, int most) => text.Length <= most ? text : text[..(most - 1)] + "…";
}
