using System;
using System.Linux;
using static System.Linux.Uapi;

namespace Launcher;

/// <summary>
/// A machine's output goes where packetd's does. Where packetd was started by hand that may be a terminal, and whoever
/// has a descriptor of it reads what is typed there, sets its modes, and steers it by what he writes (tty_ioctl(4),
/// console_codes(4)): so a monitor gets /dev/null instead.
/// </summary>
internal static class Output
{
    private const int StandardOutput = 1;
    private const int StandardError = 2;

    // asm-generic/ioctls.h, asm-generic/fcntl.h: the same on x86-64 and arm64.
    private const int TCGETS = 0x5401;
    private const int F_DUPFD_CLOEXEC = 1030;

    /// <summary>struct termios of the kernel, and room.</summary>
    private const int TerminalSize = 64;

    /// <summary>
    /// Descriptors 1 and 2 are no terminal afterwards. False when that cannot be, which has been said.
    /// </summary>
    /// <param name="kept">A copy of the former standard error, closed by execve(2); negative: it is unchanged.</param>
    public static bool LeaveTerminal(out int kept)
    {
        kept = -1;
        bool writes = IsTerminal(StandardOutput);
        bool complains = IsTerminal(StandardError);
        if (!writes && !complains)
            return true;
        ReadOnlySpan<byte> path = "/dev/null\0"u8;
        int code = Syscall.Call(CallNumber.OpenAt, AT_FDCWD, Syscall.AddressOf(path), O_WRONLY | O_CLOEXEC);
        int nowhere = code;
        if (code >= 0 && writes)
            code = Syscall.Call(CallNumber.Dup3, nowhere, StandardOutput);
        if (code >= 0 && complains)
        {
            kept = Syscall.Call(CallNumber.Fcntl, StandardError, F_DUPFD_CLOEXEC);
            code = Syscall.Call(CallNumber.Dup3, nowhere, StandardError);
        }
        if (code < 0)
            Failure.Say(Failure.NotStarted, "cannot keep the monitor from the terminal"u8, ""u8, code);
        return code >= 0;
    }

    /// <summary>Puts the former standard error back, when execve(2) has failed and a sentence has to be said.</summary>
    public static void Return(int kept)
    {
        if (kept >= 0)
            Syscall.Call(CallNumber.Dup3, kept, StandardError);
    }

    private static bool IsTerminal(int descriptor)
    {
        Span<byte> modes = stackalloc byte[TerminalSize];
        return Syscall.Call(CallNumber.Ioctl, descriptor, TCGETS, Syscall.AddressOf<byte>(modes)) == 0;
    }
}
