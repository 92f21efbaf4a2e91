using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Domain.Linux;

namespace Domain.Devices;

/// <summary>A split virtqueue (virtio 1.2, 2.7), the device's side.</summary>
/// <remarks>
/// Everything in the three rings is the guest's word: indices, lengths and addresses are checked at the moment of use and
/// copied out before they are believed. All accesses come from the CPU thread, which also executes the guest, so the
/// rings need no barriers. A method that meets nonsense returns false once and <see cref="Broken"/> stays set until reset.
/// </remarks>
internal sealed unsafe class Virtqueue
{
    private const ushort DescriptorNext = 1, DescriptorWrite = 2, DescriptorIndirect = 4;
    private const ushort AvailableNoInterrupt = 1, UsedNoNotify = 1;

    /// <summary>struct virtq_desc (2.7.5).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Descriptor
    {
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
    private Descriptor* descriptors;
    private ushort* available;  // flags, index, ring[size], used_event
    private ushort* used;       // flags, index, ring[size] of UsedElement, avail_event
    private ushort nextAvailable, nextUsed, signalled;

    /// <summary>Registers as the driver wrote them.</summary>
    public ushort Size;
    public ulong DescriptorAddress, AvailableAddress, UsedAddress;

    public readonly ushort MaximumSize;

    public Virtqueue(DmaMemory memory, ushort maximumSize)
    {
        this.memory = memory;
        Size = MaximumSize = maximumSize;
    }

    public bool Ready { get; private set; }

    /// <summary>The driver broke the rules of the queue; nothing is done with it until reset.</summary>
    public bool Broken { get; private set; }

    /// <summary>VIRTIO_F_EVENT_IDX was negotiated.</summary>
    public bool EventIndex;

    /// <summary>VIRTIO_F_INDIRECT_DESC was negotiated.</summary>
    public bool Indirect;

    /// <summary>Back to the state after power-on.</summary>
    public void Reset()
    {
        Size = MaximumSize;
        DescriptorAddress = AvailableAddress = UsedAddress = 0;
        nextAvailable = nextUsed = signalled = 0;
        Ready = Broken = EventIndex = Indirect = false;
    }

    /// <summary>The driver writes QueueReady. False when the rings are not where rings can be.</summary>
    public bool Enable(bool ready)
    {
        Ready = false;
        if (!ready)
            return true;
        bool sizeGood = Size != 0 && Size <= MaximumSize && (Size & Size - 1) == 0;
        bool aligned = (DescriptorAddress & 15) == 0 && (AvailableAddress & 1) == 0 && (UsedAddress & 3) == 0;
        if (sizeGood && aligned)
        {
            descriptors = (Descriptor*)memory.Translate(DescriptorAddress, 16UL * Size);
            available = (ushort*)memory.Translate(AvailableAddress, 6UL + 2UL * Size);
            used = (ushort*)memory.Translate(UsedAddress, 6UL + 8UL * Size);
            if (descriptors != null && available != null && used != null)
            {
                nextAvailable = nextUsed = signalled = 0;
                Ready = true;
                return true;
            }
        }
        return Break();
    }

    /// <summary>Whether the driver has offered a chain that was not taken yet.</summary>
    public bool HasAvailable => Ready && !Broken && AvailableIndex != nextAvailable;

    /// <summary>Where the device stands; give it to <see cref="Rewind"/> to put chains back.</summary>
    public ushort Position => nextAvailable;

    public void Rewind(ushort position) => nextAvailable = position;

    /// <summary>Takes the next offered chain. False when there is none or the queue is (now) <see cref="Broken"/>.</summary>
    public bool TryTake(DescriptorChain chain)
    {
        if (!Ready || Broken)
            return false;
        ushort waiting = (ushort)(AvailableIndex - nextAvailable);
        if (waiting == 0)
            return false;
        if (waiting > Size)
            return Break();
        ushort head = Unsafe.ReadUnaligned<ushort>(available + 2 + (nextAvailable & (Size - 1)));
        if (!Walk(head, chain))
            return Break();
        nextAvailable++;
        return true;
    }

    /// <summary>Gives a chain back with the number of bytes that the device wrote into it.</summary>
    public void Return(ushort head, uint written)
    {
        ulong slot = 4 + 8UL * (uint)(nextUsed & (Size - 1));
        // SAFETY: the used ring of Size elements was translated as a whole in Enable, and the slot is masked to it.
        Unsafe.WriteUnaligned((byte*)used + slot, new UsedElement { Id = head, Length = written });
        memory.Written(UsedAddress + slot, 8);
        nextUsed++;
    }

    /// <summary>Shows the driver all chains that were returned. True when it wants an interrupt for them.</summary>
    public bool Publish()
    {
        if (nextUsed == signalled)
            return false;
        ushort before = signalled;
        signalled = nextUsed;
        Unsafe.WriteUnaligned(used + 1, nextUsed);
        memory.Written(UsedAddress, 4);
        if (!EventIndex)
            return (Unsafe.ReadUnaligned<ushort>(available) & AvailableNoInterrupt) == 0;
        // 2.7.10: the driver names the index after whose use it wants to be told.
        ushort wanted = Unsafe.ReadUnaligned<ushort>(available + 2 + Size);
        return (ushort)(nextUsed - wanted - 1) < (ushort)(nextUsed - before);
    }

    /// <summary>Asks the driver to notify (or not to) when it offers more. True when it has already offered more meanwhile.</summary>
    public bool WantNotification(bool want)
    {
        if (!Ready || Broken)
            return false;
        if (!EventIndex)
        {
            Unsafe.WriteUnaligned(used, want ? (ushort)0 : UsedNoNotify);
            memory.Written(UsedAddress, 2);
        }
        else if (want)
        {
            ulong at = 4 + 8UL * Size;
            Unsafe.WriteUnaligned((byte*)used + at, nextAvailable);
            memory.Written(UsedAddress + at, 2);
        }
        return want && HasAvailable;
    }

    private ushort AvailableIndex => Unsafe.ReadUnaligned<ushort>(available + 1);

    // 2.7.5. Bounded twice: a table of n descriptors has chains of at most n, and no chain has more than MaximumPieces.
    private bool Walk(ushort head, DescriptorChain chain)
    {
        chain.Clear(head);
        var table = descriptors;
        uint tableSize = Size, index = head, left = Size;
        bool inIndirect = false;
        for (;;)
        {
            if (index >= tableSize || left-- == 0)
                return false;
            var descriptor = Unsafe.ReadUnaligned<Descriptor>(table + index);
            if ((descriptor.Flags & DescriptorIndirect) != 0)
            {
                // 2.7.5.3.1: not nested, not chained further, whole descriptors.
                if (!Indirect || inIndirect || (descriptor.Flags & DescriptorNext) != 0 || descriptor.Length == 0 || (descriptor.Length & 15) != 0)
                    return false;
                tableSize = left = descriptor.Length / 16;
                if (tableSize > DescriptorChain.MaximumPieces)
                    return false;
                table = (Descriptor*)memory.Translate(descriptor.Address, descriptor.Length);
                if (table == null)
                    return false;
                inIndirect = true;
                index = 0;
                continue;
            }
            if (!Append(chain, descriptor))
                return false;
            if ((descriptor.Flags & DescriptorNext) == 0)
                return true;
            index = descriptor.Next;
        }
    }

    private bool Append(DescriptorChain chain, in Descriptor descriptor)
    {
        bool writable = (descriptor.Flags & DescriptorWrite) != 0;
        if (chain.Count == DescriptorChain.MaximumPieces || descriptor.Length == 0)
            return false;
        if (!writable && chain.ReadableCount != chain.Count)
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
