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
    private const ulong LockInheriting = 6;
    private const ulong UnlockInheriting = 7;
    private const ulong TryLockInheriting = 8;
    private const ulong WaitBitset = 9;
    private const ulong WakeBitset = 10;
    private const ulong WaitRequeueInheriting = 11;
    private const ulong CompareRequeueInheriting = 12;
    private const ulong LockInheriting2 = 13;
    private const ulong CommandMask = 0x7f;
    private const ulong Private = 0x80;
    private const ulong RealtimeClock = 0x100;

    public static long Call(
        UserPointer<uint> word, ulong operation, ulong value, ulong timeout, UserPointer<uint> second, ulong third)
    {
        if ((word.Address & 3) != 0)
            return Errno.EINVAL;
        ulong command = operation & ~(Private | RealtimeClock);
        bool hasOneClock =
            command is LockInheriting or UnlockInheriting or TryLockInheriting or CompareRequeueInheriting;
        if (hasOneClock && (operation & RealtimeClock) != 0)
            return Errno.ENOSYS;
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
            case LockInheriting:
            case LockInheriting2:
                bool byRealtime = (operation & CommandMask) == LockInheriting || (operation & RealtimeClock) != 0;
                long error = ReadMoment(timeout, byRealtime, out ulong deadline);
                return error < 0 ? error : PriorityLocks.Lock(word, key, deadline, false);
            case TryLockInheriting:
                return PriorityLocks.Lock(word, key, ulong.MaxValue, true);
            case UnlockInheriting:
                return PriorityLocks.Unlock(word, key);
            case WaitRequeueInheriting:
                return WaitForLock(word, key, (uint)value, timeout, operation, second);
            case CompareRequeueInheriting:
                return RequeueToLock(word, key, (int)value, (int)timeout, isPrivate, second, (uint)third);
            default:
                return Errno.ENOSYS;
        }
    }

    private static long WaitForLock(
        UserPointer<uint> word, FutexKey key, uint expected, ulong timeout, ulong operation, UserPointer<uint> second)
    {
        long error = ReadMoment(timeout, (operation & RealtimeClock) != 0, out ulong deadline);
        if (error < 0)
            return error;
        error = KeyOfLock(second, key, (operation & Private) != 0, out FutexKey target);
        return error < 0 ? error : PriorityLocks.WaitForLock(word, key, expected, deadline, second, target);
    }

    private static long RequeueToLock(
        UserPointer<uint> word, FutexKey key, int wake, int most, bool isPrivate, UserPointer<uint> second,
        uint expected)
    {
        if (wake != 1 || most < 0)
            return Errno.EINVAL;
        long error = KeyOfLock(second, key, isPrivate, out FutexKey target);
        if (error < 0)
            return error;
        if (!word.TryGet(out uint seen))
            return Errno.EFAULT;
        return seen != expected ? Errno.EAGAIN : PriorityLocks.Requeue(key, second, target, most);
    }

    /// <summary>0, EFAULT, or EINVAL: it is the word that is waited on.</summary>
    private static long KeyOfLock(UserPointer<uint> word, FutexKey other, bool isPrivate, out FutexKey key)
    {
        key = default;
        if ((word.Address & 3) != 0)
            return Errno.EINVAL;
        if (!FutexKey.TryMake(Process.Current->Space, word, isPrivate, out key))
            return Errno.EFAULT;
        return key.Is(other) ? Errno.EINVAL : 0;
    }

    /// <summary>A time of one of two clocks, null for never: 0, EFAULT or EINVAL.</summary>
    private static long ReadMoment(UserPointer<TimeCalls.TimeSpec> time, bool isRealtime, out ulong deadline)
    {
        deadline = ulong.MaxValue;
        if (time.IsNull)
            return 0;
        if (!time.TryGet(out _))
            return Errno.EFAULT;
        if (!TimeCalls.ReadTime(time, out ulong nanoseconds))
            return Errno.EINVAL;
        deadline = isRealtime ? TimeCalls.MonotonicOf(nanoseconds) : nanoseconds;
        return 0;
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
        return holds && woken >= 0 ? woken + Futex.Wake(key, wakeSecond, uint.MaxValue) : woken;
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
        if (!Permissions.MayTrace(Thread.Current, thread))
            return Errno.EPERM;
        return length.TryPut((ulong)sizeof(Futex.RobustHead)) && head.TryPut(thread->RobustList.Address)
            ? 0
            : Errno.EFAULT;
    }
}
