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

    /// <summary>ENOSYS, likewise.</summary>
    private const uint NoSuchCall = SECCOMP_RET_ERRNO | 38;

    /// <summary>How a monitor may mount the empty file system that becomes its root.</summary>
    private const uint EmptyRoot = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

    /// <summary>__X32_SYSCALL_BIT (asm/unistd.h): such numbers are calls by another numbering of x86-64.</summary>
    private const uint X32 = 0x4000_0000;

    private const uint MappingFlagsAt = Seccomp.ArgumentsAt + 3 * sizeof(ulong);

    // Places in the filter.
    private const int Family = 45;
    private const int Process = 47;
    private const int Refusal = 49;
    private const int Permission = 50;

    /// <summary>
    /// Memory that can be mapped a second time (mremap(2) of no bytes), which a translator of code needs once it has
    /// it: written at one address, executed at another. All of it lives as long as a page of it is mapped, and the
    /// limit of the address space counts what is mapped, once for each address; so its first address, below 2 GiB,
    /// stays (<see cref="KeepCounted"/>). Without such a flag it is not permitted: the kernel refuses flags 0.
    /// </summary>
    private const uint CodeMapping =
        Architecture.MAP_32BIT == 0 ? 0 : MAP_SHARED | MAP_ANONYMOUS | Architecture.MAP_32BIT;

    /// <summary>
    /// Refuses sockets other than AF_UNIX: the machine's network is descriptor 3. Refuses messages that could carry
    /// descriptors: packetd takes none, so it would be packetd that closes them, and a file of gigabytes or a
    /// connection that lingers takes its time. Refuses io_uring, which does both past any filter. Refuses to leave the
    /// session and the process group, by which packetd ends a machine. Refuses memory that the limit of it does not
    /// count: mappings that are shared, but for <see cref="CodeMapping"/>, or grow downwards, files without a name,
    /// System V's and POSIX's queues and segments, which also outlive their makers, as keys do (keyctl(2) and
    /// request_key(2) make some, too, and the latter has the kernel start a program of root's), programs and tables of
    /// BPF, pages that a pipe holds (vmsplice(2): the whole of a huge one for each of its places), and what waits at a
    /// socket that accepts nobody (listen(2)). Refuses what the whole host has in common: its huge pages, of which no
    /// control group of memory counts any, its contexts for asynchronous I/O (io_setup(2)), and others' System V
    /// queues and semaphores. Refuses to say
    /// where the process's heap lies (PR_SET_MM): brk(2) then unmaps what <see cref="KeepCounted"/> keeps. Refuses to
    /// change modes and owners of files, by which it would get at the limits of its own control group
    /// (<see cref="ControlGroup"/>). False when it cannot, and that has been said.
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
            Refuse(23, CallNumber.VmSplice),
            Refuse(24, CallNumber.ShmAt),
            Refuse(25, CallNumber.AddKey),
            Refuse(26, CallNumber.Bpf),
            Refuse(27, CallNumber.OpenTreeAttr),
            Refuse(28, CallNumber.RequestKey),
            Refuse(29, CallNumber.KeyCtl),
            Refuse(30, CallNumber.MsgSnd),
            Refuse(31, CallNumber.MsgRcv),
            Refuse(32, CallNumber.SemOp),
            Refuse(33, CallNumber.SemTimedOp),
            Refuse(34, CallNumber.IoSetup),
            Refuse(35, CallNumber.Listen),
            Refuse(36, CallNumber.OpenTree),
            Refuse(37, CallNumber.MoveMount),
            Jump(JumpIfEqual, 38, Family, (uint)CallNumber.Socket),
            Jump(JumpIfEqual, 39, Family, (uint)CallNumber.SocketPair),
            Jump(JumpIfEqual, 40, Process, (uint)CallNumber.Prctl),
            JumpUnlessEqual(41, Permission, (uint)CallNumber.Mmap),
            new(LoadWord, MappingFlagsAt),
            Jump(JumpIfEqual, 43, Permission, CodeMapping),
            new(JumpIfSet, Refusal - 44 - 1, Permission - 44 - 1, MAP_SHARED | MAP_GROWSDOWN | MAP_HUGETLB),
            new(LoadWord, Seccomp.ArgumentsAt), // Family: of the sockets
            new(JumpIfEqual, Permission - 46 - 1, Refusal - 46 - 1, AF_UNIX),
            new(LoadWord, Seccomp.ArgumentsAt), // Process: what is set of it
            JumpUnlessEqual(48, Permission, PR_SET_MM),
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
    /// Refuses what needs more than one argument looked at, or more than one call. Below 2 GiB, where shared memory
    /// lies, nothing is unmapped, moved, mapped over, or kept from a child: of what is shared one page that is left
    /// would hold all. Any user is root of namespaces of his own; of mounts there it permits <see cref="EmptyRoot"/>
    /// alone, and that without a word to the file system: none that can be written to, none that is bound (one of
    /// /proc/self/ns/net keeps a network namespace without a descriptor), and none that a process answers for (FUSE:
    /// whoever waits for himself there cannot be killed). Refuses children that are packetd's (CLONE_PARENT), which it
    /// would have to wait for one by one, and listeners of filters, which keep those of threads that have ended. There
    /// is no clone3(2), whose flags no filter can see; glibc goes on with clone(2). False when it cannot, and that has
    /// been said.
    /// </summary>
    public static bool KeepCounted()
    {
        const int Mapped = 14;
        const int Advised = 16;
        const int Mounted = 18;
        const int Cloned = 25;
        const int Filtered = 27;
        const int Moved = 29;
        const int OldSize = 35;
        const int First = 39;
        const int Allowed = 43;
        const int Refused = 44;
        const int Missing = 45;
        // Of an address's upper half: what is not a tag, which the kernel takes off where programs may have such.
        const uint Upper = 0x00FF_FFFF;
        const uint TwoGigabytes = 0x8000_0000;
        Span<SockFilter> filter = stackalloc SockFilter[]
        {
            new(LoadWord, Seccomp.NumberAt),
            Jump(JumpIfEqual, 1, First, (uint)CallNumber.Munmap),
            Jump(JumpIfEqual, 2, Refused, (uint)CallNumber.FsOpen),
            Jump(JumpIfEqual, 3, Refused, (uint)CallNumber.FsPick),
            Jump(JumpIfEqual, 4, Refused, (uint)CallNumber.ProcessMadvise),
            Jump(JumpIfEqual, 5, Refused, (uint)CallNumber.MountSetAttr),
            Jump(JumpIfEqual, 6, Mapped, (uint)CallNumber.Mmap),
            Jump(JumpIfEqual, 7, Advised, (uint)CallNumber.Madvise),
            Jump(JumpIfEqual, 8, Mounted, (uint)CallNumber.Mount),
            Jump(JumpIfEqual, 9, Moved, (uint)CallNumber.Mremap),
            Jump(JumpIfEqual, 10, Cloned, (uint)CallNumber.Clone),
            Jump(JumpIfEqual, 11, Filtered, (uint)CallNumber.SecComp),
            Jump(JumpIfEqual, 12, Missing, (uint)CallNumber.Clone3),
            new(Return, SECCOMP_RET_ALLOW),
            new(LoadWord, Lower(3)), // Mapped: flags
            new(JumpIfSet, First - 15 - 1, Allowed - 15 - 1, MAP_FIXED),
            new(LoadWord, Lower(2)), // Advised: the advice
            new(JumpIfEqual, First - 17 - 1, Allowed - 17 - 1, MADV_DONTFORK),
            new(LoadWord, Lower(3)), // Mounted: flags, and what is said to the file system
            Jump(JumpIfEqual, 19, Allowed, MS_REC | MS_PRIVATE),
            JumpUnlessEqual(20, Refused, EmptyRoot),
            new(LoadWord, Lower(4)),
            JumpUnlessEqual(22, Refused, 0),
            new(LoadWord, Lower(4) + sizeof(uint)),
            new(JumpIfEqual, Allowed - 24 - 1, Refused - 24 - 1, 0),
            new(LoadWord, Lower(0)), // Cloned: flags
            new(JumpIfSet, Refused - 26 - 1, Allowed - 26 - 1, CLONE_PARENT),
            new(LoadWord, Lower(1)), // Filtered: flags
            new(JumpIfSet, Refused - 28 - 1, Allowed - 28 - 1, SECCOMP_FILTER_FLAG_NEW_LISTENER),
            new(LoadWord, Lower(3)), // Moved: flags, and where to
            new(JumpIfSet, 0, OldSize - 30 - 1, MREMAP_FIXED),
            new(LoadWord, Lower(4) + sizeof(uint)),
            Jump(JumpIfSet, 32, OldSize, Upper),
            new(LoadWord, Lower(4)),
            new(JumpIfAtLeast, OldSize - 34 - 1, Refused - 34 - 1, TwoGigabytes),
            new(LoadWord, Lower(1)), // OldSize: of no bytes is a second address, not a move
            JumpUnlessEqual(36, First, 0),
            new(LoadWord, Lower(1) + sizeof(uint)),
            new(JumpIfEqual, Allowed - 38 - 1, First - 38 - 1, 0),
            new(LoadWord, Lower(0) + sizeof(uint)), // First: whether the first argument is an address below 2 GiB
            Jump(JumpIfSet, 40, Allowed, Upper),
            new(LoadWord, Lower(0)),
            new(JumpIfAtLeast, 0, Refused - 42 - 1, TwoGigabytes),
            new(Return, SECCOMP_RET_ALLOW),
            new(Return, NotPermitted),
            new(Return, NoSuchCall), // Missing
        };
        int code = Seccomp.Install(filter);
        if (code is < 0 and not EINVAL)
            Failure.Say(Failure.NotStarted, "cannot install a filter of system calls"u8, ""u8, code);
        return code is 0 or EINVAL;
    }

    /// <summary>
    /// Keeps the monitor from sockets with abstract names and from processes outside (Landlock since Linux 6.12); an
    /// older kernel has nothing of the kind. After <see cref="Enter"/>, which sets no_new_privs.
    /// </summary>
    public static void KeepInside()
    {
        // struct landlock_ruleset_attr: rights to files and to ports, of which none are handled here, and scopes.
        Span<ulong> attributes = stackalloc ulong[]
        {
            0, 0, LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL,
        };
        int rules = Syscall.Call(
            CallNumber.LandlockCreateRuleset,
            Syscall.AddressOf<ulong>(attributes),
            attributes.Length * sizeof(ulong));
        if (rules < 0)
            return;
        Syscall.Call(CallNumber.LandlockRestrictSelf, rules);
        Syscall.Close(rules);
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
            new(Return, NoSuchCall),
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

    /// <summary>Where the lower half of an argument is; the upper half follows.</summary>
    private static uint Lower(int argument) => Seccomp.ArgumentsAt + (uint)argument * sizeof(ulong);

    private static SockFilter Refuse(int place, CallNumber call) => Jump(JumpIfEqual, place, Refusal, (uint)call);
}
