using System;
using System.Collections.Concurrent;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Threading;
using Tokenbroker.Storage;

namespace Tokenbroker.Http;

/// <summary>Counters since the start, in the text format of Prometheus 0.0.4.</summary>
internal sealed class Metrics
{
    private static readonly double[] s_bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

    private static readonly string[] s_methods = ["GET", "POST", "PATCH", "DELETE"];

    private readonly ConcurrentDictionary<(string Route, string Method, int Status), long[]> requests = new();
    private readonly long start = Environment.TickCount64;

    internal void Count(string route, string method, int status, TimeSpan took)
    {
        if (!s_methods.Contains(method))
            method = "other"; // whoever asks may write anything there
        // Buckets, then the sum in microseconds.
        long[] counts = requests.GetOrAdd((route, method, status), _ => new long[s_bounds.Length + 2]);
        int bucket = Array.FindIndex(s_bounds, bound => took.TotalSeconds <= bound);
        Interlocked.Increment(ref counts[bucket < 0 ? s_bounds.Length : bucket]);
        Interlocked.Add(ref counts[^1], (long)took.TotalMicroseconds);
    }

    internal string Text(Session session, int waiting)
    {
        StringBuilder text = new();
        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Line($"# HELP tokenbroker_request_seconds How long requests took.");
        Line($"# TYPE tokenbroker_request_seconds histogram");
        foreach (var ((route, method, status), counts) in requests.OrderBy(pair => pair.Key))
        {
            string labels = $"route=\"{route}\",method=\"{method}\",status=\"{status}\"";
            long sum = 0;
            for (int i = 0; i <= s_bounds.Length; i++)
            {
                sum += Volatile.Read(ref counts[i]);
                string bound = i < s_bounds.Length ? s_bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                Line($"tokenbroker_request_seconds_bucket{{{labels},le=\"{bound}\"}} {sum}");
            }
            Line($"tokenbroker_request_seconds_sum{{{labels}}} {Volatile.Read(ref counts[^1]) / 1e6}");
            Line($"tokenbroker_request_seconds_count{{{labels}}} {sum}");
        }
        void Gauge(string name, string help, long value) =>
            Line($"# HELP tokenbroker_{name} {help}\n# TYPE tokenbroker_{name} gauge\ntokenbroker_{name} {value}");
        Gauge("writes_waiting", "Writes that wait for their transaction.", waiting);
        Gauge("uptime_seconds", "Seconds since the start.", (Environment.TickCount64 - start) / 1000);
        Gauge("resident_bytes", "Memory of the process.", Environment.WorkingSet);
        Gauge("entries", "Entries of the ledger.", session.Number("SELECT COALESCE(MAX(id), 0) FROM entry"));
        Gauge("machines_open", "Machines that are sold and not settled.",
            session.Number("SELECT CAST(COALESCE(SUM(used_machines), 0) AS BIGINT) FROM node"));
        Gauge("units_outside", "Units that have come in from outside.",
            -session.Number($"SELECT {Schema.BalanceOf("a.id")} FROM account a WHERE name = 'outside'"));
        Gauge("units_burned", "Units used, as certificates say.",
            session.Number($"SELECT {Schema.BalanceOf("a.id")} FROM account a WHERE name = 'burned'"));
        Gauge("units_breakage", "Units of machines that lapsed without a certificate.",
            session.Number($"SELECT {Schema.BalanceOf("a.id")} FROM account a WHERE name = 'breakage'"));
        return text.ToString();
    }
}
