using System;
using Board;
using Wire;

namespace Guestos;

/// <summary>
/// What the guest's programs rely on of the processor beyond x86-64-v2, which its copy must have, too: what they
/// execute, on this machine and on those before, and what CPUID has told them of. The kernel itself needs none of it.
/// </summary>
/// <remarks>
/// Every C library asks CPUID, and a program keeps the answer for as long as it runs: a guest whose programs are told
/// of everything can go to its like only. So they are told of x86-64-v2 and what is in use already, unless the command
/// line says <c>evilman.cpu=host</c>.
/// </remarks>
internal static unsafe class UsedFeatures
{
    private const uint HypervisorLeaf = 0x40000000;
    private const uint ExtendedFeaturesLeaf = 7;
    private const uint ExtendedLeaf = 0x80000001;

    // Of the monitor `domain` (domain/cpu/system): a leaf that tells what is in use, and a register which while it is 1
    // keeps CPUID from telling programs of more.
    private const uint UsedLeaf = 0x40000011;
    private const uint TellUsedOnly = 0x40000011;

    // Ordinary memory: both travel.
    private static MachineFeatures s_used;
    private static bool s_tellsAll;

    /// <summary>At the kernel's start, before there is a program.</summary>
    public static void Start(ReadOnlySpan<byte> commandLine)
    {
        ReadOnlySpan<byte> word = "evilman.cpu=host"u8;
        s_tellsAll = false;
        for (int at = 0; at + word.Length <= commandLine.Length; at++)
        {
            bool begins = at == 0 || commandLine[at - 1] == ' ';
            bool ends = at + word.Length == commandLine.Length || commandLine[at + word.Length] == ' ';
            if (begins && ends && commandLine.Slice(at).StartsWith(word))
                s_tellsAll = true;
        }
        if (s_tellsAll)
            FloatState.TrySwitchOn();
        Settle();
    }

    /// <summary>
    /// Has CPUID tell programs of what they are to know on this machine: at the start and on arrival.
    /// </summary>
    public static void Settle()
    {
        if (IsTold)
            Processor.WriteMsr(TellUsedOnly, s_tellsAll ? 0UL : 1);
    }

    /// <summary>
    /// What is used. From here to <see cref="End"/> programs are told of nothing else, so that it stays that, unless
    /// one does not ask: see <see cref="Find"/>.
    /// </summary>
    public static MachineFeatures Begin()
    {
        if (IsTold)
            Processor.WriteMsr(TellUsedOnly, 1);
        return Find();
    }

    public static void End() => Settle();

    /// <summary>What has been used up to now; where the machine does not tell, what it announces.</summary>
    public static MachineFeatures Find()
    {
        uint* leaf = stackalloc uint[4];
        if (IsTold)
        {
            Processor.CpuId(UsedLeaf, 0, leaf);
            s_used |= ProcessorFeatures.Of(leaf[0], leaf[1], leaf[2]);
            return s_used;
        }
        Processor.CpuId(1, 0, leaf);
        uint first = leaf[2];
        uint seventh = 0;
        Processor.CpuId(0, 0, leaf);
        if (leaf[0] >= ExtendedFeaturesLeaf)
        {
            Processor.CpuId(ExtendedFeaturesLeaf, 0, leaf);
            seventh = leaf[1];
        }
        Processor.CpuId(ExtendedLeaf, 0, leaf);
        MachineFeatures announced = ProcessorFeatures.Of(first, seventh, leaf[2]);
        s_used |= FloatState.HasUpper ? announced : announced & ~ProcessorFeatures.Vectors;
        return s_used;
    }

    private static bool IsTold
    {
        get
        {
            uint* leaf = stackalloc uint[4];
            Processor.CpuId(1, 0, leaf);
            if ((leaf[2] & 1u << 31) == 0)
                return false;
            Processor.CpuId(HypervisorLeaf, 0, leaf);
            return leaf[0] >= UsedLeaf && leaf[0] < UsedLeaf + 0x100
                && leaf[1] == 0x6c697645 && leaf[2] == 0x446e614d && leaf[3] == 0x6e6d6f; // "EvilManDomn"
        }
    }
}
