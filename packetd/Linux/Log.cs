using System;
using System.Diagnostics.CodeAnalysis;

namespace Packetd;

/// <summary>One line per event on standard error. A reader who does not keep up loses lines: the node never waits for one.</summary>
internal static class Log
{
    public const int Size = 256;
    private const int Error = 2;
    private const ulong Out = 4;

    /// <summary>0 errors, 1 events. Set once.</summary>
    public static uint Level;

    public static Line Begin(Span<byte> buffer)
    {
        Line line = new(buffer);
        line.Add("packetd: "u8);
        return line;
    }

    /// <summary>Says what happened, with gaps as <see cref="Line"/> fills them.</summary>
    public static void Say(ReadOnlySpan<byte> text, ulong a = 0, ulong b = 0, ulong c = 0, ulong d = 0)
    {
        Line line = Begin(stackalloc byte[Size]);
        line.Add(text, a, b, c, d);
        if (Level > 0)
            Write(ref line);
    }

    public static void Write(ref Line line)
    {
        line.End();
        Span<ulong> poll = stackalloc ulong[1], never = stackalloc ulong[2]; // struct pollfd, struct timespec
        poll[0] = Error | Out << 32;
        if (Kernel.Do(Call.Ppoll, Kernel.At(poll), 1, Kernel.At(never)) > 0)
            Kernel.Write(Error, line.Text);
    }

    /// <summary>Ends the program with a sentence that has two halves, and perhaps a number in the second.</summary>
    [DoesNotReturn]
    public static void Fail(ReadOnlySpan<byte> what, ReadOnlySpan<byte> why, int number = 0)
    {
        Line line = Begin(stackalloc byte[Size]);
        line.Add(what);
        line.Add(why, (ulong)number);
        Write(ref line);
        Kernel.Exit(1);
    }
}
