using System;

namespace Domain;

/// <summary>
/// What the processor says it is: x86-64-v2 with <see cref="Extensions"/>, and nothing that is not emulated.
/// </summary>
internal static unsafe class CpuId
{
    // Leaf 1 EDX and 0x80000001 EDX share these: FPU, DE, PSE, TSC, MSR, PAE, CX8, APIC, PGE, CMOV, PAT, MMX, FXSR.
    private const uint Shared = 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9 | 1 << 13 | 1 << 15
        | 1 << 16 | 1 << 23 | 1 << 24;

    // CLFLUSH, SSE, SSE2.
    private const uint Basic = Shared | 1 << 19 | 1 << 25 | 1 << 26;

    // SSE3, SSSE3, CX16, SSE4.1, SSE4.2, POPCNT, TSC deadline timer, hypervisor present.
    private const uint BasicMore = 1 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23 | 1 << 24 | 1u << 31;

    // SYSCALL, NX, 1 GiB pages, RDTSCP, long mode.
    private const uint Extended = Shared | 1 << 11 | 1 << 20 | 1 << 26 | 1 << 27 | 1 << 29;

    private const uint StateLeaf = 0xd;

    private const uint UsedLeaf = 0x4000_0011;

    /// <summary>CPUID: leaf in EAX, subleaf in ECX.</summary>
    public static void Read(CpuState* s)
    {
        uint leaf = (uint)s->Gpr[0];
        var extensions = s->Announced;
        if (s->Cpl == 3 && s->TellsUsedOnly)
            extensions &= s->Used;
        else if (s->Cpl == 3)
            s->Used |= extensions & ExtensionTable.ToldBy(leaf);
        (uint a, uint b, uint c, uint d) = leaf switch
        {
            // Family 15 of AMD: software expects SYSCALL and no Intel-only leaves there.
            0 => ((extensions & Extensions.Xsave) != 0 ? StateLeaf : 7u, Word("Auth"u8), Word("cAMD"u8),
                Word("enti"u8)),
            1 => (0x0006_0fb1u, 0x0001_0800u, BasicMore | ExtensionTable.LeafOne(extensions) | Switched(s, extensions),
                Basic),
            // ARAT: the local APIC timer goes on whatever the processor sleeps like.
            6 => (1u << 2, 0u, 0u, 0u),
            7 when (uint)s->Gpr[1] == 0 => (0u, ExtensionTable.LeafSeven(extensions), 0u, 0u),
            StateLeaf when (extensions & Extensions.Xsave) != 0 => StateComponents(s, extensions),
            0x8000_0000 => (0x8000_0008u, Word("Auth"u8), Word("cAMD"u8), Word("enti"u8)),
            0x8000_0001 => (0x0006_0fb1u, 0u, 1u | ExtensionTable.LeafExtendedOne(extensions), Extended),
            0x8000_0002 => (Word("Emul"u8), Word("ated"u8), Word(" x86"u8), Word("-64 "u8)),
            0x8000_0003 => (Word("proc"u8), Word("esso"u8), Word("r\0\0\0"u8), 0u),
            // Caches: 64 KiB L1 data and instruction, 2-way, 64-byte lines; 512 KiB L2, 16-way.
            0x8000_0005 => (0x01ff_01ffu, 0x01ff_01ffu, 0x4002_0140u, 0x4002_0140u),
            0x8000_0006 => (0u, 0x4200_4200u, 0x0200_8140u, 0u),
            // Invariant TSC.
            0x8000_0007 => (0u, 0u, 0u, 1u << 8),
            0x8000_0008 => (40u | 48 << 8, 0u, 0u, 0u),
            0x4000_0000 => (UsedLeaf, Word("Evil"u8), Word("ManD"u8), Word("omn\0"u8)),
            // TSC and local APIC timer in kHz.
            0x4000_0010 => (1_000_000u, 1_000_000u, 0u, 0u),
            // Of what the leaves 1, 7 and 0x80000001 announce beyond x86-64-v2: what the guest relies on.
            UsedLeaf => (ExtensionTable.LeafOne(s->Used), ExtensionTable.LeafSeven(s->Used),
                ExtensionTable.LeafExtendedOne(s->Used), 0u),
            // For kernels that take both from the host's clock (Cpu.HostTime): it is there, and it is stable.
            0x4000_0100 => (0x4000_0101u, Word("KVMK"u8), Word("VMKV"u8), Word("M\0\0\0"u8)),
            0x4000_0101 => (1u << 3 | 1u << 24, 0u, 0u, 0u),
            _ => (0u, 0u, 0u, 0u),
        };
        s->Gpr[0] = a;
        s->Gpr[3] = b;
        s->Gpr[1] = c;
        s->Gpr[2] = d;
    }

    // OSXSAVE: CR4's.
    private static uint Switched(CpuState* s, Extensions extensions) =>
        (extensions & Extensions.Xsave) != 0 && (s->Cr4 & Cr4.OSXSAVE) != 0 ? 1u << 27 : 0;

    /// <summary>
    /// Leaf 0DH (SDM vol. 1, 13.2): the components, and the bytes of an area for those that are on and for all.
    /// </summary>
    private static (uint A, uint B, uint C, uint D) StateComponents(CpuState* s, Extensions extensions)
    {
        ulong known = Xcr0.X87 | Xcr0.SSE | ((extensions & Extensions.Avx) != 0 ? Xcr0.AVX : 0);
        return (uint)s->Gpr[1] switch
        {
            0 => ((uint)known, (uint)ExtendedState.Size(s->Xcr0), (uint)ExtendedState.Size(known), 0),
            // XSAVEOPT.
            1 => (1u, 0u, 0u, 0u),
            2 when (known & Xcr0.AVX) != 0 => (ExtendedState.UpperBytes, ExtendedState.UpperAt, 0u, 0u),
            _ => (0u, 0u, 0u, 0u),
        };
    }

    private static uint Word(ReadOnlySpan<byte> text) => BitConverter.ToUInt32(text);
}
