using System;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Evilman;
using Evilman.Buying;
using Xunit;
using NewMachine = Evilman.Buying.NewMachine;

namespace Tokenbroker.Tests;

/// <summary>
/// What evilman keeps of a purchase, against a broker that serves over HTTP: killed at any instant and called again, it
/// loses nothing and buys nothing twice.
/// </summary>
public sealed class CustomerTests
{
    private const int First = 5;

    private static readonly NewMachine s_wanted = new("small", First, Shop.Loader);

    /// <summary>
    /// Buys a machine and more tokens, more than its chain has, and gives it back. Killed every time so many instants
    /// have passed, until nothing is left to do.
    /// </summary>
    /// <param name="again">How many instants the later runs have.</param>
    /// <returns>Instants that passed.</returns>
    private static int Live(CustomerStand stand, string name, int kill, int again)
    {
        Killer killer = new(kill);
        long bought = 0;
        Step((purchase, _) => purchase.Buy("lab", s_wanted));
        stand.Node.Boot(stand.Store.Find(name)!.Bought!);
        foreach (int tokens in (int[])[60])
        {
            bought = stand.Store.Find(name)!.Amount;
            Step((purchase, file) =>
            {
                // Whether an earlier run has done it, the file says.
                if (purchase.IsUnsettled)
                    purchase.Finish();
                else if (file.Machine!.Amount == bought)
                    purchase.Pay(tokens);
            });
        }
        Assert.Equal(First + 60, stand.Node.Paid(stand.Store.Find(name)!.Bought!.Machine.Name));
        Step((purchase, _) => purchase.Refund());
        return killer.Passed;

        void Step(Action<MachinePurchase, IMachineFile> work)
        {
            for (int tries = 0; ; tries++)
            {
                Assert.True(tries < 200, "no progress");
                try
                {
                    stand.Run(name, killer, work);
                    return;
                }
                catch (Killed)
                {
                    killer.After = killer.Passed + again;
                }
            }
        }
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Killed_at_any_instant_a_customer_loses_nothing_and_buys_nothing_twice(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        int instants = Live(stand, "whole", int.MaxValue, 0);
        Assert.True(instants > 24, $"only {instants} instants");
        // One database will do for each instant: what is killed here is the customer.
        for (int kill = kind == "sqlite" ? 0 : instants - 1; kill < instants; kill++)
        {
            Live(stand, $"once-{kill}", kill, int.MaxValue / 2);
            Assert.Equal(Shop.Deposit, stand.Shop.Balance(stand.Shop.Customer));
        }
        // Five instants are what one step takes from one file on the disk to the next.
        for (int every = 5; every < 8; every++)
        {
            Live(stand, $"often-{every}", every, every);
            Assert.Equal(Shop.Deposit, stand.Shop.Balance(stand.Shop.Customer));
        }
        Assert.Equal(0, stand.Shop.Verified().Outstanding);
    }

    [Theory, OnSqlite]
    public async Task What_a_broker_refuses_is_said_and_leaves_nothing_behind(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        Killer never = new(int.MaxValue);
        Failure refused = Assert.Throws<Failure>(() =>
            stand.Run("rich", never, (purchase, _) => purchase.Buy("lab", s_wanted with { Tokens = 51 })));
        Assert.Equal(ExitCode.Refused, refused.ExitCode);
        Assert.Contains("1 to 50", refused.Message, StringComparison.Ordinal);
        Assert.Null(stand.Store.Find("rich"));

        stand.Run("job", never, (purchase, _) => purchase.Buy("lab", s_wanted));
        stand.Node.Boot(stand.Store.Find("job")!.Bought!);
        refused = Assert.Throws<Failure>(() => stand.Run("job", never, (purchase, _) => purchase.Pay(1_000_000)));
        Assert.Contains("1 to ", refused.Message, StringComparison.Ordinal);
        Assert.Equal("bought", stand.Store.Find("job")!.State);
    }

    [Theory, OnSqlite]
    public async Task Nothing_is_bought_for_a_machine_that_does_not_run(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        Killer never = new(int.MaxValue);
        stand.Run("job", never, (purchase, _) => purchase.Buy("lab", s_wanted));
        Failure refused = Assert.Throws<Failure>(() => stand.Run("job", never, (purchase, _) => purchase.Pay(1)));
        Assert.Equal(ExitCode.Refused, refused.ExitCode);
        Assert.Contains("runs no machine job, so nothing was bought", refused.Message, StringComparison.Ordinal);
        Assert.Equal("bought", stand.Store.Find("job")!.State);
        Assert.Equal(Shop.Deposit - First * 100, stand.Shop.Balance(stand.Shop.Customer));
    }

    [Theory, OnSqlite]
    public async Task Who_has_not_started_a_machine_in_time_is_told_that_its_place_is_others(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        Killer never = new(int.MaxValue);
        stand.Run("job", never, (purchase, _) => purchase.Buy("lab", s_wanted));
        // Its node has no such machine, and that is all as long as the broker waits for it.
        Assert.DoesNotContain("place", Refused(purchase => purchase.Refund()), StringComparison.Ordinal);
        stand.Shop.Now += 10_000;
        var said = await stand.Shop.Broker.AskForUnstarted(16, default);
        stand.Shop.Do(session => stand.Shop.Broker.Release(session, said));
        Assert.Equal("bought", stand.Store.Find("job")!.State);
        const string Sentence = "job was not started while its boot token held, so its place is others' since 2027-01-15 10:46:40Z: "
            + "buy another";
        Assert.Equal(Sentence, Refused(purchase => purchase.Refund()));
        Assert.Equal(Sentence, Refused(purchase => purchase.Pay(1)));
        Assert.Equal("released", stand.Store.Find("job")!.State);

        string Refused(Action<MachinePurchase> work)
        {
            Failure refused = Assert.Throws<Failure>(() => stand.Run("job", never, (purchase, _) => work(purchase)));
            Assert.Equal(ExitCode.Refused, refused.ExitCode);
            return refused.Message;
        }
    }

    [Theory, OnSqlite]
    public async Task What_was_given_back_is_told_again_and_its_name_is_free(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        Killer never = new(int.MaxValue);
        stand.Run("job", never, (purchase, _) => Assert.False(purchase.Buy("lab", s_wanted)));
        BoughtMachine first = stand.Store.Find("job")!;
        stand.Node.Boot(first.Bought!);
        Failure taken = Assert.Throws<Failure>(() => stand.Run("job", never, (purchase, _) => purchase.Buy("lab", s_wanted with { Tokens = 6 })));
        Assert.Contains("«evilman refund job» frees this one", taken.Message, StringComparison.Ordinal);
        stand.Run("job", never, (purchase, _) => purchase.Refund());
        BoughtMachine over = stand.Store.Find("job")!;
        stand.Run("job", never, (purchase, _) => Assert.Equal(over.Refunded, purchase.Refund()));
        Assert.Equal(over.Certificate, stand.Store.Find("job")!.Certificate);
        stand.Run("job", never, (purchase, _) => Assert.False(purchase.Buy("lab", s_wanted with { Tokens = 6 })));
        BoughtMachine second = stand.Store.Find("job")!;
        Assert.Equal(("bought", null, null), (second.State, second.Certificate, second.Refunded));
        Assert.NotEqual(first.Bought!.Machine.Id, second.Bought!.Machine.Id);
    }

    [Theory, OnSqlite]
    public async Task A_purchase_that_was_cut_off_is_not_mixed_up_with_another(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        // Sent and done, the answer lost.
        Assert.Throws<Killed>(() => stand.Run("job", new Killer(3), (purchase, _) => purchase.Buy("lab", s_wanted)));
        Killer never = new(int.MaxValue);
        Failure other = Assert.Throws<Failure>(() =>
            stand.Run("job", never, (purchase, _) => purchase.Buy("lab", s_wanted with { Tokens = 6 })));
        Assert.Contains("another machine", other.Message, StringComparison.Ordinal);
        stand.Now += Order.GoodFor + 1;
        Failure old = Assert.Throws<Failure>(() => stand.Run("job", never, (purchase, _) => purchase.Buy("lab", s_wanted)));
        Assert.Contains("six days", old.Message, StringComparison.Ordinal);
        stand.Now -= 2;
        stand.Run("job", never, (purchase, _) => Assert.True(purchase.Buy("lab", s_wanted)));
        Assert.Equal(Shop.Deposit - First * 100, stand.Shop.Balance(stand.Shop.Customer));
    }

    [Theory, OnSqlite]
    public async Task A_key_that_was_revoked_loses_no_order(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        Assert.Throws<Killed>(() => stand.Run("job", new Killer(3), (purchase, _) => purchase.Buy("lab", s_wanted)));
        using (IMachineFile file = stand.Store.Open("job"))
        {
            BrokerClient stranger = new(new KnownBroker("lab", stand.Url, "tb_0123456789abcdef_" + new string('0', 64)));
            Failure refused = Assert.Throws<Failure>(() =>
                new MachinePurchase(file, _ => stranger, stand.Node, () => stand.Now).Buy("lab", s_wanted));
            Assert.Equal(ExitCode.Refused, refused.ExitCode);
        }
        Assert.NotNull(stand.Store.Find("job")!.Order);
        stand.Run("job", new Killer(int.MaxValue), (purchase, _) => Assert.True(purchase.Buy("lab", s_wanted)));
        Assert.Equal(Shop.Deposit - First * 100, stand.Shop.Balance(stand.Shop.Customer));
    }

    [Theory, OnSqlite]
    public async Task A_customer_reads_his_ledger_and_the_nodes(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        stand.Run("job", new Killer(int.MaxValue), (purchase, _) => purchase.Buy("lab", s_wanted));
        Assert.Equal(Shop.Deposit - First * 100, stand.Client.Balance());
        Assert.Equal(["deposit", "purchase"],
            stand.Client.List("/v1/entries", Evilman.Buying.Json.Default.PageEntryView).Select(entry => entry.Kind));
        Assert.Equal([("n1", 1L), ("n2", 0L)],
            stand.Client.List("/v1/nodes", Evilman.Buying.Json.Default.PageNodeView)
                .Select(node => (node.Name, node.UsedMachines)).Order());
    }

    [Theory, OnSqlite]
    public async Task Machines_are_readable_by_their_owner_alone_and_used_by_one_program_at_a_time(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        stand.Run("job", new Killer(int.MaxValue), (purchase, _) => purchase.Buy("lab", s_wanted));
        string path = Path.Combine(stand.Folder, "machines", "job.json");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(["job"], stand.Store.Names);
        Task waits;
        using (stand.Store.Open("job"))
        {
            waits = Task.Run(() => stand.Store.Open("job").Dispose());
            Assert.NotSame(waits, await Task.WhenAny(waits, Task.Delay(100)));
        }
        await waits;
    }
}
