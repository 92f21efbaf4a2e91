using System.Runtime;
using System.Runtime.CompilerServices;

namespace System.Linux;

/// <summary>The one way into the Linux kernel. Results are as the kernel gives them: −4095…−1 is −errno.</summary>
public static unsafe class Syscall
{
    [RuntimeImport("*", "linux_syscall")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern nint Invoke(nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0);
}
