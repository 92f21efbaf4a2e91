namespace Guestos;

/// <summary>
/// Kernel objects of one size, several to a page frame. A frame whose last object is freed is given back to
/// <see cref="Frames"/>, unless it is the only one with free objects. All zeros is an empty slab; lives in a static.
/// </summary>
public unsafe struct Slab<T> where T : unmanaged
{
    /// <summary>At the beginning of each frame; the objects follow.</summary>
    private struct Header
    {
        /// <summary>Free objects: the first word of each is the address of the next; null ends the list.</summary>
        public byte* Free;

        /// <summary>Objects of this frame in use.</summary>
        public int InUse;

        /// <summary>Neighbours in the list of frames with free objects.</summary>
        public Header* Next;
        public Header* Previous;
    }

    private const int HeaderSize = 32;

    /// <summary>Head of the list of frames with free objects.</summary>
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

    /// <summary>Gives back an object that <see cref="Allocate"/> of this slab returned.</summary>
    public void Free(T* item)
    {
        var page = (Header*)((ulong)item & ~(ulong)(Frames.Size - 1));
        bool wasFull = page->Free == null;
        *(byte**)item = page->Free;
        page->Free = (byte*)item;
        InUse--;
        SlabTotals.BytesInUse -= (ulong)Size;
        page->InUse--;
        bool isOnlyOne = partial == null || partial == page && page->Next == null;
        if (page->InUse == 0 && !isOnlyOne)
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
