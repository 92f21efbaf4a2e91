using System;
using System.Collections.Generic;

namespace Guestos.Tests;

/// <summary>Frames that a test takes away, so that the machine is a smaller one, or full.</summary>
internal static class Shortage
{
    private static readonly Stack<ulong> s_taken = [];

    /// <summary>Frames in use, without those taken away here.</summary>
    public static long InUse => (long)(Frames.Total - Frames.Free) - s_taken.Count;

    /// <summary>Leaves exactly so many frames free; or all that nobody else holds, when these are fewer.</summary>
    public static void Leave(ulong frames)
    {
        if (!Mm.Tests.Machine.HasStarted)
            throw new InvalidOperationException("the machine's memory could not be set up");
        while (Frames.Free > frames)
            s_taken.Push(Frames.Allocate());
        while (Frames.Free < frames && s_taken.TryPop(out ulong frame))
            Frames.Release(frame);
    }

    public static void End() => Leave(ulong.MaxValue);
}
