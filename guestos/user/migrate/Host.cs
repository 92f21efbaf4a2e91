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
    public static int Open(byte* path, int flags = 0) => Call(CallNumber.OpenAt, AT_FDCWD, (nint)path, flags);

    /// <param name="path">A literal that ends with a zero.</param>
    public static int Open(ReadOnlySpan<byte> path, int flags = 0) =>
        Call(CallNumber.OpenAt, AT_FDCWD, AddressOf(path), flags);

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
        nint address = Invoke((nint)CallNumber.Mmap, 0, length, Protection, Kind, -1);
        return address is < 0 and > -4096 ? null : (byte*)address;
    }

    /// <summary>A broken connection shall be an error, not a signal.</summary>
    public static void IgnorePipeSignal()
    {
        // struct kernel_sigaction: handler, flags, restorer, mask.
        Span<ulong> action = stackalloc ulong[4];
        action.Clear();
        action[0] = SIG_IGN;
        Call(CallNumber.SigAction, SIGPIPE, AddressOf((ReadOnlySpan<ulong>)action), 0, sizeof(ulong));
    }

    /// <summary>A pipe's ends, first the one to read from, whose calls do not block.</summary>
    public static int Pipe(Span<int> ends)
    {
        int error = Call(CallNumber.Pipe2, AddressOf((ReadOnlySpan<int>)ends), O_CLOEXEC);
        if (error == 0)
            Call(CallNumber.Fcntl, ends[0], F_SETFL, O_NONBLOCK);
        return error;
    }

    /// <summary>0 in the new process, its number in the old one.</summary>
    public static int Fork() => Call(CallNumber.Clone, SIGCHLD);

    /// <summary>Whether a child is no more; then it is forgotten.</summary>
    public static bool HasEnded(int child) => Call(CallNumber.Wait4, child, 0, WNOHANG) != 0;

    public static void Kill(int child) => Call(CallNumber.Kill, child, SIGKILL);

    /// <summary>Waits for a child to end.</summary>
    public static void Await(int child) => Call(CallNumber.Wait4, child);

    /// <summary>Bytes that nobody can guess.</summary>
    public static void Random(Span<byte> to) =>
        Call(CallNumber.GetRandom, AddressOf((ReadOnlySpan<byte>)to), to.Length);

    public static int Control(int descriptor, Wire.CheckpointControl request, nint argument = 0) =>
        Call(CallNumber.Ioctl, descriptor, (nint)request, argument);

    // ---- what programs are run with ----

    // Numbers and constants that no other program of ours needs (asm-generic/fcntl.h, asm-generic/signal.h).
    private const CallNumber PositionedRead = (CallNumber)17;
    private const CallNumber PositionedWrite = (CallNumber)18;
    private const int O_RDWR = 2;
    private const int O_CREAT = 0x40;
    private const int O_TRUNC = 0x200;
    private const int SIGINT = 2;
    private const int SIGQUIT = 3;
    private const int SIGTERM = 15;

    /// <summary>An empty file of mode 0600, to read and write.</summary>
    public static int Create(byte* path)
    {
        const int OwnersAlone = 0x180;
        return Call(CallNumber.OpenAt, AT_FDCWD, (nint)path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, OwnersAlone);
    }

    public static int ReadAt(int file, Span<byte> to, int offset) =>
        Call(PositionedRead, file, AddressOf((ReadOnlySpan<byte>)to), to.Length, offset);

    public static int WriteAt(int file, ReadOnlySpan<byte> from, int offset) =>
        Call(PositionedWrite, file, AddressOf(from), from.Length, offset);

    /// <summary>All of it, unless nobody takes it.</summary>
    public static void WriteAll(int file, ReadOnlySpan<byte> from)
    {
        while (from.Length > 0)
        {
            int count = Write(file, from);
            if (count == EINTR)
                continue;
            if (count <= 0)
                return;
            from = from.Slice(count);
        }
    }

    public static void SetBlocking(int descriptor, bool isBlocking) =>
        Call(CallNumber.Fcntl, descriptor, F_SETFL, isBlocking ? 0 : O_NONBLOCK);

    /// <summary>How a program ended: 1 if by a signal, and its number or the exit code.</summary>
    public const int EndSize = 2;

    /// <summary>Waits for a child, and tells how it ended.</summary>
    public static void EndOf(int child, Span<byte> end)
    {
        int status = 0;
        int code;
        do
            code = Call(CallNumber.Wait4, child, AddressOf(ref status));
        while (code == EINTR);
        int signal = status & 0x7F;
        end[0] = (byte)(signal != 0 ? 1 : 0);
        end[1] = (byte)(signal != 0 ? signal : status >> 8);
    }

    /// <summary>As shells say it.</summary>
    public static int CodeOf(ReadOnlySpan<byte> end) => end[0] == 0 ? end[1] : 128 + end[1];

    /// <summary>Asks a child and its process group to end, and after a second has them ended.</summary>
    public static void EndGroup(int child)
    {
        const int Looks = 50;
        Call(CallNumber.Kill, -child, SIGTERM);
        for (int i = 0; i < Looks && Call(CallNumber.Wait4, child, 0, WNOHANG) == 0; i++)
            Timing.Sleep(Timing.NanosecondsInSecond / Looks);
        Call(CallNumber.Kill, -child, SIGKILL);
    }

    /// <summary>
    /// A broken connection ends programs again, as they expect; and so do Ctrl-C and Ctrl-\, which a shell has
    /// everything ignore that it starts in the background.
    /// </summary>
    private static void ExpectSignals()
    {
        Span<ulong> action = stackalloc ulong[4];
        action.Clear();
        foreach (int signal in (ReadOnlySpan<int>)[SIGINT, SIGQUIT, SIGPIPE])
            Call(CallNumber.SigAction, signal, AddressOf((ReadOnlySpan<ulong>)action), 0, sizeof(ulong));
    }

    /// <summary>In a new process: becomes a program. Only returns when that cannot be, with −errno.</summary>
    /// <param name="leads">It is to have a session, and so a process group, of its own.</param>
    public static int Execute(
        byte* path, byte** words, byte** environment, int input, int output, int error, bool leads)
    {
        ExpectSignals();
        if (leads)
            Call(CallNumber.SetSid);
        Put(input, 0);
        Put(output, 1);
        Put(error, 2);
        return Call(CallNumber.Execve, (nint)path, (nint)words, (nint)environment);
    }

    private static void Put(int descriptor, int place)
    {
        if (descriptor == place)
            return;
        Call(CallNumber.Dup3, descriptor, place);
    }
}
