using System;
using System.Linux;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace Packetd;

/// <summary>
/// One line per event on standard error. When its reader does not keep up, lines are lost: packetd never waits for it.
/// </summary>
internal static class Log
{
    private const int StandardError = 2;

    /// <summary>In bytes; the rest of a longer line is left out.</summary>
    private const int MaxLine = 256;

    /// <summary>0 errors, 1 events. Set once.</summary>
    public static uint Level;

    /// <summary>Says what happened, with gaps as <see cref="TextBuffer"/> fills them.</summary>
    public static void Say(scoped ReadOnlySpan<byte> text, params scoped ReadOnlySpan<ulong> values)
    {
        if (Level > 0)
            Write(""u8, text, values);
    }

    /// <summary>Ends the program with a sentence that has two halves, and perhaps a number in the second.</summary>
    public static void Fail(ReadOnlySpan<byte> what, ReadOnlySpan<byte> why, int number = 0)
    {
        Write(what, why, (ulong)number);
        Syscall.Exit(1);
    }

    /// <summary>
    /// The result of a system call that packetd cannot begin without; where it is an error, the program ends.
    /// </summary>
    public static int Require(int result, ReadOnlySpan<byte> what)
    {
        if (result < 0)
            Fail(what, ": error %."u8, -result);
        return result;
    }

    private static void Write(
        ReadOnlySpan<byte> what, scoped ReadOnlySpan<byte> text, params scoped ReadOnlySpan<ulong> values)
    {
        TextBuffer line = new(stackalloc byte[MaxLine]);
        line.Add("packetd: "u8);
        line.Add(what);
        line.Add(text, values);
        line.Add("\n"u8);
        PollDescriptor poll = new() { Descriptor = StandardError, Events = POLLOUT };
        Timespec now = default;
        if (Call(CallNumber.Ppoll, AddressOf(ref poll), 1, AddressOf(ref now)) > 0)
            Syscall.Write(StandardError, line.Text);
    }
}
