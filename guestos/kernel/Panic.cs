using System;
using System.Diagnostics.CodeAnalysis;
using Board;

namespace Guestos;

/// <summary>The end: a broken invariant of the kernel.</summary>
public static unsafe class Panic
{
    /// <summary>Writes on the console what the kernel was doing. Registered at boot; null before.</summary>
    public static delegate*<void> Context;

    /// <summary>Says why on the console, and ends the machine so that its monitor knows that it was a panic.</summary>
    [DoesNotReturn]
    public static void Stop(ReadOnlySpan<byte> reason)
    {
        Begin(reason);
        End();
    }

    /// <summary>The first line. Whoever knows more writes it now, and calls <see cref="End"/>.</summary>
    internal static void Begin(ReadOnlySpan<byte> reason)
    {
        Processor.DisableInterrupts();
        Console.Write("\npanic: "u8);
        Console.Write(reason);
    }

    [DoesNotReturn]
    internal static void End()
    {
        if (Context != null)
            Context();
        Console.Write("\n"u8);
        Power.Panic();
    }
}
