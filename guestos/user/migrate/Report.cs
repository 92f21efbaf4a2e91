using System;
using System.Linux;
using Wire;

namespace Migrate;

/// <summary>
/// How a move goes, told to whoever asked for it: lines on standard output and error, or, for a move that was
/// commanded, events to the process that serves commands (docs/protocols.md, "Guest commands").
/// </summary>
internal static class Report
{
    /// <summary>Bytes of a line at most, its newline included.</summary>
    public const int MaxLine = 256;

    private const int StandardOutput = 1;
    private const int StandardError = 2;

    /// <summary>The pipe to the serving process, or −1.</summary>
    public static int Pipe = -1;

    /// <summary>A line about how far it is.</summary>
    /// <param name="text">Without its newline; gaps are filled as <see cref="TextBuffer"/> does.</param>
    public static void Progress(scoped ReadOnlySpan<byte> text, params scoped ReadOnlySpan<ulong> values) =>
        Say(GuestEventKind.Progress, ExitCode.Arrived, text, values);

    /// <summary>The last line of a migration that did not fail.</summary>
    public static void Arrived(scoped ReadOnlySpan<byte> text, params scoped ReadOnlySpan<ulong> values) =>
        Say(GuestEventKind.Arrived, ExitCode.Arrived, text, values);

    /// <summary>The last line of one that failed, as <paramref name="code"/> says, which is returned.</summary>
    public static ExitCode Failed(ExitCode code, scoped ReadOnlySpan<byte> text)
    {
        Say(GuestEventKind.Failed, code, text, default);
        return code;
    }

    private static void Say(
        GuestEventKind kind, ExitCode code, scoped ReadOnlySpan<byte> text, scoped ReadOnlySpan<ulong> values)
    {
        TextBuffer line = new(stackalloc byte[MaxLine]);
        line.Add(text, values);
        if (Pipe >= 0)
        {
            Tell(kind, code, line.Text);
            return;
        }
        line.Add("\n"u8);
        Syscall.Write(kind == GuestEventKind.Failed ? StandardError : StandardOutput, line.Text);
    }

    // One write, of less than a pipe takes in one piece (pipe(7)).
    private static void Tell(GuestEventKind kind, ExitCode code, ReadOnlySpan<byte> text)
    {
        Span<byte> record = stackalloc byte[GuestEvent.HeaderSize + GuestEvent.MaxText];
        int length = Math.Min(text.Length, GuestEvent.MaxText);
        GuestEvent.Emit(record, kind, (byte)code, length);
        text.Slice(0, length).CopyTo(record.Slice(GuestEvent.HeaderSize));
        Syscall.Write(Pipe, record.Slice(0, GuestEvent.HeaderSize + length));
    }
}
