using System;
using System.Collections.Generic;
using Xunit;

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
        if (!Mm.Tests.SimulatedMachine.HasStarted)
            throw new InvalidOperationException("the machine's memory could not be set up");
        while (Frames.Free > frames)
        {
            ulong taken = Frames.Allocate();
            Assert.NotEqual(0ul, taken); // a counter that somebody has set would keep this going for ever
            s_taken.Push(taken);
        }
        while (Frames.Free < frames && s_taken.TryPop(out ulong frame))
            Frames.Release(frame);
    }

    public static void End() => Leave(ulong.MaxValue);
}
