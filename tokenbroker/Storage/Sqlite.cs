using System;
using System.IO;

namespace Tokenbroker.Storage;

/// <summary>
/// A file, with its write-ahead log beside it; a commit is on the disk before it returns
/// (https://sqlite.org/pragma.html#pragma_synchronous).
/// </summary>
internal sealed class Sqlite : Database
{
    // Pages, of 4 KiB. Moving the log into the file flushes both: with the usual 1,000 pages, ten times a second.
    private const int MaxLogSize = 16384;

    // Of each connection that needs so much. Numbers of chance (answers' keys, hashes) touch pages everywhere.
    private const int CacheKib = 16384;

    // Before images of a statement's pages stay in memory (temp_store): they are wanted no longer than it runs.
    private static readonly string s_settings =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; "
        + "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; "
        + $"PRAGMA wal_autocheckpoint = {MaxLogSize}; PRAGMA cache_size = -{CacheKib}";

    private readonly string file;

    internal Sqlite(string file) => this.file = file;

    internal override string Name => file;

    internal override Dialect Dialect => Dialect.Sqlite;

    internal override bool Exists() => File.Exists(file);

    internal override Session Open(bool remembers = false)
    {
        bool isNew = !File.Exists(file);
        if (isNew)
            Folder.Demand(file);
        try
        {
            if (isNew)
                new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }).Dispose();
            return new SqliteSession(file, s_settings) { Remembers = remembers };
        }
        catch (Exception failure) when (failure is SqliteFailure or IOException or UnauthorizedAccessException)
        {
            throw new Problem(503, "database", $"the database {file} cannot be opened: {failure.Message}");
        }
    }

    internal override void BeginWrite(Session session) => session.Send("BEGIN IMMEDIATE");

    /// <summary>Compact.</summary>
    protected override void CopyInto(string file)
    {
        using Session session = Open();
        session.Run("VACUUM INTO $1", file);
    }

    internal override bool Restore(string file, Func<Database, bool> verify)
    {
        if (Path.Exists(this.file))
            throw Problem.Conflict("exists",
                $"{this.file} exists already: a restored database takes the place of nothing, so move it away first");
        if (!File.Exists(file))
            throw Problem.NotFound($"there is no backup {file}");
        Folder.Demand(this.file);
        string draft = this.file + ".restored";
        Remove(draft);
        try
        {
            File.Copy(file, draft);
            File.SetUnixFileMode(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            bool isWanted;
            using (Sqlite restored = new(draft))
                isWanted = verify(restored);
            if (isWanted)
            {
                // What is left of another database's log would be played into this one.
                RemoveLog(this.file);
                File.Move(draft, this.file);
            }
            return isWanted;
        }
        finally
        {
            Remove(draft);
        }
    }

    private static void Remove(string database)
    {
        File.Delete(database);
        RemoveLog(database);
    }

    private static void RemoveLog(string database)
    {
        File.Delete(database + "-wal");
        File.Delete(database + "-shm");
    }
}
