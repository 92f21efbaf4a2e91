using Testing;
using Xunit;

[assembly: TestCollectionOrderer(LongestFirst.Orderer, LongestFirst.Assembly)]
[assembly: Longest(nameof(Migration.Tests.FailureTests), nameof(Migration.Tests.MoveTests), nameof(Migration.Tests.CommitTests), nameof(Migration.Tests.KilledMoverTests))]
