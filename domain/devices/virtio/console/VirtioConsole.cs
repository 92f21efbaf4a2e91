using System;
using Domain.Linux;

namespace Domain.Devices;

/// <summary>The console device (virtio 1.2, 5.3) with one port: queue 0 to the guest, queue 1 from it.</summary>
internal sealed unsafe class VirtioConsole(DmaMemory memory, IConsole console) : VirtioDevice(memory, 2, 64)
{
    private const int ReceiveQueue = 0, TransmitQueue = 1;
    private const ulong VirtioConsoleFEmergWrite = 1UL << 2;

    private readonly DescriptorChain input = new();

    // What of the first chain in the queue has been written in earlier turns.
    private ulong done;

    public ulong Transmitted, Received;

    public override VirtioDeviceKind Kind => VirtioDeviceKind.Console;

    public override string Name => "console";

    public override ulong Features => VirtioConsoleFEmergWrite;

    public override string Summary => $"console: sent {Transmitted} bytes, received {Received}, failures {Failures}";

    /// <summary>The guest waits for input here.</summary>
    public bool Listening => Running && Queues[ReceiveQueue].HasAvailable;

    // struct virtio_console_config (5.3.4): emerg_wr at 8.
    public override void WriteConfiguration(ulong offset, byte value)
    {
        if (offset == 8)
            console.Write([value]);
    }

    public override void Notify(int number)
    {
        if (number == TransmitQueue)
            ServeQueue(TransmitQueue);
    }

    public override void Forget(int queue)
    {
        base.Forget(queue);
        if (queue == TransmitQueue)
            done = 0;
    }

    protected override Served Serve(DescriptorChain request, out uint written)
    {
        written = 0;
        ulong skip = done, left = BytesAtOnce;
        for (int i = 0; i < request.ReadableCount && left > 0; i++)
        {
            var piece = request.Pieces[i];
            ulong skipped = Math.Min(skip, piece.Length), part = Math.Min(piece.Length - skipped, left);
            skip -= skipped;
            left -= part;
            // SAFETY: the piece was translated for its whole length, and BytesAtOnce is far less than 2^31.
            console.Write(new ReadOnlySpan<byte>((byte*)piece.Start + skipped, (int)part));
        }
        Transmitted += BytesAtOnce - left;
        done += BytesAtOnce - left;
        if (done < request.ReadableBytes)
            return Served.NextTurn;
        done = 0;
        return Served.Done;
    }

    /// <summary>Gives typed characters to the guest; returns how many it had room for.</summary>
    public int Receive(ReadOnlySpan<byte> text)
    {
        var queue = Queues[ReceiveQueue];
        int taken = 0;
        while (Running && taken < text.Length && queue.TryTake(input))
        {
            uint written = 0;
            for (int i = input.ReadableCount; i < input.Count && taken < text.Length; i++)
            {
                int part = (int)Math.Min(input.Pieces[i].Length, (ulong)(text.Length - taken));
                text.Slice(taken, part).CopyTo(new Span<byte>(input.Pieces[i].Start, part));
                Memory.Written(input.Pieces[i].Start, (ulong)part);
                taken += part;
                written += (uint)part;
            }
            queue.Return(input.Head, written);
        }
        Received += (ulong)taken;
        Finish(queue);
        return taken;
    }
}
