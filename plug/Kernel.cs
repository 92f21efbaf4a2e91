using System;
using System.Linux;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Plug;

/// <summary>The system calls that the program makes (Linux x86-64), by number.</summary>
internal enum Call : ushort
{
    // Until the monitor runs.
    Pipe2 = 293,
    Socketpair = 53,
    GetPid = 39,
    GetPpid = 110,
    Clone = 56,
    Dup2 = 33,
    Execve = 59,
    Close = 3,
    Prctl = 157,

    // From then on.
    Read = 0,
    Write = 1,
    SigAction = 13,
    SigProcMask = 14,
    SendTo = 44,
    ReceiveFrom = 45,
    Wait4 = 61,
    Kill = 62,
    ExitGroup = 231,
    Ppoll = 271,
}

/// <summary>The way into the kernel. Negative results are -errno.</summary>
internal static class Kernel
{
    public const int Again = -11, Interrupted = -4, ConnectionReset = -104;
    private const int DontWait = 0x40, NoSignal = 0x4000;

    /// <summary>What is left to the program while the monitor runs (<see cref="Confinement"/>).</summary>
    public static ReadOnlySpan<ushort> WhileRelaying =>
    [
        (ushort)Call.ReceiveFrom, (ushort)Call.SendTo, (ushort)Call.Ppoll, (ushort)Call.Read, (ushort)Call.Write, (ushort)Call.Wait4,
        (ushort)Call.SigAction, (ushort)Call.SigProcMask, (ushort)Call.Kill, (ushort)Call.ExitGroup,
    ];

    public static int Do(Call call, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0) => (int)Syscall.Invoke((nint)call, a, b, c, d, e);

    /// <summary>
    /// Where memory lies, for the kernel. SAFETY: without a collector nothing moves, and what is passed lives longer than the call;
    /// that it is as large as the kernel's structure is up to each caller.
    /// </summary>
    public static unsafe nint At<T>(Span<T> memory) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));

    public static unsafe nint At(ReadOnlySpan<byte> memory) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));

    public static int Read(int descriptor, Span<byte> to) => Do(Call.Read, descriptor, At(to), to.Length);

    public static int Write(int descriptor, ReadOnlySpan<byte> from) => Do(Call.Write, descriptor, At(from), from.Length);

    /// <summary>One datagram; <see cref="Again"/> when there is none yet.</summary>
    public static int Receive(int socket, Span<byte> to) => Do(Call.ReceiveFrom, socket, At(to), to.Length, DontWait);

    /// <summary>One datagram; <see cref="Again"/> when the receiver's queue is full.</summary>
    public static int Send(int socket, ReadOnlySpan<byte> from) => Do(Call.SendTo, socket, At(from), from.Length, DontWait | NoSignal);
}
