using System;
using System.Collections.Generic;

namespace Tokenbroker.Storage;

/// <summary>
/// The tables, as numbered steps that lead from each version to the next; a step that was released is never changed.
/// Amounts are whole units,
/// times Unix seconds, IPv4 addresses numbers whose most significant byte is the first octet, "sealed" is what <see
/// cref="Secrets.Seal"/> made.
/// </summary>
internal static class Schema
{
    internal static IReadOnlyList<Func<Dialect, string[]>> Steps { get; } = [First, Second, Third, Fourth, Fifth];

    /// <summary>
    /// Brings the database to the newest version, step by step, each in a transaction of its own. Takes as long as there are
    /// rows to be rewritten, and waits for another program that does it.
    /// </summary>
    /// <returns>How many steps were taken.</returns>
    internal static int Migrate(Database database, IReadOnlyList<Func<Dialect, string[]>> steps)
    {
        int taken = 0;
        using Session session = database.Open();
        session.IsPatient = true;
        session.Script(database.Dialect.Of(
            "CREATE TABLE IF NOT EXISTS schema_version (number {int} PRIMARY KEY, since {int} NOT NULL)"));
        for (; ; taken++)
        {
            database.BeginWrite(session);
            long version = Version(session);
            if (version > steps.Count)
                throw new Problem(500, "version",
                    $"the database {database.Name} has version {version}, and this program knows {steps.Count}: use "
                    + $"the program that wrote it, or a newer one");
            if (version == steps.Count)
            {
                session.Commit();
                return taken;
            }
            foreach (string statement in steps[(int)version](database.Dialect))
                session.Script(database.Dialect.Of(statement));
            session.Run("INSERT INTO schema_version VALUES ($1, $2)", version + 1,
                DateTimeOffset.UtcNow.ToUnixTimeSeconds());
            session.Commit();
        }
    }

    internal static long Version(Session session) =>
        session.Number("SELECT COALESCE(MAX(number), 0) FROM schema_version");

    /// <summary>
    /// What an account holds after its last entry; 0 before the first. <paramref name="account"/> is a column or a
    /// value.
    /// </summary>
    /// <param name="condition">Of the entries that count, beginning with AND; empty: all.</param>
    internal static string BalanceOf(string account, string condition = "") => $"""
        COALESCE((SELECT CASE WHEN debit = {account} THEN debit_balance ELSE credit_balance END FROM entry
            WHERE id = (SELECT MAX(id) FROM (
                SELECT MAX(id) AS id FROM entry WHERE debit = {account} {condition}
                UNION ALL
                SELECT MAX(id) AS id FROM entry WHERE credit = {account} {condition}) AS b)), 0)
        """;

    /// <summary>The same, as the first version asked for it, which sorts the two last entries of the account.</summary>
    private static string FirstBalanceOf(string account) => $"""
        COALESCE((SELECT balance FROM (
            SELECT * FROM (SELECT id, debit_balance AS balance FROM entry
                WHERE debit = {account} ORDER BY id DESC LIMIT 1) AS d
            UNION ALL
            SELECT * FROM (SELECT id, credit_balance AS balance FROM entry
                WHERE credit = {account} ORDER BY id DESC LIMIT 1) AS c) AS b
            ORDER BY id DESC LIMIT 1), 0)
        """;

    /// <summary>When an entry is refused, with the balance of an account asked for in one way or another.</summary>
    private static (string Sentence, string When)[] EntryRefusals(Func<string, string> balanceOf) =>
    [
        ("entries are numbered without gaps", "NEW.id <> (SELECT COALESCE(MAX(id), 0) + 1 FROM entry)"),
        ("the balance of the debited account is another",
            $"NEW.debit_balance <> {balanceOf("NEW.debit")} - NEW.amount"),
        ("the balance of the credited account is another",
            $"NEW.credit_balance <> {balanceOf("NEW.credit")} + NEW.amount"),
        ("the debited account would be overdrawn",
            "NEW.debit_balance < 0 AND (SELECT overdraft FROM account WHERE id = NEW.debit) = 0"),
    ];

    private static readonly (string Sentence, string When)[] s_claimRefusals =
    [
        ("the address is another machine's",
            "EXISTS (SELECT 1 FROM claim c WHERE c.address = NEW.address AND (c.is_boot = 1 OR NEW.is_boot = 1 OR "
            + "c.customer <> NEW.customer))"),
    ];

    private static readonly (string Sentence, string When)[] s_saleRefusals =
    [
        ("elements are sold in their order, each once", "NEW.first <> (SELECT sold FROM chain WHERE id = NEW.chain)"),
    ];

    private const string MoveChain = "UPDATE chain SET sold = NEW.first + NEW.elements WHERE id = NEW.chain";

    private static readonly (string Sentence, string When)[] s_newChainRefusals =
    [
        ("a new chain is unsold", "NEW.sold <> 0"),
    ];

    private static readonly (string Sentence, string When)[] s_chainRefusals =
    [
        ("a chain does not change",
            "NEW.id <> OLD.id OR NEW.machine <> OLD.machine OR NEW.length <> OLD.length OR NEW.chain_end <> "
            + "OLD.chain_end"),
        ("only a sale moves a chain",
            "NEW.sold <> OLD.sold AND NOT EXISTS (SELECT 1 FROM sale WHERE chain = NEW.id AND first = OLD.sold AND "
            + "first + elements = NEW.sold)"),
    ];

    /// <summary>The guards that are others now, as the first version had them, for a ledger that is to look like one of it.</summary>
    internal static string[] FirstGuards(Dialect dialect) =>
    [
        dialect.Without("entry_guard_INSERT"),
        dialect.Guard("entry", "INSERT", EntryRefusals(FirstBalanceOf)),
        dialect.Without("claim_guard_INSERT"),
        dialect.Guard("claim", "INSERT", s_claimRefusals),
        dialect.Without("sale_guard_INSERT"),
        dialect.Guard("sale", "INSERT", s_saleRefusals),
        dialect.Without("sale_after"),
        dialect.After("sale", MoveChain),
        dialect.Without("chain_guard_INSERT"),
        dialect.Guard("chain", "INSERT", s_newChainRefusals),
        dialect.Without("chain_guard_UPDATE"),
        dialect.Guard("chain", "UPDATE", s_chainRefusals),
    ];

    private static string[] First(Dialect dialect) =>
    [
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value {bytes} NOT NULL) {strict}",

        "CREATE TABLE customer (id {int} PRIMARY KEY, name TEXT NOT NULL UNIQUE, created {int} NOT NULL) {strict}",

        // Without a customer: an operator's.
        """
        CREATE TABLE api_key (id TEXT PRIMARY KEY, customer {int} REFERENCES customer, hash {bytes} NOT NULL,
            scopes TEXT NOT NULL,
            created {int} NOT NULL, revoked {int}) {strict}
        """,

        """
        CREATE TABLE node (id {int} PRIMARY KEY, name TEXT NOT NULL UNIQUE, address {int} NOT NULL UNIQUE,
            prefix {int} NOT NULL, gateway {int} NOT NULL,
            boot_first {int} NOT NULL, boot_last {int} NOT NULL, guest_first {int} NOT NULL, guest_last {int} NOT NULL,
            boot_next {int} NOT NULL, guest_next {int} NOT NULL,
            memory {int} NOT NULL, machines {int} NOT NULL, used_memory {int} NOT NULL DEFAULT 0,
                used_machines {int} NOT NULL DEFAULT 0,
            price_cpu {int} NOT NULL, price_memory {int} NOT NULL, price_network {int} NOT NULL,
                price_existence {int} NOT NULL,
            hashes {int} NOT NULL, enabled {int} NOT NULL,
            CHECK (used_memory BETWEEN 0 AND memory), CHECK (used_machines BETWEEN 0 AND machines),
            CHECK (boot_first <= boot_last AND guest_first <= guest_last + 1)) {strict}
        """,
        "CREATE TABLE node_key (node {int} NOT NULL REFERENCES node, number {int} NOT NULL, sealed {bytes} NOT NULL, "
        + "since {int} NOT NULL, PRIMARY KEY (node, number)) {strict}",
        dialect.AppendOnly("node_key"),

        """
        CREATE TABLE plan (id {int} PRIMARY KEY, name TEXT NOT NULL UNIQUE, value {int} NOT NULL CHECK (value > 0),
            memory {int} NOT NULL CHECK (memory > 0),
            cpu {int} NOT NULL CHECK (cpu > 0), lease {int} NOT NULL, lifetime {int} NOT NULL,
                chain_length {int} NOT NULL, guests {int} NOT NULL, enabled {int} NOT NULL) {strict}
        """,
        """
        CREATE TABLE quote (id {int} PRIMARY KEY, customer {int} NOT NULL REFERENCES customer,
            plan {int} NOT NULL REFERENCES plan, tokens {int} NOT NULL,
            value {int} NOT NULL, expires {int} NOT NULL, used {int} NOT NULL DEFAULT 0) {strict}
        """,

        // Only accounts that may be overdrawn ever hold less than 0: what has come in from outside, which is the other
        // side of all money here.
        """
        CREATE TABLE account (id {int} PRIMARY KEY, name TEXT NOT NULL UNIQUE,
            customer {int} UNIQUE REFERENCES customer, overdraft {int} NOT NULL) {strict}
        """,
        dialect.AppendOnly("account"),

        // An entry debits one account and credits another with the same amount: no entry, and so no set of them, sums
        // up to anything but 0.
        """
        CREATE TABLE entry (id {int} PRIMARY KEY, at {int} NOT NULL, kind TEXT NOT NULL, reference TEXT NOT NULL,
            debit {int} NOT NULL REFERENCES account, credit {int} NOT NULL REFERENCES account,
                amount {int} NOT NULL CHECK (amount > 0),
            debit_balance {int} NOT NULL, credit_balance {int} NOT NULL, hash {bytes} NOT NULL UNIQUE,
                CHECK (debit <> credit), CHECK (length(hash) = 32)) {strict}
        """,
        "CREATE INDEX entry_debit ON entry (debit, id)",
        "CREATE INDEX entry_credit ON entry (credit, id)",
        dialect.AppendOnly("entry"),
        dialect.Guard("entry", "INSERT", EntryRefusals(FirstBalanceOf)),

        // account: what was sold for the machine and is neither refunded nor settled.
        """
        CREATE TABLE machine (id {int} PRIMARY KEY, customer {int} NOT NULL REFERENCES customer,
            node {int} NOT NULL REFERENCES node, plan {int} NOT NULL REFERENCES plan,
            key_number {int} NOT NULL, account {int} NOT NULL UNIQUE REFERENCES account, boot {int} NOT NULL,
                memory {int} NOT NULL, value {int} NOT NULL,
            idle {int} NOT NULL CHECK (idle > 0), issued {int} NOT NULL, expires {int} NOT NULL, lapses {int} NOT NULL,
                name {bytes} NOT NULL UNIQUE,
            closed {int}, ending TEXT, FOREIGN KEY (node, key_number) REFERENCES node_key (node, number)) {strict}
        """,
        "CREATE INDEX machine_customer ON machine (customer, id)",
        "CREATE INDEX machine_lapse ON machine (lapses) WHERE closed IS NULL",
        dialect.Guard("machine", "UPDATE",
            ("a machine that is closed stays so", "OLD.closed IS NOT NULL"),
            ("a machine does not change",
                "NEW.id <> OLD.id OR NEW.customer <> OLD.customer OR NEW.node <> OLD.node OR NEW.account <> "
                + "OLD.account OR NEW.name <> OLD.name OR NEW.lapses < OLD.lapses")),
        """
        CREATE TABLE claim (address {int} NOT NULL, machine {int} NOT NULL REFERENCES machine,
            node {int} NOT NULL REFERENCES node, customer {int} NOT NULL REFERENCES customer,
            is_boot {int} NOT NULL, PRIMARY KEY (address, node)) {strict}
        """,
        "CREATE INDEX claim_machine ON claim (machine)",
        // A guest that moves takes its address along: the same customer may have it on several nodes.
        dialect.Guard("claim", "INSERT", s_claimRefusals),

        // sold counts from the end of the chain: s_n is the first. Only a sale moves it, and only on.
        """
        CREATE TABLE chain (id {int} PRIMARY KEY, machine {int} NOT NULL REFERENCES machine,
            length {int} NOT NULL CHECK (length > 0), sold {int} NOT NULL DEFAULT 0,
            chain_end {bytes} NOT NULL UNIQUE, sealed {bytes} NOT NULL, CHECK (sold BETWEEN 0 AND length)) {strict}
        """,
        "CREATE INDEX chain_machine ON chain (machine, id)",
        """
        CREATE TABLE sale (id {int} PRIMARY KEY, chain {int} NOT NULL REFERENCES chain, first {int} NOT NULL,
            elements {int} NOT NULL CHECK (elements > 0),
            entry {int} NOT NULL REFERENCES entry, UNIQUE (chain, first)) {strict}
        """,
        dialect.AppendOnly("sale"),
        dialect.Guard("sale", "INSERT", s_saleRefusals),
        dialect.After("sale", MoveChain),
        dialect.Guard("chain", "INSERT", s_newChainRefusals),
        dialect.Guard("chain", "UPDATE", s_chainRefusals),

        "CREATE TABLE refund (machine {int} PRIMARY KEY REFERENCES machine, at {int} NOT NULL, unused {int} NOT NULL, "
        + "certificate {bytes} NOT NULL) {strict}",
        dialect.AppendOnly("refund"),

        """
        CREATE TABLE answer (actor TEXT NOT NULL, idempotency_key TEXT NOT NULL, at {int} NOT NULL,
            fingerprint {bytes} NOT NULL, status {int} NOT NULL, sealed {bytes} NOT NULL,
            PRIMARY KEY (actor, idempotency_key)) {strict}
        """,
        "CREATE INDEX answer_at ON answer (at)",
        "CREATE TABLE audit (id {int} PRIMARY KEY, at {int} NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, "
        + "subject TEXT NOT NULL) {strict}",
        dialect.AppendOnly("audit"),
    ];

    private static string[] Second(Dialect _) =>
    [
        // MiB for one machine; 0 is a node of which it is not known.
        "ALTER TABLE node ADD COLUMN most_memory {int} NOT NULL DEFAULT 0",

        // No node verifies so many: they stand there by an early version, which named a million where nobody did.
        "UPDATE node SET hashes = 1000 WHERE hashes > 100000",

        // started: when its node first said that it keeps an account of it. released: when it gave its place back,
        // because its node did not and it could not be started any more. Its money stays until it lapses.
        "ALTER TABLE machine ADD COLUMN started {int}",
        "ALTER TABLE machine ADD COLUMN released {int}",
        "CREATE INDEX machine_unstarted ON machine (expires) WHERE closed IS NULL AND started IS NULL AND released IS NULL",
    ];

    private static string[] Third(Dialect dialect) =>
    [
        // What it refuses is the same; it finds an account's last entry by two looks into an index and sorts nothing.
        dialect.GuardAnew("entry", "INSERT", EntryRefusals(account => BalanceOf(account))),
    ];

    /// <summary>
    /// What is refused is the same. Purchases that are committed together insert with one statement for each table, and
    /// PostgreSQL looks at all rows of a statement when they are there, instead of at each one before. So each condition is
    /// one of the whole table: an entry follows from the one before it, a sale from the chain or another new sale.
    /// </summary>
    private static string[] Fourth(Dialect dialect) => dialect == Dialect.Sqlite ? [] :
    [
        Dialect.GuardTogether("entry", "INSERT", "fresh f", "",
            ("entries are numbered without gaps",
                "f.id < 1 OR f.id > 1 AND (SELECT COUNT(*) FROM entry WHERE id = f.id - 1) = 0"),
            ("the balance of the debited account is another",
                $"f.debit_balance <> {BalanceOf("f.debit", "AND id < f.id")} - f.amount"),
            ("the balance of the credited account is another",
                $"f.credit_balance <> {BalanceOf("f.credit", "AND id < f.id")} + f.amount"),
            ("the debited account would be overdrawn",
                "f.debit_balance < 0 AND (SELECT overdraft FROM account WHERE id = f.debit) = 0")),
        Dialect.GuardTogether("claim", "INSERT", "fresh f", "",
            ("the address is another machine's",
                "(SELECT COUNT(*) FROM claim c WHERE c.address = f.address AND c.node <> f.node AND (c.is_boot = 1 OR "
                + "f.is_boot = 1 OR c.customer <> f.customer)) > 0")),
        Dialect.GuardTogether("sale", "INSERT", "fresh f",
            "UPDATE chain SET sold = (SELECT MAX(f.first + f.elements) FROM fresh f WHERE f.chain = chain.id) "
            + "WHERE id = ANY (ARRAY(SELECT f.chain FROM fresh f));",
            ("elements are sold in their order, each once",
                "f.first <> COALESCE((SELECT sold FROM chain WHERE id = f.chain), -1) AND (SELECT COUNT(*) FROM fresh g "
                + "WHERE g.chain = f.chain AND g.first + g.elements = f.first) = 0")),
        dialect.Without("sale_after"),
        Dialect.GuardTogether("chain", "UPDATE", "former o LEFT JOIN fresh n ON n.id = o.id", "",
            ("a chain does not change",
                "n.id IS NULL OR n.machine <> o.machine OR n.length <> o.length OR n.chain_end <> o.chain_end"),
            ("only a sale moves a chain",
                "n.sold <> o.sold AND n.sold <> COALESCE((SELECT first + elements FROM sale WHERE chain = n.id "
                + "ORDER BY first DESC LIMIT 1), 0)")),
        // Its function is called where it refuses, and not for each row.
        "DROP TRIGGER chain_guard_INSERT ON chain",
        "CREATE TRIGGER chain_guard_INSERT BEFORE INSERT ON chain FOR EACH ROW WHEN (NEW.sold <> 0) "
        + "EXECUTE FUNCTION chain_guard_INSERT()",
        // A chain is inserted and then moved: both versions shall find room in one page.
        "ALTER TABLE chain SET (fillfactor = 50)",
        // What is sealed has nothing that could be compressed.
        "ALTER TABLE chain ALTER COLUMN sealed SET STORAGE EXTERNAL",
        "ALTER TABLE answer ALTER COLUMN sealed SET STORAGE EXTERNAL",
    ];

    private static string[] Fifth(Dialect _) =>
    [
        // Hundredths of a processor: what a machine has at least, and what all machines may have together, where 0 is not
        // counted; and what one of them costs in a second.
        "ALTER TABLE node ADD COLUMN min_cpu {int} NOT NULL DEFAULT 100",
        "ALTER TABLE node ADD COLUMN price_share {int} NOT NULL DEFAULT 0",
        "ALTER TABLE node ADD COLUMN cpu {int} NOT NULL DEFAULT 0",
        "ALTER TABLE node ADD COLUMN used_cpu {int} NOT NULL DEFAULT 0 "
        + "CHECK (used_cpu >= 0 AND (cpu = 0 OR used_cpu <= cpu))",
        "UPDATE node SET used_cpu = COALESCE((SELECT SUM(p.cpu) FROM machine m JOIN plan p ON p.id = m.plan "
        + "WHERE m.node = node.id AND m.closed IS NULL AND m.released IS NULL), 0)",
    ];
}
