using System.Runtime.CompilerServices;

namespace Guestos;

public enum Access
{
    Read,
    Write,
    Execute,
}

public enum FaultResult
{
    /// <summary>The access is possible now.</summary>
    Resolved,

    /// <summary>Nothing is mapped there.</summary>
    NoArea,
    NoPermission,

    /// <summary>No frame is left.</summary>
    NoMemory,

    /// <summary>The page lies wholly beyond the end of the mapped file, or the file cannot be read.</summary>
    FileEnded,
}

public unsafe partial struct AddressSpace
{
    /// <summary>Makes one page accessible: demand zero, file contents, copy on write, stack growth.</summary>
    /// <param name="floor">
    /// Frames that stay free: <see cref="Frames.UserFloor"/>, or less for a page that cannot wait.
    /// </param>
    public static FaultResult Resolve(AddressSpace* space, ulong address, Access access, ulong floor)
    {
        Area* area = AreaAtOrAbove(space, address);
        if (area == null || area->Start > address)
        {
            FaultResult grown = GrowStack(space, area, address);
            if (grown != FaultResult.Resolved)
                return grown;
        }
        uint needed = access switch { Access.Write => Protection.Write, Access.Execute => Protection.Execute, _ => Protection.Read | Protection.Write | Protection.Execute };
        if ((area->Protection & needed) == 0)
            return FaultResult.NoPermission;
        ulong* entry = PageTable.Find(space->Root, address, true);
        if (entry == null)
            return FaultResult.NoMemory;
        ulong page = address & ~(ulong)(Frames.Size - 1);
        if ((*entry & PageTable.Present) == 0)
        {
            bool isShared = access != Access.Write && PopulateShared(space, area, page);
            return isShared ? FaultResult.Resolved : Populate(space, area, page, entry, floor);
        }
        if (access == Access.Write && !PageTable.IsWritable(*entry))
            return CopyOnWrite(area, page, entry, floor);
        Flush(page);
        return FaultResult.Resolved;
    }

    /// <summary>
    /// Pages that are looked at around a fault in a file, so that one fault brings what is at hand already.
    /// </summary>
    private const ulong FaultAround = 16 * Frames.Size;

    /// <summary>
    /// Maps a whole page of a file read-only, shared with the file and everybody who maps it; and its neighbours, if
    /// they are in memory.
    /// </summary>
    private static bool PopulateShared(AddressSpace* space, Area* area, ulong page)
    {
        if (area->File == null || area->Shared || !MapShared(space, area, page, make: true))
            return false;
        ulong window = page & ~(FaultAround - 1);
        ulong end = System.Math.Min(window + FaultAround, area->End);
        for (ulong near = System.Math.Max(window, area->Start); near < end; near += Frames.Size)
            if (near != page)
                MapShared(space, area, near, make: false);
        return true;
    }

    private static bool MapShared(AddressSpace* space, Area* area, ulong page, bool make)
    {
        if (page + Frames.Size > area->FileEnd)
            return false;
        ulong* entry = PageTable.Find(space->Root, page, true);
        if (entry == null || (*entry & PageTable.Present) != 0)
            return false;
        ulong frame = MemoryObject.Operations.PageFrame(area->File, (area->Offset + (page - area->Start)) / Frames.Size, make);
        if (frame == 0)
            return false;
        Frames.AddReference(frame);
        PageTable.Set(entry, Entry(area, frame, false));
        space->ResidentPages++;
        return true;
    }

    private static FaultResult Populate(AddressSpace* space, Area* area, ulong page, ulong* entry, ulong floor)
    {
        ulong frame = Frames.AllocateUser(floor);
        if (frame == 0)
            return FaultResult.NoMemory;
        if (area->File != null && page < area->FileEnd)
        {
            ulong offset = area->Offset + (page - area->Start);
            ulong length = System.Math.Min(Frames.Size, area->FileEnd - page);
            long read = MemoryObject.Operations.Read(area->File, offset, DirectMap.At(frame), length);
            if (read < 0 || read == 0)
            {
                Frames.Release(frame);
                return FaultResult.FileEnded;
            }
        }
        PageTable.Set(entry, Entry(area, frame, true));
        space->ResidentPages++;
        return FaultResult.Resolved;
    }

    private static FaultResult CopyOnWrite(Area* area, ulong page, ulong* entry, ulong floor)
    {
        ulong frame = *entry & PageTable.AddressMask;
        if (Frames.References(frame) > 1 && !area->Shared)
        {
            ulong copy = Frames.AllocateUser(floor);
            if (copy == 0)
                return FaultResult.NoMemory;
            Unsafe.CopyBlock(DirectMap.At(copy), DirectMap.At(frame), Frames.Size);
            Frames.Release(frame);
            frame = copy;
        }
        PageTable.Set(entry, Entry(area, frame, true));
        Flush(page);
        return FaultResult.Resolved;
    }

    /// <summary>
    /// Extends the stack area down to an address, if it is the next one above and stays within its limit.
    /// </summary>
    private static FaultResult GrowStack(AddressSpace* space, Area* above, ulong address)
    {
        if (above == null || !above->GrowsDown || address < MapBottom)
            return FaultResult.NoArea;
        ulong start = address & ~(ulong)(Frames.Size - 1);
        ulong pages = (above->Start - start) / Frames.Size;
        if (above->End - start > LargestStack || above->Previous != null && above->Previous->End + Frames.Size > start
            || !MemoryPolicy.MayGrowStack(space, above->End - start, pages, above->Locked))
            return FaultResult.NoArea;
        space->TotalPages += pages;
        above->Start = start;
        return FaultResult.Resolved;
    }
}
