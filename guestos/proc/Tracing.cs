using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// Threads that others stop, look at and change (ptrace(2)). A stop is a sleep on the way to user mode, or at the
/// beginning or end of a system call; the tracer ends it, SIGKILL, or the tracer's own end. All of it is ordinary state
/// of threads, so it moves with the machine. Interrupts are off.
/// </summary>
public static unsafe class Tracing
{
    // PTRACE_O_… and PTRACE_EVENT_… (include/uapi/linux/ptrace.h): option 1 << event lets the event happen.
    public const uint MarkSystemCalls = 1;
    public const uint ExitKill = 1 << 20;
    public const uint KnownOptions = 0xff | ExitKill;
    public const int EventFork = 1;
    public const int EventVfork = 2;
    public const int EventClone = 3;
    public const int EventExecute = 4;
    public const int EventVforkDone = 5;
    public const int EventExit = 6;
    public const int EventStop = 128;

    private const int MarkedTrap = 0x80;

    /// <summary>PTRACE_EVENTMSG_SYSCALL_ENTRY and _EXIT.</summary>
    private const ulong EntryMessage = 1;
    private const ulong ExitMessage = 2;

    /// <summary>Threads that are traced; wait(2) need not look for any while there are none.</summary>
    public static int Count;

    public static Process* TracerOf(Thread* thread) =>
        thread->Trace.Tracer != null ? thread->Trace.Tracer->Process : null;

    /// <summary>TracerPid of /proc/PID/status.</summary>
    public static int TracerIdOf(Thread* thread) => thread->Trace.Tracer != null ? thread->Trace.Tracer->Id : 0;

    // ---- attaching ----

    /// <summary>PTRACE_TRACEME: 0 or EPERM.</summary>
    public static long TraceMe()
    {
        Thread* thread = Thread.Current;
        Process* parent = ProcessTable.Find(thread->Process->ParentId);
        Thread* tracer = parent != null && !parent->Exiting ? FirstLive(parent) : null;
        if (thread->Trace.Tracer != null || tracer == null || tracer->Process == thread->Process)
            return Errno.EPERM;
        Link(thread, tracer, false, 0);
        return 0;
    }

    /// <summary>The thread that has forked the current process, or another of the parent.</summary>
    private static Thread* FirstLive(Process* parent)
    {
        Thread* first = null;
        for (Thread* thread = parent->FirstThread; thread != null; thread = thread->Next)
        {
            if (thread->State == ThreadState.Ended || thread->LocksGiven)
                continue;
            if (first == null || thread->Id == Process.Current->ParentThreadId)
                first = thread;
        }
        return first;
    }

    /// <summary>PTRACE_ATTACH and PTRACE_SEIZE: 0 or EPERM.</summary>
    public static long Attach(Thread* thread, bool seize, uint options)
    {
        Thread* tracer = Thread.Current;
        Process* process = thread->Process;
        if (process == tracer->Process || process->Exiting || thread->State == ThreadState.Ended
            || thread->Trace.Tracer != null || !Permissions.MayTrace(tracer, thread))
            return Errno.EPERM;
        Link(thread, tracer, seize, options);
        bool isStopped = thread->State == ThreadState.Stopped;
        if (!seize)
            Signals.Send(thread, Signal.Stop, new SignalInformation { Code = SignalCode.Kernel });
        if (isStopped)
        {
            thread->Trace.Traps |= TraceTraps.Group;
            Scheduler.MakeRunnable(thread);
        }
        return 0;
    }

    /// <summary>
    /// execve(2) grants what set-id bits and file capabilities give only if no tracer lacks CAP_SYS_PTRACE.
    /// </summary>
    public static bool MayGainRights(Process* process)
    {
        for (Thread* thread = process->FirstThread; thread != null; thread = thread->Next)
            if (thread->Trace.Tracer != null
                && !thread->Trace.Tracer->Credentials.Capabilities.Has(Capability.SYS_PTRACE))
                return false;
        return true;
    }

    private static void Link(Thread* thread, Thread* tracer, bool isSeized, uint options)
    {
        thread->Trace = default;
        thread->Trace.Tracer = tracer;
        thread->Trace.IsSeized = isSeized;
        thread->Trace.Options = options;
        Count++;
    }

    private static void Unlink(Thread* thread)
    {
        RemoveTrapFlag(thread);
        // A system call that it stands at the beginning of goes on.
        thread->Trace = new Trace { Stop = thread->Trace.Stop, Number = thread->Trace.Number };
        Count--;
    }

    /// <summary>The thread is freed, traced or not.</summary>
    internal static void Forget(Thread* thread)
    {
        if (thread->Trace.Tracer != null)
            Unlink(thread);
    }

    /// <summary>
    /// A new thread or process begins: with the tracer of who has made it, if that is to be so. It stops before its
    /// first instruction.
    /// </summary>
    internal static void Begin(Thread* maker, Thread* made, int happening, bool isAsked)
    {
        Trace* trace = &maker->Trace;
        if (trace->Tracer == null || !isAsked && !IsWanted(maker, happening))
            return;
        Link(made, trace->Tracer, trace->IsSeized, trace->Options);
        if (trace->IsSeized)
            made->Trace.Traps = TraceTraps.Interrupt;
        else
            PendingSignals.Add(&made->Pending, made->Process, Signal.Stop, default);
    }

    // ---- going on ----

    /// <summary>PTRACE_CONT and its relatives, of a stopped thread.</summary>
    public static void Resume(Thread* thread, TraceMode mode, Signal signal)
    {
        Trace* trace = &thread->Trace;
        trace->Mode = mode;
        trace->Injected = (ulong)signal.Number;
        trace->IsUnreported = false;
        if (mode == TraceMode.Step && (thread->UserFrame->Flags & FlagsRegister.Trap) == 0)
        {
            thread->UserFrame->Flags |= FlagsRegister.Trap;
            trace->IsTrapFlagOurs = true;
        }
        Scheduler.MakeRunnable(thread);
    }

    /// <summary>PTRACE_DETACH, of a stopped thread.</summary>
    public static void Detach(Thread* thread, Signal signal)
    {
        Unlink(thread);
        thread->Trace.Injected = (ulong)signal.Number;
        LetGo(thread);
    }

    /// <summary>One that stands in a stop goes on without a tracer, unless its process has stopped.</summary>
    private static void LetGo(Thread* thread)
    {
        if (thread->State != ThreadState.Traced)
            return;
        if (thread->Process->State == ProcessState.Stopped)
            thread->State = ThreadState.Stopped;
        else
            Scheduler.MakeRunnable(thread);
    }

    /// <summary>PTRACE_INTERRUPT: it stops soon, wherever it is.</summary>
    public static void Interrupt(Thread* thread) => Trap(thread, TraceTraps.Interrupt);

    /// <summary>PTRACE_LISTEN.</summary>
    public static void Listen(Thread* thread)
    {
        thread->Trace.IsListening = true;
        if ((thread->Trace.Traps & TraceTraps.Continued) != 0)
            Trap(thread, TraceTraps.Continued);
    }

    /// <summary>It is to stop for this on its way to user mode, where it is on at once.</summary>
    internal static void Trap(Thread* thread, TraceTraps what)
    {
        thread->Trace.Traps |= what;
        if (thread->State == ThreadState.Sleeping && !thread->Uninterruptible)
            Scheduler.EndSleep(thread, WaitResult.Interrupted);
        if (!thread->Trace.IsListening)
            return;
        thread->Trace.IsListening = false;
        Scheduler.MakeRunnable(thread);
    }

    /// <summary>SIGCONT to its process.</summary>
    internal static void Continued(Thread* thread)
    {
        if (thread->Trace.Tracer != null && thread->Trace.IsSeized && thread->State != ThreadState.Ended)
            Trap(thread, TraceTraps.Continued);
    }

    // ---- stops of the current thread ----

    /// <summary>On the way to user mode: what <see cref="Trap(Thread*, TraceTraps)"/> has asked for.</summary>
    internal static void RunTraps(Thread* thread)
    {
        Trace* trace = &thread->Trace;
        bool isStopped = thread->Process->State == ProcessState.Stopped;
        trace->Traps = TraceTraps.None;
        if (trace->Tracer == null)
            return;
        if (trace->IsSeized)
        {
            Signal signal = isStopped ? thread->Process->StopSignal : Signal.Trap;
            Stop(thread, TraceStop.Event, signal.Number | EventStop << 8);
        }
        else if (isStopped)
            Stop(thread, TraceStop.Group, thread->Process->StopSignal.Number);
    }

    /// <summary>Its process has just been stopped by it, or has been.</summary>
    internal static void StopWithGroup(Thread* thread)
    {
        thread->Trace.Traps |= TraceTraps.Group;
        RunTraps(thread);
    }

    /// <summary>
    /// A signal is about to be delivered: which one is to be instead, with a siginfo_t of 128 bytes. None: it is not.
    /// </summary>
    internal static Signal StopForSignal(Thread* thread, Signal signal, byte* information)
    {
        Trace* trace = &thread->Trace;
        Unsafe.CopyBlock(trace->Information, information, Trace.InformationLength);
        trace->HasInformation = true;
        Stop(thread, TraceStop.Signal, signal.Number);
        if (Signals.Killed || !Signal.TryMake(trace->Injected, out Signal next))
            return Signal.None;
        if (next != signal)
        {
            Process* tracer = TracerOf(thread);
            Unsafe.InitBlock(trace->Information, 0, Trace.InformationLength);
            *(int*)trace->Information = next.Number;
            if (tracer != null)
                *(ulong*)(trace->Information + 16) =
                    (ulong)(uint)tracer->Id | (ulong)tracer->Credentials.RealUserId << 32;
        }
        Unsafe.CopyBlock(information, trace->Information, Trace.InformationLength);
        return next;
    }

    /// <summary>A system call begins, or has ended: its tracer is told if it is to be.</summary>
    internal static void StopAtSystemCall(Thread* thread, bool isEntry)
    {
        if (thread->Trace.Tracer == null || thread->Trace.Mode != TraceMode.SystemCall)
            return;
        bool isMarked = (thread->Trace.Options & MarkSystemCalls) != 0;
        thread->Trace.Message = isEntry ? EntryMessage : ExitMessage;
        TraceStop stop = isEntry ? TraceStop.SystemCallEntry : TraceStop.SystemCallExit;
        Stop(thread, stop, Signal.Trap.Number | (isMarked ? MarkedTrap : 0));
        if (Signal.TryMake(thread->Trace.Injected, out Signal signal))
            Signals.Send(thread, signal, new SignalInformation { Code = SignalCode.Kernel });
    }

    /// <summary>A single step over a system call ends behind it.</summary>
    internal static void EndStepAtSystemCall(Thread* thread)
    {
        if (thread->Trace.Tracer == null || thread->Trace.Mode != TraceMode.Step)
            return;
        RemoveTrapFlag(thread);
        var information = new SignalInformation { Code = SignalCode.Breakpoint, First = thread->UserFrame->Rip };
        Signals.Send(thread, Signal.Trap, information);
    }

    /// <summary>A single step has led into a signal handler, and ends before its first instruction.</summary>
    internal static void EndStepAtHandler(Thread* thread)
    {
        if (thread->Trace.Tracer != null && thread->Trace.Mode == TraceMode.Step)
            Stop(thread, TraceStop.Event, Signal.Trap.Number);
    }

    internal static bool IsWanted(Thread* thread, int happening) =>
        thread->Trace.Tracer != null && (thread->Trace.Options >> happening & 1) != 0;

    /// <summary>PTRACE_EVENT_…, if the tracer has asked for it.</summary>
    internal static void Happened(Thread* thread, int happening, ulong message)
    {
        if (!IsWanted(thread, happening))
            return;
        thread->Trace.Message = message;
        Stop(thread, TraceStop.Event, Signal.Trap.Number | happening << 8);
    }

    /// <summary>The current thread is about to end by itself. One that is being killed does not stop for it.</summary>
    internal static void Ends(Thread* thread, int status)
    {
        if (thread->Process->Exiting || (status & 0x7f) == Signal.Kill.Number)
            return;
        Happened(thread, EventExit, (ulong)(uint)status);
        thread->Trace.Options &= ~(1u << EventExit);
    }

    /// <summary>execve(2) has succeeded.</summary>
    internal static void Executed(Thread* thread, int formerId)
    {
        if (thread->Trace.Tracer == null)
            return;
        if (IsWanted(thread, EventExecute))
            Happened(thread, EventExecute, (ulong)formerId);
        else if (!thread->Trace.IsSeized)
            Signals.Send(thread, Signal.Trap, SignalInformation.About(thread->Process, SignalCode.User, 0));
    }

    /// <summary>
    /// Stands until the tracer lets it go on. Not at all when it has been killed. Its information, unless there is one
    /// already, is made of the code.
    /// </summary>
    private static void Stop(Thread* thread, TraceStop stop, int code)
    {
        Trace* trace = &thread->Trace;
        trace->Injected = 0;
        if (!Signals.Killed)
        {
            RemoveTrapFlag(thread);
            if (stop is not (TraceStop.Signal or TraceStop.Group))
                Describe(thread, code);
            trace->Traps &= ~TraceTraps.Interrupt;
            trace->Stop = stop;
            trace->Code = code;
            trace->IsUnreported = true;
            thread->State = ThreadState.Traced;
            Tell(thread, new SignalInformation { Code = SignalCode.Trapped, Second = (ulong)(uint)code });
            Scheduler.Schedule();
        }
        trace->Stop = TraceStop.None;
        trace->HasInformation = false;
        trace->IsListening = false;
        if (Signals.Killed)
            trace->Injected = 0;
    }

    private static void Describe(Thread* thread, int code)
    {
        Trace* trace = &thread->Trace;
        Unsafe.InitBlock(trace->Information, 0, Trace.InformationLength);
        *(int*)trace->Information = code & 0x7f;
        *(int*)(trace->Information + 8) = code;
        *(ulong*)(trace->Information + 16) =
            (ulong)(uint)thread->Id | (ulong)thread->Credentials.RealUserId << 32;
        trace->HasInformation = true;
    }

    internal static void RemoveTrapFlag(Thread* thread)
    {
        if (!thread->Trace.IsTrapFlagOurs)
            return;
        thread->Trace.IsTrapFlagOurs = false;
        thread->UserFrame->Flags &= ~FlagsRegister.Trap;
    }

    /// <summary>SIGCHLD to the tracer, which may be waiting for it.</summary>
    private static void Tell(Thread* thread, SignalInformation information)
    {
        Process* tracer = TracerOf(thread);
        if (tracer->Actions == null)
            return;
        information.First = (ulong)(uint)thread->Id | (ulong)thread->Credentials.RealUserId << 32;
        SignalAction* action = SignalActions.Of(tracer->Actions, Signal.Child);
        if (information.Code != SignalCode.Trapped || (action->Flags & SignalAction.NoChildStop) == 0)
            Signals.Send(tracer, Signal.Child, information);
        Scheduler.Wake(&tracer->ChildChanged);
    }

    // ---- ends ----

    /// <summary>
    /// The current thread ends: those that it traces are left alone, or killed where that was asked for
    /// (PTRACE_O_EXITKILL).
    /// </summary>
    internal static void TracerEnds(Thread* tracer)
    {
        if (Count == 0)
            return;
        Thread* thread = TraceeOf(tracer);
        while (thread != null)
        {
            bool isKilled = (thread->Trace.Options & ExitKill) != 0;
            bool isParent = thread->Process->ParentId == tracer->Process->Id;
            Unlink(thread);
            if (thread->State == ThreadState.Ended)
                EndedUntraced(thread, isParent);
            else if (isKilled)
                Signals.Send(thread->Process, Signal.Kill);
            LetGo(thread);
            Preemption.Point();
            thread = TraceeOf(tracer);
        }
    }

    private static Thread* TraceeOf(Thread* tracer)
    {
        Thread* thread = Threads.First;
        while (thread != null && thread->Trace.Tracer != tracer)
            thread = Threads.After(thread);
        return thread;
    }

    /// <summary>An ended thread has no tracer any more: it goes, or its process is its parent's to wait for.</summary>
    private static void EndedUntraced(Thread* thread, bool isParentTold)
    {
        Process* process = thread->Process;
        if (thread != process->FirstThread)
        {
            Threads.Unlink(thread);
            Threads.FreeLater(thread);
            WakeParent(process);
        }
        else if (process->State == ProcessState.Zombie && !isParentTold)
            Processes.TellParentOfEnd(process);
    }

    /// <summary>A zombie may be waited for now.</summary>
    private static void WakeParent(Process* process)
    {
        Process* parent = ProcessTable.Find(process->ParentId);
        if (process->State == ProcessState.Zombie && parent != null)
            Scheduler.Wake(&parent->ChildChanged);
    }

    /// <summary>
    /// The current thread, not the first of its process, ends with this status. True: it stays until its tracer has
    /// waited for it.
    /// </summary>
    internal static bool StaysForTracer(Thread* thread, int status)
    {
        if (thread->Trace.Tracer == null)
            return false;
        thread->Trace.Code = status;
        thread->Trace.IsUnreported = true;
        Tell(thread, Processes.EndOf(thread->Process, status));
        return true;
    }

    /// <summary>
    /// A process has ended: whether its parent is to be told. Its tracer is told first, if that is another process.
    /// </summary>
    internal static bool IsParentTold(Process* process)
    {
        Process* tracer = TracerOf(process->FirstThread);
        if (tracer == null || tracer->Id == process->ParentId)
            return true;
        Tell(process->FirstThread, Processes.EndOf(process, process->ExitStatus));
        return false;
    }

    /// <summary>Another of its threads has ended, and its tracer has not waited for it.</summary>
    public static bool HasEndedTracee(Process* process)
    {
        if (Count == 0)
            return false;
        for (Thread* thread = process->FirstThread->Next; thread != null; thread = thread->Next)
            if (thread->Trace.Tracer != null)
                return true;
        return false;
    }

    /// <summary>The tracer has waited for the end of a thread that is not the first of its process.</summary>
    public static void Reap(Thread* thread)
    {
        Process* process = thread->Process;
        Unlink(thread);
        Threads.Unlink(thread);
        Threads.Free(thread);
        WakeParent(process);
    }

    /// <summary>The tracer has waited for the end of another's child: its parent is told now.</summary>
    public static void ReapProcess(Process* process)
    {
        Unlink(process->FirstThread);
        Processes.TellParentOfEnd(process);
    }
}
