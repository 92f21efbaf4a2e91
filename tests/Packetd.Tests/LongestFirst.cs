using System.Collections.Generic;
using System.Linq;
using Xunit;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("Packetd.Tests.LongestFirst", "Packetd.Tests")]

namespace Packetd.Tests;

/// <summary>Begins with the class that waits for a minute, so that the others run meanwhile.</summary>
public class LongestFirst : ITestCollectionOrderer
{
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderByDescending(collection => collection.DisplayName.Contains(nameof(StopTests), System.StringComparison.Ordinal));
}
