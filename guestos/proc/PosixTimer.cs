namespace Guestos;

/// <summary>Which time a timer follows.</summary>
public enum TimerClock : byte
{
    /// <summary>
    /// <see cref="Clock.Monotonic"/>; moments of wall time are made moments of it when a timer is set.
    /// </summary>
    Monotonic,
    Realtime,

    /// <summary>Processor time of the process, or of the thread that made the timer.</summary>
    Process,
    Thread,
}

/// <summary>
/// A timer of timer_create(2). It has one signal on its way at most; what expires meanwhile is counted (POSIX.1 §2.4.1,
/// timer_getoverrun), so a period too short to be served costs nothing.
/// </summary>
public unsafe struct PosixTimer
{
    /// <summary>The next of its process.</summary>
    internal PosixTimer* Next;
    internal Process* Owner;
    public int Id;
    internal TimerClock Clock;

    /// <summary>The thread whose time it follows, of <see cref="TimerClock.Thread"/>.</summary>
    internal int ClockThread;

    /// <summary>None of SIGEV_NONE; to this thread alone, 0 for the process.</summary>
    internal Signal Signal;
    internal int Target;

    /// <summary>si_value.</summary>
    internal ulong Value;

    /// <summary>Of time that passes for all; <see cref="Deadline"/> is that of processor time, 0: not set.</summary>
    internal Timer Timer;
    internal ulong Deadline;

    /// <summary>Nanoseconds; 0: it expires once.</summary>
    internal ulong Interval;

    /// <summary>It has expired and was not set again yet: its signal waits.</summary>
    internal bool Expired;
    internal bool IsQueued;

    /// <summary>timer_getoverrun(2): what expired between the signal that was taken last and its taking.</summary>
    public int Overrun;

    internal readonly bool IsOfProcessorTime => Clock >= TimerClock.Process;
}
