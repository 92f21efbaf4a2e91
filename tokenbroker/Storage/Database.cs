using System;
using System.Collections.Concurrent;
using System.Data.Common;
using System.IO;
using System.Threading;

namespace Tokenbroker.Storage;

/// <summary>
/// Where everything is kept: a file of SQLite, or a database of PostgreSQL. Whoever writes does so alone, in whatever
/// process
/// (<see cref="Write"/>), so that the ledger has one end; readers see what was committed last and wait for nobody.
/// </summary>
internal abstract class Database : IDisposable
{
    private readonly ConcurrentBag<Session> readers = [];
    private readonly Lazy<SemaphoreSlim> room;

    protected Database() => room = new Lazy<SemaphoreSlim>(() => new SemaphoreSlim(MaxReaders));

    /// <summary>
    /// How many may read at the same time; others wait for a session of theirs. So no reader waits for a connection that
    /// is kept for the next one.
    /// </summary>
    protected virtual int MaxReaders => 16;

    /// <summary>A connection string of PostgreSQL has "Host=" in it; everything else is the name of a file.</summary>
    internal static Database At(string where) =>
        where.Contains("Host=", StringComparison.OrdinalIgnoreCase) ? new Postgres(where) : new Sqlite(where);

    /// <summary>Without secrets.</summary>
    internal abstract string Name { get; }

    internal abstract Dialect Dialect { get; }

    /// <summary>Whether there is anything at all in it.</summary>
    internal abstract bool Exists();

    /// <summary>A new connection. The database of SQLite is made when it is not there.</summary>
    /// <param name="remembers"><see cref="Session.Remembers"/>.</param>
    internal abstract Session Open(bool remembers = false);

    /// <summary>Begins a transaction after those of all others that write.</summary>
    internal abstract void BeginWrite(Session session);

    /// <summary>
    /// A copy of one instant while others read and write, which nobody but its owner may read. It has its name once all of
    /// it is on the disk; who is killed before leaves a file with a name of its own, which ends in ".partial".
    /// </summary>
    internal void Backup(string file)
    {
        if (Path.Exists(file))
            throw Problem.Conflict("exists", $"{file} exists already, and a backup overwrites nothing");
        Folder.Demand(file);
        string draft = $"{file}.{Path.GetRandomFileName()}.partial";
        new FileStream(draft, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }).Dispose();
        try
        {
            CopyInto(draft);
            using (FileStream written = new(draft, FileMode.Open, FileAccess.ReadWrite))
                written.Flush(flushToDisk: true);
            File.Move(draft, file);
        }
        catch
        {
            File.Delete(draft);
            throw;
        }
    }

    /// <param name="file">It is empty.</param>
    protected abstract void CopyInto(string file);

    /// <summary>Whether it is a backup that was brought back and was not, or not yet, found to be wanted.</summary>
    internal virtual bool IsUnverified() => false;

    /// <summary>
    /// Brings a backup back where no database is. In a file nothing is left of one that is not wanted after all; what
    /// PostgreSQL has restored stays, <see cref="IsUnverified"/>.
    /// </summary>
    /// <param name="verify">Given what was restored, says whether it is wanted; it may dispose it.</param>
    /// <returns>What <paramref name="verify"/> said.</returns>
    internal abstract bool Restore(string file, Func<Database, bool> verify);

    /// <summary>
    /// Does something in a transaction of its own: all of it is on the disk when this returns, or nothing when it
    /// throws.
    /// </summary>
    internal T Write<T>(Func<Session, T> work)
    {
        using Session session = Open();
        BeginWrite(session);
        T result = work(session);
        session.Commit();
        return result;
    }

    /// <param name="work">May be run several times, of which the last one counts.</param>
    /// <exception cref="Problem">The database failed.</exception>
    internal T Read<T>(Func<Session, T> work)
    {
        room.Value.Wait();
        try
        {
            return ReadAlone(work);
        }
        finally
        {
            room.Value.Release();
        }
    }

    private T ReadAlone<T>(Func<Session, T> work)
    {
        for (bool isAgain = false; ; isAgain = true)
        {
            if (!readers.TryTake(out Session? session))
                session = Open();
            T result;
            try
            {
                result = session.Look(work);
            }
            catch (Problem)
            {
                readers.Add(session);
                throw;
            }
            catch (Exception failure) when (failure is DbException || session.IsLost)
            {
                bool isLost = session.IsLost;
                session.Dispose();
                if (isLost && !isAgain)
                {
                    // So may the others have, if the server was started anew; Npgsql looks after its own pool.
                    ForgetReaders();
                    continue;
                }
                Problem problem = new(503, "database", "the database did not answer as it should: try again");
                problem.Data["cause"] = failure.ToString();
                throw problem;
            }
            catch
            {
                session.Dispose(); // its transaction may not have ended
                throw;
            }
            readers.Add(session);
            return result;
        }
    }

    private void ForgetReaders()
    {
        while (readers.TryTake(out Session? session))
            session.Dispose();
    }

    public virtual void Dispose()
    {
        ForgetReaders();
        if (room.IsValueCreated)
            room.Value.Dispose();
    }
}
