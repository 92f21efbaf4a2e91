using System;
using System.Collections.Generic;
using System.Security.Cryptography;
using Tokenbroker.Chains;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;

namespace Tokenbroker.Tests;

/// <summary>A broker with a clock of its own, two nodes between which guests move, a plan and customers.</summary>
internal sealed class Shop : IDisposable
{
    internal const string Loader = "00112233445566778899aabbccddeeff00112233";
    internal const string Key = "0123456789abcdef0123456789abcdef01234567";
    internal const long Deposit = 1_000_000;
    internal const long Existence = 2;

    private readonly Scratch scratch;
    private readonly bool isOwner = true;

    internal Shop(string kind, long machines = 4, INodeLink? link = null)
    {
        scratch = new Scratch(kind);
        Database = scratch.Database;
        Master = MasterKey.Of(RandomNumberGenerator.GetBytes(32));
        Schema.Migrate(Database, Schema.Steps);
        OperatorKey = Database.Write(session => Broker.Initialize(session, Master, Now));
        Broker = new Broker(Database, Master, () => Now, link);
        AddNode("n1", "10.0.0.1", "10.0.0.10-10.0.0.29", machines);
        AddNode("n2", "10.0.0.2", "10.0.0.30-10.0.0.49", machines);
        Do(session => Broker.AddPlan(session, "test", new NewPlan("small", 100, 64, Guests: 1, ChainLength: 50)));
        Customer = AddCustomer("alice", Deposit);
    }

    /// <summary>One whose database was copied.</summary>
    /// <param name="isOwner">Whether the database goes with it.</param>
    internal Shop(Shop model, Scratch scratch, bool isOwner)
    {
        (this.scratch, this.isOwner) = (scratch, isOwner);
        (Master, OperatorKey, Customer) = (model.Master, model.OperatorKey, model.Customer);
        Database = new MortalDatabase(scratch.Database);
        Broker = new Broker(Database, Master, () => Now);
    }

    internal long Now { get; set; } = 1_800_000_000;

    internal MasterKey Master { get; }

    internal Broker Broker { get; }

    internal string OperatorKey { get; }

    internal long Customer { get; }

    internal Database Database { get; }

    internal Scratch Scratch => scratch;

    internal string Where => scratch.Where;

    internal string File(string name) => scratch.File(name);

    internal T Do<T>(Func<Session, T> work) => Database.Write(work);

    internal T Look<T>(Func<Session, T> work) => Database.Read(work);

    internal NodeView AddNode(string name, string address, string boot, long machines) =>
        Do(session => Broker.AddNode(session, "test",
        new NewNode(name, address, Key, 24, boot, "10.0.0.100-10.0.0.199", 64 * machines, machines,
            new Prices(0, 0, 0, Existence), "10.0.0.254", ElementsPerPacket: 20)));

    internal long AddCustomer(string name, long deposit)
    {
        long id = Do(session => Broker.AddCustomer(session, "test", new NewCustomer(name))).Id;
        Do(session => Broker.Deposit(session, "test", id, new NewDeposit(deposit)));
        return id;
    }

    internal string AddKey(long customer, params string[] scopes) =>
        Do(session => Broker.AddKey(session, "test", customer, scopes));

    internal Purchase Buy(long customer, int tokens = 10, string? node = null, params string[] guests)
    {
        NewMachine wanted = new(Loader, "small", tokens, Node: node, Guests: [.. guests]);
        return Do(session => Broker.Buy(session, customer, wanted, NewChain.Create(50)));
    }

    internal Resupply Resupply(long customer, long machine, int tokens)
    {
        int length = Look(session => Broker.NewChainFor(session, customer, machine, tokens));
        return Do(session => Broker.Resupply(session, customer, machine, tokens, length == 0 ? null
            : NewChain.Create(length)));
    }

    /// <param name="elements">Of the last chain, those that the node was paid; all that were sold otherwise.</param>
    /// <param name="used">Units; all that was sold and is not unused otherwise.</param>
    internal RefundView Refund(long customer, string name, long unused, string key = Key, long? elements = null,
        long? used = null)
    {
        const string Of = "FROM chain c JOIN machine m ON m.id = c.machine WHERE m.name = $1";
        byte[] of = Convert.FromHexString(name);
        long paid = elements
            ?? Look(session => session.Number($"SELECT c.sold {Of} ORDER BY c.id DESC LIMIT 1", of));
        long spent = used
            ?? Look(session => session.Number($"SELECT CAST(100 * SUM(c.sold) AS BIGINT) {Of} HAVING COUNT(*) > 0", of))
                - unused;
        return Do(session => Broker.Refund(session, customer,
            new NewRefund(Certificates.Refunded(name, unused, key, paid, Math.Max(0, spent) / Existence))));
    }

    internal long Balance(long customer) => Look(session => Broker.Balance(session, customer)).Balance;

    /// <summary>Of all customers, the first one first.</summary>
    internal List<long> Balances() => Look(session => session.All(
        $"SELECT {Schema.BalanceOf("a.id")} FROM account a WHERE a.customer IS NOT NULL ORDER BY a.customer",
        row => row.GetInt64(0)));

    /// <summary>Verified, and in order.</summary>
    internal Findings Verified()
    {
        Findings found = Broker.Verify();
        Xunit.Assert.Equal([], found.Faults);
        Xunit.Assert.Equal(found.Sold, found.Burned + found.Refunded + found.Breakage + found.Outstanding);
        return found;
    }

    public void Dispose()
    {
        Broker.Dispose();
        if (isOwner)
            scratch.Dispose();
    }
}
