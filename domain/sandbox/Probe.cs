#if SANDBOX_PROBE
using System;
using System.Globalization;
using Domain.Host;
using Domain.Linux;

namespace Domain.Sandbox;

/// <summary>The test build's attempts to get out, made from inside after the lock-in, where guest code would run if it broke the monitor.</summary>
/// <remarks>
/// <c>calls</c>: the filter answers instead of killing, so that one process can try everything.
/// <c>layers</c>: no filter at all; what the other layers refuse by themselves.
/// <c>collect</c>: the filter as shipped; garbage is made and collected in every way the runtime knows, which must work.
/// <c>kill:N</c>: the filter as shipped; system call N must be the last thing the process does.
/// One line an attempt; the last line counts those that were not refused.
/// </remarks>
internal static unsafe class Probe
{
    /// <summary>What the filter answers in this build; no call returns it otherwise.</summary>
    private const int Refused = 250;

    private const int HighestCall = 480;

    private static int tried, open;

    public static string? What;

    public static uint Action => What == "calls" ? SeccompFilter.ErrnoAction | Refused : What == "layers" ? SeccompFilter.Allow : SeccompFilter.KillProcess;

    public static int Run()
    {
        if (What!.StartsWith("kill:", StringComparison.Ordinal))
        {
            Libc.syscall(int.Parse(What[5..], CultureInfo.InvariantCulture), 0, 0, 0, 0, 0, 0);
            Log.Error("still alive");
            return 1;
        }
        if (What == "calls")
            TryCalls();
        else if (What == "collect")
            Collect();
        else
            TryLayers();
        Log.Print(1, $"probe: {tried} tried, {open} not refused\n");
        return open == 0 ? 0 : 1;
    }

    private static void TryCalls()
    {
        // Those that the machine makes are judged by their arguments below.
        ReadOnlySpan<int> used =
        [
            Allowlist.read, Allowlist.write, Allowlist.mprotect, Allowlist.mmap, Allowlist.munmap, Allowlist.rt_sigprocmask, Allowlist.rt_sigreturn,
            Allowlist.pread64, Allowlist.readv, Allowlist.writev, Allowlist.sched_yield, Allowlist.madvise, Allowlist.recvmsg, Allowlist.sysinfo, Allowlist.futex,
            Allowlist.restart_syscall, Allowlist.clock_gettime, Allowlist.exit_group, Allowlist.tgkill, Allowlist.ppoll, Allowlist.timerfd_settime,
            Allowlist.preadv, Allowlist.prlimit64, Allowlist.getrandom, Allowlist.membarrier,
        ];
        for (int number = 0; number <= HighestCall; number++)
        {
            // 335 and 336 (uretprobe, uprobe) pass every filter by the kernel's own rule and can only stop the caller with a signal.
            if (!used.Contains(number) && number is not (335 or 336))
                Expect($"call {number}", number, 0, 0, 0, 0, 0);
        }

        fixed (byte* path = "/etc/passwd\0"u8, self = "/proc/self/mem\0"u8, shell = "/bin/sh\0"u8)
        {
            const int AT_FDCWD = -100;
            Expect("open a file", 2, (nint)path, 0, 0, 0, 0);
            Expect("openat a file", 257, AT_FDCWD, (nint)path, 0, 0, 0);
            Expect("openat2", 437, AT_FDCWD, (nint)path, 0, 0, 0);
            Expect("open own memory", 257, AT_FDCWD, (nint)self, 2, 0, 0);
            Expect("stat", 4, (nint)path, 0, 0, 0, 0);
            Expect("execute a shell", 59, (nint)shell, 0, 0, 0, 0);
            Expect("execveat", 322, AT_FDCWD, (nint)shell, 0, 0, 0);
        }
        Expect("Internet socket", 41, 2, 1, 0, 0, 0);
        Expect("local socket", 41, 1, 1, 0, 0, 0);
        Expect("packet socket", 41, 17, 3, 0, 0, 0);
        Expect("netlink socket", 41, 16, 3, 0, 0, 0);
        Expect("fork", 57, 0, 0, 0, 0, 0);
        Expect("a new thread", 56, 0x10f00, 0, 0, 0, 0);
        Expect("clone3", 435, 0, 0, 0, 0, 0);
        Expect("kill everybody", 62, -1, 9, 0, 0, 0);
        Expect("kill the parent", 62, (nint)Libc.syscall(110, 0, 0, 0, 0, 0, 0), 9, 0, 0, 0);
        Expect("signal another process", Allowlist.tgkill, 1, 1, 0, 0, 0);
        Expect("trace another process", 101, 16, 1, 0, 0, 0);
        Expect("read another process's memory", 310, 1, 0, 0, 0, 0);
        Expect("executable memory", Allowlist.mmap, 0, 4096, 7, 0x22, -1);
        Expect("a mapped file", Allowlist.mmap, 0, 4096, 1, 2, 0);
        Expect("make memory executable", Allowlist.mprotect, 0x1000, 4096, 5, 0, 0);
        byte* limit = stackalloc byte[16];
        Expect("set a limit", Allowlist.prlimit64, 0, 7, (nint)limit, 0, 0);
        Expect("read another process's limits", Allowlist.prlimit64, 1, 7, 0, 0, 0);
        Expect("read a descriptor that is not its own", Allowlist.read, 77, 0, 0, 0, 0);
        Expect("write a descriptor that is not its own", Allowlist.write, 77, 0, 0, 0, 0);
        Expect("duplicate a descriptor", 32, 0, 0, 0, 0, 0);
        Expect("send a descriptor", 46, 3, 0, 0, 0, 0);
        Expect("terminal input injection", 16, 0, 0x5412, 0, 0, 0);
        Expect("user namespace", 272, 0x1000_0000, 0, 0, 0, 0);
        Expect("io_uring", 425, 8, 0, 0, 0, 0);
        Expect("bpf", 321, 0, 0, 0, 0, 0);
        Expect("seccomp", 317, 0, 0, 0, 0, 0);
        // The other numbering (x32) must not be a way round.
        Expect("x32 open", 0x4000_0002, 0, 0, 0, 0, 0);
    }

    private static void TryLayers()
    {
        foreach (string path in (ReadOnlySpan<string>)["/etc/passwd", "/proc/self/status", "/dev/null", "/", "/bin/sh", "../../../etc/passwd"])
        {
            int descriptor = Libc.open(path, 0, 0);
            Judge($"open {path}", descriptor < 0);
        }
        const int O_WRONLY_CREAT = 0x41;
        Judge("create a file", Libc.open("/file", O_WRONLY_CREAT, 0x1b6) < 0);
        byte* name = stackalloc byte[40];
        nint socket = Libc.syscall(41, 2, 2, 0, 0, 0, 0);
        new Span<byte>(name, 40).Clear();
        "lo"u8.CopyTo(new Span<byte>(name, 16));
        // A network namespace of its own has one interface, which is down (SIOCGIFFLAGS, IFF_UP).
        bool down = socket < 0 || Libc.ioctl((int)socket, 0x8913, name) != 0 || (*(short*)(name + 16) & 1) == 0;
        Judge("a network", down);
        uint* header = stackalloc uint[] { 0x2008_0522, 0 };
        uint* data = stackalloc uint[6];
        Libc.syscall(125, (nint)header, (nint)data, 0, 0, 0, 0);
        Judge("capabilities", (data[0] | data[1] | data[2] | data[3] | data[4] | data[5]) == 0);
        Judge("regain privileges by a set-uid program", Libc.prctl(39, 0, 0, 0, 0) == 1);
        Judge("a new descriptor beyond its own", Libc.syscall(72, 0, 0, 100, 0, 0, 0) < 0);
        Judge("mount", Libc.mount("x", "/", "tmpfs", 0, null) < 0);
        Judge("a core file", CoreLimit() == 0);
    }

    private static void Collect()
    {
        byte[][] kept = new byte[64][];
        for (int i = 0; i < 20_000; i++)
        {
            kept[i % kept.Length] = new byte[i % 3 == 0 ? 200_000 : 2_000];
            if (i % 4_000 == 0)
                GC.Collect(i / 4_000 % 3, GCCollectionMode.Forced, blocking: true, compacting: true);
        }
        GC.Collect(2, GCCollectionMode.Aggressive, true, true);
        GC.KeepAlive(kept);
        Judge("the collector", GC.CollectionCount(0) > 5);
    }

    private static ulong CoreLimit()
    {
        ulong* limit = stackalloc ulong[2];
        Libc.syscall(302, 0, 4, 0, (nint)limit, 0, 0);
        return limit[1];
    }

    private static void Expect(string name, nint number, nint a, nint b, nint c, nint d, nint e)
    {
        nint result = Libc.syscall(number, a, b, c, d, e, 0);
        int error = Libc.Errno;
        Judge(result == -1 ? $"{name} (error {error})" : name, result == -1 && error == Refused);
    }

    private static void Judge(string name, bool refused)
    {
        tried++;
        if (!refused)
        {
            open++;
            Log.Print(1, $"NOT REFUSED: {name}\n");
        }
    }
}
#endif
