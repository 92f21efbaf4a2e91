using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Demo;
using Evilman.Text;

namespace Evilman.Run;

/// <summary>What «evilman drain --json» ends with.</summary>
/// <param name="Left">Of programs that are still there.</param>
internal sealed record DrainLine(string Node, IReadOnlyList<string> Moved, IReadOnlyList<string> Left);

/// <summary>
/// Moves all programs of a node away that are remembered, one after the other. Nothing is remembered of it but the programs
/// themselves: cut off at any instant and begun again, it goes on with those that are still there.
/// </summary>
internal sealed class Drain(Site site, KnownNode node, KnownNode? to, bool json)
{
    volatile bool isInterrupted;

    internal int Run(MoveOrder wishes, TimeSpan patience)
    {
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        var (moved, left) = (new List<string>(), new List<string>());
        foreach (var name in site.Jobs.Names.Where(IsThere).ToList())
            (!isInterrupted && TryMove(name, wishes, patience) ? moved : left).Add(name);
        if (json)
            Say.Plain(JsonSerializer.Serialize(new DrainLine(node.Name, moved, left), JobJson.Default.DrainLine));
        else if (left.Count == 0)
            Say.Step(moved.Count == 0 ? $"nothing runs on {node.Name} that is remembered here"
                : $"{node.Name} is empty: {string.Join(", ", moved)} moved");
        if (left.Count == 0)
            return ExitCode.Done;
        throw new Failure($"{string.Join(", ", left)} {(left.Count == 1 ? "is" : "are")} still on {node.Name}, and {moved.Count} moved: "
            + $"the same command again goes on", isInterrupted ? ExitCode.Interrupted : ExitCode.Failed);
    }

    void Interrupt(PosixSignalContext context)
    {
        context.Cancel = true;
        isInterrupted = true;
    }

    bool IsThere(string name) => site.Jobs.Find(name) is { } job && (job.Machine.Node == node.Name || job.Next?.Node == node.Name);

    /// <summary>To the first of the nodes that takes it.</summary>
    bool TryMove(string name, MoveOrder wishes, TimeSpan patience)
    {
        if (site.Jobs.Find(name) is not { } job)
            return true; // it was stopped meanwhile
        var targets = to is not null ? [to] : Targets(site.Nodes, node.Name, job, site.Jobs);
        if (targets.Count == 0)
            Say.Complain($"{name} has the address {job.Guest}, and no other node gives that to guests: «evilman node ls»");
        foreach (var target in targets)
        {
            try
            {
                new JobMove(site, name, target, json).Run(wishes, patience);
            }
            catch (Failure failure)
            {
                // A move that had been cut off may have arrived after all.
                if (IsThere(name))
                    Say.Complain(failure.Message);
            }
            if (!IsThere(name))
                return true;
            if (isInterrupted)
                break;
        }
        return false;
    }

    /// <summary>
    /// Nodes that the guest can take its address to: first one's own, and of both kinds those with the fewest programs first.
    /// Where machines are sold, the broker knows who may have the address.
    /// </summary>
    internal static IReadOnlyList<KnownNode> Targets(IEnumerable<KnownNode> nodes, string from, RunningJob job, JobStore jobs)
    {
        var all = jobs.Names.Select(jobs.Find).ToList();
        return [.. nodes.Where(other => other.Name != from && (other.IsSold || other.Boot is not null)
                && (other.Guests is null || other.Guests.All().Contains(job.GuestAddress)))
            .OrderBy(other => other.IsSold)
            .ThenBy(other => all.Count(found => found?.Machine.Node == other.Name))
            .ThenBy(other => other.Name, StringComparer.Ordinal)];
    }
}
