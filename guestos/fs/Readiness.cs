using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// One queue for everybody who waits for several objects at once (poll, select, epoll_wait): whatever changes the readiness of any
/// object wakes it, and the sleepers look again. Few processes wait, so looking again is cheaper than a queue entry per object.
/// </summary>
public static unsafe class Readiness
{
    private static WaitQueue s_queue;

    // SAFETY: non-collected statics of the image never move.
    public static WaitQueue* Queue => (WaitQueue*)Unsafe.AsPointer(ref s_queue);

    /// <summary>The readiness of some object has changed.</summary>
    public static void Changed() => Scheduler.Wake(Queue);

    /// <summary>Wakes those who sleep on the object itself and those who wait for several.</summary>
    public static void Changed(WaitQueue* own)
    {
        Scheduler.Wake(own);
        Scheduler.Wake(Queue);
    }
}

/// <summary>poll(2) event bits (include/uapi/asm-generic/poll.h); epoll uses the same (include/uapi/linux/eventpoll.h).</summary>
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
}
