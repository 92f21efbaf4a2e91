namespace Guestos;

/// <summary>System calls on waiting for several files. Arguments as user mode passed them; results 0 or more, or -errno.</summary>
public static unsafe class PollCalls
{
    public static long Poll(ulong a, ulong b, ulong c) => Errno.NotImplemented;
    public static long Ppoll(ulong a, ulong b, ulong c, ulong d) => Errno.NotImplemented;
    public static long Select(ulong a, ulong b, ulong c, ulong d, ulong e) => Errno.NotImplemented;
    public static long Pselect6(ulong a, ulong b, ulong c, ulong d, ulong e, ulong f) => Errno.NotImplemented;
    public static long EpollCreate(ulong a) => Errno.NotImplemented;
    public static long EpollCreate1(ulong a) => Errno.NotImplemented;
    public static long EpollCtl(ulong a, ulong b, ulong c, ulong d) => Errno.NotImplemented;
    public static long EpollWait(ulong a, ulong b, ulong c, ulong d) => Errno.NotImplemented;
    public static long EpollPwait(ulong a, ulong b, ulong c, ulong d, ulong e) => Errno.NotImplemented;
    public static long Eventfd(ulong a) => Errno.NotImplemented;
    public static long Eventfd2(ulong a, ulong b) => Errno.NotImplemented;
}
