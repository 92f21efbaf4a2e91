using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct sigaction of one signal (kernel layout).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SignalAction
{
    public const ulong Default = 0, Ignore = 1;
    public const ulong NoChildStop = 1, NoChildWait = 2, Information = 4, OnStack = 0x08000000, Restart = 0x10000000,
        NoDefer = 0x40000000, ResetHandler = 0x80000000, Restorer = 0x04000000;

    public ulong Handler, Flags, RestorerAddress, Mask;
}

/// <summary>The actions of a process, shared by CLONE_SIGHAND.</summary>
public unsafe struct SignalActions
{
    public int References;
    private fixed ulong words[Signal.Count * 4];

    public static SignalAction* Of(SignalActions* actions, Signal signal) => (SignalAction*)actions->words + signal.Index;

    private static Slab<SignalActions> s_slab;

    /// <summary>All default; null without memory.</summary>
    public static SignalActions* Create()
    {
        SignalActions* actions = s_slab.Allocate();
        if (actions != null)
            actions->References = 1;
        return actions;
    }

    public static SignalActions* Fork(SignalActions* from)
    {
        SignalActions* actions = Create();
        if (actions != null)
        {
            *actions = *from;
            actions->References = 1;
        }
        return actions;
    }

    public static void Release(SignalActions* actions)
    {
        if (--actions->References == 0)
            s_slab.Free(actions);
    }
}

/// <summary>
/// siginfo_t of each pending signal (include/uapi/asm-generic/siginfo.h): two words of the union are enough for all
/// that is sent here.
/// </summary>
public unsafe struct SignalInformation
{
    private fixed ulong words[Signal.Count * 3];

    /// <summary>si_code; si_pid and si_uid, or si_addr; si_status or si_value.</summary>
    public static ulong* Of(SignalInformation* information, Signal signal) => information->words + signal.Index * 3;
}

/// <summary>si_code values.</summary>
public static class SignalCode
{
    public const int User = 0, Queue = -1, ThreadKill = -6, Kernel = 0x80;
    public const int NotMapped = 1, NotPermitted = 2;
    public const int Alignment = 1, BeyondFile = 2;
    public const int IllegalOperand = 2, SingleStep = 2;
    public const int IntegerDivide = 1, FloatDivide = 3, FloatOverflow = 4, FloatUnderflow = 5, FloatInexact = 6, FloatInvalid = 7;
    public const int Exited = 1, Killed = 2, Dumped = 3, Stopped = 5, Continued = 6;
}

/// <summary>Sending signals.</summary>
public static unsafe partial class Signals
{
    /// <summary>What nobody can block, catch or ignore.</summary>
    internal static ulong KillAndStop => Signal.Kill.Bit | Signal.Stop.Bit;

    private static ulong StopSignals => Signal.Stop.Bit | Signal.TerminalStop.Bit | Signal.TerminalInput.Bit | Signal.TerminalOutput.Bit;

    /// <summary>Signals whose default is to do nothing.</summary>
    private static ulong IgnoredByDefault => Signal.Child.Bit | Signal.Urgent.Bit | Signal.WindowChange.Bit | Signal.Continue.Bit;

    /// <summary>Signals whose default reports a core dump.</summary>
    private static ulong Dumping => Signal.Quit.Bit | Signal.IllegalInstruction.Bit | Signal.Trap.Bit | Signal.Abort.Bit | Signal.Bus.Bit
        | Signal.FloatingPoint.Bit | Signal.SegmentationFault.Bit | Signal.CpuLimit.Bit | Signal.FileSize.Bit | Signal.BadCall.Bit;

    /// <summary>
    /// True when the current process has a signal to be delivered: a long loop in the kernel should end with -EINTR.
    /// </summary>
    public static bool Pending => Ready(Process.Current) != 0;

    /// <summary>Sends from the kernel to one process.</summary>
    public static void Send(Process* process, Signal signal) => Send(process, signal, SignalCode.Kernel, 0, 0);

    /// <param name="code">si_code.</param>
    /// <param name="first">si_pid | si_uid &lt;&lt; 32, or si_addr.</param>
    /// <param name="second">si_status or si_value.</param>
    /// <returns>False when a real-time signal could not be kept beside those that wait already.</returns>
    public static bool Send(Process* process, Signal signal, int code, ulong first, ulong second)
    {
        if (signal.IsNone || process->State == ProcessState.Zombie || process->Exiting)
            return true;
        ulong bit = signal.Bit;
        if (signal == Signal.Continue || signal == Signal.Kill)
        {
            process->PendingSignals &= ~StopSignals;
            if (process->State == ProcessState.Stopped)
            {
                if (signal == Signal.Continue)
                    Processes.NotifyParent(process, 0xffff, SignalCode.Continued, Signal.Continue);
                Scheduler.MakeRunnable(process);
            }
        }
        else if (signal.IsIn(StopSignals))
            process->PendingSignals &= ~Signal.Continue.Bit;
        if (IsIgnored(process, signal) && !signal.IsIn(process->BlockedSignals | process->AwaitedSignals))
            return true;
        bool kept = true;
        if (!signal.IsIn(process->PendingSignals))
        {
            ulong* information = SignalInformation.Of(process->Information, signal);
            information[0] = (ulong)(uint)code;
            information[1] = first;
            information[2] = second;
            process->PendingSignals |= bit;
        }
        else if (signal.IsRealTime)
            kept = QueuedSignal.Append(process, signal, code, first, second);
        if (signal.IsIn(~process->BlockedSignals | process->AwaitedSignals) && process->State == ProcessState.Sleeping && !process->Uninterruptible)
            Scheduler.EndSleep(process, WaitResult.Interrupted);
        return kept;
    }

    /// <summary>Takes a pending signal out, its siginfo_t into 128 bytes of kernel memory.</summary>
    internal static void Take(Process* process, Signal signal, byte* information)
    {
        WriteInformation(information, process, signal);
        if (!QueuedSignal.Next(process, signal))
            process->PendingSignals &= ~signal.Bit;
        if (signal == Signal.Alarm)
            AlarmTimer.SignalTaken(process);
    }

    /// <summary>
    /// Sends from the kernel to every process of a group (the terminal's ^C). Returns how many there were.
    /// </summary>
    public static int SendGroup(int groupId, Signal signal)
    {
        int count = 0;
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
            if (process->GroupId == groupId && process->State != ProcessState.Zombie)
            {
                Send(process, signal);
                count++;
            }
        return count;
    }

    /// <summary>A fault of the current process: delivered even if it is blocked or ignored, and then deadly.</summary>
    public static void Fault(Process* process, Signal signal, int code, ulong address)
    {
        ulong bit = signal.Bit;
        SignalAction* action = SignalActions.Of(process->Actions, signal);
        if ((process->BlockedSignals & bit) != 0 || action->Handler == SignalAction.Ignore || process->Id == 1)
        {
            process->BlockedSignals &= ~bit;
            action->Handler = SignalAction.Default;
            process->FaultedBlocked = true;
        }
        process->PendingSignals &= ~bit;
        Send(process, signal, code, address, 0);
    }

    /// <summary>The current process has been killed: it need not finish what it does.</summary>
    public static bool Killed => Process.Current != null && Signal.Kill.IsIn(Ready(Process.Current));

    private static ulong Ready(Process* process) => process->PendingSignals & ~process->BlockedSignals;

    /// <summary>
    /// True for the signals that the process has blocked or ignores: the terminal asks before it stops a background
    /// process.
    /// </summary>
    public static bool IsBlockedOrIgnored(Process* process, Signal signal) =>
        signal.IsIn(process->BlockedSignals) || SignalActions.Of(process->Actions, signal)->Handler == SignalAction.Ignore;

    private static bool IsIgnored(Process* process, Signal signal)
    {
        if (signal.IsIn(KillAndStop))
            return process->Id == 1 && !process->FaultedBlocked;     // init cannot be killed
        ulong handler = SignalActions.Of(process->Actions, signal)->Handler;
        return handler == SignalAction.Ignore
            || handler == SignalAction.Default && (signal.IsIn(IgnoredByDefault) || process->Id == 1 && !process->FaultedBlocked);
    }

    /// <summary>
    /// Blocks another set until the system call in progress is over and its signals are delivered (sigsuspend, ppoll,
    /// pselect, epoll_pwait): the old mask comes back when user mode is entered, after a handler if there is one.
    /// </summary>
    public static void ReplaceMask(ulong mask)
    {
        Process* process = Process.Current;
        process->SavedMask = process->BlockedSignals;
        process->RestoreMask = true;
        process->BlockedSignals = mask & ~KillAndStop;
    }

    /// <summary>Drops pending signals that a new action ignores.</summary>
    internal static void ForgetIgnored(Process* process, Signal signal)
    {
        if (!IsIgnored(process, signal))
            return;
        process->PendingSignals &= ~signal.Bit;
        QueuedSignal.Forget(process, signal.Bit);
    }
}
