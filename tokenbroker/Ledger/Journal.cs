using System;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Tokenbroker.Storage;

namespace Tokenbroker.Ledger;

/// <summary>
/// A line of the journal: <see cref="Amount"/> goes from the account that is debited to the one that is credited.
/// </summary>
internal sealed record Entry(long Id, long At, string Kind, string Reference, long Debit, long Credit, long Amount,
    long DebitBalance, long CreditBalance);

/// <summary>Where the journal ends: the next entry's number, and the hash of the one before it.</summary>
internal sealed record Head(long Next, byte[] Hash);

/// <summary>An account and what it holds.</summary>
internal readonly record struct Purse(long Account, long Balance);

/// <summary>
/// The journal of double-entry bookkeeping, append-only. A balance is credits less debits, so what is owed to customers
/// is positive, and what came in from outside negative; all together are 0. The database refuses whatever breaks this
/// (<see cref="Schema"/>); here entries get their chain of hashes, under a key that the database does not have, so that
/// a row that is changed around it is found.
/// </summary>
internal sealed class Journal(byte[] key)
{
    /// <summary>What has come in from outside, which customers may spend.</summary>
    internal const string Outside = "outside";

    /// <summary>What machines have used of what they were paid, as redemption certificates say.</summary>
    internal const string Burned = "burned";

    /// <summary>
    /// What was sold and never came to the node, as certificates say; and what was sold for machines that have lapsed
    /// without one.
    /// </summary>
    internal const string Breakage = "breakage";

    internal static long OpenAccount(Session session, string name, long? customer = null, bool overdraft = false) =>
        session.Number(
        "INSERT INTO account (id, name, customer, overdraft) SELECT COALESCE(MAX(id), 0) + 1, $1, CAST($2 AS BIGINT), "
        + "$3 FROM account RETURNING id", name, customer, overdraft);

    /// <summary>The same with the number that is the next.</summary>
    internal static void OpenAccount(Session session, long id, string name) =>
        session.Insert(Table.Account, id, name, false);

    internal static long AccountNamed(Session session, string name) =>
        session.Number("SELECT id FROM account WHERE name = $1", name);

    internal static long Balance(Session session, long account) =>
        session.Number($"SELECT {Schema.BalanceOf("$1")}", account);

    /// <summary>The caller is the only one who writes (<see cref="Database.BeginWrite"/>).</summary>
    internal Entry Post(Session session, long at, string kind, string reference, long debit, long credit, long amount)
    {
        (Head head, long debitBalance, long creditBalance) = session.One(s_next, row => Tuple.Create(
            ReadHead(row, 0), row.GetInt64(2), row.GetInt64(3)), debit, credit)!;
        return Post(session, ref head, at, kind, reference, new Purse(debit, debitBalance),
            new Purse(credit, creditBalance), amount);
    }

    /// <summary>
    /// The same for who knows the journal's end and both balances already; the database refuses any others.
    /// </summary>
    /// <param name="head">Becomes the journal's end after this entry.</param>
    internal Entry Post(Session session, ref Head head, long at, string kind, string reference, Purse debit, Purse credit,
        long amount)
    {
        Entry entry = new(head.Next, at, kind, reference, debit.Account, credit.Account, amount,
            checked(debit.Balance - amount), checked(credit.Balance + amount));
        byte[] hash = Hash(head.Hash, entry);
        session.Insert(Table.Entry, entry.Id, entry.At, entry.Kind, entry.Reference, entry.Debit, entry.Credit,
            entry.Amount, entry.DebitBalance, entry.CreditBalance, hash);
        head = new Head(entry.Id + 1, hash);
        return entry;
    }

    /// <summary>What <see cref="ReadHead"/> reads, in two columns.</summary>
    internal const string HeadColumns =
        "COALESCE((SELECT MAX(id) FROM entry), 0) + 1, (SELECT hash FROM entry ORDER BY id DESC LIMIT 1)";

    internal static Head ReadHead(Row row, int column) => new(row.GetInt64(column),
        row.IsDBNull(column + 1) ? Start.ToArray() : row.Bytes(column + 1));

    private static readonly string s_next = $"SELECT {HeadColumns}, {Schema.BalanceOf("$1")}, {Schema.BalanceOf("$2")}";

    internal static ReadOnlySpan<byte> Start => new byte[32];

    /// <summary>
    /// HMAC-SHA256 over the hash before, then number, time, debit, credit, amount and both balances, little-endian 64
    /// bits each, then kind, a zero byte and reference in UTF-8.
    /// </summary>
    internal byte[] Hash(ReadOnlySpan<byte> before, Entry entry)
    {
        byte[] message = new byte[before.Length + 7 * 8 + Encoding.UTF8.GetByteCount(entry.Kind) + 1
            + Encoding.UTF8.GetByteCount(entry.Reference)];
        before.CopyTo(message);
        int at = before.Length;
        foreach (long number in (ReadOnlySpan<long>)[entry.Id, entry.At, entry.Debit, entry.Credit, entry.Amount,
            entry.DebitBalance, entry.CreditBalance])
        {
            BinaryPrimitives.WriteInt64LittleEndian(message.AsSpan(at), number);
            at += 8;
        }
        at += Encoding.UTF8.GetBytes(entry.Kind, message.AsSpan(at)) + 1;
        Encoding.UTF8.GetBytes(entry.Reference, message.AsSpan(at));
        return HMACSHA256.HashData(key, message);
    }
}
