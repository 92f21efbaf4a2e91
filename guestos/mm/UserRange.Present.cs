namespace Guestos;

public readonly unsafe partial struct UserRange
{
    /// <summary>
    /// Resolves the faults that an access to these bytes would cause. Without memory another process is ended, or this
    /// one. Never sleeps. False: EFAULT.
    /// </summary>
    private static bool MakePresent(ulong from, ulong to, Access access)
    {
        const ulong reachable = PageTable.Present | PageTable.UserSupervisor;
        AddressSpace* space = AddressSpace.Current;
        for (ulong page = from & ~(ulong)(Frames.Size - 1); page < to; page += Frames.Size)
        {
            ulong entry = PageTable.EntryOf(space->Root, page);
            if ((entry & reachable) == reachable && (access == Access.Read || PageTable.IsWritable(entry)))
                continue;
            ulong address = page < from ? from : page;
            FaultResult result = AddressSpace.Resolve(space, address, access, Frames.UserFloor);
            if (result == FaultResult.NoMemory && MemoryPolicy.Relieve())
                result = AddressSpace.Resolve(space, address, access, Frames.KernelReserve / 2);
            if (result != FaultResult.Resolved)
                return false;
        }
        return true;
    }
}
