using System;
using System.Collections.Concurrent;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Testing;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>
/// The program is ended while customers buy: by SIGKILL, as <c>make kill-broker</c> does it for long, and by SIGTERM.
/// </summary>
public sealed class KillTests
{
    private const int Customers = 4;
    private const int Kills = 6;

    [Theory, OnSqlite, OnPostgres]
    public Task Nothing_is_lost_or_sold_twice_when_the_broker_is_killed(string kind) =>
        new KillRun(kind, Random.Shared.Next(), TextWriter.Null).Kill(Kills, lanes: 1);

    [Theory, OnSqlite, OnPostgres]
    public async Task Told_to_stop_it_answers_whatever_it_has_done(string kind)
    {
        using Scratch scratch = new(kind);
        string key = RunningBroker.SetUp(scratch);
        ConcurrentBag<long> paid = [];
        using (RunningBroker broker = RunningBroker.Start(scratch))
        {
            using HttpClient client = new() { BaseAddress = broker.Address };
            Task[] buyers = [.. Enumerable.Range(0, Customers).Select(_ => Buy(client, key, paid))];
            Wait.Until(() => paid.Count > 20, "customers buy", 60);
            Assert.Equal(0, broker.Stop());
            await Task.WhenAll(buyers);
        }
        Assert.Contains($" sold={paid.Sum()} ", RunningBroker.Command(scratch, "verify"), StringComparison.Ordinal);
    }

    /// <summary>Buys until nobody answers.</summary>
    private static async Task Buy(HttpClient client, string key, ConcurrentBag<long> paid)
    {
        while (true)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, "/v1/machines")
            {
                Content = new StringContent($$"""{"plan":"small","tokens":3,"loader":"{{Shop.Loader}}"}""", Encoding.UTF8,
                    "application/json"),
            };
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
            request.Headers.Add("Idempotency-Key", $"{Guid.NewGuid()}");
            try
            {
                using HttpResponseMessage answer = await client.SendAsync(request);
                if (answer.StatusCode != HttpStatusCode.Created)
                    return;
                paid.Add((long)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["amount"]!);
            }
            catch (HttpRequestException)
            {
                return;
            }
        }
    }
}
