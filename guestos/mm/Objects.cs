namespace Guestos;

/// <summary>
/// Small kernel objects (inodes, names, open files, pipes) in size classes, carved from page frames. Objects come
/// zeroed; the caller names the same size when it gives one back. A frame whose last object is freed is given back,
/// unless it is the only one of its class with free objects. Nothing here sleeps.
/// </summary>
public static unsafe class Objects
{
    private const int MinShift = 5;            // 32 bytes
    private const int MaxShift = 11;            // 2 KiB: two to a frame
    private const int PageSize = 4096;

    private struct FreeLists
    {
        /// <summary>
        /// Frames with free objects, by class: the number of the first, 0 for none. Their descriptors are linked; there
        /// <see cref="FrameDescriptor.Reserved"/> is the place of the first free object, from 1 on in units of the
        /// smallest, and <see cref="FrameDescriptor.Order"/> how many are in use.
        /// </summary>
        public fixed uint Partial[MaxShift - MinShift + 1];

        /// <summary>Objects in use and frames held, by class; the last is that of whole frames.</summary>
        public fixed ulong Active[Classes];
        public fixed ulong Held[Classes];
    }

    /// <summary>Number of size classes, with that of whole frames as the last (/proc/slabinfo).</summary>
    public const int Classes = MaxShift - MinShift + 2;

    public static ulong SizeOf(int index) => index == Classes - 1 ? PageSize : 1UL << index + MinShift;

    public static ulong ActiveIn(int index) => s_free.Active[index];

    public static ulong FramesIn(int index) => s_free.Held[index];

    private static FreeLists s_free;

    /// <summary>Page frames held by all classes.</summary>
    public static ulong FramesHeld;

    /// <summary>A zeroed object of 1 to 4096 bytes, aligned to 32; null without memory.</summary>
    public static void* Allocate(int size)
    {
        if (size > 1 << MaxShift)
        {
            byte* whole = AllocateFrame(Classes - 1);
            if (whole != null)
                s_free.Active[Classes - 1]++;
            return whole;
        }
        int index = ClassOf(size);
        if (s_free.Partial[index] == 0 && !Refill(index))
            return null;
        uint frame = s_free.Partial[index];
        FrameDescriptor* descriptor = Frames.Descriptors + frame;
        // SAFETY: a free object's first word is the place of the next, and nobody else has a pointer to it.
        var taken = (ulong*)(DirectMap.At((ulong)frame * PageSize) + PlaceOf(descriptor->Reserved));
        descriptor->Reserved = (ushort)*taken;
        descriptor->Order++;
        *taken = 0;
        if (descriptor->Reserved == 0)
            Unlink(index, descriptor);
        s_free.Active[index]++;
        return taken;
    }

    public static void Free(void* item, int size)
    {
        if (size > 1 << MaxShift)
        {
            Frames.Release(DirectMap.PhysicalOf(item));
            FramesHeld--;
            s_free.Held[Classes - 1]--;
            s_free.Active[Classes - 1]--;
            return;
        }

        int index = ClassOf(size);
        uint frame = (uint)(DirectMap.PhysicalOf(item) / PageSize);
        FrameDescriptor* descriptor = Frames.Descriptors + frame;
        // SAFETY: the object is the caller's to give back; free objects are all zeros but for the link.
        Memory.Clear((byte*)item, 1UL << index + MinShift);
        *(ulong*)item = descriptor->Reserved;
        if (descriptor->Reserved == 0)
            Link(index, frame);
        descriptor->Reserved = (ushort)(((ulong)item % PageSize >> MinShift) + 1);
        descriptor->Order--;
        s_free.Active[index]--;
        if (descriptor->Order != 0 || (descriptor->Next | descriptor->Previous) == 0)
            return;
        Unlink(index, descriptor);
        Frames.Release((ulong)frame * PageSize);
        FramesHeld--;
        s_free.Held[index]--;
    }

    private static ulong PlaceOf(ushort place) => (ulong)(place - 1) << MinShift;

    private static void Link(int index, uint frame)
    {
        FrameDescriptor* descriptor = Frames.Descriptors + frame;
        descriptor->Previous = 0;
        descriptor->Next = s_free.Partial[index];
        if (descriptor->Next != 0)
            Frames.Descriptors[descriptor->Next].Previous = frame;
        s_free.Partial[index] = frame;
    }

    private static void Unlink(int index, FrameDescriptor* descriptor)
    {
        if (descriptor->Previous != 0)
            Frames.Descriptors[descriptor->Previous].Next = descriptor->Next;
        else
            s_free.Partial[index] = descriptor->Next;
        if (descriptor->Next != 0)
            Frames.Descriptors[descriptor->Next].Previous = descriptor->Previous;
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
        byte* page = AllocateFrame(index);
        if (page == null)
            return false;
        int size = 1 << index + MinShift;
        uint frame = (uint)(DirectMap.PhysicalOf(page) / PageSize);
        FrameDescriptor* descriptor = Frames.Descriptors + frame;
        descriptor->Order = 0;
        descriptor->Reserved = 0;
        for (int offset = PageSize - size; offset >= 0; offset -= size)
        {
            *(ulong*)(page + offset) = descriptor->Reserved;
            descriptor->Reserved = (ushort)((offset >> MinShift) + 1);
        }

        Link(index, frame);
        return true;
    }

    private static int ClassOf(int size)
    {
        int index = 0;
        while (1 << index + MinShift < size)
            index++;
        return index;
    }
}
