using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>Builds single segments: header, options, window, SACK blocks, checksum.</summary>
internal static unsafe partial class TcpOutput
{
    /// <summary>
    /// A segment without data. False when the link is busy or the neighbour unknown; the connection is then pending.
    /// </summary>
    private static bool Emit(Stack* stack, Connection* c, uint sequence, int length, TcpFlags flags, ulong now) =>
        EmitData(stack, c, sequence, ref length, flags, c->SegmentSize, now);

    /// <summary>
    /// A segment with queued bytes from <paramref name="sequence"/> on, or several of <paramref name="size"/> bytes
    /// each as one transmission. <paramref name="length"/> becomes what went: less when the link takes fewer pieces.
    /// </summary>
    [SkipLocalsInit]
    private static bool EmitData(Stack* stack, Connection* c, uint sequence, ref int length, TcpFlags flags, int size,
        ulong now)
    {
        byte* bytes = stackalloc byte[Output.TransportOffset + TcpHeader.MaxLength];
        FramePiece* pieces = stackalloc FramePiece[Link.MaxPiecesOfAnyLink];
        TcpHeader header;
        Unsafe.SkipInit(out header);
        header.SourcePort = c->LocalPort;
        header.DestinationPort = c->RemotePort;
        header.Sequence = sequence;
        header.Acknowledgement = (flags & TcpFlags.Ack) != 0 ? c->ReceiveNext : 0;
        header.Flags = flags;
        header.MaximumSegmentSize = 0;
        header.HasWindowShift = false;
        header.SackPermitted = false;
        header.SackCount = 0;
        uint edge = WindowEdge(c);
        uint window = edge - c->ReceiveNext;
        if ((flags & TcpFlags.Syn) != 0)
        {
            SynOptions(stack, c, ref header, flags);
            // Never scaled (RFC 7323 §2.2).
            header.Window = (ushort)(window < 65535 ? window : 65535);
        }
        else
        {
            window >>= c->ReceiveShift;
            header.Window = (ushort)(window < 65535 ? window : 65535);
            header.HasTimestamps = c->TimestampsEnabled;
            if (SackBlocks(c) > 0)
                FillSack(c, ref header);
        }
        if (header.HasTimestamps)
        {
            header.TimestampValue = Timestamp(c, now);
            header.TimestampEcho = (flags & TcpFlags.Ack) != 0 ? c->TimestampRecent : 0;
        }
        header.Emit(bytes + Output.TransportOffset);

        Transmission frame = default;
        frame.Header = bytes;
        frame.HeaderLength = Output.TransportOffset + header.Length;
        if (length > 0)
        {
            frame.Pieces = pieces;
            int gathered = TcpSendQueue.Gather(stack, c, sequence, length, pieces, out frame.PieceCount);
            if (gathered < length)
            {
                // Too many pieces: whole segments again, if it is more than one.
                if (gathered > size)
                {
                    gathered -= gathered % size;
                    gathered = TcpSendQueue.Gather(stack, c, sequence, gathered, pieces, out frame.PieceCount);
                }
                length = gathered;
                bytes[Output.TransportOffset + 13] &= (byte)~(TcpFlags.Fin | TcpFlags.Psh);
            }
        }
        frame.TotalLength = frame.HeaderLength + length;
        if (length > size)
            frame.SegmentSize = (ushort)size;
        FinishChecksum(stack, c->LocalAddress, c->RemoteAddress, &frame, header.Length + length);

        SendResult result = Output.Send(stack, &frame, c->LocalAddress, c->RemoteAddress, Ipv4.ProtocolTcp,
            ref c->NeighbourHint, hold: false, now);
        if (result == SendResult.Sent)
        {
            stack->Counters.SegmentsSent++;
            if ((flags & TcpFlags.Ack) != 0)
            {
                c->AcknowledgeNow = false;
                c->UnansweredBytes = 0;
                c->AcknowledgeDeadline = 0;
                c->LastAcknowledgementSent = c->ReceiveNext;
                c->TwiceEnd = c->TwiceStart;
                c->ReceiveEdge = edge;
            }
            return true;
        }
        if (result == SendResult.Unresolved)
            stack->Counters.NeighbourUnresolved++;
        c->OutputPending = true;
        stack->OutputPending = true;
        if (c->RetransmitDeadline == 0 && c->State != TcpState.TimeWait)
            TcpTimers.StartRetransmission(stack, c, now);
        return false;
    }

    private static void FinishChecksum(Stack* stack, Address source, Address destination, Transmission* frame,
        int tcpLength)
    {
        byte* at = frame->Header + Output.TransportOffset + TcpHeader.ChecksumOffset;
        uint sum = Checksum.PseudoHeader(source, destination, Ipv4.ProtocolTcp, tcpLength);
        if ((stack->Link.Capabilities & LinkCapabilities.TransmitChecksum) != 0)
        {
            Unsafe.WriteUnaligned(at, (ushort)sum);
            frame->NeedsChecksum = true;
            frame->ChecksumStart = Output.TransportOffset;
            frame->ChecksumOffset = TcpHeader.ChecksumOffset;
            return;
        }
        // Frames to ourselves are marked valid and need no sum.
        if (stack->IsLocal(destination))
            return;
        sum += Checksum.Sum(frame->Header + Output.TransportOffset, frame->HeaderLength - Output.TransportOffset);
        sum += Checksum.Sum(frame->Pieces, frame->PieceCount);
        Unsafe.WriteUnaligned(at, (ushort)~Checksum.Fold(sum));
    }

    private static void SynOptions(Stack* stack, Connection* c, ref TcpHeader header, TcpFlags flags)
    {
        // An answer offers only what the SYN offered.
        bool answer = (flags & TcpFlags.Ack) != 0;
        header.MaximumSegmentSize = (ushort)Tcp.MaxSegment(stack->Link.Mtu, c->RemoteAddress);
        header.HasWindowShift = !answer || c->WindowScaling;
        header.WindowShift = WindowShift(stack->ReceiveBufferSize);
        header.SackPermitted = !answer || c->SackPermitted;
        header.HasTimestamps = !answer || c->TimestampsEnabled;
        header.SackCount = 0;
    }

    /// <summary>So that the whole ring can be offered in 16 bits (RFC 7323 §2.3).</summary>
    internal static byte WindowShift(uint buffer)
    {
        byte shift = 0;
        while (buffer >> shift > 65535)
            shift++;
        return shift;
    }

    /// <summary>
    /// The receive window's new right edge: moved only when the ring has opened by a segment or half of itself.
    /// </summary>
    private static uint WindowEdge(Connection* c)
    {
        uint size = c->ReceiveRingMask + 1;
        uint edge = c->ReceiveNext + (size - (uint)c->Readable);
        uint opened = edge - c->ReceiveEdge;
        uint least = c->SegmentSize < size / 2 ? c->SegmentSize : size / 2;
        return (int)opened >= (int)least ? edge : c->ReceiveEdge;
    }

    private static int SackBlocks(Connection* c)
    {
        int blocks = c->OutOfOrderCount;
        if (c->TwiceStart != c->TwiceEnd)
            blocks++;
        if (blocks == 0 || !c->SackPermitted)
            return 0;
        int most = c->TimestampsEnabled ? 3 : 4;
        return blocks < most ? blocks : most;
    }

    /// <summary>
    /// What came twice (RFC 2883 §4), then the range with the newest segment, then the others (RFC 2018 §4).
    /// </summary>
    private static void FillSack(Connection* c, ref TcpHeader header)
    {
        int most = SackBlocks(c);
        int filled = 0;
        bool isTwice = c->TwiceStart != c->TwiceEnd;
        if (isTwice)
            FillBlock(ref header, ref filled, c->TwiceStart, c->TwiceEnd);
        // Behind a block of data that came twice comes the range that holds it (RFC 2883 §4, case 3).
        uint named = isTwice && !Tcp.Before(c->TwiceStart, c->ReceiveNext) ? c->TwiceStart : c->LastOutOfOrder;
        int newest = -1;
        for (int i = 0; i < c->OutOfOrderCount; i++)
        {
            if (!Tcp.Before(named, c->OutOfOrderEdges[i * 2]) && Tcp.Before(named, c->OutOfOrderEdges[i * 2 + 1]))
                newest = i;
        }
        if (newest >= 0 && filled < most)
            FillBlock(ref header, ref filled, c->OutOfOrderEdges[newest * 2], c->OutOfOrderEdges[newest * 2 + 1]);
        for (int i = 0; i < c->OutOfOrderCount && filled < most; i++)
        {
            if (i != newest)
                FillBlock(ref header, ref filled, c->OutOfOrderEdges[i * 2], c->OutOfOrderEdges[i * 2 + 1]);
        }
        header.SackCount = filled;
    }

    private static void FillBlock(ref TcpHeader header, ref int filled, uint start, uint end)
    {
        header.SackEdges[filled * 2] = start;
        header.SackEdges[filled * 2 + 1] = end;
        filled++;
    }

    /// <summary>The answer to a SYN that is not kept: what a half-open connection would have sent.</summary>
    internal static void SendCookie(Stack* stack, in IpHeader ip, in TcpHeader syn, uint cookie, ulong now)
    {
        byte* bytes = stackalloc byte[Output.TransportOffset + TcpHeader.MaxLength];
        TcpHeader header = default;
        header.SourcePort = syn.DestinationPort;
        header.DestinationPort = syn.SourcePort;
        header.Flags = TcpFlags.Syn | TcpFlags.Ack;
        header.Sequence = cookie;
        header.Acknowledgement = syn.Sequence + 1;
        header.Window = FirstWindow(stack);
        header.MaximumSegmentSize = (ushort)Tcp.MaxSegment(stack->Link.Mtu, ip.Source);
        header.HasWindowShift = syn.HasWindowShift;
        header.WindowShift = WindowShift(stack->ReceiveBufferSize);
        header.SackPermitted = syn.SackPermitted;
        header.HasTimestamps = syn.HasTimestamps;
        header.TimestampEcho = syn.TimestampValue;
        header.TimestampValue = (uint)(now / Tcp.Millisecond)
            + TcpOpen.TimestampOffset(stack, ip.Destination, syn.DestinationPort, ip.Source, syn.SourcePort);
        header.Emit(bytes + Output.TransportOffset);
        SendAlone(stack, ip, bytes, header.Length, now);
    }

    /// <summary>What a SYN offers: windows of SYNs are not scaled (RFC 7323 §2.2).</summary>
    internal static ushort FirstWindow(Stack* stack) =>
        (ushort)(stack->ReceiveBufferSize < 65535 ? stack->ReceiveBufferSize : 65535);

    /// <summary>RST for a segment that belongs to no connection (RFC 9293 §3.5.2).</summary>
    internal static void SendResetFor(Stack* stack, in IpHeader ip, in TcpHeader segment, int payloadLength, ulong now)
    {
        if ((segment.Flags & TcpFlags.Rst) != 0)
            return;
        byte* bytes = stackalloc byte[Output.TransportOffset + TcpHeader.MaxLength];
        TcpHeader header = default;
        header.SourcePort = segment.DestinationPort;
        header.DestinationPort = segment.SourcePort;
        if ((segment.Flags & TcpFlags.Ack) != 0)
        {
            header.Flags = TcpFlags.Rst;
            header.Sequence = segment.Acknowledgement;
        }
        else
        {
            header.Flags = TcpFlags.Rst | TcpFlags.Ack;
            header.Acknowledgement = segment.Sequence + (uint)payloadLength + segment.ControlLength;
        }
        header.Emit(bytes + Output.TransportOffset);
        stack->Counters.ResetsSent++;
        SendAlone(stack, ip, bytes, header.Length, now);
    }

    /// <summary>Answers a packet with a header that belongs to no connection.</summary>
    private static void SendAlone(Stack* stack, in IpHeader ip, byte* bytes, int length, ulong now)
    {
        Transmission frame = default;
        frame.Header = bytes;
        frame.TotalLength = Output.TransportOffset + length;
        frame.HeaderLength = frame.TotalLength;
        FinishChecksum(stack, ip.Destination, ip.Source, &frame, length);
        short hint = -1;
        Output.Send(stack, &frame, ip.Destination, ip.Source, Ipv4.ProtocolTcp, ref hint, hold: false, now);
    }
}
