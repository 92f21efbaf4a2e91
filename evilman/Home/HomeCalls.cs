using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using Evilman.Buying;
using Evilman.Net;
using Wire;

namespace Evilman.Home;

/// <summary>
/// Takes the calls of guests that need more tokens (docs/protocols.md, "Home"). A call has nothing paid that would not
/// be paid anyway: it has home look at once, at the machines that it watches and that the caller's address was bought
/// for; everybody else hears nothing.
/// </summary>
/// <param name="find">What was bought under a name, or null.</param>
/// <param name="look">Looks at a job; null where its node or broker do not answer.</param>
internal sealed class HomeCalls(Func<string, Purchase?> find, Func<HomeJob, Verdict?> look)
{
    /// <summary>
    /// Machines are looked at, and files are read, as often as this at most, however often somebody calls.
    /// </summary>
    static readonly TimeSpan s_between = TimeSpan.FromMilliseconds(500);

    readonly Dictionary<string, (long At, Verdict? Verdict)> looked = [];

    // What the files said when they were read last.
    (long At, List<(HomeJob Job, Purchase Bought)> Watched)? known;

    /// <summary>Answers calls until the time is over, or <paramref name="stopped"/>.</summary>
    internal void Answer(Socket socket, Func<IReadOnlyList<HomeJob>> jobs, TimeSpan during, Func<bool> stopped)
    {
        var start = Stopwatch.GetTimestamp();
        var bytes = new byte[HomeCall.Size + 1];
        while (!stopped() && during - Stopwatch.GetElapsedTime(start) is { Ticks: > 0 } left)
        {
            var glance = TimeSpan.FromMilliseconds(Math.Min(100, left.TotalMilliseconds + 1));
            if (!socket.Poll(glance, SelectMode.SelectRead))
                continue;
            EndPoint from = new IPEndPoint(IPAddress.Any, 0);
            try
            {
                var length = socket.ReceiveFrom(bytes, ref from);
                if (Answer(bytes.AsSpan(0, length), ((IPEndPoint)from).Address, jobs) is { } answer)
                    socket.SendTo(answer, from);
            }
            catch (SocketException)
            {
                // An ICMP error: the guest that was answered has gone.
            }
        }
    }

    /// <summary>Null for no answer.</summary>
    /// <param name="jobs">Reads what is watched. What is no call costs no look at the disk.</param>
    internal byte[]? Answer(ReadOnlySpan<byte> datagram, IPAddress from, Func<IReadOnlyList<HomeJob>> jobs)
    {
        if (!HomeCall.TryParseRequest(datagram, out var call))
            return null;
        (Purchase Bought, Verdict Verdict)? best = null;
        foreach (var (job, bought) in Watched(jobs))
        {
            if (!bought.Machine.Guests.Contains($"{from}") || Look(job) is not ({ } verdict and not Verdict.Gone))
                continue;
            // While a guest moves two machines have its address: the one that it speaks of is the one it is in.
            if (best is null || bought.Name().AsSpan().SequenceEqual(call.Machine.Bytes))
                best = (bought, verdict);
        }
        if (best is not { } found)
            return null;
        call.Verdict = found.Verdict switch
        {
            Verdict.Stalled => HomeVerdict.Stalled,
            Verdict.OverBudget => HomeVerdict.OverBudget,
            Verdict.PastDeadline => HomeVerdict.PastDeadline,
            _ => HomeVerdict.Paid,
        };
        call.Node = Ipv4.Number(found.Bought.Node());
        found.Bought.Name().CopyTo(call.Machine.Room);
        var answer = new byte[HomeCall.Size];
        call.EmitAnswer(answer);
        return answer;
    }

    List<(HomeJob Job, Purchase Bought)> Watched(Func<IReadOnlyList<HomeJob>> jobs)
    {
        if (known is { } before && Stopwatch.GetElapsedTime(before.At) < s_between)
            return before.Watched;
        List<(HomeJob, Purchase)> watched = [.. jobs().Select(job => (Job: job, Bought: Find(job.Name)))
            .Where(pair => pair.Bought is not null).Select(pair => (pair.Job, pair.Bought!))];
        known = (Stopwatch.GetTimestamp(), watched);
        return watched;
    }

    /// <summary>Null also where its file cannot be read: that is said when home looks at it.</summary>
    Purchase? Find(string name)
    {
        try
        {
            return find(name);
        }
        catch (Exception failure) when (failure is Failure or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    Verdict? Look(HomeJob job)
    {
        if (looked.TryGetValue(job.Name, out var before) && Stopwatch.GetElapsedTime(before.At) < s_between)
            return before.Verdict;
        var verdict = look(job);
        looked[job.Name] = (Stopwatch.GetTimestamp(), verdict);
        return verdict;
    }
}
