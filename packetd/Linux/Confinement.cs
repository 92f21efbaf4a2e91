using System;

namespace Packetd;

/// <summary>What packetd gives up once it has opened everything. docs/security.md says what it keeps, and why.</summary>
internal static class Confinement
{
    private const int SetNoNewPrivileges = 38, SetDumpable = 4, SetSeccomp = 22, SeccompFilter = 2;
    private const ulong KillCapability = 1 << 5, SetGidCapability = 1 << 6, SetUidCapability = 1 << 7;
    private const ulong CapabilityVersion3 = 0x20080522, VdsoHeader = 33;
    private const ulong Load = 0x20, JumpIfEqual = 0x15, Return = 0x06, NumberAt = 0, ArchitectureAt = 4UL << 32, CallerHighAt = 12UL << 32;

    /// <summary>Keeps what starting and ending processes of other users takes; nothing when there are no other users.</summary>
    public static void Enter(bool ownUsers)
    {
        ulong kept = ownUsers ? KillCapability | SetGidCapability | SetUidCapability : 0;
        // capset(2): {version, pid 0}, then {effective, permitted, inheritable} for capabilities 0 to 31 and 32 to 63. A machine has
        // none: what is not inheritable ends with execve, and user 0's gains nothing either, without new privileges (capabilities(7)).
        Span<ulong> capabilities = stackalloc ulong[] { CapabilityVersion3, kept | kept << 32, 0, 0 };
        Kernel.Must(Call.Prctl, "cannot refuse new privileges"u8, SetNoNewPrivileges, 1);
        Kernel.Must(Call.Prctl, "cannot hide memory"u8, SetDumpable);
        Kernel.Must(Call.CapSet, "cannot give up capabilities"u8, Kernel.At(capabilities), Kernel.At(capabilities.Slice(1)));
        InstallFilter();
    }

    /// <summary>
    /// Allows packetd's own code the calls in <see cref="Kernel.WhileServing"/> and no other; the process dies that tries.
    /// Filters outlive execve, and monitors need other calls and bring filters of their own. So of this architecture's calls it judges
    /// only those made from packetd's 4 GiB of address space (packetd.ld), outside of which packetd has nothing executable of its own:
    /// the vDSO is unmapped (<see cref="UnmapVdso"/>), and no call that maps memory is on the list.
    /// </summary>
    private static void InstallFilter()
    {
        ReadOnlySpan<Call> allowed = Kernel.WhileServing;
        int kill = 5 + allowed.Length;
        Span<ulong> program = stackalloc ulong[kill + 2];
        program[0] = Load | ArchitectureAt;
        program[1] = JumpIfEqual | (ulong)(kill - 2) << 24 | (ulong)Architecture.Audit << 32; // otherwise to the kill
        program[2] = Load | CallerHighAt;
        program[3] = JumpIfEqual | (ulong)(kill - 3) << 24 | (ulong)Kernel.At(allowed) >> 32 << 32; // otherwise to the end
        program[4] = Load | NumberAt;
        for (int i = 0; i < allowed.Length; i++)
            program[5 + i] = JumpIfEqual | (ulong)(allowed.Length - i) << 16 | (ulong)allowed[i] << 32; // to the end
        program[kill] = Return | 0x80000000UL << 32;
        program[kill + 1] = Return | 0x7FFF0000UL << 32;
        Span<ulong> described = stackalloc ulong[] { (ulong)program.Length, (ulong)Kernel.At<ulong>(program) }; // struct sock_fprog
        Kernel.Must(Call.Prctl, "cannot install a filter of system calls"u8, SetSeccomp, SeccompFilter, Kernel.At<ulong>(described));
    }

    /// <summary>Removes the one piece of foreign code from the process: whoever jumped there could make any system call.</summary>
    /// <param name="stack">In the argument vector: that ends with 0, then the environment does, then the auxiliary vector begins.</param>
    public static unsafe void UnmapVdso(ulong* stack)
    {
        // SAFETY: the auxiliary vector is pairs of a type and a value, and ends with type 0; the vDSO is an ELF image whose first
        // program header covers all of it. The kernel rounds the length up to its own pages.
        for (int ends = 0; ends < 2; stack++)
            ends += *stack == 0 ? 1 : 0;
        for (; *stack != 0; stack += 2)
            if (*stack == VdsoHeader)
                Kernel.Must(Call.Munmap, "cannot remove the vDSO"u8, (nint)stack[1], *(nint*)(stack[1] + *(ulong*)(stack[1] + 32) + 40));
    }
}
