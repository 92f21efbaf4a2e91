using System;
using Domain.Linux;

namespace Domain.Devices;

/// <summary>The console device (virtio 1.2, 5.3) with one port: queue 0 to the guest, queue 1 from it.</summary>
internal sealed unsafe class VirtioConsole(DmaMemory memory, IConsole console) : VirtioDevice(memory, 2, 64)
{
    private const int ReceiveQueue = 0, TransmitQueue = 1;
    private const ulong EmergencyWrite = 1UL << 2;

    private readonly DescriptorChain chain = new();

    public ulong Transmitted, Received;

    public override uint Kind => 3;

    public override string Name => "console";

    public override ulong Features => EmergencyWrite;

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
        if (number != TransmitQueue)
            return;
        var queue = Queues[TransmitQueue];
        do
        {
            while (queue.TryTake(chain))
            {
                for (int i = 0; i < chain.ReadableCount; i++)
                {
                    var piece = chain.Pieces[i];
                    // SAFETY: the piece was translated for its whole length, which is less than 4 GiB of RAM: taken in parts of 64 KiB.
                    for (ulong done = 0; done < piece.Length; done += 65536)
                        console.Write(new ReadOnlySpan<byte>((byte*)piece.Start + done, (int)Math.Min(piece.Length - done, 65536)));
                }
                Transmitted += chain.ReadableBytes;
                queue.Return(chain.Head, 0);
            }
        }
        while (queue.WantNotification(true));
        Finish(queue);
    }

    /// <summary>Gives typed characters to the guest; returns how many it had room for.</summary>
    public int Receive(ReadOnlySpan<byte> text)
    {
        var queue = Queues[ReceiveQueue];
        int taken = 0;
        while (Running && taken < text.Length && queue.TryTake(chain))
        {
            uint written = 0;
            for (int i = chain.ReadableCount; i < chain.Count && taken < text.Length; i++)
            {
                int part = (int)Math.Min(chain.Pieces[i].Length, (ulong)(text.Length - taken));
                text.Slice(taken, part).CopyTo(new Span<byte>(chain.Pieces[i].Start, part));
                Memory.Written(chain.Pieces[i].Start, (ulong)part);
                taken += part;
                written += (uint)part;
            }
            queue.Return(chain.Head, written);
        }
        Received += (ulong)taken;
        Finish(queue);
        return taken;
    }

    private void Finish(Virtqueue queue)
    {
        if (queue.Broken)
            Fail();
        else if (queue.Publish())
            Interrupt();
    }
}
