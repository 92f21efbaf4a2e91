using System;

namespace Guestos;

/// <summary>semget(2) and its relatives.</summary>
public static unsafe class SemaphoreCalls
{
    // semctl(2)
    private const int GetChanger = 11;
    private const int GetValue = 12;
    private const int GetAll = 13;
    private const int GetIncreaseWaiters = 14;
    private const int GetZeroWaiters = 15;
    private const int SetValue = 16;
    private const int SetAll = 17;
    private const int StatusOfIndex = 18;
    private const int Usage = 19;
    private const int AnyStatusOfIndex = 20;

    public static long Get(ulong key, ulong count, ulong flags) =>
        SemaphoreSets.Get((int)key, (int)count, (uint)flags);

    public static long Operate(ulong id, UserPointer<SemaphoreOperation> operations, ulong count,
        UserPointer<TimeCalls.TimeSpec> timeout)
    {
        if ((uint)count < 1 || (int)id < 0)
            return Errno.EINVAL;
        if ((uint)count > SemaphoreSets.MaxOperations)
            return Errno.E2BIG;
        ulong deadline = ulong.MaxValue;
        if (!timeout.IsNull)
        {
            if (!timeout.TryGet(out _))
                return Errno.EFAULT;
            if (!TimeCalls.ReadTime(timeout, out ulong nanoseconds))
                return Errno.EINVAL;
            deadline = Scheduler.DeadlineAfter(nanoseconds);
        }
        int size = (int)(uint)count * sizeof(SemaphoreOperation);
        var copy = (SemaphoreOperation*)Objects.Allocate(size);
        if (copy == null)
            return Errno.ENOMEM;
        // SAFETY: it was allocated with this length.
        var all = new Span<SemaphoreOperation>(copy, (int)(uint)count);
        long result = operations.TryGetAll(all) ? SemaphoreSets.Operate((int)id, all, deadline) : Errno.EFAULT;
        Objects.Free(copy, size);
        return result;
    }

    public static long Control(ulong id, ulong number, ulong command, ulong argument)
    {
        if ((int)id < 0)
            return Errno.EINVAL;
        switch ((int)command)
        {
            case IpcCommand.Limits or Usage:
                return TellLimits((int)command == Usage, argument);
            case StatusOfIndex or AnyStatusOfIndex:
                var at = (SemaphoreSet*)SemaphoreSets.Table.AtIndexOf((int)id);
                return Tell(at, (int)command == StatusOfIndex, at != null ? at->Common.Id : 0, argument);
            case IpcCommand.Status:
                return Tell(SemaphoreSets.Find((int)id), checks: true, 0, argument);
            case IpcCommand.Set or IpcCommand.Remove:
                return Change((int)id, (int)command, argument);
            case >= GetChanger and <= SetAll:
                return Values((int)id, (int)number, (int)command, argument);
            default:
                return Errno.EINVAL;
        }
    }

    private static long Change(int id, int command, UserPointer<SemaphoreSetStatus> from)
    {
        SemaphoreSetStatus wanted = default;
        if (command == IpcCommand.Set && !from.TryGet(out wanted))
            return Errno.EFAULT;
        SemaphoreSet* set = SemaphoreSets.Find(id);
        if (set == null)
            return Errno.EINVAL;
        if (!set->Common.IsOwned)
            return Errno.EPERM;
        if (command == IpcCommand.Set)
            wanted.Permissions.ApplyTo(&set->Common);
        else
            SemaphoreSets.Remove(set);
        return 0;
    }

    private static long Values(int id, int number, int command, ulong argument)
    {
        SemaphoreSet* set = SemaphoreSets.Find(id);
        if (set == null)
            return Errno.EINVAL;
        bool isOfAll = command is GetAll or SetAll;
        if (!isOfAll && command != SetValue && (uint)number >= set->Count)
            return Errno.EINVAL;
        long error = set->Common.Check(command is SetValue or SetAll ? IpcObject.Writes : IpcObject.Reads);
        if (error < 0)
            return error;
        switch (command)
        {
            case GetChanger:
                return set->Changers[number];
            case GetValue:
                return set->Values[number];
            case GetIncreaseWaiters:
                return SemaphoreSets.WaitersOf(set, number, awaitZero: false);
            case GetZeroWaiters:
                return SemaphoreSets.WaitersOf(set, number, awaitZero: true);
            case SetValue:
                // ERANGE comes before EINVAL by the number, as on Linux (ipc/sem.c, semctl_setval).
                if ((int)argument is < 0 or > SemaphoreSets.MaxValue)
                    return Errno.ERANGE;
                return (uint)number < set->Count ? SemaphoreSets.SetValue(set, number, (int)argument) : Errno.EINVAL;
            case GetAll:
                return TellAll(set, argument);
            default:
                return TakeAll(set, argument);
        }
    }

    /// <summary>The set is held, since user memory may have to be awaited.</summary>
    private static long TellAll(SemaphoreSet* set, UserPointer<ushort> to)
    {
        SemaphoreSets.Hold(set);
        // SAFETY: it was allocated with this length.
        long result = to.TryPutAll(new ReadOnlySpan<ushort>(set->Values, set->Count)) ? 0 : Errno.EFAULT;
        SemaphoreSets.LetGo(set);
        return result;
    }

    /// <summary>By a copy: a set changes at once. EIDRM when it has been removed meanwhile. Gives way.</summary>
    private static long TakeAll(SemaphoreSet* set, UserPointer<ushort> from)
    {
        int size = set->Count * sizeof(ushort);
        var copy = (ushort*)IpcMemory.Allocate(size);
        if (copy == null)
            return Errno.ENOMEM;
        SemaphoreSets.Hold(set);
        // SAFETY: it was allocated with this length.
        var values = new Span<ushort>(copy, set->Count);
        long result = from.TryGetAll(values) ? CheckAll(values) : Errno.EFAULT;
        if (result == 0 && set->Common.IsRemoved)
            result = Errno.EIDRM;
        if (result == 0)
            SemaphoreSets.SetAll(set, values);
        SemaphoreSets.LetGo(set);
        IpcMemory.Free(copy, size);
        return result;
    }

    /// <summary>0 or ERANGE. Gives way.</summary>
    private static long CheckAll(ReadOnlySpan<ushort> values)
    {
        Preemption.Point();
        foreach (ushort value in values)
            if (value > SemaphoreSets.MaxValue)
                return Errno.ERANGE;
        Preemption.Point();
        return 0;
    }

    private static long Tell(SemaphoreSet* set, bool checks, int result, UserPointer<SemaphoreSetStatus> to)
    {
        if (set == null)
            return Errno.EINVAL;
        long error = checks ? set->Common.Check(IpcObject.Reads) : 0;
        if (error < 0)
            return error;
        var status = new SemaphoreSetStatus
        {
            Permissions = IpcPermissions.Of(&set->Common),
            OperationTime = set->OperationTime,
            ChangeTime = set->Common.ChangeTime,
            Count = (ulong)set->Count,
        };
        return to.TryPut(status) ? result : Errno.EFAULT;
    }

    private static long TellLimits(bool isUsage, UserPointer<SemaphoreLimits> to)
    {
        const int maxTotal = SemaphoreSets.MaxSets * SemaphoreSets.MaxOfSet;
        const int undoSize = 20;
        var limits = new SemaphoreLimits
        {
            Map = maxTotal,
            MaxSets = SemaphoreSets.MaxSets,
            MaxTotal = maxTotal,
            MaxUndo = maxTotal,
            MaxOfSet = SemaphoreSets.MaxOfSet,
            MaxOperations = SemaphoreSets.MaxOperations,
            UndoOfProcess = SemaphoreSets.MaxUndo,
            UndoSize = isUsage ? SemaphoreSets.Table.Count : undoSize,
            MaxValue = SemaphoreSets.MaxValue,
            MaxAdjustment = isUsage ? SemaphoreSets.Total : SemaphoreSets.MaxValue,
        };
        return to.TryPut(limits) ? Math.Max(SemaphoreSets.Table.HighestIndex, 0) : Errno.EFAULT;
    }
}
