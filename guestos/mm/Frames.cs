using System;

namespace Guestos;

/// <summary>What a frame is used for.</summary>
public enum FrameState : byte
{
    /// <summary>Not RAM of the guest: below 4 MiB, beyond the end, or reserved by the machine.</summary>
    Absent,
    Free,

    /// <summary>Kernel image, slabs, stacks, files.</summary>
    Kernel,
    PageTable,

    /// <summary>Mapped into address spaces.</summary>
    User,

    /// <summary>
    /// Not part of a checkpoint: its contents mean nothing after arrival (interrupt stacks, virtqueues, receive
    /// buffers).
    /// </summary>
    Excluded,

    /// <summary>Used by a checkpoint in progress only: excluded from it, and free again on arrival.</summary>
    Checkpoint,
}

/// <summary>What is known of one page frame.</summary>
public struct FrameDescriptor
{
    public uint References;

    /// <summary>
    /// Neighbours in the free list of its order, by number of frame; 0 ends the list. This and the last two are used by
    /// <see cref="Objects"/> in its frames.
    /// </summary>
    public uint Next;
    public uint Previous;
    public FrameState State;

    /// <summary>Of the first frame of a free block: log2 of its frames.</summary>
    public byte Order;
    public ushort Reserved;
}

/// <summary>
/// Page frames of 4 KiB, counted by reference, in buddy blocks of 1 to 4,096 frames. Addresses are physical.
/// All of the guest's memory lies at 4 MiB and above: what is below belongs to the machine's firmware. Nothing here
/// sleeps or gives way, so that every context may call it.
/// </summary>
public static unsafe class Frames
{
    public const int Size = DirectMap.PageSize;
    public const ulong FirstByte = 0x400000;
    private const int Orders = 13;

    /// <summary>
    /// Frames that only the kernel itself may still take: user pages are refused before, so that the kernel can go on.
    /// </summary>
    public const ulong KernelReserve = 128;

    /// <summary>
    /// Frames above <see cref="KernelReserve"/> that ordinary users' pages leave to the superuser and to the first
    /// process, so that the owner can still work in a guest whose memory somebody has filled. What the kernel needs on
    /// behalf of ordinary users (tables, stacks, locks) leaves half of them.
    /// </summary>
    public const ulong PrivilegedReserve = 256;

    private struct FreeLists
    {
        public fixed uint Heads[Orders];
    }

    private static FreeLists s_free;

    /// <summary>One descriptor per frame from physical address 0 to the end of RAM.</summary>
    public static FrameDescriptor* Descriptors;

    /// <summary>Number of descriptors, and the end of RAM that they describe.</summary>
    public static uint Count;
    public static ulong End;

    /// <summary>Frames free, and frames of the guest in all.</summary>
    public static ulong Free;
    public static ulong Total;

    /// <summary>Takes over the RAM of the machine. The boot page tables are still in force.</summary>
    /// <param name="end">End of RAM.</param>
    /// <param name="kernelEnd">Physical end of the kernel's image, which begins at 4 MiB.</param>
    internal static bool Init(in Board.StartInfo start, ulong end, ulong kernelEnd)
    {
        Count = (uint)(end / Size);
        End = (ulong)Count * Size;
        ulong bytes = (ulong)Count * (ulong)sizeof(FrameDescriptor);
        ulong table = FindRoom(start, kernelEnd, bytes);
        if (table + bytes > end)
            return false;
        Descriptors = (FrameDescriptor*)DirectMap.At(table);
        new Span<byte>(Descriptors, (int)bytes).Clear();
        for (uint frame = (uint)(FirstByte / Size); frame < Count; frame++)
            Descriptors[frame].State = FrameState.Kernel;
        Reserve(FirstByte, kernelEnd);
        Reserve(table, table + bytes);
        for (int i = 0; i < start.ModuleCount; i++)
            Reserve(start.ModuleAt(i).Address, start.ModuleAt(i).Address + start.ModuleAt(i).Length);
        for (int i = 0; i < start.MemoryRangeCount; i++)
        {
            var range = start.MemoryRangeAt(i);
            if (range.Kind != Board.StartInfo.Ram)
                Mark(range.Address, range.Address + range.Length, FrameState.Absent);
        }
        for (uint frame = (uint)(FirstByte / Size); frame < Count; frame++)
        {
            if (Descriptors[frame].State == FrameState.Absent)
                continue;
            Total++;
            if (Descriptors[frame].References == 0)
                Insert(frame, 0);
        }
        return true;
    }

    /// <summary>
    /// The first address behind the kernel where <paramref name="bytes"/> fit without touching a module.
    /// </summary>
    private static ulong FindRoom(in Board.StartInfo start, ulong from, ulong bytes)
    {
        ulong at = (from + Size - 1) & ~(ulong)(Size - 1);
        for (int i = 0; i < start.ModuleCount; i++)
        {
            var module = start.ModuleAt(i);
            if (at < module.Address + module.Length && module.Address < at + bytes)
            {
                at = (module.Address + module.Length + Size - 1) & ~(ulong)(Size - 1);
                i = -1;
            }
        }
        return at;
    }

    private static void Reserve(ulong from, ulong to)
    {
        for (ulong frame = from / Size; frame < (to + Size - 1) / Size && frame < Count; frame++)
            Descriptors[frame].References = 1;
    }

    private static void Mark(ulong from, ulong to, FrameState state)
    {
        for (ulong frame = from / Size; frame < (to + Size - 1) / Size && frame < Count; frame++)
            Descriptors[frame].State = state;
    }

    /// <summary>A zeroed frame with one reference, or 0 when there is none.</summary>
    public static ulong Allocate() => AllocateContiguous(1);

    /// <summary>Frames that user memory of the current process may not take.</summary>
    public static ulong UserFloor => KernelReserve + (MayUseReserve ? 0 : PrivilegedReserve);

    private static bool MayUseReserve => MemoryPolicy.MayUseReserve == null || MemoryPolicy.MayUseReserve();

    /// <summary>A frame for user memory, or 0 when no more than so many are free.</summary>
    /// <param name="floor"><see cref="UserFloor"/>, or less for a page that cannot wait.</param>
    public static ulong AllocateUser(ulong floor)
    {
        if (Free <= floor)
            return 0;
        ulong physical = AllocateContiguous(1);
        if (physical != 0)
            Descriptors[physical / Size].State = FrameState.User;
        return physical;
    }

    /// <summary>
    /// As <see cref="Allocate"/>, <paramref name="count"/> (1 to 4096) neighbours; each is released by itself.
    /// </summary>
    public static ulong AllocateContiguous(int count)
    {
        if (Free <= KernelReserve + PrivilegedReserve / 2 && !MayUseReserve)
            return 0;
        int wanted = 0;
        while (1 << wanted < count)
            wanted++;
        int order = wanted;
        while (order < Orders && s_free.Heads[order] == 0)
            order++;
        if (order >= Orders)
            return 0;
        uint frame = s_free.Heads[order];
        Remove(frame, order);
        while (order > wanted)
        {
            order--;
            Link(frame + (1u << order), order);
        }
        for (uint i = 0; i < 1u << wanted; i++)
        {
            Descriptors[frame + i].State = FrameState.Kernel;
            Descriptors[frame + i].References = 1;
        }
        Free -= 1ul << wanted;
        for (uint i = (uint)count; i < 1u << wanted; i++)
            Release((ulong)(frame + i) * Size);
        new Span<byte>(DirectMap.At((ulong)frame * Size), count * Size).Clear();
        return (ulong)frame * Size;
    }

    /// <summary>As <see cref="AllocateContiguous"/>, frames that no checkpoint has.</summary>
    public static ulong AllocateExcluded(int count)
    {
        ulong block = AllocateContiguous(count);
        for (int i = 0; block != 0 && i < count; i++)
            SetState(block + (ulong)i * Size, FrameState.Excluded);
        return block;
    }

    public static void AddReference(ulong physical) => Descriptors[physical / Size].References++;

    public static uint References(ulong physical) => Descriptors[physical / Size].References;

    /// <summary>Gives up one reference; the last one frees the frame.</summary>
    public static void Release(ulong physical)
    {
        uint frame = (uint)(physical / Size);
        if (frame >= Count || Descriptors[frame].References == 0 || Descriptors[frame].State == FrameState.Free)
            Panic.Stop("released a frame that is free"u8);
        Descriptors[frame].References--;
        if (Descriptors[frame].References > 0)
            return;
        bool changes = !IsTracked(Descriptors[frame].State);
        Insert(frame, 0);
        if (changes && MmuNotifier.FrameChanged != null)
            MmuNotifier.FrameChanged(physical);
    }

    /// <summary>
    /// True for frames whose writes a checkpoint sees by protecting them; the others' owners tell it.
    /// </summary>
    private static bool IsTracked(FrameState state) => state is FrameState.Free or FrameState.Kernel or FrameState.User;

    /// <summary>
    /// Says what a frame is for, and tells <see cref="MmuNotifier.FrameChanged"/> when write protection begins or
    /// ceases to matter for it.
    /// </summary>
    public static void SetState(ulong physical, FrameState state)
    {
        FrameDescriptor* descriptor = Descriptors + physical / Size;
        bool changes = IsTracked(descriptor->State) != IsTracked(state);
        descriptor->State = state;
        if (changes && MmuNotifier.FrameChanged != null)
            MmuNotifier.FrameChanged(physical);
    }

    /// <summary>Frames in use as this (/proc/meminfo). Walks all descriptors.</summary>
    public static ulong CountOf(FrameState state)
    {
        ulong count = 0;
        for (uint frame = 0; frame < Count; frame++)
            if (Descriptors[frame].State == state && Descriptors[frame].References != 0)
                count++;
        return count;
    }

    /// <summary>
    /// <see cref="FrameState.Absent"/> outside RAM; <see cref="FrameState.Free"/> for every frame that nobody refers
    /// to.
    /// </summary>
    public static FrameState StateOf(ulong physical)
    {
        if (physical >= End)
            return FrameState.Absent;
        FrameDescriptor* descriptor = Descriptors + physical / Size;
        bool isFree = descriptor->References == 0 && descriptor->State != FrameState.Absent;
        return isFree ? FrameState.Free : descriptor->State;
    }

    /// <summary>Frees a block and joins it with its buddies as long as they are free too.</summary>
    private static void Insert(uint frame, int order)
    {
        Free += 1ul << order;
        while (order < Orders - 1)
        {
            uint buddy = frame ^ (1u << order);
            if (buddy >= Count || Descriptors[buddy].State != FrameState.Free || Descriptors[buddy].Order != order)
                break;
            Remove(buddy, order);
            Descriptors[Math.Max(frame, buddy)].State = FrameState.Kernel;  // no longer the first of a free block
            frame = Math.Min(frame, buddy);
            order++;
        }
        Link(frame, order);
    }

    /// <summary>
    /// Puts a free block into the list of its order. Only its first frame has the state <see cref="FrameState.Free"/>;
    /// the others keep <see cref="FrameState.Kernel"/>, without a reference.
    /// </summary>
    private static void Link(uint frame, int order)
    {
        FrameDescriptor* descriptor = Descriptors + frame;
        descriptor->State = FrameState.Free;
        descriptor->Order = (byte)order;
        descriptor->Previous = 0;
        descriptor->Next = s_free.Heads[order];
        if (descriptor->Next != 0)
            Descriptors[descriptor->Next].Previous = frame;
        s_free.Heads[order] = frame;
    }

    private static void Remove(uint frame, int order)
    {
        FrameDescriptor* descriptor = Descriptors + frame;
        if (descriptor->Previous != 0)
            Descriptors[descriptor->Previous].Next = descriptor->Next;
        else
            s_free.Heads[order] = descriptor->Next;
        if (descriptor->Next != 0)
            Descriptors[descriptor->Next].Previous = descriptor->Previous;
    }
}
