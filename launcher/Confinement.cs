using System;
using System.Linux;
using static System.Linux.Bpf;
using static System.Linux.Uapi;

namespace Launcher;

/// <summary>
/// What no monitor needs and what would reach past its machine (seccomp(2)). It passes on to every program and child; a
/// monitor's own filter, which is narrower, comes on top of it.
/// </summary>
internal static class Confinement
{
    /// <summary>EPERM, as the number that a filter returns.</summary>
    private const uint NotPermitted = SECCOMP_RET_ERRNO | 1;

    /// <summary>__X32_SYSCALL_BIT (asm/unistd.h): such numbers are calls by another numbering of x86-64.</summary>
    private const uint X32 = 0x4000_0000;

    private const uint MappingFlagsAt = Seccomp.ArgumentsAt + 3 * sizeof(ulong);

    // Places in the filter.
    private const int Refusal = 30;
    private const int Permission = 31;

    /// <summary>
    /// Memory that can be mapped a second time (mremap(2) of no bytes), which a translator of code needs once it has
    /// it: written at one address, executed at another. It lives as long as it is mapped, and while it is, the limit of
    /// the address space counts it, once for each address.
    /// </summary>
    private const uint CodeMapping = MAP_SHARED | MAP_ANONYMOUS | MAP_32BIT;

    /// <summary>
    /// Refuses sockets other than AF_UNIX: the machine's network is descriptor 3. Refuses messages that could carry
    /// descriptors: packetd takes none, so it would be packetd that closes them, and a file of gigabytes or a
    /// connection that lingers takes its time. Refuses io_uring, which does both past any filter. Refuses to leave the
    /// session and the process group, by which packetd ends a machine. Refuses memory that the limit of it does not
    /// count: mappings that are shared, but for <see cref="CodeMapping"/>, or grow downwards, files without a name,
    /// System V's and POSIX's queues and segments, which also outlive their makers. Refuses to change modes and owners
    /// of files, by which it would get at the limits of its own control group (<see cref="ControlGroup"/>). False when
    /// it cannot, and that has been said.
    /// </summary>
    public static bool Enter()
    {
        Span<SockFilter> filter = stackalloc SockFilter[]
        {
            new(LoadWord, Seccomp.ArchitectureAt),
            JumpUnlessEqual(1, Refusal, Architecture.Audit),
            new(LoadWord, Seccomp.NumberAt),
            Jump(JumpIfAtLeast, 3, Refusal, X32),
            Refuse(4, CallNumber.SetSid),
            Refuse(5, CallNumber.SetPgid),
            Refuse(6, CallNumber.IoUringSetup),
            Refuse(7, CallNumber.SendMsg),
            Refuse(8, CallNumber.SendMmsg),
            Refuse(9, CallNumber.MemfdCreate),
            Refuse(10, CallNumber.MemfdSecret),
            Refuse(11, CallNumber.ShmGet),
            Refuse(12, CallNumber.SemGet),
            Refuse(13, CallNumber.MsgGet),
            Refuse(14, CallNumber.MqOpen),
            Refuse(15, CallNumber.ChMod),
            Refuse(16, CallNumber.FChMod),
            Refuse(17, CallNumber.FChModAt),
            Refuse(18, CallNumber.FChModAt2),
            Refuse(19, CallNumber.ChOwn),
            Refuse(20, CallNumber.FChOwn),
            Refuse(21, CallNumber.LChOwn),
            Refuse(22, CallNumber.FChOwnAt),
            JumpUnlessEqual(23, 27, (uint)CallNumber.Mmap),
            new(LoadWord, MappingFlagsAt),
            Jump(JumpIfEqual, 25, Permission, CodeMapping),
            new(JumpIfSet, Refusal - 27, Permission - 27, MAP_SHARED | MAP_GROWSDOWN),
            JumpUnlessEqual(27, Permission, (uint)CallNumber.Socket),
            new(LoadWord, Seccomp.ArgumentsAt),
            Jump(JumpIfEqual, 29, Permission, AF_UNIX),
            new(Return, NotPermitted),
            new(Return, SECCOMP_RET_ALLOW),
        };
        // packetd has done the first already; a person who starts this by hand may not have.
        int code = Syscall.Call(CallNumber.Prctl, PR_SET_NO_NEW_PRIVS, 1);
        if (code == 0)
            code = Seccomp.Install(filter);
        // A kernel without filters says EINVAL; there monitors have none of their own either.
        if (code is < 0 and not EINVAL)
            Failure.Say(Failure.NotStarted, "cannot install a filter of system calls"u8, ""u8, code);
        return code is 0 or EINVAL;
    }

    /// <summary>
    /// Refuses to start processes, threads excepted: a node that meters CPU time reads the clock of one process. glibc
    /// goes on with clone(2) where there is no clone3(2), whose flags no filter can see. False when it cannot, and that
    /// has been said.
    /// </summary>
    public static bool RefuseChildren()
    {
        const int Allowed = 7;
        const int Missing = 8;
        const int Refused = 9;
        Span<SockFilter> filter = stackalloc SockFilter[]
        {
            new(LoadWord, Seccomp.NumberAt),
            Jump(JumpIfEqual, 1, Refused, (uint)CallNumber.Fork),
            Jump(JumpIfEqual, 2, Refused, (uint)CallNumber.VFork),
            Jump(JumpIfEqual, 3, Missing, (uint)CallNumber.Clone3),
            JumpUnlessEqual(4, Allowed, (uint)CallNumber.Clone),
            new(LoadWord, Seccomp.ArgumentsAt),
            new(JumpIfSet, 0, Refused - 6 - 1, CLONE_THREAD),
            new(Return, SECCOMP_RET_ALLOW),
            new(Return, SECCOMP_RET_ERRNO | 38), // ENOSYS
            new(Return, NotPermitted),
        };
        int code = Seccomp.Install(filter);
        if (code < 0)
            Failure.Say(Failure.NotStarted, "cannot refuse processes where CPU time has a price"u8, ""u8, code);
        return code == 0;
    }

    /// <summary>
    /// A jump from one place of the filter to another, if what was loaded is as k says; otherwise to the next.
    /// </summary>
    private static SockFilter Jump(ushort jump, int from, int to, uint k) => new(jump, (byte)(to - from - 1), 0, k);

    /// <summary>A jump if what was loaded is something else; otherwise to the next.</summary>
    private static SockFilter JumpUnlessEqual(int from, int to, uint k) =>
        new(JumpIfEqual, 0, (byte)(to - from - 1), k);

    private static SockFilter Refuse(int place, CallNumber call) => Jump(JumpIfEqual, place, Refusal, (uint)call);
}
