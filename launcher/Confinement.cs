using System;

namespace Launcher;

/// <summary>
/// What no monitor needs and what would reach past its machine (seccomp(2)). It passes on to every program and child; a monitor's own
/// filter, which is narrower, comes on top of it.
/// </summary>
internal static class Confinement
{
    private const int SetNoNewPrivileges = 38, SetSeccomp = 22, SeccompFilter = 2, Invalid = -22;

    // linux/filter.h, linux/seccomp.h
    private const ulong Load = 0x20, JumpIfEqual = 0x15, JumpIfAtLeast = 0x35, JumpIfSet = 0x45, Return = 0x06;
    private const ulong NumberAt = 0, ArchitectureAt = 4, FirstArgumentAt = 16, Unix = 1, X32 = 0x40000000;
    private const ulong NotPermitted = 0x0005_0000 | 1, Allow = 0x7FFF_0000;
    private const ulong MappingFlagsAt = FirstArgumentAt + 3 * sizeof(ulong), Shared = 1, GrowsDown = 0x100; // asm-generic/mman.h
    private const int Refusal = 21, Permission = 22;

    /// <summary>
    /// Refuses sockets other than AF_UNIX: the machine's network is descriptor 3. Refuses messages that could carry descriptors: packetd
    /// takes none, so it would be packetd that closes them, and a file of gigabytes or a connection that lingers takes its time. Refuses
    /// io_uring, which does both past any filter. Refuses to leave the session and the process group, by which packetd ends a machine.
    /// Refuses memory that the limit of it does not count: mappings that are shared or grow downwards, files without a name, System V's
    /// and POSIX's queues and segments, which also outlive their makers. False when it cannot, and that has been said.
    /// </summary>
    public static bool Enter()
    {
        Span<ulong> program = stackalloc ulong[]
        {
            Load | ArchitectureAt << 32,
            Otherwise(1, Refusal) | Architecture.Audit << 32,
            Load | NumberAt << 32,
            To(3, Refusal, JumpIfAtLeast) | X32 << 32,
            To(4, Refusal) | (ulong)Call.SetSid << 32,
            To(5, Refusal) | (ulong)Call.SetPgid << 32,
            To(6, Refusal) | (ulong)Call.IoUringSetup << 32,
            To(7, Refusal) | (ulong)Call.SendMsg << 32,
            To(8, Refusal) | (ulong)Call.SendMmsg << 32,
            To(9, Refusal) | (ulong)Call.MemfdCreate << 32,
            To(10, Refusal) | (ulong)Call.MemfdSecret << 32,
            To(11, Refusal) | (ulong)Call.ShmGet << 32,
            To(12, Refusal) | (ulong)Call.SemGet << 32,
            To(13, Refusal) | (ulong)Call.MsgGet << 32,
            To(14, Refusal) | (ulong)Call.MqOpen << 32,
            Otherwise(15, 18) | (ulong)Call.Mmap << 32,
            Load | MappingFlagsAt << 32,
            To(17, Refusal, JumpIfSet) | Otherwise(17, Permission, 0) | (Shared | GrowsDown) << 32,
            Otherwise(18, Permission) | (ulong)Call.Socket << 32,
            Load | FirstArgumentAt << 32,
            To(20, Permission) | Unix << 32,
            Return | NotPermitted << 32,
            Return | Allow << 32,
        };
        Span<ulong> described = stackalloc ulong[] { (ulong)program.Length, (ulong)Kernel.At(program) }; // struct sock_fprog
        // packetd has done the first already; a person who starts this by hand may not have.
        int code = Kernel.Do(Call.Prctl, SetNoNewPrivileges, 1);
        code = code < 0 ? code : Kernel.Do(Call.Prctl, SetSeccomp, SeccompFilter, Kernel.At(described));
        if (code is < 0 and not Invalid) // a kernel without filters, where monitors have none of their own either
            Failure.Say(Failure.NotStarted, "cannot install a filter of system calls"u8, ""u8, code);
        return code is 0 or Invalid;
    }

    /// <summary>A jump from one place of the program to another, if what was loaded is equal; otherwise to the next.</summary>
    private static ulong To(int from, int to, ulong jump = JumpIfEqual) => jump | (ulong)(to - from - 1) << 16;

    /// <summary>A jump if what was loaded is something else; otherwise to the next.</summary>
    private static ulong Otherwise(int from, int to, ulong jump = JumpIfEqual) => jump | (ulong)(to - from - 1) << 24;
}
