namespace Guestos;

/// <summary>
/// Those that sleep until something happens. Embedded in the object that they wait for; all zeros is an empty queue.
/// </summary>
public unsafe struct WaitQueue
{
    internal Waiter* First;
    internal Waiter* Last;

    /// <summary>
    /// Those who are told of the object's readiness without sleeping here.
    /// </summary>
    internal Watch* Watches;

    /// <summary>How many of them there are.</summary>
    internal int WatchCount;

    public readonly bool IsEmpty => First == null;

    /// <summary>Puts one at the end.</summary>
    internal static void Append(WaitQueue* queue, Waiter* waiter)
    {
        waiter->Queue = queue;
        waiter->Next = null;
        waiter->Previous = queue->Last;
        if (queue->Last != null)
            queue->Last->Next = waiter;
        else
            queue->First = waiter;
        queue->Last = waiter;
    }

    /// <summary>Takes one off its queue.</summary>
    internal static void Remove(Waiter* waiter)
    {
        WaitQueue* queue = waiter->Queue;
        if (waiter->Previous != null)
            waiter->Previous->Next = waiter->Next;
        else
            queue->First = waiter->Next;
        if (waiter->Next != null)
            waiter->Next->Previous = waiter->Previous;
        else
            queue->Last = waiter->Previous;
        waiter->Queue = null;
    }
}

/// <summary>What stands in a wait queue: the first field of whatever sleeps.</summary>
public unsafe struct Waiter
{
    internal Waiter* Next;
    internal Waiter* Previous;

    /// <summary>Null while it is awake.</summary>
    internal WaitQueue* Queue;

    /// <summary>What it waits for there, in bits that mean something to those who wake the queue.</summary>
    internal uint Events;
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
