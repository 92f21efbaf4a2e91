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
    Xsave = 1 << 7,
    Avx = 1 << 8,
    Avx2 = 1 << 9,
    F16c = 1 << 10,
    Fma = 1 << 11,
}

/// <summary>Where CPUID tells of <see cref="Extensions"/>, and which instructions belong to them.</summary>
internal static class ExtensionTable
{
    // CPUID.1:ECX, CPUID.7.0:EBX, CPUID.80000001:ECX (SDM vol. 2A, CPUID).
    private const int PclmulqdqBit = 1, FmaBit = 12, MovbeBit = 22, AesBit = 25, XsaveBit = 26, AvxBit = 28,
        F16cBit = 29;

    private const int Bmi1Bit = 3, Avx2Bit = 5, Bmi2Bit = 8, ShaBit = 29, LzcntBit = 5;

    /// <summary>
    /// What needs the upper halves of the YMM registers, and XSAVE, without which they cannot be used.
    /// </summary>
    public const Extensions Vectors = Extensions.Xsave | Extensions.Avx | Extensions.Avx2 | Extensions.F16c
        | Extensions.Fma;

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
        // The host's kernel must have switched the upper halves on.
        if (!Avx.IsSupported)
            found &= ~Vectors;
        return found;
    }

    /// <summary>
    /// What a processor has with this code memory: instructions on vectors in VEX encoding are executed by the host
    /// alone (<see cref="VectorThunks"/>), which takes code of the monitor's own making.
    /// </summary>
    public static Extensions HostWith(CodeMemory? code) => code != null ? Host : Host & ~Vectors;

    private static Extensions Has(uint register, int bit, Extensions extension) =>
        (register >> bit & 1) != 0 ? extension : Extensions.None;

    private static Extensions FromLeafOne(uint ecx) => Has(ecx, PclmulqdqBit, Extensions.Pclmulqdq)
        | Has(ecx, MovbeBit, Extensions.Movbe) | Has(ecx, AesBit, Extensions.Aes) | Has(ecx, XsaveBit, Extensions.Xsave)
        | Has(ecx, AvxBit, Extensions.Avx) | Has(ecx, F16cBit, Extensions.F16c) | Has(ecx, FmaBit, Extensions.Fma);

    private static Extensions FromLeafSeven(uint ebx) => Has(ebx, Bmi1Bit, Extensions.Bmi1)
        | Has(ebx, Bmi2Bit, Extensions.Bmi2) | Has(ebx, ShaBit, Extensions.Sha) | Has(ebx, Avx2Bit, Extensions.Avx2);

    private static uint Bit(Extensions extensions, Extensions extension, int bit) =>
        (extensions & extension) != 0 ? 1u << bit : 0;

    /// <summary>Bits of CPUID.1:ECX.</summary>
    public static uint LeafOne(Extensions extensions) => Bit(extensions, Extensions.Pclmulqdq, PclmulqdqBit)
        | Bit(extensions, Extensions.Movbe, MovbeBit) | Bit(extensions, Extensions.Aes, AesBit)
        | Bit(extensions, Extensions.Xsave, XsaveBit) | Bit(extensions, Extensions.Avx, AvxBit)
        | Bit(extensions, Extensions.F16c, F16cBit) | Bit(extensions, Extensions.Fma, FmaBit);

    /// <summary>Bits of CPUID.7.0:EBX.</summary>
    public static uint LeafSeven(Extensions extensions) => Bit(extensions, Extensions.Bmi1, Bmi1Bit)
        | Bit(extensions, Extensions.Bmi2, Bmi2Bit) | Bit(extensions, Extensions.Sha, ShaBit)
        | Bit(extensions, Extensions.Avx2, Avx2Bit);

    /// <summary>Bits of CPUID.80000001:ECX.</summary>
    public static uint LeafExtendedOne(Extensions extensions) => Bit(extensions, Extensions.Lzcnt, LzcntBit);

    /// <summary>What a leaf of CPUID tells about, whether it is there or not.</summary>
    public static Extensions ToldBy(uint leaf) => leaf switch
    {
        1 => Extensions.Pclmulqdq | Extensions.Movbe | Extensions.Aes | Extensions.Xsave | Extensions.Avx
            | Extensions.F16c | Extensions.Fma,
        7 => Extensions.Bmi1 | Extensions.Bmi2 | Extensions.Sha | Extensions.Avx2,
        0xd => Extensions.Xsave | Extensions.Avx,
        0x8000_0001 => Extensions.Lzcnt,
        _ => Extensions.None,
    };

    /// <summary>What the instruction belongs to; None: the processor has it in any case, or never.</summary>
    public static Extensions Of(in Instruction i) =>
        i.Encoding == EncodingKind.VEX ? OfVex(i.Code) : Of(i.Mnemonic);

    /// <summary>All that it needs. None: it belongs to something that is never announced.</summary>
    private static Extensions OfVex(Code code)
    {
        var result = Extensions.None;
        foreach (var feature in code.CpuidFeatures())
        {
            var extension = feature switch
            {
                CpuidFeature.AVX => Extensions.Avx,
                CpuidFeature.AVX2 => Extensions.Avx2,
                CpuidFeature.F16C => Extensions.F16c,
                CpuidFeature.FMA => Extensions.Fma,
                CpuidFeature.AES => Extensions.Aes,
                CpuidFeature.PCLMULQDQ => Extensions.Pclmulqdq,
                CpuidFeature.BMI1 => Extensions.Bmi1,
                CpuidFeature.BMI2 => Extensions.Bmi2,
                _ => Extensions.None,
            };
            if (extension == Extensions.None)
                return Extensions.None;
            result |= extension;
        }
        return result;
    }

    private static Extensions Of(Mnemonic mnemonic)
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
            case Mnemonic.Xgetbv or Mnemonic.Xsetbv or Mnemonic.Xsave or Mnemonic.Xsave64 or Mnemonic.Xsaveopt
                or Mnemonic.Xsaveopt64 or Mnemonic.Xrstor or Mnemonic.Xrstor64:
                return Extensions.Xsave;
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
