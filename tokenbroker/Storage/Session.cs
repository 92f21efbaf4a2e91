using System;
using System.Collections.Generic;
using System.Data.Common;

namespace Tokenbroker.Storage;

/// <summary>
/// One connection with its prepared statements, used by one thread at a time. Statements name their values $1, $2 …,
/// which both databases take; integers are 64 bits, times Unix seconds. What the database refuses is a
/// <see cref="DbException"/>.
/// </summary>
internal abstract class Session : IDisposable
{
    private object? memory;

    /// <summary>Statements that may have changed something, since the session was opened.</summary>
    internal long Writes { get; private set; }

    /// <summary>
    /// Whether what one has found in the transaction is kept for the next (<see cref="Memory"/>), until
    /// <see cref="Forget"/>; only for who runs all that writes through this session.
    /// </summary>
    internal bool Remembers { get; init; }

    /// <summary>
    /// Whether a statement may take as long as it does, because it reads or writes whole tables; others are given up after
    /// the Command Timeout of PostgreSQL's connection string. SQLite gives up none.
    /// </summary>
    internal bool IsPatient { get; set; }

    /// <summary>Whether the connection has ended, so that nothing will ever be answered through it.</summary>
    internal virtual bool IsLost => false;

    /// <summary>What was found in this transaction; a new one where nothing is kept.</summary>
    internal T Memory<T>() where T : class, new()
    {
        if (memory is T known)
            return known;
        T made = new();
        if (Remembers)
            memory = made;
        return made;
    }

    /// <summary>Something was done that nobody has written down in the memory, or undone.</summary>
    internal void Forget() => memory = null;

    /// <summary>
    /// Runs a statement before the next one that yields something, or at <see cref="Flush"/>, in one round trip with it:
    /// what the statement fails with may come only then.
    /// </summary>
    internal void Send(string statement, params ReadOnlySpan<object?> values)
    {
        Count(statement);
        Enqueue(statement, values);
    }

    protected abstract void Enqueue(string statement, ReadOnlySpan<object?> values);

    /// <summary>
    /// Inserts a row as <see cref="Send"/> would; together with others of the same table, and rows of different tables in
    /// the order of <see cref="Table.Place"/>, where they came one after the other.
    /// </summary>
    internal void Insert(Table table, params ReadOnlySpan<object?> values)
    {
        Writes++;
        EnqueueRow(table, values);
    }

    /// <summary>Nothing is saved by waiting for further rows, unless the database is in another process.</summary>
    protected virtual void EnqueueRow(Table table, ReadOnlySpan<object?> values) => Enqueue(table.InsertOne, values);

    /// <summary>
    /// Runs a statement as <see cref="Send"/> would, or not at all where it has not been run yet when another with the
    /// same subject is sent: it sets what that one sets anew. Rows of <see cref="Insert"/> that come after it may be
    /// inserted before it.
    /// </summary>
    internal void SendLast(string subject, string statement, params ReadOnlySpan<object?> values)
    {
        Count(statement);
        EnqueueLast(subject, statement, values);
    }

    protected virtual void EnqueueLast(string subject, string statement, ReadOnlySpan<object?> values) =>
        Enqueue(statement, values);

    /// <summary>All that was sent has been run when this returns.</summary>
    internal abstract void Flush();

    /// <summary>Runs a statement and says how many rows it has touched.</summary>
    internal int Run(string statement, params ReadOnlySpan<object?> values)
    {
        Count(statement);
        return Execute(statement, values);
    }

    protected abstract int Execute(string statement, ReadOnlySpan<object?> values);

    /// <summary>Statements without values, which are not kept prepared: schema, transactions.</summary>
    internal abstract void Script(string statements);

    /// <summary>What this statement yields; all that was sent is run before it.</summary>
    protected abstract Row Ask(string statement, ReadOnlySpan<object?> values);

    /// <summary>What this statement yields, row by row; meanwhile this session runs nothing else.</summary>
    internal Row Query(string statement, params ReadOnlySpan<object?> values)
    {
        Count(statement);
        return Ask(statement, values);
    }

    private void Count(string statement)
    {
        if (!statement.StartsWith("SELECT", StringComparison.Ordinal))
            Writes++;
    }

    /// <summary>The single value that a statement yields, or 0 when it yields none.</summary>
    internal long Number(string statement, params ReadOnlySpan<object?> values)
    {
        using Row row = Query(statement, values);
        return row.Next() && !row.IsDBNull(0) ? row.GetInt64(0) : 0;
    }

    /// <summary>The first row, or null.</summary>
    internal T? One<T>(string statement, Func<Row, T?> read, params ReadOnlySpan<object?> values) where T : class
    {
        using Row row = Query(statement, values);
        return row.Next() ? read(row) : null;
    }

    internal List<T> All<T>(string statement, Func<Row, T> read, params ReadOnlySpan<object?> values)
    {
        using Row row = Query(statement, values);
        List<T> rows = [];
        while (row.Next())
            rows.Add(read(row));
        return rows;
    }

    /// <summary>Hands over the rows one by one; meanwhile this session runs nothing else.</summary>
    internal void Each(string statement, Action<Row> read, params ReadOnlySpan<object?> values)
    {
        using Row row = Query(statement, values);
        while (row.Next())
            read(row);
    }

    /// <summary>Runs what only reads, where that is cheaper as of one instant.</summary>
    internal virtual T Look<T>(Func<Session, T> work) => work(this);

    /// <summary>All of the transaction is on the disk when this returns.</summary>
    internal void Commit()
    {
        Send("COMMIT");
        Flush();
    }

    /// <summary>Nothing of the transaction was done. It may have failed; what was sent and has not been run never is.</summary>
    /// <exception cref="DbException">The connection, and what became of the transaction, is unknown.</exception>
    internal virtual void Undo() => Script("ROLLBACK");

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

    public abstract void Dispose();
}
