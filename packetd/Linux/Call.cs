using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Packetd;

/// <summary>The way into the kernel, and the list of what may still go through it once packetd serves.</summary>
internal static class Kernel
{
    public const int Again = -11;

    /// <summary>What the seccomp filter allows (see <see cref="Confinement"/>).</summary>
    public static ReadOnlySpan<ushort> WhileServing =>
    [
        (ushort)Call.Read, (ushort)Call.Write, (ushort)Call.Ppoll, (ushort)Call.ClockGetTime, (ushort)Call.Close,
        (ushort)Call.Dup3, (ushort)Call.GetPid, (ushort)Call.SocketPair, (ushort)Call.SetSockOpt, (ushort)Call.Clone,
        (ushort)Call.Execve, (ushort)Call.Wait4, (ushort)Call.Kill, (ushort)Call.SetSid, (ushort)Call.SetGroups,
        (ushort)Call.SetResUid, (ushort)Call.SetResGid, (ushort)Call.GetPpid, (ushort)Call.CapSet, (ushort)Call.Prctl,
        (ushort)Call.ExitGroup, (ushort)Call.Prlimit, (ushort)Call.CloseRange, (ushort)Call.SigProcMask,
        (ushort)Call.Fcntl,
    ];

    /// <summary>
    /// corelib's stub, declared without the sixth argument that no call of packetd has: the kernel ignores what the stub finds in its place.
    /// The result is the kernel's: negative values are -errno.
    /// </summary>
    [RuntimeImport("*", "linux_syscall")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern int Do(Call call, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0);

    /// <summary>
    /// Where memory lies, for the kernel. SAFETY: without a collector nothing moves, and what is passed lives longer than the call;
    /// that it is as large as the kernel's structure is up to each caller.
    /// </summary>
    public static unsafe nint At<T>(Span<T> memory) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));

    public static unsafe nint At(ReadOnlySpan<byte> memory) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));

    public static int Read(int fd, Span<byte> to) => Do(Call.Read, fd, At(to), to.Length);

    public static int Write(int fd, ReadOnlySpan<byte> from) => Do(Call.Write, fd, At(from), from.Length);

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    public static void Exit(int code)
    {
        while (true)
            Do(Call.ExitGroup, code);
    }
}
