namespace Guestos;

/// <summary>System calls on memory. Arguments as user mode passed them; results 0 or more, or -errno.</summary>
public static unsafe class MemoryCalls
{
    private const ulong InPage = Frames.Size - 1;
    private const ulong MapShared = 1, MapPrivate = 2, MapSharedValidate = 3, MapType = 15, MapFixed = 0x10, MapAnonymous = 0x20, MapGrowsDown = 0x100,
        MapPopulate = 0x8000, MapFixedNoReplace = 0x100000;

    private static ulong RoundUp(ulong value) => (value + InPage) & ~InPage;

    public static long Mmap(ulong address, ulong length, ulong protection, ulong flags, ulong descriptor, ulong offset)
    {
        Process* process = Scheduler.Current;
        AddressSpace* space = process->Space;
        if (length == 0 || (offset & InPage) != 0 || (protection & ~7UL) != 0 && (protection & ~0x0f000007UL) != 0)
            return Errno.Invalid;
        if (length > UserMemory.End)
            return Errno.NoMemory;
        length = RoundUp(length);
        bool shared = (flags & MapType) is MapShared or MapSharedValidate;
        if (!shared && (flags & MapType) != MapPrivate)
            return Errno.Invalid;
        Inode* file = null;
        if ((flags & MapAnonymous) == 0)
        {
            long result = FileOf(process, descriptor, protection, shared, out file);
            if (result < 0)
                return result;
        }
        // What could never be touched without running out is refused at once, as Linux does (Documentation/mm/overcommit-accounting).
        if ((protection & Protection.Write) != 0 && length / Frames.Size > Frames.Total)
            return Errno.NoMemory;
        bool isFixed = (flags & (MapFixed | MapFixedNoReplace)) != 0;
        if (isFixed)
        {
            if ((address & InPage) != 0 || address >= UserMemory.End || length > UserMemory.End - address)
                return (address & InPage) != 0 ? Errno.Invalid : Errno.NoMemory;
            if (address < AddressSpace.MapBottom)
                return Errno.NotPermitted;
            if ((flags & MapFixedNoReplace) != 0 && !IsFree(space, address, length))
                return Errno.Exists;
            if (!AddressSpace.Unmap(space, address, address + length))
                return Errno.NoMemory;
        }
        else
        {
            address &= ~InPage;
            if (address < AddressSpace.MapBottom || address >= UserMemory.End || length > UserMemory.End - address || !IsFree(space, address, length))
                address = AddressSpace.FindRoom(space, length);
            if (address == 0)
                return Errno.NoMemory;
        }
        Area* area = AddressSpace.Add(space, address, address + length, (uint)protection & 7, file, offset, file != null ? address + length : 0);
        if (area == null)
            return Errno.NoMemory;
        area->Shared = shared && file == null;
        if ((shared && file == null || (flags & MapPopulate) != 0) && !Populate(space, area))
        {
            AddressSpace.Unmap(space, address, address + length);
            return Errno.NoMemory;
        }
        return (long)address;
    }

    /// <summary>Shared file mappings that could be written are not supported (ENODEV); read-only ones see the file as it is at first touch.</summary>
    private static long FileOf(Process* process, ulong descriptor, ulong protection, bool shared, out Inode* inode)
    {
        inode = null;
        File* file = FileTable.Get(process->Files, descriptor);
        if (file == null)
            return Errno.BadDescriptor;
        if (!file->MayRead)
            return Errno.Access;
        if (file->Kind != FileKind.Regular || file->Inode == null || shared && (protection & Protection.Write) != 0)
            return Errno.NoSuchDevice;
        inode = file->Inode;
        return 0;
    }

    private static bool IsFree(AddressSpace* space, ulong address, ulong length)
    {
        Area* area = AddressSpace.AreaAtOrAbove(space, address);
        return area == null || area->Start >= address + length;
    }

    /// <summary>Shared pages are there before fork, or they would not be the same ones.</summary>
    private static bool Populate(AddressSpace* space, Area* area)
    {
        if ((area->End - area->Start) / Frames.Size > Frames.Free)
            return false;
        uint protection = area->Protection;
        area->Protection |= Protection.Read;
        bool done = true;
        for (ulong page = area->Start; page < area->End && done; page += Frames.Size)
        {
            FaultResult result = AddressSpace.Resolve(space, page, Access.Read);
            done = result is FaultResult.Resolved or FaultResult.FileEnded;
        }
        area->Protection = protection;
        return done && (protection == (protection | Protection.Read) || AddressSpace.Protect(space, area->Start, area->End, protection) == 0);
    }

    public static long Munmap(ulong address, ulong length)
    {
        if ((address & InPage) != 0 || length == 0 || address >= UserMemory.End || length > UserMemory.End - address)
            return Errno.Invalid;
        return AddressSpace.Unmap(Scheduler.Current->Space, address, RoundUp(address + length)) ? 0 : Errno.NoMemory;
    }

    public static long Mprotect(ulong address, ulong length, ulong protection)
    {
        if ((address & InPage) != 0 || (protection & ~0x0f000007UL) != 0)
            return Errno.Invalid;
        if (address >= UserMemory.End || length > UserMemory.End - address)
            return Errno.NoMemory;
        return length == 0 ? 0 : AddressSpace.Protect(Scheduler.Current->Space, address, RoundUp(address + length), (uint)protection & 7);
    }

    /// <summary>Returns the break as it is then: an unchanged one says that it could not be moved.</summary>
    public static long Brk(ulong wanted)
    {
        AddressSpace* space = Scheduler.Current->Space;
        if (wanted < space->BreakStart || wanted >= AddressSpace.MapTop)
            return (long)space->Break;
        ulong oldEnd = RoundUp(space->Break), newEnd = RoundUp(wanted);
        if (newEnd < oldEnd && !AddressSpace.Unmap(space, newEnd, oldEnd))
            return (long)space->Break;
        if (newEnd > oldEnd)
        {
            if (!IsFree(space, oldEnd, newEnd - oldEnd) || (newEnd - oldEnd) / Frames.Size > Frames.Total)
                return (long)space->Break;
            Area* below = oldEnd > space->BreakStart ? AddressSpace.AreaAtOrAbove(space, oldEnd - 1) : null;
            if (below != null && below->Heap && below->End == oldEnd && below->Protection == (Protection.Read | Protection.Write))
            {
                below->End = newEnd;
                space->TotalPages += (newEnd - oldEnd) / Frames.Size;
            }
            else
            {
                Area* heap = AddressSpace.Add(space, oldEnd, newEnd, Protection.Read | Protection.Write, null, 0, 0);
                if (heap == null)
                    return (long)space->Break;
                heap->Heap = true;
            }
        }
        space->Break = wanted;
        return (long)wanted;
    }

    private const ulong MayMove = 1, RemapFixed = 2;

    public static long Mremap(ulong address, ulong oldLength, ulong newLength, ulong flags, ulong newAddress)
    {
        AddressSpace* space = Scheduler.Current->Space;
        oldLength = RoundUp(oldLength);
        newLength = RoundUp(newLength);
        if ((address & InPage) != 0 || newLength == 0 || oldLength == 0 || (flags & ~3UL) != 0 || flags == RemapFixed
            || address >= UserMemory.End || oldLength > UserMemory.End - address || newLength > UserMemory.End)
            return Errno.Invalid;
        Area* area = AddressSpace.AreaAtOrAbove(space, address);
        if (area == null || area->Start > address || area->End < address + oldLength)
            return Errno.Fault;
        if ((flags & RemapFixed) == 0)
        {
            if (newLength <= oldLength)
                return newLength == oldLength || AddressSpace.Unmap(space, address + newLength, address + oldLength) ? (long)address : Errno.NoMemory;
            if (newLength / Frames.Size > Frames.Total)
                return Errno.NoMemory;
            if (area->End == address + oldLength && area->File == null && !area->Shared && newLength <= AddressSpace.MapTop - address
                && IsFree(space, address + oldLength, newLength - oldLength))
            {
                area->End = address + newLength;
                space->TotalPages += (newLength - oldLength) / Frames.Size;
                return (long)address;
            }
            if ((flags & MayMove) == 0)
                return Errno.NoMemory;
            newAddress = AddressSpace.FindRoom(space, newLength);
            if (newAddress == 0)
                return Errno.NoMemory;
        }
        else
        {
            bool apart = newAddress + newLength <= address || address + oldLength <= newAddress;
            if ((newAddress & InPage) != 0 || newAddress < AddressSpace.MapBottom || newLength > AddressSpace.StackTop - newAddress || !apart)
                return Errno.Invalid;
            if (!AddressSpace.Unmap(space, newAddress, newAddress + newLength))
                return Errno.NoMemory;
        }
        return AddressSpace.Move(space, address, System.Math.Min(oldLength, newLength), oldLength, newAddress, newLength);
    }

    private const ulong DontNeed = 4, FreeLazily = 8;

    public static long Madvise(ulong address, ulong length, ulong advice)
    {
        if ((address & InPage) != 0 || address >= UserMemory.End || length > UserMemory.End - address)
            return Errno.Invalid;
        AddressSpace* space = Scheduler.Current->Space;
        if (advice is DontNeed or FreeLazily)
            for (Area* area = AddressSpace.AreaAtOrAbove(space, address); area != null && area->Start < address + length; area = area->Next)
                if (!area->Shared)
                    AddressSpace.DropPages(space, System.Math.Max(area->Start, address), System.Math.Min(area->End, RoundUp(address + length)));
        return advice <= 25 || advice is 100 or 101 ? 0 : Errno.Invalid;
    }

    public static long Mincore(ulong address, ulong length, ulong to)
    {
        if ((address & InPage) != 0)
            return Errno.Invalid;
        if (address >= UserMemory.End || length > UserMemory.End - address)
            return Errno.NoMemory;
        ulong pages = RoundUp(length) / Frames.Size;
        if (!UserMemory.Writable(to, pages))
            return Errno.Fault;
        AddressSpace* space = Scheduler.Current->Space;
        for (ulong i = 0; i < pages; i++)
        {
            ulong page = address + i * Frames.Size;
            Area* area = AddressSpace.AreaAtOrAbove(space, page);
            if (area == null || area->Start > page)
                return Errno.NoMemory;
            ulong* entry = PageTable.Find(space->Root, page, false);
            // SAFETY: made writable above; nothing has slept since.
            ((byte*)to)[i] = (byte)(entry != null && (*entry & PageTable.Present) != 0 ? 1 : 0);
        }
        return 0;
    }
}
