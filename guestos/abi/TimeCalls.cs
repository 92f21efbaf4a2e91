using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>System calls on time. Arguments as user mode passed them; results 0 or more, or -errno.</summary>
public static unsafe class TimeCalls
{
    private const ulong Second = 1_000_000_000;
    private const ulong AbsoluteTime = 1;

    // clockid_t (include/uapi/linux/time.h)
    private const ulong RealtimeClock = 0;
    private const ulong MonotonicClock = 1;
    private const ulong ProcessTime = 2;
    private const ulong ThreadTime = 3;
    private const ulong MonotonicRaw = 4;
    private const ulong RealtimeCoarse = 5;
    private const ulong MonotonicCoarse = 6;
    private const ulong BootTime = 7;
    private const ulong RealtimeAlarm = 8;
    private const ulong BootTimeAlarm = 9;
    private const ulong AtomicTime = 11;

    public struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    private static TimeSpec SpecOf(ulong nanoseconds) =>
        new() { Seconds = (long)(nanoseconds / Second), Nanoseconds = (long)(nanoseconds % Second) };

    private static TimeSpec ValueOf(ulong nanoseconds) =>
        new() { Seconds = (long)(nanoseconds / Second), Nanoseconds = (long)(nanoseconds % Second / 1000) };

    /// <summary>A struct timespec as nanoseconds, at most 292 years. False: unreadable or not normal.</summary>
    public static bool ReadTime(UserPointer<TimeSpec> at, out ulong nanoseconds)
    {
        nanoseconds = 0;
        if (!at.TryGet(out TimeSpec time) || time.Seconds < 0 || (ulong)time.Nanoseconds >= Second)
            return false;
        nanoseconds = (ulong)time.Seconds > long.MaxValue / Second - 1
            ? long.MaxValue
            : (ulong)time.Seconds * Second + (ulong)time.Nanoseconds;
        return true;
    }

    /// <summary>A moment of wall time as one of monotonic time; 0 when it lies before boot.</summary>
    public static ulong MonotonicOf(ulong realtime)
    {
        ulong offset = Clock.Realtime - Clock.Monotonic;
        return realtime > offset ? realtime - offset : 0;
    }

    private static bool Read(ulong clock, out ulong nanoseconds)
    {
        Process* process = Process.Current;
        switch (clock)
        {
            case RealtimeClock or RealtimeCoarse or RealtimeAlarm or AtomicTime:
                nanoseconds = Clock.Realtime;
                return true;
            case MonotonicClock or MonotonicRaw or MonotonicCoarse or BootTime or BootTimeAlarm:
                nanoseconds = Clock.Monotonic;
                return true;
            case ProcessTime:
                nanoseconds = process->UserTime + process->KernelTime;
                return true;
            case ThreadTime:
                nanoseconds = Thread.Current->UserTime + Thread.Current->KernelTime;
                return true;
            default:
                return ReadProcessorClock((int)clock, out nanoseconds);
        }
    }

    // A clock of somebody's processor time: ~id << 3, the kind, and whether the id is a thread's
    // (include/linux/posix-timers_types.h). An id of 0 is the caller's.
    internal const int ClockOfThread = 4;
    private const int ClockKinds = 3;
    private const int ClockUser = 1;
    private const int ClockSum = 2;

    /// <summary>The thread that a clock of processor time belongs to, the first of a process; null: EINVAL.</summary>
    internal static Thread* OwnerOf(int clock)
    {
        if (clock >= 0 || (clock & ClockKinds) > ClockSum)
            return null;
        int id = ~(clock >> 3);
        Process* self = Process.Current;
        if ((clock & ClockOfThread) == 0)
        {
            Process* process = id == 0 ? self : ProcessTable.Find(id);
            return process != null ? process->FirstThread : null;
        }
        Thread* thread = id == 0 ? Thread.Current : Threads.Find(id);
        return thread != null && thread->Process == self ? thread : null;
    }

    private static bool ReadProcessorClock(int clock, out ulong nanoseconds)
    {
        nanoseconds = 0;
        Thread* thread = OwnerOf(clock);
        if (thread == null)
            return false;
        bool isOfThread = (clock & ClockOfThread) != 0;
        ulong user = isOfThread ? thread->UserTime : thread->Process->UserTime;
        ulong kernel = isOfThread ? thread->KernelTime : thread->Process->KernelTime;
        nanoseconds = (clock & ClockKinds) == ClockUser ? user : user + kernel;
        return true;
    }

    public static long ClockGettime(ulong clock, UserPointer<TimeSpec> to) =>
        Read(clock, out ulong now) ? to.Put(SpecOf(now)) : Errno.EINVAL;

    public static long ClockGetres(ulong clock, UserPointer<TimeSpec> to)
    {
        if (!Read(clock, out _))
            return Errno.EINVAL;
        return to.TryPutIfAsked(SpecOf(1)) ? 0 : Errno.EFAULT;
    }

    public static long ClockSettime(ulong clock, UserPointer<TimeSpec> from)
    {
        if ((uint)clock != RealtimeClock)
            return Errno.EINVAL;
        return from.TryGet(out TimeSpec time) ? SetWallClock(time.Seconds, (ulong)time.Nanoseconds) : Errno.EFAULT;
    }

    /// <summary>
    /// The wall clock cannot be set to less than monotonic time, nor into the last 30 years that a signed number of
    /// nanoseconds reaches (Linux's timespec64_valid_settod).
    /// </summary>
    private static long SetWallClock(long seconds, ulong nanoseconds)
    {
        const long LastYears = 30L * 365 * 24 * 3600;
        const long End = long.MaxValue / (long)Second - LastYears;
        if (seconds is < 0 or >= End || nanoseconds >= Second)
            return Errno.EINVAL;
        if (!Permissions.Has(Capability.SYS_TIME))
            return Errno.EPERM;
        ulong time = (ulong)seconds * Second + nanoseconds;
        if (time < Clock.Monotonic)
            return Errno.EINVAL;
        Clock.SetRealtime(time);
        return 0;
    }

    public static long Gettimeofday(UserPointer<TimeSpec> to, UserPointer<ulong> zone)
    {
        return to.TryPutIfAsked(ValueOf(Clock.Realtime)) && zone.TryPutIfAsked(0) ? 0 : Errno.EFAULT;
    }

    public static long Settimeofday(UserPointer<TimeSpec> from)
    {
        if (from.IsNull)
            return 0;
        if (!from.TryGet(out TimeSpec time))
            return Errno.EFAULT;
        // Microseconds here (struct timeval).
        if ((ulong)time.Nanoseconds >= 1_000_000)
            return Errno.EINVAL;
        return SetWallClock(time.Seconds, (ulong)time.Nanoseconds * 1000);
    }

    public static long Time(UserPointer<ulong> to)
    {
        ulong seconds = Clock.Realtime / Second;
        return to.TryPutIfAsked(seconds) ? (long)seconds : Errno.EFAULT;
    }

    public static long Nanosleep(UserPointer<TimeSpec> request, UserPointer<TimeSpec> remaining) =>
        ClockNanosleep(MonotonicClock, 0, request, remaining);

    public static long ClockNanosleep(
        ulong clock, ulong flags, UserPointer<TimeSpec> request, UserPointer<TimeSpec> remaining)
    {
        if (!request.TryGet(out TimeSpec _))
            return Errno.EFAULT;
        if (!Read(clock, out _) || !ReadTime(request, out ulong time))
            return Errno.EINVAL;
        bool absolute = (flags & AbsoluteTime) != 0;
        ulong deadline = absolute ? MomentOf(clock, time) : Scheduler.DeadlineAfter(time);
        WaitQueue nobody = default;
        while (true)
        {
            WaitResult result = Scheduler.Sleep(&nobody, deadline);
            if (result == WaitResult.TimedOut)
                return 0;
            if (result != WaitResult.Interrupted)
                continue;
            ulong now = Clock.Monotonic;
            if (!absolute && !remaining.TryPutIfAsked(SpecOf(deadline > now ? deadline - now : 0)))
                return Errno.EFAULT;
            return Errno.EINTR;
        }
    }

    /// <summary>A moment of a clock as one of monotonic time.</summary>
    private static ulong MomentOf(ulong clock, ulong time) =>
        clock is RealtimeClock or RealtimeAlarm ? MonotonicOf(time) : time;

    // ---- alarms ----

    public static long Alarm(ulong seconds) =>
        (long)((AlarmTimer.Set(Process.Current, (uint)seconds * Second, 0) + Second - 1) / Second);

    // setitimer(2); ITIMER_REAL is 0.
    private const ulong Virtual = 1;
    private const ulong Profile = 2;

    public struct IntervalTimer
    {
        public TimeSpec Interval;
        public TimeSpec Value;
    }

    public static long Getitimer(ulong which, UserPointer<IntervalTimer> to)
    {
        if (which > Profile)
            return Errno.EINVAL;
        Process* process = Process.Current;
        ulong left = 0;
        ulong interval = process->AlarmInterval;
        ulong now = Clock.Monotonic;
        if (which != 0)
            ProcessorTimers.Get(process, which == Virtual, out left, out interval);
        else if (process->Alarm.Armed)
            left = Math.Max(process->Alarm.Deadline, now + 1000) - now;
        return to.Put(new IntervalTimer { Interval = ValueOf(interval), Value = ValueOf(left) });
    }

    public static long Setitimer(ulong which, UserPointer<IntervalTimer> from, UserPointer<IntervalTimer> old)
    {
        if (which > Profile)
            return Errno.EINVAL;
        IntervalTimer timer = default;
        if (!from.IsNull && !from.TryGet(out timer))
            return Errno.EFAULT;
        if (timer.Value.Seconds < 0 || timer.Interval.Seconds < 0 || (ulong)timer.Value.Nanoseconds >= 1_000_000
            || (ulong)timer.Interval.Nanoseconds >= 1_000_000)
            return Errno.EINVAL;
        if (!old.IsNull)
        {
            long result = Getitimer(which, old);
            if (result < 0)
                return result;
        }
        ulong value = Nanoseconds(timer.Value);
        ulong interval = Nanoseconds(timer.Interval);
        if (which == 0)
            AlarmTimer.Set(Process.Current, value, interval);
        else
            ProcessorTimers.Set(Process.Current, which == Virtual, value, interval);
        return 0;
    }

    /// <summary>Of a struct timeval.</summary>
    private static ulong Nanoseconds(TimeSpec value) =>
        (ulong)Math.Min(value.Seconds, 1L << 32) * Second + (ulong)value.Nanoseconds * 1000;

    // ---- processor time ----

    private const ulong ClockTick = Second / 100;

    public static long Times(UserPointer<ProcessTimes> to)
    {
        Process* process = Process.Current;
        var times = new ProcessTimes
        {
            User = process->UserTime / ClockTick,
            Kernel = process->KernelTime / ClockTick,
            ChildrenUser = process->ChildrenUserTime / ClockTick,
            ChildrenKernel = process->ChildrenKernelTime / ClockTick,
        };
        return to.TryPutIfAsked(times) ? (long)(Clock.Monotonic / ClockTick) : Errno.EFAULT;
    }

    /// <summary>struct tms.</summary>
    public struct ProcessTimes
    {
        public ulong User;
        public ulong Kernel;
        public ulong ChildrenUser;
        public ulong ChildrenKernel;
    }

    /// <summary>struct rusage.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Usage
    {
        private TimeSpec user;
        private TimeSpec kernel;
        private ulong largestResidentSet;
        private ulong sharedSize;
        private ulong dataSize;
        private ulong stackSize;
        private ulong minorFaults;
        private ulong majorFaults;
        private ulong swaps;
        private ulong blocksIn;
        private ulong blocksOut;
        private ulong sent;
        private ulong received;
        private ulong signals;
        private ulong voluntarySwitches;
        private ulong involuntarySwitches;

        public Usage(
            ulong userTime, ulong kernelTime, ulong faults, ulong voluntary, ulong involuntary, ulong residentPages)
        {
            this = default;
            user = ValueOf(userTime);
            kernel = ValueOf(kernelTime);
            largestResidentSet = residentPages * (Frames.Size / 1024);
            minorFaults = faults;
            voluntarySwitches = voluntary;
            involuntarySwitches = involuntary;
        }
    }

    public static long Getrusage(ulong who, UserPointer<Usage> to)
    {
        Process* process = Process.Current;
        Usage usage;
        switch ((int)who)
        {
            case 1:
                // RUSAGE_THREAD: faults and switches are counted by process.
                Thread* thread = Thread.Current;
                usage = new Usage(thread->UserTime, thread->KernelTime, process->Faults, process->VoluntarySwitches,
                    process->InvoluntarySwitches, process->Space->ResidentPages);
                break;
            case 0:
                usage = new Usage(process->UserTime, process->KernelTime, process->Faults, process->VoluntarySwitches,
                    process->InvoluntarySwitches, process->Space->ResidentPages);
                break;
            case -1:
                usage = new Usage(
                    process->ChildrenUserTime, process->ChildrenKernelTime, process->ChildrenFaults, 0, 0, 0);
                break;
            default:
                return Errno.EINVAL;
        }
        return to.TryPut(usage) ? 0 : Errno.EFAULT;
    }
}
