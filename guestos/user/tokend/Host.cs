using System;
using System.Linux;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace Tokend;

/// <summary>Files and processes. Negative results are −errno.</summary>
internal static unsafe class Host
{
    /// <param name="path">A literal that ends with a zero.</param>
    public static int Open(ReadOnlySpan<byte> path, int flags = 0) =>
        Call(CallNumber.OpenAt, AT_FDCWD, AddressOf(path), flags);

    /// <summary>A line on the machine's console, which waits for nobody.</summary>
    /// <param name="text">Without its newline; gaps are filled as <see cref="TextBuffer"/> does.</param>
    public static void Log(scoped ReadOnlySpan<byte> text, params scoped ReadOnlySpan<ulong> values)
    {
        TextBuffer line = new(stackalloc byte[256]);
        line.Add(text, values);
        line.Add("\n"u8);
        int log = Open("/dev/kmsg\0"u8, O_WRONLY);
        Write(log, line.Text);
        Close(log);
    }

    public static ulong Random()
    {
        ulong number = 0;
        Call(CallNumber.GetRandom, AddressOf(ref number), sizeof(ulong));
        return number;
    }

    /// <summary>Starts a program, if it is there, with a number as its argument, and does not wait for it.</summary>
    /// <param name="path">A literal that ends with a zero.</param>
    public static void Start(ReadOnlySpan<byte> path, ulong argument)
    {
        if (Call(CallNumber.Clone, SIGCHLD) != 0)
            return;
        TextBuffer number = new(stackalloc byte[32]);
        number.Add("%\0"u8, argument);
        TextBuffer search = new(stackalloc byte[32]);
        search.Add("PATH=/bin:/sbin\0"u8);
        nint* words = stackalloc nint[3];
        words[0] = AddressOf(path);
        words[1] = AddressOf(number.Text);
        words[2] = 0;
        nint* environment = stackalloc nint[2];
        environment[0] = AddressOf(search.Text);
        environment[1] = 0;
        Call(CallNumber.Execve, AddressOf(path), (nint)words, (nint)environment);
        Exit(127);
    }

    /// <summary>Forgets programs that have ended.</summary>
    public static void Reap()
    {
        while (Call(CallNumber.Wait4, -1, 0, WNOHANG) > 0)
        {
        }
    }
}
