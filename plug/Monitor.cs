using System;

namespace Plug;

/// <summary>
/// The monitor's process. It finds frames as it likes them, without a header and whole, on descriptor 3, and on descriptor 4 a pipe
/// for its log (<see cref="FaultLog"/>); otherwise it is as this program was started. It dies when this program does.
/// </summary>
internal readonly struct Monitor
{
    private const int CloneVfork = 0x4000, ClonePidfd = 0x1000, SigChild = 17, SigKill = 9, SetParentDeathSignal = 1;
    private const int Unix = 1, SeqPacket = 5, CloseOnExec = 0x80000, NonBlock = 0x800;
    private const int FramesAt = 3, LogAt = 4, SetSignals = 2;

    /// <summary>The exit code where the program cannot be run.</summary>
    private const int NotRun = 127;

    public readonly int Process;

    /// <summary>Descriptors: readable when the process has ended, our end of its frames, our end of its log.</summary>
    public readonly int End, Frames, Log;

    private Monitor(int process, int end, int frames, int log) => (Process, End, Frames, Log) = (process, end, frames, log);

    /// <param name="arguments">Ends with null; the first one is the program's path.</param>
    /// <returns>False when there is no process for it; a program that cannot be run ends at once, and has said why.</returns>
    public static unsafe bool TryStart(byte** arguments, byte** environment, out Monitor monitor)
    {
        monitor = default;
        Span<int> frames = stackalloc int[2], log = stackalloc int[2], end = stackalloc int[2];
        if (Kernel.Do(Call.Socketpair, Unix, SeqPacket | CloseOnExec, 0, Kernel.At(frames)) < 0
            || Kernel.Do(Call.Pipe2, Kernel.At(log), CloseOnExec | NonBlock) < 0)
            return false;
        // With CLONE_VFORK the parent goes on when the program runs or the child has given up.
        int parent = Kernel.Do(Call.GetPid), process = Kernel.Do(Call.Clone, CloneVfork | ClonePidfd | SigChild, 0, Kernel.At(end));
        if (process == 0)
        {
            // Whoever started this process may have died before it could be told to die with it.
            if (Kernel.Do(Call.Prctl, SetParentDeathSignal, SigKill) == 0 && Kernel.Do(Call.GetPpid) == parent
                && Kernel.Do(Call.Dup2, frames[1], FramesAt) >= 0 && Kernel.Do(Call.Dup2, log[1], LogAt) >= 0)
                Kernel.Do(Call.Execve, (nint)arguments[0], (nint)arguments, (nint)environment);
            Kernel.Write(2, "plug: the monitor cannot be run.\n"u8);
            Kernel.Do(Call.ExitGroup, NotRun);
        }
        Kernel.Do(Call.Close, frames[1]);
        Kernel.Do(Call.Close, log[1]);
        monitor = new Monitor(process, end[0], frames[0], log[0]);
        return process > 0;
    }

    public void Kill() => Kernel.Do(Call.Kill, Process, SigKill);

    /// <summary>Waits for the end of the process: its status as wait(2) has it.</summary>
    public int Wait()
    {
        Span<int> status = stackalloc int[1];
        while (Kernel.Do(Call.Wait4, Process, Kernel.At(status)) == Kernel.Interrupted)
            continue;
        return status[0];
    }

    /// <summary>Ends this program by a signal, as if that had come to it. Returns only where a signal does not end programs.</summary>
    public static void DieOf(int self, int signal)
    {
        Span<ulong> standard = stackalloc ulong[4], all = stackalloc ulong[1]; // struct kernel_sigaction: SIG_DFL; no signal in the mask
        Kernel.Do(Call.SigAction, signal, Kernel.At(standard), 0, sizeof(ulong));
        Kernel.Do(Call.SigProcMask, SetSignals, Kernel.At(all), 0, sizeof(ulong));
        Kernel.Do(Call.Kill, self, signal);
    }
}
