using System;

namespace Packetd;

/// <summary>One line per event on standard error. A reader who does not keep up loses lines: the node never waits for one.</summary>
internal static class Log
{
    public const int Size = 256;
    private const int Error = 2;
    private const ulong Out = 4;

    public static Line Begin(Span<byte> buffer)
    {
        Line line = new(buffer);
        line.Add("packetd: "u8);
        return line;
    }

    public static Line About(int slot, Span<byte> buffer)
    {
        Line line = Begin(buffer);
        line.Add("domain "u8);
        line.Add((ulong)slot);
        line.Add(": "u8);
        return line;
    }

    public static void Event(in Options options, ref Line line)
    {
        if (options.LogLevel > 0)
            Write(ref line);
    }

    public static unsafe void Write(ref Line line)
    {
        line.End();
        ulong poll = Error | Out << 32;
        ulong* never = stackalloc ulong[] { 0, 0 };
        // SAFETY: one struct pollfd and a struct timespec, both on this stack.
        if (Kernel.Do(Call.Ppoll, (nint)(&poll), 1, (nint)never) > 0)
            Kernel.Write(Error, line.Text);
    }

    /// <summary>Ends the program because of a system call that it cannot do without.</summary>
    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    public static void Fail(ReadOnlySpan<byte> what, int error)
    {
        Line line = Begin(stackalloc byte[Size]);
        line.Add(what);
        line.Add(" (error "u8);
        line.Add((ulong)-error);
        line.Add(")."u8);
        Write(ref line);
        Kernel.Exit(1);
    }
}
