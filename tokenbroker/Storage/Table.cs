using System.Linq;

namespace Tokenbroker.Storage;

/// <summary>
/// A table into which purchases insert: several rows at a time where that is cheaper (<see cref="Session.Insert"/>). Rows
/// of one name only rows of the tables above it here.
/// </summary>
internal sealed class Table
{
    internal static readonly Table
        Account = new("account", ("id", Kind.Number), ("name", Kind.Text), ("overdraft", Kind.Number)),
        Entry = new("entry", ("id", Kind.Number), ("at", Kind.Number), ("kind", Kind.Text), ("reference", Kind.Text),
            ("debit", Kind.Number), ("credit", Kind.Number), ("amount", Kind.Number), ("debit_balance", Kind.Number),
            ("credit_balance", Kind.Number), ("hash", Kind.Bytes)),
        Machine = new("machine", ("id", Kind.Number), ("customer", Kind.Number), ("node", Kind.Number),
            ("plan", Kind.Number), ("key_number", Kind.Number), ("account", Kind.Number), ("boot", Kind.Number),
            ("memory", Kind.Number), ("value", Kind.Number), ("idle", Kind.Number), ("issued", Kind.Number),
            ("expires", Kind.Number), ("lapses", Kind.Number), ("name", Kind.Bytes)),
        Claim = new("claim", ("address", Kind.Number), ("machine", Kind.Number), ("node", Kind.Number),
            ("customer", Kind.Number), ("is_boot", Kind.Number)),
        Chain = new("chain", ("id", Kind.Number), ("machine", Kind.Number), ("length", Kind.Number),
            ("chain_end", Kind.Bytes), ("sealed", Kind.Bytes)),
        Sale = new("sale", ("id", Kind.Number), ("chain", Kind.Number), ("first", Kind.Number),
            ("elements", Kind.Number), ("entry", Kind.Number)),
        Answer = new("answer", ("actor", Kind.Text), ("idempotency_key", Kind.Text), ("at", Kind.Number),
            ("fingerprint", Kind.Bytes), ("status", Kind.Number), ("sealed", Kind.Bytes));

    private static int s_count;

    private Table(string name, params (string Name, Kind Kind)[] columns)
    {
        Place = s_count;
        s_count++;
        Kinds = [.. columns.Select(column => column.Kind)];
        string into = $"INSERT INTO {name} ({string.Join(", ", columns.Select(column => column.Name))})";
        InsertOne = $"{into} VALUES ({string.Join(", ", columns.Select((_, i) => $"${i + 1}"))})";
        InsertMany = $"{into} SELECT * FROM unnest("
            + string.Join(", ", columns.Select((column, i) => $"${i + 1}::{Postgres(column.Kind)}[]")) + ")";
    }

    /// <summary>What a column holds.</summary>
    internal enum Kind { Number, Text, Bytes }

    /// <summary>Above those of the tables that rows of this one name.</summary>
    internal int Place { get; }

    /// <summary>Of its columns, in the order of the values.</summary>
    internal Kind[] Kinds { get; }

    /// <summary>A value for each column.</summary>
    internal string InsertOne { get; }

    /// <summary>In PostgreSQL's words: an array for each column.</summary>
    internal string InsertMany { get; }

    private static string Postgres(Kind kind) => kind switch
    {
        Kind.Text => "text",
        Kind.Bytes => "bytea",
        _ => "bigint",
    };
}
