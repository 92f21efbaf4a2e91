namespace Guestos;

/// <summary>
/// Sending signals (signal(7)). To a process, whose threads share what was sent, or to one thread. Interrupts are off;
/// interrupt handlers may send, too.
/// </summary>
public static unsafe partial class Signals
{
    /// <summary>
    /// Told of every signal that waits from now on; null: nobody asks (signalfd(2)). Called by interrupt handlers, too.
    /// </summary>
    public static delegate*<Signal, void> Noted;

    /// <summary>What nobody can block, catch or ignore.</summary>
    internal static ulong KillAndStop => Signal.Kill.Bit | Signal.Stop.Bit;

    private static ulong StopSignals =>
        Signal.Stop.Bit | Signal.TerminalStop.Bit | Signal.TerminalInput.Bit | Signal.TerminalOutput.Bit;

    /// <summary>Signals whose default is to do nothing.</summary>
    private static ulong IgnoredByDefault =>
        Signal.Child.Bit | Signal.Urgent.Bit | Signal.WindowChange.Bit | Signal.Continue.Bit;

    /// <summary>Signals whose default reports a core dump.</summary>
    private static ulong Dumping =>
        Signal.Quit.Bit | Signal.IllegalInstruction.Bit | Signal.Trap.Bit | Signal.Abort.Bit | Signal.Bus.Bit
        | Signal.FloatingPoint.Bit | Signal.SegmentationFault.Bit | Signal.CpuLimit.Bit | Signal.FileSize.Bit
        | Signal.BadCall.Bit;

    /// <summary>
    /// True when the current thread has a signal to be delivered: a long loop in the kernel should end with -EINTR.
    /// </summary>
    public static bool Pending => IsPending(Thread.Current);

    /// <summary>The same of any thread. One that is to stop for its tracer has something to do, too.</summary>
    internal static bool IsPending(Thread* thread) =>
        Ready(thread) != 0 || thread->Trace.Traps != TraceTraps.None;

    /// <summary>The current process has been killed: it need not finish what it does.</summary>
    public static bool Killed => Thread.Current != null && Signal.Kill.IsIn(Ready(Thread.Current));

    /// <summary>What waits for a thread, sent to it or to its process.</summary>
    public static ulong PendingOf(Thread* thread) => thread->Pending.Set | thread->Process->Pending.Set;

    private static ulong Ready(Thread* thread) => PendingOf(thread) & ~thread->BlockedSignals;

    /// <summary>Sends from the kernel to one process.</summary>
    public static void Send(Process* process, Signal signal) =>
        Send(process, signal, new SignalInformation { Code = SignalCode.Kernel });

    /// <returns>False when a real-time signal could not be kept beside those that wait already.</returns>
    public static bool Send(Process* process, Signal signal, in SignalInformation information) =>
        Send(process, null, signal, information);

    /// <summary>The same to one thread alone (tgkill(2)).</summary>
    public static bool Send(Thread* thread, Signal signal, in SignalInformation information) =>
        Send(thread->Process, thread, signal, information);

    private static bool Send(Process* process, Thread* only, Signal signal, in SignalInformation information)
    {
        if (signal.IsNone || process->Exiting)
            return true;
        if (signal == Signal.Continue || signal == Signal.Kill)
        {
            Forget(process, StopSignals);
            if (process->State == ProcessState.Stopped)
                Resume(process, signal);
            if (signal == Signal.Continue && Tracing.Count > 0)
                TellTracers(process);
        }
        else if (signal.IsIn(StopSignals))
            Forget(process, Signal.Continue.Bit);
        if (IsIgnored(process, signal) && !IsHeldBack(process, only, signal) && !IsTracerTold(process, only, signal))
            return true;
        PendingSignals* pending = only != null ? &only->Pending : &process->Pending;
        bool kept = PendingSignals.Add(pending, process, signal, information);
        if (Noted != null)
            Noted(signal);
        Thread* taker = only != null ? only : TakerOf(process, signal);
        if (taker != null && Accepts(taker, signal)
            && taker->State == ThreadState.Sleeping && !taker->Uninterruptible)
            Scheduler.EndSleep(taker, WaitResult.Interrupted);
        else if (taker != null && signal == Signal.Kill && taker->State == ThreadState.Traced)
            Scheduler.MakeRunnable(taker);
        return kept;
    }

    /// <summary>SIGCONT: tracers that have seized are told of it.</summary>
    private static void TellTracers(Process* process)
    {
        for (Thread* thread = process->FirstThread; thread != null; thread = thread->Next)
            Tracing.Continued(thread);
    }

    /// <summary>Lets a stopped process go on.</summary>
    private static void Resume(Process* process, Signal signal)
    {
        process->State = ProcessState.Live;
        if (signal == Signal.Continue)
            Processes.NotifyParent(process, Processes.ContinuedStatus, SignalCode.Continued, Signal.Continue);
        for (Thread* thread = process->FirstThread; thread != null; thread = thread->Next)
            if (thread->State == ThreadState.Stopped)
                Scheduler.MakeRunnable(thread);
    }

    /// <summary>
    /// Some thread that the signal is for blocks it: then it is kept even where its action is to ignore it. A thread
    /// that waits for a signal without blocking it gets none that is ignored (sigwait(3)).
    /// </summary>
    private static bool IsHeldBack(Process* process, Thread* only, Signal signal)
    {
        for (Thread* thread = process->FirstThread; thread != null; thread = thread->Next)
            if ((only == null || thread == only) && signal.IsIn(thread->BlockedSignals))
                return true;
        return false;
    }

    /// <summary>Tracers are told of what is ignored, too.</summary>
    private static bool IsTracerTold(Process* process, Thread* only, Signal signal)
    {
        Thread* target = only != null ? only : process->FirstThread;
        return target->Trace.Tracer != null && signal != Signal.Kill;
    }

    /// <summary>The thread does not block the signal, or waits for it.</summary>
    private static bool Accepts(Thread* thread, Signal signal) =>
        signal.IsIn(~thread->BlockedSignals | thread->AwaitedSignals);

    /// <summary>The first thread that takes a signal of the process; null while all block it.</summary>
    private static Thread* TakerOf(Process* process, Signal signal)
    {
        Thread* thread = process->FirstThread;
        while (thread != null && (thread->State == ThreadState.Ended || !Accepts(thread, signal)))
            thread = thread->Next;
        return thread;
    }

    /// <summary>
    /// A thread that might have taken what was sent to its process does so no more: those that listen and sleep wake,
    /// and one of them takes it. The others go on with their calls (abi/SystemCallEntry.cs).
    /// </summary>
    internal static void Retarget(Process* process)
    {
        if (process->Pending.Set == 0)
            return;
        for (Thread* thread = process->FirstThread; thread != null; thread = thread->Next)
        {
            bool listens = (process->Pending.Set & (~thread->BlockedSignals | thread->AwaitedSignals)) != 0;
            if (listens && thread->State == ThreadState.Sleeping && !thread->Uninterruptible)
                Scheduler.EndSleep(thread, WaitResult.Interrupted);
        }
    }

    /// <summary>
    /// Takes a signal that waits for a thread out, its siginfo_t into 128 bytes of kernel memory: one of its own before
    /// one of its process.
    /// </summary>
    internal static void Take(Thread* thread, Signal signal, byte* information)
    {
        Process* process = thread->Process;
        PendingSignals* from = signal.IsIn(thread->Pending.Set) ? &thread->Pending : &process->Pending;
        SignalInformation taken = PendingSignals.Take(from, process, signal);
        if (taken.Code == SignalCode.Timer)
            PosixTimers.TellOverrun(process, ref taken);
        WriteInformation(information, signal, taken);
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
            if (process->ProcessGroupId == groupId && process->State != ProcessState.Zombie)
            {
                Send(process, signal);
                count++;
            }
        return count;
    }

    /// <summary>
    /// A fault of the current thread: delivered even if it is blocked or ignored, and then deadly. To the first process
    /// it is deadly in any case: a handler that it has for the signal is not run, unlike on Linux.
    /// </summary>
    public static void Fault(Thread* thread, Signal signal, int code, ulong address)
    {
        Process* process = thread->Process;
        SignalAction* action = SignalActions.Of(process->Actions, signal);
        if (signal.IsIn(thread->BlockedSignals) || action->Handler == SignalAction.Ignore || process->Id == 1)
        {
            thread->BlockedSignals &= ~signal.Bit;
            action->Handler = SignalAction.Default;
            process->FaultedBlocked = true;
        }
        PendingSignals.Forget(&thread->Pending, process, signal.Bit);
        Send(thread, signal, new SignalInformation { Code = code, First = address });
    }

    /// <summary>
    /// True for the signals that the thread has blocked or its process ignores: the terminal asks before it stops a
    /// background process.
    /// </summary>
    public static bool IsBlockedOrIgnored(Thread* thread, Signal signal) =>
        signal.IsIn(thread->BlockedSignals)
        || SignalActions.Of(thread->Process->Actions, signal)->Handler == SignalAction.Ignore;

    private static bool IsIgnored(Process* process, Signal signal)
    {
        bool isProtected = process->Id == 1 && !process->FaultedBlocked;    // init cannot be killed
        if (signal.IsIn(KillAndStop))
            return isProtected;
        ulong handler = SignalActions.Of(process->Actions, signal)->Handler;
        return handler == SignalAction.Ignore
            || handler == SignalAction.Default && (signal.IsIn(IgnoredByDefault) || isProtected);
    }

    /// <summary>
    /// Blocks another set until the system call in progress is over and its signals are delivered (sigsuspend, ppoll,
    /// pselect, epoll_pwait): the old mask comes back when user mode is entered, after a handler if there is one.
    /// </summary>
    public static void ReplaceMask(ulong mask)
    {
        Thread* thread = Thread.Current;
        thread->SavedMask = thread->BlockedSignals;
        thread->RestoreMask = true;
        thread->BlockedSignals = mask & ~KillAndStop;
    }

    /// <summary>Drops pending signals that a new action ignores.</summary>
    internal static void ForgetIgnored(Process* process, Signal signal)
    {
        if (IsIgnored(process, signal))
            Forget(process, signal.Bit);
    }

    /// <summary>Drops these, sent to the process or to one of its threads.</summary>
    private static void Forget(Process* process, ulong signals)
    {
        PendingSignals.Forget(&process->Pending, process, signals);
        for (Thread* thread = process->FirstThread; thread != null; thread = thread->Next)
            PendingSignals.Forget(&thread->Pending, process, signals);
    }
}
