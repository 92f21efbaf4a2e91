using System;
using System.Diagnostics.CodeAnalysis;
using System.Machine;

namespace Guestos;

/// <summary>The end: a broken invariant of the kernel.</summary>
public static class Panic
{
    /// <summary>Says so on the console and resets the machine.</summary>
    [DoesNotReturn]
    public static void Stop(ReadOnlySpan<byte> reason)
    {
        Processor.DisableInterrupts();
        Console.Write("panic: "u8);
        Console.Write(reason);
        Console.Write("\n"u8);
        while (true)
            Processor.Reset();
    }
}
