using System;

namespace Packetd;

/// <summary>One line per event on standard error. A reader who does not keep up loses lines: the node never waits for one.</summary>
internal static class Log
{
    private const int Error = 2, Size = 256;
    private const ulong Out = 4;

    /// <summary>0 errors, 1 events. Set once.</summary>
    public static uint Level;

    /// <summary>Says what happened, with gaps as <see cref="Line"/> fills them.</summary>
    public static void Say(scoped ReadOnlySpan<byte> text, params scoped ReadOnlySpan<ulong> values)
    {
        if (Level > 0)
            Write(""u8, text, values);
    }

    /// <summary>Ends the program with a sentence that has two halves, and perhaps a number in the second.</summary>
    public static void Fail(ReadOnlySpan<byte> what, ReadOnlySpan<byte> why, int number = 0)
    {
        Write(what, why, (ulong)number);
        Kernel.Exit(1);
    }

    private static void Write(ReadOnlySpan<byte> what, scoped ReadOnlySpan<byte> text, params scoped ReadOnlySpan<ulong> values)
    {
        Line line = new(stackalloc byte[Size]);
        line.Add("packetd: "u8);
        line.Add(what);
        line.Add(text, values);
        line.Add("\n"u8);
        Span<ulong> writable = stackalloc ulong[] { Error | Out << 32 }, never = stackalloc ulong[2]; // struct pollfd, struct timespec
        if (Kernel.Do(Call.Ppoll, Kernel.At(writable), 1, Kernel.At(never)) > 0)
            Kernel.Write(Error, line.Text);
    }
}
