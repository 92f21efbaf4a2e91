using Testing;
using Xunit;

[assembly: TestCollectionOrderer(LongestFirst.Orderer, LongestFirst.Assembly)]
[assembly: Longest(nameof(Cstrap.Tests.StrangerTests), nameof(Cstrap.Tests.UploadTests), nameof(Cstrap.Tests.WaitingTests))]
