namespace Guestos;

/// <summary>
/// Memory of a checkpoint in progress: single frames, wherever they are free, mapped side by side in a window of the
/// kernel's half. It is never part of a checkpoint and never write-protected. In the copy there is nothing in it, and
/// it is given back at once.
/// </summary>
internal static unsafe class CheckpointMemory
{
    /// <summary>
    /// Behind all that the direct map can hold, and under the same top-level entry, which every address space has.
    /// </summary>
    private const ulong Window = DirectMap.Base + (1UL << 38);

    private const ulong Flags =
        PageTable.Present | PageTable.ReadWrite | PageTable.Accessed | PageTable.Dirty | PageTable.ExecuteDisable;

    // Pages mapped in the window. Ordinary memory: the copy knows by it what to give back.
    private static ulong s_pages;

    /// <summary>
    /// Adds zeroed bytes at the window's end, page-aligned; null, and nothing taken, when memory does not suffice.
    /// </summary>
    public static byte* Take(ulong bytes)
    {
        ulong first = s_pages;
        byte* start = (byte*)(Window + first * Frames.Size);
        for (ulong wanted = (bytes + Frames.Size - 1) / Frames.Size; wanted > 0; wanted--)
            if (!MapPage())
            {
                Give(first);
                return null;
            }
        return start;
    }

    private static bool MapPage()
    {
        ulong* entry = PageTable.MakeKernel(Window + s_pages * Frames.Size);
        ulong frame = entry != null ? Frames.Allocate() : 0;
        if (frame == 0)
            return false;
        Frames.SetState(frame, FrameState.Checkpoint);
        PageTable.Set(entry, frame | Flags);
        s_pages++;
        return true;
    }

    /// <summary>
    /// Gives everything back: at the end, and in the copy, where the window's page tables tell what was in use.
    /// </summary>
    public static void Give() => Give(0);

    private static void Give(ulong left)
    {
        while (s_pages > left)
            Frames.Release(Unmap());
        PageTable.Flush();
    }

    /// <summary>Physical address of the frame behind one of its pages.</summary>
    public static ulong FrameOf(byte* page) =>
        *PageTable.Find(PageTable.KernelRoot, (ulong)page) & PageTable.AddressMask;

    // The frame behind the last page.
    private static ulong Unmap()
    {
        s_pages--;
        ulong* entry = PageTable.Find(PageTable.KernelRoot, Window + s_pages * Frames.Size);
        ulong frame = *entry & PageTable.AddressMask;
        PageTable.Set(entry, 0);
        return frame;
    }
}
