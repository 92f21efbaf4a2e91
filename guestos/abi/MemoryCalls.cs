namespace Guestos;

/// <summary>System calls on memory. Arguments as user mode passed them; results 0 or more, or -errno.</summary>
public static unsafe class MemoryCalls
{
    private const ulong InPage = Frames.Size - 1;
    private const ulong MapShared = 1, MapPrivate = 2, MapSharedValidate = 3, MapType = 15, MapFixed = 0x10, MapAnonymous = 0x20, MapGrowsDown = 0x100,
        MapLocked = 0x2000, MapPopulate = 0x8000, MapFixedNoReplace = 0x100000;

    private static ulong RoundUp(ulong value) => (value + InPage) & ~InPage;

    /// <summary>
    /// The calls that change areas, or go through many pages of them: one at a time in an address space, since they
    /// give way in the middle.
    /// </summary>
    public static long Change(SystemCall call, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        AddressSpace* space = Process.Current->Space;
        SleepLock.Take(&space->Lock);
        long result = call switch
        {
            SystemCall.Mmap => Mmap(a, b, c, d, e, f),
            SystemCall.Mprotect => Mprotect(a, b, c),
            SystemCall.Munmap => Munmap(a, b),
            SystemCall.Brk => Brk(a),
            SystemCall.Mremap => Mremap(a, b, c, d, e),
            SystemCall.Madvise => Madvise(a, b, c),
            SystemCall.Msync => Msync(a, b, c),
            SystemCall.Mlock => Mlock(a, b, 0),
            SystemCall.Munlock => Munlock(a, b),
            SystemCall.Mlockall => Mlockall(a),
            SystemCall.Munlockall => Munlockall(),
            _ => Mlock(a, b, c),        // SystemCall.Mlock2
        };
        SleepLock.Release(&space->Lock);
        return result;
    }

    private static long Mmap(ulong address, ulong length, ulong protection, ulong flags, ulong descriptor, ulong offset)
    {
        AddressSpace* space = Process.Current->Space;
        if (length == 0 || (offset & InPage) != 0 || (protection & ~7UL) != 0 && (protection & ~0x0f000007UL) != 0)
            return Errno.EINVAL;
        if (length > AddressSpace.End)
            return Errno.ENOMEM;
        length = RoundUp(length);
        bool shared = (flags & MapType) is MapShared or MapSharedValidate;
        if (!shared && (flags & MapType) != MapPrivate)
            return Errno.EINVAL;
        Inode* file = null;
        if ((flags & MapAnonymous) == 0)
        {
            long result = FileOf(descriptor, protection, shared, out file);
            if (result < 0)
                return result;
        }
        long mapped = Map(space, address, length, protection, flags, shared, file, offset);
        Vfs.Release(file);
        return mapped;
    }

    private static long Map(AddressSpace* space, ulong address, ulong length, ulong protection, ulong flags, bool shared, Inode* file, ulong offset)
    {
        // What could never be touched without running out is refused at once, as Linux does
        // (Documentation/mm/overcommit-accounting).
        if ((protection & Protection.Write) != 0 && length / Frames.Size > Frames.Total)
            return Errno.ENOMEM;
        if (!ResourceLimits.AllowsPages(space, length / Frames.Size, AddressSpace.IsData((uint)protection, shared)))
            return Errno.ENOMEM;
        bool locked = (flags & MapLocked) != 0 || space->LocksFuture;
        if (locked)
        {
            long error = ResourceLimits.MayLock(AddressSpace.LockedPages(space), length / Frames.Size, Errno.EAGAIN);
            if (error < 0 && (error != Errno.EPERM || (flags & MapLocked) != 0))
                return error;
        }
        PageRange range;
        if ((flags & (MapFixed | MapFixedNoReplace)) != 0)
        {
            if (!PageRange.TryMake(address, length, out range))
                return (address & InPage) != 0 ? Errno.EINVAL : Errno.ENOMEM;
            if (address < AddressSpace.MapBottom)
                return Errno.EPERM;
            if ((flags & MapFixedNoReplace) != 0 && !AddressSpace.IsFree(space, range))
                return Errno.EEXIST;
            if (!AddressSpace.Unmap(space, range))
                return Errno.ENOMEM;
        }
        else if ((address < AddressSpace.MapBottom || !PageRange.TryMake(address & ~InPage, length, out range) || !AddressSpace.IsFree(space, range))
            && !AddressSpace.FindRoom(space, length, out range))
            return Errno.ENOMEM;
        MemoryObject* mapped = file != null ? &file->Object : null;
        Area* area = AddressSpace.Add(space, range, (uint)protection & 7, mapped, offset, file != null ? range.End : 0);
        if (area == null)
            return Errno.ENOMEM;
        area->Shared = shared && file == null;
        area->Locked = locked;
        if ((shared && file == null || (flags & MapPopulate) != 0) && !Populate(space, area))
        {
            AddressSpace.Unmap(space, range);
            return Errno.ENOMEM;
        }
        if (locked && !space->LocksOnFault)
            Touch(space, range);
        AddressSpace.Join(space, range);
        return (long)range.Start;
    }

    /// <summary>
    /// The file to be mapped, held. Shared file mappings that could be written are not supported (ENODEV); read-only
    /// ones see the file as it is at first touch.
    /// </summary>
    private static long FileOf(ulong descriptor, ulong protection, bool shared, out Inode* inode)
    {
        inode = null;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if (!file->MayRead)
            return Errno.EACCES;
        if (!RegularFile.Is(file) || shared && (protection & Protection.Write) != 0)
            return Errno.ENODEV;
        inode = Vfs.Hold(file->Inode);
        return 0;
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
            FaultResult result = AddressSpace.Resolve(space, page, Access.Read, Frames.UserFloor);
            Preemption.Point();
            done = result is FaultResult.Resolved or FaultResult.FileEnded && !Signals.Killed;
        }
        area->Protection = protection;
        return done && (protection == (protection | Protection.Read) || AddressSpace.Protect(space, PageRange.Of(*area), protection) == 0);
    }

    private static long Munmap(ulong address, ulong length) =>
        !PageRange.TryMake(address, length, out PageRange range) ? Errno.EINVAL
            : AddressSpace.Unmap(Process.Current->Space, range) ? 0 : Errno.ENOMEM;

    private static long Mprotect(ulong address, ulong length, ulong protection)
    {
        if ((address & InPage) != 0 || (protection & ~0x0f000007UL) != 0)
            return Errno.EINVAL;
        if (length == 0)
            return 0;
        return PageRange.TryMake(address, length, out PageRange range)
            ? AddressSpace.Protect(Process.Current->Space, range, (uint)protection & 7) : Errno.ENOMEM;
    }

    /// <summary>Returns the break as it is then: an unchanged one says that it could not be moved.</summary>
    private static long Brk(ulong wanted)
    {
        AddressSpace* space = Process.Current->Space;
        if (wanted < space->BreakStart || wanted >= AddressSpace.MapTop)
            return (long)space->Break;
        ulong oldEnd = RoundUp(space->Break), newEnd = RoundUp(wanted);
        if (newEnd < oldEnd && (!PageRange.TryMake(newEnd, oldEnd - newEnd, out PageRange given) || !AddressSpace.Unmap(space, given)))
            return (long)space->Break;
        if (newEnd > oldEnd)
        {
            if (!PageRange.TryMake(oldEnd, newEnd - oldEnd, out PageRange taken) || !AddressSpace.IsFree(space, taken) || taken.Pages > Frames.Total
                || !ResourceLimits.AllowsPages(space, taken.Pages, data: true)
                || space->LocksFuture && ResourceLimits.MayLock(AddressSpace.LockedPages(space), taken.Pages, Errno.EAGAIN) < 0)
                return (long)space->Break;
            Area* below = oldEnd > space->BreakStart ? AddressSpace.AreaAtOrAbove(space, oldEnd - 1) : null;
            if (below != null && below->Heap && below->End == oldEnd && below->Protection == (Protection.Read | Protection.Write)
                && below->Locked == space->LocksFuture)
            {
                below->End = newEnd;
                space->TotalPages += taken.Pages;
            }
            else
            {
                Area* heap = AddressSpace.Add(space, taken, Protection.Read | Protection.Write, null, 0, 0);
                if (heap == null)
                    return (long)space->Break;
                heap->Heap = true;
                heap->Locked = space->LocksFuture;
            }
            if (space->LocksFuture && !space->LocksOnFault)
                Touch(space, taken);
        }
        space->Break = wanted;
        return (long)wanted;
    }

    private const ulong MayMove = 1, RemapFixed = 2;

    private static long Mremap(ulong address, ulong oldLength, ulong newLength, ulong flags, ulong newAddress)
    {
        AddressSpace* space = Process.Current->Space;
        if ((address & InPage) != 0 || (flags & ~3UL) != 0 || flags == RemapFixed || !PageRange.TryMake(0, newLength, out PageRange size))
            return Errno.EINVAL;
        PageRange target = default;
        bool isFixed = (flags & RemapFixed) != 0;
        if (isFixed && (!PageRange.TryMake(newAddress, newLength, out target) || newAddress < AddressSpace.MapBottom))
            return Errno.EINVAL;
        bool whole = PageRange.TryMake(address, oldLength, out PageRange old);
        if (isFixed && whole && target.TryIntersect(old, out _))
            return Errno.EINVAL;
        Area* area = AddressSpace.AreaAtOrAbove(space, address);
        if (area == null || area->Start > address)
            return Errno.EFAULT;
        if (RoundUp(oldLength) == 0)
            return Errno.EINVAL;
        if (!whole || area->End < old.End)
            return Errno.EFAULT;
        if (isFixed)
        {
            ulong added = target.Pages > old.Pages ? target.Pages - old.Pages : 0;
            if (area->Locked && ResourceLimits.MayLock(AddressSpace.LockedPages(space), added, Errno.EAGAIN) < 0)
                return Errno.EAGAIN;
            return ResourceLimits.AllowsPages(space, added, AddressSpace.IsData(area->Protection, area->Shared))
                && AddressSpace.Unmap(space, target) ? AddressSpace.Move(space, old, target) : Errno.ENOMEM;
        }
        if (size.Length <= old.Length)
            return !old.TryFrom(old.Start + size.Length, out PageRange cut) || AddressSpace.Unmap(space, cut) ? (long)address : Errno.ENOMEM;
        if (area->Locked && ResourceLimits.MayLock(AddressSpace.LockedPages(space), size.Pages - old.Pages, Errno.EAGAIN) < 0)
            return Errno.EAGAIN;
        if (size.Pages > Frames.Total
            || !ResourceLimits.AllowsPages(space, size.Pages - old.Pages, AddressSpace.IsData(area->Protection, area->Shared)))
            return Errno.ENOMEM;
        if (area->End == old.End && !area->Shared && size.Length <= AddressSpace.MapTop - address
            && PageRange.TryMake(old.End, size.Length - old.Length, out PageRange more) && AddressSpace.IsFree(space, more))
        {
            if (area->FileEnd == area->End)
                area->FileEnd = more.End;
            area->End = more.End;
            space->TotalPages += more.Pages;
            return (long)address;
        }
        if ((flags & MayMove) == 0 || !AddressSpace.FindRoom(space, size.Length, out target))
            return Errno.ENOMEM;
        return AddressSpace.Move(space, old, target);
    }

    /// <summary>mlock2's only flag: pages are locked when they come.</summary>
    private const uint LockOnFault = 1;

    /// <summary>Nothing is swapped here, so what is there stays; the pages of the range come now.</summary>
    private static long Mlock(ulong address, ulong length, ulong flags)
    {
        if (!CallFlags.TryMake(flags, LockOnFault, out CallFlags how))
            return Errno.EINVAL;
        AddressSpace* space = Process.Current->Space;
        long error = ResourceLimits.MayLock(0, 0, Errno.ENOMEM);
        if (error < 0 || length == 0)
            return error;
        if (!PageRange.TryMakeAround(address, length, out PageRange range))
            return Errno.ENOMEM;
        error = ResourceLimits.MayLock(AddressSpace.LockedPages(space) - AddressSpace.LockedPages(space, range), range.Pages, Errno.ENOMEM);
        if (error < 0)
            return error;
        if (!AddressSpace.SetLocked(space, range, true) || !AddressSpace.IsMapped(space, range))
            return Errno.ENOMEM;
        return how.Has(LockOnFault) || Touch(space, range) ? 0 : range.Pages > Frames.Free ? Errno.EAGAIN : Errno.ENOMEM;
    }

    /// <summary>
    /// Makes the pages of a range come, as far as there is memory and permission: all of them, or false.
    /// </summary>
    private static bool Touch(AddressSpace* space, PageRange range)
    {
        for (ulong page = range.Start; page < range.End; page += Frames.Size)
        {
            if (AddressSpace.Resolve(space, page, Access.Read, Frames.UserFloor) is not (FaultResult.Resolved or FaultResult.FileEnded))
                return false;
            Preemption.Point();
            if (Signals.Killed)
                return false;
        }
        return true;
    }

    private static long Munlock(ulong address, ulong length)
    {
        AddressSpace* space = Process.Current->Space;
        if (length == 0)
            return 0;
        return PageRange.TryMakeAround(address, length, out PageRange range) && AddressSpace.SetLocked(space, range, false)
            && AddressSpace.IsMapped(space, range) ? 0 : Errno.ENOMEM;
    }

    private const uint LockCurrent = 1, LockFuture = 2, LockAllOnFault = 4;

    /// <summary>mlockall(2): what is mapped now, what will be, or both.</summary>
    private static long Mlockall(ulong flags)
    {
        if (!CallFlags.TryMake(flags, LockCurrent | LockFuture | LockAllOnFault, out CallFlags how) || !how.Has(LockCurrent | LockFuture))
            return Errno.EINVAL;
        AddressSpace* space = Process.Current->Space;
        long error = ResourceLimits.MayLock(0, how.Has(LockCurrent) ? space->TotalPages : 0, Errno.ENOMEM);
        if (error < 0)
            return error;
        space->LocksFuture = how.Has(LockFuture);
        space->LocksOnFault = how.Has(LockFuture) && how.Has(LockAllOnFault);
        if (!how.Has(LockCurrent))
            return 0;
        AddressSpace.SetLocked(space, PageRange.All, true);
        if (how.Has(LockAllOnFault))
            return 0;
        // As on Linux, what cannot come now is no error.
        ulong end = 0;
        for (Area* area = space->FirstArea; area != null; area = AddressSpace.AreaAtOrAbove(space, end))
        {
            end = area->End;
            Touch(space, PageRange.Of(*area));
        }
        return 0;
    }

    private static long Munlockall()
    {
        AddressSpace* space = Process.Current->Space;
        space->LocksFuture = space->LocksOnFault = false;
        AddressSpace.SetLocked(space, PageRange.All, false);
        return 0;
    }

    /// <summary>There is nothing to write back: no file's pages differ from the file.</summary>
    private static long Msync(ulong address, ulong length, ulong flags)
    {
        const uint asynchronous = 1, invalidate = 2, synchronous = 4;
        if ((address & InPage) != 0 || !CallFlags.TryMake(flags, asynchronous | invalidate | synchronous, out CallFlags how)
            || how.HasAll(asynchronous | synchronous))
            return Errno.EINVAL;
        return length == 0 || PageRange.TryMake(address, length, out PageRange range)
            && AddressSpace.IsMapped(Process.Current->Space, range) ? 0 : Errno.ENOMEM;
    }

    private const ulong DontNeed = 4, FreeLazily = 8;

    private static long Madvise(ulong address, ulong length, ulong advice)
    {
        if ((address & InPage) != 0 || address + length < address || advice > 25 && advice is not (100 or 101) || length != 0 && RoundUp(length) == 0
            || address + RoundUp(length) < address)
            return Errno.EINVAL;
        if (length == 0)
            return 0;
        if (!PageRange.TryMake(address, length, out PageRange range))
            return Errno.ENOMEM;
        AddressSpace* space = Process.Current->Space;
        if (advice is DontNeed or FreeLazily)
            DropPrivatePages(space, range);
        return AddressSpace.IsMapped(space, range) ? 0 : Errno.ENOMEM;
    }

    private static void DropPrivatePages(AddressSpace* space, PageRange range)
    {
        Area* area = AddressSpace.AreaAtOrAbove(space, range.Start);
        for (; area != null && area->Start < range.End; area = area->Next)
        {
            if (!area->Shared && PageRange.Of(*area).TryIntersect(range, out PageRange part))
                AddressSpace.DropPages(space, part);
            Preemption.Point();
        }
    }

    public static long Mincore(ulong address, ulong length, UserPointer<byte> to)
    {
        if ((address & InPage) != 0)
            return Errno.EINVAL;
        if (length == 0)
            return 0;
        if (!PageRange.TryMake(address, length, out PageRange range))
            return Errno.ENOMEM;
        AddressSpace* space = Process.Current->Space;
        for (ulong i = 0; i < range.Pages; i++)
        {
            Preemption.Point();
            ulong page = address + i * Frames.Size;
            Area* area = AddressSpace.AreaAtOrAbove(space, page);
            if (area == null || area->Start > page)
                return Errno.ENOMEM;
            ulong* entry = PageTable.Find(space->Root, page, false);
            if (!to.At(i).TryPut((byte)(entry != null && (*entry & PageTable.Present) != 0 ? 1 : 0)))
                return Errno.EFAULT;
            Preemption.Point();
            if (Signals.Killed)
                return Errno.EINTR;
        }
        return 0;
    }
}
