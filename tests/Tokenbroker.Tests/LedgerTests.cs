using System;
using System.Collections.Generic;
using System.Data.Common;
using System.Linq;
using Tokenbroker.Ledger;
using Tokenbroker.Market;
using Tokenbroker.Storage;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>
/// What the database itself refuses, whoever asks; and what is found when somebody has gone around it.
/// </summary>
public sealed class LedgerTests
{
    private static readonly string[] s_changes =
    [
        "UPDATE entry SET amount = amount + 1 WHERE id = 1", "UPDATE entry SET reference = 'x'", "DELETE FROM entry",
        "UPDATE account SET overdraft = 1", "DELETE FROM account WHERE id = 2", "UPDATE sale SET elements = 1",
            "DELETE FROM sale",
        "DELETE FROM audit", "UPDATE audit SET actor = 'x'", "UPDATE node_key SET number = 9", "DELETE FROM node_key",
        "UPDATE chain SET sold = 0", "UPDATE chain SET sold = sold + 1", "UPDATE chain SET length = 1000000",
            "UPDATE machine SET account = 1", "UPDATE machine SET lapses = 0",
        "INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 0, 5, 2)",
            "INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 11, 1, 2)",
        "INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 10, 41, 2)",
        "INSERT INTO claim (address, machine, node, customer, is_boot) SELECT address, machine, 2, customer, 1 FROM "
        + "claim WHERE is_boot = 1",
    ];

    [Theory, OnSqlite, OnPostgres]
    public void The_database_refuses_to_change_what_is_written_down(string kind)
    {
        using Shop shop = new(kind);
        shop.Buy(shop.Customer, 10);
        Assert.Equal([], s_changes.Where(change => Takes(shop, change)));
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_ledger_of_the_first_version_that_goes_on_refuses_the_same(string kind)
    {
        using Shop shop = new(kind);
        KillRun.TakeBack(shop.Database);
        Schema.Migrate(shop.Database, Schema.Steps);
        shop.Buy(shop.Customer, 10);
        shop.Buy(shop.Customer, 10);
        Assert.Equal([], s_changes.Concat(s_several).Where(change => Takes(shop, change)));
        shop.Verified();
    }

    /// <summary>Whether the database would; nothing of it stays.</summary>
    private static bool Takes(Shop shop, string change)
    {
        byte[][] hashes = [[.. Enumerable.Repeat((byte)1, 32)], [.. Enumerable.Repeat((byte)2, 32)]];
        try
        {
            shop.Do(session => session.Run(change, change.Contains("$2", StringComparison.Ordinal) ? hashes : [])
                < 0 ? "" : throw new InvalidOperationException());
            return false;
        }
        catch (InvalidOperationException)
        {
            return true;
        }
        catch (DbException)
        {
            return false;
        }
    }

    // Entries 1 to 3 are a deposit and two purchases of 10 elements each; alice's account is 4 and holds 998,000, those
    // of the machines are 5 and 6 and hold 1,000 each; of chains 1 and 2, whose length is 50, 10 are sold.
    private static readonly string[] s_several =
    [
        Entries("4, 0, 'x', '', 4, 5, 100, 997900, 1100", "6, 0, 'x', '', 4, 5, 100, 997800, 1200"),
        Entries("5, 0, 'x', '', 4, 5, 100, 997900, 1100", "6, 0, 'x', '', 4, 5, 100, 997800, 1200"),
        Entries("0, 0, 'x', '', 4, 5, 100, 997900, 1100", "4, 0, 'x', '', 4, 5, 100, 997800, 1200"),
        Entries("4, 0, 'x', '', 4, 5, 100, 997900, 1100", "5, 0, 'x', '', 4, 5, 100, 997900, 1200"),
        Entries("4, 0, 'x', '', 4, 5, 100, 997900, 1100", "5, 0, 'x', '', 4, 5, 100, 997800, 1100"),
        Entries("4, 0, 'x', '', 4, 5, 100, 997900, 1101", "5, 0, 'x', '', 4, 5, 100, 997800, 1201"),
        Entries("4, 0, 'x', '', 4, 5, 100, 997901, 1100", "5, 0, 'x', '', 4, 5, 100, 997801, 1200"),
        Entries("4, 0, 'x', '', 4, 5, 100, 997900, 1100", "5, 0, 'x', '', 5, 6, 1101, -1, 2101"),
        Entries("4, 0, 'x', '', 5, 4, 1001, -1, 999001", "5, 0, 'x', '', 4, 5, 1001, 998000, 1000"),
        "INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 10, 5, 2), (100, 1, 14, 5, 2)",
        "INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 10, 5, 2), (100, 1, 16, 5, 2)",
        "INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 10, 5, 2), (100, 2, 15, 5, 3)",
        "INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 10, 5, 2), (100, 1, 15, 36, 2)",
        "INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 15, 5, 2), (100, 1, 20, 5, 2)",
        "INSERT INTO claim (address, machine, node, customer, is_boot) VALUES (7, 1, 1, 1, 0), (7, 2, 2, 1, 1)",
        "INSERT INTO claim (address, machine, node, customer, is_boot) VALUES (7, 1, 1, 1, 1), (7, 2, 2, 1, 0)",
        "INSERT INTO chain (id, machine, length, chain_end, sealed, sold) SELECT 8 + id, machine, length, sealed, "
        + "sealed, id - 1 FROM chain",
        "UPDATE chain SET sold = 9 + id", "UPDATE chain SET sold = id * 10 - 10",
        "UPDATE chain SET id = id + 10", "UPDATE chain SET length = 48 + 2 * id",
        "UPDATE chain SET machine = 1",
    ];

    private static string Entries(string first, string second) =>
        "INSERT INTO entry (id, at, kind, reference, debit, credit, amount, debit_balance, credit_balance, hash) "
        + $"VALUES ({first}, $1), ({second}, $2)";

    [Theory, OnSqlite, OnPostgres]
    public void The_database_refuses_a_statement_for_one_of_its_rows_and_takes_rows_that_follow_from_one_another(
        string kind)
    {
        using Shop shop = new(kind);
        shop.Buy(shop.Customer, 10);
        shop.Buy(shop.Customer, 10);
        Assert.Equal([], s_several.Where(change => Takes(shop, change)));
        Assert.True(Takes(shop, Entries("4, 0, 'x', '', 4, 5, 100, 997900, 1100",
            "5, 0, 'x', '', 5, 6, 1100, 0, 2100")));
        shop.Do(session => session.Run("INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 10, 5, 2), "
            + "(100, 1, 15, 5, 2), (101, 2, 10, 1, 3)"));
        Assert.Equal([20L, 11L], shop.Look(session => session.All("SELECT sold FROM chain ORDER BY id",
            row => row.GetInt64(0))));
        Assert.True(Takes(shop, "INSERT INTO claim (address, machine, node, customer, is_boot) VALUES (7, 1, 1, 1, 0), "
            + "(7, 2, 2, 1, 0)"));
        shop.AddCustomer("bob", 2);
        Assert.False(Takes(shop, "INSERT INTO claim (address, machine, node, customer, is_boot) VALUES (7, 1, 1, 1, 0), "
            + "(7, 2, 2, 2, 0)"));
    }

    // The next entry is number 3: a deposit and a purchase are there. outside is account 1, alice's is 4, the machine's
    // is 5.
    [Theory, OnSqlite, OnPostgres]
    public void The_database_refuses_every_entry_that_is_not_the_next_one_of_a_ledger_in_balance(string kind)
    {
        using Shop shop = new(kind);
        shop.Buy(shop.Customer, 10);
        const long Alice = Shop.Deposit - 1000;
        void Refused(long id, long debit, long credit, long amount, long debitBalance, long creditBalance) =>
            Assert.ThrowsAny<DbException>(() => Insert(shop, id, debit, credit, amount, debitBalance, creditBalance));
        Refused(4, 4, 5, 100, Alice - 100, 1100); // a gap
        Refused(2, 4, 5, 100, Alice - 100, 1100); // a number that is taken
        Refused(3, 4, 5, 100, Alice, 1100); // debits nobody
        Refused(3, 4, 5, 100, Alice - 100, 1000); // credits nobody
        Refused(3, 4, 5, 100, Alice - 99, 1100); // one unit too many
        Refused(3, 4, 4, 100, Alice - 100, Alice - 100); // with itself
        Refused(3, 4, 5, 0, Alice, 1000);
        Refused(3, 5, 4, -100, 1100, Alice - 100); // backwards
        Refused(3, 5, 4, 1001, -1, Alice + 1001); // overdrawn
        Refused(3, 4, 77, 100, Alice - 100, 100); // no account
        shop.Verified();
        Insert(shop, 3, 4, 5, 100, Alice - 100, 1100); // and this one is in order, but for its hash
        Assert.Contains("entry 3 was changed, or the one before it", shop.Broker.Verify().Faults);
    }

    private static void Insert(Shop shop, long id, long debit, long credit, long amount, long debitBalance,
        long creditBalance) => shop.Do(session => session.Run(
        "INSERT INTO entry (id, at, kind, reference, debit, credit, amount, debit_balance, credit_balance, hash) "
        + "VALUES ($1, 0, 'x', '', $2, $3, $4, $5, $6, $7)",
        id, debit, credit, amount, debitBalance, creditBalance, new byte[32]));

    private static void DropGuards(Session session, string kind)
    {
        session.Script(kind == "sqlite" ? "DROP TRIGGER entry_no_update; DROP TRIGGER entry_no_delete"
            : "ALTER TABLE entry DISABLE TRIGGER ALL");
    }

    [Theory]
    [OnSqlite, OnPostgres]
    public void A_row_that_is_changed_around_the_triggers_is_found(string kind)
    {
        foreach (string change in (string[])["amount = amount + 1", "at = at + 1", "reference = 'gift'",
            "kind = 'gift'", "debit = 2", "credit_balance = credit_balance + 1"])
        {
            using Shop shop = new(kind);
            shop.AddCustomer("bob", 5);
            shop.Verified();
            shop.Do(session => { DropGuards(session, kind);
                return session.Run($"UPDATE entry SET {change} WHERE id = 1"); });
            Assert.Contains("entry 1 was changed, or the one before it", shop.Broker.Verify().Faults);
        }
    }

    // Entry 1 is a deposit, 2 and 3 are purchases for machines 1 and 2.
    [Theory, OnSqlite, OnPostgres]
    public void A_sale_that_nothing_has_paid_is_found(string kind)
    {
        foreach (int entry in (int[])[1, 3])
        {
            using Shop shop = new(kind);
            shop.Buy(shop.Customer, 10);
            shop.Buy(shop.Customer, 10);
            shop.Verified();
            shop.Do(session => session.Run(
                $"INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 10, 5, {entry})"));
            Assert.Equal([$"sale 99: entry {entry} has not paid it"], shop.Broker.Verify().Faults);
        }
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_purchase_that_has_sold_other_than_was_paid_is_found(string kind)
    {
        using Shop shop = new(kind);
        shop.Buy(shop.Customer, 10);
        shop.Do(session => session.Run("INSERT INTO sale (id, chain, first, elements, entry) VALUES (99, 1, 10, 5, 2)"));
        Assert.Equal(["entry 2: what was paid is not what was sold"], shop.Broker.Verify().Faults);
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_node_whose_load_is_another_than_its_machines_have_is_found(string kind)
    {
        foreach (string change in (string[])["used_machines = used_machines + 1", "used_memory = used_memory - 1",
            "used_cpu = used_cpu + 1"])
        {
            using Shop shop = new(kind);
            shop.Buy(shop.Customer, 10, "n1");
            shop.Buy(shop.Customer, 10, "n2");
            shop.Do(session => session.Run($"UPDATE node SET {change} WHERE name = 'n2'"));
            Assert.Equal(["node n2: its load is not that of its machines"], shop.Broker.Verify().Faults);
        }
    }

    /// <summary>As a ledger of some hundred thousand purchases takes it.</summary>
    [PostgresFact]
    public void A_ledger_is_verified_that_takes_longer_than_a_statement_may()
    {
        using Shop shop = new("postgres");
        shop.Buy(shop.Customer, 10);
        shop.Do(session =>
        {
            session.Script("CREATE SCHEMA slow; "
                + "CREATE VIEW slow.account AS SELECT a.* FROM (SELECT pg_sleep(1.5)) AS wait, public.account a");
            return "";
        });
        using Database slow = Database.At(shop.Where
            + ";Command Timeout=1;Cancellation Timeout=-1;Options=-c search_path=slow,public");
        using Broker broker = new(slow, shop.Master);
        Assert.Empty(broker.Verify().Faults);
    }

    [Theory, OnSqlite, OnPostgres]
    public void Pages_of_a_customers_ledger_follow_from_one_another(string kind)
    {
        using Shop shop = new(kind);
        shop.AddCustomer("bob", 7);
        shop.Buy(shop.Customer, 3);
        Purchase last = shop.Buy(shop.Customer, 4);
        shop.Refund(shop.Customer, last.Machine.Name, 150);
        shop.Buy(shop.Customer, 5);
        List<EntryView> all = [];
        long? next = 0;
        for (; next is { } after; next = all.Count > 9 ? null : next)
        {
            Page<EntryView> page = shop.Look(session => Broker.Entries(session, shop.Customer, after, 2));
            Assert.InRange(page.Items.Count, 1, 2);
            all.AddRange(page.Items);
            next = page.Next;
        }
        Assert.Equal([Shop.Deposit, -300L, -400, 150, -500], all.Select(entry => entry.Amount));
        long balance = 0;
        Assert.All(all, entry => Assert.Equal(balance += entry.Amount, entry.Balance));
        Assert.Equal(all.Select(entry => entry.Id).Order(), all.Select(entry => entry.Id));
    }

    [Theory, OnSqlite, OnPostgres]
    public void Entries_that_are_cut_off_are_missed_by_who_knows_the_head(string kind)
    {
        using Shop shop = new(kind);
        shop.AddCustomer("bob", 5);
        string head = shop.Verified().Head;
        shop.AddCustomer("carol", 6);
        Assert.Empty(shop.Broker.Verify(head).Faults);
        shop.Do(session => { DropGuards(session, kind); return session.Run("DELETE FROM entry WHERE id > 1"); });
        Assert.Empty(shop.Broker.Verify().Faults);
        Assert.Equal([$"the head {head} is not in the ledger any more: entries were cut off or written anew"],
            shop.Broker.Verify(head).Faults);
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_transaction_that_fails_leaves_no_trace(string kind)
    {
        using Shop shop = new(kind);
        string head = shop.Verified().Head;
        Assert.Throws<InvalidOperationException>(() => shop.Do<object>(session =>
        {
            shop.Broker.Deposit(session, "test", shop.Customer, new NewDeposit(5));
            throw new InvalidOperationException();
        }));
        Assert.Equal(head, shop.Verified().Head);
    }

    [Fact]
    public void The_hash_of_an_entry_is_what_the_page_says()
    {
        byte[] key = new byte[32];
        Entry entry = new(1, 2, "k", "r", 3, 4, 5, -5, 5);
        byte[] message = [.. new byte[32], 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0,
            0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,
            0xFB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 5, 0, 0, 0, 0, 0, 0, 0, (byte)'k', 0, (byte)'r'];
        Assert.Equal(System.Security.Cryptography.HMACSHA256.HashData(key, message), new Journal(key)
            .Hash(Journal.Start, entry));
    }
}
