using System;

namespace Guestos;

/// <summary>What a thread does.</summary>
public enum ThreadState : byte
{
    Unused,

    /// <summary>It has never run.</summary>
    New,
    Runnable,
    Sleeping,

    /// <summary>Its process has been stopped by a job-control signal.</summary>
    Stopped,

    /// <summary>It never runs again.</summary>
    Ended,

    /// <summary>It stands where its tracer may look at it (<see cref="Tracing"/>).</summary>
    Traced,
}

/// <summary>
/// One thread of control of a process: what the scheduler, a wait queue, a timer of a sleep or a futex knows. What the
/// threads of a process have in common is in <see cref="Guestos.Process"/>. Interrupts are off wherever it is changed.
/// </summary>
public unsafe struct Thread
{
    public const int NameLength = 16;
    public const int KernelStackFrames = 4;

    /// <summary>
    /// The thread that runs or whose system call is being served. Null while idle, in interrupts of an idle machine and
    /// during boot.
    /// </summary>
    public static Thread* Current => (Thread*)LogicalProcessor.Thread;

    /// <summary>
    /// Its place in a wait queue while it sleeps. Comes first: the scheduler knows the thread by it.
    /// </summary>
    internal Waiter Waiter;

    /// <summary>gettid(2). The first thread of a process has the process's.</summary>
    public int Id;
    public ThreadState State;

    /// <summary>Whose it is. Never null.</summary>
    public Process* Process;

    /// <summary>The process's next thread.</summary>
    public Thread* Next;

    /// <summary>The last path component of the program, zero-terminated, or what PR_SET_NAME has said.</summary>
    public fixed byte Name[NameLength];

    public Credentials Credentials;

    // ---- what it runs on ----

    /// <summary>Lowest address of the kernel stack; the word there is a canary.</summary>
    public byte* KernelStack;

    /// <summary>Kernel stack pointer while it does not run.</summary>
    public ulong SavedStackPointer;
    public SegmentBase FsBase;
    public SegmentBase GsBase;

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

    /// <summary>SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH or SCHED_IDLE (sched(7)).</summary>
    public byte Policy;

    /// <summary>SCHED_RESET_ON_FORK: its children have a fair policy, and no nice value below 0.</summary>
    public bool ResetsOnFork;

    /// <summary>Of SCHED_FIFO and SCHED_RR: 1 to 99; 0 of the others.</summary>
    public byte RealTimePriority;

    /// <summary>
    /// The same, or that of a thread which waits for a lock of this one, if that is higher. Whoever has more than 0
    /// runs before all that have less (<see cref="Scheduler.SetPrecedence"/>).
    /// </summary>
    public byte Precedence;

    /// <summary>Nanoseconds that it had of its turn among those of its precedence (SCHED_RR).</summary>
    public ulong TurnUsed;

    /// <summary>ioprio_set(2): class and level, kept and shown, since nothing waits for a disk.</summary>
    public int IoPriority;

    /// <summary>setpriority(2), and what it weighs.</summary>
    public int NiceValue;
    public uint Weight;

    /// <summary>Nanoseconds of processor time in user and kernel mode.</summary>
    public ulong UserTime;
    public ulong KernelTime;

    /// <summary>Nanoseconds of processor time by weight (<see cref="Scheduler"/>).</summary>
    public ulong VirtualTime;
    public Thread* RunNext;
    public Thread* RunPrevious;

    /// <summary>Why the last sleep ended, and the timer that may end it.</summary>
    public WaitResult WaitResult;
    public Timer SleepTimer;

    /// <summary>Sleeps that signals do not end (the parent of vfork).</summary>
    public bool Uninterruptible;

    // ---- signals ----

    /// <summary>Those sent to this thread alone: tkill(2), its own faults.</summary>
    public PendingSignals Pending;
    public ulong BlockedSignals;

    /// <summary>Signals that sigtimedwait waits for: kept and waking although they are blocked or ignored.</summary>
    public ulong AwaitedSignals;

    /// <summary>Mask to restore after the handler that ends sigsuspend, ppoll…</summary>
    public ulong SavedMask;
    public bool RestoreMask;

    /// <summary>sigaltstack(2); a size of 0 for none.</summary>
    public ulong AlternateStack;
    public ulong AlternateStackSize;

    // ---- futexes ----

    /// <summary>Cleared and woken at its end (set_tid_address, CLONE_CHILD_CLEARTID).</summary>
    public UserPointer<uint> ClearThreadId;

    /// <summary>set_robust_list(2); null for none.</summary>
    public UserPointer<Futex.RobustHead> RobustList;

    /// <summary>The word that it sleeps on.</summary>
    public FutexKey FutexKey;
    public uint FutexBits;
    public WaitQueue FutexQueue;
    public bool FutexWoken;
    public FutexKind FutexKind;

    /// <summary>Who came first: lower ones have waited longer.</summary>
    public ulong FutexTicket;

    /// <summary>Whose lock it waits for; null: none.</summary>
    public Thread* LockOwner;

    /// <summary>The lock that it is to wait for, before and after it does (FUTEX_WAIT_REQUEUE_PI).</summary>
    public FutexKey LockKey;

    /// <summary>Where the lock's word is in its own memory.</summary>
    public UserPointer<uint> LockWord;

    /// <summary>It ends: its locks have been given to others, and nobody waits for one of it any more.</summary>
    public bool LocksGiven;

    /// <summary>
    /// The call in progress begins anew after a handler, too, that has not been asked to (ERESTARTNOINTR of Linux).
    /// </summary>
    public bool RestartsAlways;

    /// <summary>
    /// The call in progress has waited with a time limit: a handler ends it, one with SA_RESTART too (signal(7)).
    /// </summary>
    public bool EndsAtHandler;

    // ---- ptrace(2) ----

    public Trace Trace;

    public ReadOnlySpan<byte> NameText
    {
        get
        {
            // SAFETY: threads live in slabs, which do not move.
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
    public readonly ulong StackTop =>
        (ulong)KernelStack + KernelStackFrames * Frames.Size - FloatState.UpperBytes;

    /// <summary>The registers of user mode while it is in the kernel.</summary>
    public readonly TrapFrame* UserFrame => (TrapFrame*)(StackTop - (ulong)sizeof(TrapFrame));
}
