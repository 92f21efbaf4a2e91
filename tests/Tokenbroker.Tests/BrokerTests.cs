using System;
using System.Collections.Generic;
using System.Data.Common;
using System.Linq;
using System.Text;
using Tokenbroker.Chains;
using Tokenbroker.Market;
using Wire;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>Buying, paying further and lapsing, as a node would see what is sold.</summary>
public sealed class BrokerTests
{
    private static Problem Refused(Action work) => Assert.Throws<Problem>(work);

    [SqliteFact]
    public void A_plan_whose_chain_is_worth_more_than_a_balance_holds_is_refused()
    {
        using Shop shop = new("sqlite");
        NewPlan plan = new("dear", 1L << 40, 64, Guests: 1, ChainLength: 10_000_000);
        Assert.Equal(400, Refused(() => shop.Do(session => shop.Broker.AddPlan(session, "test", plan))).Status);
        shop.Do(session => shop.Broker.AddPlan(session, "test", plan with { ChainLength = 1 << 20 }));
        NewMachine wanted = new(Shop.Loader, "dear", 1 << 20);
        Assert.Equal(402, Refused(() => shop.Do(session =>
            shop.Broker.Buy(session, shop.Customer, wanted, NewChain.Create(1)))).Status);
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_bought_token_is_one_that_the_node_takes(string kind)
    {
        using Shop shop = new(kind);
        Purchase bought = shop.Buy(shop.Customer, 10);
        byte[] bytes = Convert.FromHexString(bought.BootToken);
        Assert.True(BootToken.TryParse(bytes, out BootToken token));
        Assert.True(token.SignedWith(new HmacSha1(Encoding.ASCII.GetBytes(Shop.Key))));
        Assert.True(token.ChainHolds());
        Assert.Equal((0x0A000001u, 0x0A00000Au, 0x0A0000FEu, 24, 1, 0x0A000064u),
            (token.Node, token.BootAddress, token.Gateway, token.PrefixLength, token.GuestCount, token.Guest(0)));
        Assert.Equal((64u, (ushort)100, 0u, 10u, (ushort)60),
            (token.MemoryMiB, token.CpuPercent, token.DiskMiB, token.ElementCount, token.Lease));
        Assert.Equal(((ulong)shop.Now, (ulong)shop.Now + 600), (token.Issued, token.Expires));
        Assert.Equal(Convert.FromHexString(Shop.Loader), token.Loader);
        Assert.Equal(bought.Machine.Name, Convert.ToHexStringLower(token.ChainEnd.Bytes));
        byte[] key = new byte[20];
        MachineKey.Derive(new HmacSha1(Encoding.ASCII.GetBytes(Shop.Key)), bytes, key);
        Assert.Equal(Convert.ToHexStringLower(key), bought.MachineKey);
        Assert.Equal((1000L, Shop.Deposit - 1000), (bought.Amount, bought.Balance));
        Assert.Equal(shop.Now + 600 + 1000 / 2 + 3600, bought.Machine.Lapses);
        Assert.Equivalent(shop.Look(session => Broker.Machine(session, shop.Customer, bought.Machine.Id)),
            bought.Machine, strict: true);
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public void What_is_paid_further_leads_to_what_was_paid_before(string kind)
    {
        using Shop shop = new(kind);
        Purchase bought = shop.Buy(shop.Customer, 1);
        byte[] name = Convert.FromHexString(bought.Machine.Name);
        BootToken.TryParse(Convert.FromHexString(bought.BootToken), out BootToken token);
        byte[] last = token.First.Bytes.ToArray();
        uint paid = 1;
        foreach (int tokens in (int[])[1, 5, 20, 23]) // the node verifies 20 for a packet
        {
            Resupply more = shop.Resupply(shop.Customer, bought.Machine.Id, tokens);
            Assert.Equal((tokens + 19) / 20, more.Pings.Count);
            uint before = paid;
            foreach (Ping ping in more.Pings)
            {
                Assert.Equal((int)MagicKind.Payment, ping.Kind);
                Assert.True(Payment.TryParse(Convert.FromHexString(ping.Body), out Payment payment));
                Assert.Equal(name, payment.Machine.Bytes);
                uint steps = payment.Count - paid;
                Assert.InRange(steps, 1u, 20u);
                Assert.True(HashChain.Leads(in payment.Element, in Certificates.AsDigest(last), steps));
                (last, paid) = (payment.Element.Bytes.ToArray(), paid + steps);
            }
            Assert.Equal(before + (uint)tokens, paid);
        }
        Assert.Equal(50u, paid);
        Assert.Equal(50, shop.Verified().Sold / 100);
    }

    [Theory, OnSqlite, OnPostgres]
    public void Who_has_too_little_buys_nothing(string kind)
    {
        using Shop shop = new(kind);
        long poor = shop.AddCustomer("bob", 1099);
        Assert.Equal(402, Refused(() => shop.Buy(poor, 11)).Status);
        Purchase bought = shop.Buy(poor, 10);
        Assert.Equal(402, Refused(() => shop.Resupply(poor, bought.Machine.Id, 1)).Status);
        Assert.Equal(99, shop.Balance(poor));
        Assert.Equal(400, Refused(() => shop.Buy(shop.Customer, 0)).Status);
        Assert.Equal(400, Refused(() => shop.Buy(shop.Customer, 51)).Status);
        Assert.Equal(404, Refused(() => shop.Resupply(shop.Customer, bought.Machine.Id, 1)).Status);
            // another's machine
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public void Machines_have_addresses_of_their_own_and_go_where_there_is_room(string kind)
    {
        using Shop shop = new(kind, machines: 3);
        List<MachineView> machines = [.. Enumerable.Range(0, 6).Select(_ => shop.Buy(shop.Customer).Machine)];
        Assert.Equal(12, machines.SelectMany(machine => machine.Guests.Append(machine.BootAddress)).Distinct().Count());
        Assert.Equal([3, 3], machines.GroupBy(machine => machine.Node).Select(node => node.Count()));
        Assert.Equal("no-room", Refused(() => shop.Buy(shop.Customer)).Kind);
        Assert.Equal(404, Refused(() => shop.Buy(shop.Customer, node: "n3")).Status);

        // A machine lapses as soon as it cannot run any more, and others get its place; what was sold for it is
        // breakage.
        shop.Now = machines[0].Lapses - 1;
        Assert.Equal(0, shop.Do(session => (object)shop.Broker.SettleLapsed(session, 100)));
        shop.Now++;
        Assert.Equal(6, shop.Do(session => (object)shop.Broker.SettleLapsed(session, 100)));
        Assert.Equal(6000, shop.Verified().Breakage);
        Assert.Equal("closed", Refused(() => shop.Resupply(shop.Customer, machines[0].Id, 1)).Kind);
        shop.Buy(shop.Customer);
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_guest_keeps_its_address_on_another_node_and_no_other_customer_gets_it(string kind)
    {
        using Shop shop = new(kind);
        MachineView first = shop.Buy(shop.Customer, node: "n1").Machine;
        string guest = first.Guests[0];
        Assert.Equal("no-room", Refused(() => shop.Buy(shop.Customer, 10, "n1", guest)).Kind);
        Assert.Equal([guest], shop.Buy(shop.Customer, 10, "n2", guest).Machine.Guests);
        long other = shop.AddCustomer("bob", 10_000);
        Assert.Equal("no-room", Refused(() => shop.Buy(other, 10, null, guest)).Kind);
        Assert.Equal("no-room", Refused(() => shop.Buy(shop.Customer, 10, null, "10.0.0.5")).Kind); // in no range
        Assert.Equal("no-room", Refused(() => shop.Buy(shop.Customer, 10, null, first.BootAddress)).Kind);
        Assert.Equal(["10.0.0.150"], shop.Buy(other, 10, null, "10.0.0.150").Machine.Guests);
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_crowded_range_is_used_to_its_last_address(string kind)
    {
        using Shop shop = new(kind, machines: 1);
        shop.Do(session => shop.Broker.AddNode(session, "test",
            new NewNode("wide", "10.1.0.1", Shop.Key, 16, "10.1.1.0-10.1.1.99", "10.1.2.0-10.1.2.99", 10_000, 100,
            new Prices(0, 0, 0, 1))));
        HashSet<string> seen = [];
        for (int i = 0; i < 100; i++)
            Assert.True(seen.Add(shop.Buy(shop.Customer, 1, "wide").Machine.BootAddress));
        // One in the middle comes free, and is found behind more taken ones than are tried one by one.
        shop.Do(session => session.Run("UPDATE node SET machines = 101, boot_next = boot_first WHERE name = 'wide'"));
        shop.Do(session => session.Run("DELETE FROM claim WHERE address = $1 OR address = $2", 0x0A010100L + 90,
            0x0A010200L + 80));
        MachineView last = shop.Buy(shop.Customer, 1, "wide").Machine;
        Assert.Equal(("10.1.1.90", "10.1.2.80"), (last.BootAddress, last.Guests[0]));
    }

    [Theory, OnSqlite]
    public void A_share_of_a_processor_that_every_node_refuses_is_not_sold(string kind)
    {
        using Shop shop = new(kind);
        Assert.Equal("invalid", Refused(() => shop.Do(session =>
            shop.Broker.AddPlan(session, "test", new NewPlan("more", 100, 64, CpuPercent: 101)))).Kind);
        QuoteView before = shop.Do(session => shop.Broker.Quote(session, shop.Customer, new NewQuote("small", 7)));
        // A plan of a database that is older than this rule.
        shop.Do(session => session.Run("UPDATE plan SET cpu = 150"));
        Assert.Equal("no-room", Refused(() => shop.Buy(shop.Customer)).Kind);
        Assert.Equal("no-room", Refused(() => shop.Do(session => shop.Broker.Buy(session, shop.Customer,
            new NewMachine(Shop.Loader, Quote: before.Id), NewChain.Create(50)))).Kind);
        Assert.Equal("no-room", Refused(() => shop.Do(session =>
            shop.Broker.Quote(session, shop.Customer, new NewQuote("small", 7)))).Kind);
        Assert.Equal(Shop.Deposit, shop.Balance(shop.Customer));
    }

    [Theory, OnSqlite, OnPostgres]
    public void Shares_of_a_processor_are_sold_where_nodes_divide_them_at_their_price_as_far_as_processors_reach(string kind)
    {
        using Shop shop = new(kind);
        shop.Do(session => shop.Broker.AddPlan(session, "test", new NewPlan("quarter", 100, 64, CpuPercent: 25,
            ChainLength: 50)));
        shop.Do(session => shop.Broker.AddPlan(session, "test", new NewPlan("tenth", 100, 64, CpuPercent: 10)));
        NewMachine wanted = new(Shop.Loader, "quarter", 10);
        Purchase Buy(NewMachine machine) =>
            shop.Do(session => shop.Broker.Buy(session, shop.Customer, machine, NewChain.Create(50)));
        QuoteView Quote(string plan) =>
            shop.Do(session => shop.Broker.Quote(session, shop.Customer, new NewQuote(plan, 10)));
        foreach (Problem refused in (Problem[])[Refused(() => Quote("quarter")), Refused(() => Buy(wanted))])
            Assert.Equal(("no-room", "a machine of this plan has 25 % of a processor, and the least that any node gives to "
                + "one is 100 %: take a plan with a larger share"), (refused.Kind, refused.Message));

        long dividing = shop.Do(session => shop.Broker.AddNode(session, "test", new NewNode("n3", "10.0.0.3", Shop.Key, 24,
            "10.0.0.50-10.0.0.59", "10.0.0.100-10.0.0.199", 512, 8, new Prices(0, 0, 0, 1, Share: 2), MinCpuPercent: 20,
            CpuPercent: 100))).Id;
        NodeView Node() => shop.Look(session => Broker.NodeWith(session, dividing));
        Assert.Contains("that n1 gives to one is 100 %", Refused(() => Buy(wanted with { Node = "n1" })).Message,
            StringComparison.Ordinal);
        Assert.Contains("that any node gives to one is 20 %", Refused(() => Quote("tenth")).Message, StringComparison.Ordinal);
        QuotedNode quoted = Assert.Single(Quote("quarter").Nodes);
        Assert.Equal(("n3", 51L, 0L, 1000 / 51L),
            (quoted.Name, quoted.Prices.Existence, quoted.Prices.Share, quoted.IdleSeconds));

        Purchase[] bought = [.. Enumerable.Range(0, 4).Select(_ => Buy(wanted))];
        Assert.All(bought, purchase => Assert.Equal("n3", purchase.Machine.Node));
        Assert.True(BootToken.TryParse(Convert.FromHexString(bought[0].BootToken), out BootToken token));
        Assert.Equal(((ushort)25, 51u), (token.CpuPercent, token.Prices[(int)Resource.Existence]));
        Assert.Equal(shop.Now + 600 + 1000 / 51 + 3600, bought[0].Machine.Lapses);
        Assert.Equal((100L, 100L, 20L), (Node().UsedCpuPercent, Node().CpuPercent, Node().MinCpuPercent));
        Assert.Equal("no-room", Refused(() => Buy(wanted)).Kind);
        Assert.Equal("no-room", Refused(() => Buy(new NewMachine(Shop.Loader, "small", 1, Node: "n3"))).Kind);

        // What a share has cost is burned with the rest of what was used.
        RefundView back = shop.Do(session => shop.Broker.Refund(session, shop.Customer,
            new NewRefund(Certificates.Refunded(bought[0].Machine.Name, 490, Shop.Key, elements: 10, seconds: 10))));
        Assert.Equal((490L, 510L, 0L), (back.Refunded, back.Burned, back.Breakage));
        Assert.Equal(75, Node().UsedCpuPercent);
        Assert.Equal("n3", Buy(wanted).Machine.Node);
        shop.Now += 100_000;
        shop.Do(session => (object)shop.Broker.SettleLapsed(session, 100));
        Assert.Equal(0, Node().UsedCpuPercent);
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public void The_database_refuses_to_sell_more_of_processors_than_there_is(string kind)
    {
        using Shop shop = new(kind);
        shop.Do(session => session.Run("UPDATE node SET cpu = 200 WHERE name = 'n1'"));
        shop.Do(session => session.Run("UPDATE node SET used_cpu = 200 WHERE name = 'n1'"));
        Assert.ThrowsAny<DbException>(() => shop.Do(session =>
            session.Run("UPDATE node SET used_cpu = 201 WHERE name = 'n1'")));
        Assert.Equal(["node n1: its load is not that of its machines"], shop.Broker.Verify().Faults);
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_quote_holds_once_and_for_its_time(string kind)
    {
        using Shop shop = new(kind);
        QuoteView quote = shop.Do(session => shop.Broker.Quote(session, shop.Customer, new NewQuote("small", 7)));
        Assert.Equal((700, shop.Now + 600), (quote.Amount, quote.Expires));
        Assert.Equal([("n1", 350L), ("n2", 350L)], quote.Nodes.Select(node => (node.Name, node.IdleSeconds)));
        Purchase Buy(long customer, long id) => shop.Do(
            session => shop.Broker.Buy(session, customer, new NewMachine(Shop.Loader, Quote: id),
            NewChain.Create(50)));
        Assert.Equal(404, Refused(() => Buy(shop.AddCustomer("bob", 5000), quote.Id)).Status);
        Assert.Equal(7, Buy(shop.Customer, quote.Id).Tokens);
        Assert.Equal("quote", Refused(() => Buy(shop.Customer, quote.Id)).Kind);
        QuoteView late = shop.Do(session => shop.Broker.Quote(session, shop.Customer, new NewQuote("small", 7)));
        shop.Now = late.Expires;
        Assert.Equal("quote", Refused(() => Buy(shop.Customer, late.Id)).Kind);
    }

    /// <summary>They cost nothing, and the disk is everybody's.</summary>
    [Theory, OnSqlite, OnPostgres]
    public void A_customer_has_no_more_quotes_than_can_be_of_use(string kind)
    {
        using Shop shop = new(kind);
        QuoteView Ask(long customer) => shop.Do(session => shop.Broker.Quote(session, customer, new NewQuote("small", 7)));
        QuoteView first = Ask(shop.Customer);
        for (int i = 1; i < Broker.MaxQuotes; i++)
            Ask(shop.Customer);
        Assert.Equal("quote", Refused(() => Ask(shop.Customer)).Kind);
        Ask(shop.AddCustomer("bob", 1));
        shop.Do(session => shop.Broker.Buy(session, shop.Customer, new NewMachine(Shop.Loader, Quote: first.Id),
            NewChain.Create(50)));
        Ask(shop.Customer);
        Assert.Equal("quote", Refused(() => Ask(shop.Customer)).Kind);
        shop.Now = first.Expires;
        Ask(shop.Customer);
    }

    [Theory, OnSqlite, OnPostgres]
    public void After_a_rotation_tokens_are_signed_with_the_new_key(string kind)
    {
        using Shop shop = new(kind);
        string key = new('k', 40);
        Assert.Equal(2,
            shop.Do(session => shop.Broker.RotateNodeKey(session, "test", Broker.NodeNamed(session, "n1"),
            new NewNodeKey(key))).KeyNumber);
        BootToken.TryParse(Convert.FromHexString(shop.Buy(shop.Customer, 10, "n1").BootToken), out BootToken token);
        Assert.True(token.SignedWith(new HmacSha1(Encoding.ASCII.GetBytes(key))));
        Assert.False(token.SignedWith(new HmacSha1(Encoding.ASCII.GetBytes(Shop.Key))));
    }

    [Theory]
    [InlineData("10.0.1.0-10.0.1.9", "", "boot_addresses: 10.0.1.0/24 is no host's address")]
    [InlineData("10.0.1.9-10.0.2.9", "", "boot_addresses: all of them lie in one subnet of prefix length 24")]
    [InlineData("10.0.1.9-10.0.1.2", "",
        "boot_addresses: «10.0.1.9-10.0.1.2» is not a range like 10.0.0.100-10.0.0.199")]
    [InlineData("10.0.1.2-10.0.1.9", "10.0.1.9-10.0.1.20",
        "guest_addresses: an address is a machine's or a guest's, not both")]
    [InlineData("10.0.1.1-10.0.1.9", "",
        "the addresses of node and gateway are not for machines and guests: leave them out of the ranges")]
    [InlineData("10.0.0.29-10.0.0.30", "", "boot_addresses: some of 10.0.0.29-10.0.0.30 are another node's")]
    [InlineData("127.0.0.1-127.0.0.9", "", "boot_addresses: 127.0.0.1/24 is no host's address")]
    public void A_node_whose_tokens_would_be_refused_is_not_added(string boot, string guests, string sentence)
    {
        using Shop shop = new("sqlite");
        Assert.Equal(sentence, Refused(() => shop.Do(session => shop.Broker.AddNode(session, "test",
            new NewNode("n3", "10.0.1.1", Shop.Key, 24, boot, guests, 100, 1, new Prices(0, 0, 0, 1))))).Message);
    }

    [SqliteFact]
    public void What_a_node_verifies_in_one_packet_is_as_much_as_packetd_does()
    {
        using Shop shop = new("sqlite");
        NewNode wanted = new("n3", "10.0.1.1", Shop.Key, 24, "10.0.1.2-10.0.1.9", "", 100, 1, new Prices(0, 0, 0, 1));
        Assert.Equal(1000, wanted.ElementsPerPacket);
        Assert.Equal("elements_per_packet is 1 to 100000", Refused(() => shop.Do(session =>
            shop.Broker.AddNode(session, "test", wanted with { ElementsPerPacket = 100_001 }))).Message);
    }

    [Theory, OnSqlite, OnPostgres]
    public void More_tokens_than_the_node_verifies_in_one_packet_are_not_sold_in_a_boot_token(string kind)
    {
        using Shop shop = new(kind);
        const string Sentence = "tokens: a machine begins with at most 20, which is what its node verifies in one "
            + "packet: buy so many, and the rest afterwards";
        Assert.Equal(Sentence, Refused(() => shop.Buy(shop.Customer, 21)).Message);
        Assert.Equal(Sentence, Refused(() => shop.Buy(shop.Customer, 21, "n1")).Message);
        Assert.Equal(Sentence, Refused(() => shop.Do(session =>
            shop.Broker.Quote(session, shop.Customer, new NewQuote("small", 21)))).Message);
        Assert.Equal(Shop.Deposit, shop.Balance(shop.Customer));
        shop.Do(session => shop.Broker.AddNode(session, "test", new NewNode("n3", "10.0.1.1", Shop.Key, 24,
            "10.0.1.2-10.0.1.9", "10.0.1.20-10.0.1.29", 64, 1, new Prices(0, 0, 0, 1), ElementsPerPacket: 21)));
        Assert.Equal("n3", shop.Buy(shop.Customer, 21).Machine.Node);
        Assert.Equal(20, shop.Buy(shop.Customer, 20, "n1").Tokens);
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_machine_that_is_larger_than_its_node_gives_one_is_refused_with_the_limit(string kind)
    {
        using Shop shop = new(kind);
        shop.Do(session => shop.Broker.AddPlan(session, "test", new NewPlan("large", 100, 128, ChainLength: 50)));
        shop.Do(session => session.Run("UPDATE node SET most_memory = 100"));
        NewMachine wanted = new(Shop.Loader, "large", 10);
        foreach (Problem refused in (Problem[])[
            Assert.Throws<Problem>(() => shop.Do(session => shop.Broker.Quote(session, shop.Customer, new NewQuote("large", 10)))),
            Assert.Throws<Problem>(() => shop.Do(session => shop.Broker.Buy(session, shop.Customer, wanted, NewChain.Create(50))))])
            Assert.Equal("a machine of this plan has 128 MiB of memory, and the most that any node gives to one is 100: take a "
                + "smaller plan", refused.Message);
        Assert.Equal(2, shop.Do(session => shop.Broker.Quote(session, shop.Customer, new NewQuote("small", 10))).Nodes.Count);
        shop.Do(session => shop.Broker.AddNode(session, "test", new NewNode("n3", "10.0.0.3", Shop.Key, 24,
            "10.0.0.50-10.0.0.59", "10.0.0.100-10.0.0.199", 512, 4, new Prices(0, 0, 0, 1), MaxMemoryMib: 128)));
        QuoteView quote = shop.Do(session => shop.Broker.Quote(session, shop.Customer, new NewQuote("large", 10)));
        Assert.Equal("n3", Assert.Single(quote.Nodes).Name);
        Assert.Contains("that n1 gives to one is 100", Assert.Throws<Problem>(() => shop.Do(session => shop.Broker.Buy(session,
            shop.Customer, wanted with { Node = "n1" }, NewChain.Create(50)))).Message, StringComparison.Ordinal);
        Assert.Equal("n3", shop.Do(session => shop.Broker.Buy(session, shop.Customer, wanted, NewChain.Create(50))).Machine.Node);
        Assert.Equal(128, shop.Look(session => Broker.Nodes(session, 2, 1)).Items[0].MaxMemoryMib);
    }

    [SqliteFact]
    public void A_node_whose_idle_machines_cost_nothing_is_not_added()
    {
        using Shop shop = new("sqlite");
        Assert.Contains("its place never comes back",
            Refused(() => shop.Do(session => shop.Broker.AddNode(session, "test",
            new NewNode("n3", "10.0.1.1", Shop.Key, 24, "10.0.1.2-10.0.1.9", "", 100, 1,
                new Prices(7, 0, 7, 0))))).Message, StringComparison.Ordinal);
    }

    [Theory, OnSqlite, OnPostgres]
    public void What_is_unused_comes_back_once_and_what_was_used_is_burned(string kind)
    {
        using Shop shop = new(kind);
        MachineView machine = shop.Buy(shop.Customer, 10).Machine;
        shop.Resupply(shop.Customer, machine.Id, 5);
        string other = new('k', 40);
        Assert.Equal(400, Refused(() => shop.Refund(shop.Customer, machine.Name, 700, other)).Status);
        Assert.Equal("certificate", Refused(() => shop.Refund(shop.Customer, machine.Name, 1501)).Kind);
        Assert.Equal(404, Refused(() => shop.Refund(shop.AddCustomer("bob", 1), machine.Name, 700)).Status);
        Assert.Equal(404, Refused(() => shop.Refund(shop.Customer, Shop.Loader, 700)).Status);
        Assert.Equal(400, Refused(() => shop.Do(session =>
            shop.Broker.Refund(session, shop.Customer, new NewRefund("00")))).Status);

        // Under the key before the last rotation, which the node had when it signed.
        shop.Do(session => shop.Broker.RotateNodeKey(session, "test", 1, new NewNodeKey(other)));
        RefundView back = shop.Refund(shop.Customer, machine.Name, 700);
        Assert.Equal((machine.Id, 700L, 800L, Shop.Deposit - 800),
            (back.Machine, back.Refunded, back.Burned, back.Balance));
        Assert.Equal("closed", Refused(() => shop.Refund(shop.Customer, machine.Name, 700)).Kind);
        Assert.Equal("closed", Refused(() => shop.Resupply(shop.Customer, machine.Id, 1)).Kind);
        Findings found = shop.Verified();
        Assert.Equal((1500, 800, 700, 0, 0),
            (found.Sold, found.Burned, found.Refunded, found.Breakage, found.Outstanding));
        Assert.Equal(0, shop.Look(session => Broker.NodeWith(session, 1)).UsedMachines);
        shop.Refund(shop.Customer, shop.Buy(shop.Customer, 1, "n1").Machine.Name, 100, other); // nothing was used
        shop.Refund(shop.Customer, shop.Buy(shop.Customer, 1, "n1").Machine.Name, 0, other); // all was
        Assert.Equal(900, shop.Verified().Burned);
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_machine_that_is_paid_further_lapses_later(string kind)
    {
        using Shop shop = new(kind);
        MachineView machine = shop.Buy(shop.Customer, 10).Machine;
        Resupply more = shop.Resupply(shop.Customer, machine.Id, 5);
        Assert.Equal(machine.Lapses + 5 * 100 / Shop.Existence + 1, more.Lapses);
        shop.Now = more.Lapses - 1;
        Assert.Equal(0, shop.Do(session => shop.Broker.SettleLapsed(session, 100)));
        Assert.Null(shop.Look(session => Broker.Machine(session, shop.Customer, machine.Id)).Closed);
        shop.Now++;
        Assert.Equal(1, shop.Do(session => shop.Broker.SettleLapsed(session, 100)));
        Assert.Equal(1500, shop.Verified().Breakage);
    }

    [Theory, OnSqlite, OnPostgres]
    public void What_was_bought_and_never_came_to_the_node_is_breakage(string kind)
    {
        using Shop shop = new(kind);
        // Five of fifteen elements did not come, and 400 of what came was used.
        MachineView machine = shop.Buy(shop.Customer, 10).Machine;
        shop.Resupply(shop.Customer, machine.Id, 5);
        Assert.Equal("certificate", Refused(() =>
            shop.Refund(shop.Customer, machine.Name, 600, elements: 16)).Kind);
        Assert.Equal("certificate", Refused(() =>
            shop.Refund(shop.Customer, machine.Name, 1001, elements: 10)).Kind);
        RefundView back = shop.Refund(shop.Customer, machine.Name, 600, elements: 10, used: 400);
        Assert.Equal((600, 400, 500), (back.Refunded, back.Burned, back.Breakage));

        // On credit more was used than paid: the node's loss, and not what was sold.
        machine = shop.Buy(shop.Customer, 3, "n1").Machine;
        shop.Resupply(shop.Customer, machine.Id, 1);
        back = shop.Refund(shop.Customer, machine.Name, 0, elements: 3, used: 380);
        Assert.Equal((0, 300, 100), (back.Refunded, back.Burned, back.Breakage));

        // The 45 of the first chain came with the 5 that were left of it; the second chain, with 45 more, did not.
        machine = shop.Buy(shop.Customer, 20, "n2").Machine;
        shop.Resupply(shop.Customer, machine.Id, 25);
        shop.Resupply(shop.Customer, machine.Id, 50);
        back = shop.Refund(shop.Customer, machine.Name, 4000, elements: 50, used: 1000);
        Assert.Equal((4000, 1000, 4500), (back.Refunded, back.Burned, back.Breakage));

        Findings found = shop.Verified();
        Assert.Equal((1700, 4600, 5100), (found.Burned, found.Refunded, found.Breakage));
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_chain_that_is_used_up_is_followed_by_another(string kind)
    {
        using Shop shop = new(kind);
        Purchase bought = shop.Buy(shop.Customer, 20);
        shop.Resupply(shop.Customer, bought.Machine.Id, 25);
        Resupply more = shop.Resupply(shop.Customer, bought.Machine.Id, 50);
        // Five of the old chain; a continuation with twenty, which is what the node verifies; and the rest.
        Assert.Equal(4, more.Pings.Count);
        Assert.Equal((int)MagicKind.Continuation, more.Pings[1].Kind);
        Assert.True(Continuation.TryParse(Convert.FromHexString(more.Pings[1].Body), out Continuation continuation));
        Assert.Equal(Convert.FromHexString(bought.Machine.Name), continuation.Machine.Bytes);
        Assert.Equal(Convert.FromHexString(bought.Machine.Name), continuation.Former.Bytes);
        Assert.True(continuation.ChainHolds());
        Assert.True(continuation.SignedWith(new HmacSha1(Encoding.ASCII.GetBytes(Shop.Key))));
        Assert.Equal(20u, continuation.ElementCount);
        Assert.Equal(9500, shop.Verified().Sold);
        Assert.Single(shop.Resupply(shop.Customer, bought.Machine.Id, 5).Pings);
        Assert.Equal(400, Refused(() => shop.Resupply(shop.Customer, bought.Machine.Id, 51)).Status);
    }
}
