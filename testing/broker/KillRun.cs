using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>
/// The program, killed at random instants: while it starts, brings an older ledger to its version or takes up the log of
/// the one that was killed before, and while customers buy machines and tokens and an operator changes the key of the
/// node. After each kill the whole ledger is verified, and still has the head that it had. Whoever heard nothing asks
/// again after the next start; at the end of each ledger everybody asks once more and hears what he heard before, no
/// element was sold twice, and the program's own «verify» says the sum of what customers were told.
/// </summary>
/// <param name="seed">Of the instants.</param>
internal sealed class KillRun(string kind, int seed, TextWriter progress)
{
    private const int Customers = 4;

    // A verification takes longer the longer the ledger is.
    private const int KillsOfLedger = 40;

    private const double ShareOfStarts = 0.25;

    // Of a ledger that a start brings to the newest version, the first ones, unless one of them has done it.
    private const int StartsOfOlder = 4;

    // While customers buy, one kill comes after at most so many answers: what a kill costs does not grow with what the
    // machine has to do besides.
    private const int MaxAnswers = 24;

    // A chain that ends with the second resupply: so machines are continued with a new one.
    private const int ChainLength = 7;

    private const string Loader = "00112233445566778899aabbccddeeff00112233";
    private const string NodeKey = "0123456789abcdef0123456789abcdef01234567";

    private static readonly TimeSpan s_betweenReports = TimeSpan.FromSeconds(20);

    private readonly long start = Stopwatch.GetTimestamp();
    private readonly string kind = kind;
    private long reported;

    // Milliseconds that starts take, as busy as the machine is, mostly the last ones; and those between two answers.
    private double usualStart = 60, usualAnswer = 2;

    private int kills, inStart, inMigration, deeds, ledgers;

    /// <summary>How many there were, and what of: for people.</summary>
    internal string Report() => string.Create(CultureInfo.InvariantCulture,
        $"{kind}: kills={kills} in_start={inStart} in_migration={inMigration} ledgers={ledgers} writes={deeds} ")
        + string.Create(CultureInfo.InvariantCulture,
        $"seconds={Stopwatch.GetElapsedTime(start).TotalSeconds:F0} seed={seed}");

    /// <param name="lanes">How many brokers run at the same time, each with a ledger of its own.</param>
    internal async Task Kill(int wanted, int lanes)
    {
        int next = 0;
        await Task.WhenAll(Enumerable.Range(0, lanes).Select(_ => Task.Run(async () =>
        {
            for (; ; )
            {
                int first = Interlocked.Add(ref next, KillsOfLedger) - KillsOfLedger;
                if (first >= wanted)
                    return;
                await new Ledger(this, seed + first).Run(Math.Min(KillsOfLedger, wanted - first));
            }
        })));
        Assert.True(deeds > 0, $"{kind}, seed {seed}: nobody has bought anything");
    }

    private void Killed(bool wasStarting, bool wasMigrating)
    {
        Interlocked.Increment(ref kills);
        if (wasStarting)
            Interlocked.Increment(ref inStart);
        if (wasMigrating)
            Interlocked.Increment(ref inMigration);
        long now = Stopwatch.GetTimestamp(), before = Interlocked.Read(ref reported);
        if (Stopwatch.GetElapsedTime(before, now) > s_betweenReports
            && Interlocked.CompareExchange(ref reported, now, before) == before)
            progress.WriteLine(Report());
    }

    /// <summary>Mostly of the last ones.</summary>
    private static void Average(ref double average, double next) =>
        Volatile.Write(ref average, 0.9 * Volatile.Read(ref average) + 0.1 * next);

    /// <summary>The ledger as the first version of the program would have left it.</summary>
    internal static void TakeBack(Database database) => database.Write(session =>
    {
        foreach (string statement in Schema.FirstGuards(database.Dialect))
            session.Script(database.Dialect.Of(statement));
        session.Script("""
            DROP INDEX machine_unstarted;
            ALTER TABLE machine DROP COLUMN started;
            ALTER TABLE machine DROP COLUMN released;
            ALTER TABLE node DROP COLUMN most_memory;
            ALTER TABLE node DROP COLUMN used_cpu;
            ALTER TABLE node DROP COLUMN cpu;
            ALTER TABLE node DROP COLUMN price_share;
            ALTER TABLE node DROP COLUMN min_cpu;
            DELETE FROM schema_version WHERE number > 1;
            """);
        return session;
    });

    /// <summary>A write and what it was answered; null as long as nobody has heard.</summary>
    private sealed record Deed(string Path, string Body, string ApiKey)
    {
        internal readonly string Key = Guid.NewGuid().ToString();
        internal string? Answer;

        internal JsonNode Said => JsonNode.Parse(Answer!)!;
    }

    /// <summary>A new ledger, and some of the kills.</summary>
    private sealed class Ledger(KillRun run, int seed)
    {
        private readonly Random random = new(seed);
        private readonly ConcurrentQueue<Deed> deeds = [];
        private string key = "", operatorKey = "";

        // Of the customers and the operator, until this kill.
        private int answersLeft;
        private TaskCompletionSource enough = new();

        // Until a start has brought it to the newest version.
        private bool isOlder;

        internal async Task Run(int kills)
        {
            using Scratch scratch = new(run.kind);
            key = RunningBroker.SetUp(scratch, ChainLength);
            operatorKey = File.ReadAllText(scratch.File("operator")).Trim();
            isOlder = random.Next(2) == 0;
            if (isOlder)
                TakeBack(scratch.Database);
            using Broker ledger = new(scratch.Database, MasterKey.Load(scratch.File("master.key")));
            // As long as another process has a file of SQLite open, nobody has to take up its log, which grows until it
            // is moved into the file in the middle of the load.
            using Session? reader = random.Next(2) == 0 ? null : scratch.Database.Open();
            string? head = null;
            for (int kill = 0; kill < kills; kill++)
            {
                bool wasStarting = await KillOne(scratch, kill < kills - 1
                    && (isOlder && kill < StartsOfOlder || random.NextDouble() < ShareOfStarts));
                bool isNew;
                using (Session session = scratch.Database.Open())
                    isNew = Schema.Version(session) == Schema.Steps.Count;
                run.Killed(wasStarting, !isNew);
                if (!isNew)
                {
                    Assert.True(isOlder, Where("the version is another"));
                    continue;
                }
                isOlder = false;
                Findings found = ledger.Verify(head);
                Assert.True(found.Faults.Count == 0, Where(string.Join('\n', found.Faults)));
                head = found.Head;
            }
            await Check(scratch, head);
            Interlocked.Increment(ref run.ledgers);
        }

        private string Where(string what) => $"{run.kind}, seed {seed}: {what}";

        /// <param name="isStart">Within the time that a start takes; otherwise while customers buy.</param>
        /// <returns>Whether it was killed before it served.</returns>
        private async Task<bool> KillOne(Scratch scratch, bool isStart)
        {
            using RunningBroker broker = RunningBroker.Launch(scratch);
            long start = Stopwatch.GetTimestamp();
            if (isStart)
            {
                // A ledger is brought to the newest version at the start's beginning.
                double share = isOlder ? Math.Pow(random.NextDouble(), 3) : random.NextDouble();
                await Task.Delay((int)(share * 1.2 * Volatile.Read(ref run.usualStart)));
                bool wasStarting = !broker.Serves;
                broker.Kill();
                return wasStarting;
            }
            broker.AwaitServing();
            Average(ref run.usualStart, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            using CancellationTokenSource stop = new();
            using HttpClient client = new() { BaseAddress = broker.Address };
            int wanted = random.Next(MaxAnswers + 1);
            answersLeft = wanted;
            enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            List<Deed> unheard = [.. deeds.Where(deed => deed.Answer is null)];
            Task[] people = [.. Enumerable.Range(0, Customers).Select(number => Task.Run(() =>
                Buy(client, unheard.Where((_, i) => i % Customers == number), stop.Token))),
                Task.Run(() => ChangeKeys(client, stop.Token))];
            await AwaitInstant(wanted, people);
            broker.Kill();
            await stop.CancelAsync();
            await Task.WhenAll(people);
            return false;
        }

        /// <summary>
        /// Returns after so many answers and a random part of the time that two more take; or when somebody
        /// has ceased to ask, whose failure the caller then sees.
        /// </summary>
        private async Task AwaitInstant(int wanted, Task[] people)
        {
            long start = Stopwatch.GetTimestamp();
            if (wanted > 0)
            {
                await await Task.WhenAny([enough.Task, .. people]);
                Average(ref run.usualAnswer, Stopwatch.GetElapsedTime(start).TotalMilliseconds / wanted);
            }
            double pause = random.NextDouble() * 2 * Volatile.Read(ref run.usualAnswer);
            start = Stopwatch.GetTimestamp();
            // The last millisecond without sleeping, since timers count whole ones.
            await Task.Delay((int)Math.Max(0, pause - 1));
            while (Stopwatch.GetElapsedTime(start).TotalMilliseconds < pause)
                Thread.SpinWait(20);
        }

        /// <summary>
        /// Asks again what was not answered, then buys machines and tokens for them, and gives machines back, until
        /// told to stop or nobody answers.
        /// </summary>
        private async Task Buy(HttpClient client, IEnumerable<Deed> again, CancellationToken stop)
        {
            foreach (Deed deed in again)
            {
                if (!await Ask(client, deed))
                    return;
            }
            while (!stop.IsCancellationRequested)
            {
                Deed bought = Begin("/v1/machines", $$"""{"plan":"small","tokens":3,"loader":"{{Loader}}"}""", key);
                if (!await Ask(client, bought))
                    return;
                JsonNode machine = bought.Said["machine"]!;
                for (int i = 0; i < 3; i++)
                {
                    if (!await Ask(client, Begin($"/v1/machines/{machine["id"]}/tokens", """{"tokens":2}""", key)))
                        return;
                }
                string certificate = Certificates.Refunded((string)machine["name"]!, unused: 40, NodeKey, elements: 2,
                    seconds: 20);
                if (!await Ask(client, Begin("/v1/refunds", $$"""{"certificate":"{{certificate}}"}""", key)))
                    return;
            }
        }

        /// <summary>A new key that reads like the one before, so that certificates are good whenever they were signed.</summary>
        private async Task ChangeKeys(HttpClient client, CancellationToken stop)
        {
            while (!stop.IsCancellationRequested
                && await Ask(client, Begin("/v1/nodes/1/keys", $$"""{"key":"{{NodeKey}}"}""", operatorKey)))
            {
                // Until nobody answers.
            }
        }

        private Deed Begin(string path, string body, string apiKey)
        {
            Deed deed = new(path, body, apiKey);
            deeds.Enqueue(deed);
            return deed;
        }

        /// <summary>Whether the deed was answered, and done; an answer that was cut off is none.</summary>
        private async Task<bool> Ask(HttpClient client, Deed deed)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, deed.Path)
            {
                Content = new StringContent(deed.Body, Encoding.UTF8, "application/json"),
            };
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + deed.ApiKey);
            request.Headers.Add("Idempotency-Key", deed.Key);
            string text;
            try
            {
                using HttpResponseMessage answer = await client.SendAsync(request);
                text = await answer.Content.ReadAsStringAsync();
                Assert.True(answer.StatusCode == HttpStatusCode.Created, Where($"{deed.Path}: {text}"));
            }
            catch (HttpRequestException)
            {
                return false;
            }
            Assert.True(deed.Answer is null || deed.Answer == text,
                Where($"{deed.Path} {deed.Key} was answered {deed.Answer}, then {text}"));
            deed.Answer = text;
            if (Interlocked.Decrement(ref answersLeft) == 0)
                enough.TrySetResult();
            return true;
        }

        /// <summary>Everybody asks again, and what they hear adds up to what the program says.</summary>
        private async Task Check(Scratch scratch, string? head)
        {
            using (RunningBroker broker = RunningBroker.Start(scratch))
            {
                using HttpClient client = new() { BaseAddress = broker.Address };
                await Parallel.ForEachAsync(deeds, new ParallelOptions { MaxDegreeOfParallelism = Customers },
                    async (deed, _) => Assert.True(await Ask(client, deed), Where("nobody answers")));
                broker.Kill();
            }
            List<string> sold = [];
            long paid = 0, refunded = 0;
            foreach (JsonNode said in deeds.Select(deed => deed.Said))
            {
                if (said["pings"] is JsonArray pings)
                    sold.AddRange(pings.Select(ping => (string)ping!["body"]!));
                else if (said["boot_token"] is { } token)
                    sold.Add((string)token!);
                paid += (long?)said["amount"] ?? 0;
                refunded += (long?)said["refunded"] ?? 0;
            }
            Assert.Equal(sold.Count, sold.Distinct().Count());
            string last = RunningBroker.Command(scratch, "verify" + (head is null ? "" : " --head " + head));
            Assert.StartsWith("verify: ok", last, StringComparison.Ordinal);
            Assert.Contains($" sold={paid} ", last, StringComparison.Ordinal);
            Assert.Contains($" refunded={refunded} ", last, StringComparison.Ordinal);
            Interlocked.Add(ref run.deeds, deeds.Count);
        }
    }
}
