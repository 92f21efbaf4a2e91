using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using Xunit;

namespace Netstack.Tests;

/// <summary>
/// Random and mutated frames in every state of a connection: nothing outside the stack is touched, its tables stay whole, and it still serves.
/// </summary>
public sealed unsafe class HostileTests
{
    private const uint A = 0x0a000001, B = 0x0a000002;

    [Theory]
    [MemberData(nameof(Seeds.All), MemberType = typeof(Seeds))]
    public void MutatedSegmentsInEveryState(int seed)
    {
        Random random = new(seed);
        using TwoHosts pair = new(new FaultRates(Loss: 0.01), seed, A, B, c =>
        {
            c.Connections = 8;
            c.ReceiveBuffer = 8192;
            c.SendBuffer = 8192;
            c.TimeWaitMilliseconds = 100;
            return seed % 2 == 0 ? Host.WithRings(c) : c;
        });
        List<byte[]> seen = [];
        pair.Inspect = (_, frame) =>
        {
            if (seen.Count < 64)
                seen.Add(frame);
            else
                seen[random.Next(64)] = frame;
            return true;
        };
        int listener = pair.B.Stack->Listen(0, 80, 4);
        List<int> atA = [], atB = [];
        byte[] buffer = new byte[4096];
        for (int step = 0; step < 6000; step++)
        {
            switch (random.Next(12))
            {
                case 0:
                    Keep(atA, pair.A.Stack->Connect(B, 80, 0, 0, pair.Now));
                    break;
                case 1:
                    Keep(atB, pair.B.Stack->Accept(listener));
                    break;
                case 2:
                case 3:
                    (Host host, int socket) = Pick();
                    host.Stack->Send(socket, buffer.AsSpan(0, random.Next(4096)), pair.Now);
                    break;
                case 4:
                case 5:
                    (host, socket) = Pick();
                    host.Stack->Receive(socket, buffer, pair.Now);
                    break;
                case 6:
                    (host, socket) = Pick();
                    host.Stack->Shutdown(socket, pair.Now);
                    break;
                case 7:
                    (host, socket) = Pick();
                    if (random.Next(2) == 0)
                        host.Stack->Close(socket, pair.Now);
                    else
                        host.Stack->Abort(socket, pair.Now);
                    (host == pair.A ? atA : atB).Remove(socket);
                    break;
                default:
                    Attack(random, pair, seen);
                    break;
            }
            pair.Pass(random.Next(20) == 0 ? 0.3 : 0.0003);
            if (step % 50 == 0)
            {
                CheckTables(pair.A.Stack);
                CheckTables(pair.B.Stack);
            }
        }
        // It still serves: a clean connection on the same tables.
        pair.Inspect = null;
        foreach (int socket in atA)
            pair.A.Stack->Abort(socket, pair.Now);
        foreach (int socket in atB)
            pair.B.Stack->Abort(socket, pair.Now);
        int left;
        while ((left = pair.B.Stack->Accept(listener)) >= 0)
            pair.B.Stack->Abort(left, pair.Now);
        pair.Pass(400);
        pair.B.Stack->Close(listener, pair.Now);
        pair.RunStreams(100_000, 100_000);
        pair.Pass(400);
        CheckTables(pair.A.Stack);
        Assert.Equal(pair.A.Stack->ChunkCount, FreeChunks(pair.A.Stack));

        (Host, int) Pick()
        {
            List<int> list = random.Next(2) == 0 ? atA : atB;
            return (list == atA ? pair.A : pair.B, list.Count == 0 ? random.Next() : list[random.Next(list.Count)]);
        }
    }

    private static void Keep(List<int> list, int socket)
    {
        if (socket >= 0)
            list.Add(socket);
    }

    private static void Attack(Random random, TwoHosts pair, List<byte[]> seen)
    {
        if (seen.Count == 0)
            return;
        byte[] frame = (byte[])seen[random.Next(seen.Count)].Clone();
        int edits = random.Next(4);
        for (int i = 0; i < edits; i++)
        {
            switch (random.Next(5))
            {
                case 0:
                    frame[random.Next(frame.Length)] = (byte)random.Next(256);
                    break;
                case 1 when frame.Length > 54:
                    // Sequence or acknowledgement, near or far.
                    int field = random.Next(2) == 0 ? 38 : 42;
                    uint value = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(field));
                    value += (uint)(random.Next(3) switch { 0 => random.Next(-3, 4), 1 => random.Next(-70000, 70000), _ => random.Next() * 2 });
                    System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(field), value);
                    break;
                case 2 when frame.Length > 54:
                    frame[47] = (byte)random.Next(64);
                    break;
                case 3:
                    Array.Resize(ref frame, random.Next(frame.Length + 1));
                    break;
                case 4 when frame.Length > 66:
                    random.NextBytes(frame.AsSpan(54, 12));
                    break;
            }
            if (frame.Length == 0)
                return;
        }
        // Most with right sums, as a real attacker would.
        FrameFlags flags = random.Next(8) == 0 ? FrameFlags.None : FrameFlags.ChecksumValid;
        if (frame.Length >= 34 && frame[12] == 8 && frame[13] == 0 && flags != FrameFlags.None)
        {
            frame[24] = frame[25] = 0;
            fixed (byte* at = frame)
                Unsafe.WriteUnaligned(at + 24, (ushort)~Checksum.Sum(at + 14, 20));
        }
        // The copy lies at the end of its allocation in odd pieces.
        int split = random.Next(3) == 0 && frame.Length > 100 ? 100 : frame.Length;
        fixed (byte* at = frame)
        {
            FramePiece* pieces = stackalloc FramePiece[2];
            pieces[0].Address = at;
            pieces[0].Length = split;
            pieces[1].Address = at + split;
            pieces[1].Length = frame.Length - split;
            Stack* stack = frame.Length > 5 && frame[5] == 1 ? pair.A.Stack : pair.B.Stack;
            stack->ReceiveFrame(pieces, split == frame.Length ? 1 : 2, flags, pair.Now);
        }
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public void RandomFrames(int seed)
    {
        Random random = new(seed);
        using Host host = new(A);
        host.Stack->Listen(0, 80, 4);
        host.OnTransmit = _ => { };
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame = new byte[random.Next(1, 120)];
            random.NextBytes(frame);
            if (frame.Length > 34 && random.Next(10) != 0)
            {
                new byte[] { 2, 0x45, 10, 0, 0, 1 }.CopyTo(frame, 0);
                frame[12] = 8;
                frame[13] = (byte)(random.Next(4) == 0 ? 6 : 0);
                frame[14] = (byte)(0x40 | random.Next(5, 8));
                frame[16] = 0;
                frame[17] = (byte)(frame.Length - 14);
                frame[20] &= 0x40;
                frame[21] = 0;
                frame[23] = (byte)(random.Next(3) switch { 0 => 1, 1 => 6, _ => 17 });
                new byte[] { 10, 0, 0, 1 }.CopyTo(frame, 30);
                frame[24] = frame[25] = 0;
                if (frame.Length > 14 + (frame[14] & 15) * 4)
                {
                    fixed (byte* at = frame)
                        Unsafe.WriteUnaligned(at + 24, (ushort)~Checksum.Sum(at + 14, (frame[14] & 15) * 4));
                }
            }
            host.Receive(frame, (ulong)i * 10000 + 1, random.Next(2) == 0 ? FrameFlags.ChecksumValid : FrameFlags.None);
            if (i % 100 == 0)
                host.Stack->Poll((ulong)i * 10000 + 1);
        }
        CheckTables(host.Stack);
        Assert.True(host.Stack->Counters.SegmentsReceived > 1000);
    }

    /// <summary>The invariants of all tables.</summary>
    internal static void CheckTables(Stack* stack)
    {
        int free = 0;
        for (short i = stack->FreeConnection; i >= 0; i = stack->Connections[i].QueueNext)
        {
            Assert.False(stack->Connections[i].InUse);
            free++;
        }
        int used = 0, chunks = 0;
        for (int i = 0; i < stack->ConnectionsMade; i++)
        {
            Connection* c = stack->Connections + i;
            if (!c->InUse)
                continue;
            Assert.True(i < stack->ConnectionTop);
            used++;
            Connection* found = Tcp.Find(stack, c->LocalAddress, c->LocalPort, c->RemoteAddress, c->RemotePort);
            Assert.True(c->State == TcpState.Closed ? found != c : found == c);
            Assert.InRange(c->Readable, 0, (int)c->ReceiveRingMask + 1);
            Assert.InRange(c->SendRingCount, 0, (int)c->SendRingMask + 1);
            Assert.InRange((int)(c->ReceiveEdge - c->ReceiveNext), 0, (int)c->ReceiveRingMask + 1);
            int queued = 0, inRing = 0;
            for (int k = c->ChunkHead; k >= 0; k = stack->Chunks[k].Next)
            {
                Assert.True(stack->Chunks[k].Length > 0);
                queued += stack->Chunks[k].Length;
                inRing += stack->Chunks[k].IsPage ? 0 : stack->Chunks[k].Length;
                chunks++;
            }
            Assert.Equal((uint)queued, c->QueueEnd - c->QueueStart);
            Assert.Equal(inRing, c->SendRingCount);
            Assert.False(Tcp.Before(c->SendMaximum, c->SendNext) || Tcp.Before(c->SendNext, c->SendUnacknowledged));
            Assert.InRange((int)(c->SendMaximum - c->InitialSend), 0, int.MaxValue);
            CheckRanges(c->OutOfOrderEdges, c->OutOfOrderCount, c->ReceiveNext, c->ReceiveEdge);
            CheckSent(c);
        }
        Assert.Equal(stack->ConnectionsMade, free + used);
        free += stack->ConnectionCount - stack->ConnectionsMade;
        Assert.Equal(free, stack->FreeConnections);
        Assert.Equal(stack->ChunkCount, FreeChunks(stack) + chunks);
        Assert.Equal(stack->FreeChunks, FreeChunks(stack));
        int allHalfOpen = 0;
        for (int i = 0; i < stack->ListenerCount; i++)
        {
            if (!stack->Listeners[i].InUse)
                continue;
            int halfOpen = 0, queued = 0;
            for (int k = 0; k < stack->ConnectionsMade; k++)
            {
                Connection* c = stack->Connections + k;
                if (c->InUse && c->Listener == i)
                    _ = c->Queued ? queued++ : halfOpen++;
            }
            CheckList(stack, stack->Listeners[i].HalfOpen, halfOpen);
            CheckList(stack, stack->Listeners[i].Queue, queued);
            allHalfOpen += halfOpen;
        }
        Assert.Equal(allHalfOpen, stack->HalfOpen);
        int waiting = 0, orphans = 0;
        for (int k = 0; k < stack->ConnectionsMade; k++)
        {
            Connection* c = stack->Connections + k;
            waiting += c->InUse && c->State == TcpState.TimeWait ? 1 : 0;
            bool orphan = c->InUse && !c->Owned && c->Listener < 0 && c->State != TcpState.TimeWait;
            Assert.Equal(orphan, c->InUse && c->Orphan);
            orphans += orphan ? 1 : 0;
        }
        CheckList(stack, stack->TimeWaiting, waiting);
        CheckList(stack, stack->Orphans, orphans);
    }

    private static void CheckList(Stack* stack, ConnectionList list, int expected)
    {
        Assert.Equal(expected, list.Count);
        int count = 0;
        short previous = -1;
        for (Connection* c = list.First(stack); c != null; c = ConnectionList.Next(stack, c))
        {
            Assert.Equal(previous, c->QueuePrevious);
            previous = c->Index;
            count++;
        }
        Assert.Equal(expected, count);
    }

    private static int FreeChunks(Stack* stack)
    {
        int free = 0;
        for (int k = stack->FreeChunk; k >= 0; k = stack->Chunks[k].Next)
            free++;
        return free;
    }

    /// <summary>What is on its way lies in order without gaps, and the sums are those of the ranges.</summary>
    internal static void CheckSent(Connection* c)
    {
        Assert.InRange(c->SentCount, 0, TcpScoreboard.MaxRanges);
        uint at = c->SendUnacknowledged, sacked = 0, lost = 0;
        for (int i = 0; i < c->SentCount; i++)
        {
            SentRange* range = TcpScoreboard.At(c, i);
            Assert.True(Tcp.After(range->End, at), "a range is empty");
            Assert.NotEqual(SentMarks.Sacked | SentMarks.Lost, range->Marks & (SentMarks.Sacked | SentMarks.Lost));
            sacked += (range->Marks & SentMarks.Sacked) != 0 ? range->End - at : 0;
            lost += (range->Marks & SentMarks.Lost) != 0 ? range->End - at : 0;
            at = range->End;
        }
        Assert.Equal((sacked, lost), (c->SackedBytes, c->LostBytes));
        if (Tcp.CanTransmitData(c->State))
            Assert.Equal(c->SendMaximum, at);
    }

    private static void CheckRanges(uint* edges, int count, uint low, uint high)
    {
        for (int i = 0; i < count; i++)
        {
            Assert.True(Tcp.After(edges[i * 2], low), "a range begins where it should have been taken");
            Assert.True(Tcp.Before(edges[i * 2], edges[i * 2 + 1]), "a range is empty");
            Assert.False(Tcp.After(edges[i * 2 + 1], high), "a range lies beyond the window");
            low = edges[i * 2 + 1];
        }
    }
}
