namespace Guestos;

/// <summary>timerfd_create(2) and its relatives, signalfd(2).</summary>
public static unsafe class TimerFileCalls
{
    private const uint Realtime = 0;
    private const uint Monotonic = 1;
    private const uint BootTime = 7;
    private const uint RealtimeAlarm = 8;
    private const uint BootTimeAlarm = 9;
    private const uint AbsoluteTime = 1;
    private const uint CancelOnSet = 2;
    private const long Second = 1_000_000_000;

    /// <summary>struct itimerspec.</summary>
    public struct Setting
    {
        public PollCalls.Time Interval;
        public PollCalls.Time Value;
    }

    public static long Create(ulong clock, ulong flags)
    {
        if (!CallFlags.TryMake(flags, OpenFlags.NONBLOCK | OpenFlags.CLOEXEC, out CallFlags how)
            || (uint)clock is not (Realtime or Monotonic or BootTime or RealtimeAlarm or BootTimeAlarm))
            return Errno.EINVAL;
        if ((uint)clock is RealtimeAlarm or BootTimeAlarm && !Permissions.Has(Capability.WAKE_ALARM))
            return Errno.EPERM;
        bool isRealtime = (uint)clock is Realtime or RealtimeAlarm;
        return Install(TimerFile.Create(isRealtime, (uint)flags), how);
    }

    internal static long Install(File* file, CallFlags flags)
    {
        if (file == null)
            return Errno.ENFILE;
        long descriptor = FileTable.Install(FileContext.TableOf(Process.Current), file, flags.Has(OpenFlags.CLOEXEC));
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }

    private static long Get(ulong descriptor, out File* file)
    {
        file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        return TimerFile.Is(file) ? 0 : Errno.EINVAL;
    }

    public static long Settime(ulong descriptor, ulong flags, UserPointer<Setting> wanted, UserPointer<Setting> old)
    {
        if (!wanted.TryGet(out Setting setting))
            return Errno.EFAULT;
        if (!CallFlags.TryMake(flags, AbsoluteTime | CancelOnSet, out CallFlags how)
            || !TryNanoseconds(setting.Value, out ulong value) || !TryNanoseconds(setting.Interval, out ulong interval))
            return Errno.EINVAL;
        long error = Get(descriptor, out File* file);
        if (error < 0)
            return error;
        Setting before = SettingOf(file);
        TimerFile.Set(file, new TimerFile.Setting
        {
            Value = value,
            Interval = interval,
            IsAbsolute = how.Has(AbsoluteTime),
            CancelsOnSet = how.Has(CancelOnSet),
        });
        return old.TryPutIfAsked(before) ? 0 : Errno.EFAULT;
    }

    public static long Gettime(ulong descriptor, UserPointer<Setting> to)
    {
        long error = Get(descriptor, out File* file);
        return error < 0 ? error : to.Put(SettingOf(file));
    }

    private static Setting SettingOf(File* file)
    {
        TimerFile.Get(file, out ulong left, out ulong interval);
        return new Setting { Value = TimeOf(left), Interval = TimeOf(interval) };
    }

    internal static PollCalls.Time TimeOf(ulong nanoseconds) =>
        new() { Seconds = (long)nanoseconds / Second, Part = (long)nanoseconds % Second };

    /// <summary>At most 292 years. False: EINVAL.</summary>
    internal static bool TryNanoseconds(PollCalls.Time time, out ulong nanoseconds)
    {
        nanoseconds = long.MaxValue;
        if (time.Seconds < 0 || time.Part is < 0 or >= Second)
            return false;
        if (time.Seconds < long.MaxValue / Second)
            nanoseconds = (ulong)(time.Seconds * Second + time.Part);
        return true;
    }

    /// <summary>signalfd4(2): a new one for the descriptor −1, else the set of an old one is replaced.</summary>
    public static long Signalfd4(ulong descriptor, UserPointer<ulong> mask, ulong size, ulong flags)
    {
        if (!CallFlags.TryMake(flags, OpenFlags.NONBLOCK | OpenFlags.CLOEXEC, out CallFlags how)
            || size != sizeof(ulong))
            return Errno.EINVAL;
        if (!mask.TryGet(out ulong signals))
            return Errno.EFAULT;
        if ((int)descriptor == -1)
            return Install(SignalFile.Create(signals, (uint)flags), how);
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if (!SignalFile.Is(file))
            return Errno.EINVAL;
        SignalFile.Set(file, signals);
        return (int)descriptor;
    }
}
