using System;

namespace Guestos;

/// <summary>The timers of timer_create(2) of all processes. Interrupts are off; nothing here sleeps.</summary>
public static unsafe class PosixTimers
{
    /// <summary>Nobody takes the signal: looked at again so many nanoseconds later.</summary>
    private const ulong IgnoredPause = 10_000_000;

    private static Slab<PosixTimer> s_timers;

    /// <summary>A new one that is not set; null: EAGAIN, by RLIMIT_SIGPENDING or without memory.</summary>
    public static PosixTimer* Create(Process* owner, TimerClock clock, Signal signal, int target)
    {
        bool isAllowed = CountOf(Credentials.Current.RealUserId) < ResourceLimits.Of(owner, Resource.PendingSignals);
        PosixTimer* timer = isAllowed ? s_timers.Allocate() : null;
        if (timer == null)
            return null;
        owner->TimerCount++;
        timer->Owner = owner;
        timer->Clock = clock;
        timer->ClockThread = Thread.Current->Id;
        timer->Signal = signal;
        timer->Target = target;
        timer->Timer.Owner = timer;
        timer->Timer.Callback = &Expire;
        PosixTimer** link = &owner->FirstTimer;
        while (*link != null && (*link)->Id == timer->Id)
        {
            timer->Id++;
            link = &(*link)->Next;
        }
        timer->Next = *link;
        *link = timer;
        return timer;
    }

    /// <summary>
    /// Those of all processes of a user, as on Linux: all that are armed are in one list, through which interrupts go.
    /// </summary>
    private static ulong CountOf(uint user)
    {
        ulong count = 0;
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
            if (process->Credentials.RealUserId == user)
                count += (ulong)process->TimerCount;
        return count;
    }

    public static PosixTimer* Find(Process* owner, int id)
    {
        PosixTimer* timer = owner->FirstTimer;
        while (timer != null && timer->Id != id)
            timer = timer->Next;
        return timer;
    }

    /// <summary>si_value of its signals.</summary>
    public static void SetValue(PosixTimer* timer, ulong value) => timer->Value = value;

    public static void Delete(PosixTimer* timer)
    {
        Timers.Cancel(&timer->Timer);
        PosixTimer** link = &timer->Owner->FirstTimer;
        while (*link != timer)
            link = &(*link)->Next;
        *link = timer->Next;
        timer->Owner->TimerCount--;
        s_timers.Free(timer);
    }

    /// <summary>At the process's end, and at execve(2).</summary>
    internal static void DeleteAll(Process* owner)
    {
        while (owner->FirstTimer != null)
            Delete(owner->FirstTimer);
    }

    /// <summary>Nanoseconds; a value of 0 ends it.</summary>
    public static void Set(PosixTimer* timer, ulong value, ulong interval, bool isAbsolute)
    {
        Timers.Cancel(&timer->Timer);
        timer->Expired = false;
        timer->Deadline = 0;
        timer->Overrun = 0;
        timer->Interval = interval;
        if (value == 0)
            return;
        ulong now = Now(timer);
        ulong deadline = value;
        if (!isAbsolute)
            deadline = value < ulong.MaxValue - now ? now + value : ulong.MaxValue;
        else if (timer->Clock == TimerClock.Realtime)
        {
            ulong offset = Clock.Realtime - Clock.Monotonic;
            deadline = value > offset ? value - offset : 1;
        }
        Arm(timer, deadline);
    }

    private static void Arm(PosixTimer* timer, ulong deadline)
    {
        deadline = Math.Max(deadline, 1);
        if (!timer->IsOfProcessorTime)
        {
            Timers.Arm(&timer->Timer, deadline);
            return;
        }
        timer->Deadline = deadline;
        ProcessorTimers.Follow(timer->Owner);
    }

    /// <summary>What is left until it expires next, 0 when it is not set, and the interval.</summary>
    public static void Get(PosixTimer* timer, out ulong left, out ulong interval)
    {
        interval = timer->Interval;
        ulong now = Now(timer);
        ulong deadline = DeadlineOf(timer);
        if (timer->Expired && interval != 0)
            deadline = Timers.NextOf(deadline, interval, now, out _);
        bool isSet = timer->Timer.Armed || timer->Deadline != 0 || timer->Expired && interval != 0;
        left = isSet ? Math.Max(deadline, now + 1) - now : 0;
    }

    private static ulong DeadlineOf(PosixTimer* timer) =>
        timer->IsOfProcessorTime ? timer->Deadline : timer->Timer.Deadline;

    /// <summary>The time that it follows.</summary>
    private static ulong Now(PosixTimer* timer)
    {
        if (timer->Clock == TimerClock.Process)
            return timer->Owner->UserTime + timer->Owner->KernelTime;
        if (timer->Clock != TimerClock.Thread)
            return Clock.Monotonic;
        Thread* thread = Threads.Find(timer->ClockThread);
        return thread != null && thread->Process == timer->Owner ? thread->UserTime + thread->KernelTime : 0;
    }

    private static void Expire(Timer* timer) => Expire((PosixTimer*)timer->Owner);

    private static void Expire(PosixTimer* timer)
    {
        timer->Expired = true;
        if (timer->IsQueued)
            return;
        Process* owner = timer->Owner;
        int before = owner->QueuedSignals;
        var information = new SignalInformation
        {
            Code = SignalCode.Timer,
            First = (uint)timer->Id,
            Second = timer->Value,
        };
        Thread* target = timer->Target != 0 ? Threads.Find(timer->Target) : null;
        if (target != null && target->Process == owner)
            Signals.Send(target, timer->Signal, information);
        else if (timer->Target == 0)
            Signals.Send(owner, timer->Signal, information);
        timer->IsQueued = owner->QueuedSignals > before;
        if (!timer->IsQueued && timer->Interval != 0)
            Renew(timer, Now(timer) + IgnoredPause);
    }

    /// <summary>Sets the next expiration behind now, and counts those that passed.</summary>
    private static void Renew(PosixTimer* timer, ulong now)
    {
        timer->Expired = false;
        ulong next = Timers.NextOf(DeadlineOf(timer), timer->Interval, now, out ulong missed);
        timer->Overrun = (int)Math.Min(missed, int.MaxValue);
        Arm(timer, next);
    }

    /// <summary>
    /// The signal of a timer has left those that wait, taken or dropped: the next expiration is set only now.
    /// </summary>
    internal static void SignalGone(Process* owner, int id)
    {
        PosixTimer* timer = Find(owner, id);
        if (timer == null || !timer->IsQueued)
            return;
        timer->IsQueued = false;
        timer->Overrun = 0;
        if (timer->Expired && timer->Interval != 0)
            Renew(timer, Now(timer));
    }

    /// <summary>si_overrun of a signal that has been taken.</summary>
    internal static void TellOverrun(Process* owner, ref SignalInformation information)
    {
        PosixTimer* timer = Find(owner, (int)information.First);
        if (timer != null)
            information.First |= (ulong)(uint)timer->Overrun << 32;
    }

    /// <summary>Processor time has passed. True while some timer follows it.</summary>
    internal static bool CheckProcessorTime(Process* owner)
    {
        bool follows = false;
        for (PosixTimer* timer = owner->FirstTimer; timer != null; timer = timer->Next)
        {
            if (!timer->IsOfProcessorTime || timer->Deadline == 0)
                continue;
            if (!timer->Expired && timer->Deadline <= Now(timer))
                Expire(timer);
            if (timer->Expired && timer->Interval == 0)
                timer->Deadline = 0;
            follows |= timer->Deadline != 0;
        }
        return follows;
    }
}
