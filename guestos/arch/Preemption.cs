namespace Guestos;

/// <summary>
/// The kernel is preempted at the points where it asks for it, and nowhere else. All that lies below the scheduler asks
/// here.
/// </summary>
public static unsafe class Preemption
{
    /// <summary>Nanoseconds that a system call may take before others are looked after.</summary>
    private const ulong MaxRun = 500_000;

    /// <summary>
    /// Serves interrupts and timers, and lets others run whose turn it is. Registered by the scheduler.
    /// </summary>
    public static delegate*<void> Yield;

    /// <summary>The kernel has run so long that it is time for a <see cref="Point"/>.</summary>
    public static bool IsDue => Clock.Monotonic - LogicalProcessor.Current->Since >= MaxRun;

    /// <summary>
    /// Between two steps of work whose length the caller of a system call chooses, where it could as well sleep: once a
    /// while has passed in the kernel, others have their turn. Without it no signal could come that ends the work.
    /// </summary>
    public static void Point()
    {
        if (IsDue)
            Yield();
    }
}
