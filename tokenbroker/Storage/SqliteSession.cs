using System;
using System.Collections.Generic;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Threading;
using SQLitePCL;

namespace Tokenbroker.Storage;

/// <summary>What SQLite has refused, in its own words.</summary>
internal sealed class SqliteFailure(int code, string message) : DbException($"SQLite error {code}: {message}");

/// <summary>
/// A connection to a file of SQLite. Statements are prepared once for each connection and run at once, since there is no
/// way to save: the database is in this process (https://sqlite.org/cintro.html).
/// </summary>
internal sealed class SqliteSession : Session
{
    // How long another process may keep the file to itself.
    private const int PatienceMs = 30_000, PauseMs = 10;

    private readonly sqlite3 connection;
    private readonly Dictionary<string, Statement> statements = [];

    static SqliteSession()
    {
        raw.SetProvider(new SQLite3Provider_sqlite3());
        // Nobody asks how much memory is used, and counting it takes a lock that all connections share.
        raw.sqlite3_config(raw.SQLITE_CONFIG_MEMSTATUS, 0);
    }

    /// <summary>Makes the file where there is none.</summary>
    /// <param name="settings">Statements that every connection begins with, and that do no harm when run again.</param>
    /// <exception cref="SqliteFailure">The file cannot be opened.</exception>
    internal SqliteSession(string file, string settings)
    {
        // Without locks of its own, since one thread at a time uses it.
        int code = raw.sqlite3_open_v2(file, out connection,
            raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE | raw.SQLITE_OPEN_NOMUTEX, null);
        try
        {
            Demand(code);
            raw.sqlite3_busy_timeout(connection, PatienceMs);
            // Who changes to a log, as the first one does, is not waited for inside of SQLite.
            long start = Stopwatch.GetTimestamp();
            while ((code = raw.sqlite3_exec(connection, settings)) == raw.SQLITE_BUSY
                && Stopwatch.GetElapsedTime(start).TotalMilliseconds < PatienceMs)
                Thread.Sleep(PauseMs);
            Demand(code);
        }
        catch (SqliteFailure)
        {
            connection.Dispose();
            throw;
        }
    }

    protected override void Enqueue(string statement, ReadOnlySpan<object?> values) => Execute(statement, values);

    internal override void Flush()
    {
        // Nothing waits.
    }

    protected override int Execute(string statement, ReadOnlySpan<object?> values)
    {
        using Row row = Ask(statement, values);
        while (row.Next())
        {
            // What it yields is not wanted.
        }
        return raw.sqlite3_changes(connection);
    }

    internal override void Script(string statements) => Demand(raw.sqlite3_exec(connection, statements));

    /// <summary>SQLite has rolled back by itself where the disk is full, among others (https://sqlite.org/lang_transaction.html).</summary>
    internal override void Undo()
    {
        if (raw.sqlite3_get_autocommit(connection) == 0)
            base.Undo();
    }

    /// <summary>All statements in one transaction: each would take and give back the file's lock otherwise.</summary>
    internal override T Look<T>(Func<Session, T> work)
    {
        Run("BEGIN");
        try
        {
            return work(this);
        }
        finally
        {
            Run("COMMIT");
        }
    }

    protected override Row Ask(string statement, ReadOnlySpan<object?> values)
    {
        if (!statements.TryGetValue(statement, out Statement? prepared))
        {
            prepared = new Statement(this, statement);
            statements.Add(statement, prepared);
        }
        prepared.Bind(values);
        return prepared;
    }

    private void Demand(int code)
    {
        if (code != raw.SQLITE_OK)
            throw Failure(code);
    }

    private SqliteFailure Failure(int code) => new(code, raw.sqlite3_errmsg(connection).utf8_to_string());

    public override void Dispose()
    {
        foreach (Statement statement in statements.Values)
            statement.Finish();
        connection.Dispose();
    }

    /// <summary>A prepared statement, with the row that it has yielded last.</summary>
    private sealed class Statement : Row
    {
        private readonly SqliteSession session;
        private readonly sqlite3_stmt prepared;

        // SQLite numbers $1, $2 … in the order in which they stand in the statement; 0 is one that does not.
        private readonly List<int> places = [];

        internal Statement(SqliteSession session, string text)
        {
            this.session = session;
            session.Demand(raw.sqlite3_prepare_v3(session.connection, text, raw.SQLITE_PREPARE_PERSISTENT, out prepared));
        }

        internal void Bind(ReadOnlySpan<object?> values)
        {
            for (int i = 0; i < values.Length; i++)
            {
                if (i == places.Count)
                    places.Add(raw.sqlite3_bind_parameter_index(prepared,
                        string.Create(CultureInfo.InvariantCulture, $"${i + 1}")));
                if (places[i] != 0)
                    session.Demand(Bind(places[i], values[i]));
            }
        }

        private int Bind(int place, object? value) => value switch
        {
            null => raw.sqlite3_bind_null(prepared, place),
            long number => raw.sqlite3_bind_int64(prepared, place, number),
            int number => raw.sqlite3_bind_int64(prepared, place, number),
            bool flag => raw.sqlite3_bind_int64(prepared, place, flag ? 1 : 0),
            string text => raw.sqlite3_bind_text(prepared, place, text),
            byte[] bytes => raw.sqlite3_bind_blob(prepared, place, bytes),
            _ => throw new NotSupportedException($"no column holds a {value.GetType()}"),
        };

        internal override bool Next() => raw.sqlite3_step(prepared) switch
        {
            raw.SQLITE_ROW => true,
            raw.SQLITE_DONE => false,
            var code => throw session.Failure(code),
        };

        internal override bool IsDBNull(int column) =>
            raw.sqlite3_column_type(prepared, column) == raw.SQLITE_NULL;

        internal override long GetInt64(int column) => raw.sqlite3_column_int64(prepared, column);

        internal override string GetString(int column) => raw.sqlite3_column_text(prepared, column).utf8_to_string();

        internal override byte[] Bytes(int column) => raw.sqlite3_column_blob(prepared, column).ToArray();

        /// <summary>Ready to be run again.</summary>
        public override void Dispose() => raw.sqlite3_reset(prepared);

        internal void Finish() => prepared.Dispose();
    }
}
