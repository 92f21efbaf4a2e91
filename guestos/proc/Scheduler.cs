using System.Runtime.CompilerServices;
using Board;

namespace Guestos;

/// <summary>
/// Who runs. One processor; the kernel is never preempted, user mode is, by the timer. A process's virtual time is the
/// processor time that it had, divided by its weight; whoever has the least runs next, for a quantum. So everybody gets
/// his share, and who has slept is served at once.
/// </summary>
public static unsafe class Scheduler
{
    public const ulong Quantum = 10_000_000;

    /// <summary>
    /// How far behind the others a process may be when it wakes: what it may run at once, before it takes turns with
    /// them.
    /// </summary>
    private const ulong SleeperCredit = Quantum;

    /// <summary>A process that wakes takes the processor from one that is ahead of it by this much.</summary>
    private const ulong Granularity = 1_000_000;
    private const uint FsBaseRegister = 0xc0000100, GsBaseRegister = 0xc0000101;

    /// <summary>The process that runs or whose system call is being served. Null while idle and during boot.</summary>
    public static Process* Current;

    /// <summary>Those that wait for the processor, by virtual time, linked by RunNext and RunPrevious.</summary>
    private static Process* s_first, s_last;

    /// <summary>The virtual time that the run queue has reached.</summary>
    private static ulong s_virtualNow;
    private static bool s_reschedule;
    private static ulong s_quantumEnd = ulong.MaxValue;
    private static ulong s_idleStackPointer;

    /// <summary>Nanoseconds in which no process ran.</summary>
    public static ulong IdleTime;

    /// <summary>Processor time of all processes that ever ran.</summary>
    public static ulong UserTime, KernelTime;
    public static ulong Switches;

    /// <summary>Runnable processes, the running one included.</summary>
    public static int RunnableCount;

    /// <summary>Load averages of 1, 5 and 15 minutes in 1/65536.</summary>
    public static ulong Load1, Load5, Load15;

    // Linux's fixed point (include/linux/sched/loadavg.h): every 5 s a part of the old average goes, in 1/2048.
    private const ulong LoadPeriod = 5_000_000_000, LoadOne = 2048, LoadKeep1 = 1884, LoadKeep5 = 2014, LoadKeep15 = 2037;
    private static Timer s_loadTimer;

    /// <summary>
    /// Called before each return to user mode, where the process holds nothing that others might wait for; it may
    /// sleep. Null while nobody wants it.
    /// </summary>
    public static delegate*<void> BeforeUserMode;

    /// <summary>Offers the scheduler to the layers below it. At boot.</summary>
    internal static void Register()
    {
        SleepLock.Sleep = &SleepOn;
        SleepLock.Wake = &Wake;
        Preemption.Yield = &Preempt;
        Panic.Context = &ShowCurrent;
        MemoryPolicy.MayGrowStack = &ResourceLimits.MayGrowStack;
        MemoryPolicy.Relieve = &OutOfMemory.Relieve;
        MemoryPolicy.MayUseReserve = &OutOfMemory.MayUseReserve;
    }

    /// <summary>In a panic: whose system call was being served.</summary>
    private static void ShowCurrent()
    {
        if (Current == null)
            return;
        Console.Write("\nprocess "u8);
        Console.WriteDecimal((ulong)Current->Id);
        if (Current->CurrentCall < 0)
            return;
        Console.Write(" system call "u8);
        Console.WriteDecimal((ulong)Current->CurrentCall);
    }

    private static void UpdateLoad(Timer* timer)
    {
        ulong running = (ulong)RunnableCount << 16;
        Load1 = (Load1 * LoadKeep1 + running * (LoadOne - LoadKeep1)) / LoadOne;
        Load5 = (Load5 * LoadKeep5 + running * (LoadOne - LoadKeep5)) / LoadOne;
        Load15 = (Load15 * LoadKeep15 + running * (LoadOne - LoadKeep15)) / LoadOne;
        Timers.Arm(timer, Clock.Monotonic + LoadPeriod);
    }

    // ---- waiting ----

    /// <summary>
    /// When the time limit of the system call in progress ends. A call that goes on after a signal without a handler
    /// (SIGSTOP and SIGCONT) keeps the end that it had.
    /// </summary>
    public static ulong DeadlineAfter(ulong nanoseconds)
    {
        Process* process = Current;
        ulong now = Clock.Monotonic;
        if (!process->Restarted)
            process->CallDeadline = nanoseconds < ulong.MaxValue - now ? now + nanoseconds : ulong.MaxValue;
        process->Restarted = false;
        return process->CallDeadline;
    }

    /// <summary>Makes every process that sleeps on the queue runnable. Callable from interrupt handlers.</summary>
    public static void Wake(WaitQueue* queue)
    {
        while (queue->First != null)
            EndSleep((Process*)queue->First, WaitResult.Woken);
    }

    /// <summary>
    /// Makes those runnable that sleep on the queue for one of these events. Callable from interrupt handlers.
    /// </summary>
    public static void Wake(WaitQueue* queue, uint events)
    {
        Waiter* waiter = queue->First;
        while (waiter != null)
        {
            Waiter* next = waiter->Next;
            if ((waiter->Events & events) != 0)
                EndSleep((Process*)waiter, WaitResult.Woken);
            waiter = next;
        }
    }

    /// <summary>
    /// Sleeps until the queue is woken, <see cref="Clock.Monotonic"/> reaches the deadline (ulong.MaxValue: never), or
    /// a signal arrives. Callers loop on their condition.
    /// </summary>
    public static WaitResult Sleep(WaitQueue* queue, ulong deadlineNanoseconds) =>
        Sleep(queue, deadlineNanoseconds, uint.MaxValue);

    /// <summary>
    /// The same until the queue is woken for one of these events, which mean something to those who wake it.
    /// </summary>
    public static WaitResult Sleep(WaitQueue* queue, ulong deadlineNanoseconds, uint events)
    {
        Process* process = Current;
        if (!process->Uninterruptible && Signals.Pending)
            return WaitResult.Interrupted;
        if (deadlineNanoseconds != ulong.MaxValue)
        {
            if (deadlineNanoseconds <= Clock.Monotonic)
                return WaitResult.TimedOut;
            process->SleepTimer.Callback = &SleepExpired;
            process->SleepTimer.Owner = process;
            Timers.Arm(&process->SleepTimer, deadlineNanoseconds);
        }
        process->Waiter.Events = events;
        WaitQueue.Append(queue, &process->Waiter);
        process->State = ProcessState.Sleeping;
        process->VoluntarySwitches++;
        Schedule();
        return process->WaitResult;
    }

    /// <summary>Sleeps until the queue is woken; signals wait until then.</summary>
    internal static void SleepOn(WaitQueue* queue)
    {
        Process* process = Current;
        process->Uninterruptible = true;
        Sleep(queue, ulong.MaxValue);
        process->Uninterruptible = false;
    }

    private static void SleepExpired(Timer* timer) => EndSleep((Process*)timer->Owner, WaitResult.TimedOut);

    /// <summary>Takes a sleeping process off its queue and makes it runnable.</summary>
    internal static void EndSleep(Process* process, WaitResult result)
    {
        if (process->State != ProcessState.Sleeping)
            return;
        WaitQueue.Remove(&process->Waiter);
        Timers.Cancel(&process->SleepTimer);
        process->WaitResult = result;
        MakeRunnable(process);
    }

    // ---- running ----

    /// <summary>Puts a process that is not running into the run queue.</summary>
    internal static void MakeRunnable(Process* process)
    {
        process->State = ProcessState.Runnable;
        RunnableCount++;
        AdvanceVirtualTime();
        if (process->VirtualTime + SleeperCredit < s_virtualNow)
            process->VirtualTime = s_virtualNow - SleeperCredit;
        Enqueue(process);
        if (Current == null)
            return;
        if (process->VirtualTime + Granularity < Current->VirtualTime)
            s_reschedule = true;
        else if (s_quantumEnd == ulong.MaxValue)
            s_quantumEnd = Clock.Monotonic + Quantum;
    }

    /// <summary>
    /// It goes on while one process runs alone, too: whoever wakes then shares with that one from now on, and makes up
    /// for nothing.
    /// </summary>
    private static void AdvanceVirtualTime()
    {
        if (Current == null)
            return;
        ulong reached = s_first != null ? System.Math.Min(s_first->VirtualTime, Current->VirtualTime) : Current->VirtualTime;
        s_virtualNow = System.Math.Max(s_virtualNow, reached);
    }

    /// <summary>
    /// Makes a new process run before its parent goes on: it most often calls execve at once, and then the parent need
    /// not copy the pages that both share. What the parent was owed for having slept ends here: otherwise one that
    /// starts a process after the other would have them all served before everybody else.
    /// </summary>
    internal static void RunFirst(Process* child)
    {
        AccountKernel(Current);
        Current->VirtualTime = System.Math.Max(Current->VirtualTime, s_virtualNow);
        child->VirtualTime = Current->VirtualTime;
        MakeRunnable(child);
        s_reschedule = true;
    }

    /// <summary>
    /// The current process goes on where its child, which has ended, has come to: whoever has his work done by one
    /// process after the other has no more of the processor than if he did it himself.
    /// </summary>
    internal static void TakeOver(Process* child) => Current->VirtualTime = System.Math.Max(Current->VirtualTime, child->VirtualTime);

    /// <summary>Behind those of the same virtual time.</summary>
    private static void Enqueue(Process* process)
    {
        Process* before = s_last;
        while (before != null && before->VirtualTime > process->VirtualTime)
            before = before->RunPrevious;
        Process* after = before != null ? before->RunNext : s_first;
        process->RunPrevious = before;
        process->RunNext = after;
        if (before != null)
            before->RunNext = process;
        else
            s_first = process;
        if (after != null)
            after->RunPrevious = process;
        else
            s_last = process;
    }

    private static Process* TakeNext()
    {
        Process* process = s_first;
        if (process == null)
            return null;
        s_first = process->RunNext;
        if (s_first != null)
            s_first->RunPrevious = null;
        else
            s_last = null;
        s_virtualNow = System.Math.Max(s_virtualNow, process->VirtualTime);
        return process;
    }

    private static bool AnyoneWaits => s_first != null;

    /// <summary>Lets others run first.</summary>
    public static void Yield()
    {
        if (!AnyoneWaits)
            return;
        AccountKernel(Current);
        Current->VirtualTime = System.Math.Max(Current->VirtualTime, s_first->VirtualTime);
        Enqueue(Current);
        Schedule();
    }

    /// <summary>
    /// At a preemption point that is due (<see cref="Preemption"/>): interrupts and timers are served, and whoever's
    /// turn it is runs.
    /// </summary>
    private static void Preempt()
    {
        Process* process = Current;
        if (process == null)
            return;
        AccountKernel(process);
        Symbols.ServeInterrupts();
        Timers.RunDue();
        bool isTurnOver = s_reschedule || Clock.Monotonic >= s_quantumEnd;
        if (!AnyoneWaits || !isTurnOver && s_first->VirtualTime + Granularity >= process->VirtualTime)
            return;
        process->InvoluntarySwitches++;
        Enqueue(process);
        Schedule();
    }

    /// <summary>
    /// The running process has been put somewhere (a wait queue, the run queue, nowhere at its end): runs another one.
    /// </summary>
    internal static void Schedule()
    {
        Process* previous = Current;
        if (previous->State != ProcessState.Runnable)
            RunnableCount--;
        ProcessTable.CheckStack(previous);
        AccountKernel(previous);
        Process* next = TakeNext();
        if (next == previous)
        {
            BeginQuantum();
            return;
        }
        Switches++;
        SwitchTo(&previous->SavedStackPointer, next);
    }

    /// <summary>
    /// Leaves the current stack for a process, or for the idle loop when <paramref name="next"/> is null.
    /// </summary>
    private static void SwitchTo(ulong* save, Process* next)
    {
        Current = next;
        if (next == null)
        {
            Symbols.SwitchContext(save, s_idleStackPointer);
            return;
        }
        *Symbols.KernelStackTop() = next->StackTop;
        LoadSpace(next);
        BeginQuantum();
        Symbols.SwitchContext(save, next->SavedStackPointer);
    }

    /// <summary>Loads a process's address space and segment bases.</summary>
    internal static void LoadSpace(Process* process)
    {
        AddressSpace.Current = process->Space;
        ulong root = process->Space != null ? process->Space->Root : PageTable.KernelRoot;
        if (Processor.ReadCr3() != root)
            Processor.WriteCr3(root);
        Processor.WriteMsr(FsBaseRegister, process->FsBase.Address);
        Processor.WriteMsr(GsBaseRegister, process->GsBase.Address);
    }

    private static void BeginQuantum()
    {
        s_reschedule = false;
        s_quantumEnd = AnyoneWaits || ProcessorLimit.IsSet(Current) ? Clock.Monotonic + Quantum : ulong.MaxValue;
    }

    internal static void QuantumTick()
    {
        if (Current == null || Clock.Monotonic < s_quantumEnd)
            return;
        ProcessorLimit.Check(Current);
        s_reschedule = true;
    }

    // ---- between user mode and the kernel ----

    internal static void EnterKernel()
    {
        ulong now = Clock.Monotonic;
        Current->UserTime += now - Preemption.Since;
        UserTime += now - Preemption.Since;
        Current->VirtualTime += Nice.Scale(now - Preemption.Since, Current->Weight);
        Preemption.Since = now;
    }

    private static void AccountKernel(Process* process)
    {
        ulong now = Clock.Monotonic;
        process->KernelTime += now - Preemption.Since;
        KernelTime += now - Preemption.Since;
        process->VirtualTime += Nice.Scale(now - Preemption.Since, process->Weight);
        Preemption.Since = now;
    }

    /// <summary>The last thing before user mode: others whose turn it is, signals, the timer.</summary>
    internal static void LeaveKernel(TrapFrame* frame)
    {
        Process* process = Current;
        if (BeforeUserMode != null)
            BeforeUserMode();
        while (true)
        {
            if (s_reschedule)
            {
                if (AnyoneWaits)
                {
                    process->InvoluntarySwitches++;
                    AccountKernel(process);
                    Enqueue(process);
                    Schedule();
                }
                else
                    BeginQuantum();
            }
            if (!Signals.Pending && !process->RestoreMask)
                break;
            Signals.Deliver(frame);
        }
        ProcessTable.FreeDead();
        process->CurrentCall = -1;
        AccountKernel(process);
        Timers.Program(s_quantumEnd, Preemption.Since);
    }

    /// <summary>Runs processes for ever; called once, on the boot stack, with interrupts off.</summary>
    internal static void Idle()
    {
        Preemption.Since = Clock.Monotonic;
        s_loadTimer.Callback = &UpdateLoad;
        // SAFETY: a static of the image does not move.
        Timers.Arm((Timer*)Unsafe.AsPointer(ref s_loadTimer), Preemption.Since + LoadPeriod);
        while (true)
        {
            Timers.RunDue();
            Process* next = TakeNext();
            if (next != null)
            {
                ulong idleUntil = Clock.Monotonic;
                IdleTime += idleUntil - Preemption.Since;
                Preemption.Since = idleUntil;
                // SAFETY: a static of the image does not move.
                SwitchTo((ulong*)Unsafe.AsPointer(ref s_idleStackPointer), next);
                ProcessTable.FreeDead();
                // The ended process's tables may be freed: let go of them.
                Processor.WriteCr3(PageTable.KernelRoot);
                continue;
            }
            Timers.Program(ulong.MaxValue, Clock.Monotonic);
            Processor.EnableInterruptsAndHalt();
            Processor.DisableInterrupts();
        }
    }
}
