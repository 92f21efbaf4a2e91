using Testing;
using Xunit;

[assembly: TestCollectionOrderer(LongestFirst.Orderer, LongestFirst.Assembly)]
[assembly: Longest("failures", "cluster", nameof(Endtoend.Tests.JobTests), nameof(Endtoend.Tests.TokenDemoTests))]
