using System;

namespace Board;

/// <summary>Port 0 of a virtio console (virtio 1.2 §5.3). Polled; input may interrupt.</summary>
public unsafe struct ConsoleDevice
{
    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;
    private const int QueueSize = 16;
    private const int BufferSize = 256;

    private VirtioMmio transport;
    private Virtqueue receive;
    private Virtqueue transmit;
    private byte* buffers;          // QueueSize for input, then QueueSize for output
    private int outputsLent;
    private int nextOutput;
    private int inputAt;
    private int inputLength;
    private int inputBuffer;

    public static ulong RequiredMemory => 2 * Virtqueue.RequiredMemory(QueueSize) + 2 * QueueSize * BufferSize;

    /// <param name="memory">Contiguous for the device, 16-byte aligned.</param>
    /// <param name="virtualBase">Subtracted from an address to make it physical.</param>
    public bool TryStart(VirtioMmio device, byte* memory, ulong length, ulong virtualBase)
    {
        this = default;
        if (length < RequiredMemory || device.Kind != VirtioDeviceKind.Console
            || !device.Begin(VirtioMmio.RingEventIndex, out ulong features))
            return false;
        transport = device;
        ulong ring = Virtqueue.RequiredMemory(QueueSize);
        if (!receive.TryInit(memory, ring, QueueSize, virtualBase, features)
            || !transmit.TryInit(memory + ring, ring, QueueSize, virtualBase, features)
            || !device.AddQueue(ReceiveQueue, receive) || !device.AddQueue(TransmitQueue, transmit))
            return device.Fail();
        buffers = memory + 2 * ring;
        device.Start();
        for (int i = 0; i < QueueSize; i++)
            Lend(i);
        if (receive.Publish())
            transport.Notify(ReceiveQueue);
        receive.RequestInterrupt();
        return true;
    }

    /// <summary>Writes what there is room for now and returns how much that was.</summary>
    public int Write(ReadOnlySpan<byte> text)
    {
        int written = 0;
        while (transmit.Take(out _, out _))
            outputsLent--;
        while (written < text.Length && outputsLent < QueueSize)
        {
            int length = Math.Min(text.Length - written, BufferSize);
            Segment segment;
            segment.Address = buffers + (QueueSize + nextOutput) * BufferSize;
            segment.Length = length;
            text.Slice(written, length).CopyTo(new Span<byte>(segment.Address, BufferSize));
            if (!transmit.Add(&segment, 1, 0, 0))
                break;
            nextOutput = (nextOutput + 1) % QueueSize;
            outputsLent++;
            written += length;
        }
        if (transmit.Publish())
            transport.Notify(TransmitQueue);
        return written;
    }

    /// <summary>The next byte that was typed, or −1.</summary>
    public int Read()
    {
        if (inputAt == inputLength)
        {
            if (!receive.Take(out ulong number, out uint length))
                return -1;
            inputBuffer = (int)number;
            inputAt = 0;
            inputLength = (int)length;
            if (length == 0)
            {
                Return();
                return -1;
            }
        }
        // SAFETY: inputAt < inputLength, which Take bounded by the buffer's size.
        byte value = buffers[inputBuffer * BufferSize + inputAt];
        inputAt++;
        if (inputAt == inputLength)
            Return();
        return value;
    }

    private void Return()
    {
        Lend(inputBuffer);
        if (receive.Publish())
            transport.Notify(ReceiveQueue);
        receive.RequestInterrupt();
    }

    private void Lend(int number)
    {
        Segment segment;
        segment.Address = buffers + number * BufferSize;
        segment.Length = BufferSize;
        receive.Add(&segment, 0, 1, (ulong)number);
    }

    public readonly uint TakeInterrupt() => transport.TakeInterrupt();

    public readonly void Stop() => transport.Reset();
}
