using System;
using System.Runtime.CompilerServices;
using Board;

namespace Guestos;

/// <summary>
/// Which thread runs. One processor; the kernel is never preempted, user mode is, by the timer. A thread's virtual time
/// is the processor time that it had, divided by its weight; whoever has the least runs next, for a quantum. So each
/// gets its share, and one that has slept is served at once. Threads with a real-time precedence (sched(7)) run before
/// all of these, and those with more before those with less, in the order in which they came; of each second 50 ms stay
/// for the others. Called with interrupts off; what interrupt handlers may call says so.
/// </summary>
public static unsafe class Scheduler
{
    public const ulong Quantum = 10_000_000;

    /// <summary>
    /// How far behind the others a thread may be when it wakes: what it may run at once, before it takes turns with
    /// them.
    /// </summary>
    private const ulong SleeperCredit = Quantum;

    /// <summary>A thread that wakes takes the processor from one that is ahead of it by this much.</summary>
    private const ulong Granularity = 1_000_000;

    /// <summary>A turn of SCHED_RR.</summary>
    public const ulong RealTimeTurn = 100_000_000;

    /// <summary>What threads with a precedence may have of each period while others wait, too.</summary>
    public const ulong RealTimePeriod = 1_000_000_000;
    public const ulong RealTimeShare = 950_000_000;

    private static Thread* Current => Thread.Current;

    /// <summary>Those that wait for the processor, by virtual time, linked by RunNext and RunPrevious.</summary>
    private static Thread* s_first;
    private static Thread* s_last;

    /// <summary>Those of them with a precedence, the highest first, linked likewise.</summary>
    private static Thread* s_firstPreceding;

    /// <summary>The end of the period, and what threads with a precedence had of it.</summary>
    private static ulong s_periodEnd;
    private static ulong s_realTimeUsed;

    /// <summary>The virtual time that the run queue has reached.</summary>
    private static ulong s_virtualNow;

    /// <summary>Nanoseconds in which no thread ran.</summary>
    public static ulong IdleTime;

    /// <summary>Processor time of all processes that ever ran.</summary>
    public static ulong UserTime;
    public static ulong KernelTime;
    public static ulong Switches;

    /// <summary>Runnable threads, the running one included.</summary>
    public static int RunnableCount;

    /// <summary>Load averages of 1, 5 and 15 minutes in 1/65536.</summary>
    public static ulong Load1;
    public static ulong Load5;
    public static ulong Load15;

    // Linux's fixed point (include/linux/sched/loadavg.h): every 5 s a part of the old average goes, in 1/2048.
    private const ulong LoadPeriod = 5_000_000_000;
    private const ulong LoadOne = 2048;
    private const ulong LoadKeep1 = 1884;
    private const ulong LoadKeep5 = 2014;
    private const ulong LoadKeep15 = 2037;
    private static Timer s_loadTimer;

    /// <summary>
    /// Called before each return to user mode, where the thread holds nothing that others might wait for; it may
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
        Console.WriteDecimal((ulong)Current->Process->Id);
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
        Thread* thread = Current;
        ulong now = Clock.Monotonic;
        if (!thread->Restarted)
            thread->CallDeadline = nanoseconds < ulong.MaxValue - now ? now + nanoseconds : ulong.MaxValue;
        thread->Restarted = false;
        return thread->CallDeadline;
    }

    /// <summary>Makes every thread that sleeps on the queue runnable. Callable from interrupt handlers.</summary>
    public static void Wake(WaitQueue* queue)
    {
        while (queue->First != null)
            EndSleep((Thread*)queue->First, WaitResult.Woken);
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
                EndSleep((Thread*)waiter, WaitResult.Woken);
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
        Thread* thread = Current;
        if (!thread->Uninterruptible && Signals.Pending)
            return WaitResult.Interrupted;
        if (deadlineNanoseconds != ulong.MaxValue)
        {
            if (deadlineNanoseconds <= Clock.Monotonic)
                return WaitResult.TimedOut;
            thread->SleepTimer.Callback = &SleepExpired;
            thread->SleepTimer.Owner = thread;
            Timers.Arm(&thread->SleepTimer, deadlineNanoseconds);
        }
        thread->Waiter.Events = events;
        WaitQueue.Append(queue, &thread->Waiter);
        thread->State = ThreadState.Sleeping;
        thread->Process->VoluntarySwitches++;
        Schedule();
        return thread->WaitResult;
    }

    /// <summary>Sleeps until the queue is woken; signals wait until then.</summary>
    internal static void SleepOn(WaitQueue* queue)
    {
        Thread* thread = Current;
        thread->Uninterruptible = true;
        Sleep(queue, ulong.MaxValue);
        thread->Uninterruptible = false;
    }

    private static void SleepExpired(Timer* timer) => EndSleep((Thread*)timer->Owner, WaitResult.TimedOut);

    /// <summary>Takes a sleeping thread off its queue and makes it runnable.</summary>
    internal static void EndSleep(Thread* thread, WaitResult result)
    {
        if (thread->State != ThreadState.Sleeping)
            return;
        WaitQueue.Remove(&thread->Waiter);
        Timers.Cancel(&thread->SleepTimer);
        thread->WaitResult = result;
        MakeRunnable(thread);
    }

    // ---- running ----

    /// <summary>Puts a thread that is not running into the run queue.</summary>
    internal static void MakeRunnable(Thread* thread)
    {
        thread->State = ThreadState.Runnable;
        RunnableCount++;
        AdvanceVirtualTime();
        if (thread->VirtualTime + SleeperCredit < s_virtualNow)
            thread->VirtualTime = s_virtualNow - SleeperCredit;
        Enqueue(thread);
        LogicalProcessor* processor = LogicalProcessor.Current;
        var running = (Thread*)processor->CurrentThread;
        if (running == null)
            return;
        if (thread->Precedence > running->Precedence || running->Precedence > 0 && UsedUp
            || (thread->Precedence | running->Precedence) == 0
                && thread->VirtualTime + Granularity < running->VirtualTime)
            processor->Reschedule = true;
        else if (processor->QuantumEnd == ulong.MaxValue)
            processor->QuantumEnd = Clock.Monotonic + Quantum;
    }

    /// <summary>
    /// Virtual time advances while only one thread runs, too. So a thread that wakes then shares the processor with
    /// that one from now on, and is not given the time that it has not used before.
    /// </summary>
    private static void AdvanceVirtualTime()
    {
        Thread* running = Current;
        if (running == null)
            return;
        ulong reached = running->Precedence == 0 ? running->VirtualTime : s_virtualNow;
        if (s_first != null)
            reached = running->Precedence == 0 ? Math.Min(s_first->VirtualTime, reached) : s_first->VirtualTime;
        s_virtualNow = Math.Max(s_virtualNow, reached);
    }

    /// <summary>
    /// Makes the thread of a new process run before its parent goes on: it most often calls execve at once, and then
    /// the parent need not copy the pages that both share. The parent loses the lead that it had from sleeping:
    /// otherwise a program that starts one process after another would have all of them run before other programs.
    /// </summary>
    internal static void RunFirst(Thread* child)
    {
        LogicalProcessor* processor = LogicalProcessor.Current;
        var parent = (Thread*)processor->CurrentThread;
        AccountKernel(processor, parent);
        parent->VirtualTime = Math.Max(parent->VirtualTime, s_virtualNow);
        child->VirtualTime = parent->VirtualTime;
        MakeRunnable(child);
        processor->Reschedule = true;
    }

    /// <summary>
    /// The current thread takes over the virtual time of its child, which has ended, if that is later: a program that
    /// starts one process after another gets no more of the processor than one that does the same work itself.
    /// </summary>
    internal static void TakeOver(Thread* child) =>
        Current->VirtualTime = Math.Max(Current->VirtualTime, child->VirtualTime);

    /// <summary>
    /// The turn of a thread that waits for another's lock, and was to run before it, is the other's. It has to make up
    /// for what the other had been ahead, by its own weight: neither has more of the processor by it.
    /// </summary>
    internal static void LendTurn(Thread* waiter, Thread* owner)
    {
        if ((owner->Precedence | waiter->Precedence) != 0 || owner->VirtualTime <= waiter->VirtualTime)
            return;
        ulong ahead = owner->VirtualTime - waiter->VirtualTime;
        bool isQueued = IsQueued(owner);
        if (isQueued)
            Dequeue(owner);
        owner->VirtualTime = waiter->VirtualTime;
        waiter->VirtualTime += ahead / waiter->Weight * owner->Weight;
        if (isQueued)
            Enqueue(owner);
    }

    private static bool IsQueued(Thread* thread) => thread->State == ThreadState.Runnable && thread != Current;

    /// <summary>
    /// Gives a thread another precedence. It comes behind those that have the same already, but before them when it had
    /// more. One that has none any more takes its turns with the others from now on.
    /// </summary>
    internal static void SetPrecedence(Thread* thread, byte precedence)
    {
        if (thread->Precedence == precedence)
            return;
        bool isQueued = IsQueued(thread);
        bool hadMore = thread->Precedence > precedence;
        if (isQueued)
            Dequeue(thread);
        thread->Precedence = precedence;
        thread->TurnUsed = 0;
        if (precedence == 0)
            thread->VirtualTime = s_virtualNow;
        if (isQueued && hadMore)
            PutBack(thread);
        else if (isQueued)
            Enqueue(thread);
        LogicalProcessor.Current->Reschedule = true;
    }

    private static void Dequeue(Thread* thread)
    {
        if (thread->RunPrevious != null)
            thread->RunPrevious->RunNext = thread->RunNext;
        else if (thread->Precedence > 0)
            s_firstPreceding = thread->RunNext;
        else
            s_first = thread->RunNext;
        if (thread->RunNext != null)
            thread->RunNext->RunPrevious = thread->RunPrevious;
        else if (thread->Precedence == 0)
            s_last = thread->RunPrevious;
    }

    /// <summary>
    /// The running thread waits again. It is the first of its precedence, unless it has used up its turn (SCHED_RR).
    /// </summary>
    private static void PutBack(Thread* thread)
    {
        const byte roundRobin = 2;
        if (thread->Precedence == 0)
            Enqueue(thread);
        else if (thread->Policy != roundRobin || thread->TurnUsed < RealTimeTurn)
            EnqueuePreceding(thread, thread->Precedence);
        else
        {
            thread->TurnUsed = 0;
            EnqueuePreceding(thread, thread->Precedence - 1);
        }
    }

    /// <summary>Before all with this precedence, or less.</summary>
    private static void EnqueuePreceding(Thread* thread, int precedence)
    {
        Thread* before = null;
        Thread* after = s_firstPreceding;
        while (after != null && after->Precedence > precedence)
        {
            before = after;
            after = after->RunNext;
        }
        thread->RunPrevious = before;
        thread->RunNext = after;
        if (before != null)
            before->RunNext = thread;
        else
            s_firstPreceding = thread;
        if (after != null)
            after->RunPrevious = thread;
    }

    /// <summary>Behind those of the same virtual time, or precedence.</summary>
    private static void Enqueue(Thread* thread)
    {
        if (thread->Precedence > 0)
        {
            EnqueuePreceding(thread, thread->Precedence - 1);
            return;
        }
        Thread* before = s_last;
        while (before != null && before->VirtualTime > thread->VirtualTime)
            before = before->RunPrevious;
        Thread* after = before != null ? before->RunNext : s_first;
        thread->RunPrevious = before;
        thread->RunNext = after;
        if (before != null)
            before->RunNext = thread;
        else
            s_first = thread;
        if (after != null)
            after->RunPrevious = thread;
        else
            s_last = thread;
    }

    private static Thread* TakeNext()
    {
        Thread* thread = s_first;
        if (s_firstPreceding != null && (thread == null || !UsedUp))
        {
            thread = s_firstPreceding;
            Dequeue(thread);
            return thread;
        }
        if (thread == null)
            return null;
        Dequeue(thread);
        s_virtualNow = Math.Max(s_virtualNow, thread->VirtualTime);
        return thread;
    }

    private static bool AnyoneWaits => s_first != null || s_firstPreceding != null;

    /// <summary>Threads with a precedence had all that they may have of this period.</summary>
    private static bool UsedUp => s_realTimeUsed >= RealTimeShare && Clock.Monotonic < s_periodEnd;

    /// <summary>Processor time that a thread had until now.</summary>
    private static void Charge(Thread* thread, ulong now, ulong passed)
    {
        if (thread->Precedence == 0)
        {
            thread->VirtualTime += Nice.Scale(passed, thread->Weight);
            return;
        }
        thread->TurnUsed += passed;
        if (now >= s_periodEnd)
        {
            s_periodEnd = now + RealTimePeriod;
            s_realTimeUsed = 0;
        }
        s_realTimeUsed += passed;
    }

    /// <summary>Lets others run first.</summary>
    public static void Yield()
    {
        if (!AnyoneWaits)
            return;
        Thread* thread = Current;
        AccountKernel(LogicalProcessor.Current, thread);
        if (s_first != null)
            thread->VirtualTime = Math.Max(thread->VirtualTime, s_first->VirtualTime);
        Enqueue(thread);
        Schedule();
    }

    /// <summary>
    /// At a preemption point that is due (<see cref="Preemption"/>): serves interrupts and timers, and lets another
    /// thread run if its virtual time is far enough behind that of the current one.
    /// </summary>
    private static void Preempt()
    {
        LogicalProcessor* processor = LogicalProcessor.Current;
        var thread = (Thread*)processor->CurrentThread;
        if (thread == null)
            return;
        AccountKernel(processor, thread);
        Symbols.ServeInterrupts();
        Timers.RunDue();
        bool isTurnOver = processor->Reschedule || Clock.Monotonic >= processor->QuantumEnd;
        bool isBehind = s_first != null && thread->Precedence == 0
            && s_first->VirtualTime + Granularity < thread->VirtualTime;
        if (!AnyoneWaits || !isTurnOver && !isBehind)
            return;
        thread->Process->InvoluntarySwitches++;
        PutBack(thread);
        Schedule();
    }

    /// <summary>
    /// The running thread has been put somewhere (a wait queue, the run queue, nowhere at its end): runs another one.
    /// </summary>
    internal static void Schedule()
    {
        LogicalProcessor* processor = LogicalProcessor.Current;
        var previous = (Thread*)processor->CurrentThread;
        if (previous->State != ThreadState.Runnable)
            RunnableCount--;
        Threads.CheckStack(previous);
        AccountKernel(processor, previous);
        Thread* next = TakeNext();
        if (next == previous)
        {
            BeginQuantum(processor, next);
            return;
        }
        Switches++;
        SwitchTo(processor, &previous->SavedStackPointer, next);
    }

    /// <summary>
    /// Leaves the current stack for a thread, or for the idle loop when <paramref name="next"/> is null.
    /// </summary>
    private static void SwitchTo(LogicalProcessor* processor, ulong* save, Thread* next)
    {
        processor->CurrentThread = next;
        if (next == null)
        {
            Symbols.SwitchContext(save, processor->IdleStackPointer);
            return;
        }
        processor->KernelStackTop = next->StackTop;
        LoadSpace(next);
        FloatState.Switch(processor, next->UserFrame);
        BeginQuantum(processor, next);
        Symbols.SwitchContext(save, next->SavedStackPointer);
    }

    /// <summary>Loads the address space and the segment bases of a thread.</summary>
    internal static void LoadSpace(Thread* thread)
    {
        AddressSpace* space = thread->Process->Space;
        AddressSpace.Current = space;
        ulong root = space != null ? space->Root : PageTable.KernelRoot;
        if (Processor.ReadCr3() != root)
            Processor.WriteCr3(root);
        Descriptors.LoadUserBases(thread->FsBase.Address, thread->GsBase.Address);
    }

    private static void BeginQuantum(LogicalProcessor* processor, Thread* thread)
    {
        processor->Reschedule = false;
        bool isWatched = AnyoneWaits || thread->Process->FollowsProcessorTime
            || ProcessorLimit.IsSet(thread->Process);
        processor->QuantumEnd = isWatched ? Clock.Monotonic + Quantum : ulong.MaxValue;
    }

    /// <summary>
    /// The current quantum ends on the way to user mode: a new limit of processor time is looked at from then on.
    /// </summary>
    internal static void EndQuantum() => LogicalProcessor.Current->Reschedule = true;

    internal static void QuantumTick()
    {
        LogicalProcessor* processor = LogicalProcessor.Current;
        var thread = (Thread*)processor->CurrentThread;
        if (thread == null || Clock.Monotonic < processor->QuantumEnd)
            return;
        ProcessorLimit.Check(thread->Process);
        ProcessorTimers.Check(thread->Process);
        processor->Reschedule = true;
    }

    // ---- between user mode and the kernel ----

    /// <summary>The first thing behind user mode. Returns the current thread.</summary>
    internal static Thread* EnterKernel(LogicalProcessor* processor)
    {
        var thread = (Thread*)processor->CurrentThread;
        ulong now = Clock.Monotonic;
        ulong passed = now - processor->Since;
        processor->Since = now;
        thread->UserTime += passed;
        thread->Process->UserTime += passed;
        UserTime += passed;
        Charge(thread, now, passed);
        return thread;
    }

    private static void AccountKernel(LogicalProcessor* processor, Thread* thread)
    {
        ulong now = Clock.Monotonic;
        ulong passed = now - processor->Since;
        processor->Since = now;
        thread->KernelTime += passed;
        thread->Process->KernelTime += passed;
        KernelTime += passed;
        Charge(thread, now, passed);
    }

    /// <summary>The last thing before user mode: others whose turn it is, signals, the timer.</summary>
    internal static void LeaveKernel(TrapFrame* frame)
    {
        if (BeforeUserMode != null)
            BeforeUserMode();
        LogicalProcessor* processor = LogicalProcessor.Current;
        var thread = (Thread*)processor->CurrentThread;
        while (true)
        {
            if (processor->Reschedule)
            {
                GiveWay(processor, thread);
                processor = LogicalProcessor.Current;
            }
            if (!Signals.IsPending(thread) && !thread->RestoreMask)
                break;
            Signals.Deliver(frame);
            processor = LogicalProcessor.Current;
        }
        ProcessTable.FreeDead();
        Threads.FreeDead();
        thread->CurrentCall = -1;
        AccountKernel(processor, thread);
        Timers.Program(processor->QuantumEnd, processor->Since);
    }

    /// <summary>Others run before the current thread goes on, if there are any.</summary>
    private static void GiveWay(LogicalProcessor* processor, Thread* thread)
    {
        if (!AnyoneWaits)
        {
            BeginQuantum(processor, thread);
            return;
        }
        thread->Process->InvoluntarySwitches++;
        AccountKernel(processor, thread);
        PutBack(thread);
        Schedule();
    }

    /// <summary>
    /// Runs threads for ever; called once, on the boot stack, with interrupts off. It stays in the address space of the
    /// thread that ran last, so that this finds its translations again: a process lets go of its space before it ends.
    /// </summary>
    internal static void Idle()
    {
        LogicalProcessor* processor = LogicalProcessor.Current;
        processor->Since = Clock.Monotonic;
        s_loadTimer.Callback = &UpdateLoad;
        // SAFETY: a static of the image does not move.
        Timers.Arm((Timer*)Unsafe.AsPointer(ref s_loadTimer), processor->Since + LoadPeriod);
        while (true)
        {
            Timers.RunDue();
            Thread* next = TakeNext();
            if (next != null)
            {
                ulong idleUntil = Clock.Monotonic;
                IdleTime += idleUntil - processor->Since;
                processor->Since = idleUntil;
                SwitchTo(processor, &processor->IdleStackPointer, next);
                ProcessTable.FreeDead();
                Threads.FreeDead();
                continue;
            }
            Timers.Program(ulong.MaxValue, Clock.Monotonic);
            Processor.EnableInterruptsAndHalt();
            Processor.DisableInterrupts();
        }
    }
}
