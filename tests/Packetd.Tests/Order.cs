using Testing;
using Xunit;

[assembly: TestCollectionOrderer(LongestFirst.Orderer, LongestFirst.Assembly)]
[assembly: Longest(nameof(Packetd.Tests.StopTests), "arm64", nameof(Packetd.Tests.ModelTests))]
