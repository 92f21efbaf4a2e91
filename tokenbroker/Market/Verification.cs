using System;
using System.Collections.Generic;
using System.Globalization;
using System.Runtime.InteropServices;
using Tokenbroker.Chains;
using Tokenbroker.Ledger;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;
using Tokens;

namespace Tokenbroker.Market;

/// <summary>What <c>tokenbroker verify</c> has found; nothing is wrong when there are no faults.</summary>
internal sealed record Findings(long Entries, string Head, long Accounts, long Chains, long Sold, long Burned,
    long Refunded, long Breakage, long Outstanding, List<string> Faults);

/// <summary>Derives everything again from the entries and compares it with what the database says.</summary>
internal static class Verification
{
    private const int MaxFaults = 50;
    private const int TellEveryMs = 200;

    /// <summary>
    /// Takes as long as there are rows; memory is wanted for the accounts that hold something, and not for the ledger's
    /// length. Others read and write meanwhile.
    /// </summary>
    /// <param name="known">"NUMBER:HASH", the head that an earlier run printed, or null: it must still be there, so
    /// that nothing behind it was cut off.</param>
    /// <param name="tell">Hears what is being looked at, several times a second.</param>
    internal static Findings Run(Database database, Journal journal, Seal chains, string? known, Action<string>? tell)
    {
        using Session session = database.Open();
        session.IsPatient = true;
        // What SQLite sorts may be larger than memory, too.
        session.Script(database.Dialect == Dialect.Sqlite ? "PRAGMA temp_store = FILE; BEGIN"
            : "BEGIN ISOLATION LEVEL REPEATABLE READ");
        Findings findings = Look(session, journal, chains, known, tell);
        session.Script("ROLLBACK");
        return findings;
    }

    private static Findings Look(Session session, Journal journal, Seal chains, string? known, Action<string>? tell)
    {
        List<string> faults = [];
        long told = 0;
        void Fault(bool isWrong, string sentence)
        {
            if (isWrong && faults.Count < MaxFaults)
                faults.Add(sentence);
        }

        // Every row of a table, in the order of numbers that grow up to the last.
        void Each(string what, string last, string statement, Action<Row> read)
        {
            long most = tell is null ? 0 : session.Number($"SELECT COALESCE(MAX({last}), 0) FROM {what}");
            long count = 0;
            session.Each(statement, row =>
            {
                count++;
                if (tell is not null && Environment.TickCount64 - told >= TellEveryMs)
                {
                    told = Environment.TickCount64;
                    tell(string.Create(CultureInfo.InvariantCulture, $"{what} {count} of about {most}"));
                }
                read(row);
            });
        }
        // Rows of which there are none in a ledger that is in order.
        void None(string what, string statement, Func<Row, string> sentence)
        {
            tell?.Invoke(what);
            session.Each(statement, row => Fault(true, sentence(row)));
        }

        // The journal: numbers, hashes, balances. Who has none is not kept, as the machines that have ended.
        Dictionary<long, long> balances = [];
        long Move(long account, long amount)
        {
            ref long balance = ref CollectionsMarshal.GetValueRefOrAddDefault(balances, account, out _);
            long moved = balance += amount;
            if (moved == 0)
                balances.Remove(account);
            return moved;
        }
        Dictionary<string, long> byKind = [];
        long number = 0;
        byte[] hash = Journal.Start.ToArray();
        bool isKnown = known is null;
        Each("entry", "id",
            "SELECT id, at, kind, reference, debit, credit, amount, debit_balance, credit_balance, hash FROM "
            + "entry ORDER BY id", row =>
        {
            Entry entry = new(row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3), row.GetInt64(4),
                row.GetInt64(5), row.GetInt64(6), row.GetInt64(7), row.GetInt64(8));
            number++;
            Fault(entry.Id != number, $"entry {number} is missing: {entry.Id} stands in its place");
            number = entry.Id;
            byte[] stored = row.Bytes(9);
            Fault(!stored.AsSpan().SequenceEqual(journal.Hash(hash, entry)),
                $"entry {entry.Id} was changed, or the one before it");
            hash = stored; // so that a fault is told once
            long debit = Move(entry.Debit, -entry.Amount);
            long credit = Move(entry.Credit, entry.Amount);
            Fault(debit != entry.DebitBalance || credit != entry.CreditBalance,
                $"entry {entry.Id} says other balances than the entries before it");
            byKind[entry.Kind] = byKind.GetValueOrDefault(entry.Kind) + entry.Amount;
            isKnown |= $"{entry.Id}:{Convert.ToHexStringLower(stored)}" == known;
        });
        string head = $"{number}:{Convert.ToHexStringLower(hash)}";
        Fault(!isKnown, $"the head {known} is not in the ledger any more: entries were cut off or written anew");

        // Accounts.
        long sum = 0, accounts = 0, outstanding = 0;
        Each("account", "id", "SELECT id, name, overdraft FROM account ORDER BY id", row =>
        {
            accounts++;
            long balance = balances.GetValueOrDefault(row.GetInt64(0));
            sum += balance;
            if (row.GetString(1).StartsWith("machine:", StringComparison.Ordinal))
                outstanding += balance;
            Fault(balance < 0 && row.GetInt64(2) == 0, $"the account {row.GetString(1)} is overdrawn: {balance}");
        });
        Fault(sum != 0, $"the balances add up to {sum}");

        // Sales: each element once, in order, paid.
        long chain = 0, sold = 0;
        Each("sale", "id", "SELECT chain, first, elements FROM sale ORDER BY chain, first", row =>
        {
            sold = row.GetInt64(0) == chain ? sold : 0;
            chain = row.GetInt64(0);
            Fault(row.GetInt64(1) != sold, $"chain {chain}: elements from {sold} on were sold twice or left out");
            sold = row.GetInt64(1) + row.GetInt64(2);
        });
        None("chains and their sales",
            "SELECT c.id FROM chain c WHERE c.sold <> COALESCE((SELECT SUM(elements) FROM sale WHERE chain = c.id), 0)",
            row => $"chain {row.GetInt64(0)}: more or less is sold than its sales say");
        // Grouped before it is joined: no index leads from an entry to its sales.
        None("entries and what was sold for them", """
            SELECT e.id FROM entry e LEFT JOIN (
                SELECT s.entry AS entry, m.account AS account, SUM(s.elements * m.value) AS value
                FROM sale s JOIN chain c ON c.id = s.chain JOIN machine m ON m.id = c.machine
                GROUP BY s.entry, m.account) AS paid ON paid.entry = e.id AND paid.account = e.credit
            WHERE e.kind IN ('purchase', 'resupply') AND e.amount <> COALESCE(paid.value, 0) ORDER BY e.id
            """, row => $"entry {row.GetInt64(0)}: what was paid is not what was sold");
        None("sales and what paid them", """
            SELECT s.id, s.entry FROM sale s JOIN chain c ON c.id = s.chain JOIN machine m ON m.id = c.machine
                LEFT JOIN entry e ON e.id = s.entry AND e.kind IN ('purchase', 'resupply') AND e.credit = m.account
            WHERE e.id IS NULL ORDER BY s.id
            """, row => $"sale {row.GetInt64(0)}: entry {row.GetInt64(1)} has not paid it");

        // Machines: their money and their places.
        Each("machine", "id", "SELECT id, account, closed FROM machine",
            row => Fault(!row.IsDBNull(2) && balances.GetValueOrDefault(row.GetInt64(1)) != 0,
            $"machine {row.GetInt64(0)} is closed and has money left"));
        None("nodes and their machines", """
            SELECT n.name FROM node n LEFT JOIN (
                SELECT m.node AS node, COUNT(*) AS machines, SUM(m.memory) AS memory, SUM(p.cpu) AS cpu
                FROM machine m JOIN plan p ON p.id = m.plan WHERE m.closed IS NULL AND m.released IS NULL
                GROUP BY m.node) AS load ON load.node = n.id
            WHERE n.used_machines <> COALESCE(load.machines, 0) OR n.used_memory <> COALESCE(load.memory, 0)
                OR n.used_cpu <> COALESCE(load.cpu, 0) ORDER BY n.id
            """, row => $"node {row.GetString(0)}: its load is not that of its machines");
        None("machines and their addresses",
            "SELECT m.id FROM machine m WHERE (SELECT COUNT(*) FROM claim WHERE machine = m.id AND is_boot = 1) <> "
            + "CASE WHEN m.closed IS NULL AND m.released IS NULL THEN 1 ELSE 0 END",
            row => $"machine {row.GetInt64(0)}: its addresses are not what they should be");

        // The secrets of chains, from the last pebble to the end.
        long count = 0;
        Each("chain", "id", "SELECT id, length, chain_end, sealed FROM chain ORDER BY id", row =>
        {
            count++;
            try
            {
                Pebbles pebbles = new(chains.Open(row.Bytes(3), $"chain {row.GetInt64(0)}"));
                Fault(pebbles.Length != row.GetInt64(1) || !pebbles.Element(pebbles.Length).AsSpan()
                    .SequenceEqual(row.Bytes(2)), $"chain {row.GetInt64(0)}: its secret is another's");
            }
            catch (Problem problem)
            {
                Fault(true, problem.Message);
            }
        });

        long bought = byKind.GetValueOrDefault("purchase") + byKind.GetValueOrDefault("resupply");
        return new Findings(number, head, accounts, count, bought, byKind.GetValueOrDefault(Journal.Burned),
            byKind.GetValueOrDefault("refund"),
            byKind.GetValueOrDefault(Journal.Breakage), outstanding, faults);
    }
}
