using System;

namespace Guestos;

/// <summary>ITIMER_REAL of a process (setitimer(2)): SIGALRM after a time, and then after each interval.</summary>
internal static unsafe class AlarmTimer
{
    /// <summary>Nobody listens: looked at again so many nanoseconds later.</summary>
    private const ulong IgnoredPause = 10_000_000;

    /// <summary>Sets it, or ends it with a time of 0. Nanoseconds; returns what was left.</summary>
    public static ulong Set(Process* process, ulong after, ulong interval)
    {
        ulong now = Clock.Monotonic;
        ulong left = process->Alarm.Armed ? Math.Max(process->Alarm.Deadline, now + 1) - now : 0;
        Timers.Cancel(&process->Alarm);
        process->AlarmInterval = interval;
        if (after != 0)
        {
            process->Alarm.Callback = &Expired;
            process->Alarm.Owner = process;
            Timers.Arm(&process->Alarm, now + after);
        }
        else
            process->AlarmInterval = 0;
        return left;
    }

    /// <summary>SIGALRM has left the pending signals.</summary>
    public static void SignalTaken(Process* process)
    {
        if (process->AlarmInterval != 0 && !process->Alarm.Armed && process->Alarm.Owner != null)
            Renew(process, Clock.Monotonic);
    }

    /// <summary>
    /// The next expiration is armed when the signal is taken (as Linux does, kernel/time/itimer.c): a signal that still
    /// waits would not be sent twice, so a period too short to be served costs nothing.
    /// </summary>
    private static void Expired(Timer* timer)
    {
        var process = (Process*)timer->Owner;
        Signals.Send(process, Signal.Alarm);
        if (process->AlarmInterval != 0 && !Signal.Alarm.IsIn(process->Pending.Set))
            Renew(process, Clock.Monotonic + IgnoredPause);
    }

    private static void Renew(Process* process, ulong now) =>
        Timers.Arm(&process->Alarm, Timers.NextOf(process->Alarm.Deadline, process->AlarmInterval, now, out _));
}
