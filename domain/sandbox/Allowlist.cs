using Domain.Linux;

namespace Domain.Sandbox;

/// <summary>Descriptors that the running machine uses, -1 where it has none.</summary>
internal record struct OwnDescriptors(int Net, int Control, int Disk, int Kernel, int Initrd, int Timer, bool Terminal,
    bool DiskReadOnly);

/// <summary>
/// Every system call that a running machine makes, and with which descriptors. What is not here kills the process;
/// openat(2) alone fails instead.
/// </summary>
internal static class Allowlist
{
    public const int read = 0, write = 1, mprotect = 10, mmap = 9, munmap = 11, brk = 12, rt_sigprocmask = 14,
        rt_sigreturn = 15, getpid = 39, ioctl = 16, pread64 = 17, readv = 19, writev = 20, sched_yield = 24, madvise = 28, nanosleep = 35,
        recvmsg = 47, fdatasync = 75, sysinfo = 99, prctl = 157, futex = 202, restart_syscall = 219,
        clock_gettime = 228, clock_nanosleep = 230, exit_group = 231, gettid = 186, tgkill = 234, ppoll = 271, timerfd_settime = 286, preadv = 295,
        openat = 257, pwritev = 296, prlimit64 = 302, getrandom = 318, membarrier = 324;

    private const int ENOENT = 2, NO_FLAGS = 0, PROT_NONE = 0, PROT_READ_WRITE = 3;

    // What RLIMIT_DATA does not count are mappings that are shared, grow by themselves, or cannot be written any more.
    private const uint MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000,
        MAP_STACK = 0x2_0000;
    private const uint CountedMapping = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;

    // The runtime names its threads and its memory, now and then only after the lock-in.
    private const int PR_SET_NAME = 15, PR_SET_VMA = 0x53564d41;

    // tcsetattr of older and newer C libraries, which read back what they set.
    private const int TCGETS = 0x5401, TCSETS = 0x5402, TCGETS2 = unchecked((int)0x802c_542a), TCSETS2 = 0x402c_542b;

    public static SeccompFilter Build(in OwnDescriptors own, int process, uint refused)
    {
        var filter = new SeccompFilter(refused)
            // The event loop.
            .Permit(ppoll)
            .PermitWhen(timerfd_settime, 0, own.Timer)
            .PermitWhen(read, 0, 0, own.Timer, own.Control)
            .PermitWhen(write, 0, 1, 2, own.Control)
            // Frames.
            .PermitWhen(readv, 0, own.Net)
            .PermitWhen(writev, 0, own.Net)
            .PermitWhen(recvmsg, 0, own.Net)
            // The disk; the images are read after the lock-in.
            .PermitWhen(preadv, 0, own.Disk)
            .PermitWhen(pread64, 0, own.Kernel, own.Initrd)
            // The entropy device.
            .PermitWhen(getrandom, 2, NO_FLAGS)
            // Threads and the collector of the runtime: memory, but none that executes, and none that its limit does
            // not count.
            .Permit(futex, sched_yield, sysinfo, madvise, munmap, brk, membarrier, rt_sigprocmask, rt_sigreturn,
                restart_syscall, clock_gettime)
            .PermitWhen(prctl, 0, PR_SET_NAME, PR_SET_VMA)
            .PermitMapping(mmap, CountedMapping, PROT_NONE, PROT_READ_WRITE)
            .PermitWhen(mprotect, 2, PROT_READ_WRITE)
            .PermitWhenZero(prlimit64, 0, 2)   // reads its own limits
            // A thread that the collector stops in the middle of managed code gets a signal (pthread_kill(3)), and is
            // waited for.
            .Permit(getpid, gettid, nanosleep, clock_nanosleep)
            .PermitWhen(tgkill, 0, process)
            .Permit(exit_group)
            // Where the address space has a limit, the collector asks /proc/self/statm how much of it is used, and does
            // without where there is no such file.
            .Fail(openat, ENOENT);
        if (own.Disk >= 0 && !own.DiskReadOnly)
            filter.PermitWhen(pwritev, 0, own.Disk).PermitWhen(fdatasync, 0, own.Disk);
        if (own.Terminal)
            filter.PermitWhen(ioctl, 1, TCGETS, TCSETS, TCGETS2, TCSETS2);
        return filter;
    }
}
