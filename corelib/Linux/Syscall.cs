using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static System.Linux.Uapi;

namespace System.Linux;

/// <summary>The way into the Linux kernel. Results are the kernel's: −4095…−1 is −errno.</summary>
internal static class Syscall
{
    /// <summary>
    /// Makes a system call of at most five arguments. The kernel finds the call's number as the sixth, so this is for
    /// calls that have no sixth argument, or do not look at it: sendto(2) and recvfrom(2) without an address.
    /// </summary>
    public static int Call(CallNumber call, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0) =>
        Enter(a, b, c, d, e, call);

    // The number comes last, so that what comes first is already where the kernel looks for it.
    [RuntimeImport("*", "linux_syscall")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern int Enter(nint a, nint b, nint c, nint d, nint e, CallNumber call);

    /// <summary>Makes any system call, by its number.</summary>
    [RuntimeImport("*", "linux_syscall6")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern nint Invoke(
        nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0);

    /// <summary>
    /// Where memory lies, for the kernel. SAFETY: without a collector nothing moves, and what is passed lives longer
    /// than the call; that it is as large as the kernel's structure is up to each caller.
    /// </summary>
    public static unsafe nint AddressOf<T>(ReadOnlySpan<T> memory) =>
        (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));

    /// <summary>Where a variable on the stack lies. SAFETY: as above.</summary>
    public static unsafe nint AddressOf<T>(ref T variable) => (nint)Unsafe.AsPointer(ref variable);

    public static int Read(int descriptor, Span<byte> to) =>
        Call(CallNumber.Read, descriptor, AddressOf(to), to.Length);

    public static int Write(int descriptor, ReadOnlySpan<byte> from) =>
        Call(CallNumber.Write, descriptor, AddressOf(from), from.Length);

    public static void Close(int descriptor) => Call(CallNumber.Close, descriptor);

    /// <summary>
    /// A datagram, or what a stream has; <see cref="Uapi.EAGAIN"/>, which is negative, when there is nothing now.
    /// </summary>
    public static int Receive(int socket, Span<byte> to) =>
        Call(CallNumber.RecvFrom, socket, AddressOf(to), to.Length, MSG_DONTWAIT);

    /// <summary>
    /// Sends a datagram; <see cref="Uapi.EAGAIN"/>, which is negative, when the receiver's queue is full.
    /// </summary>
    public static int Send(int socket, ReadOnlySpan<byte> from) =>
        Call(CallNumber.SendTo, socket, AddressOf(from), from.Length, MSG_DONTWAIT | MSG_NOSIGNAL);

    /// <summary>setsockopt(2) with a value of the size that the option has. 0, or −errno.</summary>
    public static int SetSocketOption<T>(int socket, int level, int option, T value) =>
        Call(CallNumber.SetSockOpt, socket, level, option, AddressOf(ref value), Unsafe.SizeOf<T>());

    public static void Exit(int code)
    {
        while (true)
            Call(CallNumber.ExitGroup, code);
    }
}
