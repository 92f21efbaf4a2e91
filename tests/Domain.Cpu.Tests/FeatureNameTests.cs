using System;
using System.Linq;
using Wire;
using Xunit;

namespace Domain.Tests;

/// <summary>
/// What the monitor and a checkpoint's header call the processor's extensions. The monitor links nothing of the wire's
/// formats, so each has a list of its own, and a guest that moves relies on their meaning the same.
/// </summary>
public sealed class FeatureNameTests
{
    private const MachineFeatures FirstExtension = MachineFeatures.Lzcnt;

    /// <summary>What CPUID tells of an extension alone is that extension to whoever reads it there.</summary>
    [Fact]
    public void An_extension_that_CPUID_tells_of_is_the_feature_of_its_name_in_a_checkpoint()
    {
        Extensions[] extensions = [.. Enum.GetValues<Extensions>().Where(one => one != Extensions.None)];
        Assert.All(extensions, one => Assert.Equal(one.ToString(), ProcessorFeatures.Of(
            ExtensionTable.LeafOne(one), ExtensionTable.LeafSeven(one), ExtensionTable.LeafExtendedOne(one)).ToString()));
        // And a checkpoint knows of no other.
        Assert.Equal(extensions.Select(one => one.ToString()).Order(), Enum.GetValues<MachineFeatures>()
            .Where(one => one >= FirstExtension && one != MachineFeatures.Known).Select(one => one.ToString()).Order());
    }
}
