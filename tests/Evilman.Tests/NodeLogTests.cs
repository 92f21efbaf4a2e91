using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Evilman.Text;
using Wire;
using Xunit;

namespace Evilman.Tests;

/// <summary>What <c>evilman node log</c> makes of packetd's lines. LabTests has a log of the shipped packetd.</summary>
public sealed class NodeLogTests
{
    public static TheoryData<Refusal> Refusals => [.. Enum.GetValues<Refusal>()];

    [Theory, MemberData(nameof(Refusals))]
    public void Each_refusal_has_its_sentence(Refusal refusal)
    {
        var line = $"Nov 30 05:00:00 node1 packetd[77]: refused a magic ping from 10.77.0.250: reason {(int)refusal}";
        Assert.Equal($"{line}: {refusal.Sentence()}", NodeLog.Explained(line));
        Assert.DoesNotContain("does not know", refusal.Sentence().Replace("The node does not know", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("refused a magic ping from 10.77.0.250: reason 18")] // given out no more
    [InlineData("refused a magic ping from 10.77.0.250: reason 255")]
    [InlineData("refused a magic ping from 10.77.0.250: reason 999")]
    [InlineData("refused a magic ping from 10.77.0.250: reason 1600")]
    [InlineData("domain 0: ended: exit code 0; frames sent 1, received 2, dropped 0, forged 0")]
    [InlineData("reason 16")]
    [InlineData("")]
    public void Other_lines_are_as_they_were(string line) => Assert.Equal(line, NodeLog.Explained(line));

    [Fact]
    public void Each_line_is_told_and_none_is_kept_that_has_no_end()
    {
        List<string> told = [];
        NodeLog.Explain(new StringReader("one\n\nrefused a magic ping from 1.2.3.4: reason 16\n" + new string('x', 2 * NodeLog.MaxLine) + "\nlast"), told.Add);
        Assert.Equal(["one", "", $"refused a magic ping from 1.2.3.4: reason 16: {Refusal.AddressInUse.Sentence()}"], told[..3]);
        Assert.All(told[3..5], piece => Assert.Equal(new string('x', NodeLog.MaxLine), piece));
        Assert.Equal(["", "last"], told[5..]);
        Assert.Equal(2, told.Count(line => line.Length == NodeLog.MaxLine));
    }
}
