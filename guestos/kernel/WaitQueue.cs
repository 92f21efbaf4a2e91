namespace Guestos;

/// <summary>
/// Processes that sleep until something happens. Embedded in the object they wait for; all zeros is an empty queue.
/// </summary>
public unsafe struct WaitQueue
{
    internal Process* First;
    internal Process* Last;

    /// <summary>Those who are told of the object's readiness without sleeping here (<see cref="Readiness"/>).</summary>
    internal Watch* Watches;

    public readonly bool IsEmpty => First == null;
}

/// <summary>Why a sleep ended.</summary>
public enum WaitResult
{
    /// <summary>Somebody woke the queue: look at the condition again.</summary>
    Woken,

    /// <summary>The deadline has passed.</summary>
    TimedOut,

    /// <summary>A signal is to be delivered: undo and return -EINTR.</summary>
    Interrupted,
}
