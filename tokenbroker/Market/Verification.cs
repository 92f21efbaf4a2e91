using System;
using System.Collections.Generic;
using Tokenbroker.Chains;
using Tokenbroker.Ledger;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;

namespace Tokenbroker.Market;

/// <summary>What <c>tokenbroker verify</c> has found; nothing is wrong when there are no faults.</summary>
internal sealed record Findings(long Entries, string Head, long Accounts, long Chains, long Sold, long Burned,
    long Refunded, long Breakage, long Outstanding, List<string> Faults);

/// <summary>Derives everything again from the entries and compares it with what the database says.</summary>
internal static class Verification
{
    private const int MaxFaults = 50;

    /// <param name="known">"NUMBER:HASH", the head that an earlier run printed, or null: it must still be there, so
    /// that nothing behind it was cut off.</param>
    internal static Findings Run(Database database, Journal journal, Seal chains, string? known)
    {
        using Session session = database.Open();
        session.Script(database.Dialect == Dialect.Sqlite ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ");
        Findings findings = Look(session, journal, chains, known);
        session.Script("ROLLBACK");
        return findings;
    }

    private static Findings Look(Session session, Journal journal, Seal chains, string? known)
    {
        List<string> faults = [];
        void Fault(bool isWrong, string sentence)
        {
            if (isWrong && faults.Count < MaxFaults)
                faults.Add(sentence);
        }

        // The journal: numbers, hashes, balances.
        Dictionary<long, long> balances = [];
        Dictionary<string, long> byKind = [];
        long number = 0;
        byte[] hash = Journal.Start.ToArray();
        bool isKnown = known is null;
        session.Each(
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
            long debit = balances[entry.Debit] = balances.GetValueOrDefault(entry.Debit) - entry.Amount;
            long credit = balances[entry.Credit] = balances.GetValueOrDefault(entry.Credit) + entry.Amount;
            Fault(debit != entry.DebitBalance || credit != entry.CreditBalance,
                $"entry {entry.Id} says other balances than the entries before it");
            byKind[entry.Kind] = byKind.GetValueOrDefault(entry.Kind) + entry.Amount;
            isKnown |= $"{entry.Id}:{Convert.ToHexStringLower(stored)}" == known;
        });
        string head = $"{number}:{Convert.ToHexStringLower(hash)}";
        Fault(!isKnown, $"the head {known} is not in the ledger any more: entries were cut off or written anew");

        // Accounts.
        long sum = 0, accounts = 0, outstanding = 0;
        session.Each("SELECT id, name, overdraft FROM account ORDER BY id", row =>
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
        session.Each("SELECT chain, first, elements FROM sale ORDER BY chain, first", row =>
        {
            sold = row.GetInt64(0) == chain ? sold : 0;
            chain = row.GetInt64(0);
            Fault(row.GetInt64(1) != sold, $"chain {chain}: elements from {sold} on were sold twice or left out");
            sold = row.GetInt64(1) + row.GetInt64(2);
        });
        foreach (string other in session.All(
            "SELECT c.id FROM chain c WHERE c.sold <> COALESCE((SELECT SUM(elements) FROM sale WHERE chain = c.id), 0)",
            row => $"chain {row.GetInt64(0)}: more or less is sold than its sales say"))
            Fault(true, other);
        foreach (string other in session.All("""
            SELECT e.id FROM entry e WHERE e.kind IN ('purchase', 'resupply') AND e.amount <>
                COALESCE((SELECT SUM(s.elements * m.value)
                    FROM sale s JOIN chain c ON c.id = s.chain JOIN machine m ON m.id = c.machine
                    WHERE s.entry = e.id AND m.account = e.credit), 0)
            """, row => $"entry {row.GetInt64(0)}: what was paid is not what was sold"))
            Fault(true, other);

        // Machines: their money and their places.
        session.Each("SELECT id, account, closed FROM machine",
            row => Fault(!row.IsDBNull(2) && balances.GetValueOrDefault(row.GetInt64(1)) != 0,
            $"machine {row.GetInt64(0)} is closed and has money left"));
        foreach (string other in session.All("""
            SELECT n.name FROM node n WHERE n.used_machines <> (SELECT COUNT(*) FROM machine WHERE node = n.id
                AND closed IS NULL AND released IS NULL)
                OR n.used_cpu <> COALESCE((SELECT SUM(p.cpu) FROM machine m JOIN plan p ON p.id = m.plan
                    WHERE m.node = n.id AND closed IS NULL AND released IS NULL), 0)
                OR n.used_memory <> COALESCE((SELECT SUM(memory) FROM machine WHERE node = n.id AND closed IS NULL
                    AND released IS NULL), 0)
            """, row => $"node {row.GetString(0)}: its load is not that of its machines"))
            Fault(true, other);
        foreach (string other in session.All(
            "SELECT m.id FROM machine m WHERE (SELECT COUNT(*) FROM claim WHERE machine = m.id AND is_boot = 1) <> "
            + "CASE WHEN m.closed IS NULL AND m.released IS NULL THEN 1 ELSE 0 END", row => $"machine {row.GetInt64(0)}: its addresses are "
            + $"not what they should be"))
            Fault(true, other);

        // The secrets of chains, from the last pebble to the end.
        long count = 0;
        session.Each("SELECT id, length, chain_end, sealed FROM chain ORDER BY id", row =>
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
