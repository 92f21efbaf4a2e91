using System;

namespace Board;

/// <summary>A virtio entropy device (virtio 1.2 §5.4), polled.</summary>
public unsafe struct EntropyDevice
{
    private const int QueueSize = 4;

    private VirtioMmio transport;
    private Virtqueue requests;
    private byte* buffer;

    /// <summary>Most bytes that one <see cref="Read"/> brings.</summary>
    public const int MaxRead = 256;

    public static ulong RequiredMemory => Virtqueue.RequiredMemory(QueueSize) + MaxRead;

    /// <param name="memory">Contiguous for the device, 16-byte aligned.</param>
    /// <param name="virtualBase">Subtracted from an address to make it physical.</param>
    public bool TryStart(VirtioMmio device, byte* memory, ulong length, ulong virtualBase)
    {
        this = default;
        if (length < RequiredMemory || device.Kind != VirtioDeviceKind.Entropy || !device.Begin(0, out ulong features))
            return false;
        transport = device;
        if (!requests.TryInit(memory, Virtqueue.RequiredMemory(QueueSize), QueueSize, virtualBase, features)
            || !device.AddQueue(0, requests))
            return false;
        buffer = memory + Virtqueue.RequiredMemory(QueueSize);
        device.Start();
        return true;
    }

    /// <summary>
    /// Fills the front of <paramref name="into"/> and returns how many bytes; 0 when the device stays silent.
    /// </summary>
    public int Read(Span<byte> into)
    {
        BufferPiece piece;
        piece.Address = buffer;
        piece.Length = Math.Min(into.Length, MaxRead);
        if (piece.Length == 0 || !requests.Add(&piece, 0, 1, 0))
            return 0;
        if (requests.Publish())
            transport.Notify(0);
        uint length;
        for (int patience = 0; !requests.Take(out _, out length); patience++)
        {
            if (patience == 10_000_000 || requests.Broken)
                return 0;
            Processor.Pause();
        }
        // SAFETY: Take bounds length by the piece's.
        new ReadOnlySpan<byte>(buffer, (int)length).CopyTo(into);
        return (int)length;
    }

    public readonly void Stop() => transport.Reset();
}
