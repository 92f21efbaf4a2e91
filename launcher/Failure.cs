using System;
using System.Linux;

namespace Launcher;

/// <summary>One sentence on standard error, and the exit code that goes with it.</summary>
internal static class Failure
{
    public const int BadArguments = 1;
    public const int NotStarted = 4;

    /// <summary>What is longer is cut: a sentence may name an argument, which may have any length.</summary>
    private const int MaxNameLength = 200;

    /// <param name="code">A negative result of the kernel's, or 0 for a sentence without one.</param>
    public static int Say(int exitCode, ReadOnlySpan<byte> what, ReadOnlySpan<byte> why, int code = 0)
    {
        TextBuffer sentence = new(stackalloc byte[MaxNameLength + 128]);
        sentence.Add("launcher: "u8);
        sentence.Add(what.Slice(0, Math.Min(what.Length, MaxNameLength)));
        sentence.Add(why);
        if (code < 0)
            sentence.Add(": error %"u8, (ulong)-code);
        sentence.Add(".\n"u8);
        Syscall.Write(2, sentence.Text);
        return exitCode;
    }
}
