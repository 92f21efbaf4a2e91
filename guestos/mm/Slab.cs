namespace Guestos;

/// <summary>
/// Kernel objects of one size, several to a page frame. A frame whose last object is freed is given back, but for one
/// that is kept for the next. All zeros is an empty slab; lives in a static.
/// </summary>
public unsafe struct Slab<T> where T : unmanaged
{
    /// <summary>At the beginning of each frame; the objects follow.</summary>
    private struct Header
    {
        public byte* Free;
        public int InUse;

        /// <summary>Frames with free objects.</summary>
        public Header* Next, Previous;
    }

    private const int HeaderSize = 32;

    private Header* partial;

    /// <summary>Objects in use.</summary>
    public int InUse;

    private static int Size => (sizeof(T) + 15) & ~15;

    /// <summary>A zeroed object, or null when there is no memory.</summary>
    public T* Allocate()
    {
        if (partial == null && !Grow())
            return null;
        Header* page = partial;
        byte* item = page->Free;
        page->Free = *(byte**)item;
        page->InUse++;
        if (page->Free == null)
            Unlink(page);
        *(T*)item = default;
        InUse++;
        SlabTotals.BytesInUse += (ulong)Size;
        return (T*)item;
    }

    public void Free(T* item)
    {
        var page = (Header*)((ulong)item & ~(ulong)(Frames.Size - 1));
        bool wasFull = page->Free == null;
        *(byte**)item = page->Free;
        page->Free = (byte*)item;
        InUse--;
        SlabTotals.BytesInUse -= (ulong)Size;
        if (--page->InUse == 0 && partial != null && (partial != page || page->Next != null))
        {
            if (!wasFull)
                Unlink(page);
            SlabTotals.Frames--;
            Frames.Release(DirectMap.PhysicalOf(page));
        }
        else if (wasFull)
            Link(page);
    }

    private void Link(Header* page)
    {
        page->Previous = null;
        page->Next = partial;
        if (partial != null)
            partial->Previous = page;
        partial = page;
    }

    private void Unlink(Header* page)
    {
        if (page->Previous != null)
            page->Previous->Next = page->Next;
        else
            partial = page->Next;
        if (page->Next != null)
            page->Next->Previous = page->Previous;
    }

    private bool Grow()
    {
        if (Size > Frames.Size - HeaderSize)
            Panic.Stop("a kernel object larger than a frame"u8);
        ulong frame = Frames.Allocate();
        if (frame == 0)
            return false;
        SlabTotals.Frames++;
        byte* at = DirectMap.At(frame);
        var page = (Header*)at;
        *page = default;
        for (int offset = HeaderSize; offset + Size <= Frames.Size; offset += Size)
        {
            *(byte**)(at + offset) = page->Free;
            page->Free = at + offset;
        }
        Link(page);
        return true;
    }
}

/// <summary>What all slabs hold together (/proc/slabinfo).</summary>
public static class SlabTotals
{
    public static ulong BytesInUse;
    public static ulong Frames;
}
