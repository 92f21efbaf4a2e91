namespace Netstack;

/// <summary>
/// Frames to ourselves: a ring of records (8-byte length, frame) that never wrap; a length of 0 sends the reader to the
/// start. Drained at the end of each entry, so sending never recurses into receiving.
/// </summary>
internal static unsafe class Loopback
{
    /// <summary>
    /// More than this many in one entry wait for the next, so that two ends that always answer cannot hold the caller.
    /// </summary>
    private const int MaxPerDrain = 256;

    private const int RecordHeader = 8;

    /// <summary>So that a sender can always have a few in the ring.</summary>
    internal static int MaxFrame(Stack* stack) => stack->LoopbackSize / 4 < 32768 ? stack->LoopbackSize / 4 : 32768;

    internal static SendResult Send(Stack* stack, Transmission* frame)
    {
        int need = (RecordHeader + frame->TotalLength + 7) & ~7;
        int tail = stack->LoopbackTail;
        int head = stack->LoopbackHead;
        // One byte always stays free: head == tail is empty.
        bool fits;
        if (tail >= head)
        {
            fits = need + RecordHeader <= stack->LoopbackSize - tail;
            if (!fits && need < head)
            {
                *(ulong*)(stack->LoopbackRing + tail) = 0;
                tail = 0;
                fits = true;
            }
        }
        else
        {
            fits = need < head - tail;
        }
        if (!fits)
        {
            stack->Counters.LoopbackFull++;
            return SendResult.Busy;
        }
        // SAFETY: [tail, tail + need) is free and inside the ring; a terminator always fits behind it.
        byte* at = stack->LoopbackRing + tail;
        *(ulong*)at = (uint)frame->TotalLength;
        at += RecordHeader;
        Bytes.Copy(frame->Header, at, frame->HeaderLength);
        at += frame->HeaderLength;
        for (int i = 0; i < frame->PieceCount; i++)
        {
            Bytes.Copy(frame->Pieces[i].Address, at, frame->Pieces[i].Length);
            at += frame->Pieces[i].Length;
        }
        stack->LoopbackTail = tail + need;
        return SendResult.Sent;
    }

    /// <summary>Receives what was sent to ourselves. Called last in every entry.</summary>
    internal static void Drain(Stack* stack, ulong now)
    {
        if (stack->LoopbackHead == stack->LoopbackTail || stack->LoopbackDraining)
            return;
        stack->LoopbackDraining = true;
        for (int i = 0; i < MaxPerDrain && stack->LoopbackHead != stack->LoopbackTail; i++)
        {
            byte* at = stack->LoopbackRing + stack->LoopbackHead;
            int length = (int)*(ulong*)at;
            if (length == 0)
            {
                stack->LoopbackHead = 0;
                continue;
            }
            FramePiece piece;
            piece.Address = at + RecordHeader;
            piece.Length = length;
            Input.Receive(stack, &piece, 1, FrameFlags.ChecksumValid, isLoopback: true, now);
            stack->LoopbackHead += (RecordHeader + length + 7) & ~7;
        }
        if (stack->LoopbackHead == stack->LoopbackTail)
        {
            stack->LoopbackHead = 0;
            stack->LoopbackTail = 0;
        }
        if (stack->OutputPending)
            TcpOutput.RunPending(stack, now);
        stack->LoopbackDraining = false;
        if (stack->LoopbackHead != stack->LoopbackTail)
            stack->Schedule(now);
    }
}
