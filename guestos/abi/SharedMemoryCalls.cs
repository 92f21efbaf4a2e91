namespace Guestos;

/// <summary>shmget(2), shmctl(2) and shmdt(2); shmat(2) is in <see cref="MemoryCalls"/>, which maps.</summary>
public static unsafe class SharedMemoryCalls
{
    // shmctl(2)
    private const int Lock = 11;
    private const int Unlock = 12;
    private const int StatusOfIndex = 13;
    private const int Usage = 14;
    private const int AnyStatusOfIndex = 15;

    public static long Get(ulong key, ulong size, ulong flags) => SharedMemory.Get((int)key, size, (uint)flags);

    public static long Control(ulong id, ulong command, UserPointer<SharedSegmentStatus> buffer)
    {
        if ((int)id < 0 || (int)command < 0)
            return Errno.EINVAL;
        switch ((int)command)
        {
            case IpcCommand.Limits:
                return TellLimits(buffer.Address);
            case Usage:
                return TellUsage(buffer.Address);
            case IpcCommand.Status:
                return Tell(SharedMemory.Find((int)id), checks: true, 0, buffer);
            case StatusOfIndex or AnyStatusOfIndex:
                var at = (SharedSegment*)SharedMemory.Table.AtIndexOf((int)id);
                return Tell(at, (int)command == StatusOfIndex, at != null ? at->Common.Id : 0, buffer);
            case IpcCommand.Set or IpcCommand.Remove or Lock or Unlock:
                return Change((int)id, (int)command, buffer);
            default:
                return Errno.EINVAL;
        }
    }

    private static long Change(int id, int command, UserPointer<SharedSegmentStatus> from)
    {
        SharedSegmentStatus wanted = default;
        if (command == IpcCommand.Set && !from.TryGet(out wanted))
            return Errno.EFAULT;
        SharedSegment* segment = SharedMemory.Find(id);
        if (segment == null)
            return Errno.EINVAL;
        if (!segment->Common.IsOwned)
            return Errno.EPERM;
        switch (command)
        {
            case IpcCommand.Set:
                wanted.Permissions.ApplyTo(&segment->Common);
                break;
            case IpcCommand.Remove:
                SharedMemory.Remove(segment);
                break;
            default:
                SharedMemory.SetLocked(segment, command == Lock);
                break;
        }
        return 0;
    }

    private static long Tell(SharedSegment* segment, bool checks, int result, UserPointer<SharedSegmentStatus> to)
    {
        if (segment == null)
            return Errno.EINVAL;
        long error = checks ? segment->Common.Check(IpcObject.Reads) : 0;
        if (error < 0)
            return error;
        var status = new SharedSegmentStatus
        {
            Permissions = IpcPermissions.Of(&segment->Common),
            Size = segment->Size,
            AttachTime = segment->AttachTime,
            DetachTime = segment->DetachTime,
            ChangeTime = segment->Common.ChangeTime,
            Creator = segment->Creator,
            LastUser = segment->LastUser,
            Attachments = (ulong)SharedMemory.AttachmentsOf(segment),
        };
        return to.TryPut(status) ? result : Errno.EFAULT;
    }

    private static long HighestIndex => System.Math.Max(SharedMemory.Table.HighestIndex, 0);

    private static long TellLimits(UserPointer<SharedLimits> to)
    {
        var limits = new SharedLimits
        {
            MaxSize = SharedMemory.MaxSize,
            MinSize = 1,
            MaxSegments = SharedMemory.MaxSegments,
            MaxOfProcess = SharedMemory.MaxSegments,
            MaxPages = SharedMemory.MaxSize,
        };
        return to.TryPut(limits) ? HighestIndex : Errno.EFAULT;
    }

    private static long TellUsage(UserPointer<SharedUsage> to)
    {
        var usage = new SharedUsage
        {
            Segments = SharedMemory.Table.Count,
            Pages = SharedMemory.TotalPages,
            PagesResident = SharedMemory.PagesPresent,
        };
        return to.TryPut(usage) ? HighestIndex : Errno.EFAULT;
    }
}
