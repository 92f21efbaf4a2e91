using System;
using Wire;

namespace Migrate;

/// <summary>
/// Where the words go: lines on standard output and error, or, for a move that was commanded, events to the process that serves
/// commands (docs/protocols.md, "Guest commands").
/// </summary>
internal static unsafe class Voice
{
    /// <summary>The pipe to the serving process, or -1.</summary>
    public static int Pipe = -1;

    /// <param name="text">A line with its newline.</param>
    public static void Say(ReadOnlySpan<byte> text)
    {
        if (Pipe < 0)
            Kernel.Write(1, text);
        else
            Tell(GuestEventKind.Progress, 0, text);
    }

    public static void Complain(ExitCode code, ReadOnlySpan<byte> text)
    {
        if (Pipe < 0)
            Kernel.Write(2, text);
        else
            Tell(GuestEventKind.Failed, (byte)code, text);
    }

    public static void Arrive(ReadOnlySpan<byte> text)
    {
        if (Pipe < 0)
            Kernel.Write(1, text);
        else
            Tell(GuestEventKind.Arrived, 0, text);
    }

    /// <summary>One write, of less than a pipe takes in one piece (pipe(7)).</summary>
    private static void Tell(GuestEventKind kind, byte exitCode, ReadOnlySpan<byte> text)
    {
        Span<byte> record = stackalloc byte[GuestEvent.HeaderSize + GuestEvent.MaxText];
        int length = Math.Min(text.Length, GuestEvent.MaxText);
        if (length > 0 && text[length - 1] == '\n')
            length--;
        GuestEvent.Emit(record, kind, exitCode, length);
        text.Slice(0, length).CopyTo(record.Slice(GuestEvent.HeaderSize));
        Kernel.Write(Pipe, record.Slice(0, GuestEvent.HeaderSize + length));
    }
}
