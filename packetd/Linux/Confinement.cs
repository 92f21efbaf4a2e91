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
        && KeepCapabilities(ownUsers ? KillCapability | SetGidCapability | SetUidCapability : 0)
        && InstallFilter();

    public static bool KeepCapabilities(uint set)
    {
        // capset(2): {version, pid 0}, then {effective, permitted, inheritable} for capabilities 0 to 31 and 32 to 63.
        Span<ulong> capabilities = stackalloc ulong[] { CapabilityVersion3, set | (ulong)set << 32, 0, 0 };
        return Kernel.Do(Call.CapSet, Kernel.At(capabilities), Kernel.At(capabilities.Slice(1))) == 0;
    }

    /// <summary>
    /// Allows packetd's own code the calls in <see cref="Kernel.WhileServing"/> and no other; the process dies that tries.
    /// Filters outlive execve, and monitors need other calls and bring filters of their own. So this one judges only calls
    /// made from packetd's 4 GiB of address space (packetd.ld), outside of which packetd has nothing executable: the vDSO
    /// is unmapped (<see cref="UnmapVdso"/>), and no call that maps memory is on the list.
    /// </summary>
    private static bool InstallFilter()
    {
        const ulong Load = 0x20, JumpIfEqual = 0x15, OverNext = 1 << 16, ElseOverNext = 1 << 24, Return = 0x06;
        const ulong NumberAt = 0, ArchitectureAt = 4UL << 32, CallerHighAt = 12UL << 32;
        const ulong Allow = Return | 0x7FFF0000UL << 32, KillProcess = Return | 0x80000000UL << 32;
        ReadOnlySpan<Call> allowed = Kernel.WhileServing;
        Span<ulong> program = stackalloc ulong[8 + 2 * allowed.Length];
        program[0] = Load | ArchitectureAt;
        program[1] = JumpIfEqual | OverNext | (ulong)Architecture.Audit << 32;
        program[2] = KillProcess;
        program[3] = Load | CallerHighAt;
        program[4] = JumpIfEqual | OverNext | (ulong)Kernel.At(allowed) >> 32 << 32;
        program[5] = Allow;
        program[6] = Load | NumberAt;
        for (int i = 0; i < allowed.Length; i++)
        {
            program[7 + 2 * i] = JumpIfEqual | ElseOverNext | (ulong)allowed[i] << 32;
            program[8 + 2 * i] = Allow;
        }
        program[7 + 2 * allowed.Length] = KillProcess;
        Span<ulong> described = stackalloc ulong[] { (ulong)program.Length, (ulong)Kernel.At<ulong>(program) }; // struct sock_fprog
        return Kernel.Do(Call.Prctl, SetSeccomp, SeccompFilter, Kernel.At<ulong>(described)) == 0;
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
        ulong* auxiliary = (ulong*)word;
        while (auxiliary[0] != 0 && auxiliary[0] != VdsoHeader)
            auxiliary += 2;
        byte* image = (byte*)auxiliary[1];
        if (auxiliary[0] != 0)
            Kernel.Do(Call.Munmap, (nint)image, *(nint*)(image + *(ulong*)(image + 32) + 40)); // the kernel rounds up to its own pages
    }
}
