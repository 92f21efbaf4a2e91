using System;

namespace Wire;

/// <summary>What a machine must have before it may resume a checkpoint. Unknown bits are refused.</summary>
[Flags]
public enum MachineFeatures : ulong
{
    None = 0,
    X86_64_V2 = 1 << 0,
    VirtioMmio = 1 << 1,
    VirtioNet = 1 << 2,
    VirtioConsole = 1 << 3,
    VirtioBlock = 1 << 4,
    LocalApicTimer = 1 << 5,
    CmosClock = 1 << 6,
    Lzcnt = 1 << 7,
    Bmi1 = 1 << 8,
    Bmi2 = 1 << 9,
    Movbe = 1 << 10,
    Aes = 1 << 11,
    Pclmulqdq = 1 << 12,
    Sha = 1 << 13,
    Xsave = 1 << 14,
    Avx = 1 << 15,
    Avx2 = 1 << 16,
    F16c = 1 << 17,
    Fma = 1 << 18,
    Known = (1 << 19) - 1,
}
