using System.Collections.Generic;
using System.Reflection;
using System.Runtime.InteropServices;
using Xunit;
using Xunit.Sdk;

// They share one server, and its kernel.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Tokenbroker.Tests;

/// <summary>The test runs on a file of SQLite; where its library is not installed the test is skipped, and counted as that.</summary>
public sealed class OnSqliteAttribute : DataAttribute
{
    /// <summary>Why nothing can run on SQLite here; null: it can.</summary>
    internal static string? Refusal { get; } = NativeLibrary.TryLoad("libsqlite3.so", out _) ? null
        : "SQLite's library is not installed (deploy/dependencies installs it for root)";

    public OnSqliteAttribute() => Skip = Refusal;

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [["sqlite"]];
}

/// <summary>A test on SQLite alone.</summary>
public sealed class SqliteFactAttribute : FactAttribute
{
    public SqliteFactAttribute() => Skip = OnSqliteAttribute.Refusal;
}

/// <summary>A test on PostgreSQL alone.</summary>
public sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() => Skip = PostgresServer.Refusal;
}

/// <summary>
/// The same test runs on PostgreSQL; where it is not installed the test is skipped, and counted as that.
/// </summary>
public sealed class OnPostgresAttribute : DataAttribute
{
    public OnPostgresAttribute() => Skip = PostgresServer.Refusal;

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [["postgres"]];
}
