namespace Guestos;

/// <summary>
/// Somebody who is told when the readiness of an object changes, without sleeping on it: a poll or select, or an entry
/// of an epoll set. It stands in the list of the object's queue (<see cref="WaitQueue.Watches"/>) and holds nothing:
/// its owner keeps the open file alive for as long.
/// </summary>
public unsafe struct Watch
{
    internal Watch* Next;
    internal Watch* Previous;

    /// <summary>The queue of the object; null while it watches nothing.</summary>
    internal WaitQueue* Object;

    /// <summary>Whose it is, for <see cref="Notify"/>.</summary>
    public void* Owner;

    /// <summary>
    /// Called with each change that has one of <see cref="Events"/>, and with what has changed. It does not sleep, does
    /// not change the list that it is called from, and may be called by an interrupt handler.
    /// </summary>
    public delegate*<Watch*, uint, void> Notify;

    /// <summary>Of which changes it is told.</summary>
    public uint Events;

    /// <summary>
    /// Watches of one object. A change tells all of them in one go, since that may happen in an interrupt handler: this
    /// bounds how long it takes.
    /// </summary>
    public const int MaxOfObject = 4096;

    /// <summary>
    /// Begins to watch. Nothing is told of what is ready already. False when the object is watched by
    /// <see cref="MaxOfObject"/> others.
    /// </summary>
    public static bool TryBegin(Watch* watch, WaitQueue* queue)
    {
        if (queue->WatchCount >= MaxOfObject)
            return false;
        queue->WatchCount++;
        watch->Object = queue;
        watch->Previous = null;
        watch->Next = queue->Watches;
        if (watch->Next != null)
            watch->Next->Previous = watch;
        queue->Watches = watch;
        return true;
    }

    /// <summary>Undoes <see cref="TryBegin"/>. Nothing happens to one that watches nothing.</summary>
    public static void End(Watch* watch)
    {
        if (watch->Object == null)
            return;
        watch->Object->WatchCount--;
        if (watch->Previous != null)
            watch->Previous->Next = watch->Next;
        else
            watch->Object->Watches = watch->Next;
        if (watch->Next != null)
            watch->Next->Previous = watch->Previous;
        watch->Object = null;
    }
}
