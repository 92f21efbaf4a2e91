using System;
using System.Diagnostics;
using System.IO;
using System.Net.Sockets;
using Npgsql;

namespace Tokenbroker.Storage;

/// <summary>A database of PostgreSQL, named by a connection string of Npgsql.</summary>
internal sealed class Postgres : Database
{
    // Whoever writes holds this advisory lock until his transaction ends: "EVTB".
    private const long WriterLock = 0x42545645;

    private readonly NpgsqlDataSource source;
    private readonly NpgsqlConnectionStringBuilder where;

    internal Postgres(string where)
    {
        try
        {
            this.where = new NpgsqlConnectionStringBuilder(where) { MaxAutoPrepare = 200, AutoPrepareMinUsages = 2 };
        }
        catch (ArgumentException failure)
        {
            throw Problem.Invalid($"this is no connection string of PostgreSQL: {failure.Message}");
        }
        NpgsqlSlimDataSourceBuilder builder = new(this.where.ToString());
        builder.EnableTransportSecurity();
        builder.EnableArrays();
        source = builder.Build();
    }

    internal override string Name => $"{where.Database} at {where.Host}";

    internal override Dialect Dialect => Dialect.Postgres;

    /// <summary>All connections but the writer's, and one for what opens its own.</summary>
    protected override int MaxReaders => Math.Clamp(where.MaxPoolSize - 2, 1, base.MaxReaders);

    // No part of the schema: it is there before the backup comes, and until that is verified.
    private const string Mark = "unverified";

    internal override bool Exists() => HasTable("schema_version");

    internal override bool IsUnverified() => HasTable(Mark);

    private bool HasTable(string name)
    {
        using Session session = Open();
        return session.Number("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() "
            + "AND table_name = $1", name) == 1;
    }

    internal override Session Open(bool remembers = false)
    {
        try
        {
            return new PostgresSession(source.OpenConnection()) { Remembers = remembers };
        }
        catch (Exception failure) when (failure is NpgsqlException or SocketException or TimeoutException)
        {
            throw new Problem(503, "database", $"the database {Name} cannot be opened: {failure.Message}");
        }
    }

    internal override void BeginWrite(Session session)
    {
        // Each statement sees what was committed before it, the lock's holder before this one included; so nothing is
        // ever to be tried again for a failure of serialization, whatever the server's default is.
        session.Send("BEGIN ISOLATION LEVEL READ COMMITTED");
        // In one round trip with what is asked first, which sees what was committed before the lock was had.
        session.Send("SELECT 1 FROM pg_advisory_xact_lock($1)", WriterLock);
    }

    protected override void CopyInto(string file) =>
        Tool("pg_dump", "--format=custom", "--no-owner", "--file", file, where.Database!);

    internal override bool Restore(string file, Func<Database, bool> verify)
    {
        if (Exists())
            throw Problem.Conflict("exists",
                $"{Name} is not empty: a restored database takes the place of nothing, so make an empty one first");
        using Session session = Open();
        session.Script($"CREATE TABLE IF NOT EXISTS {Mark} ()");
        Tool("pg_restore", "--exit-on-error", "--no-owner", "--single-transaction", "--dbname", where.Database!, file);
        // What it says may dispose this.
        bool isWanted = verify(this);
        if (isWanted)
            session.Script($"DROP TABLE {Mark}");
        return isWanted;
    }

    /// <summary>PostgreSQL's own tools know all that a backup has to hold.</summary>
    private void Tool(string name, params string[] arguments)
    {
        ProcessStartInfo start = new(name, arguments) { RedirectStandardError = true };
        start.Environment["PGHOST"] = where.Host;
        start.Environment["PGPORT"] = where.Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        start.Environment["PGUSER"] = where.Username;
        start.Environment["PGPASSWORD"] = where.Password;
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new Problem(500, "lacking", $"{name} is not installed here: it comes with PostgreSQL's client");
        }
        using (process)
        {
            string said = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
                throw new Problem(500, "tool", $"{name} failed: {said.Trim().Split('\n')[^1]}");
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        source.Dispose();
    }
}
