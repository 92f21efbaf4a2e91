using System;
using System.Collections.Generic;
using System.Net;
using System.Threading.Tasks;
using Evilman.Buying;
using Evilman.Home;
using Xunit;
using NewMachine = Evilman.Buying.NewMachine;

namespace Tokenbroker.Tests;

/// <summary>The home node pays for what advances, each time once, however often it is killed.</summary>
public sealed class HomeTests
{
    private const int First = 5, More = 3, Value = 100;

    private static readonly NewMachine s_wanted = new("small", First, Shop.Loader);

    private static readonly HomeJob s_job = new("job", Watch.Counter, new IPEndPoint(IPAddress.Loopback, 1), "/", More,
        Low: 50, Stall: 100, Budget: null, Deadline: null);

    /// <summary>What the disk has, and dies with nobody.</summary>
    private sealed class Progresses(Killer killer) : IProgressStore
    {
        private readonly Dictionary<string, Progress> kept = [];

        internal Killer Killer { get; set; } = killer;

        public Progress? Find(string job) => kept.GetValueOrDefault(job);

        public void Save(string job, Progress progress)
        {
            Killer.Instant();
            kept[job] = progress;
            Killer.Instant();
        }
    }

    private static Payer Start(CustomerStand stand, Killer killer, Progresses kept, Func<long?> watch)
    {
        kept.Killer = killer;
        KilledNode node = new(stand.Node, killer);
        return new Payer(name => new KilledFile(stand.Store.Open(name), killer),
            file => new MachinePurchase(file, _ => new KilledBroker(stand.Client, killer), node, () => stand.Now), node, kept,
            _ => watch(), () => stand.Now, (_, _, _) => { });
    }

    private static CustomerStand Bought(CustomerStand stand, string name = "job")
    {
        stand.Run(name, new Killer(int.MaxValue), (purchase, _) => purchase.Buy("lab", s_wanted));
        stand.Node.Boot(stand.Store.Find(name)!.Bought!);
        return stand;
    }

    private static string Machine(CustomerStand stand, string name = "job") =>
        stand.Store.Find(name)!.Bought!.Machine.Name;

    private static long Paid(CustomerStand stand) => stand.Node.Paid(Machine(stand));

    private static void Spend(CustomerStand stand, long units) => stand.Node.Spend(Machine(stand), units);

    [Theory, OnSqlite]
    public async Task Killed_at_any_instant_home_pays_each_time_once(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        for (int kill = 0; ; kill++)
        {
            string name = $"job-{kill}";
            Bought(stand, name);
            HomeJob job = s_job with { Name = name };
            Killer killer = new(kill);
            Progresses kept = new(killer);
            long counter = 0;
            // 450 of the first 500 units are spent, then two payments' worth.
            foreach (long spent in (long[])[100, 451, 500, 760, 800])
            {
                stand.Node.Spend(Machine(stand, name), spent);
                counter++;
                try
                {
                    Start(stand, killer, kept, () => counter).Visit(job);
                }
                catch (Killed)
                {
                    killer.After = int.MaxValue;
                    Start(stand, killer, kept, () => counter).Visit(job);
                }
            }
            Assert.Equal(First + 2 * More, stand.Node.Paid(Machine(stand, name)));
            Assert.Equal(Value * (First + 2 * More), stand.Store.Find(name)!.Amount);
            stand.Run(name, new Killer(int.MaxValue), (purchase, _) => purchase.Refund());
            Assert.Equal(Shop.Deposit - 800 * (kill + 1), stand.Shop.Balance(stand.Shop.Customer));
            if (killer.After != int.MaxValue)
            {
                Assert.True(kill > 20, $"only {kill} instants");
                return;
            }
        }
    }

    [Theory, OnSqlite]
    public async Task A_job_that_stands_still_is_not_paid_until_it_advances_again(string kind)
    {
        await using CustomerStand stand = Bought(await CustomerStand.Open(kind));
        Killer never = new(int.MaxValue);
        Progresses kept = new(never);
        long? counter = 7;
        Verdict Visit() => Start(stand, never, kept, () => counter).Visit(s_job);
        Assert.Equal(Verdict.Enough, Visit());
        Spend(stand, 460);
        stand.Now += s_job.Stall;
        Assert.Equal(Verdict.Pay, Visit());
        Spend(stand, 760);
        stand.Now += 1;
        Assert.Equal(Verdict.Stalled, Visit());
        counter = null; // it does not even answer, and home has been restarted
        Assert.Equal(Verdict.Stalled, Visit());
        Assert.Equal(First + More, Paid(stand));
        counter = 8;
        Assert.Equal(Verdict.Pay, Visit());
        Spend(stand, 5000);
        Assert.Equal(Verdict.Pay, Visit()); // in its grace
    }

    [Theory, OnSqlite]
    public async Task What_was_bought_is_handed_on_when_nothing_more_may_be_paid(string kind)
    {
        await using CustomerStand stand = Bought(await CustomerStand.Open(kind));
        Progresses kept = new(new Killer(int.MaxValue));
        Spend(stand, 460);
        for (int kill = 0; stand.Store.Find("job")!.Pings.Count == 0; kill++)
        {
            Assert.True(kill < 50, "never killed between the broker's answer and the node");
            Assert.Throws<Killed>(() => Start(stand, new Killer(kill), kept, () => 1).Visit(s_job));
        }
        Assert.Equal(First, Paid(stand));
        Verdict late = Start(stand, new Killer(int.MaxValue), kept, () => 1)
            .Visit(s_job with { Deadline = stand.Now });
        Assert.Equal((Verdict.Enough, First + More), (late, Paid(stand)));
    }

    [Theory, OnSqlite]
    public async Task Budget_and_deadline_end_the_payments(string kind)
    {
        await using CustomerStand stand = Bought(await CustomerStand.Open(kind));
        Killer never = new(int.MaxValue);
        Progresses kept = new(never);
        Verdict Visit(HomeJob job) => Start(stand, never, kept, () => 1).Visit(job);
        Spend(stand, 460);
        Assert.Equal(Verdict.OverBudget, Visit(s_job with { Budget = Value * (First + More) - 1 }));
        Assert.Equal(Verdict.PastDeadline, Visit(s_job with { Deadline = stand.Now }));
        Assert.Equal(First, Paid(stand));
        Assert.Equal(Verdict.Pay,
            Visit(s_job with { Budget = Value * (First + More), Deadline = stand.Now + 1 }));
        Assert.Equal(First + More, Paid(stand));
        stand.Run("job", never, (purchase, _) => purchase.Refund());
        Assert.Equal(Verdict.Gone, Visit(s_job));
    }
}
