using System.Diagnostics.CodeAnalysis;
using System.Runtime;
using System.Runtime.CompilerServices;

namespace System;

public static class Environment
{
    /// <summary>
    /// Ends the program or the machine: the broken invariant that led here must not be computed with. Each kind of
    /// image supplies it: the Linux one aborts, a machine's prints and resets.
    /// </summary>
    [DoesNotReturn]
    [RuntimeImport("*", "freestanding_fail")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void FailFast();
}
