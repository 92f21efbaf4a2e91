namespace Guestos;

/// <summary>System calls on signals. Arguments as user mode passed them; results 0 or more, or -errno.</summary>
public static unsafe class SignalCalls
{
    private const ulong MaskSize = 8;

    public static long RtSigaction(ulong number, UserPointer<SignalAction> action, UserPointer<SignalAction> old, ulong size)
    {
        if (size != MaskSize || !Signal.TryMake(number, out Signal signal) || !action.IsNull && signal.IsIn(Signals.KillAndStop))
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
        Process* process = Process.Current;
        ulong before = process->BlockedSignals;
        if (!set.IsNull)
        {
            if (!set.TryGet(out ulong mask))
                return Errno.EFAULT;
            mask &= ~Signals.KillAndStop;
            switch (how)
            {
                case 0:
                    process->BlockedSignals |= mask;
                    break;
                case 1:
                    process->BlockedSignals &= ~mask;
                    break;
                case 2:
                    process->BlockedSignals = mask;
                    break;
                default:
                    return Errno.EINVAL;
            }
        }
        return old.TryPutIfAsked(before) ? 0 : Errno.EFAULT;
    }

    public static long RtSigpending(UserPointer<ulong> to, ulong size)
    {
        Process* process = Process.Current;
        return size > MaskSize ? Errno.EINVAL : to.TryPut(process->PendingSignals & process->BlockedSignals) ? 0 : Errno.EFAULT;
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
    public static long RtSigtimedwait(UserPointer<ulong> set, UserPointer<byte> information, UserPointer<TimeCalls.TimeSpec> timeout, ulong size)
    {
        if (size != MaskSize)
            return Errno.EINVAL;
        if (!set.TryGet(out ulong wanted))
            return Errno.EFAULT;
        wanted &= ~Signals.KillAndStop;
        ulong deadline = ulong.MaxValue;
        if (!timeout.IsNull)
        {
            if (!TimeCalls.ReadTime(timeout, out ulong nanoseconds))
                return Errno.EINVAL;
            deadline = Scheduler.DeadlineAfter(nanoseconds);
        }
        Process* process = Process.Current;
        WaitQueue nobody = default;
        while (true)
        {
            ulong ready = process->PendingSignals & wanted;
            if (ready != 0)
            {
                Signal signal = Signal.LowestOf(ready);
                byte* taken = stackalloc byte[128];
                Signals.Take(process, signal, taken);
                return information.IsNull || information.TryPutAll(new System.ReadOnlySpan<byte>(taken, 128)) ? signal.Number : Errno.EFAULT;
            }
            process->AwaitedSignals = wanted;
            WaitResult result = Scheduler.Sleep(&nobody, deadline);
            process->AwaitedSignals = 0;
            if ((process->PendingSignals & wanted) != 0)
                continue;
            if (result != WaitResult.Woken)
                return result == WaitResult.TimedOut ? Errno.EAGAIN : Errno.EINTR;
        }
    }

    /// <summary>Replaces the registers by those of the handler's frame; a bad frame is a segmentation fault.</summary>
    public static long RtSigreturn()
    {
        Process* process = Process.Current;
        process->CurrentCall = -1;
        if (!Signals.Return(process, process->UserFrame))
        {
            process->UserFrame->Rip = 0;
            Signals.Fault(process, Signal.SegmentationFault, SignalCode.Kernel, 0);
        }
        // The restored rax is not a result, whatever it says.
        process->UserFrame->Vector = 0;
        return 0;
    }

    public struct Stack
    {
        public ulong Address;
        public uint Flags, Padding;
        public ulong Size;
    }

    public static long Sigaltstack(UserPointer<Stack> wanted, UserPointer<Stack> old)
    {
        Process* process = Process.Current;
        bool inUse = process->AlternateStackSize != 0 && process->UserFrame->Rsp - process->AlternateStack <= process->AlternateStackSize;
        Stack current = new() { Address = process->AlternateStack, Size = process->AlternateStackSize, Flags = process->AlternateStackSize == 0 ? 2u : inUse ? 1u : 0 };
        if (!wanted.IsNull)
        {
            if (!wanted.TryGet(out Stack stack))
                return Errno.EFAULT;
            if (inUse)
                return Errno.EPERM;
            long result = Signals.SetAlternateStack(process, stack.Address, stack.Flags, stack.Size);
            if (result < 0)
                return result;
        }
        return old.TryPutIfAsked(current) ? 0 : Errno.EFAULT;
    }

    // ---- sending ----

    private static ulong Sender => (ulong)(uint)Process.Current->ThreadGroupId | (ulong)Process.Current->UserId << 32;

    private static long SendTo(Process* process, Signal signal, int code)
    {
        if (process == null)
            return Errno.ESRCH;
        if (!Permissions.MaySignal(Process.Current, process))
            return Errno.EPERM;
        Signals.Send(process, signal, code, Sender, 0);
        return 0;
    }

    public static long Kill(ulong target, ulong number)
    {
        int id = (int)target;
        if (!Signal.TryMakeOrNone(number, out Signal signal))
            return Errno.EINVAL;
        if (id > 0)
            return SendTo(ProcessTable.Find(id), signal, SignalCode.User);
        if (id == int.MinValue)
            return Errno.ESRCH;
        int group = id == 0 ? Process.Current->GroupId : -id, count = 0;
        bool refused = false;
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
        {
            // −1: everybody but the first process and oneself.
            bool meant = id == -1 ? process->Id != 1 && process != Process.Current : process->GroupId == group;
            if (!meant)
                continue;
            if (SendTo(process, signal, SignalCode.User) == 0)
                count++;
            else
                refused = true;
        }
        return count > 0 ? 0 : refused ? Errno.EPERM : Errno.ESRCH;
    }

    public static long Tkill(ulong id, ulong number) =>
        (int)id <= 0 || !Signal.TryMakeOrNone(number, out Signal signal) ? Errno.EINVAL
            : SendTo(ProcessTable.Find((int)id), signal, SignalCode.ThreadKill);

    public static long Tgkill(ulong group, ulong id, ulong number)
    {
        if ((int)group <= 0 || (int)id <= 0 || !Signal.TryMakeOrNone(number, out Signal signal))
            return Errno.EINVAL;
        Process* process = ProcessTable.Find((int)id);
        return process == null || process->ThreadGroupId != (int)group ? Errno.ESRCH : SendTo(process, signal, SignalCode.ThreadKill);
    }

    /// <summary>The parts of siginfo_t that a sender fills.</summary>
    public struct QueuedInformation
    {
        public int Number, Error, Code, Padding;
        public ulong Sender, Value;
    }

    public static long RtSigqueueinfo(ulong id, ulong number, UserPointer<QueuedInformation> information)
    {
        if (!information.TryGet(out QueuedInformation sent))
            return Errno.EFAULT;
        // Only to oneself may one say that the kernel or kill has sent it (rt_sigqueueinfo(2)).
        if ((sent.Code >= 0 || sent.Code == SignalCode.ThreadKill) && (int)id != Process.Current->ThreadGroupId)
            return Errno.EPERM;
        if (!Signal.TryMakeOrNone(number, out Signal signal))
            return Errno.EINVAL;
        Process* process = ProcessTable.Find((int)id);
        if (process == null)
            return Errno.ESRCH;
        if (!Permissions.MaySignal(Process.Current, process))
            return Errno.EPERM;
        return Signals.Send(process, signal, sent.Code, sent.Sender, sent.Value) ? 0 : Errno.EAGAIN;
    }
}
