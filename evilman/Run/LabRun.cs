using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Evilman.Demo;
using Evilman.Lab;
using Evilman.Net;
using Evilman.Text;
using Wire;

namespace Evilman.Run;

/// <summary>
/// Runs a job in a lab: boots its guest, leads ports to it, shows its console, moves it when asked to, until it ends.
/// From inside the client's namespace of the lab.
/// </summary>
internal sealed class LabRun(LabPlan lab, RunPlan plan)
{
    static readonly TimeSpan s_glance = TimeSpan.FromMilliseconds(50);

    readonly LabStage stage =
        new(lab, plan.Memory, TimeSpan.FromSeconds(plan.PatienceSeconds), plaintext: false);
    readonly List<ConsoleFollower> consoles =
        [.. System.Linq.Enumerable.Select(lab.Nodes, node => new ConsoleFollower(lab.MachinesLog(node)))];
    readonly Queue<string> lastLines = new();
    int? exitCode;
    int place;
    string? lost; // how the guest ended in a move, once it has
    Thread? stopping;

    /// <summary>The job's exit code.</summary>
    internal int Run()
    {
        Say.Title($"{lab.Nodes.Count} nodes in namespaces of this machine, and a guest for {plan.Name}");
        stage.Greet();
        stage.Boot(File.ReadAllBytes(RunPlan.FilesOf(lab)));
        File.WriteAllText(RunPlan.BegunFile(lab), "");
        foreach (var port in plan.Ports)
            AwaitPort(port.Guest);
        var forwarders = new List<Forwarder>();
        try
        {
            foreach (var port in plan.Ports)
            {
                forwarders.Add(Forward(port));
                Say.Step($"127.0.0.1:{port.Here} leads to port {port.Guest} of the guest, which is "
                    + $"{stage.Guest}:{port.Guest} in the lab");
            }
            var code = Attend();
            forwarders.ForEach(forwarder => forwarder.Finish());
            return code;
        }
        finally
        {
            forwarders.ForEach(forwarder => forwarder.Dispose());
        }
    }

    /// <summary>Waits until the port is listened on, or fails with why it is not.</summary>
    void AwaitPort(int port)
    {
        var start = Stopwatch.GetTimestamp();
        var wait = new PortWait(port, plan.PatienceSeconds);
        while (true)
        {
            try
            {
                using var socket = Tcp.Connect(new IPEndPoint(stage.Guest, port), TimeSpan.FromMilliseconds(400));
                Look();
                Say.Step($"port {port} of {plan.Name} answers, "
                    + $"{Quantity.Milliseconds(Stopwatch.GetElapsedTime(start).TotalMilliseconds)} after the upload");
                return;
            }
            catch (SocketException)
            {
                Look();
            }
            if (exitCode is { } code)
                throw Job.EndedEarly(code, port);
            if (!stage.IsAlive)
                throw new Failure($"the machine has ended before port {port} was listened on; it said last: "
                    + $"{LastWords()}");
            if (Stopwatch.GetElapsedTime(start).TotalSeconds > plan.PatienceSeconds)
                throw Failure.NoAnswer($"nothing listens on port {port} after {plan.PatienceSeconds} s (--timeout); "
                    + $"the guest said last: {LastWords()}");
            if (wait.Remark(Stopwatch.GetElapsedTime(start).TotalSeconds) is { } remark)
                Say.Step(remark);
            Thread.Sleep(s_glance);
        }
    }

    Forwarder Forward(PortPair port)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(RunPlan.SocketOf(lab, port));
        listener.Listen();
        return new Forwarder(listener, () =>
            Tcp.ConnectSoon(new IPEndPoint(stage.Guest, port.Guest), TimeSpan.FromSeconds(5)));
    }

    /// <summary>Until the job has ended: shows what it says, and moves it.</summary>
    int Attend()
    {
        var commands = Commands();
        var next = Stopwatch.GetTimestamp();
        while (exitCode is null)
        {
            if (plan.MoveSeconds != 0 && Stopwatch.GetElapsedTime(next).TotalSeconds >= plan.MoveSeconds
                || commands.TryDequeue(out _))
            {
                Move();
                next = Stopwatch.GetTimestamp();
                if (lost is { } where)
                    throw new Failure($"{where}; it said last: {LastWords()}");
            }
            if (!stage.IsAlive)
            {
                Thread.Sleep(500); // its last words may be on their way
                Look();
                if (exitCode is null)
                    throw new Failure($"the guest's machine has ended; it said last: {LastWords()}");
            }
            Look();
            Thread.Sleep(s_glance);
        }
        var ending = Job.Ending(exitCode.Value);
        if (exitCode == 0)
            Say.Step(ending);
        else
            Say.Warn(ending);
        return exitCode.Value;
    }

    /// <summary>A word for each line that the user types.</summary>
    static System.Collections.Concurrent.ConcurrentQueue<string> Commands()
    {
        var lines = new System.Collections.Concurrent.ConcurrentQueue<string>();
        if (Console.IsInputRedirected)
            return lines;
        Say.Note("Enter moves the guest to the next node, while it is used; Ctrl-C ends it and the lab");
        new Thread(() =>
        {
            while (Console.ReadLine() is { } line)
                lines.Enqueue(line);
        }) { IsBackground = true }.Start();
        return lines;
    }

    void Move()
    {
        if (stage.Places < 2)
        {
            Say.Warn("there is one node only (--nodes), so there is nowhere to move to");
            return;
        }
        var to = (place + 1) % stage.Places;
        try
        {
            var record = stage.Move(place, to, () => null);
            Look();
            if (exitCode is not null)
                return;
            foreach (var line in stage.Account())
                Say.Note(line);
            if (!stage.HasArrived())
            {
                lost = $"the guest's machine on node {record.From} has ended, and nothing has arrived on node {record.To}";
                return;
            }
            Say.Step($"{record.From} → {record.To} in {Quantity.Milliseconds(record.TotalMilliseconds)}: "
                + $"{plan.Name} goes on there, with its connections");
            place = to;
        }
        catch (Failure failure)
        {
            // A job may end while it moves, and a guest whose move fails stays where it is.
            Say.Warn(failure.Message);
        }
    }

    /// <summary>
    /// Shows what is new on the consoles. Has the program asked to end when the user wants that, and gives up when it does not.
    /// </summary>
    void Look()
    {
        if (stopping is null && File.Exists(RunPlan.StopFile(lab)))
        {
            Say.Note($"{plan.Name} is asked to end; Ctrl-C once more ends it at once");
            stopping = new Thread(() =>
            {
                if (JobStop.Ask(stage.Guest, stage.GuestKey, JobStop.Patience, out var sentence) is not null)
                    Thread.Sleep(500); // its last words may be on their way
                else
                    Say.Complain(sentence);
            }) { IsBackground = true };
            stopping.Start();
        }
        var isOver = stopping is { IsAlive: false };
        foreach (var console in consoles)
        {
            foreach (var line in console.Read())
            {
                if (Job.EndIn(line) is { } code)
                {
                    exitCode = code;
                    continue;
                }
                if (lastLines.Count == 5)
                    lastLines.Dequeue();
                lastLines.Enqueue(line);
                Say.Plain($"  | {line}");
            }
        }
        if (isOver)
            throw new OperationCanceledException();
    }

    string LastWords()
    {
        var said = new List<string>(lastLines);
        said.RemoveAll(string.IsNullOrWhiteSpace);
        return said.Count == 0 ? "nothing" : $"«{said[^1]}»";
    }
}
