namespace Guestos;

/// <summary>The areas of an address space: list, tree and sums. The only writer of all three.</summary>
public unsafe partial struct AddressSpace
{
    /// <summary>The area that holds an address, or else the first one above it; null for none.</summary>
    public static Area* AreaAtOrAbove(AddressSpace* space, ulong address) =>
        AreaTree.AtOrAbove(space->areas, address);

    /// <summary>The lowest area that has pages in a range; null for none.</summary>
    public static Area* FirstIn(AddressSpace* space, PageRange range)
    {
        Area* area = AreaAtOrAbove(space, range.Start);
        return area != null && area->Start < range.End ? area : null;
    }

    /// <summary>The next higher area, if it has pages in a range; null if not.</summary>
    public static Area* NextIn(Area* area, PageRange range)
    {
        Area* next = area->Next;
        return next != null && next->Start < range.End ? next : null;
    }

    /// <summary>
    /// Adds an area where nothing is mapped. Takes a reference of its own on the file. Null without memory, or when
    /// there are <see cref="MaxAreas"/> already.
    /// </summary>
    public static Area* Add(
        AddressSpace* space, PageRange range, uint protection, AreaFlags flags,
        MemoryObject* file = null, ulong offset = 0, ulong fileEnd = 0)
    {
        if (space->AreaCount >= MaxAreas)
            return null;
        Area* area = s_areas.Allocate();
        if (area == null)
            return null;
        area->Start = range.Start;
        area->End = range.End;
        area->Protection = protection;
        area->Flags = flags;
        area->File = HoldMapped(file, area->Shared);
        area->Offset = offset;
        area->FileEnd = fileEnd;
        Link(space, area);
        return area;
    }

    /// <summary>Moves the end of an area up to an address below which nothing else is mapped.</summary>
    public static void Extend(AddressSpace* space, Area* area, ulong end)
    {
        Discount(space, area);
        // A mapping of a file up to the area's end goes on in the file.
        if (area->FileEnd == area->End)
            area->FileEnd = end;
        area->End = end;
        Count(space, area);
    }

    private static MemoryObject* HoldMapped(MemoryObject* file, bool shared)
    {
        if (file != null)
        {
            MemoryObject.Operations.Hold(file);
            file->Mappings++;
            file->SharedMappings += shared ? 1 : 0;
        }
        return file;
    }

    /// <summary>True for pages that only their address space writes (RLIMIT_DATA).</summary>
    public static bool IsData(uint protection, bool shared) => !shared && (protection & Protection.WRITE) != 0;

    /// <summary>Adds an area to the sums over all areas.</summary>
    private static void Count(AddressSpace* space, Area* area)
    {
        space->TotalPages += area->Pages;
        space->LockedPages += area->Locked ? area->Pages : 0;
        space->DataPages += area->IsData ? area->Pages : 0;
    }

    /// <summary>Takes an area out of the sums. Called before it changes, <see cref="Count"/> afterwards.</summary>
    private static void Discount(AddressSpace* space, Area* area)
    {
        space->TotalPages -= area->Pages;
        space->LockedPages -= area->Locked ? area->Pages : 0;
        space->DataPages -= area->IsData ? area->Pages : 0;
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
        Count(space, area);
    }

    private static void Remove(AddressSpace* space, Area* area)
    {
        Discount(space, area);
        AreaTree.Remove(&space->areas, area);
        if (space->roomTop != 0)
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
            area->File->SharedMappings -= area->Shared ? 1 : 0;
            MemoryObject.Operations.Release(area->File);
        }
        s_areas.Free(area);
    }

    /// <summary>Makes one area of neighbours that are alike, in a range and at its borders. Gives way.</summary>
    public static void Join(AddressSpace* space, PageRange range)
    {
        Area* area = AreaAtOrAbove(space, range.Start);
        if (area != null && area->Previous != null)
            area = area->Previous;
        while (area != null && area->Next != null && area->Start < range.End)
        {
            Preemption.Point();
            if (AreAlike(area, area->Next))
                JoinNext(space, area);
            else
                area = area->Next;
        }
    }

    private static void JoinNext(AddressSpace* space, Area* area)
    {
        ulong end = area->Next->End;
        ulong fileEnd = area->Next->FileEnd;
        Remove(space, area->Next);
        Discount(space, area);
        area->End = end;
        area->FileEnd = fileEnd;
        Count(space, area);
    }

    private static bool AreAlike(Area* below, Area* above) =>
        below->End == above->Start
        && below->Protection == above->Protection
        && below->Flags == above->Flags
        && !below->GrowsDown
        && below->File == above->File
        && (below->File == null || GoesOn(below, above));

    /// <summary>True when an area shows the bytes of the file that follow those of its lower neighbour.</summary>
    private static bool GoesOn(Area* below, Area* above) =>
        below->FileEnd == below->End && below->Offset + (below->End - below->Start) == above->Offset;

    /// <summary>Cuts an area in two at an address inside it. False without memory.</summary>
    private static bool Split(AddressSpace* space, Area* area, ulong at)
    {
        if (space->AreaCount >= MaxAreas)
            return false;
        Area* upper = s_areas.Allocate();
        if (upper == null)
            return false;
        *upper = *area;
        HoldMapped(upper->File, upper->Shared);
        upper->Offset += at - area->Start;
        upper->Start = at;
        upper->Flags &= ~AreaFlags.GrowsDown;
        Discount(space, area);
        area->End = at;
        Count(space, area);
        Link(space, upper);
        return true;
    }

    /// <summary>Makes area borders of both ends of a range. False without memory.</summary>
    private static bool SplitAt(AddressSpace* space, PageRange range) =>
        SplitAt(space, range.Start) && SplitAt(space, range.End);

    private static bool SplitAt(AddressSpace* space, ulong border)
    {
        Area* area = AreaAtOrAbove(space, border);
        return area == null || area->Start >= border || Split(space, area, border);
    }

    /// <summary>True when no area has a page in it.</summary>
    public static bool IsFree(AddressSpace* space, PageRange range) => FirstIn(space, range) == null;

    /// <summary>True when areas cover all of it. The caller holds <see cref="Lock"/>. Gives way.</summary>
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

    /// <summary>Locked pages in a range. The caller holds <see cref="Lock"/>. Gives way.</summary>
    public static ulong LockedPagesIn(AddressSpace* space, PageRange range)
    {
        ulong pages = 0;
        for (Area* area = FirstIn(space, range); area != null; area = NextIn(area, range))
        {
            if (area->Locked && PageRange.Of(*area).TryIntersect(range, out PageRange part))
                pages += part.Pages;
            Preemption.Point();
        }
        return pages;
    }

    /// <summary>
    /// Locks or unlocks what is mapped of a range (mlock(2)); no page comes by it. False without memory. The caller
    /// holds <see cref="Lock"/>. Gives way.
    /// </summary>
    public static bool SetLocked(AddressSpace* space, PageRange range, bool locked) =>
        Set(space, range, AreaFlags.Locked, locked);

    /// <summary>The same of any flag.</summary>
    public static bool Set(AddressSpace* space, PageRange range, AreaFlags flag, bool isOn)
    {
        if (!SplitAt(space, range))
            return false;
        for (Area* area = FirstIn(space, range); area != null; area = NextIn(area, range))
        {
            Discount(space, area);
            area->Flags &= ~flag;
            if (isOn)
                area->Flags |= flag;
            Count(space, area);
            Preemption.Point();
        }
        Join(space, range);
        return true;
    }
}
