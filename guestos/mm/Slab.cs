namespace Guestos;

/// <summary>
/// Kernel objects of one size, carved from page frames that are never given back. All zeros is an empty slab; lives in a static.
/// </summary>
public unsafe struct Slab<T> where T : unmanaged
{
    private byte* free;

    /// <summary>Objects in use.</summary>
    public int InUse;

    /// <summary>A zeroed object, or null when there is no memory.</summary>
    public T* Allocate()
    {
        if (free == null && !Grow())
            return null;
        byte* item = free;
        free = *(byte**)item;
        *(T*)item = default;
        InUse++;
        return (T*)item;
    }

    public void Free(T* item)
    {
        *(byte**)item = free;
        free = (byte*)item;
        InUse--;
    }

    private bool Grow()
    {
        int size = (sizeof(T) + 15) & ~15;
        int frames = (size + Frames.Size - 1) / Frames.Size;
        ulong block = Frames.AllocateContiguous(frames);
        if (block == 0)
            return false;
        byte* at = DirectMap.At(block);
        for (int offset = 0; offset + size <= frames * Frames.Size; offset += size)
        {
            *(byte**)(at + offset) = free;
            free = at + offset;
        }
        return true;
    }
}
