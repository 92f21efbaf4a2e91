using System;
using Domain.Linux;

namespace Domain.Devices;

/// <summary>
/// The network device (virtio 1.2, 5.1): queue 0 receives, queue 1 transmits. Frames are not copied on the way.
/// </summary>
internal sealed unsafe partial class VirtioNet : VirtioDevice
{
    private const ulong VirtioNetFCsum = 1UL << 0, VirtioNetFGuestCsum = 1UL << 1, VirtioNetFMac = 1UL << 5,
        VirtioNetFGuestTso4 = 1UL << 7,
        VirtioNetFHostTso4 = 1UL << 11, VirtioNetFMrgRxbuf = 1UL << 15, VirtioNetFStatus = 1UL << 16;

    private const int ReceiveQueue = 0, TransmitQueue = 1;
    private const ushort QueueSize = 256;
    private const int MinFrame = 14, MaxPlainFrame = 1514, MaxFrame = 65535 + 14;

    // A guest that sends without end must not keep the CPU thread from its timer.
    private const int FramesAtOnce = 64;

    private readonly IFrameChannel? channel;
    private readonly byte[] mac;

    // One header of our own, then everything that a chain may have.
    private readonly PinnedArray<IoVector> vectorArray = new(DescriptorChain.MaxPieces + 1);
    private readonly PinnedArray<NetHeader> headerArray = new(1);
    private bool transmitBlocked;

    public NetMetrics Metrics;

    public VirtioNet(DmaMemory memory, IFrameChannel? channel, ReadOnlySpan<byte> mac) : base(memory, 2, QueueSize)
    {
        this.channel = channel;
        this.mac = mac.ToArray();
    }

    public override VirtioDeviceKind Kind => VirtioDeviceKind.Network;

    public override string Name => "net";

    public override ulong Features => VirtioNetFMac | VirtioNetFStatus | VirtioNetFMrgRxbuf
        | (channel is { Offload: true }
            ? VirtioNetFCsum | VirtioNetFGuestCsum | VirtioNetFGuestTso4 | VirtioNetFHostTso4 : 0);

    private IoVector* Vectors => vectorArray.Start;

    private NetHeader* Header => headerArray.Start;

    /// <summary>The other side of the descriptor is gone.</summary>
    public bool Gone { get; private set; }

    /// <summary>A frame waits for room in the descriptor: poll it for writing.</summary>
    public bool WantsOutput => Running && transmitBlocked;

    public override string Summary =>
        $"net: sent {Metrics.SentFrames} frames {Metrics.SentBytes} bytes, "
        + $"received {Metrics.ReceivedFrames} frames {Metrics.ReceivedBytes} bytes, "
        + $"bad {Metrics.BadFromGuest}, lost {Metrics.SendLost} out {Metrics.ReceiveLost} in, "
        + $"finished {Metrics.Checksummed} checksums {Metrics.Segmented} segments, failures {Failures}";

    public override byte ReadConfiguration(ulong offset) => offset switch
    {
        < 6 => mac[offset],
        6 => channel is null ? (byte)0 : (byte)1,   // VIRTIO_NET_S_LINK_UP
        _ => 0,
    };

    public override void Start() => Receive();

    public override void Forget(int queue)
    {
        base.Forget(queue);
        if (queue == TransmitQueue)
            transmitBlocked = false;
        else
            ForgetPosted();
    }

    public override void Notify(int queue)
    {
        if (queue == TransmitQueue)
            Transmit();
        else
            Receive();
    }

    /// <summary>The descriptor may have frames or room.</summary>
    public void Service()
    {
        if (!Running)
            return;
        if (transmitBlocked)
            Transmit();
        Receive();
    }

    private void Transmit()
    {
        transmitBlocked = false;
        ServeQueue(TransmitQueue);
    }

    protected override Served Serve(DescriptorChain request, out uint written)
    {
        written = 0;
        if (request.WritableCount != 0)
            return Served.Wrong;
        transmitBlocked = !Send(request);
        return transmitBlocked ? Served.Later : Served.Done;
    }

    /// <summary>Sends the frame in a chain; false when it must be tried again.</summary>
    private bool Send(DescriptorChain chain)
    {
        ulong frameLength = chain.ReadableBytes - NetHeader.GuestBytes;
        if (chain.ReadableBytes < NetHeader.GuestBytes + MinFrame || frameLength > MaxFrame)
        {
            Metrics.BadFromGuest++;
            return true;
        }
        byte* guestHeader = stackalloc byte[NetHeader.GuestBytes];
        int count;
        fixed (IoVector* pieces = chain.Pieces)
        {
            Gather(pieces, guestHeader, NetHeader.GuestBytes);
            count = Skip(pieces, chain.ReadableCount, NetHeader.GuestBytes, Vectors + 1);
        }
        *Header = *(NetHeader*)guestHeader;
        if (!Header->IsSound((int)frameLength) || !Permitted(*Header)
            || (!Header->IsGso && frameLength > MaxPlainFrame))
        {
            Metrics.BadFromGuest++;
            return true;
        }
        if (channel is null)
            return true;
        bool withHeader = channel.Offload;
        Vectors[0] = new IoVector(Header, NetHeader.Bytes);
        int sent = withHeader ? channel.Send(Vectors, count + 1) : channel.Send(Vectors + 1, count);
        if (sent == FrameResult.Later)
            return false;
        if (sent > 0)
        {
            Metrics.SentFrames++;
            Metrics.SentBytes += frameLength;
        }
        else
        {
            Metrics.SendLost++;
            Gone |= sent == FrameResult.Gone;
        }
        return true;
    }

    private bool Permitted(in NetHeader asked) =>
        (!asked.IsGso || Has(VirtioNetFHostTso4))
            && ((asked.Flags & NetHeader.VirtioNetHdrFNeedsCsum) == 0 || Has(VirtioNetFCsum));

    /// <summary>Copies the first <paramref name="count"/> bytes of the pieces, which have at least that many.</summary>
    private static void Gather(IoVector* pieces, byte* into, ulong count)
    {
        for (; count > 0; pieces++)
        {
            ulong part = Math.Min(count, pieces->Length);
            // SAFETY: the piece was translated for its whole length; the destination holds count bytes.
            Buffer.MemoryCopy(pieces->Start, into, (long)count, (long)part);
            into += part;
            count -= part;
        }
    }

    /// <summary>
    /// The pieces without their first <paramref name="skip"/> bytes; returns how many pieces are left.
    /// </summary>
    private static int Skip(IoVector* pieces, int count, ulong skip, IoVector* into)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            ulong part = Math.Min(skip, pieces[i].Length);
            skip -= part;
            if (part < pieces[i].Length)
                into[kept++] = new IoVector((byte*)pieces[i].Start + part, pieces[i].Length - part);
        }
        return kept;
    }
}
