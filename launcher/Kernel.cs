using System;
using System.Linux;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Launcher;

/// <summary>The way into the kernel. Negative results are -errno.</summary>
internal static class Kernel
{
    public static int Do(Call call, nint a = 0, nint b = 0, nint c = 0, nint d = 0) => (int)Syscall.Invoke((nint)call, a, b, c, d);

    /// <summary>
    /// Where memory lies, for the kernel. SAFETY: without a collector nothing moves, and what is passed lives longer than the call;
    /// that it is as large as the kernel's structure is up to each caller.
    /// </summary>
    public static unsafe nint At<T>(Span<T> memory) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));

    public static unsafe nint At(ReadOnlySpan<byte> memory) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));

    public static int Write(int descriptor, ReadOnlySpan<byte> from) => Do(Call.Write, descriptor, At(from), from.Length);
}
