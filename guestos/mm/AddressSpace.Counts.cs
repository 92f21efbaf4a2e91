namespace Guestos;

/// <summary>What pages take, and where they are, for /proc.</summary>
public unsafe partial struct AddressSpace
{
    /// <summary>Counts the pages of an area. The caller holds <see cref="Lock"/>. Gives way.</summary>
    public static void CountPages(AddressSpace* space, Area* area, PageCounts* counts)
    {
        TableWalk tables = new(space->Root, area->Start, area->End);
        while (tables.MoveNext())
        {
            ulong* entry = tables.Entry;
            for (ulong page = tables.Start; page < tables.End; page += Frames.Size)
            {
                if ((*entry & PageTable.Present) != 0 && !ZeroPage.Is(*entry & PageTable.AddressMask))
                    CountPage(area, page, *entry, counts);
                entry++;
            }
            Preemption.Point();
        }
        if (area->Locked)
            counts->Locked = counts->Share;
    }

    private static void CountPage(Area* area, ulong page, ulong entry, PageCounts* counts)
    {
        ulong frame = entry & PageTable.AddressMask;
        bool isOfFile = IsOfFile(area, page, frame);
        bool isAnonymous = !isOfFile && !area->Shared;
        ulong holders = HoldersOf(frame, isOfFile);
        // A page of a file is clean where it cannot be written to from here.
        bool isDirty = !isOfFile || PageTable.IsWritable(entry);
        ulong share = Frames.Size * PageCounts.ShareUnit / holders;
        counts->Resident++;
        counts->Share += share;
        counts->ShareDirty += isDirty ? share : 0;
        counts->ShareFile += isOfFile ? share : 0;
        counts->ShareAnonymous += isAnonymous ? share : 0;
        counts->Anonymous += isAnonymous ? 1ul : 0;
        if (holders > 1 && isDirty)
            counts->SharedDirty++;
        else if (holders > 1)
            counts->SharedClean++;
        else if (isDirty)
            counts->PrivateDirty++;
        else
            counts->PrivateClean++;
    }

    /// <summary>A mapped frame is the file's own, and no private copy.</summary>
    private static bool IsOfFile(Area* area, ulong page, ulong frame)
    {
        if (area->File == null || page >= area->FileEnd)
            return false;
        ulong offset = area->Offset + (page - area->Start);
        return area->Shared || MemoryObject.Operations.PageFrame(area->File, offset / Frames.Size, false) == frame;
    }

    /// <summary>How often a frame is mapped: a file holds its own once more.</summary>
    private static ulong HoldersOf(ulong frame, bool isOfFile)
    {
        uint references = Frames.References(frame);
        return isOfFile && references > 1 ? references - 1 : references;
    }

    // Bits of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
    private const ulong PageIsPresent = 1UL << 63;
    private const ulong PageIsOfFile = 1UL << 61;
    private const ulong PageIsExclusive = 1UL << 56;

    /// <summary>What /proc/PID/pagemap says of a page.</summary>
    /// <param name="area">The area that it lies in; null: none.</param>
    /// <param name="showsFrame">The reader may know the frame's number.</param>
    public static ulong PageMapEntry(AddressSpace* space, Area* area, ulong page, bool showsFrame)
    {
        ulong entry = area != null ? PageTable.EntryOf(space->Root, page) : 0;
        if ((entry & PageTable.Present) == 0)
            return 0;
        ulong frame = entry & PageTable.AddressMask;
        ulong said = PageIsPresent | (showsFrame ? frame / Frames.Size : 0);
        if (ZeroPage.Is(frame))
            return said;
        bool isOfFile = IsOfFile(area, page, frame);
        if (isOfFile || area->Shared)
            said |= PageIsOfFile;
        return HoldersOf(frame, isOfFile) == 1 ? said | PageIsExclusive : said;
    }

    /// <summary>
    /// What mincore(2) says of a page of an area: it is mapped, or in the file's memory.
    /// </summary>
    public static bool IsInMemory(AddressSpace* space, Area* area, ulong page)
    {
        if ((PageTable.EntryOf(space->Root, page) & PageTable.Present) != 0)
            return true;
        ulong offset = area->Offset + (page - area->Start);
        return area->File != null && page < area->FileEnd
            && MemoryObject.Operations.PageFrame(area->File, offset / Frames.Size, false) != 0;
    }
}
