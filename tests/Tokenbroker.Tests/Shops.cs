using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tokenbroker.Storage;

namespace Tokenbroker.Tests;

/// <summary>
/// Shops that are alike, one after the other: each has a database with what the first one was prepared with, and nothing
/// else. One is ready in milliseconds, where to make a database takes a hundred times as long.
/// </summary>
internal sealed class Shops : IDisposable
{
    // Of one database of PostgreSQL, after which its tables are packed anew: what is deleted stays in them until then.
    private const int ShopsBetweenPacking = 50;

    private readonly string kind;
    private readonly Shop first;
    private readonly Scratch? shared;
    private readonly string renewal = "";
    private int made;

    internal Shops(string kind, Action<Shop>? prepare = null)
    {
        this.kind = kind;
        first = new Shop(kind);
        prepare?.Invoke(first);
        if (kind == "sqlite")
        {
            first.Database.Backup(Model);
            return;
        }
        shared = first.Scratch;
        List<string> tables = first.Look(session => session.All(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()", row => row.GetString(0)));
        // Guards that refuse to delete are no part of what is tested here; for all other sessions they are there.
        renewal = "BEGIN; SET LOCAL session_replication_role = replica; "
            + string.Concat(tables.Select(table => $"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{table}; "))
            + "COMMIT";
        Script("CREATE SCHEMA kept; "
            + string.Concat(tables.Select(table => $"CREATE TABLE kept.{table} AS TABLE {table}; ")));
    }

    private string Model => first.File("model");

    /// <summary>The next one, which is disposed before the one after it is asked for.</summary>
    internal Shop Next()
    {
        if (shared is null)
        {
            Scratch scratch = new(kind);
            File.Copy(Model, scratch.Where);
            return new Shop(first, scratch, isOwner: true);
        }
        Script(renewal);
        if (++made % ShopsBetweenPacking == 0)
            Script("VACUUM ANALYZE");
        return new Shop(first, shared, isOwner: false);
    }

    private void Script(string statements)
    {
        using Session session = first.Database.Open();
        session.Script(statements);
    }

    public void Dispose() => first.Dispose();
}
