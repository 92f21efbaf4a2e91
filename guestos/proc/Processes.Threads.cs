namespace Guestos;

/// <summary>How the threads of a process begin, stop and end (clone(2), CLONE_THREAD). Interrupts are off.</summary>
public static unsafe partial class Processes
{
    /// <summary>What a thread has in common with its process here, and so must be shared.</summary>
    private const ulong CloneOfThread = CloneVm | CloneFileSystem | CloneFiles | CloneSignalHandlers;

    /// <summary>Another thread of the current process. Returns its id or -errno.</summary>
    private static long AddThread(in Request request)
    {
        Thread* cloner = Thread.Current;
        Process* process = cloner->Process;
        if ((request.Flags & CloneOfThread) != CloneOfThread || request.Has(CloneVfork | ClonePidFile))
            return Errno.EINVAL;
        Thread* thread = ProcessTable.AddThread(process);
        if (thread == null)
            return Errno.EAGAIN;
        InheritThread(cloner, thread, request.Flags);
        Prepare(cloner, thread, request);
        thread->VirtualTime = cloner->VirtualTime;
        int id = thread->Id;
        BeginTracing(cloner, thread, Tracing.EventClone, request);
        Scheduler.MakeRunnable(thread);
        if (process->Exiting || process->Survivor != null)
            End(thread);
        if (!request.Has(CloneUntraced))
            Tracing.Happened(cloner, Tracing.EventClone, (ulong)id);
        return id;
    }

    /// <summary>
    /// exit(2): ends the current thread, and the process with the last one, whose status counts. Does not return.
    /// </summary>
    /// <param name="status">As wait4 reports it.</param>
    public static void ExitThread(int status)
    {
        Thread* thread = Thread.Current;
        Process* process = thread->Process;
        if (process->ThreadCount == 1)
            Exit(status);
        Tracing.Ends(thread, status);
        if (process->ThreadCount == 1)
            Exit(status);
        LeaveProcess(thread, status);
    }

    /// <summary>The current thread is not the last of its process. Does not return.</summary>
    private static void LeaveProcess(Thread* thread, int status)
    {
        Process* process = thread->Process;
        EndThread(thread);
        process->ThreadCount--;
        thread->State = ThreadState.Ended;
        PendingSignals.Forget(&thread->Pending, process, ulong.MaxValue);
        // The first one stays: the process is known by it.
        if (thread != process->FirstThread && !Tracing.StaysForTracer(thread, status))
        {
            Threads.Unlink(thread);
            Threads.FreeLater(thread);
        }
        Signals.Retarget(process);
        if (process->Survivor != null)
            Scheduler.Wake(&process->ThreadEnded);
        Scheduler.Schedule();
        Panic.Stop("an ended thread ran"u8);
    }

    /// <summary>All other threads of the current one's process end on their way to user mode.</summary>
    private static void EndOthers(Thread* except)
    {
        for (Thread* thread = except->Process->FirstThread; thread != null; thread = thread->Next)
            if (thread != except)
                End(thread);
    }

    private static void End(Thread* thread)
    {
        if (thread->State == ThreadState.Ended)
            return;
        PendingSignals.Add(&thread->Pending, thread->Process, Signal.Kill, default);
        if (thread->State == ThreadState.Sleeping && !thread->Uninterruptible)
            Scheduler.EndSleep(thread, WaitResult.Interrupted);
        else if (thread->State is ThreadState.Stopped or ThreadState.Traced)
            Scheduler.MakeRunnable(thread);
    }

    /// <summary>
    /// execve(2): ends all other threads of the process, of which the current one becomes the first. False, and nothing
    /// has changed, when it is being ended itself.
    /// </summary>
    internal static bool KeepOnlyCurrentThread()
    {
        Thread* thread = Thread.Current;
        Process* process = thread->Process;
        if (process->Exiting || process->Survivor != null)
            return false;
        if (process->ThreadCount > 1)
        {
            process->Survivor = thread;
            EndOthers(thread);
            while (process->ThreadCount > 1)
                Scheduler.SleepOn(&process->ThreadEnded);
            process->Survivor = null;
        }
        LeaveMemory(thread);
        ForgetExitSignals(process);
        Thread* first = process->FirstThread;
        if (first == thread)
            return true;
        // Behind the first may be some whose tracers have not waited for their end yet.
        Threads.Unlink(thread);
        thread->Next = first->Next;
        process->FirstThread = thread;
        thread->Id = process->Id;
        Threads.Free(first);
        return true;
    }

    /// <summary>
    /// A program that begins is told of its children's ends by SIGCHLD, and its parent of its own: what clone(2) was
    /// asked for was agreed between the programs before.
    /// </summary>
    private static void ForgetExitSignals(Process* process)
    {
        process->ExitSignal = Signal.Child;
        for (Process* child = ProcessTable.First; child != null; child = child->Next)
            if (child->ParentId == process->Id && child != process)
                child->ExitSignal = Signal.Child;
    }

    /// <summary>
    /// The other threads of a process that stops do so, too, on their way to user mode. Those that sleep sleep on.
    /// </summary>
    private static void StopOthers(Thread* except)
    {
        for (Thread* thread = except->Process->FirstThread; thread != null; thread = thread->Next)
            if (thread != except && thread->State != ThreadState.Ended)
                StopOther(thread);
    }

    private static void StopOther(Thread* thread)
    {
        if (thread->Trace.Tracer != null)
            Tracing.Trap(thread, TraceTraps.Group);
        else
            PendingSignals.Add(&thread->Pending, thread->Process, Signal.Stop, default);
    }

    /// <summary>Stops the current thread until its process goes on.</summary>
    private static void StopThread(Thread* thread)
    {
        if (thread->Trace.Tracer != null)
        {
            Tracing.StopWithGroup(thread);
            return;
        }
        thread->State = ThreadState.Stopped;
        Scheduler.Schedule();
    }
}
