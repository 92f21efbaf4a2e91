using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Tokenbroker.Chains;
using Tokenbroker.Market;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>Random histories beside a model that knows nothing but sums.</summary>
public sealed class PropertyTests
{
    private sealed class Crash : Exception;

    private enum Deed { Deposit, Buy, Resupply, Refund, Wait, Crash }

    private static readonly Gen<(Deed Deed, int Who, int Much)[]> s_histories =
        Gen.Select(Gen.Enum<Deed>(), Gen.Int[0, 2], Gen.Int[1, 60]).Array[1, 40];

    [Theory, OnSqlite, OnPostgres]
    public void Money_is_conserved_and_no_element_is_sold_twice_in_any_history(string kind) =>
        s_histories.Sample(history => Play(kind, history), iter: 12, threads: 1);

    private static void Play(string kind, (Deed Deed, int Who, int Much)[] history)
    {
        using Shop shop = new(kind);
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
            for (int i = 0; i < customers.Length; i++)
                Assert.Equal(balances[i], shop.Balance(customers[i]));
        }
        Findings found = shop.Verified();
        Assert.Equal((sold.Sum(), refunded), (found.Sold, found.Refunded));
    }
}
