namespace Guestos;

/// <summary>
/// System calls on shares of the processor. Arguments as user mode passed them; results 0 or more, or -errno.
/// </summary>
public static unsafe class PriorityCalls
{
    // PRIO_ of setpriority(2) (include/uapi/linux/resource.h)
    private const uint PrioProcess = 0;
    private const uint PrioGroup = 1;
    private const uint PrioUser = 2;

    // SCHED_ of sched(7) (include/uapi/linux/sched.h)
    private const ulong SchedOther = 0;
    private const ulong SchedFifo = 1;
    private const ulong SchedRoundRobin = 2;
    private const ulong SchedBatch = 3;
    private const ulong SchedIdle = 5;
    private const ulong SchedDeadline = 6;
    private const ulong SchedResetOnFork = 0x40000000;
    private const int MinRealTime = 1;
    private const int MaxRealTime = 99;

    private static bool IsMeant(Thread* thread, uint which, int who)
    {
        Process* process = thread->Process;
        Process* self = Process.Current;
        return process->State != ProcessState.Zombie && which switch
        {
            PrioProcess => thread->Id == (who == 0 ? Thread.Current->Id : who),
            PrioGroup => process->ProcessGroupId == (who == 0 ? self->ProcessGroupId : who),
            _ => thread->Credentials.RealUserId == (who == 0 ? Credentials.Current.RealUserId : (uint)who),
        };
    }

    public static long Setpriority(ulong kind, ulong who, ulong value)
    {
        uint which = (uint)kind;
        if (which > PrioUser)
            return Errno.EINVAL;
        int nice = System.Math.Max(Nice.Min, System.Math.Min(Nice.Max, (int)value));
        Process* self = Process.Current;
        long result = Errno.ESRCH;
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
        {
            if (!IsMeant(thread, which, (int)who))
                continue;
            if (!Permissions.MaySchedule(Thread.Current, thread))
                result = Errno.EPERM;
            else if (!MayBeNice(thread, nice) && !Permissions.Has(Capability.SYS_NICE))
                result = Errno.EACCES;
            else
            {
                thread->NiceValue = nice;
                PriorityLocks.UpdateRank(thread);
                result = result == Errno.ESRCH ? 0 : result;
            }
        }
        return result;
    }

    /// <summary>
    /// 20 − nice of the process that has most, so that no result looks like an error (getpriority(2)).
    /// </summary>
    public static long Getpriority(ulong kind, ulong who)
    {
        uint which = (uint)kind;
        if (which > PrioUser)
            return Errno.EINVAL;
        long result = Errno.ESRCH;
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
            if (IsMeant(thread, which, (int)who))
                result = System.Math.Max(result, 20 - thread->NiceValue);
        return result;
    }

    private static Thread* Find(ulong id) => (int)id == 0 ? Thread.Current : Threads.Find((int)id);

    /// <summary>Another nice value than this is no gain for the thread, or RLIMIT_NICE allows it.</summary>
    private static bool MayBeNice(Thread* thread, int nice) =>
        nice >= thread->NiceValue
        || (ulong)(20 - nice) <= ResourceLimits.Of(thread->Process, Resource.Nice);

    /// <summary>
    /// sched(7), "Privileges and resource limits": what the caller may do to a thread without CAP_SYS_NICE.
    /// </summary>
    private static bool MayBecome(Thread* thread, uint policy, int priority, int nice, bool resets)
    {
        ulong mostRealTime = ResourceLimits.Of(thread->Process, Resource.RealTimePriority);
        bool isRealTime = policy is (uint)SchedFifo or (uint)SchedRoundRobin;
        bool isAllowed = isRealTime
            ? (policy == thread->Policy || mostRealTime != 0)
                && (priority <= thread->RealTimePriority || (ulong)priority <= mostRealTime)
            : MayBeNice(thread, nice);
        bool leavesIdle = thread->Policy == SchedIdle && policy != SchedIdle;
        return isAllowed
            && (!leavesIdle || (ulong)(20 - thread->NiceValue) <= ResourceLimits.Of(thread->Process, Resource.Nice))
            && (resets || !thread->ResetsOnFork)
            && Permissions.MaySchedule(Thread.Current, thread);
    }

    /// <summary>Deadlines (SCHED_DEADLINE) are refused with EPERM, as by a processor that has no time left.</summary>
    /// <param name="isKept">Nothing changes but what children inherit (SCHED_FLAG_KEEP_PARAMS).</param>
    private static long Set(
        Thread* thread, uint policy, int priority, int nice, bool resets, bool isKept = false)
    {
        bool isRealTime = policy is (uint)SchedFifo or (uint)SchedRoundRobin;
        bool isValid = policy switch
        {
            (uint)SchedFifo or (uint)SchedRoundRobin => priority is >= MinRealTime and <= MaxRealTime,
            (uint)SchedOther or (uint)SchedBatch or (uint)SchedIdle or (uint)SchedDeadline => priority == 0,
            _ => false,
        };
        if (!isValid)
            return Errno.EINVAL;
        if (policy == SchedDeadline
            || !Permissions.Has(Capability.SYS_NICE) && !MayBecome(thread, policy, priority, nice, resets))
            return Errno.EPERM;
        thread->ResetsOnFork = resets;
        if (isKept)
            return 0;
        thread->Policy = (byte)policy;
        thread->RealTimePriority = (byte)priority;
        if (!isRealTime)
            thread->NiceValue = nice;
        PriorityLocks.UpdateRank(thread);
        return 0;
    }

    public static long SchedSetscheduler(ulong id, ulong policy, UserPointer<int> parameters)
    {
        if ((int)policy < 0)
            return Errno.EINVAL;
        long error = Find(id, parameters, out Thread* thread, out int priority);
        if (error < 0)
            return error;
        bool resets = (policy & SchedResetOnFork) != 0;
        return Set(thread, (uint)(policy & ~SchedResetOnFork), priority, thread->NiceValue, resets);
    }

    /// <summary>The thread that is meant, and struct sched_param.</summary>
    private static long Find(ulong id, UserPointer<int> parameters, out Thread* thread, out int priority)
    {
        thread = null;
        priority = 0;
        if ((int)id < 0 || parameters.IsNull)
            return Errno.EINVAL;
        if (!parameters.TryGet(out priority))
            return Errno.EFAULT;
        thread = Find(id);
        return thread == null ? Errno.ESRCH : 0;
    }

    public static long SchedSetparam(ulong id, UserPointer<int> parameters)
    {
        long error = Find(id, parameters, out Thread* thread, out int priority);
        return error < 0 ? error : Set(thread, thread->Policy, priority, thread->NiceValue, thread->ResetsOnFork);
    }

    public static long SchedGetparam(ulong id, UserPointer<int> parameters)
    {
        if ((int)id < 0 || parameters.IsNull)
            return Errno.EINVAL;
        Thread* thread = Find(id);
        return thread == null ? Errno.ESRCH : parameters.Put(thread->RealTimePriority);
    }

    public static long SchedGetscheduler(ulong id)
    {
        if ((int)id < 0)
            return Errno.EINVAL;
        Thread* thread = Find(id);
        if (thread == null)
            return Errno.ESRCH;
        return thread->ResetsOnFork ? thread->Policy | (long)SchedResetOnFork : thread->Policy;
    }

    public static long SchedGetPriorityMax(ulong policy) => policy switch
    {
        SchedFifo or SchedRoundRobin => MaxRealTime,
        SchedOther or SchedBatch or SchedIdle or SchedDeadline => 0,
        _ => Errno.EINVAL,
    };

    public static long SchedGetPriorityMin(ulong policy) =>
        policy is SchedFifo or SchedRoundRobin ? MinRealTime : SchedGetPriorityMax(policy);

    // ioprio_set(2) (include/uapi/linux/ioprio.h): IOPRIO_WHO_ is PRIO_ and 1.
    private const int IoClassShift = 13;
    private const int IoRealTime = 1;
    private const int IoBestEffort = 2;
    private const int IoIdle = 3;

    /// <summary>Hints lie above (IOPRIO_HINT_MASK).</summary>
    private const int IoLevelMask = 7;

    public static long IoprioSet(ulong which, ulong who, ulong priority)
    {
        int level = (int)priority & IoLevelMask;
        bool isValid = ((int)priority >> IoClassShift) switch
        {
            0 => level == 0,
            IoRealTime or IoBestEffort or IoIdle => true,
            _ => false,
        };
        Process* self = Process.Current;
        if (!isValid || (uint)which - 1 > PrioUser)
            return Errno.EINVAL;
        if ((int)priority >> IoClassShift == IoRealTime && !Permissions.Has(Capability.SYS_NICE)
            && !Permissions.Has(Capability.SYS_ADMIN))
            return Errno.EPERM;
        long result = Errno.ESRCH;
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
        {
            if (!IsMeant(thread, (uint)which - 1, (int)who))
                continue;
            if (!Permissions.MaySchedule(Thread.Current, thread))
                return Errno.EPERM;
            thread->IoPriority = (int)priority;
            result = 0;
        }
        return result;
    }

    /// <summary>The highest of all that are meant.</summary>
    public static long IoprioGet(ulong which, ulong who)
    {
        if ((uint)which - 1 > PrioUser)
            return Errno.EINVAL;
        long result = Errno.ESRCH;
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
        {
            if (!IsMeant(thread, (uint)which - 1, (int)who))
                continue;
            result = result < 0 ? thread->IoPriority : System.Math.Min(result, thread->IoPriority);
        }
        return result;
    }

    /// <summary>sched_rr_get_interval(2): a turn; none of SCHED_FIFO.</summary>
    public static long SchedRrGetInterval(ulong id, UserPointer<TimeCalls.TimeSpec> to)
    {
        if ((int)id < 0)
            return Errno.EINVAL;
        Thread* thread = Find(id);
        if (thread == null)
            return Errno.ESRCH;
        ulong turn = thread->Policy switch
        {
            (byte)SchedFifo => 0,
            (byte)SchedRoundRobin => Scheduler.RealTimeTurn,
            _ => Scheduler.Quantum,
        };
        return to.Put(new TimeCalls.TimeSpec { Nanoseconds = (long)turn });
    }

    /// <summary>struct sched_attr (include/uapi/linux/sched/types.h), its first version.</summary>
    public struct Attributes
    {
        public uint Size;
        public uint Policy;
        public ulong Flags;
        public int Nice;
        public uint Priority;
        public ulong Runtime;
        public ulong Deadline;
        public ulong Period;
    }

    // SCHED_FLAG_
    private const ulong FlagResetOnFork = 1;
    private const ulong FlagKeepPolicy = 8;
    private const ulong FlagKeepParameters = 16;
    private const ulong FlagsOfUtilization = 0x60;
    private const ulong FlagsKnown = 0x7f;

    public static long SchedGetattr(ulong id, UserPointer<Attributes> to, ulong size, ulong flags)
    {
        if ((int)id < 0 || to.IsNull || flags != 0 || (uint)size < sizeof(Attributes) || (uint)size > Frames.Size)
            return Errno.EINVAL;
        Thread* thread = Find(id);
        if (thread == null)
            return Errno.ESRCH;
        return to.Put(new Attributes
        {
            Size = (uint)sizeof(Attributes),
            Policy = thread->Policy,
            Flags = thread->ResetsOnFork ? FlagResetOnFork : 0,
            Nice = thread->RealTimePriority == 0 ? thread->NiceValue : 0,
            Priority = thread->RealTimePriority,
        });
    }

    public static long SchedSetattr(ulong id, UserPointer<Attributes> from, ulong flags)
    {
        if ((int)id < 0 || from.IsNull || flags != 0)
            return Errno.EINVAL;
        UserPointer<uint> sizeAt = from.Address;
        if (!sizeAt.TryGet(out uint size))
            return Errno.EFAULT;
        if (size == 0)
            size = (uint)sizeof(Attributes);
        // What later versions of Linux add is refused unless it is 0.
        bool fits = size >= sizeof(Attributes) && size <= Frames.Size;
        for (ulong i = (ulong)sizeof(Attributes); fits && i < size; i++)
        {
            if (!((UserPointer<byte>)from.Address).At(i).TryGet(out byte added))
                return Errno.EFAULT;
            fits = added == 0;
        }
        if (!fits)
        {
            sizeAt.TryPut((uint)sizeof(Attributes));
            return Errno.E2BIG;
        }
        if (!from.TryGet(out Attributes wanted))
            return Errno.EFAULT;
        Thread* thread = Find(id);
        if (thread == null)
            return Errno.ESRCH;
        if ((wanted.Flags & FlagsOfUtilization) != 0 || (int)wanted.Policy < 0)
            return (int)wanted.Policy < 0 ? Errno.EINVAL : Errno.EOPNOTSUPP;
        if ((wanted.Flags & ~FlagsKnown) != 0)
            return Errno.EINVAL;
        bool isKept = (wanted.Flags & FlagKeepParameters) != 0;
        if (isKept)
        {
            wanted.Nice = thread->NiceValue;
            wanted.Priority = thread->RealTimePriority;
        }
        uint policy = (wanted.Flags & FlagKeepPolicy) != 0 ? thread->Policy : wanted.Policy;
        int nice = System.Math.Clamp(wanted.Nice, Nice.Min, Nice.Max);
        return Set(thread, policy, (int)wanted.Priority, nice, (wanted.Flags & FlagResetOnFork) != 0, isKept);
    }
}
