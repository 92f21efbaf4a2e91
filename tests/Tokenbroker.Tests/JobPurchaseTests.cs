using System;
using System.Net;
using System.Threading.Tasks;
using Evilman;
using Evilman.Buying;
using Evilman.Run;
using Tokenbroker.Secrets;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>Machines that <c>evilman run --on</c> and <c>evilman move --to</c> buy, against a broker that serves.</summary>
public sealed class JobPurchaseTests
{
    private const long Memory = 64 << 20;

    private static readonly byte[] s_loader = [1, 2, 3, 4];
    private static readonly MachineWish s_wish = new(null, 5);

    private static KnownNode Node(string name) => new(name, IPAddress.Loopback, null);

    private static JobPurchases Of(CustomerStand stand, Killer? killer = null, KnownBroker? broker = null)
    {
        killer ??= new Killer(int.MaxValue);
        KnownBroker known = broker ?? stand.Broker;
        return new JobPurchases(stand.Store, file => new MachinePurchase(new KilledFile(file, killer),
            _ => new KilledBroker(new BrokerClient(known), killer), new KilledNode(stand.Node, killer), () => stand.Now),
            _ => known, () => stand.Now);
    }

    private static T Again<T>(Killer killer, Func<T> work)
    {
        while (true)
        {
            try
            {
                return work();
            }
            catch (Killed)
            {
                // The same command once more.
                killer.After = int.MaxValue;
            }
        }
    }

    [Theory, OnSqlite]
    public async Task Killed_at_any_instant_a_job_buys_one_machine_and_gets_all_back_that_it_did_not_use(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        int instants = 1;
        for (int kill = 0; kill < instants; kill++)
        {
            Killer killer = new(kill);
            JobPurchases purchases = Of(stand, killer);
            string name = "";
            Purchase bought = Again(killer, () => purchases.Buy(Node("n1"), "job", 1, s_wish, Memory, s_loader, null, out name));
            Assert.Equal(("job-1", 5L, "small"), (name, bought.Tokens, bought.Machine.Plan));
            Assert.Equal(Shop.Deposit - 500, stand.Shop.Balance(stand.Shop.Customer));
            purchases.MarkSpent(name, isSpent: true);
            stand.Node.Boot(bought);
            stand.Node.Spend(bought.Machine.Name, 0);
            string sentence = "";
            Assert.True(Again(killer, () => purchases.TryRefund(JobPurchases.MachineOf(bought, name), out sentence)));
            Assert.Equal(Shop.Deposit, stand.Shop.Balance(stand.Shop.Customer));
            Assert.Matches("of 500 units 0 were used and 500 came back|had ended already", sentence);
            instants = Math.Max(instants, killer.Passed);
        }
        Assert.True(instants > 12, $"only {instants} instants");
        Assert.Equal(0, stand.Shop.Verified().Outstanding);
    }

    [Theory, OnSqlite]
    public async Task A_purchase_that_was_not_used_serves_the_same_command_again_and_no_other(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        JobPurchases purchases = Of(stand);
        Purchase first = purchases.Buy(Node("n1"), "job", 1, s_wish, Memory, s_loader, null, out string name);
        Assert.Equal(first.BootToken, purchases.Buy(Node("n1"), "job", 1, s_wish, Memory, s_loader, null, out _).BootToken);
        purchases.Buy(Node("n2"), "job", 1, s_wish, Memory, s_loader, null, out string other);
        Assert.Equal(("job-1", "job-2"), (name, other));
        // Once the node has its token it is another's, and so it is when its token has expired.
        purchases.MarkSpent(name, isSpent: true);
        purchases.Buy(Node("n1"), "job", 1, s_wish, Memory, s_loader, null, out name);
        Assert.Equal("job-3", name);
        stand.Now += 601;
        purchases.Buy(Node("n1"), "job", 1, s_wish, Memory, s_loader, null, out name);
        Assert.Equal("job-4", name);
    }

    [Theory, OnSqlite]
    public async Task Who_moves_takes_the_address_along_and_is_given_back_what_was_left(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        JobPurchases purchases = Of(stand);
        Purchase source = purchases.Buy(Node("n1"), "job", 1, s_wish, Memory, s_loader, null, out string name);
        stand.Node.Boot(source);
        IPAddress guest = IPAddress.Parse(source.Machine.Guests[0]);
        Purchase target = purchases.Buy(Node("n2"), "job", 2, purchases.WishOf(name)!, Memory, s_loader, guest, out string next);
        Assert.Equal(("job-2", "n2", $"{guest}", 5L), (next, target.Machine.Node, target.Machine.Guests[0], target.Tokens));
        stand.Node.Spend(source.Machine.Name, 200);
        Assert.True(purchases.TryRefund(JobPurchases.MachineOf(source, name), out string sentence));
        Assert.Equal(Shop.Deposit - 200 - 500, stand.Shop.Balance(stand.Shop.Customer));
        Assert.Contains("300 came back", sentence, StringComparison.Ordinal);
    }

    [Theory, OnSqlite]
    public async Task What_cannot_be_bought_is_said_in_a_sentence_and_costs_nothing(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        Says("has no plan with 4096 MiB", () => Of(stand).Buy(Node("n1"), "a", 1, s_wish, 4096L << 20, s_loader, null, out _));
        Says("the plan small has 64 MiB of memory, and 4096 are needed",
            () => Of(stand).Buy(Node("n1"), "a", 1, s_wish with { Plan = "small" }, 4096L << 20, s_loader, null, out _));
        Says("has no plan tiny: small",
            () => Of(stand).Buy(Node("n1"), "a", 1, s_wish with { Plan = "tiny" }, Memory, s_loader, null, out _));
        Assert.Equal(Shop.Deposit, stand.Shop.Balance(stand.Shop.Customer));
        Says("there is no node n7", () => Of(stand).Buy(Node("n7"), "a", 1, s_wish, Memory, s_loader, null, out _));
        long poor = stand.Shop.AddCustomer("poor", 100);
        KnownBroker his = stand.Broker with { Key = stand.Shop.AddKey(poor, [.. ApiKeys.OfCustomers]) };
        Says("this costs 500 units and the balance is 100",
            () => Of(stand, broker: his).Buy(Node("n1"), "a", 1, s_wish, Memory, s_loader, null, out _));
        for (int machine = 0; machine < 4; machine++)
            Of(stand).Buy(Node("n1"), $"full{machine}", 1, s_wish, Memory, s_loader, null, out _);
        Says("n1 has no room for such a machine now",
            () => Of(stand).Buy(Node("n1"), "a", 1, s_wish, Memory, s_loader, null, out _));
        Assert.Null(stand.Store.Find("a-1"));

        // A broker that is away is asked the same once more.
        KnownBroker away = stand.Broker with { Url = BrokerUrl.Parse("http://127.0.0.1:1") };
        MachineWish small = s_wish with { Plan = "small" };
        Says("does not answer", () => Of(stand, broker: away).Buy(Node("n2"), "b", 1, small, Memory, s_loader, null, out _));
        Purchase bought = Of(stand).Buy(Node("n2"), "b", 1, small, Memory, s_loader, null, out _);
        Assert.Equal(Shop.Deposit - 5 * 500, stand.Shop.Balance(stand.Shop.Customer));
        // The machine has ended, and its money waits.
        stand.Node.Boot(bought);
        Assert.True(Of(stand, broker: away).TryRefund(JobPurchases.MachineOf(bought, "b-1"), out string sentence));
        Assert.Contains("«evilman refund b-1» gets them", sentence, StringComparison.Ordinal);
        Assert.True(Of(stand).TryRefund(JobPurchases.MachineOf(bought, "b-1"), out _));
        Assert.Equal(Shop.Deposit - 4 * 500, stand.Shop.Balance(stand.Shop.Customer));

        static void Says(string sentence, Action work) =>
            Assert.Contains(sentence, Assert.Throws<Failure>(work).Message, StringComparison.Ordinal);
    }
}
