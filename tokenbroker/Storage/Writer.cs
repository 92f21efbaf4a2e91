using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;

namespace Tokenbroker.Storage;

/// <summary>
/// The one thread that writes for all requests. What waits at the same time is committed together, so that many buyers
/// share one flush of the disk and what the first has read; nobody hears of his result before it is on the disk. Where
/// one fails that has written, all of them are done again, each in a savepoint of its own.
/// </summary>
internal sealed class Writer : IAsyncDisposable
{
    private const int MaxBatch = 256;
    private const int MaxQueueLength = 4096;

    private readonly Channel<Item> queue = Channel.CreateBounded<Item>(
        new BoundedChannelOptions(MaxQueueLength) { SingleReader = true });
    private readonly Database database;
    private readonly Thread thread;
    private Session? session;

    internal Writer(Database database)
    {
        this.database = database;
        thread = new Thread(Work) { Name = "writer", IsBackground = true };
        thread.Start();
    }

    internal int Waiting => queue.Reader.Count;

    /// <param name="work">May be run several times, of which the last one counts.</param>
    /// <param name="again">Run in its place once it has failed, otherwise <paramref name="work"/> itself: so it need not
    /// ask for what the database refuses anyway.</param>
    /// <param name="remembers">It writes down what it changes of what is remembered (<see cref="Session.Memory"/>).</param>
    /// <exception cref="Problem">What <paramref name="work"/> threw, which then has changed nothing; or the database
    /// failed.</exception>
    internal Task<object> Do(Func<Session, object> work, Func<Session, object>? again = null, bool remembers = false)
    {
        Item item = new(work, again ?? work, remembers);
        if (!queue.Writer.TryWrite(item))
            item.Source.SetException(new Problem(503, "busy",
                "too many writes are waiting: try again in a second, with the same Idempotency-Key"));
        return item.Source.Task;
    }

    private void Work()
    {
        List<Item> batch = [];
        while (queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            batch.Clear();
            Exception? first = null;
            try
            {
                session ??= database.Open(remembers: true);
                Begin(session);
                first = DoTogether(session, batch);
                if (first is not null)
                {
                    session.Undo();
                    Begin(session);
                    foreach (Item item in batch)
                        DoAlone(session, item);
                    session.Commit();
                }
            }
            catch (Exception failure)
            {
                Fail(batch, first ?? failure); // what fails afterwards may only say that there is no transaction any more
                continue;
            }
            foreach (Item item in batch)
                item.Settle();
        }
        session?.Dispose();
    }

    private void Begin(Session session)
    {
        session.Forget();
        database.BeginWrite(session);
    }

    /// <summary>Takes what waits into the batch, does and commits it, the latter in one round trip with what is written.</summary>
    /// <returns>Null; or what has failed, and it is not known whose, or what it has written: so the transaction is to be
    /// undone.</returns>
    private Exception? DoTogether(Session session, List<Item> batch)
    {
        try
        {
            while (batch.Count < MaxBatch && queue.Reader.TryRead(out Item? item))
            {
                batch.Add(item);
                long writes = session.Writes;
                try
                {
                    item.Result = item.Work(session);
                    if (!item.Remembers)
                        session.Forget();
                }
                catch (Problem) when (session.Writes == writes)
                {
                    session.Flush(); // what fails of those before is not this one's
                    DoAlone(session, item);
                }
            }
            session.Commit();
            return null;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }

    private static void DoAlone(Session session, Item item)
    {
        session.Forget();
        item.Result = null;
        item.Failure = null;
        try
        {
            item.Result = session.Attempt(item.Again);
        }
        catch (Exception failure)
        {
            item.Failure = failure;
        }
        session.Forget();
    }

    /// <summary>
    /// Whether the commit has reached the disk is unknown: whoever asks again with his Idempotency-Key hears it.
    /// </summary>
    private void Fail(List<Item> batch, Exception failure)
    {
        session?.Dispose();
        session = null;
        // One of those that wait hears it when none was taken yet, so that a database that is away is not asked in a
        // circle.
        if (batch.Count == 0 && queue.Reader.TryRead(out Item? first))
            batch.Add(first);
        foreach (Item item in batch)
        {
            item.Failure = failure as Problem
                ?? new Problem(503, "database",
                "the database did not take the transaction: try again, with the same Idempotency-Key");
            item.Failure.Data["cause"] = failure.ToString();
            item.Settle();
        }
    }

    /// <summary>Takes nothing more, and ends when all that waits is done.</summary>
    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await Task.Run(thread.Join);
    }

    private sealed class Item(Func<Session, object> work, Func<Session, object> again, bool remembers)
    {
        internal readonly Func<Session, object> Work = work, Again = again;
        internal readonly bool Remembers = remembers;
        internal readonly TaskCompletionSource<object> Source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        internal object? Result;
        internal Exception? Failure;

        internal void Settle()
        {
            if (Failure is not null)
                Source.TrySetException(Failure);
            else
                Source.TrySetResult(Result!);
        }
    }
}
