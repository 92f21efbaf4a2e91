using System;
using System.Linux;
using System.Runtime.InteropServices;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace Migrate;

/// <summary>Files, memory and processes, as a migration needs them. Negative results are −errno.</summary>
internal static unsafe class Host
{
    /// <param name="path">Ends with a zero.</param>
    public static int Open(byte* path, int flags = 0) => Call(SystemCall.OpenAt, AT_FDCWD, (nint)path, flags);

    /// <param name="path">A literal that ends with a zero.</param>
    public static int Open(ReadOnlySpan<byte> path, int flags = 0) =>
        Call(SystemCall.OpenAt, AT_FDCWD, AddressOf(path), flags);

    /// <summary>A line on the machine's console, whatever standard output is: it waits for nobody.</summary>
    public static void Log(ReadOnlySpan<byte> text)
    {
        int log = Open("/dev/kmsg\0"u8, O_WRONLY);
        Write(log, text);
        Close(log);
    }

    /// <summary>Zeroed memory, or null.</summary>
    public static byte* Allocate(nint length)
    {
        const nint Protection = (nint)(PROT_READ | PROT_WRITE);
        const nint Kind = (nint)(MAP_PRIVATE | MAP_ANONYMOUS);
        nint address = Invoke((nint)SystemCall.Mmap, 0, length, Protection, Kind, -1);
        return address is < 0 and > -4096 ? null : (byte*)address;
    }

    /// <summary>A broken connection shall be an error, not a signal.</summary>
    public static void IgnorePipeSignal()
    {
        // struct kernel_sigaction: handler, flags, restorer, mask.
        Span<ulong> action = stackalloc ulong[4];
        action.Clear();
        action[0] = SIG_IGN;
        Call(SystemCall.SigAction, SIGPIPE, AddressOf((ReadOnlySpan<ulong>)action), 0, sizeof(ulong));
    }

    /// <summary>A pipe's ends, first the one to read from, whose calls do not block.</summary>
    public static int Pipe(Span<int> ends)
    {
        int error = Call(SystemCall.Pipe2, AddressOf((ReadOnlySpan<int>)ends), 0);
        if (error == 0)
            Call(SystemCall.Fcntl, ends[0], F_SETFL, O_NONBLOCK);
        return error;
    }

    /// <summary>0 in the new process, its number in the old one.</summary>
    public static int Fork() => Call(SystemCall.Clone, SIGCHLD);

    /// <summary>Waits for a child to end.</summary>
    public static void Await(int child) => Call(SystemCall.Wait4, child);

    /// <summary>Bytes that nobody can guess.</summary>
    public static void Random(Span<byte> to) =>
        Call(SystemCall.GetRandom, AddressOf((ReadOnlySpan<byte>)to), to.Length);

    public static int Control(int descriptor, Wire.CheckpointControl request, nint argument = 0) =>
        Call(SystemCall.Ioctl, descriptor, (nint)request, argument);
}
