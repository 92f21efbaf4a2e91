using System;
using System.Threading;

namespace Board;

/// <summary>
/// A run of bytes for a device, at an address that the queue's translation turns into a physical one.
/// </summary>
public unsafe struct BufferPiece
{
    public byte* Address;
    public int Length;
}

/// <summary>
/// A split virtqueue (virtio 1.2 §2.7) in memory that the caller gives. What the device wrote is never trusted: an
/// element that names no buffer in flight, or more bytes than were lent, breaks the queue (<see cref="Broken"/>)
/// instead of being used. Decisions are made by state that is kept beside the rings, and never read back from them.
/// </summary>
public unsafe struct Virtqueue
{
    public const int MaxSize = 1024;

    private const ushort VirtqDescFNext = 1;
    private const ushort VirtqDescFWrite = 2;
    private const ushort VirtqAvailFNoInterrupt = 1;
    private const ushort VirtqUsedFNoNotify = 1;

    /// <summary>§2.7.5.</summary>
    private struct Descriptor
    {
        public ulong Address;
        public uint Length;
        public ushort Flags;
        public ushort Next;
    }

    /// <summary>What the driver knows of a descriptor.</summary>
    private struct Shadow
    {
        /// <summary>The next of the chain, or of the free list.</summary>
        public ushort Next;

        /// <summary>Descriptors in the chain that begins here and is in flight, otherwise 0.</summary>
        public ushort Count;

        /// <summary>Bytes that the device may write into the chain.</summary>
        public uint Writable;

        /// <summary>The caller's tag of the chain.</summary>
        public ulong Tag;
    }

    private Descriptor* descriptors;
    private ushort* available;      // flags, index, ring[size], used_event
    private ushort* used;           // flags, index, elements of 8 bytes[size], avail_event
    private Shadow* shadows;
    private ulong translation;
    private ushort freeHead;
    private ushort published;
    private ushort notified;
    private ushort taken;
    private bool eventIndex;

    /// <summary>Number of descriptors, a power of two; 0 before <see cref="TryInit"/>.</summary>
    public int Size { get; private set; }

    public int FreeDescriptors { get; private set; }

    /// <summary>
    /// True when the device broke the rules; nothing is taken from it any more until it is started anew.
    /// </summary>
    public bool Broken { get; private set; }

    public readonly ulong DescriptorsPhysical => (ulong)descriptors - translation;
    public readonly ulong AvailablePhysical => (ulong)available - translation;
    public readonly ulong UsedPhysical => (ulong)used - translation;

    /// <summary>Bytes of memory, contiguous for the device and 16-byte aligned, for a queue of this size.</summary>
    public static ulong RequiredMemory(int size) =>
        (ulong)size * 16 + Align16(6 + 2 * (ulong)size) + Align16(6 + 8 * (ulong)size) + (ulong)(size * sizeof(Shadow));

    /// <param name="virtualBase">Subtracted from every address to make it physical.</param>
    /// <param name="features">What was agreed on with the device.</param>
    public bool TryInit(byte* memory, ulong length, int size, ulong virtualBase, ulong features)
    {
        this = default;
        if (size is < 2 or > MaxSize || (size & (size - 1)) != 0 || length < RequiredMemory(size)
            || ((ulong)memory & 15) != 0)
            return false;
        // SAFETY: RequiredMemory(size) bytes at memory are the caller's to give.
        new Span<byte>(memory, (int)RequiredMemory(size)).Clear();
        descriptors = (Descriptor*)memory;
        available = (ushort*)(memory + size * 16);
        used = (ushort*)((byte*)available + Align16(6 + 2 * (ulong)size));
        shadows = (Shadow*)((byte*)used + Align16(6 + 8 * (ulong)size));
        translation = virtualBase;
        Size = size;
        FreeDescriptors = size;
        eventIndex = (features & VirtioMmio.VirtioFEventIdx) != 0;
        for (int i = 0; i < size; i++)
            shadows[i].Next = (ushort)(i + 1);
        StopInterrupts();
        return true;
    }

    private static ulong Align16(ulong value) => (value + 15) & ~15UL;

    /// <summary>
    /// Lends a chain to the device: <paramref name="readable"/> pieces that it reads, then
    /// <paramref name="writable"/> that it writes. The device learns of it at <see cref="Publish"/>. False when there
    /// are too few free descriptors.
    /// </summary>
    /// <param name="tag">Comes back from <see cref="Take"/>.</param>
    public bool Add(BufferPiece* pieces, int readable, int writable, ulong tag)
    {
        int count = readable + writable;
        if (count <= 0 || count > FreeDescriptors || Broken)
            return false;
        // SAFETY: freeHead and the links are ours alone, and count of them are free, so every index is below Size.
        ushort head = freeHead;
        ushort at = head;
        uint lent = 0;
        for (int i = 0; i < count; i++)
        {
            Descriptor* descriptor = descriptors + at;
            ushort next = shadows[at].Next;
            bool last = i == count - 1;
            descriptor->Address = (ulong)pieces[i].Address - translation;
            descriptor->Length = (uint)pieces[i].Length;
            int flags = last ? 0 : VirtqDescFNext;
            descriptor->Next = last ? (ushort)0 : next;
            if (i >= readable)
            {
                flags |= VirtqDescFWrite;
                lent += (uint)pieces[i].Length;
            }
            descriptor->Flags = (ushort)flags;
            at = next;
        }
        freeHead = at;
        FreeDescriptors -= count;
        Shadow* shadow = shadows + head;
        shadow->Count = (ushort)count;
        shadow->Writable = lent;
        shadow->Tag = tag;
        available[2 + (published & (Size - 1))] = head;
        published++;
        return true;
    }

    /// <summary>Shows the device what was added. True when it wants a notification (§2.7.13.3, 2.7.13.4).</summary>
    public bool Publish()
    {
        if (published == notified)
            return false;
        Volatile.Write(ref available[1], published);
        // The index must be visible before it is read whether the device wants a notification, or both sides could wait
        // for each other.
        Processor.Fence();
        ushort before = notified;
        notified = published;
        if (!eventIndex)
            return (Volatile.Read(ref used[0]) & VirtqUsedFNoNotify) == 0;
        ushort wish = Volatile.Read(ref used[2 + 4 * Size]);
        return (ushort)(published - wish - 1) < (ushort)(published - before);
    }

    /// <summary>True when the device has given something back.</summary>
    public readonly bool HasUsed => !Broken && Volatile.Read(ref used[1]) != taken;

    /// <summary>How many chains the device has given back and <see cref="Take"/> has not yet taken.</summary>
    public readonly int UsedCount => Broken ? 0 : (ushort)(Volatile.Read(ref used[1]) - taken);

    /// <summary>Takes back the chain that the device finished first.</summary>
    /// <param name="length">Bytes that the device says it wrote, never more than were lent.</param>
    public bool Take(out ulong tag, out uint length)
    {
        tag = 0;
        length = 0;
        int waiting = UsedCount;
        if (waiting == 0)
            return false;
        uint* element = (uint*)(used + 2) + 2 * (taken & (Size - 1));
        uint head = Volatile.Read(ref element[0]);
        length = Volatile.Read(ref element[1]);
        if (waiting > Size || head >= (uint)Size || shadows[head].Count == 0
            || (length > shadows[head].Writable && shadows[head].Writable != 0))
        {
            Broken = true;
            return false;
        }
        taken++;
        tag = shadows[head].Tag;
        if (shadows[head].Writable == 0)
            length = 0;
        ushort last = (ushort)head;
        for (int i = 1; i < shadows[head].Count; i++)
            last = shadows[last].Next;
        FreeDescriptors += shadows[head].Count;
        shadows[head].Count = 0;
        shadows[last].Next = freeHead;
        freeHead = (ushort)head;
        return true;
    }

    /// <summary>Asks the device not to interrupt for this queue. The device may interrupt nevertheless.</summary>
    public readonly void StopInterrupts()
    {
        available[0] = VirtqAvailFNoInterrupt;
        // With event indices the flag does not count (§2.7.7): an index that was just passed is half a ring of 65,536
        // away.
        available[2 + Size] = (ushort)(taken - 1);
    }

    /// <summary>
    /// Asks for an interrupt once <paramref name="after"/> more chains than now are given back. True when they may have
    /// been given back already: the caller has to look again.
    /// </summary>
    public readonly bool RequestInterrupt(int after = 0)
    {
        available[0] = 0;
        available[2 + Size] = (ushort)(taken + after);
        // The request must be visible before the index is read, or an element that comes in between would raise no
        // interrupt.
        Processor.Fence();
        return UsedCount > after;
    }
}
