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

    /// <summary>Action of a signal, 1 to 64.</summary>
    public static SignalAction* Of(SignalActions* actions, int signal) => (SignalAction*)actions->words + (signal - 1);

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

/// <summary>siginfo_t of each pending signal (include/uapi/asm-generic/siginfo.h): two words of the union are enough for all that is sent here.</summary>
public unsafe struct SignalInformation
{
    private fixed ulong words[Signal.Count * 3];

    /// <summary>si_code; si_pid and si_uid, or si_addr; si_status or si_value.</summary>
    public static ulong* Of(SignalInformation* information, int signal) => information->words + (signal - 1) * 3;
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
    private const ulong KillAndStop = 1UL << (Signal.Kill - 1) | 1UL << (Signal.Stop - 1);
    private const ulong StopSignals = 1UL << (Signal.Stop - 1) | 1UL << (Signal.TerminalStop - 1) | 1UL << (Signal.TerminalInput - 1) | 1UL << (Signal.TerminalOutput - 1);

    /// <summary>Signals whose default is to do nothing.</summary>
    private const ulong IgnoredByDefault = 1UL << (Signal.Child - 1) | 1UL << (Signal.Urgent - 1) | 1UL << (Signal.WindowChange - 1) | 1UL << (Signal.Continue - 1);

    /// <summary>Signals whose default reports a core dump.</summary>
    private const ulong Dumping = 1UL << (Signal.Quit - 1) | 1UL << (Signal.IllegalInstruction - 1) | 1UL << (Signal.Trap - 1) | 1UL << (Signal.Abort - 1)
        | 1UL << (Signal.Bus - 1) | 1UL << (Signal.FloatingPoint - 1) | 1UL << (Signal.SegmentationFault - 1) | 1UL << (Signal.CpuLimit - 1)
        | 1UL << (Signal.FileSize - 1) | 1UL << (Signal.BadCall - 1);

    /// <summary>True when the current process has a signal to be delivered: a long loop in the kernel should end with -EINTR.</summary>
    public static bool Pending => (Scheduler.Current->PendingSignals & ~Scheduler.Current->BlockedSignals) != 0;

    /// <summary>Sends from the kernel to one process. Number 1 to 64.</summary>
    public static void Send(Process* process, int signal) => Send(process, signal, SignalCode.Kernel, 0, 0);

    /// <param name="code">si_code.</param>
    /// <param name="first">si_pid | si_uid &lt;&lt; 32, or si_addr.</param>
    /// <param name="second">si_status or si_value.</param>
    public static void Send(Process* process, int signal, int code, ulong first, ulong second)
    {
        if (process->State == ProcessState.Zombie || process->Exiting)
            return;
        ulong bit = 1UL << (signal - 1);
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
        else if ((bit & StopSignals) != 0)
            process->PendingSignals &= ~(1UL << (Signal.Continue - 1));
        if (IsIgnored(process, signal) && (process->BlockedSignals & bit) == 0)
            return;
        if ((process->PendingSignals & bit) == 0)
        {
            ulong* information = SignalInformation.Of(process->Information, signal);
            information[0] = (ulong)(uint)code;
            information[1] = first;
            information[2] = second;
            process->PendingSignals |= bit;
        }
        if ((process->BlockedSignals & bit) == 0 && process->State == ProcessState.Sleeping && !process->Uninterruptible)
            Scheduler.EndSleep(process, WaitResult.Interrupted);
    }

    /// <summary>Sends from the kernel to every process of a group (the terminal's ^C). Returns how many there were.</summary>
    public static int SendGroup(int groupId, int signal)
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
    public static void Fault(Process* process, int signal, int code, ulong address)
    {
        ulong bit = 1UL << (signal - 1);
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

    /// <summary>True for the signals that the process has blocked or ignores: the terminal asks before it stops a background process.</summary>
    public static bool IsBlockedOrIgnored(Process* process, int signal) =>
        (process->BlockedSignals >> (signal - 1) & 1) != 0 || SignalActions.Of(process->Actions, signal)->Handler == SignalAction.Ignore;

    private static bool IsIgnored(Process* process, int signal)
    {
        if ((1UL << (signal - 1) & KillAndStop) != 0)
            return process->Id == 1 && !process->FaultedBlocked;     // init cannot be killed
        ulong handler = SignalActions.Of(process->Actions, signal)->Handler;
        return handler == SignalAction.Ignore
            || handler == SignalAction.Default && ((1UL << (signal - 1) & IgnoredByDefault) != 0 || process->Id == 1 && !process->FaultedBlocked);
    }

    /// <summary>
    /// Blocks another set until the system call in progress is over and its signals are delivered (sigsuspend, ppoll, pselect, epoll_pwait):
    /// the old mask comes back when user mode is entered, after a handler if there is one.
    /// </summary>
    public static void ReplaceMask(ulong mask)
    {
        Process* process = Scheduler.Current;
        process->SavedMask = process->BlockedSignals;
        process->RestoreMask = true;
        process->BlockedSignals = mask & ~KillAndStop;
    }

    /// <summary>Drops pending signals that a new action ignores.</summary>
    internal static void ForgetIgnored(Process* process, int signal)
    {
        if (IsIgnored(process, signal))
            process->PendingSignals &= ~(1UL << (signal - 1));
    }
}

/// <summary>Signal numbers of Linux x86-64.</summary>
public static class Signal
{
    public const int HangUp = 1;
    public const int Interrupt = 2;
    public const int Quit = 3;
    public const int IllegalInstruction = 4;
    public const int Trap = 5;
    public const int Abort = 6;
    public const int Bus = 7;
    public const int FloatingPoint = 8;
    public const int Kill = 9;
    public const int User1 = 10;
    public const int SegmentationFault = 11;
    public const int User2 = 12;
    public const int Pipe = 13;
    public const int Alarm = 14;
    public const int Terminate = 15;
    public const int Child = 17;
    public const int Continue = 18;
    public const int Stop = 19;
    public const int TerminalStop = 20;
    public const int TerminalInput = 21;
    public const int TerminalOutput = 22;
    public const int Urgent = 23;
    public const int CpuLimit = 24;
    public const int FileSize = 25;
    public const int VirtualAlarm = 26;
    public const int Profile = 27;
    public const int WindowChange = 28;
    public const int Io = 29;
    public const int Power = 30;
    public const int BadCall = 31;
    public const int Count = 64;
}
