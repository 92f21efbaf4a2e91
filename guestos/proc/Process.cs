using System;

namespace Guestos;

public enum ProcessState : byte
{
    Unused,

    /// <summary>Being built by fork.</summary>
    New,
    Runnable,
    Sleeping,

    /// <summary>By a job-control signal.</summary>
    Stopped,

    /// <summary>Ended, not yet waited for: only the exit status is left.</summary>
    Zombie,
}

/// <summary>One process (one thread of control).</summary>
public unsafe struct Process
{
    public const int NameLength = 16;
    public const int KernelStackFrames = 4;

    /// <summary>
    /// The process that runs or whose system call is being served. Null while idle, in interrupts of an idle machine
    /// and during boot.
    /// </summary>
    public static Process* Current => Scheduler.Current;

    /// <summary>
    /// Its place in a wait queue while it sleeps. Comes first: the scheduler knows the process by it.
    /// </summary>
    internal Waiter Waiter;

    public int Id;

    /// <summary>Equal to <see cref="Id"/> except in further threads.</summary>
    public int ThreadGroupId;
    public int ParentId;
    public int GroupId;
    public int SessionId;
    public ProcessState State;

    /// <summary>It has called execve since fork (setpgid refuses it then).</summary>
    public bool HasExecuted;
    public bool KilledForMemory;

    /// <summary>Sleeps that signals do not end (the parent of vfork).</summary>
    public bool Uninterruptible;

    /// <summary>It is ending: no more signals.</summary>
    public bool Exiting;

    /// <summary>A fault hit while its signal was blocked or ignored: it ends even init.</summary>
    public bool FaultedBlocked;

    /// <summary>Null in a zombie.</summary>
    public AddressSpace* Space;

    public ProcessFiles Files;
    public uint Umask;

    /// <summary>
    /// Real, effective and saved user and group (credentials(7)); files ask for the effective ones (<see
    /// cref="FileRights"/>).
    /// </summary>
    public uint UserId, EffectiveUserId, SavedUserId, GroupIdReal, EffectiveGroupId, SavedGroupId;

    public SupplementaryGroups Groups;

    /// <summary>PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS.</summary>
    public bool IsUndumpable, NoNewPrivileges;

    /// <summary>SCHED_OTHER, SCHED_BATCH or SCHED_IDLE.</summary>
    public byte Policy;

    /// <summary>set_robust_list(2); null for none.</summary>
    public UserPointer<Futex.RobustHead> RobustList;

    /// <summary>The last path component of the program, zero-terminated (PR_SET_NAME).</summary>
    public fixed byte Name[NameLength];

    /// <summary>Nanoseconds of processor time in user and kernel mode, own and of waited-for children.</summary>
    public ulong UserTime, KernelTime, ChildrenUserTime, ChildrenKernelTime;

    /// <summary>Page faults answered, own and of waited-for children; the same of context switches.</summary>
    public ulong Faults, ChildrenFaults;
    public ulong VoluntarySwitches, InvoluntarySwitches;

    /// <summary><see cref="Clock.Monotonic"/> at the start.</summary>
    public ulong StartTime;

    /// <summary>As wait4 reports it: exit code in bits 8–15, or the signal in bits 0–6.</summary>
    public int ExitStatus;

    /// <summary>Sent to the parent at the end.</summary>
    public Signal ExitSignal;

    /// <summary>Sent to this process when its parent ends (PR_SET_PDEATHSIG).</summary>
    public Signal DeathSignal;

    /// <summary>
    /// Of a stopped or continued process: what the parent has not been told yet (wait4 status), 0 for nothing.
    /// </summary>
    public int StopStatus;

    /// <summary>
    /// The system call in progress; negative when it has replaced the registers (execve, rt_sigreturn) or there is
    /// none.
    /// </summary>
    public long CurrentCall;

    /// <summary>When the time limit of the call in progress ends.</summary>
    public ulong CallDeadline;

    /// <summary>
    /// The next system call is the last one again, which a signal without a handler had ended: its time limit goes on.
    /// </summary>
    public bool Restarted;

    // ---- scheduling ----

    /// <summary>Lowest address of the kernel stack; its last word is a canary.</summary>
    public byte* KernelStack;

    /// <summary>Kernel stack pointer while it does not run.</summary>
    public ulong SavedStackPointer;
    public SegmentBase FsBase, GsBase;

    /// <summary>Nanoseconds of processor time by weight (<see cref="Scheduler"/>).</summary>
    public ulong VirtualTime;

    /// <summary>setpriority(2), and what it weighs.</summary>
    public int NiceValue;
    public uint Weight;

    /// <summary>Seconds of processor time at which SIGXCPU comes again.</summary>
    public ulong NextProcessorWarning;

    public ResourceLimits Limits;
    public Process* RunNext, RunPrevious;

    /// <summary>The queue it sleeps on, and its neighbours there.</summary>
    public WaitResult WaitResult;
    public Timer SleepTimer;

    // ---- family ----

    /// <summary>All processes, by ascending id.</summary>
    public Process* Next, Previous;

    /// <summary>Woken when a child changes state.</summary>
    public WaitQueue ChildChanged;

    /// <summary>Woken when a vfork child has let go of the parent's memory.</summary>
    public WaitQueue VforkDone;
    public bool SharesParentSpace;

    // ---- signals ----

    public ulong PendingSignals, BlockedSignals;

    /// <summary>Signals that sigtimedwait waits for: kept and waking although they are blocked or ignored.</summary>
    public ulong AwaitedSignals;

    /// <summary>Further real-time signals, oldest first.</summary>
    public QueuedSignal* Queued;
    public int QueuedCount;

    /// <summary>Mask to restore after the handler that ends sigsuspend, ppoll…</summary>
    public ulong SavedMask;
    public bool RestoreMask;
    public SignalActions* Actions;
    public SignalInformation* Information;
    public ulong AlternateStack, AlternateStackSize;
    public uint AlternateStackFlags;
    public Timer Alarm;
    public ulong AlarmInterval;

    /// <summary>Cleared and woken at exit (set_tid_address, CLONE_CHILD_CLEARTID).</summary>
    public UserPointer<uint> ClearThreadId;

    /// <summary>The word that this process sleeps on in futex.</summary>
    public FutexKey FutexKey;
    public uint FutexBits;
    public WaitQueue FutexQueue;
    public bool FutexWoken;

    public ReadOnlySpan<byte> NameText
    {
        get
        {
            // SAFETY: processes live in slabs, which do not move.
            fixed (byte* name = Name)
            {
                int length = 0;
                while (length < NameLength - 1 && name[length] != 0)
                    length++;
                return new ReadOnlySpan<byte>(name, length);
            }
        }
    }

    /// <summary>Top of the kernel stack.</summary>
    public readonly ulong StackTop => (ulong)KernelStack + KernelStackFrames * Frames.Size;

    /// <summary>The registers of user mode while it is in the kernel.</summary>
    public readonly TrapFrame* UserFrame => (TrapFrame*)(StackTop - (ulong)sizeof(TrapFrame));
}
