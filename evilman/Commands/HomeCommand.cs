using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Net.Sockets;
using System.Runtime.InteropServices;
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

    internal static Command Create()
    {
        var jobs = Values.FileOption("--jobs", "The machines to pay for; home.toml beside the inventory otherwise.");
        var interval = Values.DurationOption("--interval", "How often each machine is looked at.", "10s");
        var once = new Option<bool>("--once")
        {
            Description = "Look at each machine once, and end: for cron, or to see what is so.",
        };
        var command = new Command("home",
            "Pays for machines while their jobs advance, within budget and deadline, until it is told to stop.")
        {
            jobs, interval, once,
        };
        command.WithExamples("""
            evilman home                            jobs as in ~/.config/evilman/home.toml
            evilman home --once --jobs night.toml
            """);
        command.SetAction(result => Run(result.GetValue(jobs) ?? Path.Combine(Inventory.Folder, StandardJobs),
            result.GetValue(interval), result.GetValue(once)));
        return command;
    }

    static int Run(string path, TimeSpan interval, bool once)
    {
        using var stop = new ManualResetEventSlim();
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Set();
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var payer = new Payer(MachineStore.Standard.Open, file => Tills.For(file),
            new NodeLink(MagicPinger.Patience), new ProgressStore(Inventory.Folder), Watcher.Look,
            () => DateTimeOffset.UtcNow.ToUnixTimeSeconds(), Say.Step);
        var before = new Dictionary<string, Verdict>();
        var complaints = new Dictionary<string, string>();
        HomeJob.Load(path); // what is wrong at the start is said and ends it; later it is said, and the rest goes on
        do
        {
            var isWell = true;
            foreach (var job in Jobs())
                isWell &= Visit(job);
            if (once)
                return isWell ? ExitCode.Done : ExitCode.Failed;
        }
        while (!stop.Wait(interval));
        return ExitCode.Done;

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
