using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Testing;
using Tokenbroker.Chains;
using Tokenbroker.Http;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;
using Tokenbroker.Tests;

namespace BrokerBench;

/// <summary>
/// Purchases in a second and their 99th percentile at 1, 16 and 256 clients, beside rows that are inserted and flushed
/// one by one into a database of the same kind; and what a sale costs as its chain is sold. The last line is for
/// programs.
/// </summary>
internal static class Program
{
    private const int Loader = 20, Million = 1_000_000, Parts = 20;

    private static readonly string[] s_kinds = ["sqlite", "postgres"];

    private static string Text(params FormattableString[] parts)
    {
        string text = "";
        foreach (FormattableString part in parts)
            text += part.ToString(CultureInfo.InvariantCulture);
        return text;
    }

    private sealed record Result(double PerSecond, double P99, double Limit, long Resident);

    private static async Task<int> Main(string[] arguments)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bench-broker-");
        try
        {
            RunningBroker.CopyProgram(folder);
            return await Run(arguments);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<int> Run(string[] arguments)
    {
        if (arguments is ["kill", var kills, .. var rest])
            return await Kill(int.Parse(kills, CultureInfo.InvariantCulture),
                [.. rest.Where(word => s_kinds.Contains(word))],
                [.. rest.Where(word => !s_kinds.Contains(word))]);
        if (arguments is ["cost", var purchases, .. var kinds])
        {
            foreach (string kind in kinds.Length == 0 ? (string[])["sqlite"] : kinds)
                await Cost(kind, int.Parse(purchases, CultureInfo.InvariantCulture));
            return 0;
        }
        double seconds = arguments.Length > 0 ? double.Parse(arguments[0], CultureInfo.InvariantCulture) : 5;
        if (arguments is [_, var one])
        {
            PostgresServer.IsDurable = true;
            await Measure(one, seconds);
            return 0;
        }
        PostgresServer.IsDurable = true;
        Result sqlite = await Measure("sqlite", seconds);
        Result? postgres = PostgresServer.Refusal is { } why ? null : await Measure("postgres", seconds);
        if (postgres is null)
            Console.WriteLine($"postgres  left out: {PostgresServer.Refusal}");
        await MeasureChain();
        Console.WriteLine(Text($"bench-broker: sqlite_per_s={sqlite.PerSecond:F0} ",
            $"of_limit={sqlite.PerSecond / sqlite.Limit:F2} ",
            $"postgres_per_s={postgres?.PerSecond ?? 0:F0} p99_ms={sqlite.P99:F1} rss_mib={sqlite.Resident >> 20}"));
        return 0;
    }

    /// <summary>Kills the broker so often on each database, two brokers for each processor at a time.</summary>
    /// <param name="kinds">The databases that are meant; none named: all that there are.</param>
    /// <param name="seed">Of a run that is to be played again.</param>
    private static async Task<int> Kill(int kills, string[] kinds, string[] seed)
    {
        List<string> reports = [];
        if (kinds.Length == 0)
            kinds = PostgresServer.Refusal is null ? s_kinds : ["sqlite"];
        foreach (string kind in kinds)
        {
            KillRun run = new(kind, seed is [var given] ? int.Parse(given, CultureInfo.InvariantCulture)
                : Random.Shared.Next(1 << 30), Console.Out);
            await run.Kill(kills, 2 * Environment.ProcessorCount);
            reports.Add(run.Report());
        }
        Console.WriteLine("kill-broker: ok " + string.Join("; ", reports));
        return 0;
    }

    /// <summary>
    /// The processor time of a purchase from the request's words to the commit, without HTTP, sixteen to a commit: a
    /// figure that does not depend on how busy the machine is.
    /// </summary>
    private static async Task Cost(string kind, int purchases)
    {
        const int Together = 16, ChainLength = 256;
        using Scratch scratch = new(kind);
        RunningBroker.SetUp(scratch, ChainLength);
        using Broker broker = new(scratch.Database, MasterKey.Load(scratch.File("master.key")));
        await using Writer writer = new(scratch.Database);
        NewMachine wanted = new(new string('0', 2 * Loader), "small", 3);
        purchases += (Together - purchases % Together) % Together;
        NewChain[] chains = [.. Enumerable.Range(0, purchases + Together).Select(_ => NewChain.Create(ChainLength))];
        int next = 0;
        async Task Buy(int count)
        {
            for (int i = 0; i < count; i += Together)
                await Task.WhenAll(Enumerable.Range(0, Together).Select(_ => writer.Do(session =>
                {
                    string key = Guid.NewGuid().ToString();
                    byte[] fingerprint = new byte[32];
                    Answer answer = new(201, JsonSerializer.SerializeToUtf8Bytes(
                        broker.Buy(session, 1, wanted, chains[next++]), Json.Default.Purchase));
                    Idempotency.Keep(session, broker, "customer:1", key, fingerprint, answer);
                    return answer;
                }, remembers: true)));
        }
        await Buy(Together);
        using Process self = Process.GetCurrentProcess();
        (TimeSpan user, TimeSpan system) = (self.UserProcessorTime, self.PrivilegedProcessorTime);
        TimeSpan ofDatabase = scratch.Used;
        long start = Stopwatch.GetTimestamp();
        await Buy(purchases);
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        self.Refresh();
        Console.WriteLine(Text($"{kind,-9} a purchase without HTTP: ",
            $"{(self.UserProcessorTime - user).TotalMicroseconds / purchases:F0} us user, ",
            $"{(self.PrivilegedProcessorTime - system).TotalMicroseconds / purchases:F0} us system, ",
            $"{(scratch.Used - ofDatabase).TotalMicroseconds / purchases:F0} us of the database's server, ",
            $"{took.TotalMicroseconds / purchases:F0} us in all"));
    }

    /// <summary>What the last line says is at 16 clients.</summary>
    private static async Task<Result> Measure(string kind, double seconds)
    {
        using Scratch scratch = new(kind);
        string key = RunningBroker.SetUp(scratch, chainLength: 256);
        using Scratch bare = new(kind);
        double limit = Limit(bare, seconds);
        Console.WriteLine(Text($"{kind,-9} insert and flush {limit,7:F0}/s"));
        using RunningBroker broker = RunningBroker.Start(scratch);
        await Buy(broker, key, 4, 1); // until everything is warm
        Result? result = null;
        foreach (int clients in (int[])[1, 16, 256])
        {
            TimeSpan used = broker.Used, ofDatabase = scratch.Used;
            List<double> times = await Buy(broker, key, clients, seconds);
            (used, ofDatabase) = (broker.Used - used, scratch.Used - ofDatabase);
            times.Sort();
            double p99 = times[(int)(times.Count * 0.99)];
            Console.WriteLine(Text($"{kind,-9} {clients,3} clients     ",
                $"{times.Count / seconds,7:F0}/s  p99 {p99,6:F1} ms  {used.TotalMicroseconds / times.Count:F0} us of processor time each, ",
                $"{ofDatabase.TotalMicroseconds / times.Count:F0} us of the database's server, ",
                $"resident {broker.Resident >> 20} MiB"));
            if (clients == 16)
                result = new Result(times.Count / seconds, p99, limit, broker.Resident);
        }
        broker.Stop();
        string verified = RunningBroker.Command(scratch, "verify");
        return verified.StartsWith("verify: ok", StringComparison.Ordinal) ? result!
            : throw new InvalidOperationException(verified);
    }

    /// <summary>Rows of about the size of a purchase, each committed and on the disk before the next.</summary>
    private static double Limit(Scratch scratch, double seconds)
    {
        using Session session = scratch.Database.Open();
        session.Script(scratch.Database.Dialect.Of("CREATE TABLE bare (id {int} PRIMARY KEY, bytes {bytes} NOT NULL)"));
        byte[] bytes = new byte[1000];
        long start = Stopwatch.GetTimestamp(), count = 0;
        for (; Stopwatch.GetElapsedTime(start).TotalSeconds < seconds; count++)
            session.Run("INSERT INTO bare VALUES ($1, $2)", count, bytes);
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task<List<double>> Buy(RunningBroker broker, string key, int clients, double seconds)
    {
        using HttpClient client = new() { BaseAddress = broker.Address };
        string body = $$"""{"plan":"small","tokens":3,"loader":"{{new string('0', 2 * Loader)}}"}""";
        long start = Stopwatch.GetTimestamp();
        List<double>[] all = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            List<double> times = [];
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
            {
                long begin = Stopwatch.GetTimestamp();
                await Ask(client, "/v1/machines", body, key);
                times.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            }
            return times;
        })));
        return [.. all.SelectMany(times => times)];
    }

    private static async Task<string> Ask(HttpClient client, string path, string body, string key)
    {
        using HttpRequestMessage request = new(HttpMethod.Post,
            path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
        request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
        using HttpResponseMessage answer = await client.SendAsync(request);
        string text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? text : throw new InvalidOperationException(text);
    }

    /// <summary>
    /// A chain of a million is sold in equal parts; the cost of each is drawn into out/bench/broker.svg.
    /// </summary>
    private static async Task MeasureChain()
    {
        using Scratch scratch = new("sqlite");
        string key = RunningBroker.SetUp(scratch, Million);
        using RunningBroker broker = RunningBroker.Start(scratch);
        using HttpClient client = new() { BaseAddress = broker.Address };
        long begin = Stopwatch.GetTimestamp();
        string bought = await Ask(client, "/v1/machines",
            $$"""{"plan":"small","tokens":1,"loader":"{{new string('0', 2 * Loader)}}"}""", key);
        Console.WriteLine(Text($"chain     a million elements made and sold from in ",
            $"{Stopwatch.GetElapsedTime(begin).TotalMilliseconds:F0} ms"));
        long machine = (long)JsonNode.Parse(bought)!["machine"]!["id"]!;
        List<double> costs = [];
        for (int part = 0; part < Parts; part++)
        {
            int tokens = (Million - 1) / Parts - 8;
            List<double> each = [];
            for (int i = 0; i < 9; i++) // eight of one token, and the rest of the part
            {
                begin = Stopwatch.GetTimestamp();
                await Ask(client, $"/v1/machines/{machine}/tokens", $$"""{"tokens":{{(i < 8 ? 1 : tokens)}}}""", key);
                each.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            }
            each.Sort();
            costs.Add(each[each.Count / 2]);
        }
        Console.WriteLine(Text($"chain     a sale takes {costs[0]:F1} ms when nothing is sold, ",
            $"{costs[Parts / 2]:F1} ms in the middle, {costs[^1]:F1} ms at the end"));
        Draw(Path.Combine(Repository.Root, "out", "bench", "broker.svg"), costs);
    }

    private static void Draw(string file, List<double> costs)
    {
        double top = costs.Max() * 1.2;
        string points = string.Join(' ',
            costs.Select((cost, i) =>
            Text($"{60 + 520.0 * i / (Parts - 1):F0},{260 - 220 * cost / top:F0}")));
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, Text($"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 320" font-family="sans-serif" font-size="13">
            <rect width="640" height="320" fill="white"/><path d="M60 40V260H590" fill="none" stroke="black"/>
            <text x="60" y="25">milliseconds for a sale; the axis ends at {top:F1}</text>
            <text x="320" y="295" text-anchor="middle">of a million elements sold: none to all</text>
            <polyline points="{points}" fill="none" stroke="#06c" stroke-width="2"/></svg>
            """));
    }
}
