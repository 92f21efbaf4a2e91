namespace Guestos;

/// <summary>Resources of setrlimit(2), by their Linux x86-64 numbers.</summary>
public enum Resource
{
    ProcessorTime,
    FileSize,
    Data,
    Stack,
    Core,
    ResidentSet,
    Processes,
    OpenFiles,
    LockedMemory,
    AddressSpace,
    Locks,
    PendingSignals,
    MessageQueues,
    Nice,
    RealTimePriority,
    RealTimeRun,
}

/// <summary>
/// What a process may use, a soft and a hard limit of each resource; fork and execve keep them. Those that mean
/// something here are looked at where the resource is taken: what nothing here takes (core dumps, message
/// queues) is at most what Linux gives, or zero.
/// </summary>
public unsafe struct ResourceLimits
{
    public const int Count = 16;
    public const ulong Infinity = ulong.MaxValue;

    /// <summary>No RLIMIT_NOFILE is higher: descriptors are 0 to 4,095.</summary>
    public const int MaxOpenFiles = 4096;

    private fixed ulong words[Count * 2];

    public static bool TryMake(ulong number, out Resource resource)
    {
        resource = (Resource)(number & (Count - 1));
        return number < Count;
    }

    /// <summary>The soft limit: the one in force.</summary>
    public static ulong Of(Process* process, Resource resource) => process->Limits.words[(int)resource * 2];

    public static ulong HardOf(Process* process, Resource resource) => process->Limits.words[(int)resource * 2 + 1];

    public static void Set(Process* process, Resource resource, ulong soft, ulong hard)
    {
        process->Limits.words[(int)resource * 2] = soft;
        process->Limits.words[(int)resource * 2 + 1] = hard;
        if (resource == Resource.ProcessorTime)
            Scheduler.EndQuantum();
    }

    /// <summary>What the kernel's own tables allow: no hard limit is set above.</summary>
    public static ulong MaxOf(Resource resource) => resource == Resource.OpenFiles ? MaxOpenFiles : Infinity;

    /// <summary>RLIMIT_FSIZE is reached: SIGXFSZ, and EFBIG for whom that does not end.</summary>
    public static long FileTooLarge()
    {
        Signals.Send(Process.Current, Signal.FileSize);
        return Errno.EFBIG;
    }

    /// <summary>
    /// True when the current process may map so many more pages (RLIMIT_AS), and write to them alone (RLIMIT_DATA).
    /// </summary>
    public static bool AllowsPages(AddressSpace* space, ulong pages, bool data)
    {
        Process* process = Process.Current;
        if (space->TotalPages + pages > Of(process, Resource.AddressSpace) / Frames.Size)
            return false;
        ulong limit = Of(process, Resource.Data);
        return !data || limit == Infinity || space->DataPages + pages <= limit / Frames.Size;
    }

    /// <summary>
    /// mlock(2): 0 when the current process may lock so many pages more, EPERM when it may lock none at all, <paramref
    /// name="error"/> beyond RLIMIT_MEMLOCK. CAP_IPC_LOCK may lock everything.
    /// </summary>
    public static long MayLock(ulong locked, ulong pages, long error)
    {
        Process* process = Process.Current;
        ulong limit = Of(process, Resource.LockedMemory);
        if (Permissions.Has(Capability.IPC_LOCK))
            return 0;
        if (limit == 0)
            return Errno.EPERM;
        return locked + pages <= limit / Frames.Size ? 0 : error;
    }

    /// <summary>For <see cref="MemoryPolicy.MayGrowStack"/>: RLIMIT_STACK, RLIMIT_AS and RLIMIT_MEMLOCK.</summary>
    internal static bool MayGrowStack(AddressSpace* space, ulong bytes, ulong pages, bool locked)
    {
        Process* process = Process.Current;
        return bytes <= Of(process, Resource.Stack)
            && space->TotalPages + pages <= Of(process, Resource.AddressSpace) / Frames.Size
            && (!locked || MayLock(space->LockedPages, pages, Errno.ENOMEM) == 0);
    }

    /// <summary>Those of the first process.</summary>
    public static void SetFirst(Process* process)
    {
        for (int i = 0; i < Count; i++)
            Set(process, (Resource)i, Infinity, Infinity);
        Set(process, Resource.Stack, 8 << 20, Infinity);
        Set(process, Resource.Core, 0, 0);
        Set(process, Resource.Processes, ProcessTable.Capacity, ProcessTable.Capacity);
        Set(process, Resource.OpenFiles, 1024, MaxOpenFiles);
        Set(process, Resource.LockedMemory, 8 << 20, 8 << 20);
        Set(process, Resource.PendingSignals, 1024, 1024);
        Set(process, Resource.MessageQueues, 0, 0);
        Set(process, Resource.Nice, 0, 0);
        Set(process, Resource.RealTimePriority, 0, 0);
    }
}
