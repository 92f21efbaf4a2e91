using Testing;
using Xunit;

[assembly: TestCollectionOrderer(LongestFirst.Orderer, LongestFirst.Assembly)]
[assembly: Longest(nameof(Guestos.Tests.AnswersTests), nameof(Guestos.Tests.HardshipTests), nameof(Guestos.Tests.FilesTests), nameof(Guestos.Tests.TurnsTests))]
