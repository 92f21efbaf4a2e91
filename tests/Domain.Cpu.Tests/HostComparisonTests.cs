using System.Collections.Generic;
using System.Linq;
using System.Text;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using Xunit.Abstractions;

namespace Domain.Tests;

/// <summary>Every user-mode instruction, on random operands, here and on the host's own processor.</summary>
[Collection("host")]
public sealed class HostComparisonTests(ITestOutputHelper output)
{
    private const int Rounds = 60;

    public static IEnumerable<object[]> Groups() => RandomInstruction.Codes()
        .GroupBy(code => new Instruction { Code = code }.CpuidFeatures[^1].ToString()).Select(group => new object[] { group.Key });

    [Theory]
    [MemberData(nameof(Groups))]
    public void AgreesWithHost(string feature) =>
        Compare(RandomInstruction.Codes().Where(code =>
            new Instruction { Code = code }.CpuidFeatures[^1].ToString() == feature), 64);

    /// <summary>
    /// The same in a 32-bit code segment: integer instructions, with those that 64-bit code does not have.
    /// </summary>
    [Fact]
    public void ThirtyTwoBitCodeAgreesWithHost() => Compare(RandomInstruction.Codes(32), 32);

    private void Compare(IEnumerable<Code> codes, int bits)
    {
        // Vectors in VEX encoding need code memory, which the interpreter's machines elsewhere do not have.
        var machine = new TestMachine(true, TestMachine.Translates ? 0 : int.MaxValue);
        var failures = new StringBuilder();
        int failed = 0, compared = 0;
        foreach (var code in codes)
        {
            for (int round = 0; round < Rounds; round++)
            {
                int seed = (int)code * 1000 + round;
                // The just-in-time compiler works on this thread, inside the first run of a handler, and raises flags
                // of its own.
                string? difference = HostComparison.Compare(machine, code, seed, bits) == null ? null
                    : HostComparison.Compare(machine, code, seed, bits);
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
