using System;
using System.Text;
using Domain.Linux;

namespace Domain.Host;

/// <summary>How much is said on stderr.</summary>
internal enum LogLevel
{
    Error,
    Info,
    Debug,
}

/// <summary>One line an event on stderr. Needs nothing but write(2), so it works inside the sandbox.</summary>
/// <remarks>
/// Contract of this folder: descriptors are opened by the main thread before the process locks itself in; afterwards
/// the CPU thread alone uses them, except for <see cref="WatchList"/> and <see cref="Watcher"/>, which say what their
/// thread does. Only the system calls of domain/sandbox/Allowlist.cs are made. Reads and writes of sockets, terminals
/// and pipes never wait; those of the disk's file do.
/// </remarks>
internal static class Log
{
    private const int MaxDebugLines = 1000;

    private static int s_debugLines;

    public static LogLevel Level { get; set; } = LogLevel.Error;

    public static void Error(string text) => Write(text);

    public static void Info(string text)
    {
        if (Level >= LogLevel.Info)
            Write(text);
    }

    /// <summary>For what a guest can bring about as often as it likes: it is said so often and no more.</summary>
    public static void Debug(string text)
    {
        if (Level < LogLevel.Debug || s_debugLines == MaxDebugLines)
            return;
        s_debugLines++;
        Write(text);
        if (s_debugLines == MaxDebugLines)
            Write("no more is said at this level");
    }

    /// <summary>Writes text as it is to a descriptor.</summary>
    public static unsafe void Print(int descriptor, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        // SAFETY: the array is pinned while the kernel reads its length.
        fixed (byte* start = bytes)
        {
            for (nint done = 0, wrote; done < bytes.Length; done += wrote)
            {
                wrote = Libc.write(descriptor, start + done, (nuint)(bytes.Length - done));
                if (wrote <= 0)
                    return;
            }
        }
    }

    // What a user typed is repeated without its line breaks and other controls: one line is one event.
    private static void Write(string text) =>
        Print(2, $"domain: {string.Create(text.Length, text, static (line, from) =>
        {
            for (int i = 0; i < line.Length; i++)
                line[i] = char.IsControl(from[i]) ? '?' : from[i];
        })}\n");
}
