using System;

namespace Guestos;

/// <summary>One of the two timers of setitimer(2) that follow a process's processor time. Nanoseconds of it.</summary>
public struct ProcessorTimer
{
    /// <summary>0: not set.</summary>
    public ulong Deadline;
    public ulong Interval;
}

/// <summary>
/// Timers of processor time: ITIMER_VIRTUAL, ITIMER_PROF, and those of timer_create(2). They are looked at when a
/// quantum ends, so they may be late by one.
/// </summary>
public static unsafe class ProcessorTimers
{
    /// <summary>What ITIMER_VIRTUAL follows, and what ITIMER_PROF.</summary>
    private static ulong UserTime(Process* process) => process->UserTime;

    private static ulong ProfileTime(Process* process) => process->UserTime + process->KernelTime;

    /// <summary>Sets one, or ends it with a time of 0.</summary>
    public static void Set(Process* process, bool isVirtual, ulong after, ulong interval)
    {
        ulong now = isVirtual ? UserTime(process) : ProfileTime(process);
        ProcessorTimer* timer = isVirtual ? &process->Virtual : &process->Profile;
        timer->Deadline = after != 0 ? now + after : 0;
        timer->Interval = after != 0 ? interval : 0;
        Follow(process);
    }

    /// <summary>From now on quanta end, the current one on the way to user mode.</summary>
    internal static void Follow(Process* process)
    {
        process->FollowsProcessorTime = true;
        Scheduler.EndQuantum();
    }

    /// <summary>What is left, 0 when it is not set, and the interval.</summary>
    public static void Get(Process* process, bool isVirtual, out ulong left, out ulong interval)
    {
        ulong now = isVirtual ? UserTime(process) : ProfileTime(process);
        ProcessorTimer* timer = isVirtual ? &process->Virtual : &process->Profile;
        interval = timer->Interval;
        left = timer->Deadline != 0 ? Math.Max(timer->Deadline, now + 1000) - now : 0;
    }

    internal static void Check(Process* process)
    {
        if (!process->FollowsProcessorTime)
            return;
        Check(process, &process->Virtual, UserTime(process), Signal.VirtualAlarm);
        Check(process, &process->Profile, ProfileTime(process), Signal.Profile);
        bool followed = PosixTimers.CheckProcessorTime(process);
        process->FollowsProcessorTime = followed || (process->Virtual.Deadline | process->Profile.Deadline) != 0;
    }

    private static void Check(Process* process, ProcessorTimer* timer, ulong now, Signal signal)
    {
        if (timer->Deadline == 0 || timer->Deadline > now)
            return;
        timer->Deadline = timer->Interval != 0 ? Timers.NextOf(timer->Deadline, timer->Interval, now, out _) : 0;
        Signals.Send(process, signal);
    }
}
