using System;
using System.Linux;
using static System.Linux.Bpf;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace Packetd;

/// <summary>
/// What packetd gives up once it has opened everything. docs/security.md says what it keeps, and why.
/// </summary>
internal static class Confinement
{
    /// <summary>
    /// Keeps the capabilities to start and end processes of other users; none when there are no other users.
    /// </summary>
    public static void Enter(bool ownUsers)
    {
        ulong kept = ownUsers ? 1UL << CAP_KILL | 1UL << CAP_SETGID | 1UL << CAP_SETUID : 0;
        // capset(2): {version, pid 0}, then {effective, permitted, inheritable} for capabilities 0 to 31 and 32 to 63.
        // A machine has none: what is not inheritable ends with execve, and user 0's gains nothing either, without new
        // privileges (capabilities(7)).
        Span<ulong> capabilities = stackalloc ulong[] { LINUX_CAPABILITY_VERSION_3, kept | kept << 32, 0, 0 };
        Log.Require(Call(CallNumber.Prctl, PR_SET_NO_NEW_PRIVS, 1), "cannot refuse new privileges"u8);
        Log.Require(Call(CallNumber.Prctl, PR_SET_DUMPABLE), "cannot hide memory"u8);
        Log.Require(
            Call(
                CallNumber.CapSet, AddressOf(capabilities), AddressOf(capabilities.Slice(1))),
            "cannot give up capabilities"u8);
        InstallFilter();
    }

    /// <summary>
    /// Allows packetd's own code the calls in <see cref="Calls.WhileServing"/> and no other; another kills the process.
    /// Filters outlive execve, and monitors need other calls and bring filters of their own. So of this architecture's
    /// calls it judges only those made from packetd's 4 GiB of address space (packetd.ld), outside of which packetd has
    /// nothing executable of its own: the vDSO is unmapped (<see cref="UnmapVdso"/>), and no call that maps memory is
    /// on the list.
    /// </summary>
    private static void InstallFilter()
    {
        const int ListAt = 4;
        ReadOnlySpan<CallNumber> calls = Calls.WhileServing;
        Span<SockFilter> filter = stackalloc SockFilter[ListAt + calls.Length + Seccomp.AllowOnlySize];
        byte kill = (byte)(filter.Length - 2);
        uint own = (uint)(AddressOf(calls) >> 32); // The list is data of packetd, and lies where its code does.
        filter[0] = new(LoadWord, Seccomp.ArchitectureAt);
        filter[1] = new(JumpIfEqual, 0, (byte)(kill - 2), Architecture.Audit);
        filter[2] = new(LoadWord, Seccomp.InstructionPointerAt + sizeof(uint));
        filter[3] = new(JumpIfEqual, 0, (byte)(kill + 1 - 4), own);
        Seccomp.AllowOnly(filter.Slice(ListAt), calls);
        Log.Require(Seccomp.Install(filter), "cannot install a filter of system calls"u8);
    }

    /// <summary>
    /// Removes the one piece of foreign code from the process: by a jump into it any system call could be made.
    /// </summary>
    /// <param name="stack">
    /// In the argument vector, which ends with 0; the environment follows, which ends with 0, and then the auxiliary
    /// vector.
    /// </param>
    public static unsafe void UnmapVdso(ulong* stack)
    {
        // SAFETY: the auxiliary vector is pairs of a type and a value, and ends with type 0; the vDSO is an ELF image
        // that ends with its section headers (e_shoff, e_shnum of 64 bytes each), which the kernel maps with it but its
        // segment (p_memsz) leaves out. The kernel rounds the length up to its pages, and refuses to split the mapping.
        for (int ends = 0; ends < 2; stack++)
            if (*stack == 0)
                ends++;
        for (; *stack != 0; stack += 2)
            if (*stack == AT_SYSINFO_EHDR)
            {
                byte* image = (byte*)stack[1];
                uint length = *(uint*)(image + 40) + 64u * *(ushort*)(image + 60);
                int result = Call(CallNumber.Munmap, (nint)image, (nint)length);
                Log.Require(result, "cannot remove the vDSO"u8);
            }
    }
}
