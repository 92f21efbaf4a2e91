using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Testing;
using Tokenbroker.Http;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;
using Wire;
using Xunit;
using Xunit.Abstractions;

namespace Tokenbroker.Tests;

/// <summary>
/// Random histories in which everybody crashes: the broker is killed at any instant of a transaction and between two, its
/// nodes are started anew, and who has not heard asks again with his Idempotency-Key, as does who has. Requests, payments
/// and certificates come again, in any order and several at a time, while the clock is set. Beside them is a model that
/// knows what each request costs.
/// </summary>
public sealed class HistoryTests(ITestOutputHelper output)
{
    [Theory, OnSqlite, OnPostgres]
    public async Task Money_is_conserved_whoever_crashes_and_whatever_is_asked_or_paid_again(string kind)
    {
        RandomRun run = new(cases: 6);
        int[] counts = new int[Enum.GetValues<Happened>().Length];
        string[] keys = [];
        using Shops shops = new(kind, shop =>
        {
            long bob = shop.AddCustomer("bob", 9000), carol = shop.AddCustomer("carol", 1);
            keys = [.. new[] { shop.Customer, bob, carol }.Select(who => shop.AddKey(who, [.. ApiKeys.OfCustomers])),
                shop.OperatorKey];
        });
        while (run.Next())
        {
            using Shop shop = shops.Next();
            History history = new(shop, keys, run.Random, counts);
            try
            {
                await history.Play();
            }
            catch (Exception failure)
            {
                Assert.Fail($"{kind}, {run}: {failure}\n{history}");
            }
        }
        output.WriteLine($"{kind}: histories {run.Begun}, "
            + string.Join(", ", Enum.GetValues<Happened>().Select(what => $"{what} {counts[(int)what]}")));
    }

    /// <summary>What is counted.</summary>
    private enum Happened
    {
        Answered, Refused, Replayed, OtherBody, Kills, KillsAfterCommit, NodeStarts, Pings, Certificates, ClockSets,
    }

    /// <summary>A write of somebody, who may not have heard of it.</summary>
    /// <param name="Who">A customer, or the operator behind them.</param>
    /// <param name="Whose">The customer whose balance changes.</param>
    private sealed record Request(int Who, Writing Endpoint, string Path, string Id, string Body, int Whose, long Change)
    {
        internal required string Key { get; init; }

        internal string? Machine { get; init; }

        /// <summary>Elements that are sold.</summary>
        internal long Elements { get; init; }

        internal byte[]? Heard { get; set; }

        /// <summary>As the database says.</summary>
        internal bool IsDone { get; set; }

        public override string ToString() => $"{Who} {Path} {Body} {Key}: done {IsDone}, heard {Heard is not null}";
    }

    private sealed record Owned(int Owner, string Id, string Name, byte[] BootToken)
    {
        internal long Sold { get; set; }
    }

    private sealed class History
    {
        private const int Customers = 3, Operator = Customers, MaxDeeds = 30, MaxTogether = 6, ValueOfElement = 100;

        // Of the instants of a transaction for each request in it; a purchase has some forty.
        private const int MaxInstants = 60;

        private readonly Shop shop;
        private readonly string[] keys;
        private readonly Random random;
        private readonly int[] counts;
        private readonly PayingNode node = new();
        private readonly long[] balances = [Shop.Deposit, 9000, 1];
        private readonly List<Request> requests = [];
        private readonly List<Owned> machines = [];
        private readonly List<(MagicKind Kind, byte[] Body, string Machine)> pings = [];
        private readonly List<(Owned Machine, string Certificate, long Unused)> certificates = [];
        private readonly HashSet<string> revealed = [];
        private long sold, refunded;
        private MortalDatabase database = null!;
        private Broker broker = null!;
        private Writer writer = null!;

        internal History(Shop shop, string[] keys, Random random, int[] counts)
        {
            (this.shop, this.keys, this.random, this.counts) = (shop, keys, random, counts);
            Start();
        }

        public override string ToString() => string.Join('\n', requests);

        private void Count(Happened what) => counts[(int)what]++;

        private void Start()
        {
            database = new MortalDatabase(shop.Scratch.Database);
            broker = new Broker(database, shop.Master, () => shop.Now, node);
            writer = new Writer(database);
        }

        private async Task End()
        {
            await writer.DisposeAsync();
            broker.Dispose();
        }

        /// <summary>The broker has been killed. What it has done is in the database, with the answer to it.</summary>
        private async Task StartAnew()
        {
            Count(Happened.Kills);
            await End();
            Start();
            HashSet<string> answered = [.. shop.Look(session => session.All("SELECT idempotency_key FROM answer",
                row => row.GetString(0)))];
            List<Request> unheard = requests.FindAll(request => !request.IsDone && answered.Contains(request.Key));
            unheard.ForEach(Done);
            if (unheard.Count > 0)
                Count(Happened.KillsAfterCommit);
        }

        internal async Task Play()
        {
            try
            {
                for (int deeds = random.Next(1, MaxDeeds); deeds > 0; deeds--)
                {
                    await Step();
                    Check();
                }
                database.LiveOn();
                // Whoever has not heard asks again, until he hears, and who has hears the same.
                foreach (Request request in requests.OrderBy(_ => random.Next()).ToList())
                    await Ask([request], isKilled: false);
                Check();
                PayEverythingTwice();
                Findings found = shop.Verified();
                Assert.Equal((sold, refunded), (found.Sold, found.Refunded));
            }
            finally
            {
                database.LiveOn();
                await End();
            }
        }

        private async Task Step()
        {
            switch (random.Next(20))
            {
                case < 9:
                    await AskSome();
                    break;
                case 9:
                    await AskForOther();
                    break;
                case 10 when machines.Count > 0:
                    node.Boot(Any(machines).BootToken);
                    break;
                case 11 when pings.Count > 0: // in any order, again
                    for (int i = random.Next(1, 4); i > 0; i--)
                        Pay(Any(pings));
                    break;
                case 12 when machines.Count > 0:
                    string name = Any(machines).Name;
                    (long worth, long spent) = node.Account(name);
                    if (worth > spent && !certificates.Exists(taken => taken.Machine.Name == name))
                        node.Spend(name, spent + (worth - spent) * random.Next(5) / 4 / Shop.Existence * Shop.Existence);
                    break;
                case < 15 when machines.Count > 0:
                    TakeCertificate(Any(machines));
                    break;
                case 15:
                    shop.Now += random.Next(1200);
                    await Settle();
                    break;
                case 16: // by up to a year, back or on
                    Count(Happened.ClockSets);
                    shop.Now += random.Next(-60, 60) * 6 * 86400L;
                    break;
                case 17:
                    Count(Happened.NodeStarts);
                    node.Restart();
                    break;
                case 18:
                    database.Die();
                    await StartAnew();
                    break;
            }
        }

        private T Any<T>(List<T> from) => from[random.Next(from.Count)];

        // Requests

        /// <summary>Some new requests and some old ones, also the same one twice; the broker may be killed meanwhile.</summary>
        private async Task AskSome()
        {
            List<Request> together = [];
            for (int i = random.Next(2) == 0 ? 1 : random.Next(2, MaxTogether + 1); i > 0; i--)
                together.Add(requests.Count > 0 && random.Next(4) == 0 ? Any(requests) : New());
            await Ask(together, random.Next(3) == 0);
        }

        /// <summary>Anywhere in the transaction, or where it is committed.</summary>
        private void DieSoon(int requests)
        {
            if (random.Next(2) == 0)
                database.DieAfter(random.Next(MaxInstants * requests));
            else
                database.DieAtCommit(random.Next(MortalDatabase.OfCommit));
        }

        private Request New()
        {
            int who = random.Next(Customers), tokens = random.Next(1, 20), deed = random.Next(10);
            Request made = deed switch
            {
                0 => Make(Operator, "/v1/customers/{id}/deposits", $"{who + 1}", $$"""{"amount":{{50 * tokens}}}""", who,
                    50 * tokens),
                // A new key that reads like the one before, so that certificates are good whenever they were signed.
                1 => Make(Operator, "/v1/nodes/{id}/keys", $"{random.Next(1, 3)}", $$"""{"key":"{{Shop.Key}}"}""", who, 0),
                < 5 when machines.Count > 0 => Resupply(Any(machines), tokens),
                < 7 when certificates.Count > 0 => Refund(Any(certificates), random.Next(8) == 0 ? who : null),
                _ => Make(who, "/v1/machines", "", $$"""{"plan":"small","tokens":{{tokens}},"loader":"{{Shop.Loader}}"}""",
                    who, -ValueOfElement * tokens) with { Elements = tokens },
            };
            requests.Add(made);
            return made;
        }

        private Request Resupply(Owned machine, int tokens) => Make(machine.Owner, "/v1/machines/{id}/tokens", machine.Id,
            $$"""{"tokens":{{tokens}}}""", machine.Owner, -ValueOfElement * tokens)
            with { Elements = tokens, Machine = machine.Name };

        private Request Refund((Owned Machine, string Certificate, long Unused) of, int? thief) =>
            Make(thief ?? of.Machine.Owner, "/v1/refunds", "", $$"""{"certificate":"{{of.Certificate}}"}""",
                of.Machine.Owner, of.Unused);

        private Request Make(int who, string route, string id, string body, int whose, long change) => new(who,
            (Writing)Api.Endpoints.Single(endpoint => endpoint.Route == route && endpoint.Method == "POST"),
            route.Replace("{id}", id, StringComparison.Ordinal), id, body, whose, change)
        {
            Key = random.NextInt64().ToString(CultureInfo.InvariantCulture),
        };

        /// <summary>All of them wait before one is done, so that they are committed together.</summary>
        private async Task Ask(List<Request> together, bool isKilled)
        {
            using ManualResetEventSlim isTaken = new(), isQueued = new();
            Task first = together.Count == 1 ? Task.CompletedTask : writer.Do(_ =>
            {
                isTaken.Set();
                isQueued.Wait();
                return "";
            });
            while (!first.IsCompleted && !isTaken.Wait(millisecondsTimeout: 10))
            {
                // It is never taken where the database did not answer.
            }
            if (isKilled)
                DieSoon(together.Count);
            List<(Request, Task<Answer>)> asked = [.. together.Select(request => (request, Send(request, request.Body)))];
            isQueued.Set();
            foreach ((Request request, Task<Answer> answer) in asked)
                await Hear(request, answer);
            await first.ContinueWith(_ => { }, TaskScheduler.Default);
            // What was not killed is, now that it has answered, or goes on.
            if (isKilled && !database.IsDead && random.Next(2) == 0)
                database.Die();
            database.LiveOn();
            if (database.IsDead)
                await StartAnew();
        }

        private async Task<Answer> Send(Request request, string body)
        {
            ApiKeys.Presented presented = ApiKeys.Parse(keys[request.Who])!;
            Idempotency.Known known = broker.Database.Read(session => Idempotency.Find(session, presented, request.Key))!;
            DefaultHttpContext context = new();
            (context.Request.Method, context.Request.Path) = ("POST", request.Path);
            context.Request.Headers[Idempotency.Header] = request.Key;
            context.Request.RouteValues["id"] = request.Id;
            return await Idempotency.Do(writer, new Call(broker, known.Actor, context.Request,
                Encoding.UTF8.GetBytes(body)), request.Endpoint, known.Before);
        }

        private async Task Hear(Request request, Task<Answer> asked)
        {
            Answer answer;
            try
            {
                answer = await asked;
            }
            catch (Exception unheard) when (database.IsDead && unheard is Killed or Problem)
            {
                return;
            }
            catch (Problem refused)
            {
                Assert.False(request.IsDone, $"{request} is refused: {refused.Message}");
                Count(Happened.Refused);
                return;
            }
            if (request.Heard is { } before)
            {
                Count(Happened.Replayed);
                Assert.Equal(before, answer.Text);
                return;
            }
            request.Heard = answer.Text;
            Count(Happened.Answered);
            if (!request.IsDone)
                Done(request);
            Read(request, JsonNode.Parse(answer.Text)!);
        }

        private void Done(Request request)
        {
            request.IsDone = true;
            balances[request.Whose] += request.Change;
            if (request.Path == "/v1/refunds")
                refunded += request.Change;
            sold += ValueOfElement * request.Elements;
            // Also what nobody has heard of yet is paid, by an element that was sold after it.
            if (request.Machine is { } name)
                machines.Single(machine => machine.Name == name).Sold += request.Elements;
        }

        /// <summary>What was sold is nobody else's, and was not sold before.</summary>
        private void Read(Request request, JsonNode said)
        {
            if (said["boot_token"] is { } token)
            {
                Assert.True(revealed.Add((string)token!), $"{token} was sold before");
                JsonNode machine = said["machine"]!;
                machines.Add(new Owned(request.Who, $"{machine["id"]}", (string)machine["name"]!,
                    Convert.FromHexString((string)token!)) { Sold = request.Elements });
                if (random.Next(3) > 0)
                    node.Boot(machines[^1].BootToken);
            }
            foreach (JsonNode? ping in said["pings"] as JsonArray ?? [])
            {
                string body = (string)ping!["body"]!;
                Assert.True(revealed.Add(body), $"{body} was sold before");
                pings.Add(((MagicKind)(int)ping["kind"]!, Convert.FromHexString(body), request.Machine!));
            }
        }

        /// <summary>With the Idempotency-Key of a request that was done.</summary>
        private async Task AskForOther()
        {
            if (requests.FindAll(request => request.IsDone) is not { Count: > 0 } done)
                return;
            Problem told = await Assert.ThrowsAsync<Problem>(() => Send(Any(done), """{"tokens":1,"other":true}"""));
            Assert.Equal((422, "idempotency"), (told.Status, told.Kind));
            Count(Happened.OtherBody);
        }

        /// <summary>As the broker does every few seconds.</summary>
        private async Task Settle()
        {
            if (random.Next(3) == 0)
                DieSoon(1);
            try
            {
                List<(long, bool)> said = await broker.AskForUnstarted(16, default);
                await writer.Do(session => (broker.ForgetQuotes(session), broker.SettleLapsed(session, 100),
                    broker.Release(session, said)));
            }
            catch (Exception unheard) when (database.IsDead && unheard is Killed or Problem)
            {
                // It is done, or nothing of it.
            }
            database.LiveOn();
            if (database.IsDead)
                await StartAnew();
        }

        // Nodes

        private void Pay((MagicKind Kind, byte[] Body, string Machine) ping)
        {
            Count(Happened.Pings);
            node.Ask(System.Net.IPAddress.Loopback, ping.Kind, ping.Body);
            Owned machine = machines.Single(machine => machine.Name == ping.Machine);
            Assert.True(node.Paid(machine.Name) <= machine.Sold, $"{machine.Name} was paid more than was sold");
        }

        /// <summary>What is paid in any order, and as often as one likes, adds up to what was paid once.</summary>
        private void PayEverythingTwice()
        {
            long[] paid = [], before;
            do
            {
                before = paid;
                foreach (var ping in pings)
                    Pay(ping);
                paid = [.. machines.Select(machine => node.Paid(machine.Name))];
            }
            while (!paid.SequenceEqual(before)); // a chain that continues one comes after it
            foreach (var ping in pings.OrderBy(_ => random.Next()))
                Pay(ping);
            Assert.Equal(paid, machines.Select(machine => node.Paid(machine.Name)));
        }

        private void TakeCertificate(Owned machine)
        {
            byte[] body = new byte[AccountRequest.Size];
            AccountRequest.Emit(body, Convert.FromHexString(machine.Name), default);
            (long worth, long spent) = node.Account(machine.Name);
            byte[]? certificate = node.Ask(System.Net.IPAddress.Loopback, MagicKind.Refund, body).Statement;
            if (certificate is null)
                return;
            Count(Happened.Certificates);
            certificates.Add((machine, Convert.ToHexStringLower(certificate), worth - spent));
        }

        // The ledger

        private void Check() => Assert.Equal(balances, shop.Balances());
    }
}
