using System;
using System.Linux;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace Plug;

/// <summary>
/// The monitor's process. It finds frames as it likes them, without a header and whole, on descriptor 3, and on
/// descriptor 4 a pipe for its log (<see cref="FaultLog"/>); otherwise it is as this program was started. It dies when
/// this program does.
/// </summary>
internal readonly struct Monitor
{
    // Descriptors of the monitor's process.
    private const int FramesAt = 3;
    private const int LogAt = 4;

    /// <summary>The exit code where the program cannot be run.</summary>
    private const int NotRun = 127;

    /// <summary>The process's number.</summary>
    public int Process { get; private init; }

    /// <summary>A descriptor that is readable when the process has ended.</summary>
    public int End { get; private init; }

    /// <summary>Our end of its frames.</summary>
    public int Frames { get; private init; }

    /// <summary>Our end of its log.</summary>
    public int Log { get; private init; }

    /// <param name="arguments">Ends with null; the first one is the program's path.</param>
    /// <returns>
    /// False when there is no process for it; a program that cannot be run ends at once, and has said why.
    /// </returns>
    public static unsafe bool TryStart(byte** arguments, byte** environment, out Monitor monitor)
    {
        monitor = default;
        Span<int> frames = stackalloc int[2];
        Span<int> log = stackalloc int[2];
        int end = -1;
        if (Call(CallNumber.SocketPair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, AddressOf(frames)) < 0
            || Call(CallNumber.Pipe2, AddressOf(log), O_CLOEXEC | O_NONBLOCK) < 0)
            return false;
        // With CLONE_VFORK the parent goes on when the program runs or the child has given up.
        int parent = Call(CallNumber.GetPid);
        int process = Call(CallNumber.Clone, CLONE_VFORK | CLONE_PIDFD | SIGCHLD, 0, AddressOf(ref end));
        if (process == 0)
        {
            // The parent may have died before this one could be told to die with it.
            if (Call(CallNumber.Prctl, PR_SET_PDEATHSIG, SIGKILL) == 0
                && Call(CallNumber.GetPpid) == parent
                && Call(CallNumber.Dup3, frames[1], FramesAt) >= 0
                && Call(CallNumber.Dup3, log[1], LogAt) >= 0)
                Call(CallNumber.Execve, (nint)arguments[0], (nint)arguments, (nint)environment);
            Syscall.Write(2, "plug: the monitor cannot be run.\n"u8);
            Syscall.Exit(NotRun);
        }
        Syscall.Close(frames[1]);
        Syscall.Close(log[1]);
        monitor = new() { Process = process, End = end, Frames = frames[0], Log = log[0] };
        return process > 0;
    }

    public void Kill() => Call(CallNumber.Kill, Process, SIGKILL);

    /// <summary>Waits for the end of the process: its status as wait(2) has it.</summary>
    public int Wait()
    {
        int status = 0;
        while (Call(CallNumber.Wait4, Process, AddressOf(ref status)) == EINTR)
            continue;
        return status;
    }

    /// <summary>
    /// Ends this program by a signal, as if that had come to it. Returns only where a signal does not end programs.
    /// </summary>
    public static void DieOf(int self, int signal)
    {
        Span<ulong> action = stackalloc ulong[4]; // struct kernel_sigaction: SIG_DFL
        ulong blocked = 0;
        Call(CallNumber.SigAction, signal, AddressOf(action), 0, sizeof(ulong));
        Call(CallNumber.SigProcMask, SIG_SETMASK, AddressOf(ref blocked), 0, sizeof(ulong));
        Call(CallNumber.Kill, self, signal);
    }
}
