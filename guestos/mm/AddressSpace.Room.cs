namespace Guestos;

/// <summary>The search for free addresses, from the top down (mmap(2) without an address).</summary>
public unsafe partial struct AddressSpace
{
    /// <summary>
    /// Free pages for this many bytes, below <see cref="MapTop"/> and as high as possible. False for none. The caller
    /// holds <see cref="Lock"/>.
    /// </summary>
    public static bool FindRoom(AddressSpace* space, ulong length, out PageRange range)
    {
        range = default;
        if (length == 0 || length > MapTop - MapBottom)
            return false;
        length = (length + Frames.Size - 1) & ~(ulong)(Frames.Size - 1);
        bool fitsNoneAbove = space->roomTop != 0 && length > space->roomAbove;
        return fitsNoneAbove && SearchRoom(space, length, out range) || SearchAllRoom(space, length, out range);
    }

    /// <summary>MAP_32BIT: the second GiB, from its end downwards.</summary>
    public const ulong LowTop = 1UL << 31;
    private const ulong LowBottom = 1UL << 30;

    /// <summary>The same within the second GiB (MAP_32BIT).</summary>
    public static bool FindLowRoom(AddressSpace* space, ulong length, out PageRange range)
    {
        range = default;
        length = (length + Frames.Size - 1) & ~(ulong)(Frames.Size - 1);
        ulong top = LowTop;
        Area* above = AreaAtOrAbove(space, top);
        Area* area = above != null ? above : space->LastArea;
        while (area != null && (area->End > top || top - area->End < length))
        {
            top = System.Math.Min(top, area->Start);
            area = area->Previous;
        }
        return top >= LowBottom && length <= top - LowBottom && PageRange.TryMake(top - length, length, out range);
    }

    private static bool SearchAllRoom(AddressSpace* space, ulong length, out PageRange range)
    {
        space->roomTop = MapTop;
        space->roomAbove = 0;
        return SearchRoom(space, length, out range);
    }

    /// <summary>Searches from where the last search ended, downwards.</summary>
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
}
