using System;

namespace Guestos;

/// <summary>
/// System calls that wait for children. Arguments as user mode passed them; results 0 or more, or -errno.
/// </summary>
public static unsafe class WaitCalls
{
    // Options of wait4(2) and waitid(2) (include/uapi/linux/wait.h).
    private const uint NoHang = 1;
    private const uint Untraced = 2;
    private const uint Exited = 4;
    private const uint Continued = 8;
    private const uint NoWait = 0x1000000;

    /// <summary>__WNOTHREAD, __WALL, __WCLONE: children of all kinds and threads are meant with and without.</summary>
    private const uint ThreadsOfKinds = 0xe0000000;

    /// <summary>What waiting has found.</summary>
    private struct Found
    {
        public int Id;
        public int Status;
        public uint UserId;

        /// <summary>A stop of one that the caller traces.</summary>
        public bool IsTrapped;
        public bool Usage;
        public ulong UserTime;
        public ulong KernelTime;
        public ulong Faults;
        public ulong Voluntary;
        public ulong Involuntary;
    }

    /// <param name="which">wait4's first argument: above 0 an id, 0 the caller's group, −1 any, below a group.</param>
    /// <returns>1 found, 0 nothing yet (WNOHANG), or -errno.</returns>
    private static long WaitFor(int which, CallFlags options, bool exited, out Found found)
    {
        Process* self = Process.Current;
        found = default;
        bool isInterrupted = false;
        while (true)
        {
            bool any = false;
            for (Process* child = ProcessTable.First; child != null; child = child->Next)
            {
                if (Tracing.Count > 0 && FindTracee(self, child, which, options, exited, ref any, ref found))
                    return 1;
                if (child->ParentId != self->Id || child == self || !IsMeant(child, which))
                    continue;
                any = true;
                if (child->State == ProcessState.Zombie && !IsParents(child))
                    continue;
                found.Id = child->Id;
                found.UserId = child->Credentials.RealUserId;
                if (child->State == ProcessState.Zombie && exited)
                {
                    Reap(self, child, ref found, !options.Has(NoWait));
                    return 1;
                }
                // A tracer is told of stops by its tracees.
                bool isTracee = Tracing.TracerOf(child->FirstThread) == self;
                bool stopped = !isTracee && child->StopStatus is not (0 or Processes.ContinuedStatus)
                    && options.Has(Untraced);
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
            // Whom the signal of a child's end interrupts is told of the child, as on Linux.
            if (isInterrupted)
                return Errno.EINTR;
            isInterrupted = Scheduler.Sleep(&self->ChildChanged, ulong.MaxValue) == WaitResult.Interrupted;
        }
    }

    /// <summary>
    /// Stops and ends that the caller is told of as the tracer, of a process and its threads; and whether there is
    /// anybody of it to wait for.
    /// </summary>
    private static bool FindTracee(
        Process* self, Process* process, int which, CallFlags options, bool exited, ref bool any, ref Found found)
    {
        for (Thread* thread = process->FirstThread; thread != null; thread = thread->Next)
        {
            bool isMeant = which > 0 ? thread->Id == which : IsMeant(process, which);
            if (Tracing.TracerOf(thread) != self || !isMeant)
                continue;
            any = true;
            bool isFirst = thread == process->FirstThread;
            bool hasEnded = thread->State == ThreadState.Ended;
            found.Id = thread->Id;
            found.UserId = process->Credentials.RealUserId;
            if (isFirst && hasEnded)
            {
                bool isOthersChild = process->State == ProcessState.Zombie && process->ParentId != self->Id;
                if (!exited || !isOthersChild || Tracing.HasEndedTracee(process))
                    continue;
                found.Status = process->ExitStatus;
                if (!options.Has(NoWait))
                    Tracing.ReapProcess(process);
                return true;
            }
            if (!thread->Trace.IsUnreported || thread->State != ThreadState.Traced && !hasEnded || hasEnded && !exited)
                continue;
            found.IsTrapped = !hasEnded;
            found.Status = hasEnded ? thread->Trace.Code : thread->Trace.Code << 8 | StoppedStatus;
            if (options.Has(NoWait))
                return true;
            if (hasEnded)
                Tracing.Reap(thread);
            else
                thread->Trace.IsUnreported = false;
            return true;
        }
        return false;
    }

    /// <summary>The end of a zombie is its parent's to wait for: all tracers have, who are not the parent.</summary>
    private static bool IsParents(Process* child)
    {
        Process* tracer = Tracing.TracerOf(child->FirstThread);
        return (tracer == null || tracer->Id == child->ParentId) && !Tracing.HasEndedTracee(child);
    }

    private static bool IsMeant(Process* child, int which)
    {
        if (which > 0)
            return child->Id == which;
        int group = which == 0 ? Process.Current->ProcessGroupId : -which;
        return which == -1 || child->ProcessGroupId == group;
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
        to.TryPutIfAsked(new TimeCalls.Usage(
            found.UserTime, found.KernelTime, found.Faults, found.Voluntary, found.Involuntary, residentPages: 0));

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

    public static long Waitid(
        ulong kind, ulong id, UserPointer<byte> information, ulong options, UserPointer<TimeCalls.Usage> usage)
    {
        const uint known = NoHang | Untraced | Exited | Continued | NoWait | ThreadsOfKinds;
        if (!CallFlags.TryMake(options, known, out CallFlags how)
            || !how.Has(Untraced | Exited | Continued))
            return Errno.EINVAL;
        int which;
        bool nonBlocking = false;
        switch ((uint)kind)
        {
            case 0:
                which = -1;
                break;
            case 1 when (int)id > 0:
                which = (int)id;
                break;
            case 2 when (int)id >= 0:
                // Group 1, that of the first process, becomes −1: any child.
                which = -(int)id;
                break;
            case 3 when (int)id >= 0:
                long meant = ProcessFiles.Operations.IdOf(id, &nonBlocking);
                if (meant <= 0)
                    return meant < 0 ? meant : Errno.ECHILD;
                which = (int)meant;
                if (nonBlocking)
                    CallFlags.TryMake(options | NoHang, known, out how);
                break;
            default:
                return Errno.EINVAL;
        }
        long result = WaitFor(which, how, how.Has(Exited), out Found found);
        if (result == 0 && nonBlocking && ((uint)options & NoHang) == 0)
            return Errno.EAGAIN;
        if (result < 0)
            return result;
        if (!information.IsNull && !PutInformation(information, result > 0, found))
            return Errno.EFAULT;
        return result == 0 || PutUsage(usage, found) ? 0 : Errno.EFAULT;
    }

    // The words of a siginfo_t (include/uapi/asm-generic/siginfo.h), of 4 bytes each.
    private const int InformationWords = 32;
    private const int NumberWord = 0;
    private const int CodeWord = 2;
    private const int PidWord = 4;
    private const int UidWord = 5;
    private const int StatusWord = 6;

    /// <summary>Stores a siginfo_t; all zeros when nothing was found. False: EFAULT.</summary>
    private static bool PutInformation(UserPointer<byte> to, bool isFound, in Found found)
    {
        int* words = stackalloc int[InformationWords];
        new Span<int>(words, InformationWords).Clear();
        if (isFound)
        {
            words[NumberWord] = Signal.Child.Number;
            words[CodeWord] = found.IsTrapped ? SignalCode.Trapped : CodeOf(found.Status);
            words[PidWord] = found.Id;
            words[UidWord] = (int)found.UserId;
            words[StatusWord] = found.IsTrapped ? found.Status >> 8 : StatusOf(found.Status);
        }
        return to.TryPutAll(new ReadOnlySpan<byte>(words, InformationWords * sizeof(int)));
    }

    // The status word of wait(2) (include/sys/wait.h of the C library).
    private const int StoppedStatus = 0x7f;
    private const int CoreDumped = 0x80;

    private static bool IsExited(int status) => (status & 0x7f) == 0;

    private static bool IsStopped(int status) => (status & 0xff) == StoppedStatus;

    /// <summary>si_code: CLD_CONTINUED and so on.</summary>
    private static int CodeOf(int status)
    {
        if (status == Processes.ContinuedStatus)
            return SignalCode.Continued;
        if (IsExited(status))
            return SignalCode.Exited;
        if (IsStopped(status))
            return SignalCode.Stopped;
        return (status & CoreDumped) != 0 ? SignalCode.Dumped : SignalCode.Killed;
    }

    /// <summary>si_status: the exit code, or the signal.</summary>
    private static int StatusOf(int status)
    {
        if (status == Processes.ContinuedStatus)
            return Signal.Continue.Number;
        return IsExited(status) || IsStopped(status) ? status >> 8 & 0xff : status & 0x7f;
    }
}
