namespace Guestos;

/// <summary>
/// Small kernel objects (inodes, names, open files, pipes) in size classes, carved from page frames. Objects come
/// zeroed; the caller names the same size when it gives one back. Frames stay with their class and are never given
/// back, but for whole frames. Nothing here sleeps.
/// </summary>
public static unsafe class Objects
{
    private const int SmallestShift = 5;            // 32 bytes
    private const int LargestShift = 11;            // 2 KiB: two to a frame
    private const int PageSize = 4096;

    private struct FreeLists
    {
        public fixed ulong First[LargestShift - SmallestShift + 1];

        /// <summary>Objects in use and frames held, by class; the last is that of whole frames.</summary>
        public fixed ulong Active[Classes];
        public fixed ulong Held[Classes];
    }

    /// <summary>Number of size classes, with that of whole frames as the last (/proc/slabinfo).</summary>
    public const int Classes = LargestShift - SmallestShift + 2;

    public static ulong SizeOf(int index) => index == Classes - 1 ? PageSize : 1UL << index + SmallestShift;

    public static ulong ActiveIn(int index) => s_free.Active[index];

    public static ulong FramesIn(int index) => s_free.Held[index];

    private static FreeLists s_free;

    /// <summary>Page frames held by all classes.</summary>
    public static ulong FramesHeld;

    /// <summary>A zeroed object of 1 to 4096 bytes, aligned to 32; null without memory.</summary>
    public static void* Allocate(int size)
    {
        if (size > 1 << LargestShift)
        {
            byte* frame = AllocateFrame(Classes - 1);
            if (frame != null)
                s_free.Active[Classes - 1]++;
            return frame;
        }
        int index = ClassOf(size);
        if (s_free.First[index] == 0 && !Refill(index))
            return null;
        // SAFETY: a free object's first word is the link to the next, and nobody else has a pointer to it.
        ulong* taken = (ulong*)s_free.First[index];
        s_free.First[index] = *taken;
        *taken = 0;
        s_free.Active[index]++;
        return taken;
    }

    public static void Free(void* item, int size)
    {
        if (size > 1 << LargestShift)
        {
            Frames.Release(DirectMap.PhysicalOf(item));
            FramesHeld--;
            s_free.Held[Classes - 1]--;
            s_free.Active[Classes - 1]--;
            return;
        }

        int index = ClassOf(size);
        // SAFETY: the object is the caller's to give back; free objects are all zeros but for the link.
        Memory.Clear((byte*)item, 1UL << index + SmallestShift);
        *(ulong*)item = s_free.First[index];
        s_free.First[index] = (ulong)item;
        s_free.Active[index]--;
    }

    public static T* Allocate<T>() where T : unmanaged => (T*)Allocate(sizeof(T));

    public static void Free<T>(T* item) where T : unmanaged => Free(item, sizeof(T));

    private static byte* AllocateFrame(int index)
    {
        ulong frame = Frames.Allocate();
        if (frame == 0)
            return null;
        FramesHeld++;
        s_free.Held[index]++;
        return DirectMap.At(frame);
    }

    private static bool Refill(int index)
    {
        byte* frame = AllocateFrame(index);
        if (frame == null)
            return false;
        int size = 1 << index + SmallestShift;
        for (int offset = PageSize - size; offset >= 0; offset -= size)
        {
            *(ulong*)(frame + offset) = s_free.First[index];
            s_free.First[index] = (ulong)(frame + offset);
        }

        return true;
    }

    private static int ClassOf(int size)
    {
        int index = 0;
        while (1 << index + SmallestShift < size)
            index++;
        return index;
    }
}
