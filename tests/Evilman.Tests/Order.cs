using Testing;
using Xunit;

[assembly: TestCollectionOrderer(LongestFirst.Orderer, LongestFirst.Assembly)]
[assembly: Longest("lab", nameof(Evilman.Tests.RandomCommandLineTests))]
