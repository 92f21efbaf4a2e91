using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;
using Testing;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>
/// The program, killed at random instants while customers buy. Every answer that a customer has had is given
/// again to the byte
/// afterwards, nothing is sold twice, and the ledger verifies after each kill. BROKER_KILLS says how often; RANDOM_SEED
/// plays a run again.
/// </summary>
public sealed class KillTests
{
    private const int Customers = 4;
    private const int StandardKills = 4;

    /// <summary>A write and what it was answered; null as long as nobody has heard.</summary>
    private sealed record Deed(string Path, string Body, string Key)
    {
        internal string? Answer;
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Nothing_is_lost_or_sold_twice_when_the_broker_is_killed(string kind)
    {
        int kills = int.TryParse(Environment.GetEnvironmentVariable("BROKER_KILLS"), out int wanted) ? wanted
            : StandardKills;
        int seed = int.TryParse(Environment.GetEnvironmentVariable("RANDOM_SEED"), out int given) ? given
            : Random.Shared.Next();
        Random random = new(seed);
        using Scratch scratch = new(kind);
        string key = RunningBroker.SetUp(scratch);
        ConcurrentBag<Deed> deeds = [];
        string where = $"seed {seed}";
        string head = "";
        for (int kill = 1; kill <= kills; kill++)
        {
            using (RunningBroker broker = RunningBroker.Start(scratch))
            {
                using CancellationTokenSource stop = new();
                Task[] buyers = [.. Enumerable.Range(0, Customers).Select(_ => Buy(broker, key, deeds, stop.Token))];
                await Task.Delay(random.Next(5, 300));
                broker.Kill();
                await stop.CancelAsync();
                await Task.WhenAll(buyers);
            }
            string verified = Tool(scratch, [.. head.Length == 0 ? Array.Empty<string>() : ["--head", head]]);
            Assert.True(verified.StartsWith("verify: ok", StringComparison.Ordinal),
                $"{where}, kill {kill}: {verified}");
            head = verified.TrimEnd().Split("head=")[1];
        }
        using (RunningBroker broker = RunningBroker.Start(scratch))
        {
            // Who heard nothing asks again now; who heard something hears the same.
            using HttpClient client = new() { BaseAddress = broker.Address };
            foreach (Deed deed in deeds)
            {
                string? before = deed.Answer;
                Assert.True(await Ask(client, deed, key), $"{where}: {deed.Answer}");
                Assert.True(before is null || before == deed.Answer,
                    $"{where}: {deed.Path} {deed.Key} was answered {before}, then {deed.Answer}");
            }
            broker.Kill();
        }
        List<JsonNode> answers = [.. deeds.Select(deed => JsonNode.Parse(deed.Answer!)!)];
        List<string> sold =
            [.. answers.SelectMany(answer => answer["pings"] is JsonArray pings
            ? pings.Select(ping => (string)ping!["body"]!) : [(string)answer["boot_token"]!])];
        Assert.Equal(sold.Count, sold.Distinct().Count());
        Assert.True(sold.Count > kills, $"{where}: only {sold.Count} were sold");
        string last = Tool(scratch);
        Assert.Contains($" sold={answers.Sum(answer => (long)answer["amount"]!)} ", last, StringComparison.Ordinal);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Told_to_stop_it_answers_whatever_it_has_done(string kind)
    {
        using Scratch scratch = new(kind);
        string key = RunningBroker.SetUp(scratch);
        ConcurrentBag<Deed> deeds = [];
        using (RunningBroker broker = RunningBroker.Start(scratch))
        {
            using CancellationTokenSource stop = new();
            Task[] buyers = [.. Enumerable.Range(0, Customers).Select(_ => Buy(broker, key, deeds, stop.Token))];
            Wait.Until(() => deeds.Count > 20, "customers buy", 60);
            Assert.Equal(0, broker.Stop());
            await stop.CancelAsync();
            await Task.WhenAll(buyers);
        }
        long answered = deeds.Where(deed => deed.Answer is not null)
            .Sum(deed => (long)JsonNode.Parse(deed.Answer!)!["amount"]!);
        Assert.Contains($" sold={answered} ", Tool(scratch), StringComparison.Ordinal);
    }

    /// <summary>Buys machines and tokens for them until it is told to stop, or nobody answers.</summary>
    private static async Task Buy(RunningBroker broker, string key, ConcurrentBag<Deed> deeds, CancellationToken stop)
    {
        using HttpClient client = new() { BaseAddress = broker.Address };
        while (!stop.IsCancellationRequested)
        {
            Deed bought = new("/v1/machines",
                $$"""{"plan":"small","tokens":3,"loader":"{{Shop.Loader}}"}""", Guid.NewGuid().ToString());
            deeds.Add(bought);
            if (!await Ask(client, bought, key))
                return;
            long machine = (long)JsonNode.Parse(bought.Answer!)!["machine"]!["id"]!;
            for (int i = 0; i < 3; i++)
            {
                Deed more = new($"/v1/machines/{machine}/tokens", """{"tokens":2}""", Guid.NewGuid().ToString());
                deeds.Add(more);
                if (!await Ask(client, more, key))
                    return;
            }
        }
    }

    /// <summary>Whether the deed was answered, and done; an answer that was cut off is none.</summary>
    private static async Task<bool> Ask(HttpClient client, Deed deed, string key)
    {
        using HttpRequestMessage request = new(HttpMethod.Post,
            deed.Path) { Content = new StringContent(deed.Body, Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
        request.Headers.Add("Idempotency-Key", deed.Key);
        try
        {
            using HttpResponseMessage answer = await client.SendAsync(request);
            string text = await answer.Content.ReadAsStringAsync();
            if (answer.StatusCode != HttpStatusCode.Created)
                return false;
            deed.Answer = text;
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static string Tool(Scratch scratch, params string[] more) =>
        RunningBroker.Command(scratch, string.Join(' ', ["verify", .. more]));
}
