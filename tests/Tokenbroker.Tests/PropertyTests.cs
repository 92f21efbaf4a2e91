using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using CsCheck;
using Testing;
using Tokenbroker.Chains;
using Tokenbroker.Market;
using Tokenbroker.Storage;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>Random histories beside a model that knows nothing but sums.</summary>
public sealed class PropertyTests
{
    private sealed class Crash : Exception;

    private enum Deed { Deposit, Buy, Resupply, Refund, Wait, Crash, SetClock }

    private static readonly Gen<(Deed Deed, int Who, int Much)[]> s_histories =
        Gen.Select(Gen.Enum<Deed>(), Gen.Int[0, 2], Gen.Int[1, 60]).Array[1, 40];

    [Theory, OnSqlite, OnPostgres]
    public void Money_is_conserved_and_no_element_is_sold_twice_in_any_history(string kind)
    {
        using Shops shops = new(kind);
        s_histories.Sample(history => Play(shops, history), iter: RandomRun.Cases(12), threads: 1);
    }

    private static void Play(Shops shops, (Deed Deed, int Who, int Much)[] history)
    {
        using Shop shop = shops.Next();
        long[] customers = [shop.Customer, shop.AddCustomer("bob", 3000), shop.AddCustomer("carol", 1)];
        long[] balances = [Shop.Deposit, 3000, 1];
        long[] sold = new long[3];
        long refunded = 0;
        HashSet<string> revealed = [];
        Dictionary<long, (int Owner, string Name)> machines = [];
        foreach ((Deed deed, int who, int much) in history)
        {
            try
            {
                switch (deed)
                {
                    case Deed.Deposit:
                        shop.Do(session => shop.Broker.Deposit(session, "test", customers[who], new NewDeposit(much)));
                        balances[who] += much;
                        break;
                    case Deed.Buy:
                        Purchase bought = shop.Buy(customers[who], much);
                        (balances[who], sold[who]) = (balances[who] - 100 * much, sold[who] + 100 * much);
                        machines[bought.Machine.Id] = (who, bought.Machine.Name);
                        Assert.True(revealed.Add(bought.Machine.Name));
                        Assert.True(revealed.Add(bought.BootToken));
                        break;
                    case Deed.Resupply when machines.Count > 0:
                        (long machine, (int owner, _)) = machines.ElementAt(much % machines.Count);
                        Resupply more = shop.Resupply(customers[owner], machine, much);
                        (balances[owner], sold[owner]) = (balances[owner] - 100 * much, sold[owner] + 100 * much);
                        Assert.All(more.Pings, ping => Assert.True(revealed.Add(ping.Body)));
                        break;
                    case Deed.Refund when machines.Count > 0: // of machines that are settled, too, and twice
                        (int payee, string name) = machines.ElementAt(who % machines.Count).Value;
                        shop.Refund(customers[payee], name, 10 * much);
                        balances[payee] += 10 * much;
                        refunded += 10 * much;
                        break;
                    case Deed.Wait:
                        shop.Now += much * 20;
                        shop.Do(session => (object)shop.Broker.SettleLapsed(session, 100));
                        break;
                    case Deed.SetClock: // by up to a year, back or on
                        shop.Now += (who == 0 ? 1 : -1) * much * 6 * 86400L;
                        break;
                    case Deed.Crash: // in the middle of a purchase, with all of its rows written
                        shop.Do<object>(session =>
                        {
                            shop.Broker.Buy(session, customers[0], new NewMachine(Shop.Loader, "small", 1),
                                NewChain.Create(50));
                            throw new Crash();
                        });
                        break;
                }
            }
            catch (Exception refused) when (refused is Problem or Crash)
            {
                // Nothing has changed, which the sums below show.
            }
            Assert.Equal(balances, shop.Balances());
        }
        Findings found = shop.Verified();
        Assert.Equal((sold.Sum(), refunded), (found.Sold, found.Refunded));
    }

    /// <summary>
    /// Deeds of several customers in one transaction each time, some of which are refused, or fail when their rows are
    /// handed over: what each was told, and nothing else, is what the ledger then says.
    /// </summary>
    [Theory, OnSqlite, OnPostgres]
    public async Task Money_is_conserved_among_deeds_that_are_committed_together(string kind)
    {
        using Shops shops = new(kind);
        RandomRun run = new(cases: 4);
        while (run.Next())
            await PlayTogether(kind, shops, run);
    }

    private static async Task PlayTogether(string kind, Shops shops, RandomRun run)
    {
        const int Rounds = 4, MaxDeeds = 16;
        using Shop shop = shops.Next();
        long[] customers = [shop.Customer, shop.AddCustomer("bob", 9000), shop.AddCustomer("carol", 1)];
        long[] balances = [Shop.Deposit, 9000, 1];
        long sold = 0, refunded = 0;
        List<(int Owner, MachineView Machine)> machines = [];
        HashSet<string> revealed = [];
        await using Writer writer = new(shop.Database);
        for (int round = 0; round < Rounds; round++)
        {
            using ManualResetEventSlim isQueued = new();
            Task<object> first = writer.Do(_ =>
            {
                isQueued.Wait();
                return "";
            });
            List<(int Who, Task<object> Done)> deeds = [];
            for (int i = run.Random.Next(1, MaxDeeds); i > 0; i--)
            {
                (int who, bool remembers, Func<Session, object> work) = Draw(shop, run.Random, customers, machines);
                deeds.Add((who, writer.Do(work, remembers: remembers)));
            }
            isQueued.Set();
            await first;
            foreach ((int who, Task<object> done) in deeds)
            {
                await done.ContinueWith(_ => { }, TaskScheduler.Default);
                if (!done.IsCompletedSuccessfully)
                {
                    Assert.True(done.Exception!.InnerException is Problem or Crash, $"{kind}, {run}: {done.Exception}");
                    continue;
                }
                switch (done.Result)
                {
                    case BalanceView:
                        balances[who]++;
                        break;
                    case Purchase bought:
                        balances[who] -= bought.Amount;
                        sold += bought.Amount;
                        machines.Add((who, bought.Machine));
                        Assert.True(revealed.Add(bought.BootToken), $"{kind}, {run}");
                        break;
                    case Resupply more:
                        balances[who] -= more.Amount;
                        sold += more.Amount;
                        Assert.All(more.Pings, ping => Assert.True(revealed.Add(ping.Body), $"{kind}, {run}"));
                        break;
                    case RefundView back:
                        balances[who] += back.Refunded;
                        refunded += back.Refunded;
                        break;
                }
            }
            Assert.True(balances.SequenceEqual(shop.Balances()), $"{kind}, {run}");
        }
        Findings found = shop.Broker.Verify();
        Assert.True(found.Faults.Count == 0 && (sold, refunded) == (found.Sold, found.Refunded),
            $"{kind}, {run}: {string.Join(Environment.NewLine, found.Faults)}");
    }

    /// <summary>What somebody does, and whether it goes on from what others in the transaction have read.</summary>
    private static (int Who, bool Remembers, Func<Session, object> Work) Draw(Shop shop, Random random, long[] customers,
        List<(int Owner, MachineView Machine)> machines)
    {
        int who = random.Next(customers.Length), tokens = random.Next(1, 30);
        NewMachine wanted = new(Shop.Loader, "small", tokens, Node: random.Next(3) == 0 ? "n2" : null);
        int deed = random.Next(8);
        if (deed == 0)
            return (who, false, session => shop.Broker.Deposit(session, "test", customers[who], new NewDeposit(1)));
        if (deed == 1)
            return (who, true, session =>
            {
                shop.Broker.Buy(session, customers[who], wanted, NewChain.Create(50));
                throw new Crash();
            });
        if (deed < 5 || machines.Count == 0)
            return (who, true, session => shop.Broker.Buy(session, customers[who], wanted, NewChain.Create(50)));
        (int owner, MachineView machine) = machines[random.Next(machines.Count)];
        if (deed == 5)
        {
            NewRefund refund = new(Certificates.Refunded(machine.Name, 50, Shop.Key, elements: 1, seconds: 20));
            return (owner, false, session => shop.Broker.Refund(session, customers[owner], refund));
        }
        return (owner, true, session =>
            shop.Broker.Resupply(session, customers[owner], machine.Id, tokens, NewChain.Create(50)));
    }
}
