using System;
using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Domain;

/// <summary>
/// Instruction sets beyond x86-64-v2. The processor announces those that its host has, since the host executes them.
/// </summary>
[Flags]
internal enum Extensions : uint
{
    None = 0,
    Lzcnt = 1 << 0,
    Bmi1 = 1 << 1,
    Bmi2 = 1 << 2,
    Movbe = 1 << 3,
    Aes = 1 << 4,
    Pclmulqdq = 1 << 5,
    Sha = 1 << 6,
}

/// <summary>Where CPUID tells of <see cref="Extensions"/>, and which instructions belong to them.</summary>
internal static class ExtensionTable
{
    // CPUID.1:ECX, CPUID.7.0:EBX, CPUID.80000001:ECX (SDM vol. 2A, CPUID).
    private const int PclmulqdqBit = 1, MovbeBit = 22, AesBit = 25, Bmi1Bit = 3, Bmi2Bit = 8, ShaBit = 29, LzcntBit = 5;

    /// <summary>What the host has.</summary>
    public static Extensions Host { get; } = Find();

    private static Extensions Find()
    {
        var found = FromLeafOne((uint)X86Base.CpuId(1, 0).Ecx);
        if (X86Base.CpuId(0, 0).Eax >= 7)
            found |= FromLeafSeven((uint)X86Base.CpuId(7, 0).Ebx);
        if ((uint)X86Base.CpuId(unchecked((int)0x8000_0000), 0).Eax > 0x8000_0000)
            found |= Has((uint)X86Base.CpuId(unchecked((int)0x8000_0001), 0).Ecx, LzcntBit, Extensions.Lzcnt);
        // The interpreter does these with the runtime's, which may have been told to do without.
        if (!Aes.IsSupported)
            found &= ~Extensions.Aes;
        if (!Pclmulqdq.IsSupported)
            found &= ~Extensions.Pclmulqdq;
        return found;
    }

    private static Extensions Has(uint register, int bit, Extensions extension) =>
        (register >> bit & 1) != 0 ? extension : Extensions.None;

    private static Extensions FromLeafOne(uint ecx) => Has(ecx, PclmulqdqBit, Extensions.Pclmulqdq)
        | Has(ecx, MovbeBit, Extensions.Movbe) | Has(ecx, AesBit, Extensions.Aes);

    private static Extensions FromLeafSeven(uint ebx) => Has(ebx, Bmi1Bit, Extensions.Bmi1)
        | Has(ebx, Bmi2Bit, Extensions.Bmi2) | Has(ebx, ShaBit, Extensions.Sha);

    private static uint Bit(Extensions extensions, Extensions extension, int bit) =>
        (extensions & extension) != 0 ? 1u << bit : 0;

    /// <summary>Bits of CPUID.1:ECX.</summary>
    public static uint LeafOne(Extensions extensions) => Bit(extensions, Extensions.Pclmulqdq, PclmulqdqBit)
        | Bit(extensions, Extensions.Movbe, MovbeBit) | Bit(extensions, Extensions.Aes, AesBit);

    /// <summary>Bits of CPUID.7.0:EBX.</summary>
    public static uint LeafSeven(Extensions extensions) => Bit(extensions, Extensions.Bmi1, Bmi1Bit)
        | Bit(extensions, Extensions.Bmi2, Bmi2Bit) | Bit(extensions, Extensions.Sha, ShaBit);

    /// <summary>Bits of CPUID.80000001:ECX.</summary>
    public static uint LeafExtendedOne(Extensions extensions) => Bit(extensions, Extensions.Lzcnt, LzcntBit);

    /// <summary>What a leaf of CPUID tells about, whether it is there or not.</summary>
    public static Extensions ToldBy(uint leaf) => leaf switch
    {
        1 => Extensions.Pclmulqdq | Extensions.Movbe | Extensions.Aes,
        7 => Extensions.Bmi1 | Extensions.Bmi2 | Extensions.Sha,
        0x8000_0001 => Extensions.Lzcnt,
        _ => Extensions.None,
    };

    /// <summary>What the instruction belongs to; None: the processor has it in any case, or never.</summary>
    public static Extensions Of(Mnemonic mnemonic)
    {
        switch (mnemonic)
        {
            case Mnemonic.Lzcnt:
                return Extensions.Lzcnt;
            case Mnemonic.Andn or Mnemonic.Bextr or Mnemonic.Blsi or Mnemonic.Blsmsk or Mnemonic.Blsr or Mnemonic.Tzcnt:
                return Extensions.Bmi1;
            case Mnemonic.Bzhi or Mnemonic.Mulx or Mnemonic.Pdep or Mnemonic.Pext or Mnemonic.Rorx or Mnemonic.Sarx
                or Mnemonic.Shlx or Mnemonic.Shrx:
                return Extensions.Bmi2;
            case Mnemonic.Movbe:
                return Extensions.Movbe;
            case Mnemonic.Aesenc or Mnemonic.Aesenclast or Mnemonic.Aesdec or Mnemonic.Aesdeclast or Mnemonic.Aesimc
                or Mnemonic.Aeskeygenassist:
                return Extensions.Aes;
            case Mnemonic.Pclmulqdq:
                return Extensions.Pclmulqdq;
            case Mnemonic.Sha1rnds4 or Mnemonic.Sha1nexte or Mnemonic.Sha1msg1 or Mnemonic.Sha1msg2
                or Mnemonic.Sha256rnds2 or Mnemonic.Sha256msg1 or Mnemonic.Sha256msg2:
                return Extensions.Sha;
            default:
                return Extensions.None;
        }
    }

    /// <summary>
    /// Whether its encoding is another instruction on processors without it, which most programs mean: compilers write
    /// TZCNT for BSF where the operand is not zero, and both give the same.
    /// </summary>
    public static bool IsScan(Mnemonic mnemonic) => mnemonic is Mnemonic.Tzcnt or Mnemonic.Lzcnt;
}
