using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// What is done with the pages of a range that are present: unmap, drop, protect, move, read from outside. The caller
/// holds <see cref="Lock"/> where areas change.
/// </summary>
public unsafe partial struct AddressSpace
{
    /// <summary>
    /// Unmaps every page in a range. False, and nothing done, without memory for a split. Gives way: pages are dropped
    /// only together with the part of the area that they lie in, so that no fault brings them back meanwhile.
    /// </summary>
    public static bool Unmap(AddressSpace* space, PageRange range)
    {
        if (!SplitAt(space, range))
            return false;
        for (Area* area = FirstIn(space, range); area != null; area = FirstIn(space, range))
        {
            UnmapBegin(space, area);
            Preemption.Point();
        }
        return true;
    }

    /// <summary>
    /// Unmaps an area up to the end of its first lowest-level table, or all of it when that was the only one.
    /// </summary>
    private static void UnmapBegin(AddressSpace* space, Area* area)
    {
        ulong stop = area->End;
        TableWalk tables = new(space->Root, area->Start, area->End);
        if (tables.MoveNext())
        {
            DropEntries(space, tables);
            TrimTables(space, tables.Start);
            stop = tables.End;
        }
        if (stop == area->End)
        {
            Remove(space, area);
            return;
        }
        Discount(space, area);
        area->Offset += stop - area->Start;
        area->Start = stop;
        Count(space, area);
    }

    /// <summary>
    /// Frames that stay free when tables are made for pages that are there already, as many as their place has now: of
    /// what is the kernel's own half.
    /// </summary>
    private const ulong TableFloor = Frames.KernelReserve / 2;

    /// <summary>
    /// The lowest-level entry of a user address. Tables on the way are made, down to so many free frames or to what is
    /// the kernel's own, and count. Null without memory.
    /// </summary>
    private static ulong* MakeEntry(AddressSpace* space, ulong address, ulong floor) => PageTable.Make(
        space->Root, address, System.Math.Min(floor, Frames.KernelReserve), ref space->TablePages);

    /// <summary>
    /// Page tables that a process keeps when it unmaps what they were made for, so that the next mapping there need not
    /// clear some.
    /// </summary>
    private const ulong KeptTables = 32;

    /// <summary>Gives back the tables of an address that hold nothing any more.</summary>
    private static void TrimTables(AddressSpace* space, ulong address)
    {
        ulong gone = space->TablePages > KeptTables ? PageTable.Trim(space->Root, address) : 0;
        if (gone == 0)
            return;
        space->TablePages -= gone;
        Flush(address);
    }

    /// <summary>Frees the frames behind a range of one or more areas, which stay. Gives way.</summary>
    public static void DropPages(AddressSpace* space, PageRange range)
    {
        TableWalk tables = new(space->Root, range.Start, range.End);
        while (tables.MoveNext())
        {
            DropEntries(space, tables);
            Preemption.Point();
        }
    }

    private static void DropEntries(AddressSpace* space, in TableWalk table)
    {
        ulong* entry = table.Entry;
        for (ulong address = table.Start; address < table.End; address += Frames.Size)
        {
            if ((*entry & PageTable.Present) != 0)
                DropEntry(space, entry, address);
            entry++;
        }
    }

    private static void DropEntry(AddressSpace* space, ulong* entry, ulong address)
    {
        ulong frame = *entry & PageTable.AddressMask;
        PageTable.Set(entry, 0);
        Flush(address);
        Frames.Release(frame);
        space->ResidentPages -= ZeroPage.Weight(frame);
    }

    private static void Flush(ulong address) => Board.Processor.InvalidatePage(address);

    /// <summary>
    /// Changes the protection of a range that is mapped throughout. Returns 0, ENOMEM, or EACCES at the first area that
    /// may not be written. Gives way.
    /// </summary>
    public static long Protect(AddressSpace* space, PageRange range, uint protection)
    {
        if (!IsMapped(space, range) || !SplitAt(space, range))
            return Errno.ENOMEM;
        for (Area* area = FirstIn(space, range); area != null; area = NextIn(area, range))
        {
            if (area->NeverWritable && (protection & Protection.WRITE) != 0)
                return Errno.EACCES;
            Discount(space, area);
            area->Protection = protection;
            Count(space, area);
            ProtectPages(space, area);
            Preemption.Point();
        }
        Join(space, range);
        return 0;
    }

    private static void ProtectPages(AddressSpace* space, Area* area)
    {
        TableWalk tables = new(space->Root, area->Start, area->End);
        while (tables.MoveNext())
        {
            ulong* entry = tables.Entry;
            for (ulong address = tables.Start; address < tables.End; address += Frames.Size)
            {
                if ((*entry & PageTable.Present) != 0)
                {
                    // A private page becomes writable at the next write: whether its frame is shared is found out then.
                    PageTable.Set(entry, EntryFor(area, *entry & PageTable.AddressMask, area->Shared));
                    Flush(address);
                }
                entry++;
            }
            Preemption.Point();
        }
    }

    /// <summary>
    /// The page-table entry for a frame of an area. Without any permission (PROT_NONE) the page stays present, but user
    /// mode cannot reach it.
    /// </summary>
    private static ulong EntryFor(Area* area, ulong frame, bool writable)
    {
        ulong entry = frame | PageTable.Present | PageTable.Accessed | PageTable.Dirty;
        if (area->Protection != Protection.NONE)
            entry |= PageTable.UserSupervisor;
        if (writable && (area->Protection & Protection.WRITE) != 0)
            entry |= PageTable.ReadWrite;
        if ((area->Protection & Protection.EXEC) == 0)
            entry |= PageTable.ExecuteDisable;
        return entry;
    }

    /// <summary>
    /// mremap(2) to a free place: pages go along as far as both ranges reach, the old range is unmapped.
    /// <paramref name="from"/> lies in one area. Returns the new address, or ENOMEM with nothing done. Gives way.
    /// </summary>
    /// <param name="stays">The old range stays mapped, and is as if nobody had touched it (MREMAP_DONTUNMAP).</param>
    public static long Move(AddressSpace* space, PageRange from, PageRange to, bool stays)
    {
        if (!SplitAt(space, from))
            return Errno.ENOMEM;
        Area* area = AreaAtOrAbove(space, from.Start);
        AreaFlags flags = area->Flags & ~(AreaFlags.GrowsDown | AreaFlags.Heap);
        ulong fileEnd = MovedFileEnd(area, from, to);
        if (Add(space, to, area->Protection, flags, area->File, area->Offset, fileEnd) == null)
            return Errno.ENOMEM;
        ulong end = from.Start + System.Math.Min(from.Length, to.Length);
        TableWalk tables = new(space->Root, from.Start, end);
        while (tables.MoveNext())
        {
            if (!MakeTargets(space, tables, to.Start - from.Start))
            {
                Unmap(space, to);
                return Errno.ENOMEM;
            }
            Preemption.Point();
        }
        // Who shares memory without a file has all of it from the beginning: there is nothing to bring it again from.
        bool copies = stays && area->Shared && area->File == null;
        tables = new TableWalk(space->Root, from.Start, end);
        while (tables.MoveNext())
        {
            MoveEntries(space, tables, to.Start - from.Start, copies);
            Preemption.Point();
        }
        if (stays)
            Set(space, from, AreaFlags.Locked, false);
        else
            Unmap(space, from);
        return (long)to.Start;
    }

    /// <summary>
    /// Shows what a shared area shows from an address on at a free place too. Returns its address, or ENOMEM with
    /// nothing done. Gives way.
    /// </summary>
    public static long Duplicate(AddressSpace* space, Area* area, ulong address, PageRange to)
    {
        ulong fileEnd = area->File != null ? to.End : 0;
        ulong offset = area->Offset + (address - area->Start);
        AreaFlags flags = area->Flags & ~AreaFlags.GrowsDown;
        ulong end = System.Math.Min(area->End, address + to.Length);
        bool copies = area->File == null;
        if (Add(space, to, area->Protection, flags, area->File, offset, fileEnd) == null)
            return Errno.ENOMEM;
        TableWalk tables = new(space->Root, address, end);
        while (copies && tables.MoveNext())
        {
            if (!MakeTargets(space, tables, to.Start - address))
            {
                Unmap(space, to);
                return Errno.ENOMEM;
            }
            MoveEntries(space, tables, to.Start - address, copies);
            Preemption.Point();
        }
        return (long)to.Start;
    }

    /// <summary>
    /// Up to where the moved area shows its file: a mapping of a file shows more of the file when it grows, but zeros
    /// behind a program's segment stay zeros.
    /// </summary>
    private static ulong MovedFileEnd(Area* area, PageRange from, PageRange to)
    {
        if (area->File == null || area->FileEnd <= from.Start)
            return 0;
        return area->FileEnd >= from.End ? to.End : to.Start + (area->FileEnd - from.Start);
    }

    /// <summary>Makes the tables that the present pages of a table need at a distance. False without memory.</summary>
    private static bool MakeTargets(AddressSpace* space, in TableWalk table, ulong distance)
    {
        ulong* entry = table.Entry;
        for (ulong address = table.Start; address < table.End; address += Frames.Size)
        {
            bool isPresent = (*entry & PageTable.Present) != 0;
            if (isPresent && MakeEntry(space, address + distance, TableFloor) == null)
                return false;
            entry++;
        }
        return true;
    }

    /// <param name="copies">They are at both places afterwards.</param>
    private static void MoveEntries(AddressSpace* space, in TableWalk table, ulong distance, bool copies)
    {
        ulong* entry = table.Entry;
        for (ulong address = table.Start; address < table.End; address += Frames.Size)
        {
            if ((*entry & PageTable.Present) != 0)
                MoveEntry(space, entry, address, address + distance, copies);
            entry++;
        }
    }

    private static void MoveEntry(AddressSpace* space, ulong* entry, ulong from, ulong to, bool copies)
    {
        ulong* target = MakeEntry(space, to, TableFloor);
        // Only for a page that came after MakeTargets and finds no memory for its table: it goes with the old range.
        if (target == null)
            return;
        ulong value = *entry;
        if ((value & PageTable.WasWritable) != 0)
            value = value & ~PageTable.WasWritable | PageTable.ReadWrite;
        // Another process that shares the memory may have touched the target while this one gave way.
        if ((*target & PageTable.Present) != 0)
            DropEntry(space, target, to);
        PageTable.Set(target, value);
        if (copies)
        {
            Frames.AddReference(value & PageTable.AddressMask);
            space->ResidentPages++;
            return;
        }
        PageTable.Set(entry, 0);
        Flush(from);
    }

    /// <summary>
    /// A file has been cut: pages of it beyond its end are dropped, private copies too (mmap(2): SIGBUS). Address
    /// spaces are visited from the oldest on: one that is forked meanwhile is younger, so it either is still to come
    /// or was copied from where nothing was left. Gives way.
    /// </summary>
    public static void FileCut(MemoryObject* file)
    {
        if (file->Mappings == 0)
            return;
        AddressSpace* space = First;
        while (space != null && space->Next != null)
            space = space->Next;
        for (space = HoldAlive(space); space != null;)
        {
            SleepLock.Take(&space->Lock);
            FileCut(space, file);
            SleepLock.Release(&space->Lock);
            AddressSpace* younger = HoldAlive(space->Previous);
            Release(space);
            space = younger;
        }
    }

    /// <summary>A reference to this one, or to the next younger that still has one; null: there is none.</summary>
    private static AddressSpace* HoldAlive(AddressSpace* space)
    {
        while (space != null && space->References == 0)
            space = space->Previous;
        if (space != null)
            space->References++;
        return space;
    }

    private static void FileCut(AddressSpace* space, MemoryObject* file)
    {
        ulong length = (file->Size + Frames.Size - 1) & ~(ulong)(Frames.Size - 1);
        for (Area* area = space->FirstArea; area != null; area = area->Next)
        {
            ulong from = length > area->Offset ? area->Start + (length - area->Offset) : area->Start;
            if (area->File == file
                && PageRange.Of(*area).TryBelow(area->FileEnd + Frames.Size - 1, out PageRange backed)
                && backed.TryFrom(from, out PageRange gone))
                DropPages(space, gone);
            Preemption.Point();
        }
    }

    /// <summary>
    /// Copies bytes out of another process's memory (for /proc); what is not resident reads as zeros.
    /// Returns how many bytes were copied: less than <paramref name="count"/> where an area ends.
    /// </summary>
    public static int Peek(AddressSpace* space, ulong address, byte* to, int count)
    {
        int done = 0;
        while (done < count)
        {
            Area* area = AreaAtOrAbove(space, address);
            if (area == null || area->Start > address)
                break;
            ulong inPage = address & (Frames.Size - 1);
            int step = (int)System.Math.Min((ulong)(count - done), Frames.Size - inPage);
            ulong entry = PageTable.EntryOf(space->Root, address);
            if ((entry & PageTable.Present) != 0)
                Unsafe.CopyBlock(to + done, DirectMap.At((entry & PageTable.AddressMask) + inPage), (uint)step);
            else
                Unsafe.InitBlock(to + done, 0, (uint)step);
            done += step;
            address += (ulong)step;
        }
        return done;
    }
}
