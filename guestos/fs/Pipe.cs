using System;

namespace Guestos;

/// <summary>
/// A pipe or FIFO: a ring of 16 pages, each there only while it holds bytes (one is kept). Writes up to
/// <see cref="AtomicLength"/> go in whole or wait (pipe(7)). The last reader and writer take it along.
/// </summary>
public unsafe struct Pipe
{
    public const ulong Capacity = PageCount * PageSize;

    /// <summary>PIPE_BUF.</summary>
    public const ulong AtomicLength = 4096;
    private const ulong PageSize = 4096;
    private const int PageCount = 16;

    public WaitQueue Queue;

    /// <summary>Open files that may read, and that may write.</summary>
    public int Readers;
    public int Writers;

    /// <summary>How many there have ever been: who opens a FIFO waits until the other number moves.</summary>
    public uint ReaderOpens;
    public uint WriterOpens;

    private ulong read;
    private ulong written;
    private fixed ulong pages[PageCount];

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
            int index = (int)(written / PageSize % PageCount);
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
            int index = (int)(read / PageSize % PageCount);
            if (!to.TryFill(step, out Span<byte> into))
                return done > 0 ? (long)done : Errno.EFAULT;
            // SAFETY: the step does not pass the page's end.
            new ReadOnlySpan<byte>(DirectMap.At(pages[index]) + inPage, into.Length).CopyTo(into);
            to.Advance(step);
            read += step;
            done += step;
            if (read == written)
                Rewind(index);
            else if (read % PageSize == 0 && Count <= Capacity - PageSize)
                Drop(index);    // a nearly full ring has already come round into this page
        }

        return (long)done;
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
            byte* first = DirectMap.At(pages[(int)(at / PageSize % PageCount)]) + at % PageSize;
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

    public static Pipe* Create() => Objects.Allocate<Pipe>();

    public static void Free(Pipe* pipe)
    {
        for (int i = 0; i < PageCount; i++)
            if (pipe->pages[i] != 0)
                pipe->Drop(i);
        Objects.Free(pipe);
    }
}
