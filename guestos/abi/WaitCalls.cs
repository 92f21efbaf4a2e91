using System;

namespace Guestos;

/// <summary>System calls that wait for children. Arguments as user mode passed them; results 0 or more, or -errno.</summary>
public static unsafe class WaitCalls
{
    private const uint NoHang = 1, Untraced = 2, Exited = 4, Continued = 8, NoWait = 0x1000000,
        ThreadsOfKinds = 0xe0000000;    // __WNOTHREAD, __WALL, __WCLONE: there are no threads

    /// <summary>What waiting has found.</summary>
    private struct Found
    {
        public int Id, Status;
        public uint UserId;
        public bool Usage;
        public ulong UserTime, KernelTime, Faults, Voluntary, Involuntary;
    }

    /// <param name="which">wait4's first argument: above 0 an id, 0 the caller's group, −1 any, below a group.</param>
    /// <returns>1 found, 0 nothing yet (WNOHANG), or -errno.</returns>
    private static long WaitFor(int which, CallFlags options, bool exited, out Found found)
    {
        Process* self = Process.Current;
        found = default;
        while (true)
        {
            bool any = false;
            for (Process* child = ProcessTable.First; child != null; child = child->Next)
            {
                if (child->ParentId != self->Id || child == self
                    || !(which == -1 || which > 0 && child->Id == which || which == 0 && child->GroupId == self->GroupId || which < -1 && child->GroupId == -which))
                    continue;
                any = true;
                found.Id = child->Id;
                found.UserId = child->UserId;
                if (child->State == ProcessState.Zombie && exited)
                {
                    Reap(self, child, ref found, !options.Has(NoWait));
                    return 1;
                }
                bool stopped = child->StopStatus is not (0 or Processes.ContinuedStatus) && options.Has(Untraced);
                bool continued = child->StopStatus == Processes.ContinuedStatus && options.Has(Continued);
                if (stopped || continued)
                {
                    found.Status = child->StopStatus;
                    if (!options.Has(NoWait))
                        child->StopStatus = 0;
                    return 1;
                }
            }
            found = default;
            if (!any)
                return Errno.ECHILD;
            if (options.Has(NoHang))
                return 0;
            if (Scheduler.Sleep(&self->ChildChanged, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }
    }

    private static void Reap(Process* self, Process* child, ref Found found, bool take)
    {
        found.Status = child->ExitStatus;
        found.Usage = true;
        found.UserTime = child->UserTime + child->ChildrenUserTime;
        found.KernelTime = child->KernelTime + child->ChildrenKernelTime;
        found.Faults = child->Faults + child->ChildrenFaults;
        found.Voluntary = child->VoluntarySwitches;
        found.Involuntary = child->InvoluntarySwitches;
        if (!take)
            return;
        self->ChildrenUserTime += found.UserTime;
        self->ChildrenKernelTime += found.KernelTime;
        self->ChildrenFaults += found.Faults;
        Scheduler.TakeOver(child->FirstThread);
        ProcessTable.Free(child);
    }

    private static bool PutUsage(UserPointer<TimeCalls.Usage> to, in Found found) =>
        to.TryPutIfAsked(new TimeCalls.Usage(found.UserTime, found.KernelTime, found.Faults, found.Voluntary, found.Involuntary, 0));

    public static long Wait4(ulong which, UserPointer<int> status, ulong options, UserPointer<TimeCalls.Usage> usage)
    {
        if ((int)which == int.MinValue)
            return Errno.ESRCH;
        if (!CallFlags.TryMake(options, NoHang | Untraced | Continued | ThreadsOfKinds, out CallFlags how))
            return Errno.EINVAL;
        long result = WaitFor((int)which, how, exited: true, out Found found);
        if (result <= 0)
            return result;
        if (!status.TryPutIfAsked(found.Status) || !PutUsage(usage, found))
            return Errno.EFAULT;
        return found.Id;
    }

    public static long Waitid(ulong kind, ulong id, UserPointer<byte> information, ulong options, UserPointer<TimeCalls.Usage> usage)
    {
        if (!CallFlags.TryMake(options, NoHang | Untraced | Exited | Continued | NoWait | ThreadsOfKinds, out CallFlags how)
            || !how.Has(Untraced | Exited | Continued))
            return Errno.EINVAL;
        int which;
        switch (kind)
        {
            case 0:
                which = -1;
                break;
            case 1 when (int)id > 0:
                which = (int)id;
                break;
            case 2 when (int)id >= 0:
                which = (int)id == 0 ? 0 : (int)id == 1 ? -1 : -(int)id;
                break;
            default:
                return Errno.EINVAL;
        }
        long result = WaitFor(which, how, how.Has(Exited), out Found found);
        if (result < 0)
            return result;
        if (!information.IsNull)
        {
            // siginfo_t: si_signo, si_errno, si_code, then si_pid, si_uid, si_status.
            int* words = stackalloc int[32];
            new Span<int>(words, 32).Clear();
            if (result > 0)
            {
                int status = found.Status;
                bool exited = (status & 0x7f) == 0, stopped = (status & 0xff) == 0x7f;
                words[0] = Signal.Child.Number;
                words[2] = status == 0xffff ? SignalCode.Continued : exited ? SignalCode.Exited : stopped ? SignalCode.Stopped
                    : (status & 0x80) != 0 ? SignalCode.Dumped : SignalCode.Killed;
                words[4] = found.Id;
                words[5] = (int)found.UserId;
                words[6] = status == 0xffff ? Signal.Continue.Number : exited || stopped ? status >> 8 & 0xff : status & 0x7f;
            }
            if (!information.TryPutAll(new ReadOnlySpan<byte>(words, 128)))
                return Errno.EFAULT;
        }
        return result == 0 || PutUsage(usage, found) ? 0 : Errno.EFAULT;
    }
}
