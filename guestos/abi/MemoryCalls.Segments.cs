namespace Guestos;

/// <summary>shmat(2) and shmdt(2): a segment is mapped as a shared file, whole and from its beginning.</summary>
public static unsafe partial class MemoryCalls
{
    // Flags of shmat(2) (include/uapi/linux/shm.h).
    private const uint ShmReadOnly = 0x1000;
    private const uint ShmRound = 0x2000;
    private const uint ShmRemap = 0x4000;
    private const uint ShmExecute = 0x8000;

    private static long Shmat(ulong id, ulong address, ulong flags)
    {
        if ((int)id < 0)
            return Errno.EINVAL;
        if ((address & InPage) != 0)
        {
            if (((uint)flags & ShmRound) == 0)
                return Errno.EINVAL;
            address &= ~InPage;
        }
        bool remaps = ((uint)flags & ShmRemap) != 0;
        if (address == 0 && remaps)
            return Errno.EINVAL;
        SharedSegment* segment = SharedMemory.Find((int)id);
        if (segment == null)
            return Errno.EINVAL;
        bool isReadOnly = ((uint)flags & ShmReadOnly) != 0;
        uint protection = isReadOnly ? Protection.READ : Protection.READ | Protection.WRITE;
        uint rights = isReadOnly ? IpcObject.Reads : IpcObject.Reads | IpcObject.Writes;
        if (((uint)flags & ShmExecute) != 0)
        {
            protection |= Protection.EXEC;
            rights |= IpcObject.Executes;
        }
        long error = segment->Common.Check(rights);
        if (error < 0)
            return error;
        ulong how = MapFlags.SHARED;
        if (address != 0)
            how |= remaps ? MapFlags.FIXED : MapFlags.FIXED_NOREPLACE;
        Inode* inode = Vfs.Hold(segment->Inode);
        var request = new MapRequest
        {
            Address = address,
            Length = inode->Size,
            Protection = protection,
            Flags = how,
            Shared = true,
            NeverWritable = isReadOnly,
            File = &inode->Object,
        };
        long mapped = Map(Process.Current->Space, request);
        if (mapped >= 0)
            SharedMemory.Used(segment, attached: true);
        Vfs.Release(inode);
        return mapped == Errno.EEXIST ? Errno.EINVAL : mapped;
    }

    /// <summary>What is left of the attachment that begins there, in pieces perhaps.</summary>
    private static long Shmdt(ulong address)
    {
        AddressSpace* space = Process.Current->Space;
        Area* first = (address & InPage) == 0 ? AddressSpace.AreaAtOrAbove(space, address) : null;
        bool begins = first != null && first->Start == address && first->SharesFile && first->Offset == 0;
        SharedSegment* segment = begins ? SharedMemory.Of(first->File) : null;
        if (segment == null || !PageRange.TryMake(address, segment->Inode->Size, out PageRange all))
            return Errno.EINVAL;
        MemoryObject* file = first->File;
        long result = 0;
        Inode* inode = Vfs.Hold(segment->Inode);
        for (Area* area = AddressSpace.FirstIn(space, all); area != null; area = AddressSpace.FirstIn(space, all))
        {
            bool isOfIt = area->File == file && area->Start - area->Offset == address;
            ulong end = area->End;
            if (isOfIt && !(PageRange.Of(*area).TryIntersect(all, out PageRange part)
                && AddressSpace.Unmap(space, part)))
                result = Errno.ENOMEM;
            if (result < 0 || !all.TryFrom(end, out all))
                break;
        }
        if (result == 0)
            SharedMemory.Used(segment, attached: false);
        Vfs.Release(inode);
        return result;
    }
}
