using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>One user address space: page tables and the areas in it.</summary>
public unsafe partial struct AddressSpace
{
    /// <summary>Most areas of one address space (vm.max_map_count); memory ends sooner on a small machine.</summary>
    public const int MaximumAreas = 65530;

    /// <summary>User addresses are below.</summary>
    public const ulong End = 1UL << 45;

    public const ulong StackTop = End - 2 * Frames.Size;

    /// <summary>However high RLIMIT_STACK is.</summary>
    public const ulong LargestStack = 64 << 20;

    /// <summary>mmap without an address goes below this, top down; the stack has the room above.</summary>
    public const ulong MapTop = StackTop - LargestStack;
    public const ulong MapBottom = 0x10000;

    /// <summary>Processes that share it.</summary>
    public int References;

    /// <summary>
    /// Taken by whoever changes areas, or goes through all of them, and gives way meanwhile. Faults do not take it:
    /// they change no border but that of a stack, downwards.
    /// </summary>
    public SleepLock Lock;

    /// <summary>Physical address of the top-level page table.</summary>
    public ulong Root;

    /// <summary>Program arguments and environment on the stack: /proc/PID/cmdline and environ.</summary>
    public ulong ArgumentsStart, ArgumentsEnd, EnvironmentStart, EnvironmentEnd;

    /// <summary>Frames mapped now (resident set) and pages of all areas.</summary>
    public ulong ResidentPages;
    public ulong TotalPages;

    /// <summary>The heap begins and ends here (brk).</summary>
    public ulong BreakStart, Break;

    /// <summary>
    /// mlockall(2), MCL_FUTURE: what is mapped from now on is locked, and its pages come at once, or with MCL_ONFAULT
    /// when touched.
    /// </summary>
    public bool LocksFuture, LocksOnFault;

    /// <summary>The program, referenced: /proc/PID/exe.</summary>
    public MemoryObject* Executable;

    public Area* FirstArea, LastArea;
    public int AreaCount;
    private Area* areas;

    /// <summary>
    /// Where the search for room goes on, downwards (0: at the top), and the largest hole that lies above.
    /// </summary>
    private ulong roomTop, roomAbove;

    /// <summary>All address spaces, for those who must visit every page table.</summary>
    public AddressSpace* Next, Previous;

    /// <summary>The current process's, which is loaded. The scheduler's to set; null while there is none.</summary>
    public static AddressSpace* Current;

    /// <summary>Head of the list of all address spaces, the newest first.</summary>
    public static AddressSpace* First;

    /// <summary>
    /// Grows with every address space: whoever visits them and lets others run meanwhile finds its place again.
    /// </summary>
    public ulong Serial;
    public static ulong NewestSerial;

    private static Slab<AddressSpace> s_spaces;
    private static Slab<Area> s_areas;

    /// <summary>An empty one with one reference; null without memory.</summary>
    public static AddressSpace* Create()
    {
        AddressSpace* space = s_spaces.Allocate();
        if (space == null)
            return null;
        space->Root = PageTable.CreateRoot();
        if (space->Root == 0)
        {
            s_spaces.Free(space);
            return null;
        }
        space->References = 1;
        space->Serial = ++NewestSerial;
        space->Next = First;
        if (First != null)
            First->Previous = space;
        First = space;
        return space;
    }

    /// <summary>
    /// Its areas stay as they are until <see cref="LetGo"/>. False when its last user is leaving it. May sleep.
    /// </summary>
    public static bool TryHold(AddressSpace* space)
    {
        if (space->References == 0)
            return false;
        space->References++;
        SleepLock.Take(&space->Lock);
        return true;
    }

    public static void LetGo(AddressSpace* space)
    {
        SleepLock.Release(&space->Lock);
        Release(space);
    }

    /// <summary>Gives up one reference. The last one must not be the address space that is loaded.</summary>
    public static void Release(AddressSpace* space)
    {
        if (--space->References > 0)
            return;
        Unmap(space, PageRange.All);
        SetExecutable(space, null);
        if (space->Previous != null)
            space->Previous->Next = space->Next;
        else
            First = space->Next;
        if (space->Next != null)
            space->Next->Previous = space->Previous;
        PageTable.Destroy(space->Root);
        s_spaces.Free(space);
    }

    /// <summary>
    /// Makes a file the program of an address space, or none. Nobody may write to it meanwhile (ETXTBSY).
    /// </summary>
    public static void SetExecutable(AddressSpace* space, MemoryObject* file)
    {
        if (file != null)
        {
            MemoryObject.Operations.Hold(file);
            file->Executions++;
        }
        if (space->Executable != null)
        {
            space->Executable->Executions--;
            MemoryObject.Operations.Release(space->Executable);
        }
        space->Executable = file;
    }

    /// <summary>The area that holds an address, or else the first one above it; null for none.</summary>
    public static Area* AreaAtOrAbove(AddressSpace* space, ulong address) => AreaTree.AtOrAbove(space->areas, address);

    /// <summary>
    /// Adds an area where nothing is mapped. Takes its own reference on the file. Null without memory or when there are
    /// too many.
    /// </summary>
    public static Area* Add(
        AddressSpace* space, PageRange range, uint protection, MemoryObject* file, ulong offset, ulong fileEnd)
    {
        if (space->AreaCount >= MaximumAreas)
            return null;
        Area* area = s_areas.Allocate();
        if (area == null)
            return null;
        area->Start = range.Start;
        area->End = range.End;
        area->Protection = protection;
        area->File = HoldMapped(file);
        area->Offset = offset;
        area->FileEnd = fileEnd;
        Link(space, area);
        space->TotalPages += range.Pages;
        return area;
    }

    private static MemoryObject* HoldMapped(MemoryObject* file)
    {
        if (file != null)
        {
            MemoryObject.Operations.Hold(file);
            file->Mappings++;
        }
        return file;
    }

    private static void Link(AddressSpace* space, Area* area)
    {
        Area* above = AreaAtOrAbove(space, area->Start);
        Area* below = above != null ? above->Previous : space->LastArea;
        area->Next = above;
        area->Previous = below;
        if (above != null)
            above->Previous = area;
        else
            space->LastArea = area;
        if (below != null)
            below->Next = area;
        else
            space->FirstArea = area;
        AreaTree.Insert(&space->areas, area);
        space->AreaCount++;
    }

    private static void Remove(AddressSpace* space, Area* area)
    {
        AreaTree.Remove(&space->areas, area);
        space->roomTop = System.Math.Max(space->roomTop, System.Math.Min(area->End, MapTop));
        if (area->Previous != null)
            area->Previous->Next = area->Next;
        else
            space->FirstArea = area->Next;
        if (area->Next != null)
            area->Next->Previous = area->Previous;
        else
            space->LastArea = area->Previous;
        space->AreaCount--;
        if (area->File != null)
        {
            area->File->Mappings--;
            MemoryObject.Operations.Release(area->File);
        }
        s_areas.Free(area);
    }

    /// <summary>Makes one area of neighbours that are alike, in a range and at its borders.</summary>
    public static void Join(AddressSpace* space, PageRange range)
    {
        Area* area = AreaAtOrAbove(space, range.Start);
        if (area != null && area->Previous != null)
            area = area->Previous;
        while (area != null && area->Next != null && area->Start < range.End)
        {
            Preemption.Point();
            Area* next = area->Next;
            if (!AreAlike(area, next))
            {
                area = next;
                continue;
            }
            ulong end = next->End;
            area->FileEnd = next->FileEnd;
            Remove(space, next);
            area->End = end;
        }
    }

    private static bool AreAlike(Area* below, Area* above) =>
        below->End == above->Start && below->Protection == above->Protection && below->Shared == above->Shared && below->Heap == above->Heap && below->Locked == above->Locked
        && !below->GrowsDown && !above->GrowsDown && below->File == above->File
        && (below->File == null || below->FileEnd == below->End && below->Offset + (below->End - below->Start) == above->Offset);

    /// <summary>
    /// A file has been cut: what was mapped of it beyond its end is gone, private copies too (mmap(2): SIGBUS). The
    /// oldest address space comes first: what is forked meanwhile is younger, and copied from where nothing is left, or
    /// is still to come. Gives way.
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

    /// <summary>
    /// A reference to this one, or to the next younger that is not going already; null: there is none.
    /// </summary>
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

    /// <summary>Cuts an area in two at an address inside it. False without memory.</summary>
    private static bool Split(AddressSpace* space, Area* area, ulong at)
    {
        if (space->AreaCount >= MaximumAreas)
            return false;
        Area* upper = s_areas.Allocate();
        if (upper == null)
            return false;
        *upper = *area;
        HoldMapped(upper->File);
        upper->Offset += at - area->Start;
        upper->Start = at;
        area->End = at;
        upper->GrowsDown = false;
        Link(space, upper);
        return true;
    }

    /// <summary>Makes area borders of both ends of a range. False without memory.</summary>
    private static bool SplitAt(AddressSpace* space, PageRange range)
    {
        (ulong start, ulong end) = (range.Start, range.End);
        Area* area = AreaAtOrAbove(space, start);
        if (area != null && area->Start < start && !Split(space, area, start))
            return false;
        area = AreaAtOrAbove(space, end);
        return area == null || area->Start >= end || Split(space, area, end);
    }

    /// <summary>
    /// Unmaps every page in a range. False, and nothing done, without memory for a split. Gives way: what has lost its
    /// pages has left its area by then, so that nobody gets new ones there.
    /// </summary>
    public static bool Unmap(AddressSpace* space, PageRange range)
    {
        if (!SplitAt(space, range))
            return false;
        Area* area;
        while ((area = AreaAtOrAbove(space, range.Start)) != null && area->Start < range.End)
        {
            ulong address = area->Start, stop = area->End;
            ulong* entry = PageTable.Next(space->Root, ref address, stop);
            if (entry != null)
                DropEntries(space, entry, address, stop = EndOfTable(address, stop));
            space->TotalPages -= (stop - area->Start) / Frames.Size;
            if (stop == area->End)
                Remove(space, area);
            else
            {
                area->Offset += stop - area->Start;
                area->Start = stop;
            }
            Preemption.Point();
        }
        return true;
    }

    /// <summary>Frees the frames behind a range of one or more areas, which stay. Gives way.</summary>
    public static void DropPages(AddressSpace* space, PageRange range)
    {
        ulong* entry;
        for (ulong address = range.Start; (entry = PageTable.Next(space->Root, ref address, range.End)) != null;)
        {
            ulong stop = EndOfTable(address, range.End);
            DropEntries(space, entry, address, stop);
            address = stop;
            Preemption.Point();
        }
    }

    private static void DropEntries(AddressSpace* space, ulong* entry, ulong address, ulong stop)
    {
        for (; address < stop; address += Frames.Size, entry++)
        {
            if ((*entry & PageTable.Present) == 0)
                continue;
            ulong frame = *entry & PageTable.AddressMask;
            PageTable.Set(entry, 0);
            Flush(address);
            Frames.Release(frame);
            space->ResidentPages--;
        }
    }

    /// <summary>
    /// Where the lowest-level table that holds an address ends, or the range does: up to there entries lie side by
    /// side.
    /// </summary>
    private static ulong EndOfTable(ulong address, ulong end) => System.Math.Min((address | 0x1fffff) + 1, end);

    private static void Flush(ulong address) => Board.Processor.InvalidatePage(address);

    /// <summary>Changes the protection of a range that is mapped throughout. Returns 0, ENOMEM. Gives way.</summary>
    public static long Protect(AddressSpace* space, PageRange range, uint protection)
    {
        if (!IsMapped(space, range) || !SplitAt(space, range))
            return Errno.ENOMEM;
        for (Area* area = AreaAtOrAbove(space, range.Start); area != null && area->Start < range.End; area = area->Next)
        {
            area->Protection = protection;
            ulong* entry;
            for (ulong address = area->Start; (entry = PageTable.Next(space->Root, ref address, area->End)) != null;)
            {
                for (ulong stop = EndOfTable(address, area->End); address < stop; address += Frames.Size, entry++)
                {
                    if ((*entry & PageTable.Present) == 0)
                        continue;
                    // Private pages become writable at the next write: whether they are shared is looked up then.
                    PageTable.Set(entry, Entry(area, *entry & PageTable.AddressMask, area->Shared));
                    Flush(address);
                }
                Preemption.Point();
            }
            Preemption.Point();
        }
        Join(space, range);
        return 0;
    }

    /// <summary>True when areas cover all of it. The caller holds the space's lock. Gives way.</summary>
    public static bool IsMapped(AddressSpace* space, PageRange range)
    {
        ulong reached = range.Start;
        Area* area = AreaAtOrAbove(space, reached);
        for (; area != null && area->Start <= reached && reached < range.End; area = area->Next)
        {
            reached = area->End;
            Preemption.Point();
        }
        return reached >= range.End;
    }

    /// <summary>Pages that only this address space writes: what RLIMIT_DATA counts (setrlimit(2)).</summary>
    public static ulong DataPages(AddressSpace* space)
    {
        ulong pages = 0;
        for (Area* area = space->FirstArea; area != null; area = area->Next)
            if (IsData(area->Protection, area->Shared) && !area->GrowsDown)
                pages += (area->End - area->Start) / Frames.Size;
        return pages;
    }

    /// <summary>Pages of areas that are locked (mlock(2)).</summary>
    public static ulong LockedPages(AddressSpace* space)
    {
        ulong pages = 0;
        for (Area* area = space->FirstArea; area != null; area = area->Next)
            if (area->Locked)
                pages += (area->End - area->Start) / Frames.Size;
        return pages;
    }

    /// <summary>Those of them that lie in a range.</summary>
    public static ulong LockedPages(AddressSpace* space, PageRange range)
    {
        ulong pages = 0;
        for (Area* area = AreaAtOrAbove(space, range.Start); area != null && area->Start < range.End; area = area->Next)
            if (area->Locked && PageRange.Of(*area).TryIntersect(range, out PageRange part))
                pages += part.Pages;
        return pages;
    }

    /// <summary>Locks or unlocks what is mapped of a range. False without memory.</summary>
    public static bool SetLocked(AddressSpace* space, PageRange range, bool locked)
    {
        if (!SplitAt(space, range))
            return false;
        for (Area* area = AreaAtOrAbove(space, range.Start); area != null && area->Start < range.End; area = area->Next)
        {
            area->Locked = locked;
            Preemption.Point();
        }
        Join(space, range);
        return true;
    }

    public static bool IsData(uint protection, bool shared) => !shared && (protection & Protection.Write) != 0;

    /// <summary>True when no area touches it.</summary>
    public static bool IsFree(AddressSpace* space, PageRange range)
    {
        Area* area = AreaAtOrAbove(space, range.Start);
        return area == null || area->Start >= range.End;
    }

    /// <summary>
    /// The page-table entry for a frame of an area. Without any permission the page stays, out of user mode's reach.
    /// </summary>
    private static ulong Entry(Area* area, ulong frame, bool writable) =>
        frame | PageTable.Present | PageTable.Accessed | PageTable.Dirty
        | (area->Protection != Protection.None ? PageTable.User : 0)
        | (writable && (area->Protection & Protection.Write) != 0 ? PageTable.Writable : 0)
        | ((area->Protection & Protection.Execute) == 0 ? PageTable.NoExecute : 0);

    /// <summary>
    /// mremap to a free place: pages go along as far as both ranges reach, the old range is unmapped. <paramref
    /// name="from"/> lies in one area. Returns the new address, or ENOMEM with nothing done. Gives way.
    /// </summary>
    public static long Move(AddressSpace* space, PageRange from, PageRange to)
    {
        if (!SplitAt(space, from))
            return Errno.ENOMEM;
        Area* area = AreaAtOrAbove(space, from.Start);
        // A mapping of a file goes on in the file as it grows; zeros behind a program's segment stay zeros.
        ulong fileEnd = area->FileEnd >= from.End ? to.End : area->FileEnd > from.Start ? to.Start + (area->FileEnd - from.Start) : 0;
        Area* moved = Add(space, to, area->Protection, area->File, area->Offset, area->File != null ? fileEnd : 0);
        if (moved == null)
            return Errno.ENOMEM;
        moved->Shared = area->Shared;
        moved->Locked = area->Locked;
        ulong end = from.Start + System.Math.Min(from.Length, to.Length);
        ulong* entry;
        for (ulong address = from.Start; (entry = PageTable.Next(space->Root, ref address, end)) != null; Preemption.Point())
            for (ulong stop = EndOfTable(address, end); address < stop; address += Frames.Size, entry++)
                if ((*entry & PageTable.Present) != 0 && PageTable.Find(space->Root, to.Start + (address - from.Start), true) == null)
                {
                    Unmap(space, to);
                    return Errno.ENOMEM;
                }
        for (ulong address = from.Start; (entry = PageTable.Next(space->Root, ref address, end)) != null; Preemption.Point())
            for (ulong stop = EndOfTable(address, end); address < stop; address += Frames.Size, entry++)
            {
                if ((*entry & PageTable.Present) == 0)
                    continue;
                ulong value = *entry;
                if ((value & PageTable.WasWritable) != 0)
                    value = value & ~PageTable.WasWritable | PageTable.Writable;
                ulong* target = PageTable.Find(space->Root, to.Start + (address - from.Start), true);
                if (target == null)
                    break;
                // Somebody who shares the memory has been here while others ran.
                if ((*target & PageTable.Present) != 0)
                    DropEntries(space, target, to.Start + (address - from.Start), to.Start + (address - from.Start) + Frames.Size);
                PageTable.Set(target, value);
                PageTable.Set(entry, 0);
                Flush(address);
            }
        Unmap(space, from);
        return (long)to.Start;
    }

    /// <summary>Free pages for this many bytes, below <see cref="MapTop"/> and high. False for none.</summary>
    public static bool FindRoom(AddressSpace* space, ulong length, out PageRange range)
    {
        range = default;
        if (length == 0 || length > MapTop - MapBottom)
            return false;
        length = (length + Frames.Size - 1) & ~(ulong)(Frames.Size - 1);
        if (space->roomTop == 0 || length <= space->roomAbove)
            space->roomTop = space->roomAbove = 0;
        return space->roomTop != 0 && SearchRoom(space, length, out range) || SearchAllRoom(space, length, out range);
    }

    private static bool SearchAllRoom(AddressSpace* space, ulong length, out PageRange range)
    {
        space->roomTop = MapTop;
        space->roomAbove = 0;
        return SearchRoom(space, length, out range);
    }

    /// <summary>
    /// From where the last search ended: what lies above is too small, or has been found to be since.
    /// </summary>
    private static bool SearchRoom(AddressSpace* space, ulong length, out PageRange range)
    {
        ulong top = space->roomTop;
        Area* above = AreaAtOrAbove(space, top);
        for (Area* area = above != null ? above : space->LastArea; area != null; area = area->Previous)
        {
            if (area->End <= top && top - area->End >= length)
                break;
            if (area->End < top)
                space->roomAbove = System.Math.Max(space->roomAbove, top - area->End);
            top = System.Math.Min(top, area->Start);
        }
        range = default;
        if (top < MapBottom + length || !PageRange.TryMake(top - length, length, out range))
            return false;
        space->roomTop = range.Start;
        return true;
    }

    /// <summary>
    /// A copy for fork: private pages are shared until somebody writes. Null without memory. Gives way.
    /// </summary>
    public static AddressSpace* Fork(AddressSpace* from)
    {
        SleepLock.Take(&from->Lock);
        AddressSpace* to = ForkAreas(from);
        SleepLock.Release(&from->Lock);
        return to;
    }

    private static AddressSpace* ForkAreas(AddressSpace* from)
    {
        AddressSpace* to = Create();
        if (to == null)
            return null;
        for (Area* area = from->FirstArea; area != null; area = area->Next)
        {
            Area* copy = Add(to, PageRange.Of(*area), area->Protection, area->File, area->Offset, area->FileEnd);
            if (copy == null || !ForkPages(from, to, area))
            {
                Release(to);
                return null;
            }
            copy->Shared = area->Shared;
            copy->GrowsDown = area->GrowsDown;
            copy->Heap = area->Heap;
            LetOthersRun();
        }
        to->ArgumentsStart = from->ArgumentsStart;
        to->ArgumentsEnd = from->ArgumentsEnd;
        to->EnvironmentStart = from->EnvironmentStart;
        to->EnvironmentEnd = from->EnvironmentEnd;
        to->BreakStart = from->BreakStart;
        to->Break = from->Break;
        SetExecutable(to, from->Executable);
        PageTable.Flush();   // the parent's pages are read-only now
        return to;
    }

    private static bool ForkPages(AddressSpace* from, AddressSpace* to, Area* area)
    {
        ulong* entry;
        for (ulong address = area->Start; (entry = PageTable.Next(from->Root, ref address, area->End)) != null;)
        {
            ulong* target = null;
            for (ulong stop = EndOfTable(address, area->End); address < stop; address += Frames.Size, entry++)
            {
                if ((*entry & PageTable.Present) == 0)
                {
                    if (target != null)
                        target++;
                    continue;
                }
                if (target == null && (target = PageTable.Find(to->Root, address, true)) == null)
                    return false;
                ulong frame = *entry & PageTable.AddressMask;
                ulong value = Entry(area, frame, area->Shared);
                if (!area->Shared && PageTable.IsWritable(*entry))
                    PageTable.Set(entry, value);
                Frames.AddReference(frame);
                PageTable.Set(target++, value);
                to->ResidentPages++;
            }
            LetOthersRun();
        }
        return true;
    }

    /// <summary>In the middle of a fork: who shares the parent's memory may run next, so its pages are read-only now.</summary>
    private static void LetOthersRun()
    {
        if (!Preemption.IsDue)
            return;
        PageTable.Flush();
        Preemption.Point();
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
            int inPage = (int)System.Math.Min((ulong)(count - done), Frames.Size - (address & (Frames.Size - 1)));
            ulong* entry = PageTable.Find(space->Root, address, false);
            if (entry != null && (*entry & PageTable.Present) != 0)
                Unsafe.CopyBlock(to + done, DirectMap.At((*entry & PageTable.AddressMask) + (address & (Frames.Size - 1))), (uint)inPage);
            else
                Unsafe.InitBlock(to + done, 0, (uint)inPage);
            done += inPage;
            address += (ulong)inPage;
        }
        return done;
    }
}
