using System;
using System.Threading;
using Tokenbroker.Storage;

namespace Tokenbroker.Tests;

/// <summary>
/// A database as a broker has it that is killed at a chosen instant: before or after any statement, and before or after
/// what was sent reaches the database. Nothing is run for it any more then, and what it had not committed is undone when
/// this is disposed; the database itself goes on.
/// </summary>
internal sealed class MortalDatabase(Database whole) : Database
{
    private int left = int.MaxValue, leftAtCommit = int.MaxValue;
    private volatile bool isDead;

    internal bool IsDead => isDead;

    /// <summary>It is killed after so many instants from now on.</summary>
    internal void DieAfter(int instants) => Volatile.Write(ref left, instants);

    /// <summary>It is killed when it commits next, after so many of the <see cref="OfCommit"/> instants of that.</summary>
    internal void DieAtCommit(int instants) => Volatile.Write(ref leftAtCommit, instants);

    /// <summary>Instants of a commit: before and after it is sent, before and after it is waited for.</summary>
    internal const int OfCommit = 4;

    internal void LiveOn()
    {
        DieAfter(int.MaxValue);
        DieAtCommit(int.MaxValue);
    }

    internal void Die() => isDead = true;

    /// <summary>Something is about to be done, or has been.</summary>
    internal void Instant()
    {
        if (!isDead && Interlocked.Decrement(ref left) < 0)
            isDead = true;
        if (isDead)
            throw new Killed();
    }

    private void Committing() => DieAfter(Math.Min(Volatile.Read(ref left), Volatile.Read(ref leftAtCommit)));

    internal override string Name => whole.Name;

    internal override Dialect Dialect => whole.Dialect;

    internal override bool Exists() => whole.Exists();

    internal override Session Open(bool remembers = false)
    {
        Instant();
        return new MortalSession(this, whole.Open()) { Remembers = remembers };
    }

    internal override void BeginWrite(Session session) => whole.BeginWrite(session);

    protected override void CopyInto(string file) => throw new NotSupportedException();

    internal override bool Restore(string file, Func<Database, bool> verify) => throw new NotSupportedException();

    private sealed class MortalSession(MortalDatabase database, Session whole) : Session
    {
        internal override bool IsLost => whole.IsLost;

        private T Live<T>(Func<T> work)
        {
            database.Instant();
            T result = work();
            database.Instant();
            return result;
        }

        private void Live(Action work) => Live(() =>
        {
            work();
            return true;
        });

        protected override void Enqueue(string statement, ReadOnlySpan<object?> values)
        {
            if (statement == "COMMIT")
                database.Committing();
            database.Instant();
            whole.Send(statement, values);
            database.Instant();
        }

        protected override void EnqueueRow(Table table, ReadOnlySpan<object?> values)
        {
            database.Instant();
            whole.Insert(table, values);
            database.Instant();
        }

        protected override void EnqueueLast(string subject, string statement, ReadOnlySpan<object?> values)
        {
            database.Instant();
            whole.SendLast(subject, statement, values);
            database.Instant();
        }

        internal override void Flush() => Live(whole.Flush);

        protected override int Execute(string statement, ReadOnlySpan<object?> values)
        {
            database.Instant();
            whole.IsPatient = IsPatient;
            int touched = whole.Run(statement, values);
            database.Instant();
            return touched;
        }

        internal override void Script(string statements)
        {
            whole.IsPatient = IsPatient;
            Live(() => whole.Script(statements));
        }

        protected override Row Ask(string statement, ReadOnlySpan<object?> values)
        {
            database.Instant();
            whole.IsPatient = IsPatient;
            return whole.Query(statement, values);
        }

        internal override T Look<T>(Func<Session, T> work) => whole.Look(_ => work(this));

        internal override void Undo() => Live(whole.Undo);

        public override void Dispose() => whole.Dispose();
    }
}
