using System.Collections.Generic;
using System.Reflection;
using Xunit;
using Xunit.Sdk;

// They share one server, and its kernel.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Tokenbroker.Tests;

/// <summary>The test runs on a file of SQLite.</summary>
public sealed class OnSqliteAttribute : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [["sqlite"]];
}

/// <summary>
/// The same test runs on PostgreSQL; where it is not installed the test is skipped, and counted as that.
/// </summary>
public sealed class OnPostgresAttribute : DataAttribute
{
    public OnPostgresAttribute() => Skip = PostgresServer.Refusal;

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [["postgres"]];
}
