namespace Guestos;

/// <summary>System calls on signals. Arguments as user mode passed them; results 0 or more, or -errno.</summary>
public static unsafe class SignalCalls
{
    private const ulong MaskSize = 8;

    public static long RtSigaction(
        ulong number, UserPointer<SignalAction> action, UserPointer<SignalAction> old, ulong size)
    {
        if (size != MaskSize || !Signal.TryMake(number, out Signal signal)
            || !action.IsNull && signal.IsIn(Signals.KillAndStop))
            return Errno.EINVAL;
        Process* process = Process.Current;
        SignalAction* current = SignalActions.Of(process->Actions, signal);
        SignalAction wanted = default;
        if (!action.IsNull && !action.TryGet(out wanted))
            return Errno.EFAULT;
        if (!old.TryPutIfAsked(*current))
            return Errno.EFAULT;
        if (!action.IsNull)
        {
            wanted.Mask &= ~Signals.KillAndStop;
            *current = wanted;
            Signals.ForgetIgnored(process, signal);
        }
        return 0;
    }

    public static long RtSigprocmask(ulong how, UserPointer<ulong> set, UserPointer<ulong> old, ulong size)
    {
        if (size != MaskSize)
            return Errno.EINVAL;
        Thread* thread = Thread.Current;
        ulong before = thread->BlockedSignals;
        if (!set.IsNull)
        {
            if (!set.TryGet(out ulong mask))
                return Errno.EFAULT;
            mask &= ~Signals.KillAndStop;
            switch (how)
            {
                case 0:
                    thread->BlockedSignals |= mask;
                    break;
                case 1:
                    thread->BlockedSignals &= ~mask;
                    break;
                case 2:
                    thread->BlockedSignals = mask;
                    break;
                default:
                    return Errno.EINVAL;
            }
            if (thread->Process->ThreadCount > 1)
                Signals.Retarget(thread->Process);
        }
        return old.TryPutIfAsked(before) ? 0 : Errno.EFAULT;
    }

    public static long RtSigpending(UserPointer<ulong> to, ulong size)
    {
        if (size > MaskSize)
            return Errno.EINVAL;
        Thread* thread = Thread.Current;
        return to.Put(Signals.PendingOf(thread) & thread->BlockedSignals);
    }

    public static long RtSigsuspend(UserPointer<ulong> set, ulong size)
    {
        if (size != MaskSize)
            return Errno.EINVAL;
        if (!set.TryGet(out ulong mask))
            return Errno.EFAULT;
        Signals.ReplaceMask(mask);
        return Pause();
    }

    public static long Pause()
    {
        WaitQueue nobody = default;
        while (Scheduler.Sleep(&nobody, ulong.MaxValue) != WaitResult.Interrupted) { }
        return Errno.EINTR;
    }

    /// <summary>sigwait and friends: takes a pending signal of the set, or waits for one.</summary>
    public static long RtSigtimedwait(
        UserPointer<ulong> set, UserPointer<byte> information, UserPointer<TimeCalls.TimeSpec> timeout, ulong size)
    {
        if (size != MaskSize)
            return Errno.EINVAL;
        if (!set.TryGet(out ulong wanted))
            return Errno.EFAULT;
        wanted &= ~Signals.KillAndStop;
        ulong deadline = ulong.MaxValue;
        if (!timeout.IsNull)
        {
            if (!timeout.TryGet(out _))
                return Errno.EFAULT;
            if (!TimeCalls.ReadTime(timeout, out ulong nanoseconds))
                return Errno.EINVAL;
            deadline = Scheduler.DeadlineAfter(nanoseconds);
        }
        Thread* thread = Thread.Current;
        WaitQueue nobody = default;
        while (true)
        {
            ulong ready = Signals.PendingOf(thread) & wanted;
            if (ready != 0)
            {
                Signal signal = Signal.LowestOf(ready);
                byte* taken = stackalloc byte[128];
                Signals.Take(thread, signal, taken);
                bool told = information.IsNull || information.TryPutAll(new System.ReadOnlySpan<byte>(taken, 128));
                return told ? signal.Number : Errno.EFAULT;
            }
            thread->AwaitedSignals = wanted;
            WaitResult result = Scheduler.Sleep(&nobody, deadline);
            thread->AwaitedSignals = 0;
            if ((Signals.PendingOf(thread) & wanted) != 0)
                continue;
            if (result != WaitResult.Woken)
                return result == WaitResult.TimedOut ? Errno.EAGAIN : Errno.EINTR;
        }
    }

    /// <summary>Replaces the registers by those of the handler's frame; a bad frame is a segmentation fault.</summary>
    public static long RtSigreturn()
    {
        Thread* thread = Thread.Current;
        thread->CurrentCall = -1;
        if (!Signals.Return(thread, thread->UserFrame))
        {
            thread->UserFrame->Rip = 0;
            Signals.Fault(thread, Signal.SegmentationFault, SignalCode.Kernel, 0);
        }
        // The restored rax is not a result, whatever it says.
        thread->UserFrame->Vector = 0;
        return 0;
    }

    public struct Stack
    {
        public ulong Address;
        public uint Flags;
        public uint Padding;
        public ulong Size;
    }

    public static long Sigaltstack(UserPointer<Stack> wanted, UserPointer<Stack> old)
    {
        Thread* thread = Thread.Current;
        bool inUse = Signals.IsOnAlternateStack(thread, thread->UserFrame->Rsp);
        Stack current = new()
        {
            Address = thread->AlternateStack,
            Size = thread->AlternateStackSize,
            Flags = Signals.AlternateStackFlags(thread, thread->UserFrame->Rsp),
        };
        if (!wanted.IsNull)
        {
            if (!wanted.TryGet(out Stack stack))
                return Errno.EFAULT;
            if (inUse)
                return Errno.EPERM;
            long result = Signals.SetAlternateStack(thread, stack.Address, stack.Flags, stack.Size);
            if (result < 0)
                return result;
        }
        return old.TryPutIfAsked(current) ? 0 : Errno.EFAULT;
    }

    // ---- sending ----

    private static long SendTo(Process* process, Signal signal)
    {
        if (process == null)
            return Errno.ESRCH;
        if (!Permissions.MaySignal(Thread.Current, process->FirstThread))
            return Errno.EPERM;
        Signals.Send(process, signal, SignalInformation.About(Process.Current, SignalCode.User, 0));
        return 0;
    }

    public static long Kill(ulong target, ulong number)
    {
        int id = (int)target;
        if (!Signal.TryMakeOrNone(number, out Signal signal))
            return Errno.EINVAL;
        if (id > 0)
            return SendTo(ProcessTable.Find(id), signal);
        if (id == int.MinValue)
            return Errno.ESRCH;
        int group = id == 0 ? Process.Current->ProcessGroupId : -id;
        int count = 0;
        bool refused = false;
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
        {
            // −1: all processes but the first one and the caller.
            bool meant = id == -1 ? process->Id != 1 && process != Process.Current : process->ProcessGroupId == group;
            if (!meant)
                continue;
            if (SendTo(process, signal) == 0)
                count++;
            else
                refused = true;
        }
        if (count > 0)
            return 0;
        return refused ? Errno.EPERM : Errno.ESRCH;
    }

    /// <summary>tkill(2) is tgkill(2) that does not say whose thread it is.</summary>
    public static long Tkill(ulong id, ulong number) => SendToThread(0, id, number);

    public static long Tgkill(ulong group, ulong id, ulong number) =>
        (int)group <= 0 ? Errno.EINVAL : SendToThread((int)group, id, number);

    private static long SendToThread(int group, ulong id, ulong number)
    {
        if ((int)id <= 0 || !Signal.TryMakeOrNone(number, out Signal signal))
            return Errno.EINVAL;
        Thread* thread = Threads.Find((int)id);
        if (thread == null || group != 0 && thread->Process->Id != group)
            return Errno.ESRCH;
        if (!Permissions.MaySignal(Thread.Current, thread))
            return Errno.EPERM;
        SignalInformation information = SignalInformation.About(Process.Current, SignalCode.ThreadKill, 0);
        return Signals.Send(thread, signal, information) ? 0 : Errno.EAGAIN;
    }

    /// <summary>The parts of siginfo_t that a sender fills.</summary>
    public struct QueuedInformation
    {
        public int Number;
        public int Error;
        public int Code;
        public int Padding;
        public ulong Sender;
        public ulong Value;

        internal readonly SignalInformation Whole =>
            new() { Code = Code, Error = Error, First = Sender, Second = Value };
    }

    public static long RtSigqueueinfo(ulong id, ulong number, UserPointer<QueuedInformation> information)
    {
        if (!information.TryGet(out QueuedInformation sent))
            return Errno.EFAULT;
        // Only to oneself may one say that the kernel or kill has sent it (rt_sigqueueinfo(2)).
        if ((sent.Code >= 0 || sent.Code == SignalCode.ThreadKill) && (int)id != Process.Current->Id)
            return Errno.EPERM;
        if (!Signal.TryMakeOrNone(number, out Signal signal))
            return Errno.EINVAL;
        Thread* named = Threads.Find((int)id);
        if (named == null)
            return Errno.ESRCH;
        Process* process = named->Process;
        if (!Permissions.MaySignal(Thread.Current, process->FirstThread))
            return Errno.EPERM;
        SignalInformation whole = sent.Whole;
        return Signals.Send(process, signal, whole) ? 0 : Errno.EAGAIN;
    }

    /// <summary>The same to one thread of a process.</summary>
    public static long RtTgsigqueueinfo(
        ulong group, ulong id, ulong number, UserPointer<QueuedInformation> information)
    {
        if (!information.TryGet(out QueuedInformation sent))
            return Errno.EFAULT;
        if ((int)group <= 0 || (int)id <= 0)
            return Errno.EINVAL;
        if ((sent.Code >= 0 || sent.Code == SignalCode.ThreadKill) && (int)group != Process.Current->Id)
            return Errno.EPERM;
        if (!Signal.TryMakeOrNone(number, out Signal signal))
            return Errno.EINVAL;
        Thread* thread = Threads.Find((int)id);
        if (thread == null || thread->Process->Id != (int)group)
            return Errno.ESRCH;
        if (!Permissions.MaySignal(Thread.Current, thread))
            return Errno.EPERM;
        SignalInformation whole = sent.Whole;
        return Signals.Send(thread, signal, whole) ? 0 : Errno.EAGAIN;
    }
}
