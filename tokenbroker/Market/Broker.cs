using System;
using System.Collections.Generic;
using System.Linq;
using Tokenbroker.Ledger;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;
using Tokens;

namespace Tokenbroker.Market;

/// <summary>
/// What the broker does for operators and customers. Methods that take a session and change something run in a
/// transaction of the only one who writes: all of it, or with a <see cref="Problem"/> nothing.
/// </summary>
internal sealed partial class Broker : IDisposable
{
    internal const int MaxPageSize = 500;

    private readonly Seal nodeKeys, chains;

    internal Broker(Database database, MasterKey master, Func<long>? clock = null, INodeLink? link = null)
    {
        Database = database;
        this.link = link ?? new NodeLink();
        Journal = new Journal(master.For("ledger"));
        (nodeKeys, chains, Answers) = (new Seal(master.For("node")), new Seal(master.For("chain")),
            new Seal(master.For("answer")));
        Clock = clock ?? (() => DateTimeOffset.UtcNow.ToUnixTimeSeconds());
    }

    internal Database Database { get; }

    internal Journal Journal { get; }

    internal Seal Answers { get; }

    internal Chains.ChainPool NewChains { get; } = new();

    /// <summary>Unix seconds.</summary>
    internal Func<long> Clock { get; }

    /// <summary>The first accounts and the operator's first key.</summary>
    internal static string Initialize(Session session, MasterKey master, long now)
    {
        master.Imprint(session);
        Journal.OpenAccount(session, Journal.Outside, overdraft: true);
        Journal.OpenAccount(session, Journal.Burned);
        Journal.OpenAccount(session, Journal.Breakage);
        string key = ApiKeys.Create(session, now, customer: null, [ApiKeys.Operator, ApiKeys.Metrics]);
        Audit(session, now, "setup", "init", "");
        return key;
    }

    internal Findings Verify(string? known = null, Action<string>? tell = null) =>
        Verification.Run(Database, Journal, chains, known, tell);

    internal static void Audit(Session session, long now, string actor, string action, string subject) =>
        session.Run(
            "INSERT INTO audit (id, at, actor, action, subject) SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, "
            + "$4 FROM audit", now, actor, action, subject);

    internal static Page<AuditView> ReadAudit(Session session, long after, int limit) =>
        PageOf(session.All("SELECT id, at, actor, action, subject FROM audit WHERE id > $1 ORDER BY id LIMIT $2",
            row => new AuditView(row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3),
                row.GetString(4)), after, limit + 1), limit, item => item.Id);

    // Customers

    internal CustomerView AddCustomer(Session session, string actor, NewCustomer wanted)
    {
        DemandName(wanted.Name, "a customer");
        if (session.Number("SELECT COUNT(*) FROM customer WHERE name = $1", wanted.Name) != 0)
            throw Problem.Conflict("exists", $"there is a customer {wanted.Name} already");
        long id =
            session.Number(
            "INSERT INTO customer (id, name, created) SELECT COALESCE(MAX(id), 0) + 1, $1, $2 FROM customer "
            + "RETURNING id", wanted.Name, Clock());
        Journal.OpenAccount(session, $"customer:{id}", id);
        Audit(session, Clock(), actor, "customer add", wanted.Name);
        return new CustomerView(id, wanted.Name, 0);
    }

    internal static Page<CustomerView> Customers(Session session, long after, int limit) => PageOf(
        session.All(
            $"SELECT c.id, c.name, {Schema.BalanceOf("a.id")} FROM customer c JOIN account a ON a.customer = c.id "
            + $"WHERE c.id > $1 ORDER BY c.id LIMIT $2",
            row => new CustomerView(row.GetInt64(0), row.GetString(1), row.GetInt64(2)), after, limit + 1), limit,
                item => item.Id);

    internal static long CustomerNamed(Session session, string name)
    {
        long id = session.Number("SELECT id FROM customer WHERE name = $1", name);
        return id != 0 ? id : throw Problem.NotFound($"there is no customer {name}");
    }

    internal string AddKey(Session session, string actor, long customer, IReadOnlyList<string> scopes)
    {
        AccountOf(session, customer);
        string key = ApiKeys.Create(session, Clock(), customer, scopes);
        Audit(session, Clock(), actor, "customer key",
            $"customer {customer}, key {key.Split('_')[1]}: {string.Join(' ', scopes)}");
        return key;
    }

    internal void Revoke(Session session, string actor, string keyId)
    {
        if (!ApiKeys.Revoke(session, keyId, Clock()))
            throw Problem.NotFound(
                $"there is no key {keyId} that is not revoked; its name is what stands between the first and the "
                + $"second _ of the key");
        Audit(session, Clock(), actor, "customer revoke", keyId);
    }

    internal BalanceView Deposit(Session session, string actor, long customer, NewDeposit wanted)
    {
        if (wanted.Amount is < 1 or > 1L << 60)
            throw Problem.Invalid($"a deposit is 1 to {1L << 60} units");
        if (wanted.Note.Length > 200)
            throw Problem.Invalid("a note has at most 200 characters");
        long account = AccountOf(session, customer);
        if (Journal.Balance(session, account) > (1L << 61)
            || -Journal.Balance(session, Journal.AccountNamed(session, Journal.Outside)) > (1L << 61))
            throw Problem.Conflict("full", "no account holds more than 64 bits");
        Entry entry = Journal.Post(session, Clock(), "deposit", wanted.Note,
            Journal.AccountNamed(session, Journal.Outside), account, wanted.Amount);
        Audit(session, Clock(), actor, "deposit", $"customer {customer}: {wanted.Amount}, entry {entry.Id}");
        return new BalanceView(entry.CreditBalance);
    }

    internal static long AccountOf(Session session, long customer)
    {
        long account = session.Number("SELECT id FROM account WHERE customer = $1", customer);
        return account != 0 ? account : throw Problem.NotFound($"there is no customer {customer}");
    }

    internal static BalanceView Balance(Session session, long customer) =>
        new(Journal.Balance(session, AccountOf(session, customer)));

    /// <summary>
    /// A customer's entries, the oldest first; the amount is what it changed of his balance. Each index of the journal is
    /// read as far as the page goes, so that a page costs the same however many entries there are.
    /// </summary>
    internal static Page<EntryView> Entries(Session session, long customer, long after, int limit)
    {
        long account = AccountOf(session, customer);
        return PageOf(session.All("""
            SELECT * FROM (
                SELECT * FROM (SELECT id, at, kind, reference, -amount AS change, debit_balance AS balance FROM entry
                    WHERE debit = $1 AND id > $2 ORDER BY id LIMIT $3) AS d
                UNION ALL
                SELECT * FROM (SELECT id, at, kind, reference, amount, credit_balance FROM entry
                    WHERE credit = $1 AND id > $2 ORDER BY id LIMIT $3) AS c) AS both_sides
            ORDER BY id LIMIT $3
            """, row => new EntryView(row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3),
                row.GetInt64(4), row.GetInt64(5)), account, after, limit + 1), limit, item => item.Id);
    }

    // Plans and quotes

    internal PlanView AddPlan(Session session, string actor, NewPlan wanted)
    {
        DemandName(wanted.Name, "a plan");
        DemandRange(wanted.TokenValue, 1, 1L << 40, "token_value");
        DemandRange(wanted.MemoryMib, 1, 1 << 20, "memory_mib");
        DemandRange(wanted.CpuPercent, 1, WholeProcessor, "cpu_percent");
        DemandRange(wanted.Guests, 0, Wire.BootToken.MaxGuests, "guests");
        DemandRange(wanted.LeaseSeconds, 1, ushort.MaxValue, "lease_seconds");
        DemandRange(wanted.BootSeconds, 1, 7 * 86400, "boot_seconds");
        DemandRange(wanted.ChainLength, 1, Chain.MaxLength, "chain_length");
        if (wanted.TokenValue > MaxOfChain / wanted.ChainLength)
            throw Problem.Invalid($"a whole chain, chain_length times token_value, is at most {MaxOfChain} units");
        if (session.Number("SELECT COUNT(*) FROM plan WHERE name = $1", wanted.Name) != 0)
            throw Problem.Conflict("exists", $"there is a plan {wanted.Name} already");
        long id = session.Number("""
            INSERT INTO plan (id, name, value, memory, cpu, lease, lifetime, chain_length, guests, enabled)
            SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, 1 FROM plan RETURNING id
            """, wanted.Name, wanted.TokenValue, wanted.MemoryMib, wanted.CpuPercent, wanted.LeaseSeconds,
                wanted.BootSeconds, wanted.ChainLength, wanted.Guests);
        Audit(session, Clock(), actor, "plan add", wanted.Name);
        return PlanWith(session, id);
    }

    /// <summary>
    /// The share of a processor that every node gives, and none gives more, in hundredths (docs/protocols.md, refusal
    /// 23).
    /// </summary>
    internal const int WholeProcessor = 100;

    /// <summary>Plans that are there already may ask for what no node gives.</summary>
    private static void DemandDeliverable(PlanView plan)
    {
        if (plan.CpuPercent > WholeProcessor)
            throw Problem.Conflict("no-room",
                $"the plan {plan.Name} asks for {plan.CpuPercent} % of a processor, and no node gives more than "
                + $"{WholeProcessor} to a machine: take another plan");
    }

    // So that no price of tokens, of two chains at once, leaves 64 bits.
    private const long MaxOfChain = 1L << 60;

    private const string PlanColumns =
        "SELECT id, name, value, memory, cpu, guests, lease, lifetime, chain_length FROM plan";

    private static PlanView ReadPlan(Row row) =>
        new(row.GetInt64(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3),
        (int)row.GetInt64(4), (int)row.GetInt64(5), (int)row.GetInt64(6), (int)row.GetInt64(7), (int)row.GetInt64(8));

    internal static Page<PlanView> Plans(Session session, long after, int limit) =>
        PageOf(session.All(PlanColumns + " WHERE enabled = 1 AND id > $1 ORDER BY id LIMIT $2", ReadPlan, after, limit
            + 1), limit, item => item.Id);

    private static PlanView PlanWith(Session session, long id) =>
        session.One(PlanColumns + " WHERE id = $1", ReadPlan, id)!;

    internal static PlanView PlanNamed(Session session, string name) =>
        session.One(PlanColumns + " WHERE name = $1 AND enabled = 1", ReadPlan, name)
            ?? throw Problem.NotFound($"there is no plan {name}: GET /v1/plans lists them");

    private const int QuoteSeconds = 600;

    // A quote costs nothing, and its answer is kept for days.
    internal const int MaxQuotes = 100;

    // So long it is still told from one that never was.
    private const int ForgottenAfter = 3600;

    internal QuoteView Quote(Session session, long customer, NewQuote wanted)
    {
        PlanView plan = PlanNamed(session, wanted.Plan);
        DemandDeliverable(plan);
        DemandTokens(wanted.Tokens, plan.ChainLength);
        long now = Clock(), expires = now + QuoteSeconds;
        if (session.Number("SELECT COUNT(*) FROM quote WHERE customer = $1 AND used = 0 AND expires > $2", customer, now)
            >= MaxQuotes)
        {
            throw Problem.Conflict("quote",
                $"{MaxQuotes} quotes of yours hold still: buy by one, or wait until one has expired");
        }
        long id = session.Number("""
            INSERT INTO quote (id, customer, plan, tokens, value, expires) SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3,
                $4, $5 FROM quote RETURNING id
            """, customer, plan.Id, wanted.Tokens, plan.TokenValue, expires);
        long amount = checked(wanted.Tokens * plan.TokenValue);
        List<QuotedNode> nodes = [.. NodesFor(session, plan, wanted.Tokens, "").Select(load => load.Node)
            .Select(node => (node.Name, Prices: node.Prices.Of(plan.CpuPercent))).Select(node =>
                new QuotedNode(node.Name, node.Prices, amount / IdleRate(node.Prices, plan.MemoryMib)))];
        return new QuoteView(id, plan.Name, wanted.Tokens, plan.TokenValue, amount, expires, nodes);
    }

    /// <summary>Quotes that nobody can use any more.</summary>
    internal int ForgetQuotes(Session session) => session.Run("DELETE FROM quote WHERE expires < $1", Clock() - ForgottenAfter);

    // What is common

    private static void DemandTokens(int tokens, int most)
    {
        if (tokens < 1 || tokens > most)
            throw Problem.Invalid($"tokens: 1 to {most} of them are sold at once");
    }

    internal static void DemandRange(long value, long least, long most, string what)
    {
        if (value < least || value > most)
            throw Problem.Invalid($"{what} is {least} to {most}");
    }

    private static void DemandName(string name, string what)
    {
        if (name.Length is 0 or > 64 || !name.All(letter => char.IsAsciiLetterOrDigit(letter)
            || letter is '-' or '_' or '.' or '@'))
            throw Problem.Invalid($"the name of {what} has 1 to 64 letters, digits and any of - _ . @");
    }

    internal static byte[] Hex(string text, int size, string what)
    {
        byte[] bytes = new byte[size];
        return text.Length == 2 * size
            && Convert.FromHexString(text, bytes, out _, out _) == System.Buffers.OperationStatus.Done
            ? bytes : throw Problem.Invalid($"{what} has {2 * size} hexadecimal digits");
    }

    private static Page<T> PageOf<T>(List<T> rows, int limit, Func<T, long> id)
    {
        if (rows.Count <= limit)
            return new Page<T>(rows, null);
        rows.RemoveAt(limit);
        return new Page<T>(rows, id(rows[^1]));
    }

    public void Dispose()
    {
        link.Dispose();
        nodeKeys.Dispose();
        chains.Dispose();
        Answers.Dispose();
        Database.Dispose();
    }
}
