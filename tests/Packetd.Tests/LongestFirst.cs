using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("Packetd.Tests.LongestFirst", "Packetd.Tests")]

namespace Packetd.Tests;

/// <summary>Begins with those that wait for a minute, so that the others run meanwhile, and goes on with what takes longest.</summary>
public class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] s_long = [nameof(StopTests), "arm64", nameof(ModelTests)];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection => Array.FindIndex(s_long, name => collection.DisplayName.Contains(name, StringComparison.Ordinal)) is >= 0 and var at ? at : s_long.Length);
}
