using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Threading;
using Evilman.Buying;
using Evilman.Home;
using Evilman.Net;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman home</c>: the home node of thesis §8.2, figure 8.2.</summary>
internal static class HomeCommand
{
    const string StandardJobs = "home.toml";

    /// <summary>
    /// Threads of the pool, which only answers the kernel for a thread that looks at one machine after the other. On a busy
    /// host it would make a new one each half second that it gets no processor, and a process that may have no further
    /// thread ends (deploy/evilman-home.service, TasksMax).
    /// </summary>
    internal const int MaxPoolThreads = 4;

    internal static Command Create()
    {
        var jobs = Values.FileOption("--jobs", "The machines to pay for; home.toml beside the inventory otherwise.");
        var interval = Values.DurationOption("--interval", "How often each machine is looked at.", "10s");
        var listen = Values.AddressOption("--listen",
            "An address of this host where guests call when they need more (port 1709 of UDP); nowhere otherwise.");
        var once = new Option<bool>("--once")
        {
            Description = "Look at each machine once, and end: for cron, or to see what is so.",
        };
        var json = Values.Json();
        var command = new Command("home",
            "Pays for machines while their jobs advance, within budget and deadline, until it is told to stop.")
        {
            jobs, interval, listen, once, json,
        };
        command.WithExamples("""
            evilman home                            jobs as in ~/.config/evilman/home.toml
            evilman home --listen 192.0.2.250       guests with tokend.home=192.0.2.250 call
            evilman home --once --jobs night.toml
            """);
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            return Run(result.GetValue(jobs) ?? Path.Combine(Inventory.Folder, StandardJobs),
                result.GetValue(interval), result.GetValue(listen), result.GetValue(once));
        });
        return command;
    }

    static void Tell(HomeJob job, Verdict verdict, string sentence)
    {
        if (Say.IsForPrograms)
            Lines.Print(new HomeLine(DateTimeOffset.UtcNow.ToUnixTimeSeconds(), job.Name,
                JsonNamingPolicy.SnakeCaseLower.ConvertName($"{verdict}"), sentence), Lines.Default.HomeLine);
        else
            Say.Step(sentence);
    }

    static Socket Listen(IPAddress at)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(new IPEndPoint(at, Wire.HomeCall.Port));
            return socket;
        }
        catch (SocketException failure)
        {
            socket.Dispose();
            throw new Failure($"cannot listen on port {Wire.HomeCall.Port} of {at}: {failure.Message}");
        }
    }

    static int Run(string path, TimeSpan interval, IPAddress? listen, bool once)
    {
        ThreadPool.SetMinThreads(1, 1); // the most is not below the least, which is one for each processor
        ThreadPool.SetMaxThreads(MaxPoolThreads, MaxPoolThreads);
        using var socket = listen is null || once ? null : Listen(listen);
        using var stop = new ManualResetEventSlim();
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Set();
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var payer = new Payer(MachineStore.Standard.Open, file => MachinePurchases.For(file),
            new NodeLink(MagicPinger.Patience), new ProgressStore(Inventory.Folder), Watcher.Look,
            () => DateTimeOffset.UtcNow.ToUnixTimeSeconds(), Tell);
        var before = new Dictionary<string, Verdict>();
        var complaints = new Dictionary<string, string>();
        var calls = new HomeCalls(name => MachineStore.Standard.Find(name)?.Bought,
            job => Visit(job) ? before[job.Name] : null);
        HomeJob.Load(path); // what is wrong at the start is said and ends it; later it is said, and the rest goes on
        do
        {
            var isWell = true;
            foreach (var job in Jobs())
                isWell &= Visit(job);
            if (once)
                return isWell ? ExitCode.Done : ExitCode.Failed;
        }
        while (!Pause());
        return ExitCode.Done;

        // Whether it is told to stop.
        bool Pause()
        {
            if (socket is null)
                return stop.Wait(interval);
            calls.Answer(socket, Jobs, interval, () => stop.IsSet);
            return stop.IsSet;
        }

        // Read each time, so that machines can be added while it runs.
        IReadOnlyList<HomeJob> Jobs()
        {
            try
            {
                var found = HomeJob.Load(path);
                complaints.Remove("");
                return found;
            }
            catch (Failure wrong)
            {
                Complain("", wrong.Message);
                return [];
            }
        }

        bool Visit(HomeJob job)
        {
            try
            {
                var verdict = payer.Visit(job);
                payer.Tell(job, verdict, before.TryGetValue(job.Name, out var former) ? former : null);
                before[job.Name] = verdict;
                complaints.Remove(job.Name);
                return true;
            }
            catch (Exception failure) when (failure is Failure or IOException or SocketException
                or UnauthorizedAccessException)
            {
                Complain(job.Name, $"{job.Name}: {failure.Message}");
                return false;
            }
        }

        // Said once, not each time.
        void Complain(string about, string sentence)
        {
            if (complaints.GetValueOrDefault(about) == sentence)
                return;
            complaints[about] = sentence;
            Say.Complain(sentence);
        }
    }
}
