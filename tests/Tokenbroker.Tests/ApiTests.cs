using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Tokenbroker.Http;
using Tokenbroker.Secrets;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>The API over HTTP, as customers and operators meet it.</summary>
public sealed class ApiTests
{
    private sealed class Stand(Shop shop, Server server) : IAsyncDisposable
    {
        private readonly HttpClient client = new() { BaseAddress = new Uri(server.Address) };

        internal Shop Shop => shop;

        internal static async Task<Stand> Open(string kind, int rate = 10_000)
        {
            Shop shop = new(kind, machines: 20);
            Server server = new(shop.Broker, new ServerOptions("http://127.0.0.1:0", rate, LogsRequests: false));
            await server.Start();
            return new Stand(shop, server);
        }

        internal async Task<(HttpStatusCode Status, string Text, HttpResponseMessage Message)> Ask(string method,
            string path, string? key, string? body = null, string? idempotency = null)
        {
            using HttpRequestMessage request = new(new HttpMethod(method), path);
            if (key is not null)
                request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
            if (idempotency is not null)
                request.Headers.Add(Idempotency.Header, idempotency);
            if (body is not null)
                request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            HttpResponseMessage answer = await client.SendAsync(request);
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer);
        }

        public async ValueTask DisposeAsync()
        {
            client.Dispose();
            await server.DisposeAsync();
            shop.Dispose();
        }
    }

    private const string Machine = $$"""{"plan":"small","tokens":10,"loader":"{{Shop.Loader}}"}""";

    private static void IsProblem((HttpStatusCode Status, string Text, HttpResponseMessage Message) answer, int status,
        string kind)
    {
        Assert.True((int)answer.Status == status, $"{answer.Status}: {answer.Text}");
        Assert.Equal("application/problem+json", answer.Message.Content.Headers.ContentType!.MediaType);
        JsonNode problem = JsonNode.Parse(answer.Text)!;
        Assert.Equal("urn:tokenbroker:" + kind, (string)problem["type"]!);
        Assert.Equal(status, (int)problem["status"]!);
        Assert.NotEmpty((string)problem["detail"]!);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_write_that_is_repeated_is_answered_with_the_same_bytes_and_done_once(string kind)
    {
        await using Stand stand = await Stand.Open(kind);
        string key = stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Read, ApiKeys.Buy),
            second = stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Buy);
        var first = await stand.Ask("POST", "/v1/machines", key, Machine, "a");
        Assert.True(first.Status == HttpStatusCode.Created, first.Text);
        foreach (string any in (string[])[key, second]) // the key is the customer's, not that of his API key
        {
            var again = await stand.Ask("POST", "/v1/machines", any, Machine, "a");
            Assert.Equal((first.Status, first.Text), (again.Status, again.Text));
            Assert.True(again.Message.Headers.Contains("Idempotency-Replayed"));
        }
        IsProblem(await stand.Ask("POST", "/v1/machines", key, Machine.Replace("10", "11"), "a"), 422, "idempotency");
        IsProblem(await stand.Ask("POST", "/v1/quotes", key,
            """{"plan":"small","tokens":10}""", "a"), 422, "idempotency");
        IsProblem(await stand.Ask("POST", "/v1/machines", key, Machine), 400, "invalid");
        Assert.Equal(Shop.Deposit - 1000, stand.Shop.Balance(stand.Shop.Customer));
        Assert.NotEqual(first.Text, (await stand.Ask("POST", "/v1/machines", key, Machine, "b")).Text);
        Assert.Equal(2000, stand.Shop.Verified().Sold);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task What_one_customer_was_answered_is_no_answer_for_another(string kind)
    {
        await using Stand stand = await Stand.Open(kind);
        long bob = stand.Shop.AddCustomer("bob", Shop.Deposit);
        var alices = await stand.Ask("POST", "/v1/machines", stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Buy), Machine, "a");
        var bobs = await stand.Ask("POST", "/v1/machines", stand.Shop.AddKey(bob, ApiKeys.Buy), Machine, "a");
        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created), (alices.Status, bobs.Status));
        Assert.False(bobs.Message.Headers.Contains("Idempotency-Replayed"));
        Assert.NotEqual((string)JsonNode.Parse(alices.Text)!["boot_token"]!, (string)JsonNode.Parse(bobs.Text)!["boot_token"]!);
        Assert.Equal(Shop.Deposit - 1000, stand.Shop.Balance(bob));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task An_answer_is_kept_for_seven_days(string kind)
    {
        await using Stand stand = await Stand.Open(kind);
        string key = stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Buy);
        var first = await stand.Ask("POST", "/v1/machines", key, Machine, "a");
        await stand.Ask("POST", "/v1/machines", key, Machine, "b");
        int Forget() => stand.Shop.Do(session => Idempotency.Forget(session, stand.Shop.Now, most: 1));
        stand.Shop.Now += 7 * 86400;
        Assert.Equal(0, Forget());
        Assert.Equal(first.Text, (await stand.Ask("POST", "/v1/machines", key, Machine, "a")).Text);
        stand.Shop.Now++;
        Assert.Equal((1, 1, 0), (Forget(), Forget(), Forget()));
        Assert.NotEqual(first.Text, (await stand.Ask("POST", "/v1/machines", key, Machine, "a")).Text);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task What_was_refused_may_be_asked_again_with_the_same_key(string kind)
    {
        await using Stand stand = await Stand.Open(kind);
        long bob = stand.Shop.AddCustomer("bob", 999);
        string key = stand.Shop.AddKey(bob, ApiKeys.Buy);
        IsProblem(await stand.Ask("POST", "/v1/machines", key, Machine, "a"), 402, "funds");
        stand.Shop.Do(session => stand.Shop.Broker.Deposit(session, "test", bob, new Market.NewDeposit(1)));
        Assert.Equal(HttpStatusCode.Created, (await stand.Ask("POST", "/v1/machines", key, Machine, "a")).Status);
    }

    /// <summary>Or whoever has no money could keep every processor of the broker busy.</summary>
    [Theory, OnSqlite, OnPostgres]
    public async Task Purchases_that_are_refused_make_no_chain_after_the_first(string kind)
    {
        await using Stand stand = await Stand.Open(kind);
        long bob = stand.Shop.AddCustomer("bob", 999);
        string key = stand.Shop.AddKey(bob, ApiKeys.Buy);
        for (int i = 0; i < 20; i++)
            IsProblem(await stand.Ask("POST", "/v1/machines", key, Machine, $"poor{i}"), 402, "funds");
        Assert.Equal(1, stand.Shop.Broker.NewChains.Made);
        stand.Shop.Do(session => stand.Shop.Broker.Deposit(session, "test", bob, new Market.NewDeposit(1)));
        Assert.Equal(HttpStatusCode.Created, (await stand.Ask("POST", "/v1/machines", key, Machine, "rich")).Status);
        Assert.Equal(1, stand.Shop.Broker.NewChains.Made);
        stand.Shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Many_at_once_buy_as_many_machines_as_there_are_keys(string kind)
    {
        await using Stand stand = await Stand.Open(kind);
        string key = stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Buy);
        // Each of 30 keys five times at once.
        var answers = await Task.WhenAll(Enumerable.Range(0, 150)
            .Select(async i => (Key: i % 30,
            Answer: await stand.Ask("POST", "/v1/machines", key, Machine, $"k{i % 30}"))));
        Assert.All(answers, answer => Assert.True(answer.Answer.Status == HttpStatusCode.Created, answer.Answer.Text));
        Assert.All(answers.GroupBy(answer => answer.Key), group =>
            Assert.Single(group.Select(answer => answer.Answer.Text).Distinct()));
        Assert.Equal(30, answers.Select(answer => (string)JsonNode.Parse(answer.Answer.Text)!["machine"]!["name"]!)
            .Distinct().Count());
        Assert.Equal(30_000, stand.Shop.Verified().Sold);
    }

    [SqliteFact]
    public async Task Who_may_not_is_told_why()
    {
        await using Stand stand = await Stand.Open("sqlite");
        string reader = stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Read);
        IsProblem(await stand.Ask("GET", "/v1/balance", null), 401, "unauthorized");
        IsProblem(await stand.Ask("GET", "/v1/balance", "tb_0000000000000000_" + new string('0', 64)), 401,
            "unauthorized");
        IsProblem(await stand.Ask("POST", "/v1/machines", reader, Machine, "a"), 403, "forbidden");
        IsProblem(await stand.Ask("GET", "/v1/customers", reader), 403, "forbidden");
        IsProblem(await stand.Ask("GET", "/v1/balance", stand.Shop.OperatorKey), 403, "forbidden");
        IsProblem(await stand.Ask("GET", "/metrics", reader), 403, "forbidden");
        IsProblem(await stand.Ask("GET", "/v1/nothing", reader), 404, "not-found");
        IsProblem(await stand.Ask("GET", "/v1/machines/7", reader), 404, "not-found");
        IsProblem(await stand.Ask("GET", "/v1/entries?limit=501", reader), 400, "invalid");
        Assert.Equal($$"""{"balance":{{Shop.Deposit}}}""", (await stand.Ask("GET", "/v1/balance", reader)).Text);
        stand.Shop.Do(session => { stand.Shop.Broker.Revoke(session, "test", reader.Split('_')[1]); return ""; });
        IsProblem(await stand.Ask("GET", "/v1/balance", reader), 401, "unauthorized");
    }

    [Theory]
    [InlineData("", "the body is not what /openapi.json says of it, at $: ")]
    [InlineData("null", "the body is null")]
    [InlineData("""{"plan":"small","tokens":10}""",
        "missing required properties including: 'loader'")]
    [InlineData("""{"plan":"small","tokens":"x","loader":"00"}""",
        "at $.tokens: the value is of another type")]
    [InlineData("""{"plan":"small","tokens":10,"loader":"00","x":1}""",
        "there is no property 'x'")]
    [InlineData(
        """{"plan":"small","tokens":10,"loader":"00"}""",
        "loader, the SHA-1 of the only loader that the machine will start, has 40 hexadecimal digits")]
    [InlineData(
        """{"tokens":10,"loader":"00112233445566778899aabbccddeeff00112233"}""",
        "a purchase names a quote, or a plan and tokens")]
    [InlineData(
        """{"plan":"large","tokens":10,"loader":"00112233445566778899aabbccddeeff00112233"}""",
        "there is no plan large: GET /v1/plans lists them")]
    public async Task A_body_that_is_wrong_is_answered_with_what_is_wrong_in_it(string body, string sentence)
    {
        await using Stand stand = await Stand.Open("sqlite");
        var answer = await stand.Ask("POST", "/v1/machines", stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Buy), body,
            "a");
        Assert.InRange((int)answer.Status, 400, 404);
        Assert.Contains(sentence, (string)JsonNode.Parse(answer.Text)!["detail"]!, StringComparison.Ordinal);
    }

    [SqliteFact]
    public async Task Too_much_and_too_many_are_refused()
    {
        await using Stand stand = await Stand.Open("sqlite", rate: 10);
        string key = stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Read, ApiKeys.Buy);
        IsProblem(await stand.Ask("POST", "/v1/machines", key, new string(' ', 65537), "a"), 413, "too-large");
        for (int i = 0; i < 200; i++)
        {
            var answer = await stand.Ask("GET", "/v1/balance", key);
            if (answer.Status == HttpStatusCode.OK)
                continue;
            IsProblem(answer, 429, "too-many");
            Assert.Equal("1", answer.Message.Headers.GetValues("Retry-After").Single());
            Assert.InRange(i, 15, 199);
            return;
        }
        Assert.Fail("200 requests in a row were answered where 10 in a second are allowed");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Pages_follow_one_another_without_gaps(string kind)
    {
        await using Stand stand = await Stand.Open(kind);
        string key = stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Read);
        for (int i = 0; i < 7; i++)
            stand.Shop.Buy(stand.Shop.Customer, 1);
        List<long> balances = [];
        for (long? after = 0; after is { } at;)
        {
            JsonNode page = JsonNode.Parse((await stand.Ask("GET", $"/v1/entries?limit=3&after={at}", key)).Text)!;
            balances.AddRange(page["items"]!.AsArray().Select(item => (long)item!["balance"]!));
            after = (long?)page["next"];
        }
        Assert.Equal(Enumerable.Range(0, 8).Select(i => Shop.Deposit - 100 * i), balances);
    }

    [SqliteFact]
    public async Task An_operator_runs_the_shop_over_the_api_and_it_is_written_down()
    {
        await using Stand stand = await Stand.Open("sqlite");
        string key = stand.Shop.OperatorKey;
        async Task<JsonNode> Do(string method, string path, string? body)
        {
            var answer = await stand.Ask(method, path, key, body, Guid.NewGuid().ToString());
            Assert.True((int)answer.Status is 200 or 201, answer.Text);
            return JsonNode.Parse(answer.Text)!;
        }
        await Do("POST", "/v1/nodes", $$$"""
            {"name":"n3","address":"10.0.1.1","key":"{{{Shop.Key}}}","prefix_length":24,
             "boot_addresses":"10.0.1.10-10.0.1.19",
             "guest_addresses":"10.0.1.100-10.0.1.109","memory_mib":1024,
             "machines":5,"prices":{"cpu":1,"memory":0,"network":0,"existence":1}}
            """);
        await Do("POST", "/v1/plans", """{"name":"big","token_value":7,"memory_mib":512}""");
        long customer = (long)(await Do("POST", "/v1/customers", """{"name":"dora"}"""))["id"]!;
        await Do("POST", $"/v1/customers/{customer}/deposits", """{"amount":500,"note":"bill 7"}""");
        string hers =
            (string)(await Do("POST", $"/v1/customers/{customer}/keys", """{"scopes":["read","buy"]}"""))["key"]!;
        Assert.Equal("""{"balance":500}""", (await stand.Ask("GET", "/v1/balance", hers)).Text);
        Assert.Equal(2, (int)(await Do("POST", "/v1/nodes/3/keys", $$"""{"key":"{{Shop.Key}}x"}"""))["key_number"]!);
        Assert.False((bool)(await Do("PATCH", "/v1/nodes/3", """{"enabled":false}"""))["enabled"]!);
        IsProblem(await stand.Ask("POST", "/v1/machines", hers,
            $$"""{"plan":"big","tokens":10,"node":"n3","loader":"{{Shop.Loader}}"}""", "a"), 409, "no-room");
        await Do("DELETE", $"/v1/keys/{hers.Split('_')[1]}", null);
        JsonNode audit = (await Do("GET", "/v1/audit?limit=100", null))["items"]!;
        Assert.Equal(["node add", "plan add", "customer add", "deposit", "customer key", "node rotate-key",
            "node disable", "customer revoke"],
            audit.AsArray().Where(item => (string)item!["actor"]! == key.Split('_')[1])
                .Select(item => (string)item!["action"]!));
        Assert.DoesNotContain(Shop.Key, audit.ToJsonString(), StringComparison.Ordinal);
    }

    [SqliteFact]
    public async Task Health_metrics_and_the_document_are_there()
    {
        await using Stand stand = await Stand.Open("sqlite");
        Assert.Equal("alive\n", (await stand.Ask("GET", "/health/live", null)).Text);
        Assert.Equal("ready\n", (await stand.Ask("GET", "/health/ready", null)).Text);
        await stand.Ask("GET", "/v1/balance", stand.Shop.AddKey(stand.Shop.Customer, ApiKeys.Read));
        string metrics = (await stand.Ask("GET", "/metrics", stand.Shop.OperatorKey)).Text;
        Assert.Contains("tokenbroker_request_seconds_count{route=\"/v1/balance\",method=\"GET\",status=\"200\"} 1\n",
            metrics, StringComparison.Ordinal);
        Assert.Contains($"\ntokenbroker_units_outside {Shop.Deposit}\n", metrics, StringComparison.Ordinal);
        JsonNode document = JsonNode.Parse((await stand.Ask("GET", "/openapi.json", null)).Text)!;
        Assert.Equal("3.1.0", (string)document["openapi"]!);
        Assert.Equal(Api.Endpoints.Count, document["paths"]!.AsObject().Sum(path => path.Value!.AsObject().Count));
        Assert.Contains("loader",
            document["paths"]!["/v1/machines"]!["post"]!["requestBody"]!["content"]!["application/json"]!["schema"]![
            "required"]!.AsArray().Select(name => (string)name!));
    }
}
