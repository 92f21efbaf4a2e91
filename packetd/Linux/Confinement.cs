using System;

namespace Packetd;

/// <summary>What packetd gives up once it has opened everything. docs/security.md says what it keeps, and why.</summary>
internal static class Confinement
{
    private const int SetNoNewPrivileges = 38, SetDumpable = 4, SetSeccomp = 22, SeccompFilter = 2;
    private const uint KillCapability = 1 << 5, SetGidCapability = 1 << 6, SetUidCapability = 1 << 7;
    private const ulong CapabilityVersion3 = 0x20080522;

    /// <summary>Keeps what starting and ending processes of other users takes; nothing when there are no other users.</summary>
    public static bool Enter(bool ownUsers) =>
        Kernel.Do(Call.Prctl, SetNoNewPrivileges, 1) == 0
        && Kernel.Do(Call.Prctl, SetDumpable) == 0
        && KeepCapabilities(ownUsers ? KillCapability | SetGidCapability | SetUidCapability : 0) == 0
        && InstallFilter() == 0;

    public static int KeepCapabilities(uint set)
    {
        // capset(2): {version, pid 0}, then {effective, permitted, inheritable} for capabilities 0 to 31 and 32 to 63.
        Span<ulong> capabilities = stackalloc ulong[4];
        capabilities[0] = CapabilityVersion3;
        capabilities[1] = set | (ulong)set << 32;
        return Kernel.Do(Call.CapSet, Kernel.At(capabilities), Kernel.At(capabilities.Slice(1)));
    }

    /// <summary>
    /// Allows packetd's own code the calls in <see cref="Kernel.WhileServing"/> and no other; the process dies that tries.
    /// Filters outlive execve, and monitors need other calls and bring filters of their own. So this one judges only calls
    /// made from packetd's 4 GiB of address space (packetd.ld), outside of which packetd has nothing executable: the vDSO
    /// is unmapped (<see cref="UnmapVdso"/>), and no call that maps memory is on the list.
    /// </summary>
    private static unsafe int InstallFilter()
    {
        const ulong Load = 0x20, JumpIfEqual = 0x15, Return = 0x06;
        const ulong ArchitectureAt = 4, NumberAt = 0, CallerHighAt = 12, Allow = 0x7FFF0000, KillProcess = 0x80000000;
        ReadOnlySpan<ushort> allowed = Kernel.WhileServing;
        Span<ulong> program = stackalloc ulong[8 + allowed.Length];
        ulong toAllow = (ulong)allowed.Length + 1;
        int at = 0;
        program[at++] = Load | ArchitectureAt << 32;
        program[at++] = JumpIfEqual | 1 << 16 | (ulong)Architecture.Audit << 32;
        program[at++] = Return | KillProcess << 32;
        program[at++] = Load | CallerHighAt << 32;
        program[at++] = JumpIfEqual | (toAllow + 1) << 24 | ((ulong)(nint)(delegate*<bool, bool>)&Enter >> 32) << 32;
        program[at++] = Load | NumberAt << 32;
        for (int i = 0; i < allowed.Length; i++)
            program[at++] = JumpIfEqual | (toAllow - 1 - (ulong)i) << 16 | (ulong)allowed[i] << 32;
        program[at++] = Return | KillProcess << 32;
        program[at] = Return | Allow << 32;
        Span<ulong> described = stackalloc ulong[] { (ulong)program.Length, (ulong)Kernel.At(program) }; // struct sock_fprog
        return Kernel.Do(Call.Prctl, SetSeccomp, SeccompFilter, Kernel.At(described));
    }

    /// <summary>Removes the one piece of foreign code from the process: whoever jumped there could make any system call.</summary>
    public static unsafe void UnmapVdso(byte** environment)
    {
        const ulong VdsoHeader = 33;
        // SAFETY: the auxiliary vector follows the environment and ends with type 0; the vDSO is an ELF image whose first
        // program header covers all of it.
        byte** word = environment;
        while (*word++ != null)
            continue;
        for (ulong* auxiliary = (ulong*)word; auxiliary[0] != 0; auxiliary += 2)
            if (auxiliary[0] == VdsoHeader)
            {
                byte* image = (byte*)auxiliary[1];
                ulong size = *(ulong*)(image + *(ulong*)(image + 32) + 40);
                Kernel.Do(Call.Munmap, (nint)image, (nint)size); // the kernel rounds up to its own pages
                return;
            }
    }
}
