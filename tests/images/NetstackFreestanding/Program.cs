using System;
using System.Linux;
using System.Runtime;
using Netstack;

namespace NetstackFreestanding;

/// <summary>
/// Echoes small messages and streams pages between two stacks that are wired to each other. Exit code 0 when every byte arrived;
/// with an argument, does it often enough to be timed: "e" echoes a million times, "b" streams 16 GiB with offload.
/// </summary>
internal static unsafe class Program
{
    private const int FrameRoom = 65536 + 128;
    private const int QueueLength = 256;

    /// <summary>Frames on their way to one stack.</summary>
    private struct Queue
    {
        public byte* Frames;
        public int* Lengths;
        public int Head, Count;
    }

    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv, byte** envp)
    {
        byte mode = argc > 1 ? argv[1][0] : (byte)0;
        Queue* toClient = NewQueue(), toServer = NewQueue();
        Stack* client = NewStack(toServer, 0x0a000001);
        Stack* server = NewStack(toClient, 0x0a000002);
        if (client == null || server == null)
            return 2;
        ulong now = 1_000_000_000;
        int listener = server->Listen(0, 7, 4);
        int here = client->Connect(0x0a000002, 7, 0, 0, now);
        if (listener < 0 || here < 0)
            return 3;
        client->SetOption(here, SocketOption.NoDelay, 1, now);
        int there = SocketError.WouldBlock;
        for (int i = 0; i < 20 && there < 0; i++)
        {
            Move(toClient, client, toServer, server, now);
            there = server->Accept(listener);
        }
        if (there < 0)
            return 4;
        server->SetOption(there, SocketOption.NoDelay, 1, now);

        byte* message = stackalloc byte[64];
        int echoes = mode == (byte)'e' ? 1_000_000 : 1000;
        if (mode != (byte)'b')
        {
            for (int i = 0; i < echoes; i++)
            {
                now += 1_000_000;
                for (int j = 0; j < 64; j++)
                    message[j] = (byte)(i + j);
                if (client->Send(here, new ReadOnlySpan<byte>(message, 64), now) != 64)
                    return 5;
                Move(toClient, client, toServer, server, now);
                int got = server->Receive(there, new Span<byte>(message, 64), now);
                if (got != 64 || server->Send(there, new ReadOnlySpan<byte>(message, 64), now) != 64)
                    return 6;
                Move(toClient, client, toServer, server, now);
                if (client->Receive(here, new Span<byte>(message, 64), now) != 64 || message[63] != (byte)(i + 63))
                    return 7;
                if (now >= client->NextDeadline())
                    client->Poll(now);
                if (now >= server->NextDeadline())
                    server->Poll(now);
            }
        }
        if (mode != (byte)'e')
        {
            long pages = mode == (byte)'b' ? 4L << 20 : 4096;
            byte* page = Map(4096);
            byte* arrived = Map(65536);
            for (int i = 0; i < 4096; i++)
                page[i] = (byte)(i * 7);
            long queued = 0, received = 0;
            while (received < pages * 4096)
            {
                now += 100_000;
                while (queued < pages && client->SendPage(here, (ulong)page, 0, 4096, now) == 4096)
                    queued++;
                Move(toClient, client, toServer, server, now);
                int length;
                while ((length = server->Receive(there, new Span<byte>(arrived, 65536), now)) > 0)
                {
                    if (arrived[0] != (byte)((received & 4095) * 7))
                        return 8;
                    received += length;
                }
                if (length != SocketError.WouldBlock)
                    return 9;
                if (now >= client->NextDeadline())
                    client->Poll(now);
                if (now >= server->NextDeadline())
                    server->Poll(now);
            }
        }
        if (client->Close(here, now) != 0)
            return 10;
        Move(toClient, client, toServer, server, now);
        return server->Receive(there, new Span<byte>(message, 64), now) == 0 ? 0 : 11;
    }

    private static void Move(Queue* toClient, Stack* client, Queue* toServer, Stack* server, ulong now)
    {
        while (toClient->Count > 0 || toServer->Count > 0)
        {
            Deliver(toServer, server, now);
            Deliver(toClient, client, now);
        }
    }

    private static void Deliver(Queue* queue, Stack* stack, ulong now)
    {
        for (; queue->Count > 0; queue->Count--)
        {
            int slot = queue->Head++ % QueueLength;
            stack->ReceiveFrame(queue->Frames + slot * FrameRoom, queue->Lengths[slot], FrameFlags.ChecksumValid, now);
        }
        queue->Head = 0;
    }

    private static bool Transmit(void* context, Transmission* frame)
    {
        Queue* queue = (Queue*)context;
        if (queue->Head + queue->Count >= QueueLength)
            return false;
        int slot = queue->Head + queue->Count++;
        byte* at = queue->Frames + slot * FrameRoom;
        new ReadOnlySpan<byte>(frame->Header, frame->HeaderLength).CopyTo(new Span<byte>(at, frame->HeaderLength));
        at += frame->HeaderLength;
        for (int i = 0; i < frame->PieceCount; i++)
        {
            FramePiece* piece = frame->Pieces + i;
            new ReadOnlySpan<byte>(piece->Address, piece->Length).CopyTo(new Span<byte>(at, piece->Length));
            at += piece->Length;
        }
        queue->Lengths[slot] = frame->TotalLength;
        return true;
    }

    private static byte* Resolve(void* context, ulong reference) => (byte*)reference;

    private static Stack* NewStack(Queue* to, uint address)
    {
        StackConfiguration configuration = default;
        configuration.Address = address;
        configuration.MacAddress = 0x024500000000UL | address;
        configuration.PrefixLength = 24;
        configuration.SecretLow = address;
        configuration.Connections = 4;
        configuration.SendChunks = 512;
        configuration.ReceiveBuffer = 1 << 20;
        configuration.Link.Context = to;
        configuration.Link.Transmit = &Transmit;
        configuration.Link.ResolveFrame = &Resolve;
        configuration.Link.Capabilities = LinkCapabilities.TransmitChecksum | LinkCapabilities.Segmentation;
        ulong size = Stack.RequiredMemory(configuration);
        return Stack.Init(Map(size), size, configuration);
    }

    private static Queue* NewQueue()
    {
        Queue* queue = (Queue*)Map((ulong)sizeof(Queue));
        queue->Frames = Map(FrameRoom * QueueLength);
        queue->Lengths = (int*)Map(sizeof(int) * QueueLength);
        return queue;
    }

    /// <summary>Zeroed pages: mmap(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS).</summary>
    private static byte* Map(ulong length) => (byte*)Syscall.Invoke(9, 0, (nint)length, 3, 0x22, -1, 0);
}
