using System;
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
