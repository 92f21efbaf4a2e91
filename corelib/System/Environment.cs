using System.Diagnostics.CodeAnalysis;
using System.Runtime;
using System.Runtime.CompilerServices;

namespace System;

public static class Environment
{
    /// <summary>Ends the program or the machine: the broken invariant that led here must not be computed with.</summary>
    [DoesNotReturn]
    public static void FailFast()
    {
        Fail();
        while (true) { }
    }

    // Each kind of image supplies it: the Linux one aborts, a machine's prints and resets.
    [RuntimeImport("*", "freestanding_fail")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern void Fail();
}
