using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// One at a time: whoever comes meanwhile sleeps until it is let go. The kernel is not preempted, so this is only for
/// work with preemption points in it (<see cref="Preemption.Point"/>). Signals do not end the sleep, because who holds
/// it waits for nothing else.
/// </summary>
public unsafe struct SleepLock
{
    /// <summary>Sleeps until the queue is woken; signals wait until then. Registered by the scheduler.</summary>
    public static delegate*<WaitQueue*, void> Sleep;

    /// <summary>Wakes all that sleep on the queue. Registered by the scheduler.</summary>
    public static delegate*<WaitQueue*, void> Wake;

    private bool held;
    private WaitQueue queue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Take(SleepLock* mutex)
    {
        while (mutex->held)
            Sleep(&mutex->queue);
        mutex->held = true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Release(SleepLock* mutex)
    {
        mutex->held = false;
        if (!mutex->queue.IsEmpty)
            Wake(&mutex->queue);
    }
}
