using System;
using System.Collections.Generic;
using System.Data.Common;
using Npgsql;

namespace Tokenbroker.Storage;

/// <summary>
/// A connection to PostgreSQL, which prepares statements by itself. What was sent goes in one batch with the next
/// statement that somebody waits for, since a round trip costs more than a statement.
/// </summary>
internal sealed class PostgresSession(NpgsqlConnection connection) : Session
{
    // What Send left for the next round trip.
    private readonly List<NpgsqlBatchCommand> sent = [];

    // The last round trip, whose rows may still be read.
    private NpgsqlBatch? trip;

    internal override void Send(string statement, params ReadOnlySpan<object?> values) =>
        sent.Add(Command(statement, values));

    internal override void Flush()
    {
        if (sent.Count > 0)
            TakeSent().ExecuteNonQuery();
    }

    internal override int Run(string statement, params ReadOnlySpan<object?> values)
    {
        NpgsqlBatchCommand command = Command(statement, values);
        sent.Add(command);
        Flush();
        return command.RecordsAffected;
    }

    internal override void Script(string statements)
    {
        Flush();
        using NpgsqlCommand command = new(statements, connection);
        command.ExecuteNonQuery();
    }

    protected override Row Ask(string statement, ReadOnlySpan<object?> values)
    {
        sent.Add(Command(statement, values));
        return new Answer(TakeSent().ExecuteReader());
    }

    private NpgsqlBatch TakeSent()
    {
        trip?.Dispose();
        trip = new NpgsqlBatch(connection);
        foreach (NpgsqlBatchCommand command in sent)
            trip.BatchCommands.Add(command);
        sent.Clear();
        return trip;
    }

    private static NpgsqlBatchCommand Command(string statement, ReadOnlySpan<object?> values)
    {
        NpgsqlBatchCommand command = new(statement);
        foreach (object? value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = Stored(value) });
        return command;
    }

    private static object Stored(object? value) => value switch
    {
        null => DBNull.Value,
        int number => (long)number,
        bool flag => flag ? 1L : 0L,
        _ => value,
    };

    public override void Dispose()
    {
        trip?.Dispose();
        connection.Dispose();
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
