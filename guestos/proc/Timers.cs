namespace Guestos;

/// <summary>Something to be done at a time. Embedded in its owner; all zeros is an idle timer.</summary>
public unsafe struct Timer
{
    /// <summary><see cref="Clock.Monotonic"/> when it is due.</summary>
    public ulong Deadline;
    public Timer* Next;
    public Timer* Previous;
    public bool Armed;

    /// <summary>
    /// Called once with interrupts off, from the timer interrupt or the idle loop; must not sleep. May arm the timer
    /// again.
    /// </summary>
    public delegate*<Timer*, void> Callback;
    public void* Owner;
}

/// <summary>
/// All armed timers by deadline, and the local APIC's one-shot timer that serves the first of them and the running
/// quantum.
/// </summary>
public static unsafe class Timers
{
    private static Timer* s_first;

    /// <summary>What the hardware timer is set to; ulong.MaxValue while it is off.</summary>
    private static ulong s_programmed = ulong.MaxValue;

    /// <summary>
    /// The network stack keeps timers of its own: when the first of them is due, and what serves those that are.
    /// Registered at boot.
    /// </summary>
    public static delegate*<ulong> NetworkDeadline;
    public static delegate*<void> NetworkDue;

    /// <summary>Sets a timer, again if it was armed already.</summary>
    public static void Arm(Timer* timer, ulong deadline)
    {
        Cancel(timer);
        timer->Deadline = deadline;
        timer->Armed = true;
        Timer* later = s_first;
        Timer* earlier = null;
        while (later != null && later->Deadline <= deadline)
        {
            earlier = later;
            later = later->Next;
        }
        timer->Next = later;
        timer->Previous = earlier;
        if (later != null)
            later->Previous = timer;
        if (earlier != null)
            earlier->Next = timer;
        else
            s_first = timer;
    }

    public static void Cancel(Timer* timer)
    {
        if (!timer->Armed)
            return;
        timer->Armed = false;
        if (timer->Previous != null)
            timer->Previous->Next = timer->Next;
        else
            s_first = timer->Next;
        if (timer->Next != null)
            timer->Next->Previous = timer->Previous;
        timer->Next = null;
        timer->Previous = null;
    }

    /// <summary>
    /// The first moment after now of a period that began at <paramref name="deadline"/>, and how many passed unserved
    /// in between: they are counted, not run, however short the period is.
    /// </summary>
    public static ulong NextOf(ulong deadline, ulong interval, ulong now, out ulong missed)
    {
        missed = now > deadline ? (now - deadline) / interval : 0;
        return deadline + (missed + 1) * interval;
    }

    /// <summary>Calls every timer that is due, the network's among them.</summary>
    public static void RunDue()
    {
        ulong now = Clock.Monotonic;
        if (NetworkDeadline() <= now)
            NetworkDue();
        // What is armed again is due after now: each timer is called once.
        while (s_first != null && s_first->Deadline <= now)
        {
            Timer* timer = s_first;
            Cancel(timer);
            timer->Callback(timer);
        }
    }

    /// <summary>The hardware timer has come.</summary>
    internal static void Expired()
    {
        s_programmed = ulong.MaxValue;
        RunDue();
        Scheduler.QuantumTick();
    }

    /// <summary>Nanoseconds that the hardware timer is set to at least.</summary>
    private const ulong MinDelay = 1_000;

    /// <summary>The hardware timer may be this late before it is taken for lost and set again.</summary>
    private const ulong Tolerance = 5_000_000;

    /// <summary>
    /// Makes the hardware timer come in time for the first timer, the network's, and for <paramref name="quantumEnd"/>.
    /// Coming early does no harm.
    /// </summary>
    internal static void Program(ulong quantumEnd, ulong now)
    {
        ulong next = System.Math.Min(quantumEnd, NetworkDeadline());
        if (s_first != null)
            next = System.Math.Min(next, s_first->Deadline);
        if (next >= s_programmed && (s_programmed == ulong.MaxValue || now < s_programmed + Tolerance))
            return;
        s_programmed = next;
        Interrupts.StartTimer(Clock.ToTimerTicks(next > now + MinDelay ? next - now : MinDelay));
    }

    /// <summary>After a move to another machine nothing is programmed.</summary>
    internal static void ForgetHardware() => s_programmed = ulong.MaxValue;
}
