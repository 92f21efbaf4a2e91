using System;
using System.Linux;

namespace Migrate;

/// <summary>The system calls that a migration is made of (Linux x86-64). Negative results are -errno.</summary>
internal static unsafe class Kernel
{
    public const int InterruptedError = 4, InvalidError = 22, AgainError = 11, BusyError = 16, NoMemoryError = 12, BrokenPipeError = 32,
        ConnectionResetError = 104, TimedOutError = 110, ConnectionRefusedError = 111, HostUnreachableError = 113, InProgressError = 115, CanceledError = 125;

    public const short PollIn = 1, PollOut = 4, PollError = 8, PollHangUp = 16;

    private const int NoSignal = 0x4000;

    public static nint Read(int descriptor, byte* to, nint count) => Syscall.Invoke(0, descriptor, (nint)to, count);

    public static void Write(int descriptor, ReadOnlySpan<byte> text)
    {
        fixed (byte* bytes = text)
            Syscall.Invoke(1, descriptor, (nint)bytes, text.Length);
    }

    /// <summary>A line on the machine's console, whatever standard output is: it waits for nobody.</summary>
    public static void Log(ReadOnlySpan<byte> text)
    {
        int log;
        fixed (byte* path = "/dev/kmsg\0"u8)
            log = Open(path, 1);
        Write(log, text);
        Close(log);
    }

    /// <param name="path">Ends with a zero.</param>
    public static int Open(byte* path, int flags) => (int)Syscall.Invoke(2, (nint)path, flags);

    public static void Close(int descriptor) => Syscall.Invoke(3, descriptor);

    /// <summary>An entry of <see cref="Poll(PollEntry*, int, int)"/>.</summary>
    public struct PollEntry
    {
        public int Descriptor;
        public short Events, Result;
    }

    /// <summary>How many have events, 0 when the time passed, or -errno. Negative milliseconds: for ever.</summary>
    public static int Poll(PollEntry* entries, int count, int milliseconds) => (int)Syscall.Invoke(7, (nint)entries, count, milliseconds);

    /// <summary>Waits for one descriptor. Its events, 0 when the time passed, or -errno.</summary>
    public static int Poll(int descriptor, short events, int milliseconds)
    {
        ulong entry = (uint)descriptor | (ulong)(ushort)events << 32;
        nint result = Syscall.Invoke(7, (nint)(&entry), 1, milliseconds);
        return result <= 0 ? (int)result : (int)(entry >> 48);
    }

    public static int Control(int descriptor, uint request, void* argument) => (int)Syscall.Invoke(16, descriptor, (nint)request, (nint)argument);

    /// <summary>Zeroed memory, or null.</summary>
    public static byte* Allocate(nint length)
    {
        const int ReadWrite = 3, PrivateAnonymous = 0x22;
        nint address = Syscall.Invoke(9, 0, length, ReadWrite, PrivateAnonymous, -1, 0);
        return address is < 0 and > -4096 ? null : (byte*)address;
    }

    /// <summary>A broken connection shall be an error, not a signal.</summary>
    public static void IgnorePipeSignal()
    {
        const int SigPipe = 13, Ignore = 1;
        ulong* action = stackalloc ulong[4];
        action[0] = Ignore;
        action[1] = action[2] = action[3] = 0;
        Syscall.Invoke(13, SigPipe, (nint)action, 0, 8);
    }

    public static void Sleep(ulong nanoseconds)
    {
        ulong* time = stackalloc ulong[2];
        time[0] = nanoseconds / 1_000_000_000;
        time[1] = nanoseconds % 1_000_000_000;
        Syscall.Invoke(35, (nint)time, 0);
    }

    public static nint SendFile(int socket, int file, nint count) => Syscall.Invoke(40, socket, file, 0, count);

    /// <summary>A TCP socket whose calls do not block.</summary>
    public static int Socket() => (int)Syscall.Invoke(41, 2, 1 | 0x800, 0);

    /// <summary>A socket for ICMP Echo whose calls do not block.</summary>
    public static int EchoSocket() => (int)Syscall.Invoke(41, 2, 2 | 0x800, 1);

    /// <param name="address">Host order.</param>
    public static int Connect(int socket, uint address, ushort port) => Named(42, socket, address, port);

    /// <summary>A socket that accepts connections to a port, or -errno.</summary>
    public static int Listen(ushort port, int backlog)
    {
        int socket = Socket(), on = 1;
        if (socket < 0)
            return socket;
        Syscall.Invoke(54, socket, 1, 2, (nint)(&on), 4); // SO_REUSEADDR
        int error = Named(49, socket, 0, port);
        return error < 0 ? error : Syscall.Invoke(50, socket, backlog) is < 0 and var failure ? (int)failure : socket;
    }

    /// <summary>The next connection, whose calls do not block, or -errno.</summary>
    public static int Accept(int listener) => (int)Syscall.Invoke(288, listener, 0, 0, 0x800);

    private static int Named(int call, int socket, uint address, ushort port)
    {
        byte* name = stackalloc byte[16];
        new Span<byte>(name, 16).Clear();
        name[0] = 2;
        Wire.Bytes.PutBe16(new Span<byte>(name, 16), 2, port);
        Wire.Bytes.PutBe32(new Span<byte>(name, 16), 4, address);
        return (int)Syscall.Invoke(call, socket, (nint)name, 16);
    }

    public static nint Send(int socket, byte* from, nint count) => Syscall.Invoke(44, socket, (nint)from, count, NoSignal, 0, 0);

    /// <summary>A pipe's ends, first the one to read from, whose calls do not block. 0, or -errno.</summary>
    public static int Pipe(int* ends)
    {
        int error = (int)Syscall.Invoke(293, (nint)ends, 0);
        if (error == 0)
            Syscall.Invoke(72, ends[0], 4, 0x800);
        return error;
    }

    /// <summary>0 in the new process, its number in the old one, or -errno.</summary>
    public static int Fork() => (int)Syscall.Invoke(57);

    public static void Exit(int code) => Syscall.Invoke(231, code);

    /// <summary>Waits for a child to end.</summary>
    public static void Await(int child) => Syscall.Invoke(61, child, 0, 0, 0);

    /// <summary>Bytes that nobody can guess.</summary>
    public static void Random(Span<byte> to)
    {
        fixed (byte* bytes = to)
            Syscall.Invoke(318, (nint)bytes, to.Length, 0);
    }

    /// <summary>Sends small segments at once.</summary>
    public static void SetNoDelay(int socket)
    {
        int on = 1;
        Syscall.Invoke(54, socket, 6, 1, (nint)(&on), 4);
    }

    /// <summary>SO_LINGER: with 0 seconds, closing resets the connection and forgets what was not sent.</summary>
    public static void SetLinger(int socket, int seconds)
    {
        int* linger = stackalloc int[2];
        linger[0] = 1;
        linger[1] = seconds;
        Syscall.Invoke(54, socket, 1, 13, (nint)linger, 8);
    }

    /// <summary>SO_ERROR: why the connection broke, 0 when it did not.</summary>
    public static int SocketError(int socket)
    {
        int error = 0, length = 4;
        Syscall.Invoke(55, socket, 1, 4, (nint)(&error), (nint)(&length));
        return error;
    }

    /// <summary>SO_SNDTIMEO: how long a call waits for room in the connection.</summary>
    public static void SetSendTimeout(int socket, int milliseconds)
    {
        long* time = stackalloc long[2];
        time[0] = milliseconds / 1000;
        time[1] = milliseconds % 1000 * 1000;
        Syscall.Invoke(54, socket, 1, 21, (nint)time, 16);
    }

    public static void SetBlocking(int socket) => Syscall.Invoke(72, socket, 4, 0);

    /// <summary>CLOCK_MONOTONIC in nanoseconds.</summary>
    public static ulong Now()
    {
        ulong* time = stackalloc ulong[2];
        Syscall.Invoke(228, 1, (nint)time);
        return time[0] * 1_000_000_000 + time[1];
    }
}
