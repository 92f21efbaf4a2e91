using System;
using System.Numerics;

namespace Guestos;

/// <summary>
/// A pipe or FIFO: a ring of pages, 16 at first, each there only while it holds bytes (one is kept). Writes up to
/// <see cref="AtomicLength"/> go in whole or wait (pipe(7)). The last reader and writer take it along.
/// </summary>
public unsafe struct Pipe
{
    /// <summary>Bytes that a new one has room for.</summary>
    public const ulong StandardCapacity = StandardPages * PageSize;

    /// <summary>Most that F_SETPIPE_SZ makes of it (fs.pipe-max-size).</summary>
    public const ulong MaxCapacity = 1 << 20;

    /// <summary>PIPE_BUF.</summary>
    public const ulong AtomicLength = 4096;
    private const ulong PageSize = 4096;
    private const int StandardPages = 16;

    public WaitQueue Queue;

    /// <summary>Open files that may read, and that may write.</summary>
    public int Readers;
    public int Writers;

    /// <summary>How many there have ever been: who opens a FIFO waits until the other number moves.</summary>
    public uint ReaderOpens;
    public uint WriterOpens;

    private ulong read;
    private ulong written;

    /// <summary>Bytes that have ever been taken out.</summary>
    public ulong Taken;

    /// <summary>Physical addresses, 0 for one that is not there: that of byte n is n / PageSize % pageCount.</summary>
    private ulong* pages;
    private int pageCount;

    public readonly ulong Capacity => (ulong)pageCount * PageSize;
    public readonly ulong Count => written - read;
    public readonly ulong Room => Capacity - Count;

    /// <summary>
    /// Moves up to <paramref name="count"/> bytes in, as many as there is room: the number moved, EFAULT or ENOMEM when
    /// none.
    /// </summary>
    public long Put(ref Transfer from, ulong count)
    {
        count = Math.Min(Math.Min(count, from.Count), Room);
        ulong done = 0;
        while (done < count)
        {
            ulong inPage = written % PageSize;
            ulong step = Math.Min(count - done, PageSize - inPage);
            int index = (int)(written / PageSize % (uint)pageCount);
            if (!from.TryTake(step, out ReadOnlySpan<byte> bytes))
                return done > 0 ? (long)done : Errno.EFAULT;
            if (pages[index] == 0)
                pages[index] = Frames.Allocate();
            if (pages[index] == 0)
                return done > 0 ? (long)done : Errno.ENOMEM;
            // SAFETY: the step does not pass the page's end.
            bytes.CopyTo(new Span<byte>(DirectMap.At(pages[index]) + inPage, bytes.Length));
            from.Advance(step);
            written += step;
            done += step;
        }

        return (long)done;
    }

    /// <summary>
    /// Moves up to <paramref name="count"/> bytes out: the number moved, 0 when empty, EFAULT when none could be.
    /// </summary>
    public long Get(ref Transfer to, ulong count)
    {
        count = Math.Min(Math.Min(count, to.Count), Count);
        ulong done = 0;
        while (done < count)
        {
            ulong inPage = read % PageSize;
            ulong step = Math.Min(count - done, PageSize - inPage);
            int index = (int)(read / PageSize % (uint)pageCount);
            if (!to.TryFill(step, out Span<byte> into))
                return done > 0 ? (long)done : Errno.EFAULT;
            // SAFETY: the step does not pass the page's end.
            new ReadOnlySpan<byte>(DirectMap.At(pages[index]) + inPage, into.Length).CopyTo(into);
            to.Advance(step);
            Advance(index, step);
            done += step;
        }

        return (long)done;
    }

    /// <summary>The first bytes, up to the end of their page, without taking them out: how many.</summary>
    public readonly long Copy(ref Transfer to)
    {
        ulong inPage = read % PageSize;
        ulong count = Math.Min(Math.Min(to.Count, Count), PageSize - inPage);
        if (count == 0)
            return 0;
        if (!to.TryFill(count, out Span<byte> into))
            return Errno.EFAULT;
        // SAFETY: what has been written and not read lies in pages that are there, and does not pass this one's end.
        byte* first = DirectMap.At(pages[(int)(read / PageSize % (uint)pageCount)]) + inPage;
        new ReadOnlySpan<byte>(first, into.Length).CopyTo(into);
        return (long)count;
    }

    /// <summary>Takes bytes out that <see cref="Copy"/> has given.</summary>
    public void Skip(ulong count)
    {
        int index = (int)(read / PageSize % (uint)pageCount);
        Advance(index, count);
    }

    /// <summary>Bytes of one page have been taken out.</summary>
    private void Advance(int index, ulong count)
    {
        read += count;
        Taken += count;
        if (read == written)
            Rewind(index);
        else if (read % PageSize == 0 && Count <= Capacity - PageSize)
            Drop(index);    // a nearly full ring has already come round into this page
    }

    /// <summary>Puts up to so many of the bytes that are here into another pipe, too. ENOMEM for none.</summary>
    public readonly long CopyTo(Pipe* other, ulong count)
    {
        count = Math.Min(Math.Min(count, Count), other->Room);
        ulong done = 0;
        while (done < count)
        {
            ulong at = read + done;
            ulong step = Math.Min(count - done, PageSize - at % PageSize);
            // SAFETY: what has been written and not read lies in pages that are there.
            byte* first = DirectMap.At(pages[(int)(at / PageSize % (uint)pageCount)]) + at % PageSize;
            Transfer bytes = Transfer.Of(first, step);
            long put = other->Put(ref bytes, step);
            if (put <= 0)
                return done > 0 ? (long)done : put;
            done += (ulong)put;
        }

        return (long)done;
    }

    /// <summary>An empty ring starts again at the first byte of the page it has.</summary>
    private void Rewind(int index)
    {
        ulong page = pages[index];
        pages[index] = 0;
        pages[0] = page;
        read = 0;
        written = 0;
    }

    private void Drop(int index)
    {
        Frames.Release(pages[index]);
        pages[index] = 0;
    }

    /// <summary>
    /// F_SETPIPE_SZ: room for so many bytes, up to a power of two of pages: how many these are. EBUSY when they are
    /// fewer than there are bytes in; EPERM beyond <see cref="MaxCapacity"/>, EINVAL beyond 2 GiB. ENOMEM.
    /// </summary>
    public long SetCapacity(ulong wanted)
    {
        if (wanted > 1u << 31)
            return Errno.EINVAL;
        if (wanted > MaxCapacity)
            return Errno.EPERM;
        int count = (int)(BitOperations.RoundUpToPowerOf2(Math.Max(wanted, PageSize)) / PageSize);
        if (count == pageCount)
            return (long)Capacity;
        ulong first = read / PageSize;
        ulong end = (written + PageSize - 1) / PageSize;
        ulong used = Count == 0 ? 0 : end - first;
        if (used > (uint)count)
            return Errno.EBUSY;
        var table = (ulong*)Objects.Allocate(count * sizeof(ulong));
        if (table == null)
            return Errno.ENOMEM;
        // In a ring that is nearly full the last bytes may lie in the page of the first: they get one of their own.
        bool isShared = used > (uint)pageCount;
        ulong own = isShared ? Frames.Allocate() : 0;
        if (isShared && own == 0)
        {
            Objects.Free(table, count * sizeof(ulong));
            return Errno.ENOMEM;
        }

        if (isShared)
        {
            ulong last = pages[(int)((end - 1) % (uint)pageCount)];
            Memory.Copy(DirectMap.At(own), DirectMap.At(last), PageSize);
            table[(int)((end - 1) % (uint)count)] = own;
            used--;
        }

        for (ulong i = first; i < first + used; i++)
        {
            ref ulong page = ref pages[(int)(i % (uint)pageCount)];
            table[(int)(i % (uint)count)] = page;
            page = 0;
        }

        FreePages();
        pages = table;
        pageCount = count;
        return (long)Capacity;
    }

    /// <summary>Null without memory.</summary>
    public static Pipe* Create()
    {
        Pipe* pipe = Objects.Allocate<Pipe>();
        if (pipe == null)
            return null;
        pipe->pages = (ulong*)Objects.Allocate(StandardPages * sizeof(ulong));
        pipe->pageCount = StandardPages;
        if (pipe->pages != null)
            return pipe;
        Objects.Free(pipe);
        return null;
    }

    public static void Free(Pipe* pipe)
    {
        pipe->FreePages();
        Objects.Free(pipe);
    }

    private void FreePages()
    {
        for (int i = 0; i < pageCount; i++)
            if (pages[i] != 0)
                Drop(i);
        Objects.Free(pages, pageCount * sizeof(ulong));
    }
}
