#if SANDBOX_PROBE
using System;
using System.Globalization;
using System.Threading;
using Domain.Host;
using Domain.Linux;

namespace Domain.Sandbox;

/// <summary>
/// The test build's attempts to get out, made from inside after the lock-in, where guest code would run if it broke the
/// monitor.
/// </summary>
/// <remarks>
/// <c>calls</c>: the filter answers instead of killing, so that one process can try everything. <c>layers</c>: no
/// filter at all; what the other layers refuse by themselves. <c>collect</c>: the filter as shipped; garbage is made
/// and collected in every way the runtime knows, which must work. <c>kill:N</c>: the filter as shipped; system call N
/// must be the last thing the process does. <c>compat:N</c>: the same by INT 80H, the system call of 32-bit programs.
/// One line for each attempt that was not refused; the last line counts them.
/// </remarks>
internal static unsafe class Probe
{
    /// <summary>What the filter answers in this build; no call returns it otherwise.</summary>
    private const int Refused = 250;

    /// <summary>Past the last that any kernel has.</summary>
    private const int MaxCall = 600;

    private const int OtherNumbering = 0x4000_0000; // x32

    private static int s_tried, s_open, s_steps;

    public static string? What;

    [System.Runtime.InteropServices.DllImport("early")]
    private static extern int probe_compat_call(int number);

    public static uint Action =>
        What == "calls" ? SeccompFilter.ErrnoAction | Refused : What == "layers" ? SeccompFilter.Allow
            : SeccompFilter.KillProcess;

    /// <summary>
    /// Before the lock-in, after which no thread begins. For <c>collect</c> one that is always in the middle of managed
    /// code, so that the collector has to stop it by a signal.
    /// </summary>
    public static void Prepare()
    {
        if (What != "collect")
            return;
        new Thread(() =>
        {
            for (; ; )
                Step();
        }) { IsBackground = true }.Start();
        while (Volatile.Read(ref s_steps) == 0)
            Thread.Sleep(1);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Step() => Volatile.Write(ref s_steps, s_steps + 1);

    public static int Run()
    {
        string[] order = What!.Split(':');
        if (order.Length == 2)
        {
            int number = int.Parse(order[1], CultureInfo.InvariantCulture);
            if (order[0] == "compat")
                probe_compat_call(number);
            else
                Libc.syscall(number, 0, 0, 0, 0, 0, 0);
            Log.Error("still alive");
            return 1;
        }
        if (What == "calls")
            TryCalls();
        else if (What == "collect")
            Collect();
        else
            TryLayers();
        Log.Print(1, $"probe: {s_tried} tried, {s_open} not refused\n");
        return s_open == 0 ? 0 : 1;
    }

    private static void TryCalls()
    {
        // Those that the machine makes are judged by their arguments below.
        ReadOnlySpan<int> used =
        [
            Allowlist.read, Allowlist.write, Allowlist.mprotect, Allowlist.mmap, Allowlist.munmap,
                Allowlist.brk, Allowlist.rt_sigprocmask, Allowlist.rt_sigreturn,
            Allowlist.pread64, Allowlist.readv, Allowlist.writev, Allowlist.sched_yield, Allowlist.madvise,
            Allowlist.recvmsg, Allowlist.sysinfo, Allowlist.futex,
            Allowlist.restart_syscall, Allowlist.clock_gettime, Allowlist.getpid, Allowlist.gettid,
            Allowlist.nanosleep, Allowlist.clock_nanosleep, Allowlist.exit_group, Allowlist.tgkill, Allowlist.ppoll,
            Allowlist.timerfd_settime,
            Allowlist.preadv, Allowlist.prlimit64, Allowlist.getrandom, Allowlist.membarrier,
        ];
        for (int number = 0; number <= MaxCall; number++)
        {
            // 335 and 336 (uretprobe, uprobe) pass every filter by the kernel's own rule and can only stop the caller
            // with a signal.
            if (!used.Contains(number) && number is not (335 or 336))
                Expect($"call {number}", number, 0, 0, 0, 0, 0);
            Expect($"x32 call {number}", OtherNumbering | number, 0, 0, 0, 0, 0);
        }
        Expect("call -1", -1, 0, 0, 0, 0, 0);
        TryArguments();

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
    }

    /// <summary>
    /// The calls that the machine makes, in ways in which it never makes them: by other descriptors, on other
    /// processes, for more.
    /// </summary>
    private static void TryArguments()
    {
        const int Foreign = 77;
        foreach (int number in (ReadOnlySpan<int>)[Allowlist.read, Allowlist.write, Allowlist.readv, Allowlist.writev,
            Allowlist.preadv, Allowlist.pread64,
            Allowlist.pwritev, Allowlist.recvmsg, Allowlist.timerfd_settime, Allowlist.fdatasync])
        {
            Expect($"call {number} on a descriptor that is not its own", number, Foreign, 0, 0, 0, 0);
            Expect($"call {number} on the descriptor -1", number, -1, 0, 0, 0, 0);
            // The kernel reads the low half: what stands above must not make another descriptor of it for the filter.
            Expect($"call {number} on a descriptor in 64 bits", number,
                unchecked((nint)0xFFFF_FFFF_0000_0000) + Foreign, 0, 0, 0, 0);
        }
        Expect("write to standard input", Allowlist.write, 0, 0, 0, 0, 0);
        Expect("read standard output", Allowlist.read, 1, 0, 0, 0, 0);
        Expect("getrandom for anything but bytes", Allowlist.getrandom, 0, 0, 2, 0, 0);
        foreach (int option in (ReadOnlySpan<int>)[1, 4, 8, 22, 23, 24, 28, 35, 38, 40, 47, 59])
            Expect($"prctl option {option}", Allowlist.prctl, option, 0, 0, 0, 0);
        foreach (int request in (ReadOnlySpan<int>)[0x5412, 0x5413, 0x5414, 0x541C, 0x5421, 0x5423, 0x8913])
            Expect($"ioctl {request:x}", Allowlist.ioctl, 0, request, 0, 0, 0);
        Expect("signal a thread of the parent's", Allowlist.tgkill, Lockdown.Parent, Lockdown.Parent, 0, 0, 0);
        // Executable; or such that RLIMIT_DATA does not count what lies there: read-only after it was written, grown by
        // PROT_GROWSDOWN.
        foreach (int protection in (ReadOnlySpan<int>)[1, 2, 4, 5, 6, 7, 0x0100_0003, 0x0200_0003])
        {
            Expect($"map with protection {protection:x}", Allowlist.mmap, 0, 4096, protection, 0x22, -1);
            Expect($"protect with {protection:x}", Allowlist.mprotect, 0x1000, 4096, protection, 0, 0);
        }
        Expect("protect from everything", Allowlist.mprotect, 0x1000, 4096, 0, 0, 0);
        // MAP_SHARED, MAP_SHARED_VALIDATE, MAP_GROWSDOWN, MAP_LOCKED, MAP_POPULATE, MAP_HUGETLB, MAP_SYNC, and one that
        // is none yet.
        foreach (int flag in (ReadOnlySpan<int>)[1, 3, 0x100, 0x2000, 0x8000, 0x4_0000, 0x8_0000, 1 << 27])
            Expect($"map with flag {flag:x}", Allowlist.mmap, 0, 4096, 3, flag | 0x22, -1);
        foreach (int number in (ReadOnlySpan<int>)[25, 29, 216, 240, 319, 447])
            Expect($"memory by call {number}", number, 0, 4096, 0, 0, 0);
        Expect("map a descriptor of its own", Allowlist.mmap, 0, 4096, 1, 1, 1);
        Expect("the parent's limits", Allowlist.prlimit64, Lockdown.Parent, 7, 0, 0, 0);
    }

    private static void TryLayers()
    {
        TryFiles();
        TryNetwork();
        TrySignals();
        uint* header = stackalloc uint[] { 0x2008_0522, 0 };
        uint* data = stackalloc uint[6];
        Libc.syscall(125, (nint)header, (nint)data, 0, 0, 0, 0);
        Judge("capabilities", (data[0] | data[1] | data[2] | data[3] | data[4] | data[5]) == 0);
        Judge("regain privileges by a set-uid program", Libc.prctl(39, 0, 0, 0, 0) == 1);
        Fails("a new descriptor beyond its own", 72, 0, 0, 100, 0, 0);
        Judge("mount", Libc.mount("x", "/", "tmpfs", 0, null) < 0);
        Judge("a core file", CoreLimit() == 0);
    }

    private static void TryFiles()
    {
        foreach (string path in (ReadOnlySpan<string>)["/etc/passwd", "/etc/shadow", "/proc/self/status",
            "/proc/self/mem", "/proc/1/environ", "/sys/kernel",
            "/dev/null", "/dev/mem", "/", ".", "/bin/sh", "../../../etc/passwd"])
            Judge($"open {path}", Libc.open(path, 0, 0) < 0);
        const int O_WRONLY_CREAT = 0x41;
        Judge("create a file", Libc.open("/file", O_WRONLY_CREAT, 0x1b6) < 0);
        fixed (byte* root = "/\0"u8, name = "/x\0"u8, shell = "/bin/sh\0"u8, self = "/proc/self/exe\0"u8,
            empty = "\0"u8)
        {
            nint at = (nint)name;
            Fails("make a folder", 83, at, 0x1ff, 0, 0, 0);
            Fails("make a device", 133, at, 0x21b6, 0x101, 0, 0);
            Fails("make a pipe with a name", 133, at, 0x11b6, 0, 0, 0);
            Fails("make a symbolic link", 88, (nint)shell, at, 0, 0, 0);
            Fails("make a link", 86, (nint)self, at, 0, 0, 0);
            Fails("change the root's mode", 90, (nint)root, 0x1ff, 0, 0, 0);
            Fails("change the root", 161, (nint)root, 0, 0, 0, 0);
            Fails("execute a shell", 59, (nint)shell, 0, 0, 0, 0);
            Fails("execute itself", 59, (nint)self, 0, 0, 0, 0);
            for (int descriptor = 0; descriptor < 64; descriptor++)
            {
                const int AT_EMPTY_PATH = 0x1000;
                Fails($"execute descriptor {descriptor}", 322, descriptor, (nint)empty, 0, 0, AT_EMPTY_PATH);
                Fails($"open below descriptor {descriptor}", 257, descriptor, (nint)empty, 0, 0, 0);
            }
        }
    }

    private static void TryNetwork()
    {
        // A network namespace of its own has one interface, which is down (SIOCGIFFLAGS, IFF_UP).
        byte* name = stackalloc byte[40];
        new Span<byte>(name, 40).Clear();
        "lo"u8.CopyTo(new Span<byte>(name, 16));
        int socket = Socket(2, 2);
        Judge("a network", socket < 0 || Libc.ioctl(socket, 0x8913, name) != 0 || (*(short*)(name + 16) & 1) == 0);
        Libc.close(socket);
        // Whoever runs the probe listens at a port of 127.0.0.1 and at an abstract address of that name.
        ushort port = ushort.Parse(Environment.GetEnvironmentVariable("DOMAIN_PROBE_PORT")!,
            CultureInfo.InvariantCulture);
        byte* address = stackalloc byte[] { 2, 0, (byte)(port >> 8), (byte)port, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
        Fails("connect to the host by TCP", 42, Socket(2, 1), (nint)address, 16, 0, 0);
        Fails("send to the host by UDP", 44, Socket(2, 2), (nint)name, 1, 0, (nint)address, 16);
        byte* local = stackalloc byte[108];
        new Span<byte>(local, 108).Clear();
        local[0] = 1;
        int length = 3 + System.Text.Encoding.ASCII.GetBytes($"domain-probe-{port}", new Span<byte>(local + 3, 100));
        Fails("connect to the host by an abstract address", 42, Socket(1, 1), (nint)local, length, 0, 0);
        Judge("a packet socket", Socket(17, 3) < 0);
        Judge("a raw socket", Socket(2, 3, 1) < 0);

        // Where there is no number left for a socket, none can be used.
        static int Socket(int family, int type, int protocol = 0) =>
            (int)Libc.syscall(41, family, type, protocol, 0, 0, 0);
    }

    private static void TrySignals()
    {
        // Landlock keeps signals in since its version 6; before, only other users' processes are safe, and the filter
        // protects the rest.
        nint landlock = Libc.syscall(444, 0, 0, 1, 0, 0, 0);
        byte* word = stackalloc byte[8];
        nint* here = stackalloc nint[] { (nint)word, 8 }, there = stackalloc nint[] { 0x40_0000, 8 };
        foreach (int process in (ReadOnlySpan<int>)[1, Lockdown.Parent])
        {
            const int PTRACE_SEIZE = 0x4206;
            if (landlock >= 6)
            {
                Fails($"signal process {process}", 62, process, 0, 0, 0, 0);
                Fails($"signal a thread of process {process}", Allowlist.tgkill, process, process, 0, 0, 0);
            }
            if (landlock >= 1)
            {
                Fails($"trace process {process}", 101, PTRACE_SEIZE, process, 0, 0, 0);
                Fails($"read the memory of process {process}", 310, process, (nint)here, 1, (nint)there, 1);
                Fails($"write the memory of process {process}", 311, process, (nint)here, 1, (nint)there, 1);
            }
        }
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

    /// <summary>Whatever the reason: there is no filter.</summary>
    private static void Fails(string name, nint number, nint a, nint b, nint c, nint d, nint e, nint f = 0) =>
        Judge(name, Libc.syscall(number, a, b, c, d, e, f) < 0);

    private static void Judge(string name, bool refused)
    {
        s_tried++;
        if (!refused)
        {
            s_open++;
            Log.Print(1, $"NOT REFUSED: {name}\n");
        }
    }
}
#endif
