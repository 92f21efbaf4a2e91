namespace Guestos;

/// <summary>futex(2): from registers to <see cref="Futex"/>.</summary>
internal static unsafe class FutexCalls
{
    // include/uapi/linux/futex.h
    private const ulong WaitOperation = 0;
    private const ulong WakeOperation = 1;
    private const ulong Requeue = 3;
    private const ulong CompareRequeue = 4;
    private const ulong WakeOperate = 5;
    private const ulong LockPriority = 6;
    private const ulong UnlockPriority = 7;
    private const ulong TryLockPriority = 8;
    private const ulong WaitBitset = 9;
    private const ulong WakeBitset = 10;
    private const ulong LockPriorityByClock = 13;
    private const ulong CommandMask = 0x7f;
    private const ulong Private = 0x80;
    private const ulong RealtimeClock = 0x100;

    public static long Call(
        UserPointer<uint> word, ulong operation, ulong value, ulong timeout, UserPointer<uint> second, ulong third)
    {
        if ((word.Address & 3) != 0)
            return Errno.EINVAL;
        AddressSpace* space = Process.Current->Space;
        bool isPrivate = (operation & Private) != 0;
        if (!FutexKey.TryMake(space, word, isPrivate, out FutexKey key))
            return Errno.EFAULT;
        switch (operation & CommandMask)
        {
            case WaitOperation:
                return Wait(word, key, (uint)value, timeout, operation, uint.MaxValue);
            case WaitBitset:
                return Wait(word, key, (uint)value, timeout, operation, (uint)third);
            case WakeOperation:
                return Futex.Wake(key, AtLeastOne(value), uint.MaxValue);
            case WakeBitset:
                return (uint)third == 0 ? Errno.EINVAL : Futex.Wake(key, AtLeastOne(value), (uint)third);
            case LockPriority or LockPriorityByClock:
                return Lock(word, key, timeout, operation);
            case TryLockPriority:
                return PriorityFutex.Lock(word, key, 0, waits: false);
            case UnlockPriority:
                return PriorityFutex.Unlock(word, key);
            case WakeOperate:
                return WakeAndChange(space, key, isPrivate, (int)value, (int)timeout, second, (uint)third);
            case Requeue:
            case CompareRequeue:
                if ((operation & CommandMask) == CompareRequeue)
                {
                    if (!word.TryGet(out uint seen))
                        return Errno.EFAULT;
                    if (seen != (uint)third)
                        return Errno.EAGAIN;
                }
                if ((second.Address & 3) != 0 || (int)value < 0 || (int)timeout < 0)
                    return Errno.EINVAL;
                if (!FutexKey.TryMake(space, second, isPrivate, out FutexKey target))
                    return Errno.EFAULT;
                return Futex.Move(key, (int)value, target, (int)timeout);
            default:
                return Errno.ENOSYS;
        }
    }

    /// <summary>Linux counts whom it has woken before it looks how many were asked for: of none it wakes one.</summary>
    private static int AtLeastOne(ulong count) => System.Math.Max((int)count, 1);

    /// <summary>
    /// FUTEX_WAKE_OP: changes the second word as the operation says, wakes some that wait for the first, and some for
    /// the second if that held what is compared with.
    /// </summary>
    private static long WakeAndChange(
        AddressSpace* space, FutexKey first, bool isPrivate, int wake, int wakeSecond, UserPointer<uint> second,
        uint operation)
    {
        if ((second.Address & 3) != 0)
            return Errno.EINVAL;
        if (!FutexKey.TryMake(space, second, isPrivate, out FutexKey key) || !second.TryGet(out uint old))
            return Errno.EFAULT;
        if (!FutexOperation.TryApply(operation, old, out uint changed, out bool holds))
            return Errno.ENOSYS;
        if (!second.TryPut(changed))
            return Errno.EFAULT;
        long woken = Futex.Wake(first, wake, uint.MaxValue);
        return holds ? woken + Futex.Wake(key, wakeSecond, uint.MaxValue) : woken;
    }

    /// <summary>FUTEX_LOCK_PI counts in wall time, FUTEX_LOCK_PI2 in that of its flag.</summary>
    private static long Lock(
        UserPointer<uint> word, FutexKey key, UserPointer<TimeCalls.TimeSpec> timeout, ulong operation)
    {
        ulong deadline = ulong.MaxValue;
        if (!timeout.IsNull)
        {
            if (!timeout.TryGet(out _))
                return Errno.EFAULT;
            if (!TimeCalls.ReadTime(timeout, out deadline))
                return Errno.EINVAL;
            if ((operation & CommandMask) == LockPriority || (operation & RealtimeClock) != 0)
                deadline = TimeCalls.MonotonicOf(deadline);
        }

        return PriorityFutex.Lock(word, key, deadline, waits: true);
    }

    private static long Wait(
        UserPointer<uint> word, FutexKey key, uint expected, UserPointer<TimeCalls.TimeSpec> timeout, ulong operation,
        uint bits)
    {
        if (bits == 0)
            return Errno.EINVAL;
        ulong deadline = ulong.MaxValue;
        if (!timeout.IsNull)
        {
            if (!timeout.TryGet(out _))
                return Errno.EFAULT;
            if (!TimeCalls.ReadTime(timeout, out ulong nanoseconds))
                return Errno.EINVAL;
            if ((operation & CommandMask) != WaitBitset)
                deadline = Scheduler.DeadlineAfter(nanoseconds);
            else
                deadline = (operation & RealtimeClock) != 0 ? TimeCalls.MonotonicOf(nanoseconds) : nanoseconds;
        }
        return Futex.Wait(word, key, expected, deadline, bits);
    }

    /// <summary>get_robust_list(2): of a thread of a process that shows itself to the caller.</summary>
    public static long GetRobustList(ulong id, UserPointer<ulong> head, UserPointer<ulong> length)
    {
        Thread* thread = (int)id == 0 ? Thread.Current : Threads.Find((int)id);
        if (thread == null)
            return Errno.ESRCH;
        Process* self = Process.Current;
        bool isShown = Permissions.MayControl(self, thread->Process)
            && (self->EffectiveUserId == 0 || Permissions.ShowsItselfToItsUser(thread->Process));
        if (!isShown)
            return Errno.EPERM;
        return length.TryPut((ulong)sizeof(Futex.RobustHead)) && head.TryPut(thread->RobustList.Address)
            ? 0
            : Errno.EFAULT;
    }
}
