using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Packetd;

/// <summary>The way into the kernel, and the list of what may still go through it once packetd serves.</summary>
internal static class Kernel
{
    public const int Again = -11;
    private const int DontWait = 0x40, NoSignal = 0x4000;

    /// <summary>What the seccomp filter allows (see <see cref="Confinement"/>).</summary>
    public static ReadOnlySpan<Call> WhileServing =>
    [
        Call.Write, Call.Close, Call.Dup3, Call.GetPid, Call.SendTo, Call.RecvFrom, Call.SocketPair, Call.SetSockOpt, Call.Clone,
        Call.Execve, Call.Wait4, Call.Kill, Call.GetPpid, Call.SetSid, Call.SetGroups, Call.SetResUid, Call.SetResGid,
        Call.Prctl, Call.ClockGetTime, Call.ExitGroup, Call.Ppoll, Call.CloseRange,
    ];

    /// <summary>Makes a system call. The result is the kernel's: negative values are -errno.</summary>
    public static int Do(Call call, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0) => Enter(a, b, c, d, e, call);

    // The number comes last, so that what comes first is already where the kernel looks for it. No call of packetd has a sixth
    // argument that the kernel would look at.
    [RuntimeImport("*", "packetd_syscall")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern int Enter(nint a, nint b, nint c, nint d, nint e, Call call);

    /// <summary>A call that packetd cannot begin without: its result, or the end of the program with a sentence.</summary>
    public static int Must(Call call, ReadOnlySpan<byte> what, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0)
    {
        int result = Do(call, a, b, c, d, e);
        if (result < 0)
            Log.Fail(what, ": error %."u8, -result);
        return result;
    }

    /// <summary>
    /// Where memory lies, for the kernel. SAFETY: without a collector nothing moves, and what is passed lives longer than the call;
    /// that it is as large as the kernel's structure is up to each caller.
    /// </summary>
    public static unsafe nint At<T>(ReadOnlySpan<T> memory) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));

    public static int Write(int fd, ReadOnlySpan<byte> from) => Do(Call.Write, fd, At(from), from.Length);

    /// <summary>A datagram of a socket, now or never.</summary>
    public static int Receive(int socket, Span<byte> to) => Do(Call.RecvFrom, socket, At(to), to.Length, DontWait);

    public static int Send(int socket, ReadOnlySpan<byte> from) => Do(Call.SendTo, socket, At(from), from.Length, DontWait | NoSignal);

    public static void Exit(int code)
    {
        while (true)
            Do(Call.ExitGroup, code);
    }
}
