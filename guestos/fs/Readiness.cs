namespace Guestos;

/// <summary>
/// Reports changes of objects that can be polled. Every code path that may make an object ready calls it, each time:
/// edge-triggered epoll entries report the change itself, whatever the state is when they are looked at.
/// </summary>
public static unsafe class Readiness
{
    /// <summary>
    /// Something about the object has changed: <paramref name="events"/> (<see cref="PollEvents"/>) may hold now. Wakes
    /// those who sleep on the object for one of them (<see cref="Wait"/>), and tells those who watch it for one of
    /// them. Callable from interrupt handlers.
    /// </summary>
    public static void Changed(WaitQueue* own, uint events)
    {
        Scheduler.Wake(own, events);
        if (own->Watches == null)
            return;
        EpollSets.BeginChange();
        Tell(own, events);
    }

    /// <summary>Sleeps as <see cref="Scheduler.Sleep(WaitQueue*, ulong)"/> until one of the events may hold.</summary>
    public static WaitResult Wait(WaitQueue* own, uint events, ulong deadline) =>
        Scheduler.Sleep(own, deadline, events);

    /// <summary>
    /// Reports a change to all watches of an object, and through epoll sets to those that watch the sets.
    /// </summary>
    internal static void Tell(WaitQueue* own, uint events)
    {
        for (Watch* watch = own->Watches; watch != null; watch = watch->Next)
        {
            if ((watch->Events & events) != 0)
                watch->Notify(watch, events);
        }
    }
}

/// <summary>
/// poll(2) event bits (include/uapi/asm-generic/poll.h); epoll uses the same (include/uapi/linux/eventpoll.h).
/// </summary>
public static class PollEvents
{
    public const uint In = 0x001;
    public const uint Priority = 0x002;
    public const uint Out = 0x004;
    public const uint Error = 0x008;
    public const uint HangUp = 0x010;
    public const uint Invalid = 0x020;
    public const uint ReadNormal = 0x040;
    public const uint ReadBand = 0x080;
    public const uint WriteNormal = 0x100;
    public const uint WriteBand = 0x200;
    public const uint PeerClosed = 0x2000;

    public const uint Readable = In | ReadNormal;
    public const uint Writable = Out | WriteNormal;

    /// <summary>
    /// Bytes have come or gone, though the file may not be readable or writable by that: of interest to those only who
    /// sleep in the middle of a read or write. Never asked for nor told by poll(2).
    /// </summary>
    public const uint Moved = 1 << 16;

    /// <summary>A change of state: whoever watches looks again.</summary>
    public const uint All = uint.MaxValue;
}
