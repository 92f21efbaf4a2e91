using System;
using Board;
using Wire;

namespace Loader.Checkpoint;

/// <summary>What this machine has, in the terms of a checkpoint's header.</summary>
internal static unsafe class Features
{
    // CPUID.1:ECX of x86-64-v2: SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT (System V AMD64 psABI,
    // "Micro-Architecture Levels").
    private const uint LevelTwo = 1 << 0 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23;
    private const uint LahfInLongMode = 1 << 0;
    private const uint ExtendedFeaturesLeaf = 7;
    private const uint LocalApicBit = 1 << 9;

    public static MachineFeatures Find(ReadOnlySpan<byte> commandLine)
    {
        MachineFeatures found = MachineFeatures.None;
        uint* leaf = stackalloc uint[4];
        Processor.CpuId(1, 0, leaf);
        uint first = leaf[2];
        if ((leaf[3] & LocalApicBit) != 0)
            found |= MachineFeatures.LocalApicTimer;
        Processor.CpuId(0x80000001, 0, leaf);
        if ((first & LevelTwo) == LevelTwo && (leaf[2] & LahfInLongMode) != 0)
            found |= MachineFeatures.X86_64_V2;
        uint extended = leaf[2];
        Processor.CpuId(0, 0, leaf);
        if (leaf[0] >= ExtendedFeaturesLeaf)
            Processor.CpuId(ExtendedFeaturesLeaf, 0, leaf);
        else
            leaf[1] = 0;
        found |= ProcessorFeatures.Of(first, leaf[1], extended);
        // Where there is no clock the bus answers all ones.
        if (CmosClock.RawSeconds <= 0x59)
            found |= MachineFeatures.CmosClock;
        while (DeviceAnnouncement.TryNext(ref commandLine, out DeviceAnnouncement announced))
            found |= new VirtioMmio((byte*)announced.Base).Kind switch
            {
                VirtioDeviceKind.Network => MachineFeatures.VirtioMmio | MachineFeatures.VirtioNet,
                VirtioDeviceKind.Console => MachineFeatures.VirtioMmio | MachineFeatures.VirtioConsole,
                VirtioDeviceKind.Block => MachineFeatures.VirtioMmio | MachineFeatures.VirtioBlock,
                VirtioDeviceKind.None => MachineFeatures.None,
                _ => MachineFeatures.VirtioMmio,
            };
        return found;
    }
}
