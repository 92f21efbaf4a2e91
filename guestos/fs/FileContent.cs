using System;

namespace Guestos;

/// <summary>
/// The bytes of a regular file: pages that were written lie in a two-level table of frames; where there is none, the
/// bytes are those of the initial archive (<see cref="Inode.Image"/>), and zeros behind it. Copy on write by page,
/// holes cost nothing.
/// </summary>
public static unsafe class FileContent
{
    public const ulong PageSize = 4096;
    private const ulong EntriesPerTable = 512;

    /// <summary>What two levels hold: 1 GiB.</summary>
    public const ulong MaxSize = EntriesPerTable * EntriesPerTable * PageSize;

    /// <summary>
    /// Frames that files leave to everything else, so that a full disk is ENOSPC and not a dead machine. Ordinary users
    /// leave some to the superuser's files, too.
    /// </summary>
    private static ulong Reserve => Frames.Total / 32 + 64 + (FileRights.IsSuperuser ? 0 : Frames.Total / 64);

    /// <summary>Frames that files may still take.</summary>
    public static ulong FreeFrames => Frames.Free > Reserve ? Frames.Free - Reserve : 0;

    /// <summary>
    /// Copies from <paramref name="offset"/>: bytes copied (0 at the end), or EFAULT when nothing was. Gives way
    /// between two pages, and never when all that it copies lies in one: a page fault relies on it
    /// (AddressSpace.Resolve).
    /// </summary>
    public static long Read(Inode* inode, ulong offset, ref Transfer to)
    {
        ulong done = 0;
        while (to.Count > 0 && offset < inode->Size)
        {
            ulong step = Math.Min(Math.Min(to.Count, inode->Size - offset), PageSize - (offset & PageSize - 1));
            Span<byte> into = to.Fill(step);
            if (into.IsEmpty)
                return done > 0 ? (long)done : Errno.EFAULT;
            CopyOut(inode, offset, into);
            to.Advance((ulong)into.Length);
            offset += (ulong)into.Length;
            done += (ulong)into.Length;
            if (to.Count > 0 && offset < inode->Size && GiveWay())
                break;
        }

        return (long)done;
    }

    /// <summary>Between two pages. True when the current process has been killed meanwhile.</summary>
    private static bool GiveWay()
    {
        Preemption.Point();
        return Signals.Killed;
    }

    /// <summary>
    /// Copies in at <paramref name="offset"/>, growing the file: bytes copied, or when nothing was EFAULT, ENOSPC,
    /// EFBIG. Gives way: the caller has <see cref="Inode.ContentLock"/>, as for all that follows.
    /// </summary>
    public static long Write(Inode* inode, ulong offset, ref Transfer from)
    {
        ulong done = 0;
        long error = 0;
        while (from.Count > 0)
        {
            if (offset >= MaxSize)
            {
                error = Errno.EFBIG;
                break;
            }

            ulong inPage = offset & PageSize - 1;
            ulong step = Math.Min(from.Count, PageSize - inPage);
            ReadOnlySpan<byte> bytes = from.Take(step);
            if (bytes.IsEmpty)
            {
                error = Errno.EFAULT;
                break;
            }

            byte* page = WritablePage(inode, offset / PageSize);
            if (page == null)
            {
                error = Errno.ENOSPC;
                break;
            }

            // SAFETY: the step does not pass the page's end.
            bytes.CopyTo(new Span<byte>(page + inPage, bytes.Length));
            from.Advance((ulong)bytes.Length);
            offset += (ulong)bytes.Length;
            done += (ulong)bytes.Length;
            if (offset > inode->Size)
                inode->Size = offset;
            if (from.Count > 0 && GiveWay())
                break;
        }

        return done > 0 ? (long)done : error;
    }

    /// <summary>Cuts the file, or lengthens it with zeros. EFBIG.</summary>
    public static long Truncate(Inode* inode, ulong size)
    {
        if (size > MaxSize)
            return Errno.EFBIG;
        bool cut = size < inode->Size;
        inode->Size = size;
        if (!cut)
            return 0;
        inode->ImageLength = Math.Min(inode->ImageLength, size);
        ulong tail = size & PageSize - 1;
        byte* last = tail != 0 ? WrittenPage(inode, size / PageSize) : null;
        if (last != null)
            Memory.Clear(last + tail, PageSize - tail);
        AddressSpace.FileCut(&inode->Object);
        FreePages(inode, (size + PageSize - 1) / PageSize, counted: true, giveWay: true);
        return 0;
    }

    /// <summary>
    /// Takes the page frames of a range, so that writing there finds them (fallocate(2)). ENOSPC: none was taken.
    /// </summary>
    public static long Allocate(Inode* inode, ulong offset, ulong length)
    {
        ulong first = offset / PageSize;
        ulong end = (offset + length + PageSize - 1) / PageSize;
        ulong missing = 0;
        for (ulong index = first; index < end; index++)
        {
            if (WrittenPage(inode, index) == null)
                missing++;
            if (index % EntriesPerTable == 0)
                Preemption.Point();
        }

        if (missing > Volumes.Of(inode->Volume).Room)
            return Errno.ENOSPC;
        for (ulong index = first; index < end; index++)
        {
            if (WritablePage(inode, index) == null)
                return Errno.ENOSPC;
            if (GiveWay())
                return Errno.EINTR;
        }

        return 0;
    }

    /// <summary>Puts zeros over a range (FALLOC_FL_PUNCH_HOLE, ZERO_RANGE), inside the file only. ENOSPC.</summary>
    public static long Zero(Inode* inode, ulong offset, ulong length)
    {
        ulong end = Math.Min(inode->Size, length > inode->Size ? inode->Size : offset + length);
        while (offset < end)
        {
            ulong inPage = offset & PageSize - 1;
            ulong step = Math.Min(end - offset, PageSize - inPage);
            if (WrittenPage(inode, offset / PageSize) != null || offset - inPage < inode->ImageLength)
            {
                byte* page = WritablePage(inode, offset / PageSize);
                if (page == null)
                    return Errno.ENOSPC;
                Memory.Clear(page + inPage, step);
            }

            if (GiveWay())
                return Errno.EINTR;
            offset += step;
        }

        return 0;
    }

    /// <summary>There is more of it than one table of pages: what goes through all of them takes long.</summary>
    public static bool IsLarge(Inode* inode)
    {
        int tables = 0;
        for (ulong i = 0; inode->Pages != null && i < EntriesPerTable; i++)
            if (inode->Pages[i] != null)
                tables++;
        return tables > 1;
    }

    /// <summary>The inode dies: every page goes, which its volume has forgotten already.</summary>
    public static void Release(Inode* inode, bool giveWay)
    {
        if (inode->Pages == null)
            return;
        FreePages(inode, 0, counted: false, giveWay);
        for (ulong i = 0; i < EntriesPerTable; i++)
            if (inode->Pages[i] != null)
                Objects.Free(inode->Pages[i], (int)PageSize);
        Objects.Free(inode->Pages, (int)PageSize);
        inode->Pages = null;
    }

    /// <summary>
    /// The frame that holds a page of the file, to be mapped: all who map it share it. Made from the archive when
    /// <paramref name="make"/>. 0 when there is none, beyond the end, or without memory. The file keeps its own
    /// reference.
    /// </summary>
    public static ulong PageFrame(Inode* inode, ulong index, bool make)
    {
        if (index * PageSize >= inode->Size)
            return 0;
        byte* page = make ? WritablePage(inode, index) : WrittenPage(inode, index);
        return page != null ? DirectMap.PhysicalOf(page) : 0;
    }

    /// <summary>The page as it was written; null when it never was.</summary>
    private static byte* WrittenPage(Inode* inode, ulong index)
    {
        if (inode->Pages == null || index >= EntriesPerTable * EntriesPerTable)
            return null;
        ulong* table = inode->Pages[index / EntriesPerTable];
        ulong frame = table != null ? table[index % EntriesPerTable] : 0;
        return frame != 0 ? DirectMap.At(frame) : null;
    }

    private static byte* WritablePage(Inode* inode, ulong index)
    {
        byte* page = WrittenPage(inode, index);
        if (page != null)
            return page;
        ref Volume volume = ref Volumes.Of(inode->Volume);
        if (volume.Room == 0)
            return null;
        if (inode->Pages == null)
            inode->Pages = (ulong**)Objects.Allocate((int)PageSize);
        if (inode->Pages == null)
            return null;
        ulong** slot = &inode->Pages[index / EntriesPerTable];
        if (*slot == null)
            *slot = (ulong*)Objects.Allocate((int)PageSize);
        if (*slot == null)
            return null;
        ulong frame = Frames.Allocate();
        if (frame == 0)
            return null;
        (*slot)[index % EntriesPerTable] = frame;
        inode->PageCount++;
        volume.Pages++;
        page = DirectMap.At(frame);
        ulong start = index * PageSize;
        if (start < inode->ImageLength)
            Memory.Copy(page, inode->Image + start, Math.Min(PageSize, inode->ImageLength - start));
        return page;
    }

    // SAFETY: the range lies in one page and inside the file.
    private static void CopyOut(Inode* inode, ulong offset, Span<byte> to)
    {
        byte* page = WrittenPage(inode, offset / PageSize);
        if (page != null)
        {
            new ReadOnlySpan<byte>(page + (offset & PageSize - 1), to.Length).CopyTo(to);
            return;
        }

        int fromImage = offset < inode->ImageLength ? (int)Math.Min((ulong)to.Length, inode->ImageLength - offset) : 0;
        if (fromImage > 0)
            new ReadOnlySpan<byte>(inode->Image + offset, fromImage).CopyTo(to);
        to.Slice(fromImage).Clear();
    }

    /// <summary>From a page on, those behind the end of the file too (FALLOC_FL_KEEP_SIZE).</summary>
    private static void FreePages(Inode* inode, ulong first, bool counted, bool giveWay)
    {
        if (inode->Pages == null)
            return;
        for (ulong index = first; index < EntriesPerTable * EntriesPerTable; index++)
        {
            if (giveWay && index % EntriesPerTable == 0)
                Preemption.Point();
            ulong* table = inode->Pages[index / EntriesPerTable];
            if (table == null)
            {
                index |= EntriesPerTable - 1;
                continue;
            }

            ulong frame = table[index % EntriesPerTable];
            if (frame == 0)
                continue;
            table[index % EntriesPerTable] = 0;
            inode->PageCount--;
            if (counted)
                Volumes.Of(inode->Volume).Pages--;
            Frames.Release(frame);
        }
    }
}
