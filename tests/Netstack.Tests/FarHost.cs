using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;

namespace Netstack.Tests;

/// <summary>What the far end of a connection says when it is over. <paramref name="Error"/> is 0, or a SocketError of ours, or the kernel's errno.</summary>
public sealed record Report(uint Id, int Error, long Sent, long Received, long Retransmissions, string Sha1, long Timestamp);

/// <summary>The host at the far end of a wire, which serves connections as <see cref="NetstackHost.Request"/> says.</summary>
public abstract class FarHost : IDisposable
{
    private readonly Dictionary<uint, Report> reports = [];

    /// <summary>The report of one connection, which must come within so many seconds.</summary>
    public Report WaitFor(uint id, int seconds = 60)
    {
        long end = Environment.TickCount64 + seconds * 1000L;
        lock (reports)
        {
            while (!reports.ContainsKey(id))
            {
                long left = end - Environment.TickCount64;
                if (left <= 0 || !Monitor.Wait(reports, (int)left))
                    throw new TimeoutException($"the far end of connection {id} is not done after {seconds} s");
            }
            return reports[id];
        }
    }

    /// <summary>Ends the host and returns its counters by name; the kernel tells none.</summary>
    public abstract IReadOnlyDictionary<string, long> Stop();

    protected void Add(uint id, int error, long sent, long received, long retransmissions, string sha1)
    {
        lock (reports)
        {
            reports[id] = new Report(id, error, sent, received, retransmissions, sha1, Stopwatch.GetTimestamp());
            Monitor.PulseAll(reports);
        }
    }

    public abstract void Dispose();
}
