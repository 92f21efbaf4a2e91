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
    public static void FailFast()
    {
        // One block without a return is what the compiler takes for a method that does not come back: it moves calls of
        // it out of the way of other code, and keeps nothing for after them.
        while (true)
            Fail();
    }

    [RuntimeImport("*", "freestanding_fail")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern void Fail();
}
