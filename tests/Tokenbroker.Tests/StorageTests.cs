using System;
using System.Collections.Generic;
using System.Data.Common;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Testing;
using Tokenbroker.Chains;
using Tokenbroker.Market;
using Tokenbroker.Storage;
using Tokens;
using Xunit;

namespace Tokenbroker.Tests;

public sealed class StorageTests
{
    private volatile bool isFull;

    [Theory, OnSqlite, OnPostgres]
    public void A_new_database_gets_every_step_once(string kind)
    {
        using Scratch scratch = new(kind);
        Assert.False(scratch.Database.Exists());
        Assert.Equal(Schema.Steps.Count, Schema.Migrate(scratch.Database, Schema.Steps));
        Assert.True(scratch.Database.Exists());
        Assert.Equal(0, Schema.Migrate(scratch.Database, Schema.Steps));
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_database_with_money_in_it_goes_on_to_the_next_version(string kind)
    {
        using Shop shop = new(kind);
        shop.Buy(shop.Customer);
        List<Func<Dialect, string[]>> steps = [.. Schema.Steps,
            _ => ["CREATE TABLE further (id {int} PRIMARY KEY) {strict}", "INSERT INTO further VALUES (7)"]];
        Assert.Equal(1, Schema.Migrate(shop.Database, steps));
        Assert.Equal(7L, shop.Look(session => (object)session.Number("SELECT id FROM further")));
        Assert.Equal(Shop.Deposit - 1000, shop.Balance(shop.Customer));
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_ledger_of_the_first_version_goes_on_and_sells_no_more_tokens_at_once_than_nodes_verify(string kind)
    {
        using Shop shop = new(kind);
        shop.Buy(shop.Customer);
        KillRun.TakeBack(shop.Database);
        shop.Do(session => session.Run("UPDATE node SET hashes = 1000000 WHERE name = 'n1'"));
        Assert.Equal(Schema.Steps.Count - 1, Schema.Migrate(shop.Database, Schema.Steps));
        Assert.Equal([1000L, 20L], shop.Look(session => session.All("SELECT hashes FROM node ORDER BY id",
            row => row.GetInt64(0))));
        shop.Buy(shop.Customer);
        Assert.Equal(Shop.Deposit - 2000, shop.Balance(shop.Customer));
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_step_that_fails_leaves_nothing_behind(string kind)
    {
        using Shop shop = new(kind);
        Assert.ThrowsAny<DbException>(() =>
            Schema.Migrate(shop.Database, [.. Schema.Steps, _ => ["CREATE TABLE further (id {int})", "nonsense"]]));
        using Session session = shop.Database.Open();
        Assert.Equal(Schema.Steps.Count, Schema.Version(session));
        Assert.ThrowsAny<DbException>(() => session.Number("SELECT COUNT(*) FROM further"));
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_database_of_a_newer_program_is_refused(string kind)
    {
        using Shop shop = new(kind);
        Problem refused = Assert.Throws<Problem>(() => Schema.Migrate(shop.Database, []));
        Assert.Contains($"has version {Schema.Steps.Count}, and this program knows 0", refused.Message,
            StringComparison.Ordinal);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_copy_that_is_made_while_customers_buy_is_of_one_instant(string kind)
    {
        using Shop shop = new(kind);
        using Scratch other = new(kind);
        using CancellationTokenSource stop = new();
        int bought = 0;
        long machine = shop.Buy(shop.Customer, 1).Machine.Id;
        Task buyer = Task.Run(() =>
        {
            for (; !stop.IsCancellationRequested && bought < 9000; Interlocked.Increment(ref bought))
                shop.Resupply(shop.Customer, machine, 1);
        });
        Wait.Until(() => Volatile.Read(ref bought) > 2, "a customer buys");
        string file = shop.File("copy");
        shop.Database.Backup(file);
        await stop.CancelAsync();
        await buyer;
        Assert.ThrowsAny<Problem>(() => shop.Database.Restore(file, _ => true));
        Assert.True(other.Database.Restore(file, _ => true));
        using Broker restored = new(other.Database, shop.Master);
        Findings found = restored.Verify();
        Assert.Empty(found.Faults);
        Assert.InRange(found.Sold, 300, shop.Verified().Sold);
        Assert.Equal(Shop.Deposit - found.Sold, other.Database.Read(session => Broker.Balance(session, shop.Customer))
            .Balance);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task What_fails_among_others_leaves_nothing_and_takes_nobody_along(string kind)
    {
        using Shop shop = new(kind);
        await using (Writer writer = new(shop.Database))
        {
            Task<object> failing = writer.Do(session =>
            {
                shop.Broker.Deposit(session, "test", shop.Customer, new NewDeposit(5));
                throw Problem.Invalid("after all");
            });
            Task<object> good = writer.Do(session =>
                shop.Broker.Deposit(session, "test", shop.Customer, new NewDeposit(7)));
            await Assert.ThrowsAsync<Problem>(() => failing);
            await good;
        }
        Assert.Equal(Shop.Deposit + 7, shop.Balance(shop.Customer));
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_statement_whose_outcome_nobody_waits_for_fails_those_that_sent_it_alone(string kind)
    {
        using Shop shop = new(kind);
        await using (Writer writer = new(shop.Database))
        {
            Task<object> before = writer.Do(session =>
                shop.Broker.Deposit(session, "test", shop.Customer, new NewDeposit(7)));
            Task<object> failing = writer.Do(session =>
            {
                shop.Broker.Deposit(session, "test", shop.Customer, new NewDeposit(5));
                session.Send("INSERT INTO setting VALUES ('master-key', $1)", Array.Empty<byte>());
                return "done";
            });
            Task<object> after = writer.Do(session =>
                shop.Broker.Deposit(session, "test", shop.Customer, new NewDeposit(11)));
            await before;
            await Assert.ThrowsAnyAsync<DbException>(() => failing);
            await after;
        }
        Assert.Equal(Shop.Deposit + 18, shop.Balance(shop.Customer));
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Purchases_of_one_transaction_follow_from_one_another(string kind)
    {
        using Shop shop = new(kind);
        long other = shop.AddCustomer("bob", 1000);
        NewMachine wanted = new(Shop.Loader, "small", 5);
        int runs = 0;
        Task<object>[] bought;
        using (ManualResetEventSlim isQueued = new())
        await using (Writer writer = new(shop.Database))
        {
            Task<object> first = writer.Do(_ =>
            {
                isQueued.Wait();
                return "done";
            });
            bought = [.. Enumerable.Range(0, 11).Select(number => writer.Do(session =>
            {
                runs++;
                return shop.Broker.Buy(session, number % 3 == 0 ? other : shop.Customer, wanted, NewChain.Create(50));
            }, remembers: true))];
            isQueued.Set();
            await first;
            await Task.WhenAll(bought.Select(purchase => purchase.ContinueWith(_ => { }, TaskScheduler.Default)));
        }
        // Bob can pay two machines, and eight is what both nodes have room for.
        Assert.Equal([(6, "funds"), (9, "funds"), (10, "no-room")], bought.Select((purchase, number) =>
            (number, (purchase.Exception?.InnerException as Problem)?.Kind)).Where(refused => refused.Kind is not null));
        MachineView[] machines = [.. bought.Where(purchase => purchase.IsCompletedSuccessfully)
            .Select(purchase => ((Purchase)purchase.Result).Machine)];
        Assert.Equal(["n1", "n2", "n1", "n2", "n1", "n2", "n1", "n2"], machines.Select(machine => machine.Node));
        Assert.Equal(16, machines.SelectMany(machine => machine.Guests.Append(machine.BootAddress)).Distinct().Count());
        Assert.Equal((Shop.Deposit - 3000, 0), (shop.Balance(shop.Customer), shop.Balance(other)));
        // The database has refused nothing: then all of them would have been done again, and not the refused ones alone.
        Assert.Equal(8 + 2 * 3, runs);
        shop.Verified();
    }

    [PostgresFact]
    public async Task Who_finds_all_connections_taken_waits_for_the_next_that_is_free()
    {
        using Shop shop = new("postgres");
        using Database small = Database.At(shop.Where.Replace("Maximum Pool Size=20", "Maximum Pool Size=4;Timeout=1",
            StringComparison.Ordinal));
        long[] read = await Task.WhenAll(Enumerable.Range(0, 12).Select(number => Task.Factory.StartNew(() =>
        {
            for (int i = 0; i < 4; i++)
                small.Read(session => session.Number("SELECT 1 FROM pg_sleep(0.01)"));
            return small.Read(session => session.Number("SELECT $1::bigint", number));
        }, default, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        Assert.Equal(Enumerable.Range(0, 12).Select(number => (long)number), read);
    }

    [PostgresFact]
    public async Task A_server_whose_transactions_are_serializable_takes_writes_of_several_programs()
    {
        using Shop shop = new("postgres");
        using Database other = Database.At(shop.Where + ";Options=-c default_transaction_isolation=serializable");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 20; i++)
                other.Write(session => shop.Broker.Deposit(session, "test", shop.Customer, new NewDeposit(1)));
        })));
        Assert.Equal(Shop.Deposit + 80, shop.Balance(shop.Customer));
        shop.Verified();
    }

    [PostgresFact]
    public void A_step_may_take_longer_than_a_statement_of_a_request()
    {
        using Shop shop = new("postgres");
        using Database hurried = Database.At(shop.Where + ";Command Timeout=1;Cancellation Timeout=-1");
        Assert.Equal(1, Schema.Migrate(hurried, [.. Schema.Steps, _ => ["SELECT pg_sleep(1.5)"]]));
    }

    /// <summary>As those are that a server had before it was started anew.</summary>
    [PostgresFact]
    public void Who_reads_does_not_hear_that_connections_have_ended()
    {
        using Shop shop = new("postgres");
        using (Barrier together = new(4)) // so that four are kept
        {
            Thread[] reading = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
                shop.Look(session => { together.SignalAndWait(); return session.Number("SELECT 1"); })))];
            foreach (Thread thread in reading)
                thread.Start();
            foreach (Thread thread in reading)
                thread.Join();
        }
        EndOthers(shop);
        for (int i = 0; i < 4; i++)
            Assert.Equal(Shop.Deposit, shop.Balance(shop.Customer));
    }

    [PostgresFact]
    public async Task Who_writes_hears_once_that_the_connection_has_ended()
    {
        using Shop shop = new("postgres");
        await using Writer writer = new(shop.Database);
        Task<object> Pay() => writer.Do(session => shop.Broker.Deposit(session, "test", shop.Customer, new NewDeposit(1)));
        await Pay();
        EndOthers(shop);
        Problem told = await Assert.ThrowsAsync<Problem>(Pay);
        Assert.Equal((503, "database"), (told.Status, told.Kind));
        await Pay();
        Assert.Equal(Shop.Deposit + 2, shop.Balance(shop.Customer));
    }

    /// <summary>Those of the shop, kept and pooled ones.</summary>
    private static void EndOthers(Shop shop)
    {
        const string Others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        using Database own = Database.At(shop.Where + ";Pooling=false");
        using Session session = own.Open();
        session.Number($"SELECT COUNT(pg_terminate_backend(pid)) {Others}");
        Wait.Until(() => session.Number($"SELECT COUNT(*) {Others}") == 0, "the connections end", seconds: 60);
    }

    [PostgresFact]
    public void What_fails_while_somebody_reads_is_told_as_a_failure_of_the_database()
    {
        using Shop shop = new("postgres");
        Problem told = Assert.Throws<Problem>(() => shop.Look(session => session.Number("SELECT 1 / 0")));
        Assert.Equal((503, "database"), (told.Status, told.Kind));
        Assert.Contains("division by zero", (string)told.Data["cause"]!, StringComparison.Ordinal);
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_backup_overwrites_nothing_and_nobody_else_reads_it(string kind)
    {
        using Shop shop = new(kind);
        string file = shop.File("copy");
        shop.Database.Backup(file);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        byte[] first = File.ReadAllBytes(file);
        Assert.Equal("exists", Assert.Throws<Problem>(() => shop.Database.Backup(file)).Kind);
        Assert.Equal(first, File.ReadAllBytes(file));
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_backup_that_fails_leaves_nothing(string kind)
    {
        using Shop shop = new(kind);
        string file = shop.File("copy"), broken = shop.File("broken");
        File.WriteAllText(broken, "no database, and longer than its header would be: " + new string('x', 100));
        using Database none = Database.At(kind == "sqlite" ? broken : shop.Where.Replace("Database=t", "Database=none",
            StringComparison.Ordinal));
        Assert.ThrowsAny<Exception>(() => none.Backup(file));
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(file)!, Path.GetFileName(file) + "*"));
        shop.Database.Backup(file);
    }

    /// <summary>Whoever looks for the reason finds the first one in the log.</summary>
    [Theory, OnSqlite]
    public async Task A_disk_that_is_full_fails_what_is_written_and_is_named_and_nothing_has_to_be_started_anew(string kind)
    {
        using Shop shop = new(kind);
        await using Writer writer = new(shop.Database);
        Task<object> Pay() => writer.Do(session =>
        {
            // The file may grow no more, as on a full disk.
            long most = isFull ? session.Number("PRAGMA page_count") : 1_000_000;
            session.Number($"PRAGMA max_page_count = {most}");
            object paid = shop.Broker.Deposit(session, "test", shop.Customer, new NewDeposit(1));
            session.Send("INSERT INTO setting VALUES ($1, $2)", Guid.NewGuid().ToString(), new byte[100_000]);
            return paid;
        });
        await Pay();
        isFull = true;
        for (int i = 0; i < 2; i++)
        {
            Problem told = await Assert.ThrowsAsync<Problem>(Pay);
            Assert.Equal((503, "database"), (told.Status, told.Kind));
            Assert.Contains("database or disk is full", (string)told.Data["cause"]!, StringComparison.Ordinal);
        }
        isFull = false;
        await Pay();
        Assert.Equal(Shop.Deposit + 2, shop.Balance(shop.Customer));
        shop.Verified();
    }

}
