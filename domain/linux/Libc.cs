using System.Runtime.InteropServices;

namespace Domain.Linux;

/// <summary>
/// The few calls the monitor makes into the C library. Names, constants and layouts are Linux's, x86-64.
/// </summary>
/// <remarks>
/// Contract of this folder: any thread may call. Nothing is kept between calls but <see cref="Errno"/>, which is the
/// calling thread's. Failures are values; that pointers are valid for the call is up to the caller.
/// </remarks>
internal static unsafe partial class Libc
{
    public const int PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4;
    public const int MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MAP_32BIT = 0x40, MAP_NORESERVE = 0x4000;
    public static readonly void* MAP_FAILED = (void*)-1;

    public const int O_RDONLY = 0, O_RDWR = 2, O_NONBLOCK = 0x800, O_CLOEXEC = 0x80000;
    public const int F_GETFD = 1, F_GETFL = 3, F_SETFL = 4;
    public const int SEEK_END = 2;
    public const short POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16, POLLNVAL = 32;
    public const int CLOCK_MONOTONIC = 1;
    public const int TFD_NONBLOCK = O_NONBLOCK;
    public const int MSG_DONTWAIT = 0x40, MSG_TRUNC = 0x20;
    public const int SIGPIPE = 13;
    public static readonly nint SIG_IGN = 1;

    public const int ENOENT = 2, EINTR = 4, EAGAIN = 11, EACCES = 13, EINVAL = 22, EPIPE = 32;
    public const int ECONNRESET = 104, ENOTCONN = 107;

    /// <summary>The error of the last call made here on this thread.</summary>
    public static int Errno => Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    public static partial void* mmap(void* address, nuint length, int protection, int flags, int descriptor,
        long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ioctl(int descriptor, nuint request, void* argument);

    [LibraryImport("libc", SetLastError = true)]
    public static partial long lseek(int descriptor, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pread(int descriptor, void* buffer, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint readv(int descriptor, IoVector* vectors, int count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint writev(int descriptor, IoVector* vectors, int count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint preadv(int descriptor, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwritev(int descriptor, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fdatasync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint getrandom(void* buffer, nuint count, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ppoll(PollDescriptor* descriptors, nuint count, TimeSpecification* timeout,
        void* signalMask);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int timerfd_create(int clock, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int timerfd_settime(int descriptor, int flags, TimerSpecification* value,
        TimerSpecification* old);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockopt(int descriptor, int level, int option, void* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int isatty(int descriptor);

    [LibraryImport("libc")]
    public static partial nint signal(int number, nint handler);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int tcgetattr(int descriptor, TerminalAttributes* attributes);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int tcsetattr(int descriptor, int when, TerminalAttributes* attributes);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setrlimit(int resource, ResourceLimit* limit);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int prctl(int option, nuint a, nuint b, nuint c, nuint d);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int mount(string source, string target, string? type, nuint flags, string? data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int umount2(string target, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int chdir(string path);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int execv(byte* path, byte** arguments);

    /// <summary>Any system call by number, for those that the C library has no name for.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint syscall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

    [LibraryImport("libc")]
    public static partial void _exit(int status);

    /// <summary>sandbox/Early.S: whether namespaces of our own were entered before the runtime started.</summary>
    [LibraryImport("early")]
    public static partial int domain_has_namespaces();

    /// <summary>sandbox/Early.S: the signal that the parent's death sends, as it was before that; otherwise 0.</summary>
    [LibraryImport("early")]
    public static partial int domain_death_signal();

    /// <summary>sandbox/Early.S: who the parent was then; otherwise 0.</summary>
    [LibraryImport("early")]
    public static partial int domain_parent();
}

/// <summary>struct iovec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector(void* start, ulong length)
{
    public void* Start = start;
    public ulong Length = length;
}

/// <summary>struct pollfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    public int Descriptor;
    public short Events;
    public short Returned;
}

/// <summary>struct timespec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpecification
{
    public long Seconds;
    public long Nanoseconds;

    public static TimeSpecification FromNanoseconds(ulong value) =>
        new() { Seconds = (long)(value / 1_000_000_000), Nanoseconds = (long)(value % 1_000_000_000) };
}

/// <summary>struct itimerspec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimerSpecification
{
    public TimeSpecification Interval;
    public TimeSpecification Value;
}

/// <summary>struct msghdr.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    public void* Name;
    public uint NameLength;
    public IoVector* Vectors;
    public nuint VectorCount;
    public void* Control;
    public nuint ControlLength;
    public int Flags;
}

/// <summary>struct termios as glibc lays it out.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TerminalAttributes
{
    public uint Input, Output, Control, Local;
    public byte Line;
    public fixed byte Characters[32];
    public uint InputSpeed, OutputSpeed;
}

/// <summary>struct rlimit.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ResourceLimit
{
    public ulong Soft, Hard;
}
