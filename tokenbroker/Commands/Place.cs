using System;
using System.CommandLine;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;
using Tokens;

namespace Tokenbroker.Commands;

/// <summary>The options that every command has: which database, and which master key.</summary>
internal sealed class Place
{
    private const string StandardDatabase = "/var/lib/tokenbroker/broker.db";
    private const string DatabaseVariable = "TOKENBROKER_DATABASE";

    private readonly Option<string?> database = new("--database")
    {
        Description =
            $"A file of SQLite, or a connection string of PostgreSQL («Host=…;Database=…»). Otherwise "
            + $"{DatabaseVariable}, or {StandardDatabase}.",
        HelpName = "WHERE", Recursive = true,
    };

    private readonly Option<string?> masterKey = new("--master-key")
    {
        Description =
            $"The file of the key under which secrets are kept. Otherwise the key is in {MasterKey.Variable}.",
            HelpName = "FILE", Recursive = true,
    };

    internal void AddTo(Command command)
    {
        command.Options.Add(database);
        command.Options.Add(masterKey);
    }

    internal Database Database(ParseResult result)
    {
        string where = result.GetValue(database) ?? Environment.GetEnvironmentVariable(DatabaseVariable)
            ?? StandardDatabase;
        return where.Length > 0 ? Storage.Database.At(where)
            : throw Problem.Invalid($"--database, or {DatabaseVariable}, names no database");
    }

    internal string? MasterKeyFile(ParseResult result) => result.GetValue(masterKey);

    /// <summary>The broker of a database that <c>init</c> has made, in its newest version.</summary>
    internal Broker Broker(ParseResult result)
    {
        Database database = Database(result);
        return database.IsUnverified()
            ? throw Problem.Conflict("unverified", $"what was restored into {database.Name} does not verify, or was not verified "
                + "to the end: «tokenbroker verify» says what is wrong; restore a good backup into an empty database")
            : Broker(result, database);
    }

    /// <summary>The same of one that was restored and may be unverified.</summary>
    internal Broker Broker(ParseResult result, Database database)
    {
        if (!database.Exists())
            throw Problem.NotFound($"there is no database {database.Name}: «tokenbroker init» makes one");
        MasterKey master = MasterKey.Load(MasterKeyFile(result));
        Schema.Migrate(database, Schema.Steps);
        database.Read(session => { master.Demand(session, database); return session; });
        return new Broker(database, master);
    }
}
