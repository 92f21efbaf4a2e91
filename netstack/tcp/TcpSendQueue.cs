using System;

namespace Netstack;

/// <summary>
/// What the user has sent and the peer has not acknowledged: a list of chunks, each a run of the connection's ring or
/// of a page frame. Bytes of page frames are found only when a segment is gathered.
/// </summary>
internal static unsafe class TcpSendQueue
{
    internal static int Free(Connection* c) => (int)c->SendRingMask + 1 - c->SendRingCount;

    /// <summary>Copies as many bytes as fit; 0 when none do.</summary>
    internal static int Append(Stack* stack, Connection* c, ReadOnlySpan<byte> bytes, ulong now)
    {
        int length = Free(c);
        if (length > bytes.Length)
            length = bytes.Length;
        if (length == 0 || !Rings.HasSend(stack, c, now))
            return 0;
        SendChunk* tail = c->ChunkTail >= 0 ? stack->Chunks + c->ChunkTail : null;
        if (tail == null || tail->IsPage)
        {
            tail = Add(stack, c);
            if (tail == null)
                return 0;
            // An empty ring begins anew, so that short exchanges dirty one page only.
            if (c->SendRingCount == 0)
                c->SendRingHead = 0;
            tail->IsPage = false;
            tail->Offset = (c->SendRingHead + (uint)c->SendRingCount) & c->SendRingMask;
        }
        uint at = (c->SendRingHead + (uint)c->SendRingCount) & c->SendRingMask;
        int first = (int)(c->SendRingMask + 1 - at);
        if (first > length)
            first = length;
        // SAFETY: length bytes from at on (wrapping) are free in the ring.
        bytes.Slice(0, first).CopyTo(new Span<byte>(c->SendRing + at, first));
        bytes.Slice(first, length - first).CopyTo(new Span<byte>(c->SendRing, length - first));
        tail->Length += length;
        c->SendRingCount += length;
        c->QueueEnd += (uint)length;
        return length;
    }

    /// <summary>False when there is no chunk left or the connection has its share of pages.</summary>
    internal static bool AppendPage(Stack* stack, Connection* c, ulong reference, uint offset, int length)
    {
        if (c->PageBytes > 0 && c->PageBytes + length > stack->MaxPageBytes)
            return false;
        SendChunk* chunk = Add(stack, c);
        if (chunk == null)
            return false;
        chunk->IsPage = true;
        chunk->Reference = reference;
        chunk->Offset = offset;
        chunk->Length = length;
        c->PageBytes += length;
        c->QueueEnd += (uint)length;
        return true;
    }

    /// <summary>
    /// A new chunk at the tail. The last ones are kept for connections that have none, so that pages of some
    /// connections cannot stop the others.
    /// </summary>
    private static SendChunk* Add(Stack* stack, Connection* c)
    {
        if (stack->FreeChunks == 0 || (c->ChunkHead >= 0 && stack->FreeChunks <= stack->ConnectionCount))
            return null;
        int index = stack->FreeChunk;
        SendChunk* chunk = stack->Chunks + index;
        stack->FreeChunk = chunk->Next;
        stack->FreeChunks--;
        *chunk = default;
        chunk->Next = -1;
        if (c->ChunkTail >= 0)
            stack->Chunks[c->ChunkTail].Next = index;
        else
            c->ChunkHead = index;
        c->ChunkTail = index;
        return chunk;
    }

    /// <summary>Room for one more chunk, for readiness.</summary>
    internal static bool HasChunk(Stack* stack, Connection* c) =>
        c->ChunkHead < 0 ? stack->FreeChunks > 0 : !stack->Chunks[c->ChunkTail].IsPage
            || stack->FreeChunks > stack->ConnectionCount;

    /// <summary>Takes acknowledged bytes off the front, and gives finished page frames back.</summary>
    internal static void Acknowledge(Stack* stack, Connection* c, uint bytes)
    {
        c->QueueStart += bytes;
        while (bytes > 0)
        {
            SendChunk* chunk = stack->Chunks + c->ChunkHead;
            uint part = (uint)chunk->Length;
            if (part > bytes)
                part = bytes;
            bytes -= part;
            chunk->Length -= (int)part;
            if (chunk->IsPage)
            {
                chunk->Offset += part;
                c->PageBytes -= (int)part;
            }
            else
            {
                chunk->Offset = (chunk->Offset + part) & c->SendRingMask;
                c->SendRingHead = chunk->Offset;
                c->SendRingCount -= (int)part;
            }
            if (chunk->Length == 0)
                RemoveHead(stack, c);
        }
        if (c->SendRingCount == 0)
            Rings.GiveSend(stack, c);
        // The cursor may point at what is gone, or at a head that has become shorter.
        if (Tcp.Before(c->ChunkCursorSequence, c->QueueStart))
            c->ChunkCursor = -1;
    }

    internal static void Clear(Stack* stack, Connection* c)
    {
        while (c->ChunkHead >= 0)
            RemoveHead(stack, c);
        c->SendRingCount = 0;
        Rings.ReturnLent(stack, c);
        Rings.GiveSend(stack, c);
        c->PageBytes = 0;
        c->QueueStart = c->QueueEnd;
    }

    private static void RemoveHead(Stack* stack, Connection* c)
    {
        int index = c->ChunkHead;
        SendChunk* chunk = stack->Chunks + index;
        if (c->ChunkCursor == index)
            c->ChunkCursor = -1;
        c->ChunkHead = chunk->Next;
        if (c->ChunkHead < 0)
            c->ChunkTail = -1;
        bool isPage = chunk->IsPage;
        ulong reference = chunk->Reference;
        chunk->Next = stack->FreeChunk;
        stack->FreeChunk = index;
        stack->FreeChunks++;
        if (isPage && stack->Link.ReleaseFrame != null)
            stack->Link.ReleaseFrame(stack->Link.Context, reference);
    }

    /// <summary>
    /// Describes queued bytes from <paramref name="sequence"/> on as pieces: as many as fit, at most
    /// <paramref name="length"/> bytes. Returns how many bytes they hold.
    /// </summary>
    internal static int Gather(Stack* stack, Connection* c, uint sequence, int length, FramePiece* pieces,
        out int count)
    {
        count = 0;
        int most = stack->Link.MaxPieces;
        int index = c->ChunkCursor;
        uint at = c->ChunkCursorSequence;
        if (index < 0 || Tcp.Before(sequence, at))
        {
            index = c->ChunkHead;
            at = c->QueueStart;
        }
        while (index >= 0 && sequence - at >= (uint)stack->Chunks[index].Length)
        {
            at += (uint)stack->Chunks[index].Length;
            index = stack->Chunks[index].Next;
        }
        int gathered = 0;
        while (index >= 0 && gathered < length && count < most)
        {
            SendChunk* chunk = stack->Chunks + index;
            uint skip = sequence + (uint)gathered - at;
            int part = chunk->Length - (int)skip;
            if (part > length - gathered)
                part = length - gathered;
            // SAFETY: chunks describe bytes of the ring that are in use, or of a page frame that the owner holds for
            // us.
            if (chunk->IsPage)
            {
                pieces[count].Address = stack->Link.ResolveFrame(stack->Link.Context, chunk->Reference)
                    + chunk->Offset + skip;
                pieces[count].Length = part;
                count++;
            }
            else
            {
                uint offset = (chunk->Offset + skip) & c->SendRingMask;
                int straight = (int)(c->SendRingMask + 1 - offset);
                if (straight >= part)
                {
                    pieces[count].Address = c->SendRing + offset;
                    pieces[count].Length = part;
                    count++;
                }
                else
                {
                    pieces[count].Address = c->SendRing + offset;
                    pieces[count].Length = straight;
                    count++;
                    if (count == most)
                    {
                        gathered += straight;
                        break;
                    }
                    pieces[count].Address = c->SendRing;
                    pieces[count].Length = part - straight;
                    count++;
                }
            }
            gathered += part;
            if (gathered < length)
            {
                at += (uint)chunk->Length;
                index = chunk->Next;
            }
        }
        c->ChunkCursor = index;
        c->ChunkCursorSequence = at;
        return gathered;
    }
}
