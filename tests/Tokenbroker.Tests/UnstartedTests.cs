using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Tokenbroker.Market;
using Wire;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>Machines that were bought and never started.</summary>
public sealed class UnstartedTests
{
    private const int Lifetime = 600;

    /// <summary>A node that never answers.</summary>
    private sealed class SilentNode : INodeLink
    {
        internal int Asked { get; private set; }

        public Task<(Refusal Refusal, byte[]? Statement)?> Ask(string node, MagicKind kind, byte[] body,
            System.Threading.CancellationToken cancel)
        {
            Asked++;
            return Task.FromResult<(Refusal, byte[]?)?>(null);
        }

        public void Dispose()
        {
            // Nothing to close.
        }
    }

    /// <summary>A node that answers when it is let.</summary>
    private sealed class SlowNode : INodeLink
    {
        private readonly TaskCompletionSource<(Refusal, byte[]?)?> answer = new();

        internal int Asked { get; private set; }

        internal void Answer() => answer.SetResult(null);

        public Task<(Refusal Refusal, byte[]? Statement)?> Ask(string node, MagicKind kind, byte[] body,
            System.Threading.CancellationToken cancel)
        {
            Asked++;
            return answer.Task;
        }

        public void Dispose()
        {
            // Nothing to close.
        }
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Who_asks_for_a_customer_leaves_room_for_the_others(string kind)
    {
        SlowNode node = new();
        using Shop shop = new(kind, link: node);
        long other = shop.AddCustomer("bob", Shop.Deposit);
        long machine = shop.Buy(shop.Customer).Machine.Id, others = shop.Buy(other).Machine.Id;
        List<Task> waiting = [];
        for (int i = 0; i < 100; i++)
            waiting.Add(shop.Broker.Account(shop.Customer, machine, default));
        int asked = node.Asked;
        Assert.InRange(asked, 1, 8);
        Assert.Equal(100 - asked, waiting.Count(task => task.IsFaulted && task.Exception!.InnerException is Problem { Status: 503 }));
        waiting.Add(shop.Broker.Account(other, others, default));
        Assert.Equal(asked + 1, node.Asked);
        node.Answer();
        foreach (Task task in waiting)
            await Assert.ThrowsAsync<Problem>(() => task);
        await Assert.ThrowsAsync<Problem>(() => shop.Broker.Account(shop.Customer, machine, default));
        Assert.Equal(asked + 2, node.Asked);
    }

    [Theory, OnSqlite]
    public async Task Pings_that_are_none_are_refused(string kind)
    {
        using Shop shop = new(kind, link: new PayingNode());
        long machine = shop.Buy(shop.Customer).Machine.Id;
        Problem told = await Assert.ThrowsAsync<Problem>(() =>
            shop.Broker.Deliver(shop.Customer, machine, new NewPings([null!]), default));
        Assert.Equal(400, told.Status);
    }

    private static async Task<int> Look(Shop shop)
    {
        var said = await shop.Broker.AskForUnstarted(16, default);
        return shop.Do(session => shop.Broker.Release(session, said));
    }

    private static long Used(Shop shop) => shop.Look(session => Broker.NodeWith(session, 1)).UsedMachines;

    [Theory, OnSqlite, OnPostgres]
    public async Task They_give_their_places_back_once_nothing_can_start_them_and_those_that_run_do_not(string kind)
    {
        PayingNode node = new();
        using Shop shop = new(kind, link: node);
        Purchase running = shop.Buy(shop.Customer, node: "n1"), unstarted = shop.Buy(shop.Customer, node: "n1");
        node.Boot(Convert.FromHexString(running.BootToken));
        shop.Now += Lifetime;
        Assert.Equal(0, await Look(shop));
        shop.Now += Broker.UnstartedMargin + 1;
        Assert.Equal(1, await Look(shop));
        Assert.Equal(0, await Look(shop));
        Assert.Equal(1, Used(shop));
        MachineView told = shop.Look(session => Broker.Machine(session, shop.Customer, unstarted.Machine.Id));
        Assert.Equal((shop.Now, null, 0), (told.Released, told.Closed, told.Guests.Count));
        Assert.Null(shop.Look(session => Broker.Machine(session, shop.Customer, running.Machine.Id)).Released);
        shop.Verified();

        // Whoever pays for it is told; its money is as it was, also for who has a certificate of another start of the node.
        Assert.Contains("was not started before its token expired",
            Assert.Throws<Problem>(() => shop.Resupply(shop.Customer, unstarted.Machine.Id, 1)).Message, StringComparison.Ordinal);
        Assert.Equal(500, shop.Refund(shop.Customer, unstarted.Machine.Name, 500).Refunded);
        Assert.Equal(1, Used(shop));
        shop.Now = running.Machine.Lapses + 1;
        Assert.Equal(1, shop.Do(session => shop.Broker.SettleLapsed(session, 9)));
        Assert.Equal(0, Used(shop));
        shop.Verified();
    }

    [Theory, OnSqlite]
    public async Task As_long_as_a_node_is_silent_nothing_is_given_back_and_it_is_asked_now_and_then(string kind)
    {
        SilentNode node = new();
        using Shop shop = new(kind, link: node);
        shop.Buy(shop.Customer, node: "n1");
        shop.Buy(shop.Customer, node: "n1");
        shop.Now += Lifetime + Broker.UnstartedMargin + 1;
        Assert.Equal((0, 0), (await Look(shop), await Look(shop)));
        Assert.Equal((1, 2L), (node.Asked, Used(shop)));
        shop.Now += 60;
        await Look(shop);
        Assert.Equal(2, node.Asked);
    }
}
