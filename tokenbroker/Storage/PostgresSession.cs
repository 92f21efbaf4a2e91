using System;
using System.Collections.Generic;
using System.Data;
using System.Data.Common;
using System.Linq;
using Npgsql;

namespace Tokenbroker.Storage;

/// <summary>
/// A connection to PostgreSQL, which prepares statements by itself. What was sent goes in one batch with the next
/// statement that somebody waits for, since a round trip costs more than a statement.
/// </summary>
internal sealed class PostgresSession(NpgsqlConnection connection) : Session
{
    private const int Unlimited = 0;

    // What Send left for the next round trip.
    private readonly List<NpgsqlBatchCommand> sent = [];

    // Rows for the same round trip, by their table's place, and what comes after them, by its subject. They are behind
    // all that is in sent.
    private readonly SortedDictionary<int, Rows> rows = [];
    private readonly OrderedDictionary<string, NpgsqlBatchCommand> last = [];

    // The last round trip, whose rows may still be read.
    private NpgsqlBatch? trip;

    internal override bool IsLost => connection.State != ConnectionState.Open;

    protected override void Enqueue(string statement, ReadOnlySpan<object?> values)
    {
        SendRows();
        sent.Add(Command(statement, values));
    }

    protected override void EnqueueRow(Table table, ReadOnlySpan<object?> values)
    {
        if (!rows.TryGetValue(table.Place, out Rows? those))
        {
            those = new Rows(table);
            rows.Add(table.Place, those);
        }
        those.Add(values);
    }

    protected override void EnqueueLast(string subject, string statement, ReadOnlySpan<object?> values)
    {
        last.Remove(subject);
        last.Add(subject, Command(statement, values));
    }

    private void SendRows()
    {
        foreach (Rows those in rows.Values)
            sent.Add(those.Command());
        rows.Clear();
        sent.AddRange(last.Values);
        last.Clear();
    }

    internal override void Flush()
    {
        SendRows();
        if (sent.Count > 0)
            TakeSent().ExecuteNonQuery();
    }

    protected override int Execute(string statement, ReadOnlySpan<object?> values)
    {
        SendRows();
        NpgsqlBatchCommand command = Command(statement, values);
        sent.Add(command);
        Flush();
        return command.RecordsAffected;
    }

    internal override void Undo()
    {
        sent.Clear();
        rows.Clear();
        last.Clear();
        trip?.Dispose();
        trip = null;
        base.Undo();
    }

    internal override void Script(string statements)
    {
        Flush();
        using NpgsqlCommand command = new(statements, connection);
        if (IsPatient)
            command.CommandTimeout = Unlimited;
        command.ExecuteNonQuery();
    }

    protected override Row Ask(string statement, ReadOnlySpan<object?> values)
    {
        SendRows();
        // What yields rows that nobody waits for comes first, in the order in which it was sent.
        int unwanted = sent.Count(command => command.CommandText.StartsWith("SELECT", StringComparison.Ordinal));
        sent.Add(Command(statement, values));
        NpgsqlDataReader reader = TakeSent().ExecuteReader();
        try
        {
            for (; unwanted > 0; unwanted--)
                reader.NextResult();
        }
        catch (DbException)
        {
            reader.Dispose();
            throw;
        }
        return new Answer(reader);
    }

    private NpgsqlBatch TakeSent()
    {
        trip?.Dispose();
        trip = new NpgsqlBatch(connection);
        if (IsPatient)
            trip.Timeout = Unlimited;
        foreach (NpgsqlBatchCommand command in sent)
            trip.BatchCommands.Add(command);
        sent.Clear();
        return trip;
    }

    private static NpgsqlBatchCommand Command(string statement, ReadOnlySpan<object?> values)
    {
        NpgsqlBatchCommand command = new(statement);
        foreach (object? value in values)
            command.Parameters.Add(Parameter(value));
        return command;
    }

    private static NpgsqlParameter Parameter(object? value) => value switch
    {
        null => new NpgsqlParameter { Value = DBNull.Value },
        long number => new NpgsqlParameter<long> { TypedValue = number },
        int number => new NpgsqlParameter<long> { TypedValue = number },
        bool flag => new NpgsqlParameter<long> { TypedValue = flag ? 1L : 0L },
        string text => new NpgsqlParameter<string> { TypedValue = text },
        byte[] bytes => new NpgsqlParameter<byte[]> { TypedValue = bytes },
        _ => throw new NotSupportedException($"no column holds a {value.GetType()}"),
    };

    public override void Dispose()
    {
        trip?.Dispose();
        connection.Dispose();
    }

    /// <summary>Rows of a table that are inserted by one statement.</summary>
    private sealed class Rows(Table table)
    {
        private readonly List<object?[]> rows = [];

        internal void Add(ReadOnlySpan<object?> values) => rows.Add(values.ToArray());

        internal NpgsqlBatchCommand Command()
        {
            NpgsqlBatchCommand command = new(table.InsertMany);
            for (int i = 0; i < table.Kinds.Length; i++)
            {
                int column = i;
                command.Parameters.Add(table.Kinds[column] switch
                {
                    Table.Kind.Text => Array(column, value => (string)value!),
                    Table.Kind.Bytes => Array(column, value => (byte[])value!),
                    _ => Array(column, Number),
                });
            }
            return command;
        }

        private NpgsqlParameter<T[]> Array<T>(int column, Func<object?, T> read) =>
            new() { TypedValue = [.. rows.Select(row => read(row[column]))] };

        private static long Number(object? value) => value switch
        {
            long number => number,
            int number => number,
            bool flag => flag ? 1 : 0,
            _ => throw new NotSupportedException($"no column of numbers holds a {value?.GetType()}"),
        };
    }

    private sealed class Answer(DbDataReader reader) : Row
    {
        internal override bool Next() => reader.Read();

        internal override bool IsDBNull(int column) => reader.IsDBNull(column);

        // Counts of PostgreSQL are 64 bits, too, and so are all its columns here; what is neither is no number.
        internal override long GetInt64(int column) => reader.GetValue(column) is long number ? number : 0;

        internal override string GetString(int column) => reader.GetString(column);

        internal override byte[] Bytes(int column) => (byte[])reader.GetValue(column);

        public override void Dispose() => reader.Dispose();
    }
}
