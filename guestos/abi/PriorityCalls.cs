namespace Guestos;

/// <summary>System calls on shares of the processor. Arguments as user mode passed them; results 0 or more, or -errno.</summary>
public static unsafe class PriorityCalls
{
    // setpriority(2)
    private const ulong OfProcess = 0, OfGroup = 1, OfUser = 2;

    // sched(7)
    private const ulong Other = 0, Fifo = 1, RoundRobin = 2, Batch = 3, Idle = 5, ResetOnFork = 0x40000000;
    private const int LowestRealTime = 1, HighestRealTime = 99;

    private static bool IsMeant(Process* process, ulong which, int who)
    {
        Process* self = Process.Current;
        return process->State != ProcessState.Zombie && which switch
        {
            OfProcess => process->Id == (who == 0 ? self->Id : who),
            OfGroup => process->GroupId == (who == 0 ? self->GroupId : who),
            _ => process->UserId == (who == 0 ? self->UserId : (uint)who),
        };
    }

    public static long Setpriority(ulong which, ulong who, ulong value)
    {
        if (which > OfUser)
            return Errno.EINVAL;
        int nice = System.Math.Max(Nice.Lowest, System.Math.Min(Nice.Highest, (int)value));
        Process* self = Process.Current;
        long result = Errno.ESRCH;
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
        {
            if (!IsMeant(process, which, (int)who))
                continue;
            if (!Permissions.MaySchedule(self, process))
                result = Errno.EPERM;
            else if (nice < process->NiceValue && self->EffectiveUserId != 0)
                result = Errno.EACCES;
            else
            {
                process->NiceValue = nice;
                process->Weight = WeightOf(process);
                result = result == Errno.ESRCH ? 0 : result;
            }
        }
        return result;
    }

    private static uint WeightOf(Process* process) => process->Policy == Idle ? Nice.IdleWeight : Nice.WeightOf(process->NiceValue);

    /// <summary>20 − nice of whom has most, so that no answer looks like an error.</summary>
    public static long Getpriority(ulong which, ulong who)
    {
        if (which > OfUser)
            return Errno.EINVAL;
        long result = Errno.ESRCH;
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
            if (IsMeant(process, which, (int)who))
                result = System.Math.Max(result, 20 - process->NiceValue);
        return result;
    }

    private static Process* Find(ulong id) => (int)id == 0 ? Process.Current : ProcessTable.Find((int)id);

    /// <summary>The fair policies; real-time ones are refused as to a user who may have none (RLIMIT_RTPRIO is 0).</summary>
    public static long SchedSetscheduler(ulong id, ulong policy, UserPointer<int> parameters)
    {
        if ((int)id < 0 || parameters.IsNull)
            return Errno.EINVAL;
        if (!parameters.TryGet(out int priority))
            return Errno.EFAULT;
        Process* process = Find(id);
        if (process == null)
            return Errno.ESRCH;
        switch ((uint)policy & ~ResetOnFork)
        {
            case Other or Batch or Idle when priority == 0:
                if (!Permissions.MaySchedule(Process.Current, process))
                    return Errno.EPERM;
                process->Policy = (byte)policy;
                process->Weight = WeightOf(process);
                return 0;
            case Fifo or RoundRobin when priority is >= LowestRealTime and <= HighestRealTime:
                return Errno.EPERM;
            default:
                return Errno.EINVAL;
        }
    }

    public static long SchedSetparam(ulong id, UserPointer<int> parameters)
    {
        Process* process = Find(id);
        return (int)id < 0 || parameters.IsNull ? Errno.EINVAL : process == null ? Errno.ESRCH : SchedSetscheduler(id, process->Policy, parameters);
    }

    public static long SchedGetparam(ulong id, UserPointer<int> parameters)
    {
        if ((int)id < 0 || parameters.IsNull)
            return Errno.EINVAL;
        return Find(id) == null ? Errno.ESRCH : parameters.TryPut(0) ? 0 : Errno.EFAULT;
    }

    public static long SchedGetscheduler(ulong id) => (int)id < 0 ? Errno.EINVAL : Find(id) == null ? Errno.ESRCH : Find(id)->Policy;

    public static long SchedGetPriorityMost(ulong policy) => policy switch
    {
        Fifo or RoundRobin => HighestRealTime,
        Other or Batch or Idle => 0,
        _ => Errno.EINVAL,
    };

    public static long SchedGetPriorityLeast(ulong policy) => policy is Fifo or RoundRobin ? LowestRealTime : SchedGetPriorityMost(policy);
}
