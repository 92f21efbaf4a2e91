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
