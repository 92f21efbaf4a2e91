namespace Guestos;

/// <summary>Who runs. One processor; the kernel is never preempted, user mode is, by the timer.</summary>
public static unsafe partial class Scheduler
{
    /// <summary>The process that runs or whose system call is being served. Null while idle and during boot.</summary>
    public static Process* Current;

    /// <summary>Makes every process that sleeps on the queue runnable. Callable from interrupt handlers.</summary>
    public static void Wake(WaitQueue* queue) { }

    /// <summary>
    /// Sleeps until the queue is woken, <see cref="Clock.Monotonic"/> reaches the deadline (ulong.MaxValue: never), or a signal arrives.
    /// Callers loop on their condition.
    /// </summary>
    public static WaitResult Sleep(WaitQueue* queue, ulong deadlineNanoseconds) => WaitResult.TimedOut;

    /// <summary>Lets others run first.</summary>
    public static void Yield() { }
}
