using System.Runtime.InteropServices;
using Domain.Linux;

namespace Domain.Devices;

/// <summary>A split virtqueue (virtio 1.2, 2.7), the device's side.</summary>
/// <remarks>
/// The three rings are written by the guest and not trusted: indices, lengths and addresses are copied out, and the
/// copies are checked when they are used. Where the rings lie and how long they are is latched when the driver enables
/// the queue and holds until <see cref="Disable"/>. All accesses come from the CPU thread, which also executes the
/// guest, so the rings need no barriers. A method that finds an invalid entry returns false once and
/// <see cref="Broken"/> stays set until reset.
/// </remarks>
internal sealed unsafe class Virtqueue
{
    private const ushort VirtqDescFNext = 1, VirtqDescFWrite = 2, VirtqDescFIndirect = 4;
    private const ushort VirtqAvailFNoInterrupt = 1, VirtqUsedFNoNotify = 1;

    // struct virtq_avail and virtq_used (2.7.6, 2.7.8): flags, index, the ring, then one index more.
    private const ulong IndexOffset = 2, RingOffset = 4, AvailableElementBytes = 2, UsedElementBytes = 8,
        TrailerBytes = 2;

    /// <summary>struct virtq_desc (2.7.5).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Descriptor
    {
        public const ulong Bytes = 16;

        public ulong Address;
        public uint Length;
        public ushort Flags, Next;
    }

    /// <summary>struct virtq_used_elem (2.7.8).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct UsedElement
    {
        public uint Id, Length;
    }

    private readonly DmaMemory memory;

    // Latched by Enable: physical addresses of rings of `size` elements, all of them RAM, and the accepted features.
    private ulong descriptors, available, used;
    private ushort size;
    private bool indirect, eventIndex;
    private ushort nextAvailable, nextUsed, signalled;

    /// <summary>Registers as the driver wrote them.</summary>
    public ushort Size;
    public ulong DescriptorAddress, AvailableAddress, UsedAddress;

    public readonly ushort MaxSize;

    public Virtqueue(DmaMemory memory, ushort maximumSize)
    {
        this.memory = memory;
        Size = MaxSize = maximumSize;
    }

    public bool Ready { get; private set; }

    /// <summary>The driver broke the rules of the queue; nothing is done with it until reset.</summary>
    public bool Broken { get; private set; }

    /// <summary>Back to the state after power-on.</summary>
    public void Reset()
    {
        Size = MaxSize;
        DescriptorAddress = AvailableAddress = UsedAddress = 0;
        Ready = Broken = false;
    }

    /// <summary>Latches the registers. False when the rings are not where rings can be.</summary>
    /// <param name="indirect">VIRTIO_F_INDIRECT_DESC was negotiated</param>
    /// <param name="eventIndex">VIRTIO_F_EVENT_IDX was negotiated</param>
    public bool Enable(bool indirect, bool eventIndex)
    {
        (size, descriptors, available, used) = (Size, DescriptorAddress, AvailableAddress, UsedAddress);
        (this.indirect, this.eventIndex) = (indirect, eventIndex);
        nextAvailable = nextUsed = signalled = 0;
        bool sizeGood = size != 0 && size <= MaxSize && (size & size - 1) == 0;
        bool aligned = (descriptors & 15) == 0 && (available & 1) == 0 && (used & 3) == 0;
        Ready = sizeGood && aligned
            && memory.Contains(descriptors, Descriptor.Bytes * size)
            && memory.Contains(available, RingOffset + AvailableElementBytes * size + TrailerBytes)
            && memory.Contains(used, RingOffset + UsedElementBytes * size + TrailerBytes);
        return Ready || Break();
    }

    /// <summary>From here on the device does not access the rings.</summary>
    public void Disable() => Ready = false;

    /// <summary>Whether the driver has offered a chain that was not taken yet.</summary>
    public bool HasAvailable => Ready && !Broken && AvailableIndex != nextAvailable;

    /// <summary>
    /// The position in the ring of offered chains; give it to <see cref="Rewind"/> to put chains back.
    /// </summary>
    public ushort Position => nextAvailable;

    public void Rewind(ushort position) => nextAvailable = position;

    /// <summary>
    /// Takes the next offered chain. False when there is none or the queue is (now) <see cref="Broken"/>.
    /// </summary>
    public bool TryTake(DescriptorChain chain)
    {
        if (!Ready || Broken)
            return false;
        ushort waiting = (ushort)(AvailableIndex - nextAvailable);
        if (waiting == 0)
            return false;
        if (waiting > size)
            return Break();
        ushort head = memory.Read<ushort>(available + RingOffset
            + AvailableElementBytes * (uint)(nextAvailable & (size - 1)));
        if (!Walk(head, chain))
            return Break();
        nextAvailable++;
        return true;
    }

    /// <summary>Gives a chain back with the number of bytes that the device wrote into it.</summary>
    public void Return(ushort head, uint written)
    {
        // A chain that was taken before the queue was disabled is not returned.
        if (!Ready)
            return;
        memory.Write(used + RingOffset + UsedElementBytes * (uint)(nextUsed & (size - 1)),
            new UsedElement { Id = head, Length = written });
        nextUsed++;
    }

    /// <summary>Shows the driver all chains that were returned. True when it wants an interrupt for them.</summary>
    public bool Publish()
    {
        if (!Ready || nextUsed == signalled)
            return false;
        ushort before = signalled;
        signalled = nextUsed;
        memory.Write(used + IndexOffset, nextUsed);
        if (!eventIndex)
            return (memory.Read<ushort>(available) & VirtqAvailFNoInterrupt) == 0;
        // 2.7.10: the driver names the index after whose use it wants to be told.
        ushort wanted = memory.Read<ushort>(available + RingOffset + AvailableElementBytes * size);
        return (ushort)(nextUsed - wanted - 1) < (ushort)(nextUsed - before);
    }

    /// <summary>
    /// Asks the driver to notify (or not to) when it offers more. True when it has already offered more meanwhile.
    /// </summary>
    public bool WantNotification(bool want)
    {
        if (!Ready || Broken)
            return false;
        if (!eventIndex)
            memory.Write(used, want ? (ushort)0 : VirtqUsedFNoNotify);
        else if (want)
            memory.Write(used + RingOffset + UsedElementBytes * size, nextAvailable);
        return want && HasAvailable;
    }

    private ushort AvailableIndex => memory.Read<ushort>(available + IndexOffset);

    // 2.7.5. Bounded twice: a table of n descriptors has chains of at most n, and no chain has more than MaxPieces.
    private bool Walk(ushort head, DescriptorChain chain)
    {
        chain.Clear(head);
        ulong table = descriptors;
        uint tableSize = size, index = head, left = size;
        bool inIndirect = false;
        for (;;)
        {
            if (index >= tableSize || left-- == 0)
                return false;
            var descriptor = memory.Read<Descriptor>(table + Descriptor.Bytes * index);
            if ((descriptor.Flags & VirtqDescFIndirect) != 0)
            {
                // 2.7.5.3.1: not nested, not chained further, whole descriptors.
                if (!indirect || inIndirect || (descriptor.Flags & VirtqDescFNext) != 0 || descriptor.Length == 0
                    || descriptor.Length % Descriptor.Bytes != 0)
                    return false;
                tableSize = left = descriptor.Length / (uint)Descriptor.Bytes;
                table = descriptor.Address;
                if (tableSize > DescriptorChain.MaxPieces || !memory.Contains(table, descriptor.Length))
                    return false;
                inIndirect = true;
                index = 0;
                continue;
            }
            if (!Append(chain, descriptor))
                return false;
            if ((descriptor.Flags & VirtqDescFNext) == 0)
                return true;
            index = descriptor.Next;
        }
    }

    private bool Append(DescriptorChain chain, in Descriptor descriptor)
    {
        bool writable = (descriptor.Flags & VirtqDescFWrite) != 0;
        if (chain.Count == DescriptorChain.MaxPieces || descriptor.Length == 0)
            return false;
        if (!writable && chain.ReadableCount != chain.Count)
            return false;
        // 2.7.5.2: no chain is longer than 2^32 bytes in all.
        if (chain.ReadableBytes + chain.WritableBytes + descriptor.Length > 1UL << 32)
            return false;
        byte* at = memory.Translate(descriptor.Address, descriptor.Length);
        if (at == null)
            return false;
        chain.Pieces[chain.Count++] = new IoVector(at, descriptor.Length);
        if (writable)
        {
            chain.WritableBytes += descriptor.Length;
        }
        else
        {
            chain.ReadableCount++;
            chain.ReadableBytes += descriptor.Length;
        }
        return true;
    }

    private bool Break()
    {
        Broken = true;
        return false;
    }
}
