using System;
using System.Runtime.CompilerServices;
using Domain.Linux;

namespace Domain.Devices;

/// <summary>Frames for the guest.</summary>
/// <remarks>
/// The usual way has no copy: one recvmsg scatters the frame over the buffers the guest has offered. When the guest
/// does not take unfinished frames, or has less room than the largest frame needs, the frame is <em>held</em> here,
/// finished in software, and copied as buffers appear.
/// </remarks>
internal sealed unsafe partial class VirtioNet
{
    private struct Posted
    {
        public ushort Head;
        public int Pieces;
        public ulong Bytes;
    }

    private const int MaxPosted = QueueSize;

    // Buffers taken from the queue and not yet used, oldest first; their pieces lie in the same order.
    private readonly Posted[] posted = new Posted[MaxPosted];
    private readonly PinnedArray<IoVector> postedArray = new(DescriptorChain.MaxPieces);
    private int postedCount, postedPieceCount;
    private ulong postedBytes;
    private bool outOfPieces;        // the next buffer in the queue has more pieces than there is place for
    private readonly DescriptorChain buffer = new();

    private readonly PinnedArray<byte> heldArray = new(MaxFrame);
    private readonly PinnedArray<byte> segmentArray = new(MaxFrame);
    private NetHeader heldHeader;
    private int heldLength;          // 0: none
    private int heldOffset, heldSegment;
    private SoftwareOffload.TcpLayout heldLayout;

    private IoVector* PostedPieces => postedArray.Start;

    private byte* Held => heldArray.Start;

    private byte* Segment => segmentArray.Start;

    /// <summary>The guest has room: poll the descriptor for frames.</summary>
    public bool WantsInput => Running && heldLength == 0 && (postedCount > 0 || Queues[ReceiveQueue].HasAvailable);

    private bool Mergeable => Has(VirtioNetFMrgRxbuf);

    private ulong MaxPossible =>
        NetHeader.GuestBytes + (ulong)(channel is { Offload: true } ? MaxFrame : MaxPlainFrame);

    private void Receive()
    {
        if (channel is null || !Running)
            return;
        var queue = Queues[ReceiveQueue];
        bool starved = ReceiveUntilStarved();
        // Notifications of new buffers are needed only when the queue has run out of them; otherwise they are found at
        // the next frame.
        queue.WantNotification(starved);
        // A frame that is held stops the descriptor from being polled.
        if (heldLength > 0 && !starved)
            Postpone(ReceiveQueue);
        Finish(queue);
    }

    /// <summary>Moves frames to the guest. True when it stopped because the guest has no buffers left.</summary>
    private bool ReceiveUntilStarved()
    {
        for (int i = 0; i < FramesAtOnce; i++)
        {
            if (!Post())
            {
                Fail();
                return false;
            }
            if (heldLength > 0)
            {
                if (!DeliverHeld())
                    return true;
                continue;
            }
            if (postedCount == 0)
                return true;
            int got = TakesAnyFrame ? ReceiveInPlace() : ReceiveHeld();
            if (got == FrameResult.Lost)
                Metrics.ReceiveLost++;
            Gone |= got == FrameResult.Gone;
            if (got is FrameResult.Later or FrameResult.Gone)
                return false;
        }
        return false;
    }

    /// <summary>Whether any frame that may come can be received straight into what is posted.</summary>
    private bool TakesAnyFrame
    {
        get
        {
            bool finished = !channel!.Offload || (Has(VirtioNetFGuestCsum) && Has(VirtioNetFGuestTso4));
            return finished && (Mergeable ? postedBytes : posted[0].Bytes) >= MaxPossible;
        }
    }

    /// <summary>
    /// Takes buffers from the queue until the largest frame fits. False when the driver broke the rules.
    /// </summary>
    private bool Post()
    {
        var queue = Queues[ReceiveQueue];
        outOfPieces = false;
        while (postedCount < MaxPosted && (Mergeable ? postedBytes < MaxPossible : postedCount == 0))
        {
            ushort before = queue.Position;
            if (!queue.TryTake(buffer))
                return !queue.Broken;
            // 5.1.6.3.1: device-writable only, and never smaller than the header. The last piece slot is for our own
            // header.
            if (buffer.ReadableCount != 0 || buffer.WritableBytes < NetHeader.GuestBytes)
                return false;
            if (postedPieceCount + buffer.Count > DescriptorChain.MaxPieces - 1)
            {
                queue.Rewind(before);
                outOfPieces = true;
                return postedCount > 0;
            }
            buffer.Pieces.AsSpan(0, buffer.Count)
                .CopyTo(new Span<IoVector>(PostedPieces + postedPieceCount, buffer.Count));
            posted[postedCount++] =
                new Posted { Head = buffer.Head, Pieces = buffer.Count, Bytes = buffer.WritableBytes };
            postedPieceCount += buffer.Count;
            postedBytes += buffer.WritableBytes;
        }
        return true;
    }

    private void ForgetPosted()
    {
        postedCount = postedPieceCount = 0;
        postedBytes = 0;
        heldLength = 0;
    }

    private int ReceiveInPlace()
    {
        *Header = default;
        Vectors[0] = new IoVector(Header, NetHeader.Bytes);
        int pieces = Skip(PostedPieces, Mergeable ? postedPieceCount : posted[0].Pieces, NetHeader.GuestBytes,
            Vectors + 1);
        int got = channel!.Offload ? channel.Receive(Vectors, pieces + 1) : channel.Receive(Vectors + 1, pieces);
        if (got <= 0)
            return got;
        int length = channel.Offload ? got - NetHeader.Bytes : got;
        if (length < MinFrame || !Header->IsSound(length))
            return FrameResult.Lost;
        Header->GsoType &= 0xff & ~NetHeader.VirtioNetHdrGsoEcn;
        Complete(*Header, length);
        return got;
    }

    private int ReceiveHeld()
    {
        *Header = default;
        Vectors[0] = new IoVector(Header, NetHeader.Bytes);
        Vectors[1] = new IoVector(Held, MaxFrame);
        int got = channel!.Offload ? channel.Receive(Vectors, 2) : channel.Receive(Vectors + 1, 1);
        if (got <= 0)
            return got;
        int length = channel.Offload ? got - NetHeader.Bytes : got;
        if (length < MinFrame || !Header->IsSound(length))
            return FrameResult.Lost;
        heldHeader = *Header;
        heldHeader.GsoType &= 0xff & ~NetHeader.VirtioNetHdrGsoEcn;
        heldOffset = heldSegment = 0;
        heldLayout = default;
        if (heldHeader.IsGso)
        {
            heldLayout = SoftwareOffload.Parse(new ReadOnlySpan<byte>(Held, length));
            if (!heldLayout.Valid)
                return FrameResult.Lost;
        }
        heldLength = length;
        return got;
    }

    /// <summary>
    /// Gives the held frame, or as many of its segments as fit, to the guest. False when it needs more buffers first.
    /// </summary>
    private bool DeliverHeld()
    {
        var frame = new Span<byte>(Held, heldLength);
        bool whole = heldOffset == 0
            && (!heldHeader.IsGso || (Has(VirtioNetFGuestCsum) && Has(VirtioNetFGuestTso4) && Fits(heldLength)));
        if (whole)
        {
            if (!Fits(heldLength))
                return !DropIfHopeless();
            if (!Has(VirtioNetFGuestCsum))
            {
                if ((heldHeader.Flags & NetHeader.VirtioNetHdrFNeedsCsum) != 0)
                    Metrics.Checksummed++;
                SoftwareOffload.CompleteChecksum(frame, heldHeader);
                heldHeader = default;
            }
            Scatter(Held, heldLength);
            Complete(heldHeader, heldLength);
            heldLength = 0;
            return true;
        }
        // Segments leave one by one, so a guest with one small buffer still makes progress.
        int size = Math.Min(heldHeader.GsoSize, heldLayout.PayloadLength - heldOffset);
        if (!Fits(heldLayout.PayloadStart + size))
            return !DropIfHopeless();
        int length = SoftwareOffload.BuildSegment(frame, heldLayout, heldOffset, size, heldSegment++,
            new Span<byte>(Segment, MaxFrame));
        Scatter(Segment, length);
        Complete(new NetHeader { Flags = Has(VirtioNetFGuestCsum) ? NetHeader.VirtioNetHdrFDataValid : (byte)0 },
            length);
        Metrics.Segmented++;
        heldOffset += size;
        if (heldOffset >= heldLayout.PayloadLength)
            heldLength = 0;
        return true;
    }

    private bool Fits(int length) =>
        postedCount > 0 && (Mergeable ? postedBytes : posted[0].Bytes) >= (ulong)length + NetHeader.GuestBytes;

    /// <summary>Drops the held frame when no number of further buffers could take it. True: it waits.</summary>
    private bool DropIfHopeless()
    {
        bool full = Mergeable ? postedCount == MaxPosted || outOfPieces : postedCount > 0;
        if (!full)
            return true;
        Metrics.ReceiveLost++;
        heldLength = 0;
        return false;
    }

    private void Scatter(byte* from, int length)
    {
        int pieces = Skip(PostedPieces, Mergeable ? postedPieceCount : posted[0].Pieces, NetHeader.GuestBytes, Vectors);
        for (int i = 0; i < pieces && length > 0; i++)
        {
            int part = (int)Math.Min((ulong)length, Vectors[i].Length);
            // SAFETY: the piece was translated for its whole length; Fits made sure that the pieces hold the frame.
            Unsafe.CopyBlockUnaligned(Vectors[i].Start, from, (uint)part);
            from += part;
            length -= part;
        }
    }

    /// <summary>
    /// A frame of <paramref name="length"/> bytes lies behind the header space of the first buffers: hands them over.
    /// </summary>
    private void Complete(in NetHeader finished, int length)
    {
        ulong left = (ulong)length + NetHeader.GuestBytes;
        int buffers = 0;
        for (ulong covered = 0; covered < left; buffers++)
            covered += posted[buffers].Bytes;

        byte* guestHeader = stackalloc byte[NetHeader.GuestBytes];
        *(NetHeader*)guestHeader = finished;
        *(ushort*)(guestHeader + NetHeader.Bytes) = (ushort)buffers;
        ScatterHeader(guestHeader);

        var queue = Queues[ReceiveQueue];
        int piece = 0;
        for (int i = 0; i < buffers; i++)
        {
            ulong inBuffer = Math.Min(left, posted[i].Bytes);
            left -= inBuffer;
            queue.Return(posted[i].Head, (uint)inBuffer);
            postedBytes -= posted[i].Bytes;
            for (int end = piece + posted[i].Pieces; piece < end; piece++)
            {
                ulong inPiece = Math.Min(inBuffer, PostedPieces[piece].Length);
                inBuffer -= inPiece;
                if (inPiece > 0)
                    Memory.Written(PostedPieces[piece].Start, inPiece);
            }
        }
        postedCount -= buffers;
        postedPieceCount -= piece;
        Array.Copy(posted, buffers, posted, 0, postedCount);
        Buffer.MemoryCopy(PostedPieces + piece, PostedPieces, (long)sizeof(IoVector) * DescriptorChain.MaxPieces,
            (long)sizeof(IoVector) * postedPieceCount);
        Metrics.ReceivedFrames++;
        Metrics.ReceivedBytes += (ulong)length;
    }

    private void ScatterHeader(byte* from)
    {
        int left = NetHeader.GuestBytes;
        for (int i = 0; left > 0; i++)
        {
            int part = (int)Math.Min((ulong)left, PostedPieces[i].Length);
            Unsafe.CopyBlockUnaligned(PostedPieces[i].Start, from, (uint)part);
            from += part;
            left -= part;
        }
    }
}
