namespace Guestos;

/// <summary>
/// Somebody who is told when the readiness of an object changes: a poll or select that sleeps, or an entry of an epoll
/// set. It stands in the list of the object's queue (<see cref="WaitQueue.Watches"/>) and holds nothing: its owner
/// keeps the open file alive for as long.
/// </summary>
public unsafe struct Watch
{
    internal Watch* Next;
    internal Watch* Previous;

    /// <summary>The queue of the object; null while it watches nothing.</summary>
    internal WaitQueue* Object;

    /// <summary>
    /// poll and select: who sleeps. Null: the watch is the first field of an entry that notes the change.
    /// </summary>
    public WaitQueue* Sleeper;

    /// <summary>Begins to watch. Nothing is told of what is ready already.</summary>
    public static void Begin(Watch* watch, WaitQueue* queue)
    {
        watch->Object = queue;
        watch->Previous = null;
        watch->Next = queue->Watches;
        if (watch->Next != null)
            watch->Next->Previous = watch;
        queue->Watches = watch;
    }

    public static void End(Watch* watch)
    {
        if (watch->Object == null)
            return;
        if (watch->Previous != null)
            watch->Previous->Next = watch->Next;
        else
            watch->Object->Watches = watch->Next;
        if (watch->Next != null)
            watch->Next->Previous = watch->Previous;
        watch->Object = null;
    }
}
