using System.Collections.Generic;
using System.Linq;
using System.Text;
using Iced.Intel;
using Xunit;
using Xunit.Abstractions;

namespace Domain.Tests;

/// <summary>Every user-mode instruction, on random operands, here and on the host's own processor.</summary>
public sealed class HostComparisonTests(ITestOutputHelper output)
{
    private const int Rounds = 60;

    public static IEnumerable<object[]> Groups() => RandomInstruction.Codes()
        .GroupBy(code => new Instruction { Code = code }.CpuidFeatures[^1].ToString()).Select(group => new object[] { group.Key });

    [Theory]
    [MemberData(nameof(Groups))]
    public void AgreesWithHost(string feature)
    {
        var machine = new TestMachine();
        var failures = new StringBuilder();
        int failed = 0, compared = 0;
        foreach (var code in RandomInstruction.Codes().Where(code => new Instruction { Code = code }.CpuidFeatures[^1].ToString() == feature))
        {
            for (int round = 0; round < Rounds; round++)
            {
                string? difference = HostComparison.Compare(machine, code, (int)code * 1000 + round);
                compared++;
                if (difference == null)
                    continue;
                failed++;
                if (failed < 60)
                    failures.AppendLine(difference);
                break;
            }
        }
        output.WriteLine($"{compared} compared");
        Assert.True(failed == 0, $"{failed} instructions differ:\n{failures}");
    }
}
