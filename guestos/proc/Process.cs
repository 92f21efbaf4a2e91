using System;

namespace Guestos;

public enum ProcessState : byte
{
    /// <summary>Its threads run or sleep.</summary>
    Live,

    /// <summary>By a job-control signal.</summary>
    Stopped,

    /// <summary>Ended, not yet waited for: only the exit status and what it has used are left.</summary>
    Zombie,
}

/// <summary>
/// A process: what its threads have in common (a thread group of Linux). wait4(2), kill(2) and /proc name it; what runs
/// is a <see cref="Thread"/>. Interrupts are off wherever it is changed.
/// </summary>
public unsafe struct Process
{
    /// <summary>Whose thread runs or has its system call served; null as <see cref="Thread.Current"/> is.</summary>
    public static Process* Current
    {
        get
        {
            Thread* thread = Thread.Current;
            return thread != null ? thread->Process : null;
        }
    }

    public int Id;
    public int ParentId;
    public int ProcessGroupId;
    public int SessionId;
    public ProcessState State;

    /// <summary>
    /// Its threads, linked by <see cref="Thread.Next"/>. The first has the process's id and stays until the process is
    /// freed, when it has ended itself, too. Never null.
    /// </summary>
    public Thread* FirstThread;

    /// <summary>Those of them that have not ended; of a zombie the last is counted.</summary>
    public int ThreadCount;

    /// <summary>
    /// The thread that waits in execve(2) for the end of all others (<see cref="ThreadEnded"/>); else null.
    /// </summary>
    public Thread* Survivor;
    public WaitQueue ThreadEnded;

    /// <summary>It has called execve since fork (setpgid refuses it then).</summary>
    public bool HasExecuted;
    public bool KilledForMemory;

    /// <summary>It is ending or has ended: no more signals.</summary>
    public bool Exiting;

    /// <summary>A fault hit while its signal was blocked or ignored: it ends even init.</summary>
    public bool FaultedBlocked;

    /// <summary>Null in a zombie.</summary>
    public AddressSpace* Space;

    public ProcessFiles Files;
    public uint Umask;

    // ---- identity ----

    /// <summary>personality(2): kept and shown.</summary>
    public uint Personality;

    /// <summary>Its program has rights that who started it has not (AT_SECURE of getauxval(3)).</summary>
    public bool RunsSecurely;

    /// <summary>PR_SET_DUMPABLE.</summary>
    public bool IsUndumpable;

    /// <summary>PR_SET_CHILD_SUBREAPER: orphans among its descendants become its children.</summary>
    public bool AdoptsOrphans;

    // ---- accounting, of all its threads ----

    /// <summary>Nanoseconds of processor time in user and kernel mode, own and of waited-for children.</summary>
    public ulong UserTime;
    public ulong KernelTime;
    public ulong ChildrenUserTime;
    public ulong ChildrenKernelTime;

    /// <summary>Page faults met, own and of waited-for children; the same of context switches.</summary>
    public ulong Faults;
    public ulong ChildrenFaults;
    public ulong VoluntarySwitches;
    public ulong InvoluntarySwitches;

    /// <summary><see cref="Clock.Monotonic"/> at the start.</summary>
    public ulong StartTime;
    public ResourceLimits Limits;

    /// <summary>Seconds of processor time at which SIGXCPU comes again.</summary>
    public ulong NextProcessorWarning;

    /// <summary>What its end takes back of System V semaphores; the file layer's (fs/ipc).</summary>
    public void* SemaphoreUndo;

    // ---- family ----

    /// <summary>All processes, by ascending id.</summary>
    public Process* Next;
    public Process* Previous;

    /// <summary>As wait4 reports it: exit code in bits 8–15, or the signal in bits 0–6.</summary>
    public int ExitStatus;

    /// <summary>
    /// Of a stopped or continued process: what the parent has not been told yet (wait4 status), 0 for nothing.
    /// </summary>
    public int StopStatus;

    /// <summary>By which it has been stopped last.</summary>
    public Signal StopSignal;

    /// <summary>The thread that has forked it.</summary>
    public int ParentThreadId;

    /// <summary>Sent to the parent at the end.</summary>
    public Signal ExitSignal;

    /// <summary>Sent to this process when its parent ends (PR_SET_PDEATHSIG).</summary>
    public Signal DeathSignal;

    /// <summary>Woken when a child changes state.</summary>
    public WaitQueue ChildChanged;

    /// <summary>Woken when a vfork child has let go of the parent's memory.</summary>
    public WaitQueue VforkDone;
    public bool SharesParentSpace;

    // ---- signals ----

    /// <summary>Those sent to the process: any thread that does not block one may take it.</summary>
    public PendingSignals Pending;

    /// <summary>What <see cref="PendingSignals"/> keep of this process and its threads (RLIMIT_SIGPENDING).</summary>
    public int QueuedSignals;

    /// <summary>Null in a zombie.</summary>
    public SignalActions* Actions;
    public Timer Alarm;
    public ulong AlarmInterval;

    /// <summary>ITIMER_VIRTUAL and ITIMER_PROF.</summary>
    public ProcessorTimer Virtual;
    public ProcessorTimer Profile;

    /// <summary>Those of timer_create(2), by ascending id.</summary>
    public PosixTimer* FirstTimer;
    public int TimerCount;

    /// <summary>Some timer follows its processor time: its quanta end although nobody else waits.</summary>
    public bool FollowsProcessorTime;

    /// <summary>Who it is to others: the first thread's.</summary>
    public readonly ref Credentials Credentials => ref FirstThread->Credentials;

    /// <summary>The first thread's.</summary>
    public readonly ReadOnlySpan<byte> NameText => FirstThread->NameText;
}
