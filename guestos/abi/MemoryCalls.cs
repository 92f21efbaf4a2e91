namespace Guestos;

/// <summary>
/// System calls on memory: mmap(2) and its relatives. Arguments as user mode passed them; results 0 or more, or -errno.
/// </summary>
public static unsafe partial class MemoryCalls
{
    private const ulong InPage = Frames.Size - 1;

    /// <summary>
    /// Bits that mmap(2) and mprotect(2) take as a protection: PROT_READ, PROT_WRITE, PROT_EXEC, and those of 24 to 27
    /// (PROT_GROWSDOWN, PROT_GROWSUP and reserved ones), which are ignored.
    /// </summary>
    private const ulong ProtectionBits = 0x0f000000 | Protection.Any;

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
            SystemCall.Mlock2 => Mlock(a, b, c),
            SystemCall.RemapFilePages => RemapFilePages(a, b, c, d),
            SystemCall.Shmat => Shmat(a, b, c),
            SystemCall.Shmdt => Shmdt(a),
            _ => Dispatch.Unknown,
        };
        SleepLock.Release(&space->Lock);
        return result;
    }

    private static long Mmap(
        ulong address, ulong length, ulong protection, ulong flags, ulong descriptor, ulong offset)
    {
        bool isOfFile = (flags & MapFlags.ANONYMOUS) == 0;
        if (isOfFile && (offset & InPage) == 0 && Descriptor.FileOf(descriptor) == null)
            return Errno.EBADF;
        if (length == 0 || (offset & InPage) != 0 || (protection & ~ProtectionBits) != 0)
            return Errno.EINVAL;
        if (length > AddressSpace.End)
            return Errno.ENOMEM;
        bool shared = (flags & MapFlags.TYPE) is MapFlags.SHARED or MapFlags.SHARED_VALIDATE;
        if (!shared && (flags & MapFlags.TYPE) != MapFlags.PRIVATE)
            return Errno.EINVAL;
        bool isValidated = (flags & MapFlags.TYPE) == MapFlags.SHARED_VALIDATE;
        if (isValidated && !isOfFile || (flags & MapFlags.GROWSDOWN) != 0 && (isOfFile || shared))
            return Errno.EINVAL;
        if (isOfFile && offset > long.MaxValue - RoundUp(length))
            return Errno.EOVERFLOW;
        Inode* file = null;
        bool neverWritable = false;
        if (isOfFile)
        {
            if (isValidated && (flags & ~MapFlags.Legacy) != 0)
                return Errno.EOPNOTSUPP;
            long result = FileOf(descriptor, protection, shared, out file, out neverWritable);
            if (result < 0)
                return result;
        }
        var request = new MapRequest
        {
            Address = address,
            Length = RoundUp(length),
            Protection = (uint)protection & Protection.Any,
            Flags = flags,
            Shared = shared,
            NeverWritable = neverWritable,
            File = file != null ? &file->Object : null,
            Offset = offset,
        };
        long mapped = Map(Process.Current->Space, request);
        Vfs.Release(file);
        return mapped;
    }

    /// <summary>The arguments of mmap(2), checked one by one.</summary>
    private ref struct MapRequest
    {
        public ulong Address;

        /// <summary>Bytes, of whole pages.</summary>
        public ulong Length;
        public uint Protection;

        /// <summary>MAP_ bits.</summary>
        public ulong Flags;
        public bool Shared;

        /// <summary>Shared, of a file that is not open for writing.</summary>
        public bool NeverWritable;

        /// <summary>Null: MAP_ANONYMOUS.</summary>
        public MemoryObject* File;
        public ulong Offset;

        public readonly ulong Pages => Length / Frames.Size;
    }

    private static long Map(AddressSpace* space, in MapRequest request)
    {
        // What could never be touched without running out is refused at once, as on Linux
        // (Documentation/mm/overcommit-accounting): but not where most of it is never to be touched.
        bool counts = (request.Flags & MapFlags.NORESERVE) == 0 && !(request.Shared && request.File != null);
        if (counts && (request.Protection & Protection.WRITE) != 0 && request.Pages > Frames.Total)
            return Errno.ENOMEM;
        bool isData = AddressSpace.IsData(request.Protection, request.Shared);
        if (!ResourceLimits.AllowsPages(space, request.Pages, isData))
            return Errno.ENOMEM;
        bool locked = (request.Flags & MapFlags.LOCKED) != 0 || space->LocksFuture;
        long error = locked ? MayMapLocked(space, request) : 0;
        if (error < 0)
            return error;
        error = Place(space, request, out PageRange range);
        if (error < 0)
            return error;
        bool sharedMemory = request.Shared && request.File == null;
        bool populates = sharedMemory || (request.Flags & MapFlags.POPULATE) != 0;
        // Only pages with some permission can be made present.
        uint protection = populates ? request.Protection | Protection.READ : request.Protection;
        AreaFlags flags = request.Shared ? AreaFlags.Shared : AreaFlags.None;
        if (request.NeverWritable)
            flags |= AreaFlags.NeverWritable;
        if (locked)
            flags |= AreaFlags.Locked;
        if ((request.Flags & MapFlags.GROWSDOWN) != 0)
            flags |= AreaFlags.GrowsDown;
        if ((request.Flags & MapFlags.NORESERVE) != 0)
            flags |= AreaFlags.NoReserve;
        ulong fileEnd = request.File != null ? range.End : 0;
        if (AddressSpace.Add(space, range, protection, flags, request.File, request.Offset, fileEnd) == null)
            return Errno.ENOMEM;
        if (populates && !PopulateArea(space, range, request.Protection))
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
    /// Whether so much may be locked: 0, EAGAIN beyond RLIMIT_MEMLOCK, EPERM when nothing may be locked. A process
    /// whose mlockall(2) is in force, but whose right to lock is gone, maps without MAP_LOCKED all the same.
    /// </summary>
    private static long MayMapLocked(AddressSpace* space, in MapRequest request)
    {
        long error = ResourceLimits.MayLock(space->LockedPages, request.Pages, Errno.EAGAIN);
        return error == Errno.EPERM && (request.Flags & MapFlags.LOCKED) == 0 ? 0 : error;
    }

    /// <summary>
    /// Chooses the addresses of a mapping: those that MAP_FIXED demands, where what was mapped goes; those asked for,
    /// when they are free; or others. Returns 0 or -errno.
    /// </summary>
    private static long Place(AddressSpace* space, in MapRequest request, out PageRange range)
    {
        if ((request.Flags & (MapFlags.FIXED | MapFlags.FIXED_NOREPLACE)) != 0)
            return PlaceFixed(space, request, out range);
        bool isLow = (request.Flags & MapFlags.BELOW_2G) != 0;
        bool suits = PageRange.TryMake(request.Address & ~InPage, request.Length, out range)
            && request.Address >= AddressSpace.MapBottom
            && (!isLow || range.End <= AddressSpace.LowTop)
            && AddressSpace.IsFree(space, range);
        if (suits)
            return 0;
        bool found = isLow
            ? AddressSpace.FindLowRoom(space, request.Length, out range)
            : AddressSpace.FindRoom(space, request.Length, out range);
        return found ? 0 : Errno.ENOMEM;
    }

    private static long PlaceFixed(AddressSpace* space, in MapRequest request, out PageRange range)
    {
        if (!PageRange.TryMake(request.Address, request.Length, out range))
            return (request.Address & InPage) != 0 ? Errno.EINVAL : Errno.ENOMEM;
        if (request.Address < AddressSpace.MapBottom)
            return Errno.EPERM;
        if ((request.Flags & MapFlags.FIXED_NOREPLACE) != 0 && !AddressSpace.IsFree(space, range))
            return Errno.EEXIST;
        return AddressSpace.Unmap(space, range) ? 0 : Errno.ENOMEM;
    }

    /// <summary>
    /// The file to be mapped, held; null: memory of nobody (/dev/zero). EBADF, EACCES (not open for what is asked),
    /// ENODEV (only these can be mapped).
    /// </summary>
    /// <param name="neverWritable">It is shared, and not open for writing.</param>
    private static long FileOf(
        ulong descriptor, ulong protection, bool shared, out Inode* inode, out bool neverWritable)
    {
        inode = null;
        neverWritable = false;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if (file->IsPath)
            return Errno.EBADF;
        neverWritable = shared && !file->MayWrite;
        if (shared && RegularFile.Is(file) && Seals.ForbidWriting(file->Inode))
        {
            if ((protection & Protection.WRITE) != 0)
                return Errno.EPERM;
            neverWritable = true;
        }

        if (!file->MayRead || neverWritable && (protection & Protection.WRITE) != 0)
            return Errno.EACCES;
        if ((file->Operations->Traits & FileTraits.MapsZeros) != 0)
            return 0;
        if (!RegularFile.Is(file))
            return Errno.ENODEV;
        inode = Vfs.Hold(file->Inode);
        return 0;
    }

    /// <summary>
    /// Makes all pages of a new area present, which has read permission for that, and gives them their protection.
    /// Shared memory needs it before a fork: what came later would be a page of one process. False without memory.
    /// </summary>
    private static bool PopulateArea(AddressSpace* space, PageRange range, uint protection)
    {
        if (range.Pages > Frames.Free)
            return false;
        for (ulong page = range.Start; page < range.End; page += Frames.Size)
        {
            FaultResult result = AddressSpace.BringIn(space, page, Frames.UserFloor);
            Preemption.Point();
            if (result is not (FaultResult.Resolved or FaultResult.FileEnded) || Signals.Killed)
                return false;
        }
        return (protection & Protection.READ) != 0 || AddressSpace.Protect(space, range, protection) == 0;
    }

    private static long Munmap(ulong address, ulong length)
    {
        if (!PageRange.TryMake(address, length, out PageRange range))
            return Errno.EINVAL;
        return AddressSpace.Unmap(Process.Current->Space, range) ? 0 : Errno.ENOMEM;
    }

    private static long Mprotect(ulong address, ulong length, ulong protection)
    {
        if ((address & InPage) != 0 || (protection & ~ProtectionBits) != 0)
            return Errno.EINVAL;
        if (length == 0)
            return 0;
        if (!PageRange.TryMake(address, length, out PageRange range))
            return Errno.ENOMEM;
        return AddressSpace.Protect(Process.Current->Space, range, (uint)protection & Protection.Any);
    }

    /// <summary>Returns the break as it is then: an unchanged one says that it could not be moved.</summary>
    private static long Brk(ulong wanted)
    {
        AddressSpace* space = Process.Current->Space;
        if (wanted < space->BreakStart || wanted >= AddressSpace.MapTop)
            return (long)space->Break;
        ulong oldEnd = RoundUp(space->Break);
        ulong newEnd = RoundUp(wanted);
        if (newEnd < oldEnd && !Unmap(space, newEnd, oldEnd))
            return (long)space->Break;
        if (newEnd > oldEnd && !GrowHeap(space, oldEnd, newEnd))
            return (long)space->Break;
        space->Break = wanted;
        return (long)wanted;
    }

    private static bool Unmap(AddressSpace* space, ulong start, ulong end) =>
        PageRange.TryMake(start, end - start, out PageRange range) && AddressSpace.Unmap(space, range);

    private static bool GrowHeap(AddressSpace* space, ulong oldEnd, ulong newEnd)
    {
        if (!PageRange.TryMake(oldEnd, newEnd - oldEnd, out PageRange added) || !MayGrowHeap(space, added))
            return false;
        const uint readWrite = Protection.READ | Protection.WRITE;
        AreaFlags flags = space->LocksFuture ? AreaFlags.Heap | AreaFlags.Locked : AreaFlags.Heap;
        Area* below = oldEnd > space->BreakStart ? AddressSpace.AreaAtOrAbove(space, oldEnd - 1) : null;
        if (below != null && below->End == oldEnd && below->Flags == flags && below->Protection == readWrite)
            AddressSpace.Extend(space, below, newEnd);
        else if (AddressSpace.Add(space, added, readWrite, flags) == null)
            return false;
        if (space->LocksFuture && !space->LocksOnFault)
            Touch(space, added);
        return true;
    }

    private static bool MayGrowHeap(AddressSpace* space, PageRange added) =>
        AddressSpace.IsFree(space, added)
        && added.Pages <= Frames.Total
        && ResourceLimits.AllowsPages(space, added.Pages, data: true)
        && (!space->LocksFuture || ResourceLimits.MayLock(space->LockedPages, added.Pages, Errno.EAGAIN) == 0);

    /// <summary>
    /// remap_file_pages(2): another part of a shared file at pages that show one. Its flags have no effect.
    /// </summary>
    /// <param name="page">The file's, which is to be seen at the address.</param>
    private static long RemapFilePages(ulong address, ulong length, ulong protection, ulong page)
    {
        AddressSpace* space = Process.Current->Space;
        address &= ~InPage;
        length &= ~InPage;
        ulong pages = length / Frames.Size;
        if (protection != 0 || !PageRange.TryMake(address, length, out PageRange range)
            || page > long.MaxValue / Frames.Size - pages)
            return Errno.EINVAL;
        Area* area = AddressSpace.AreaAtOrAbove(space, address);
        if (area == null || area->Start > address || !area->SharesFile)
            return Errno.EINVAL;
        for (Area* part = area; part->End < range.End; part = part->Next)
        {
            Area* next = part->Next;
            bool goesOn = next != null && next->Start == part->End && next->File == area->File
                && next->Flags == area->Flags;
            if (!goesOn)
                return Errno.EINVAL;
            Preemption.Point();
        }
        var request = new MapRequest
        {
            Address = address,
            Length = length,
            Protection = area->Protection,
            Flags = MapFlags.SHARED | MapFlags.FIXED | (area->Locked ? MapFlags.LOCKED : 0),
            Shared = true,
            NeverWritable = area->NeverWritable,
            File = area->File,
            Offset = page * Frames.Size,
        };
        // The mapping may be the last that holds the file.
        MemoryObject.Operations.Hold(request.File);
        long mapped = Map(space, request);
        MemoryObject.Operations.Release(request.File);
        return mapped < 0 ? mapped : 0;
    }

    // Flags of mremap(2) (include/uapi/linux/mman.h).
    private const ulong MremapMayMove = 1;
    private const ulong MremapFixed = 2;
    private const ulong MremapDontUnmap = 4;

    private static long Mremap(ulong address, ulong oldLength, ulong newLength, ulong flags, ulong newAddress)
    {
        AddressSpace* space = Process.Current->Space;
        bool isFixed = (flags & MremapFixed) != 0;
        bool stays = (flags & MremapDontUnmap) != 0;
        bool mayMove = (flags & MremapMayMove) != 0;
        if ((address & InPage) != 0 || (flags & ~(MremapMayMove | MremapFixed | MremapDontUnmap)) != 0
            || (isFixed || stays) && !mayMove || stays && oldLength != newLength
            || !PageRange.TryMake(0, newLength, out PageRange size))
            return Errno.EINVAL;
        Area* area = AddressSpace.AreaAtOrAbove(space, address);
        if (area == null || area->Start > address)
            return Errno.EFAULT;
        PageRange target = default;
        if (isFixed && (!PageRange.TryMake(newAddress, newLength, out target) || newAddress < AddressSpace.MapBottom))
            return Errno.EINVAL;
        // Nothing of the old place is meant: another view of what is shared there.
        if (RoundUp(oldLength) == 0)
            return Duplicate(space, area, address, size.Length, mayMove, target);
        bool whole = PageRange.TryMake(address, oldLength, out PageRange old);
        if (isFixed && whole && target.TryIntersect(old, out _))
            return Errno.EINVAL;
        // What is cut off may be of several areas.
        if (whole && !isFixed && !stays && size.Length <= old.Length)
            return Shrink(space, old, size.Length);
        if (!whole || area->End < old.End)
            return Errno.EFAULT;
        if (stays && !ResourceLimits.AllowsPages(space, old.Pages, area->IsData))
            return Errno.ENOMEM;
        if (stays && !isFixed && !FindPlace(space, newAddress, size.Length, out target))
            return Errno.ENOMEM;
        if (isFixed || stays)
            return MoveTo(space, area, old, target, stays);
        return Grow(space, area, old, size.Length, mayMove);
    }

    /// <summary>The place that is asked for, if it is free, or another.</summary>
    private static bool FindPlace(AddressSpace* space, ulong wanted, ulong length, out PageRange range) =>
        wanted >= AddressSpace.MapBottom && PageRange.TryMake(wanted & ~InPage, length, out range)
            && AddressSpace.IsFree(space, range)
        || AddressSpace.FindRoom(space, length, out range);

    /// <summary>
    /// An old length of 0 (mremap(2)): what an area shows from an address on is shown at another place too, if it is
    /// shared. Of a file it may be longer than the area; what has no file is as long as it is.
    /// </summary>
    /// <param name="target">MREMAP_FIXED; empty: anywhere.</param>
    private static long Duplicate(
        AddressSpace* space, Area* area, ulong address, ulong length, bool mayMove, PageRange target)
    {
        if (!area->Shared || area->File == null && length > area->End - address)
            return Errno.EINVAL;
        long error = MayAdd(space, area, length / Frames.Size);
        if (error < 0)
            return error;
        bool isFixed = target.Length != 0;
        if (!mayMove || !isFixed && !AddressSpace.FindRoom(space, length, out target))
            return Errno.ENOMEM;
        if (isFixed && !AddressSpace.Unmap(space, target))
            return Errno.ENOMEM;
        // The target may have been a part of it.
        area = AddressSpace.AreaAtOrAbove(space, address);
        if (area == null || area->Start > address)
            return Errno.EFAULT;
        return AddressSpace.Duplicate(space, area, address, target);
    }

    /// <summary>MREMAP_FIXED: what was mapped at the target goes.</summary>
    /// <param name="stays">MREMAP_DONTUNMAP: the old place stays mapped, without its pages.</param>
    private static long MoveTo(AddressSpace* space, Area* area, PageRange old, PageRange target, bool stays)
    {
        ulong added = target.Pages > old.Pages ? target.Pages - old.Pages : 0;
        long error = MayAdd(space, area, added);
        if (error < 0)
            return error;
        return AddressSpace.Unmap(space, target) ? AddressSpace.Move(space, old, target, stays) : Errno.ENOMEM;
    }

    private static long Shrink(AddressSpace* space, PageRange old, ulong length)
    {
        bool isCut = old.TryFrom(old.Start + length, out PageRange cut);
        return !isCut || AddressSpace.Unmap(space, cut) ? (long)old.Start : Errno.ENOMEM;
    }

    private static long Grow(AddressSpace* space, Area* area, PageRange old, ulong length, bool mayMove)
    {
        ulong added = length - old.Length;
        long error = MayAdd(space, area, added / Frames.Size);
        if (error < 0)
            return error;
        if (!area->MayExceedMemory(length / Frames.Size))
            return Errno.ENOMEM;
        bool staysBelowStack = length <= AddressSpace.MapTop - old.Start;
        bool mayExtend = !area->Shared || area->File != null;
        if (area->End == old.End && mayExtend && staysBelowStack
            && PageRange.TryMake(old.End, added, out PageRange more) && AddressSpace.IsFree(space, more))
        {
            AddressSpace.Extend(space, area, more.End);
            return (long)old.Start;
        }
        if (!mayMove || !AddressSpace.FindRoom(space, length, out PageRange target))
            return Errno.ENOMEM;
        return AddressSpace.Move(space, old, target, stays: false);
    }

    /// <summary>
    /// Whether an area may become so many pages longer: 0, EAGAIN by RLIMIT_MEMLOCK, ENOMEM by others.
    /// </summary>
    private static long MayAdd(AddressSpace* space, Area* area, ulong pages)
    {
        if (area->Locked && ResourceLimits.MayLock(space->LockedPages, pages, Errno.EAGAIN) < 0)
            return Errno.EAGAIN;
        return ResourceLimits.AllowsPages(space, pages, area->IsData) ? 0 : Errno.ENOMEM;
    }

    /// <summary>MLOCK_ONFAULT, the only flag of mlock2(2): pages are locked when they come.</summary>
    private const uint MlockOnFault = 1;

    /// <summary>
    /// Nothing is ever swapped out: all that is left to do is the sum, and to make the pages present now.
    /// </summary>
    private static long Mlock(ulong address, ulong length, ulong flags)
    {
        if (!CallFlags.TryMake(flags, MlockOnFault, out CallFlags how))
            return Errno.EINVAL;
        AddressSpace* space = Process.Current->Space;
        long error = ResourceLimits.MayLock(0, 0, Errno.ENOMEM);
        if (error < 0 || length == 0)
            return error;
        if (!PageRange.TryMakeAround(address, length, out PageRange range))
            return Errno.ENOMEM;
        ulong lockedElsewhere = space->LockedPages - AddressSpace.LockedPagesIn(space, range);
        error = ResourceLimits.MayLock(lockedElsewhere, range.Pages, Errno.ENOMEM);
        if (error < 0)
            return error;
        if (!AddressSpace.SetLocked(space, range, true) || !AddressSpace.IsMapped(space, range))
            return Errno.ENOMEM;
        if (how.Has(MlockOnFault) || Touch(space, range))
            return 0;
        return range.Pages > Frames.Free ? Errno.EAGAIN : Errno.ENOMEM;
    }

    /// <summary>
    /// Makes the pages of a range come, as far as there is memory and permission. True when all came. Gives way.
    /// </summary>
    private static bool Touch(AddressSpace* space, PageRange range)
    {
        for (ulong page = range.Start; page < range.End; page += Frames.Size)
        {
            FaultResult result = AddressSpace.BringIn(space, page, Frames.UserFloor);
            if (result is not (FaultResult.Resolved or FaultResult.FileEnded))
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
        bool done = PageRange.TryMakeAround(address, length, out PageRange range)
            && AddressSpace.SetLocked(space, range, false)
            && AddressSpace.IsMapped(space, range);
        return done ? 0 : Errno.ENOMEM;
    }

    // Flags of mlockall(2) (include/uapi/asm-generic/mman.h).
    private const uint MclCurrent = 1;
    private const uint MclFuture = 2;
    private const uint MclOnFault = 4;

    /// <summary>mlockall(2): what is mapped now, what will be, or both.</summary>
    private static long Mlockall(ulong flags)
    {
        if (!CallFlags.TryMake(flags, MclCurrent | MclFuture | MclOnFault, out CallFlags how)
            || !how.Has(MclCurrent | MclFuture))
            return Errno.EINVAL;
        AddressSpace* space = Process.Current->Space;
        long error = ResourceLimits.MayLock(0, how.Has(MclCurrent) ? space->TotalPages : 0, Errno.ENOMEM);
        if (error < 0)
            return error;
        space->LocksFuture = how.Has(MclFuture);
        space->LocksOnFault = how.Has(MclFuture) && how.Has(MclOnFault);
        if (!how.Has(MclCurrent))
            return 0;
        AddressSpace.SetLocked(space, PageRange.All, true);
        if (how.Has(MclOnFault))
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
        space->LocksFuture = false;
        space->LocksOnFault = false;
        AddressSpace.SetLocked(space, PageRange.All, false);
        return 0;
    }

    // Flags of msync(2).
    private const uint MsAsync = 1;
    private const uint MsInvalidate = 2;
    private const uint MsSync = 4;

    /// <summary>There is nothing to write back: shared pages of a file are the file's own.</summary>
    private static long Msync(ulong address, ulong length, ulong flags)
    {
        if ((address & InPage) != 0 || !CallFlags.TryMake(flags, MsAsync | MsInvalidate | MsSync, out CallFlags how)
            || how.HasAll(MsAsync | MsSync))
            return Errno.EINVAL;
        if (length == 0)
            return 0;
        AddressSpace* space = Process.Current->Space;
        if (!PageRange.TryMake(address, length, out PageRange range))
            return Errno.ENOMEM;
        if (how.Has(MsInvalidate) && AddressSpace.LockedPagesIn(space, range) != 0)
            return Errno.EBUSY;
        return AddressSpace.IsMapped(space, range) ? 0 : Errno.ENOMEM;
    }

    // Advice of madvise(2): what is acted on, and the highest numbers that are known (mman-common.h).
    private const ulong MadvDontNeed = 4;
    private const ulong MadvFree = 8;
    private const ulong MadvDontFork = 10;
    private const ulong MadvDoFork = 11;
    private const ulong MadvWipeOnFork = 18;
    private const ulong MadvKeepOnFork = 19;
    private const ulong MaxAdvice = 25;
    private const ulong MadvHwPoison = 100;
    private const ulong MadvSoftOffline = 101;

    private static long Madvise(ulong address, ulong length, ulong advice)
    {
        bool isKnown = advice is <= MaxAdvice or MadvHwPoison or MadvSoftOffline;
        bool wraps = address + length < address || address + RoundUp(length) < address;
        if ((address & InPage) != 0 || !isKnown || wraps || length != 0 && RoundUp(length) == 0)
            return Errno.EINVAL;
        if (length == 0)
            return 0;
        if (!PageRange.TryMake(address, length, out PageRange range))
            return Errno.ENOMEM;
        AddressSpace* space = Process.Current->Space;
        if (advice is MadvDontNeed or MadvFree && AddressSpace.LockedPagesIn(space, range) != 0)
            return Errno.EINVAL;
        if (advice is MadvDontNeed or MadvFree)
            DropPrivatePages(space, range);
        if (advice is MadvWipeOnFork && !IsPrivateMemory(space, range))
            return Errno.EINVAL;
        bool isSet = advice switch
        {
            MadvDontFork or MadvDoFork =>
                AddressSpace.Set(space, range, AreaFlags.NotForked, advice is MadvDontFork),
            MadvWipeOnFork or MadvKeepOnFork =>
                AddressSpace.Set(space, range, AreaFlags.WipedOnFork, advice is MadvWipeOnFork),
            _ => true,
        };
        if (!isSet)
            return Errno.ENOMEM;
        return AddressSpace.IsMapped(space, range) ? 0 : Errno.ENOMEM;
    }

    /// <summary>Nothing in a range is shared or of a file.</summary>
    private static bool IsPrivateMemory(AddressSpace* space, PageRange range)
    {
        for (Area* area = AddressSpace.FirstIn(space, range); area != null; area = AddressSpace.NextIn(area, range))
        {
            if (area->Shared || area->File != null)
                return false;
            Preemption.Point();
        }
        return true;
    }

    private static void DropPrivatePages(AddressSpace* space, PageRange range)
    {
        for (Area* area = AddressSpace.FirstIn(space, range); area != null; area = AddressSpace.NextIn(area, range))
        {
            if (!area->Shared && PageRange.Of(*area).TryIntersect(range, out PageRange part))
                AddressSpace.DropPages(space, part);
            Preemption.Point();
        }
    }

    /// <summary>mincore(2). Does not take the address space's lock: areas may change while it gives way.</summary>
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
            bool isPresent = AddressSpace.IsInMemory(space, area, page);
            if (!to.At(i).TryPut((byte)(isPresent ? 1 : 0)))
                return Errno.EFAULT;
            Preemption.Point();
            if (Signals.Killed)
                return Errno.EINTR;
        }
        return 0;
    }
}
