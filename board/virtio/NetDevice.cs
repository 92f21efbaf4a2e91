using System;

namespace Board;

/// <summary>
/// How big a network device's rings and buffers are. Fields that are 0 take the default in their comment.
/// </summary>
public struct NetOptions
{
    /// <summary>Descriptors of each ring, a power of two. Default 256; less when the device has less.</summary>
    public int QueueSize;

    /// <summary>Receive buffers, at most the ring's size. Default 128.</summary>
    public int ReceiveBuffers;

    /// <summary>Bytes of a receive buffer. Default 4,096; at least 2,048, a multiple of 64.</summary>
    public int ReceiveBufferSize;

    /// <summary>Frames that may wait for the device to read them. Default 64.</summary>
    public int TransmitSlots;
}

/// <summary>One frame on its way out; the fields follow <c>struct virtio_net_hdr</c> (virtio 1.2 §5.1.6).</summary>
public unsafe struct NetTransmission
{
    /// <summary>Copied during the call; at most <see cref="NetDevice.MaxHeader"/> bytes.</summary>
    public byte* Header;
    public int HeaderLength;

    /// <summary>Read by the device at any time until it is done with the frame.</summary>
    public BufferPiece* Pieces;
    public int PieceCount;

    public bool NeedsChecksum;
    public ushort ChecksumStart;
    public ushort ChecksumOffset;

    /// <summary>Payload bytes per segment for TCP segmentation by the device, 0 for none.</summary>
    public ushort SegmentSize;
}

/// <summary>
/// A virtio network device (virtio 1.2 §5.1) with one pair of queues: checksum and TCP segmentation offloads, mergeable
/// receive buffers, scatter-gather transmit. Polled, or with interrupts (<see cref="RequestInterrupt"/>).
/// </summary>
public unsafe struct NetDevice
{
    // Feature bits, §5.1.3.
    private const ulong VirtioNetFCsum = 1UL << 0;
    private const ulong VirtioNetFGuestCsum = 1UL << 1;
    private const ulong VirtioNetFMac = 1UL << 5;
    private const ulong VirtioNetFGuestTso4 = 1UL << 7;
    private const ulong VirtioNetFHostTso4 = 1UL << 11;
    private const ulong VirtioNetFMrgRxbuf = 1UL << 15;

    /// <summary><c>struct virtio_net_hdr</c> with num_buffers, always 12 bytes since version 1 (§5.1.6.1).</summary>
    private const int DeviceHeaderSize = 12;
    private const byte VirtioNetHdrFNeedsCsum = 1;
    private const byte VirtioNetHdrFDataValid = 2;
    private const byte VirtioNetHdrGsoNone = 0;
    private const byte VirtioNetHdrGsoTcpv4 = 1;

    private const int SlotSize = 2048;
    public const int MaxHeader = SlotSize - DeviceHeaderSize;
    public const int MaxTransmitPieces = 64;

    /// <summary>Most pieces that one received frame has: 64 KiB and headers in buffers of 4 KiB.</summary>
    public const int MaxReceivePieces = 32;

    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;

    private VirtioMmio transport;
    private Virtqueue receive;
    private Virtqueue transmit;
    private byte* buffers;
    private byte* slots;
    private ushort* freeSlots;
    private int freeSlotCount;
    private int bufferSize;
    private int heldCount;
    private bool wantsRoom;
    private fixed ushort held[MaxReceivePieces];

    /// <summary>What driver and device agreed on.</summary>
    public ulong Features { get; private set; }

    /// <summary>Six bytes in the low 48 bits, the first byte highest.</summary>
    public ulong MacAddress { get; private set; }

    public readonly bool CanChecksum => (Features & VirtioNetFCsum) != 0;
    public readonly bool CanSegment => (Features & VirtioNetFHostTso4) != 0;

    /// <summary>
    /// Of the frame that <see cref="Receive"/> gave last: VIRTIO_NET_HDR_F_NEEDS_CSUM, where the bytes that its sum
    /// covers begin, and where from there the field lies that holds only the pseudo-header's sum so far (§5.1.6.4).
    /// </summary>
    public bool IsUnfinished { get; private set; }
    public ushort UnfinishedStart { get; private set; }
    public ushort UnfinishedOffset { get; private set; }

    /// <summary>Frames that were dropped because the device described them wrongly.</summary>
    public ulong Malformed { get; private set; }

    /// <summary>True when the device broke the ring's rules: it has to be started anew.</summary>
    public readonly bool Broken => receive.Broken || transmit.Broken;

    private static NetOptions WithDefaults(in NetOptions options)
    {
        NetOptions complete = options;
        if (complete.QueueSize == 0)
            complete.QueueSize = 256;
        if (complete.ReceiveBuffers == 0)
            complete.ReceiveBuffers = 128;
        if (complete.ReceiveBufferSize == 0)
            complete.ReceiveBufferSize = 4096;
        if (complete.TransmitSlots == 0)
            complete.TransmitSlots = 64;
        return complete;
    }

    /// <summary>Bytes of memory for a device with these options; 0 when one is out of range.</summary>
    public static ulong RequiredMemory(in NetOptions options)
    {
        NetOptions o = WithDefaults(options);
        if (o.QueueSize is < 4 or > Virtqueue.MaxSize || (o.QueueSize & (o.QueueSize - 1)) != 0
            || o.ReceiveBuffers < 1
            || o.ReceiveBuffers > o.QueueSize || o.ReceiveBufferSize is < 2048 or > 65536
            || (o.ReceiveBufferSize & 63) != 0
            || o.TransmitSlots < 1 || o.TransmitSlots > o.QueueSize)
            return 0;
        return (ulong)o.ReceiveBuffers * (uint)o.ReceiveBufferSize + (ulong)o.TransmitSlots * SlotSize
            + 2 * Virtqueue.RequiredMemory(o.QueueSize) + 2 * (ulong)o.QueueSize;
    }

    /// <summary>
    /// Brings the device up. False when there is none, when it refuses, or when the memory is too small; it is then
    /// reset.
    /// </summary>
    /// <param name="memory">Contiguous for the device, aligned to 4,096, its own until <see cref="Stop"/>.</param>
    /// <param name="virtualBase">
    /// Subtracted from an address to make it physical: memory's, and those of all pieces.
    /// </param>
    public bool TryStart(VirtioMmio device, byte* memory, ulong length, ulong virtualBase, in NetOptions options)
    {
        this = default;
        NetOptions o = WithDefaults(options);
        ulong needed = RequiredMemory(o);
        if (needed == 0 || length < needed || ((ulong)memory & 4095) != 0 || device.Kind != VirtioDeviceKind.Network)
            return false;
        transport = device;
        if (!device.Begin(VirtioNetFCsum | VirtioNetFGuestCsum | VirtioNetFMac | VirtioNetFGuestTso4
            | VirtioNetFHostTso4 | VirtioNetFMrgRxbuf
            | VirtioMmio.VirtioFEventIdx, out ulong features))
            return false;
        // Frames of 64 KiB come only where they may be spread over several buffers. Features depend on each other,
        // §5.1.3.1.
        ulong wanted = features;
        if ((wanted & VirtioNetFMrgRxbuf) == 0 || (wanted & VirtioNetFGuestCsum) == 0)
            wanted &= ~VirtioNetFGuestTso4;
        if ((wanted & VirtioNetFCsum) == 0)
            wanted &= ~VirtioNetFHostTso4;
        if (wanted != features && !device.Begin(wanted, out features))
            return false;
        Features = features;

        byte* at = memory;
        buffers = at;
        at += o.ReceiveBuffers * o.ReceiveBufferSize;
        slots = at;
        at += o.TransmitSlots * SlotSize;
        int receiveSize = FittingSize(o.QueueSize, device.MaxQueueSize(ReceiveQueue));
        int transmitSize = FittingSize(o.QueueSize, device.MaxQueueSize(TransmitQueue));
        if (!receive.TryInit(at, Virtqueue.RequiredMemory(o.QueueSize), receiveSize, virtualBase, features))
            return device.Fail();
        at += Virtqueue.RequiredMemory(o.QueueSize);
        if (!transmit.TryInit(at, Virtqueue.RequiredMemory(o.QueueSize), transmitSize, virtualBase, features))
            return device.Fail();
        at += Virtqueue.RequiredMemory(o.QueueSize);
        freeSlots = (ushort*)at;
        for (freeSlotCount = 0; freeSlotCount < o.TransmitSlots; freeSlotCount++)
            freeSlots[freeSlotCount] = (ushort)freeSlotCount;
        if (!device.AddQueue(ReceiveQueue, receive) || !device.AddQueue(TransmitQueue, transmit))
            return false;

        for (int i = 0; i < 6 && (features & VirtioNetFMac) != 0; i++)
            MacAddress = MacAddress << 8 | device.ReadConfiguration8(i);
        bufferSize = o.ReceiveBufferSize;
        device.Start();
        for (int i = 0; i < o.ReceiveBuffers && i < receiveSize; i++)
            Lend(i);
        if (receive.Publish())
            device.Notify(ReceiveQueue);
        return true;
    }

    private static int FittingSize(int wanted, int maximum)
    {
        while (wanted > maximum)
            wanted >>= 1;
        return wanted;
    }

    /// <summary>Resets the device: it touches no memory any more.</summary>
    public readonly void Stop() => transport.Reset();

    // ---- transmit ----

    /// <summary>
    /// Hands a frame to the device. False when there is no room now: <see cref="Reclaim"/> tells when there is.
    /// </summary>
    public bool Transmit(NetTransmission* frame)
    {
        if (frame->HeaderLength > MaxHeader || frame->PieceCount > MaxTransmitPieces)
        {
            Malformed++;
            return true;
        }
        if (!HasRoom(frame->PieceCount + 1))
        {
            TakeTransmitted();
            if (!HasRoom(frame->PieceCount + 1))
            {
                wantsRoom = true;
                if (!transmit.RequestInterrupt() || !TakeTransmitted() || !HasRoom(frame->PieceCount + 1))
                    return false;
                wantsRoom = false;
            }
        }
        freeSlotCount--;
        ushort number = freeSlots[freeSlotCount];
        // SAFETY: slots were handed out by number, each SlotSize long; HeaderLength was checked above.
        byte* slot = slots + number * SlotSize;
        slot[0] = frame->NeedsChecksum ? VirtioNetHdrFNeedsCsum : (byte)0;
        slot[1] = frame->SegmentSize != 0 ? VirtioNetHdrGsoTcpv4 : VirtioNetHdrGsoNone;
        *(ushort*)(slot + 2) = frame->SegmentSize != 0 ? (ushort)frame->HeaderLength : (ushort)0;
        *(ushort*)(slot + 4) = frame->SegmentSize;
        *(ushort*)(slot + 6) = frame->NeedsChecksum ? frame->ChecksumStart : (ushort)0;
        *(ushort*)(slot + 8) = frame->NeedsChecksum ? frame->ChecksumOffset : (ushort)0;
        *(ushort*)(slot + 10) = 0;
        new ReadOnlySpan<byte>(frame->Header, frame->HeaderLength)
            .CopyTo(new Span<byte>(slot + DeviceHeaderSize, MaxHeader));

        BufferPiece* pieces = stackalloc BufferPiece[MaxTransmitPieces + 1];
        pieces[0].Address = slot;
        pieces[0].Length = DeviceHeaderSize + frame->HeaderLength;
        for (int i = 0; i < frame->PieceCount; i++)
            pieces[i + 1] = frame->Pieces[i];
        if (!transmit.Add(pieces, frame->PieceCount + 1, 0, number))
        {
            freeSlots[freeSlotCount] = number;
            freeSlotCount++;
            return false;
        }
        if (transmit.Publish())
            transport.Notify(TransmitQueue);
        return true;
    }

    private readonly bool HasRoom(int descriptors) => freeSlotCount > 0 && transmit.FreeDescriptors >= descriptors;

    /// <summary>
    /// Takes back what the device has sent. True when a refused <see cref="Transmit"/> may be tried again.
    /// </summary>
    public bool Reclaim()
    {
        TakeTransmitted();
        // A later frame may have found the room that an earlier one lacked.
        if (!wantsRoom || !HasRoom(1))
            return false;
        wantsRoom = false;
        transmit.StopInterrupts();
        return true;
    }

    /// <summary>True when the device has sent everything that it was given.</summary>
    public bool IsTransmitted()
    {
        TakeTransmitted();
        return transmit.FreeDescriptors == transmit.Size;
    }

    private bool TakeTransmitted()
    {
        bool any = false;
        while (transmit.Take(out ulong number, out _))
        {
            freeSlots[freeSlotCount] = (ushort)number;
            freeSlotCount++;
            any = true;
        }
        return any;
    }

    // ---- receive ----

    /// <summary>
    /// The next frame, in pieces that stay as they are until <see cref="ReturnFrame"/>. 0 when there is none.
    /// </summary>
    /// <param name="pieces">Room for <see cref="MaxReceivePieces"/>.</param>
    /// <param name="checksumValid">
    /// The transport checksum was verified, or never left the host: do not look at it.
    /// </param>
    public int Receive(BufferPiece* pieces, out bool checksumValid)
    {
        checksumValid = false;
        ReturnFrame();
        while (receive.HasUsed)
        {
            int count = TakeFrame(pieces, out checksumValid);
            if (count >= 0)
                return count;
            Malformed++;
            ReturnFrame();
        }
        return 0;
    }

    /// <summary>Number of pieces; 0 when the frame is not all here yet; −1 when it is not a frame.</summary>
    private int TakeFrame(BufferPiece* pieces, out bool checksumValid)
    {
        checksumValid = false;
        if (!TakeBuffer(out byte* header, out int length))
            return 0;
        int count = (Features & VirtioNetFMrgRxbuf) != 0 ? *(ushort*)(header + 10) : 1;
        if (length <= DeviceHeaderSize || count < 1 || count > MaxReceivePieces || count > 1 + receive.UsedCount)
            return -1;
        // Without the feature the device has nothing to say about checksums (§5.1.6.4.1).
        int flags = (Features & VirtioNetFGuestCsum) != 0 ? header[0] : 0;
        checksumValid = (flags & (VirtioNetHdrFNeedsCsum | VirtioNetHdrFDataValid)) != 0;
        IsUnfinished = (flags & VirtioNetHdrFNeedsCsum) != 0;
        UnfinishedStart = *(ushort*)(header + 6);
        UnfinishedOffset = *(ushort*)(header + 8);
        pieces[0].Address = header + DeviceHeaderSize;
        pieces[0].Length = length - DeviceHeaderSize;
        for (int i = 1; i < count; i++)
            if (!TakeBuffer(out pieces[i].Address, out pieces[i].Length) || pieces[i].Length == 0)
                return -1;
        return count;
    }

    private bool TakeBuffer(out byte* address, out int length)
    {
        bool any = receive.Take(out ulong number, out uint written);
        // SAFETY: the number is the one that Lend gave; Take bounds written by the buffer's size.
        address = buffers + (long)number * bufferSize;
        length = (int)written;
        if (any)
        {
            held[heldCount] = (ushort)number;
            heldCount++;
        }
        return any;
    }

    /// <summary>Lends the last frame's buffers to the device again.</summary>
    public void ReturnFrame()
    {
        if (heldCount == 0)
            return;
        for (int i = 0; i < heldCount; i++)
            Lend(held[i]);
        heldCount = 0;
        if (receive.Publish())
            transport.Notify(ReceiveQueue);
    }

    private void Lend(int number)
    {
        BufferPiece piece;
        piece.Address = buffers + (long)number * bufferSize;
        piece.Length = bufferSize;
        receive.Add(&piece, 0, 1, (ulong)number);
    }

    // ---- interrupts ----

    /// <summary>
    /// Asks for an interrupt when the next frame comes. True when one is here already: receive it first.
    /// </summary>
    public readonly bool RequestInterrupt() => receive.RequestInterrupt();

    /// <summary>No interrupts for received frames, as after <see cref="TryStart"/>.</summary>
    public readonly void StopInterrupts() => receive.StopInterrupts();

    /// <summary>
    /// To be called by the interrupt handler, or before sleeping where interrupts only wake: silences the line.
    /// </summary>
    public readonly uint TakeInterrupt() => transport.TakeInterrupt();
}
