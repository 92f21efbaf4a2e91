using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Threading;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Net;
using Wire;

namespace Evilman.Run;

/// <summary>A job as it is shown, with --json as it is.</summary>
/// <param name="State">
/// starting, running, ended, moving; silent when the guest says nothing, unreachable when the node says nothing either,
/// gone when the node says that its machine has ended. Elsewhere when the guest is in a machine that is not remembered: its
/// node is then the one that has such an address to give away, or «?».
/// </param>
/// <param name="Code">The program's exit code, once it has ended.</param>
/// <param name="CpuSeconds">Of processor time in the guest since it was booted.</param>
internal sealed record JobLine(string Name, string Program, string Node, string NodeAddress, string Address,
    string State, long Since, int Moves, IReadOnlyList<int> Ports, long MemoryMib, int? Code = null,
    double? CpuSeconds = null, long? MemoryUsedKib = null, string? Lab = null);

/// <summary>What jobs are doing, as their nodes and their guests say.</summary>
internal static class JobView
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    /// <summary>Of all sites, by name.</summary>
    internal static List<JobLine> All()
    {
        var sites = Site.All().ToList();
        var found = InParallel(sites, site => site == Site.Here || site.Lab is null ? Of(site) : Inside(site));
        return [.. found.SelectMany(lines => lines).OrderBy(line => line.Name, StringComparer.Ordinal)];
    }

    static List<JobLine> Of(Site site)
    {
        var jobs = site.Jobs.Names.Select(name => (Name: name, Job: site.Jobs.Find(name)))
            .Where(pair => pair.Job is not null).ToList();
        return InParallel(jobs, pair => Of(site, pair.Name, pair.Job!));
    }

    static JobLine Of(Site site, string name, RunningJob job)
    {
        var guest = Ask(job);
        var node = guest is null ? AskNode(job.Machine) : null;
        var (place, address) = job.IsElsewhere(guest) ? PlaceOf(site.Nodes, guest!.Boot!)
            : (job.Machine.Node, job.Machine.Address);
        return new JobLine(name, job.Program, place, address, job.Guest, StateOf(job, guest, node), job.Since,
            job.Moves, job.Ports, job.MemoryMib, guest?.Code, guest is null ? null : guest.CpuTicks / 100.0,
            guest?.MemoryKib, site.Lab?.Id);
    }

    /// <param name="guest">What the guest says; null when it says nothing.</param>
    /// <param name="node">What the node says of its machine; null when it says nothing, or was not asked.</param>
    internal static string StateOf(RunningJob job, GuestState? guest, AccountState? node) =>
        guest is null && node == AccountState.Ended ? "gone"
        : !job.IsUp ? "starting"
        : job.Next is not null ? "moving"
        : guest is { Code: not null } ? "ended"
        : job.IsElsewhere(guest) ? "elsewhere"
        : guest is not null ? "running"
        : node is null ? "unreachable" : "silent";

    /// <summary>The node that gives this address to machines, if that is one alone.</summary>
    internal static (string Name, string Address) PlaceOf(IEnumerable<KnownNode> nodes, IPAddress boot)
    {
        var found = nodes.Where(node => node.Boot?.All().Contains(boot) == true).ToList();
        return found.Count == 1 ? (found[0].Name, $"{found[0].Address}") : ("?", "?");
    }

    /// <summary>What the guest says; null when it says nothing.</summary>
    internal static GuestState? Ask(RunningJob job)
    {
        try
        {
            return GuestState.Read(GuestExec.Ask(job.GuestAddress, job.Key(), Job.Look, s_patience));
        }
        catch (Exception silent) when (silent is Failure or SocketException or IOException)
        {
            return null;
        }
    }

    /// <summary>
    /// Whether the machine is there; null when the node does not answer. A node that keeps no account of it only says that
    /// it is there itself.
    /// </summary>
    static AccountState? AskNode(JobMachine machine)
    {
        try
        {
            using var echo = EchoSocket.Open();
            if (machine.Account is null)
                return echo.Exchange(machine.NodeAddress(), new byte[16], s_patience) is null ? null
                    : AccountState.Running;
            return Account(echo, machine, s_patience) is not { } answer ? null
                : answer.View?.State == AccountState.Running ? AccountState.Running : AccountState.Ended;
        }
        catch (Exception failure) when (failure is Failure or SocketException)
        {
            return null;
        }
    }

    /// <summary>The node's account of a machine; without a view it knows of none any more.</summary>
    internal static (bool Answers, AccountView? View)? Account(EchoSocket echo, JobMachine machine, TimeSpan patience)
    {
        var name = Convert.FromHexString(machine.Account!);
        var body = new byte[AccountRequest.Size];
        AccountRequest.Emit(body, name, null);
        return MagicPinger.Ask(echo, machine.NodeAddress(), MagicKind.Query, body, patience) is { } answer
            ? (true, AccountView.TryRead(answer.Statement, name)) : null;
    }

    /// <summary>A lab's jobs are looked at from inside it.</summary>
    static List<JobLine> Inside(Site site)
    {
        if (!site.Jobs.Names.Any())
            return [];
        var start = site.Inside("ls", "--json");
        start.RedirectStandardOutput = true;
        using var process = Process.Start(start) ?? throw new Failure("the lab cannot be entered");
        var lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        return [.. lines.Select(line => JsonSerializer.Deserialize(line, JobJson.Default.JobLine)!)];
    }

    /// <summary>Each on a thread of its own: who is silent is waited for once.</summary>
    static List<TResult> InParallel<T, TResult>(List<T> all, Func<T, TResult> what)
    {
        var results = new TResult[all.Count];
        var threads = new List<Thread>();
        Exception? failure = null;
        for (var i = 0; i < results.Length; i++)
        {
            var place = i;
            threads.Add(new Thread(() =>
            {
                try
                {
                    results[place] = what(all[place]);
                }
                catch (Exception any)
                {
                    failure = any;
                }
            }));
            threads[^1].Start();
        }
        threads.ForEach(thread => thread.Join());
        return failure is null ? [.. results] : throw new AggregateException(failure);
    }
}
