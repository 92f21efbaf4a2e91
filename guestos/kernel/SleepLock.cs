using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// One at a time: whoever comes meanwhile sleeps until it is let go. The kernel is not preempted, so this is only for
/// work that gives way in the middle (<see cref="Scheduler.Breathe"/>). Signals do not end the sleep, because who holds
/// it waits for nothing else.
/// </summary>
public unsafe struct SleepLock
{
    private bool held;
    private WaitQueue queue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Take(SleepLock* mutex)
    {
        while (mutex->held)
            Scheduler.SleepOn(&mutex->queue);
        mutex->held = true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Release(SleepLock* mutex)
    {
        mutex->held = false;
        if (!mutex->queue.IsEmpty)
            Scheduler.Wake(&mutex->queue);
    }
}
