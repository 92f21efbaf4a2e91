using System;
using System.Collections.Generic;
using System.Data.Common;

namespace Tokenbroker.Storage;

/// <summary>
/// One connection with its prepared statements, used by one thread at a time. Statements name their values $1, $2 …,
/// which both
/// databases take; integers are 64 bits, times Unix seconds.
/// </summary>
internal sealed class Session : IDisposable
{
    private readonly Dictionary<string, DbCommand> commands = [];
    private readonly DbConnection connection;
    private readonly Database database;

    internal Session(Database database, DbConnection connection) => (this.database, this.connection) = (database, connection);

    /// <summary>Runs a statement and says how many rows it has touched.</summary>
    internal int Run(string statement, params ReadOnlySpan<object?> values) =>
        Prepare(statement, values).ExecuteNonQuery();

    /// <summary>The single value that a statement yields, or 0 when it yields none.</summary>
    internal long Number(string statement, params ReadOnlySpan<object?> values) =>
        Prepare(statement, values).ExecuteScalar() is long number ? number : 0;

    /// <summary>The first row, or null.</summary>
    internal T? One<T>(string statement, Func<DbDataReader, T> row, params ReadOnlySpan<object?> values) where T : class
    {
        using DbDataReader reader = Prepare(statement, values).ExecuteReader();
        return reader.Read() ? row(reader) : null;
    }

    internal List<T> All<T>(string statement, Func<DbDataReader, T> row, params ReadOnlySpan<object?> values)
    {
        using DbDataReader reader = Prepare(statement, values).ExecuteReader();
        List<T> rows = [];
        while (reader.Read())
            rows.Add(row(reader));
        return rows;
    }

    /// <summary>Hands over the rows one by one; meanwhile this session runs nothing else.</summary>
    internal void Each(string statement, Action<DbDataReader> row, params ReadOnlySpan<object?> values)
    {
        using DbDataReader reader = Prepare(statement, values).ExecuteReader();
        while (reader.Read())
            row(reader);
    }

    /// <summary>Statements without values, which are not kept prepared: schema, transactions.</summary>
    internal void Script(string statements)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = statements;
        command.ExecuteNonQuery();
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
            command.Parameters[i].Value = values[i] switch { null => DBNull.Value, int number => (long)number,
                bool flag => flag ? 1L : 0L, var value => value };
        return command;
    }

    public void Dispose()
    {
        foreach (DbCommand command in commands.Values)
            command.Dispose();
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
