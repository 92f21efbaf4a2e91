using System;
using System.Collections.Generic;
using System.Data.Common;

namespace Tokenbroker.Storage;

/// <summary>
/// One connection with its prepared statements, used by one thread at a time. Statements name their values $1, $2 …,
/// which both databases take; integers are 64 bits, times Unix seconds.
/// </summary>
internal sealed class Session : IDisposable
{
    private readonly Dictionary<string, DbCommand> commands = [];
    private readonly DbConnection connection;
    private readonly Database database;

    // What Send left for the next round trip; null where there are none, because the database is in this process.
    private readonly List<DbBatchCommand>? sent;

    // The last round trip, whose rows may still be read.
    private DbBatch? trip;

    internal Session(Database database, DbConnection connection)
    {
        (this.database, this.connection) = (database, connection);
        sent = connection.CanCreateBatch ? [] : null;
    }

    /// <summary>
    /// Runs a statement before the next one that yields something, or at <see cref="Flush"/>, in one round trip with it:
    /// what the statement fails with may come only then.
    /// </summary>
    internal void Send(string statement, params ReadOnlySpan<object?> values)
    {
        if (sent is null)
            Prepare(statement, values).ExecuteNonQuery();
        else
            sent.Add(Queued(statement, values));
    }

    /// <summary>All that was sent has been run when this returns.</summary>
    internal void Flush()
    {
        if (sent is null or [])
            return;
        TakeSent().ExecuteNonQuery();
    }

    /// <summary>Runs a statement and says how many rows it has touched.</summary>
    internal int Run(string statement, params ReadOnlySpan<object?> values)
    {
        if (sent is null)
            return Prepare(statement, values).ExecuteNonQuery();
        DbBatchCommand command = Queued(statement, values);
        sent.Add(command);
        Flush();
        return command.RecordsAffected;
    }

    /// <summary>The single value that a statement yields, or 0 when it yields none.</summary>
    internal long Number(string statement, params ReadOnlySpan<object?> values)
    {
        using DbDataReader reader = Ask(statement, values);
        return reader.Read() && reader.GetValue(0) is long number ? number : 0;
    }

    /// <summary>The first row, or null.</summary>
    internal T? One<T>(string statement, Func<DbDataReader, T> row, params ReadOnlySpan<object?> values) where T : class
    {
        using DbDataReader reader = Ask(statement, values);
        return reader.Read() ? row(reader) : null;
    }

    internal List<T> All<T>(string statement, Func<DbDataReader, T> row, params ReadOnlySpan<object?> values)
    {
        using DbDataReader reader = Ask(statement, values);
        List<T> rows = [];
        while (reader.Read())
            rows.Add(row(reader));
        return rows;
    }

    /// <summary>Hands over the rows one by one; meanwhile this session runs nothing else.</summary>
    internal void Each(string statement, Action<DbDataReader> row, params ReadOnlySpan<object?> values)
    {
        using DbDataReader reader = Ask(statement, values);
        while (reader.Read())
            row(reader);
    }

    /// <summary>Statements without values, which are not kept prepared: schema, transactions.</summary>
    internal void Script(string statements)
    {
        Flush();
        using DbCommand command = connection.CreateCommand();
        command.CommandText = statements;
        command.ExecuteNonQuery();
    }

    /// <summary>All of the transaction is on the disk when this returns.</summary>
    internal void Commit()
    {
        Send("COMMIT");
        Flush();
    }

    /// <summary>Inside a transaction: all of the work is done when this returns, or nothing of it when it throws.</summary>
    internal T Attempt<T>(Func<Session, T> work)
    {
        Send("SAVEPOINT attempt");
        try
        {
            T result = work(this);
            Send("RELEASE SAVEPOINT attempt");
            Flush();
            return result;
        }
        catch
        {
            TryFlush(); // the savepoint itself may be among what was sent
            Send("ROLLBACK TO SAVEPOINT attempt");
            Send("RELEASE SAVEPOINT attempt");
            Flush();
            throw;
        }
    }

    private void TryFlush()
    {
        try
        {
            Flush();
        }
        catch (DbException)
        {
            // What fails here is rolled back, like all of the attempt.
        }
    }

    /// <summary>What this statement yields; all that was sent is run before it.</summary>
    private DbDataReader Ask(string statement, ReadOnlySpan<object?> values)
    {
        if (sent is null)
            return Prepare(statement, values).ExecuteReader();
        sent.Add(Queued(statement, values));
        return TakeSent().ExecuteReader();
    }

    private DbBatch TakeSent()
    {
        trip?.Dispose();
        trip = connection.CreateBatch();
        foreach (DbBatchCommand command in sent!)
            trip.BatchCommands.Add(command);
        sent.Clear();
        return trip;
    }

    private DbBatchCommand Queued(string statement, ReadOnlySpan<object?> values)
    {
        DbBatchCommand command = database.BatchCommand(statement);
        for (int i = 0; i < values.Length; i++)
        {
            DbParameter parameter = database.Parameter(i + 1);
            parameter.Value = Stored(values[i]);
            command.Parameters.Add(parameter);
        }
        return command;
    }

    private DbCommand Prepare(string statement, ReadOnlySpan<object?> values)
    {
        if (!commands.TryGetValue(statement, out DbCommand? command))
        {
            command = connection.CreateCommand();
            command.CommandText = statement;
            for (int i = 0; i < values.Length; i++)
                command.Parameters.Add(database.Parameter(i + 1));
            commands.Add(statement, command);
        }
        for (int i = 0; i < values.Length; i++)
            command.Parameters[i].Value = Stored(values[i]);
        return command;
    }

    private static object Stored(object? value) => value switch
    {
        null => DBNull.Value,
        int number => (long)number,
        bool flag => flag ? 1L : 0L,
        _ => value,
    };

    public void Dispose()
    {
        foreach (DbCommand command in commands.Values)
            command.Dispose();
        trip?.Dispose();
        connection.Dispose();
    }
}

/// <summary>Columns by their number, as rows are read here.</summary>
internal static class Columns
{
    internal static byte[] Bytes(this DbDataReader row, int column) => (byte[])row.GetValue(column);

    internal static long? Maybe(this DbDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetInt64(column);
}
