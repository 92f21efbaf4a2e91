using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading;
using Domain.Host;
using Domain.Linux;

namespace Domain.Sandbox;

/// <summary>A step failed without which the process would not be confined.</summary>
internal sealed class SandboxError(string message) : Exception(message);

/// <summary>
/// Locks the process in before it looks at anything of the guest's: afterwards it reaches its own descriptors and
/// nothing else.
/// </summary>
/// <remarks>
/// Layers, from the outside in: namespaces of its own (no network, no other processes' IPC), an empty root, Landlock
/// with no rule, no capabilities, no new privileges, resource limits, no descriptor that is not listed, and the system
/// call allowlist. Called by the main thread only, in the order <see cref="Reenter"/>, <see cref="LockThreads"/>,
/// <see cref="DieWith"/>, <see cref="Enter"/>. Where the kernel refuses an outer layer it is left out and said at log
/// level info; no_new_privs and the allowlist are never optional.
/// </remarks>
internal static unsafe class Lockdown
{
    /// <summary>First character of argv[0] in the second start.</summary>
    private const char SecondStart = '+';

    private const int PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG = 2, PR_SET_NAME = 15, PR_SET_DUMPABLE = 4,
        PR_SET_NO_NEW_PRIVS = 38, PR_CAP_AMBIENT = 47, PR_CAP_AMBIENT_CLEAR_ALL = 4;
    private const int SYS_getppid = 110, SYS_capset = 126, SYS_pivot_root = 155, SYS_close_range = 436,
        SYS_landlock_create_ruleset = 444, SYS_landlock_restrict_self = 446;

    private static bool s_finalizerLocked;
    private static string? s_finalizerProblem;

    /// <summary>Whether this is the second start, which the first one marks in argv[0].</summary>
    public static bool IsSecondStart(string name) => name.StartsWith(SecondStart);

    /// <summary>
    /// Starts the program anew so that it can enter namespaces while it has one thread; returns when it is in some, or
    /// cannot. A process whose network is a descriptor is from its start on (Early.S), which saves 3 ms.
    /// </summary>
    /// <param name="arguments">what the second start is told; open descriptors are inherited</param>
    public static void Reenter(string name, IReadOnlyList<string> arguments)
    {
        if (IsSecondStart(name) || HasNamespaces)
            return;
        var texts = new byte*[arguments.Count + 2];
        texts[0] = CString(SecondStart + "domain");
        for (int i = 0; i < arguments.Count; i++)
            texts[i + 1] = CString(arguments[i]);
        // SAFETY: the strings and the array outlive the call, which returns only on failure.
        fixed (byte** argv = texts)
            Libc.execv(CString("/proc/self/exe"), argv);
        Log.Info($"no namespaces: cannot start again: {LinuxError.Describe(Libc.Errno)}");
    }

    private static bool HasNamespaces => Libc.domain_has_namespaces() != 0;

    /// <summary>
    /// The signal that the kernel sends this process when its parent dies, 0 for none, and the parent: as they were
    /// before this start entered namespaces.
    /// </summary>
    public static (int Signal, int Parent) FindParent()
    {
        if (Libc.domain_parent() != 0)
            return (Libc.domain_death_signal(), Libc.domain_parent());
        int signal = 0;
        Libc.prctl(PR_GET_PDEATHSIG, (nuint)(&signal), 0, 0, 0);
        return (signal, Parent);
    }

    /// <summary>The parent of this process.</summary>
    public static int Parent => (int)Libc.syscall(SYS_getppid, 0, 0, 0, 0, 0, 0);

    /// <summary>
    /// Sets the signal again that a change of credentials took away. The parent may have died meanwhile: then this
    /// ends, too.
    /// </summary>
    public static void DieWith(int parent, int signal)
    {
        if (signal == 0)
            return;
        Libc.prctl(PR_SET_PDEATHSIG, (nuint)signal, 0, 0, 0);
        if (Parent != parent)
            Libc._exit(128 + signal);
    }

    /// <summary>Everything that is a thread's own; threads started later inherit it.</summary>
    /// <exception cref="SandboxError">no_new_privs was refused</exception>
    public static void LockThreads()
    {
        // The second start would otherwise be known as the file it was started from, "exe".
        fixed (byte* name = "domain\0"u8)
            Libc.prctl(PR_SET_NAME, (nuint)name, 0, 0, 0);
        if (!HasNamespaces)
            Log.Info("no namespaces of its own: the kernel refuses them");
        else
            EmptyRoot();
        LockThread();
        // The runtime's finalizer thread already runs. A finalizer is the way to do something on it.
        LeaveFinalizer();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        if (!Volatile.Read(ref s_finalizerLocked))
            throw new SandboxError(s_finalizerProblem ?? "the runtime's second thread could not be locked in");
    }

    /// <summary>The rest: limits, descriptors, the allowlist on all threads.</summary>
    /// <exception cref="SandboxError">the filter was refused</exception>
    public static void Enter(in OwnDescriptors own, uint refused = SeccompFilter.KillProcess)
    {
        CloseOthers(own);
        Limit(own);
        Libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        int error = Allowlist.Build(own, Environment.ProcessId, refused).Install();
        if (error != 0)
            throw new SandboxError($"the kernel refuses the system call filter: {LinuxError.Describe(error)}");
    }

    private static void LockThread()
    {
        if (Libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
            throw new SandboxError($"the kernel refuses no_new_privs: {LinuxError.Describe(Libc.Errno)}");
        LandlockAll();
        DropCapabilities();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LeaveFinalizer() => _ = new OnFinalizerThread();

    private sealed class OnFinalizerThread
    {
        ~OnFinalizerThread()
        {
            try
            {
                LockThread();
                Volatile.Write(ref s_finalizerLocked, true);
            }
            catch (SandboxError error)
            {
                s_finalizerProblem = error.Message;
            }
        }
    }

    // A read-only file system without a single file becomes the root (pivot_root(2), "pivot_root(".", ".")").
    private static void EmptyRoot()
    {
        const nuint MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_REC = 0x4000, MS_PRIVATE = 1 << 18;
        // Read-only from the beginning, and without options: the launcher's filter permits no other mount.
        const nuint Kind = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
        const int MNT_DETACH = 2;
        string place = "/tmp";
        bool done = Libc.mount("none", "/", null, MS_REC | MS_PRIVATE, null) == 0
            && (Libc.mount("empty", place, "tmpfs", Kind, null) == 0
                || Libc.mount("empty", place = "/proc", "tmpfs", Kind, null) == 0)
            && Libc.chdir(place) == 0;
        if (done)
        {
            byte* dot = stackalloc byte[] { (byte)'.', 0 };
            done = Libc.syscall(SYS_pivot_root, (nint)dot, (nint)dot, 0, 0, 0, 0) == 0
                && Libc.umount2(".", MNT_DETACH) == 0 && Libc.chdir("/") == 0;
        }
        if (!done)
            Log.Info($"no empty root: {LinuxError.Describe(Libc.Errno)}");
    }

    // landlock(7): every right handled, none granted. Versions differ in how many rights there are; the most that is
    // known is asked for.
    private static void LandlockAll()
    {
        nint version = Libc.syscall(SYS_landlock_create_ruleset, 0, 0, 1, 0, 0, 0);
        if (version < 1)
        {
            Log.Info("no Landlock in this kernel");
            return;
        }
        ulong* attributes = stackalloc ulong[3];
        attributes[0] = version switch { 1 => 0x1fff, 2 => 0x3fff, 3 or 4 => 0x7fff, _ => 0xffff };
        attributes[1] = version >= 4 ? 3u : 0;   // TCP bind and connect
        attributes[2] = version >= 6 ? 3u : 0;   // abstract sockets and signals to the outside
        nint size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
        nint ruleset = Libc.syscall(SYS_landlock_create_ruleset, (nint)attributes, size, 0, 0, 0, 0);
        if (ruleset < 0 || Libc.syscall(SYS_landlock_restrict_self, ruleset, 0, 0, 0, 0, 0) != 0)
            Log.Info($"no Landlock: {LinuxError.Describe(Libc.Errno)}");
        if (ruleset >= 0)
            Libc.close((int)ruleset);
    }

    private static void DropCapabilities()
    {
        Libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        // struct __user_cap_header_struct, version 3, this thread; then two times {effective, permitted, inheritable}.
        uint* header = stackalloc uint[] { 0x2008_0522, 0 };
        uint* data = stackalloc uint[] { 0, 0, 0, 0, 0, 0 };
        if (Libc.syscall(SYS_capset, (nint)header, (nint)data, 0, 0, 0, 0) != 0)
            throw new SandboxError($"capabilities cannot be dropped: {LinuxError.Describe(Libc.Errno)}");
    }

    private static void CloseOthers(in OwnDescriptors own)
    {
        var kept = new List<int> { 0, 1, 2, own.Net, own.Control, own.Disk, own.Kernel, own.Initrd, own.Timer };
        kept.Sort();
        int from = 0;
        foreach (int descriptor in kept)
        {
            if (descriptor < from)
                continue;
            if (descriptor > from)
                CloseRange((uint)from, (uint)descriptor - 1);
            from = descriptor + 1;
        }
        CloseRange((uint)from, uint.MaxValue);
    }

    private static void CloseRange(uint first, uint last)
    {
        if (Libc.syscall(SYS_close_range, (nint)first, (nint)last, 0, 0, 0, 0) == 0)
            return;
        for (uint descriptor = first; descriptor <= Math.Min(last, 4096); descriptor++)
            Libc.close((int)descriptor);
    }

    private static void Limit(in OwnDescriptors own)
    {
        const int RLIMIT_CORE = 4, RLIMIT_NPROC = 6, RLIMIT_NOFILE = 7, RLIMIT_MEMLOCK = 8, RLIMIT_MSGQUEUE = 12;
        int highest = Math.Max(Math.Max(Math.Max(own.Net, own.Control), Math.Max(own.Disk, own.Timer)),
            Math.Max(own.Kernel, own.Initrd));
        Limit(RLIMIT_NOFILE, (ulong)Math.Max(highest, 2) + 1);   // ppoll refuses more descriptors than this
        Limit(RLIMIT_CORE, 0);                                   // guest memory does not end in files
        Limit(RLIMIT_NPROC, 0);
        Limit(RLIMIT_MEMLOCK, 0);
        Limit(RLIMIT_MSGQUEUE, 0);
    }

    private static void Limit(int resource, ulong most)
    {
        var limit = new ResourceLimit { Soft = most, Hard = most };
        // Only ever lowered, so only a limit that is lower already can refuse.
        _ = Libc.setrlimit(resource, &limit);
    }

    private static byte* CString(string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        byte* bytes = (byte*)System.Runtime.InteropServices.NativeMemory.Alloc((nuint)length + 1);
        Encoding.UTF8.GetBytes(text, new Span<byte>(bytes, length));
        bytes[length] = 0;
        return bytes;
    }
}
