using System.Collections.Generic;
using Board;
using Wire;
using Xunit;

namespace Guestos.Migrate.Tests;

/// <summary>
/// The header of a checkpoint asks for what programs rely on of the processor, and for nothing that they have not used.
/// </summary>
public sealed class FeatureTests
{
    private const uint UsedLeaf = 0x40000011, Hypervisor = 1u << 31;
    private const uint Xsave = 1 << 26, Avx = 1 << 28, Avx2 = 1 << 5;
    private const uint Aes = 1 << 25, Movbe = 1 << 22, Bmi1 = 1 << 3, Sha = 1 << 29, Lzcnt = 1 << 5;

    private const MachineFeatures Extensions = MachineFeatures.Known & ~((MachineFeatures)(1 << 7) - 1);

    // A machine of the monitor that tells what is in use, and announces all.
    private static void OnDomain(uint first = 0, uint seventh = 0, uint extended = 0)
    {
        Processor.Leaves.Clear();
        Processor.Leaves[0] = [7, 0, 0, 0];
        Processor.Leaves[1] = [0, 0, Hypervisor | Aes | Movbe | Xsave | Avx, 0];
        Processor.Leaves[7] = [0, Bmi1 | Sha | Avx2, 0, 0];
        Processor.Leaves[0x80000001] = [0, 0, Lzcnt, 0];
        Processor.Leaves[0x40000000] = [UsedLeaf, 0x6c697645, 0x446e614d, 0x6e6d6f];
        Processor.Leaves[UsedLeaf] = [first, seventh, extended, 0];
        Processor.Written.Clear();
    }

    // The extensions that the header of a checkpoint asks for.
    private static MachineFeatures Asked(Source source)
    {
        List<byte> stream = [];
        Assert.Equal(CheckpointHeader.Size, source.Read(stream, CheckpointHeader.Size));
        Assert.Equal(CheckpointRefusal.None, CheckpointHeader.Parse(stream.ToArray(), MachineFeatures.Known, CheckpointHeader.MaxFrames, out var header));
        return header.Features & Extensions;
    }

    private static MachineFeatures AskedOnce(Source source)
    {
        Assert.Equal(0, source.Open());
        MachineFeatures asked = Asked(source);
        source.Close();
        return asked;
    }

    /// <summary>One test, since what was used is kept for the life of the guest.</summary>
    [Fact]
    public void A_checkpoint_asks_for_what_was_used_here_and_before_and_else_for_what_is_announced()
    {
        using var source = new Source(1);
        OnDomain();
        Assert.Equal(MachineFeatures.None, AskedOnce(source));
        // Programs are told of nothing but what is in use, unless the command line says otherwise.
        foreach ((string words, ulong told) in new[] { ("", 1ul), ("evilman.cpu=host", 0ul), ("a evilman.cpu=host b", 0ul), ("evilman.cpu=hosts", 1ul), ("xevilman.cpu=host", 1ul) })
        {
            OnDomain();
            UsedFeatures.Start(System.Text.Encoding.ASCII.GetBytes(words));
            Assert.Equal(MachineFeatures.None, AskedOnce(source));
            Assert.Equal([(UsedLeaf, told), (UsedLeaf, 1ul), (UsedLeaf, told)], Processor.Written);
        }

        OnDomain(first: Movbe, seventh: Bmi1);
        Assert.Equal(MachineFeatures.Movbe | MachineFeatures.Bmi1, AskedOnce(source));

        // On the next machine nobody has used anything yet.
        OnDomain();
        Assert.Equal(MachineFeatures.Movbe | MachineFeatures.Bmi1, AskedOnce(source));

        // A program that does not ask begins while pages are sent: no copy that may lack it comes to be.
        Assert.Equal(0, source.Open());
        Asked(source);
        OnDomain(extended: Lzcnt);
        List<byte> rest = [];
        long result;
        do
            result = source.Read(rest, 40_000);
        while (result > 0);
        Assert.Equal(Errno.EOPNOTSUPP, result);
        source.Close();
        Assert.Equal(MachineFeatures.Movbe | MachineFeatures.Bmi1 | MachineFeatures.Lzcnt, AskedOnce(source));

        // Another monitor does not tell, nor has the register.
        OnDomain();
        Processor.Leaves.Remove(0x40000000);
        FloatState.HasUpper = false;
        var announced = MachineFeatures.Movbe | MachineFeatures.Bmi1 | MachineFeatures.Lzcnt | MachineFeatures.Aes | MachineFeatures.Sha;
        Assert.Equal(announced, AskedOnce(source));
        Assert.Empty(Processor.Written);

        // What the kernel has not switched on nobody can have used, whatever is announced.
        FloatState.HasUpper = true;
        Assert.Equal(announced | MachineFeatures.Xsave | MachineFeatures.Avx | MachineFeatures.Avx2, AskedOnce(source));
        source.Finish();
    }
}
