using System.Runtime.InteropServices;

namespace Evilman;

/// <summary>The few calls of libc that .NET does not offer. All return -1 and set errno on failure.</summary>
internal static unsafe partial class Native
{
    internal const int CloneNewNet = 0x40000000;
    internal const int OpenReadOnlyCloseOnExec = 0x80000;
    internal const int SignalTerminate = 15;
    internal const int SignalKill = 9;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int setns(int fd, int kind);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, byte* data, nint count);

    /// <summary>
    /// All of <paramref name="data"/>, to standard output or error. .NET's console says nothing when nobody reads any more,
    /// so that a command before «| head» would go on for ever.
    /// </summary>
    /// <exception cref="System.IO.IOException">Nobody reads it, or it cannot be written.</exception>
    internal static void WriteOut(System.ReadOnlySpan<byte> data, int fd = 1)
    {
        const int Interrupted = 4, Again = 11;
        // SAFETY: the bytes stay where they are while they are written.
        fixed (byte* first = data)
        {
            for (var done = 0; done < data.Length;)
            {
                var count = write(fd, first + done, data.Length - done);
                if (count >= 0)
                    done += (int)count;
                else if (Marshal.GetLastPInvokeError() == Again)
                    System.Threading.Thread.Sleep(10); // who shares the terminal has made it not wait
                else if (Marshal.GetLastPInvokeError() != Interrupted)
                    throw new System.IO.IOException($"what is written is not taken: {LastError()}");
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int fd);

    /// <summary>
    /// The names in the folder are on the disk when it returns (fsync(2)): after a power failure too, a file that was
    /// renamed has its new bytes.
    /// </summary>
    internal static void SyncFolder(string folder)
    {
        var fd = open(folder, OpenReadOnlyCloseOnExec);
        if (fd < 0)
            throw new System.IO.IOException($"{folder} cannot be opened: {LastError()}");
        var failed = fsync(fd) < 0 ? LastError() : null;
        close(fd);
        if (failed is not null)
            throw new System.IO.IOException($"{folder} cannot be written: {failed}");
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int execve(string path, byte** words, byte** environment);

    /// <summary>
    /// This process becomes another program, with its terminal, its open files of descriptors 0 to 2 and its place
    /// among the processes. Only returns when that fails.
    /// </summary>
    internal static void Become(string path, string[] words, string[] environment)
    {
        // SAFETY: both vectors end with null, their texts with a zero, and the process ends with them or goes on.
        execve(path, Vector(words), Vector(environment));

        static byte** Vector(string[] texts)
        {
            var vector = (byte**)NativeMemory.AllocZeroed((nuint)texts.Length + 1, (nuint)sizeof(byte*));
            for (var i = 0; i < texts.Length; i++)
                vector[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
            return vector;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int ioctl(int fd, nuint request, void* argument);

    /// <summary>The size of the terminal that a descriptor is; null for none, or one that does not know it.</summary>
    internal static (ushort Rows, ushort Columns)? TerminalSize(int fd)
    {
        const nuint TIOCGWINSZ = 0x5413;
        var size = stackalloc ushort[4];
        return ioctl(fd, TIOCGWINSZ, size) == 0 && size[0] != 0 && size[1] != 0 ? (size[0], size[1]) : null;
    }

    /// <summary>How wide a terminal is; 80 where it does not say.</summary>
    internal static int Columns(int fd) => TerminalSize(fd)?.Columns ?? 80;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int fd, int command, int argument);

    /// <summary>Whether a program that this process becomes or starts has the descriptor, too.</summary>
    internal static void SetInherited(int fd, bool isInherited)
    {
        const int F_SETFD = 2, FD_CLOEXEC = 1;
        if (fcntl(fd, F_SETFD, isInherited ? 0 : FD_CLOEXEC) != 0)
            throw new System.IO.IOException($"a descriptor cannot be handed on: {LastError()}");
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mount(string source, string target, string kind, nuint flags, string? data);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int kill(int pid, int signal);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statx(int folder, string path, int flags, uint mask, FileStatus* status);

    /// <summary>struct statx (linux/stat.h), as far as it is used here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct FileStatus
    {
        [FieldOffset(20)] internal uint User;
        [FieldOffset(28)] internal ushort Mode;
        [FieldOffset(32)] internal ulong Inode;
        [FieldOffset(136)] internal uint DeviceMajor;
        [FieldOffset(140)] internal uint DeviceMinor;
    }

    [LibraryImport("libc")]
    internal static partial uint geteuid();

    [LibraryImport("libc")]
    private static partial int setpriority(int which, uint who, int priority);

    /// <summary>
    /// Asks for a process, and the children it starts, to run before others: −20 is first. Where the kernel shares the
    /// processor out among sessions (sched(7), autogroup), its session is asked for too. Refused to ordinary users,
    /// which does no harm.
    /// </summary>
    internal static void RunBefore(int pid, int priority)
    {
        setpriority(0, (uint)pid, priority);
        try
        {
            System.IO.File.WriteAllText($"/proc/{pid}/autogroup",
                priority.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        catch (System.Exception refused) when (refused is System.IO.IOException or System.UnauthorizedAccessException)
        {
        }
    }

    struct TimeSpec
    {
        internal long Seconds;
        internal long Nanoseconds;
    }

    [LibraryImport("libc")]
    private static partial int clock_nanosleep(int clock, int flags, TimeSpec* until, TimeSpec* left);

    /// <summary>
    /// Sleeps until the monotonic clock, which is what Stopwatch counts in nanoseconds, says <paramref name="ticks"/>.
    /// Finer than Thread.Sleep, which rounds up to milliseconds.
    /// </summary>
    internal static void SleepUntil(long ticks)
    {
        const int Monotonic = 1, Absolute = 1;
        var until = new TimeSpec { Seconds = ticks / 1_000_000_000, Nanoseconds = ticks % 1_000_000_000 };
        clock_nanosleep(Monotonic, Absolute, &until, null); // a signal ends it early, which only makes one beat early
    }

    /// <summary>The name and text of the last error, for a sentence.</summary>
    internal static string LastError() => Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
}
