using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Migrate;

/// <summary>
/// A pseudo-terminal (pty(7)) for a program that runs for a client: its master here, and its other end, which the
/// program opens as its controlling terminal.
/// </summary>
internal static unsafe class Terminal
{
    // asm-generic/ioctls.h, asm-generic/fcntl.h
    private const int TIOCSCTTY = 0x540E;
    private const int TIOCSWINSZ = 0x5414;
    private const int TIOCGPTN = unchecked((int)0x80045430);
    private const int TIOCSPTLCK = 0x40045431;
    private const int O_RDWR = 2;
    private const int O_NOCTTY = 0x100;

    private const int MaxPath = 32;

    /// <summary>The path of the program's end, with a zero at its end.</summary>
    private static byte* s_path;

    // "TERM=", what the client has, and a zero.
    private static byte* s_type;

    /// <summary>The master, whose calls do not block; or −errno.</summary>
    /// <param name="size">As the client's terminal has it, and the terminal's type (term(7)).</param>
    public static int Open(ReadOnlySpan<byte> size)
    {
        ReadOnlySpan<byte> variable = "TERM="u8;
        s_path = Host.Allocate(MaxPath);
        s_type = Host.Allocate(variable.Length + ExecFrame.MaxTerminalType + 1);
        if (s_path == null || s_type == null)
            return ENOMEM;
        variable.CopyTo(new Span<byte>(s_type, variable.Length));
        ReadOnlySpan<byte> type = size.Slice(ExecFrame.SizeSize);
        type.CopyTo(new Span<byte>(s_type + variable.Length, ExecFrame.MaxTerminalType));
        int master = Host.Open("/dev/ptmx\0"u8, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        if (master < 0)
            return master;
        int isLocked = 0;
        int number = 0;
        Syscall.Call(CallNumber.Ioctl, master, TIOCSPTLCK, Syscall.AddressOf(ref isLocked));
        int error = Syscall.Call(CallNumber.Ioctl, master, TIOCGPTN, Syscall.AddressOf(ref number));
        if (error < 0)
            return error;
        PutPath((uint)number);
        Resize(master, size);
        return master;
    }

    /// <summary>The program hears of it, by SIGWINCH.</summary>
    public static void Resize(int master, ReadOnlySpan<byte> size)
    {
        // struct winsize: rows, columns, and two that nobody uses.
        Span<ushort> numbers = stackalloc ushort[4];
        numbers.Clear();
        numbers[0] = Bytes.Le16(size, 0);
        numbers[1] = Bytes.Le16(size, 2);
        Syscall.Call(CallNumber.Ioctl, master, TIOCSWINSZ, Syscall.AddressOf((ReadOnlySpan<ushort>)numbers));
    }

    /// <summary>
    /// In the new process: a session of its own, whose terminal is the other end. Its descriptor, or −errno.
    /// </summary>
    public static int Take()
    {
        Syscall.Call(CallNumber.SetSid);
        int terminal = Host.Open(s_path, O_RDWR | O_CLOEXEC);
        if (terminal >= 0)
            Syscall.Call(CallNumber.Ioctl, terminal, TIOCSCTTY);
        return terminal;
    }

    /// <summary>The environment with the terminal's type; as it is when there is no memory.</summary>
    public static byte** Environment(byte** environment)
    {
        int count = 0;
        while (environment[count] != null)
            count++;
        byte** all = (byte**)Host.Allocate((count + 2) * sizeof(byte*));
        if (all == null)
            return environment;
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            if (new ReadOnlySpan<byte>(environment[i], 5).SequenceEqual("TERM="u8))
                continue;
            all[kept] = environment[i];
            kept++;
        }
        all[kept] = s_type;
        return all;
    }

    private static void PutPath(uint number)
    {
        ReadOnlySpan<byte> folder = "/dev/pts/"u8;
        folder.CopyTo(new Span<byte>(s_path, MaxPath));
        uint unit = 1;
        while (number / unit >= 10)
            unit *= 10;
        int at = folder.Length;
        for (; unit > 0; unit /= 10)
        {
            s_path[at] = (byte)('0' + number / unit % 10);
            at++;
        }
    }
}
