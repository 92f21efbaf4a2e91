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

    /// <summary>
    /// The page lies wholly beyond the end of the mapped file, the file cannot be read, or there is no room for a
    /// page of a shared one that was never written (as in tmpfs that is full).
    /// </summary>
    FileEnded,
}

public unsafe partial struct AddressSpace
{
    /// <summary>
    /// Makes one page accessible: demand zero, file contents, copy on write, stack growth. Never sleeps and never gives
    /// way; <see cref="Lock"/> may be held by anybody.
    /// </summary>
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
        if ((area->Protection & AllowingAny(access)) == 0)
            return FaultResult.NoPermission;
        ulong* entry = MakeEntry(space, address, floor);
        if (entry == null)
            return FaultResult.NoMemory;
        ulong page = address & ~(ulong)(Frames.Size - 1);
        if ((*entry & PageTable.Present) == 0 && area->SharesFile)
            return PopulateFromFile(space, area, page) ? FaultResult.Resolved : FaultResult.FileEnded;
        if ((*entry & PageTable.Present) == 0)
        {
            bool isMapped = access != Access.Write
                && (PopulateFromFile(space, area, page) || PopulateZero(area, page, entry));
            return isMapped ? FaultResult.Resolved : Populate(space, area, page, entry, floor);
        }
        if (access == Access.Write && !PageTable.IsWritable(*entry))
            return CopyOnWrite(space, area, page, entry, floor);
        Flush(page);
        return FaultResult.Resolved;
    }

    /// <summary>
    /// The bits of which one must be set for an access. On x86 every page that is mapped can be read.
    /// </summary>
    private static uint AllowingAny(Access access) => access switch
    {
        Access.Write => Protection.WRITE,
        Access.Execute => Protection.EXEC,
        _ => Protection.Any,
    };

    /// <summary>
    /// Bytes of the aligned window around a fault in a file in which pages that are in memory already are mapped by the
    /// same fault.
    /// </summary>
    private const ulong FaultAround = 16 * Frames.Size;

    /// <summary>
    /// Maps a whole page of a file, the same that the file and everybody else has who maps it; and its neighbours, if
    /// they are in memory. Read-only in a private area, where a write makes a copy. False behind the end of the file,
    /// and when there is no frame for a page that is in none yet.
    /// </summary>
    private static bool PopulateFromFile(AddressSpace* space, Area* area, ulong page)
    {
        if (area->File == null || !MapFileFrame(space, area, page, make: true))
            return false;
        ulong window = page & ~(FaultAround - 1);
        ulong end = System.Math.Min(window + FaultAround, area->End);
        for (ulong near = System.Math.Max(window, area->Start); near < end; near += Frames.Size)
            if (near != page)
                MapFileFrame(space, area, near, make: false);
        return true;
    }

    private static bool MapFileFrame(AddressSpace* space, Area* area, ulong page, bool make)
    {
        if (page + Frames.Size > area->FileEnd)
            return false;
        ulong* entry = MakeEntry(space, page, Frames.KernelReserve);
        if (entry == null || (*entry & PageTable.Present) != 0)
            return false;
        ulong offset = area->Offset + (page - area->Start);
        ulong frame = MemoryObject.Operations.PageFrame(area->File, offset / Frames.Size, make);
        if (frame == 0)
            return false;
        Frames.AddReference(frame);
        PageTable.Set(entry, EntryFor(area, frame, area->Shared));
        space->ResidentPages++;
        return true;
    }

    /// <summary>
    /// A page without a file that is not to be written to yet: false where it is one of a file, or shared.
    /// </summary>
    private static bool PopulateZero(Area* area, ulong page, ulong* entry)
    {
        if (!ZeroPage.Exists || area->Shared || area->File != null && page < area->FileEnd)
            return false;
        PageTable.Set(entry, EntryFor(area, ZeroPage.Take(), false));
        return true;
    }

    /// <summary>
    /// Makes a page come before it is accessed, as <see cref="Resolve"/> does: a private one that may be written to
    /// with a frame of its own (mlock(2), MAP_POPULATE).
    /// </summary>
    public static FaultResult BringIn(AddressSpace* space, ulong page, ulong floor)
    {
        Area* area = AreaAtOrAbove(space, page);
        bool isOwn = area != null && !area->Shared && (area->Protection & Protection.WRITE) != 0;
        return Resolve(space, page, isOwn ? Access.Write : Access.Read, floor);
    }

    /// <summary>
    /// Makes one page the kernel's to write to where the process itself may not, as a debugger does with code: of a
    /// private area, which has a copy of its own then. Of a shared one only if the process may write to it.
    /// </summary>
    public static FaultResult ResolveForced(AddressSpace* space, ulong address)
    {
        Area* area = AreaAtOrAbove(space, address);
        bool isOwn = area != null && area->Start <= address && !area->Shared
            && (area->Protection & Protection.WRITE) == 0;
        if (!isOwn)
            return Resolve(space, address, Access.Write, Frames.UserFloor);
        FaultResult result = Resolve(space, address, Access.Read, Frames.UserFloor);
        if (result != FaultResult.Resolved)
            return result;
        ulong page = address & ~(ulong)(Frames.Size - 1);
        return CopyOnWrite(space, area, page, PageTable.Find(space->Root, address), Frames.UserFloor);
    }

    /// <summary>
    /// Where the kernel has a byte of a space that may be another's, and what follows in its page, until it gives way.
    /// False: nothing is there, or it is shared and not to be written to.
    /// </summary>
    public static bool TryReach(AddressSpace* space, ulong address, bool write, out byte* there)
    {
        there = null;
        if (address >= End)
            return false;
        FaultResult result = write
            ? ResolveForced(space, address)
            : Resolve(space, address, Access.Read, Frames.UserFloor);
        if (result != FaultResult.Resolved)
            return false;
        ulong* entry = PageTable.Find(space->Root, address);
        there = DirectMap.At((*entry & PageTable.AddressMask) + (address & (Frames.Size - 1)));
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
            // Reading gives way between two pages of a file: not here, where no more than one is asked for.
            long read = MemoryObject.Operations.Read(area->File, offset, DirectMap.At(frame), length);
            if (read <= 0)
            {
                Frames.Release(frame);
                return FaultResult.FileEnded;
            }
        }
        PageTable.Set(entry, EntryFor(area, frame, true));
        space->ResidentPages++;
        return FaultResult.Resolved;
    }

    private static FaultResult CopyOnWrite(AddressSpace* space, Area* area, ulong page, ulong* entry, ulong floor)
    {
        ulong frame = *entry & PageTable.AddressMask;
        if (Frames.References(frame) > 1 && !area->Shared)
        {
            ulong copy = Frames.AllocateUser(floor);
            if (copy == 0)
                return FaultResult.NoMemory;
            if (ZeroPage.Is(frame))
                space->ResidentPages++;
            else
                Unsafe.CopyBlock(DirectMap.At(copy), DirectMap.At(frame), Frames.Size);
            Frames.Release(frame);
            frame = copy;
        }
        PageTable.Set(entry, EntryFor(area, frame, true));
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
        ulong length = above->End - start;
        ulong pages = (above->Start - start) / Frames.Size;
        // One page stays free between the stack and its neighbour (stack_guard_gap).
        bool touchesNeighbour = above->Previous != null && above->Previous->End + Frames.Size > start;
        if (length > MaxStack || touchesNeighbour || !MemoryPolicy.MayGrowStack(space, length, pages, above->Locked))
            return FaultResult.NoArea;
        Discount(space, above);
        above->Start = start;
        Count(space, above);
        return FaultResult.Resolved;
    }
}
