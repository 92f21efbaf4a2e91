namespace Guestos;

/// <summary>timer_create(2) and its relatives.</summary>
public static unsafe class PosixTimerCalls
{
    private const uint AbsoluteTime = 1;

    // sigev_notify (include/uapi/asm-generic/siginfo.h)
    private const int NotifySignal = 0;
    private const int NotifyNone = 1;
    private const int NotifyThread = 2;
    private const int NotifyThreadId = 4;

    /// <summary>The beginning of struct sigevent, of 64 bytes.</summary>
    public struct Event
    {
        public ulong Value;
        public int Signal;
        public int Notify;
        public int Thread;
        public int Unused;
        public ulong Padding1;
        public ulong Padding2;
        public ulong Padding3;
        public ulong Padding4;
        public ulong Padding5;
    }

    public static long Create(ulong clock, UserPointer<Event> how, UserPointer<int> id)
    {
        Event wanted = new() { Signal = Signal.Alarm.Number };
        if (!how.IsNull && !how.TryGet(out wanted))
            return Errno.EFAULT;
        int clockThread = Thread.Current->Id;
        long error = ClockOf((uint)clock, out TimerClock followed, ref clockThread);
        if (error < 0)
            return error;
        Signal signal = Signal.None;
        if (wanted.Notify is not (NotifySignal or NotifyNone or NotifyThread or NotifySignal | NotifyThreadId)
            || wanted.Notify != NotifyNone && !Signal.TryMake((ulong)(uint)wanted.Signal, out signal))
            return Errno.EINVAL;
        int target = 0;
        if (wanted.Notify == NotifyThreadId)
        {
            Thread* thread = Threads.Find(wanted.Thread);
            if (thread == null || thread->Process != Process.Current)
                return Errno.EINVAL;
            target = wanted.Thread;
        }
        PosixTimer* timer = PosixTimers.Create(Process.Current, followed, signal, target);
        if (timer == null)
            return Errno.EAGAIN;
        timer->ClockThread = clockThread;
        PosixTimers.SetValue(timer, how.IsNull ? (ulong)timer->Id : wanted.Value);
        if (id.TryPut(timer->Id))
            return 0;
        PosixTimers.Delete(timer);
        return Errno.EFAULT;
    }

    /// <summary>
    /// clockid_t (include/uapi/linux/time.h). EINVAL, of another process's time, too; EOPNOTSUPP of clocks without
    /// timers.
    /// </summary>
    private static long ClockOf(uint clock, out TimerClock followed, ref int thread)
    {
        if ((int)clock < 0)
        {
            Thread* owner = TimeCalls.OwnerOf((int)clock);
            bool isOfThread = ((int)clock & TimeCalls.ClockOfThread) != 0;
            followed = isOfThread ? TimerClock.Thread : TimerClock.Process;
            if (owner == null || owner->Process != Process.Current)
                return Errno.EINVAL;
            thread = owner->Id;
            return 0;
        }
        followed = clock switch
        {
            0 or 8 or 11 => TimerClock.Realtime,
            2 => TimerClock.Process,
            3 => TimerClock.Thread,
            _ => TimerClock.Monotonic,
        };
        if (clock is 4 or 5 or 6)
            return Errno.EOPNOTSUPP;
        if (clock is 8 or 9 && !Permissions.Has(Capability.WAKE_ALARM))
            return Errno.EPERM;
        return clock is <= 11 and not 10 ? 0 : Errno.EINVAL;
    }

    private static bool TryFind(ulong id, out PosixTimer* timer)
    {
        timer = PosixTimers.Find(Process.Current, (int)id);
        return timer != null;
    }

    public static long Settime(ulong id, ulong flags, UserPointer<TimerFileCalls.Setting> wanted,
        UserPointer<TimerFileCalls.Setting> old)
    {
        if (wanted.IsNull)
            return Errno.EINVAL;
        if (!wanted.TryGet(out TimerFileCalls.Setting setting))
            return Errno.EFAULT;
        if (!TimerFileCalls.TryNanoseconds(setting.Value, out ulong value)
            || !TimerFileCalls.TryNanoseconds(setting.Interval, out ulong interval)
            || !TryFind(id, out PosixTimer* timer))
            return Errno.EINVAL;
        TimerFileCalls.Setting before = SettingOf(timer);
        PosixTimers.Set(timer, value, interval, ((uint)flags & AbsoluteTime) != 0);
        return old.TryPutIfAsked(before) ? 0 : Errno.EFAULT;
    }

    public static long Gettime(ulong id, UserPointer<TimerFileCalls.Setting> to) =>
        TryFind(id, out PosixTimer* timer) ? to.Put(SettingOf(timer)) : Errno.EINVAL;

    private static TimerFileCalls.Setting SettingOf(PosixTimer* timer)
    {
        PosixTimers.Get(timer, out ulong left, out ulong interval);
        return new TimerFileCalls.Setting
        {
            Value = TimerFileCalls.TimeOf(left),
            Interval = TimerFileCalls.TimeOf(interval),
        };
    }

    public static long Getoverrun(ulong id) =>
        TryFind(id, out PosixTimer* timer) ? timer->Overrun : Errno.EINVAL;

    public static long Delete(ulong id)
    {
        if (!TryFind(id, out PosixTimer* timer))
            return Errno.EINVAL;
        PosixTimers.Delete(timer);
        return 0;
    }
}
