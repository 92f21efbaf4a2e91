using System;

namespace Board;

/// <summary>A virtio block device (virtio 1.2 §5.2), one request at a time, polled.</summary>
public unsafe struct BlockDevice
{
    public const int SectorSize = 512;

    private const int QueueSize = 8;
    private const uint In = 0;
    private const uint Out = 1;
    private const ulong ReadOnlyFeature = 1UL << 5;

    private VirtioMmio transport;
    private Virtqueue requests;
    private byte* header;           // type, reserved, sector: 16 bytes; then the status byte

    /// <summary>Capacity in sectors of 512 bytes.</summary>
    public ulong Sectors { get; private set; }

    public bool IsReadOnly { get; private set; }

    public static ulong RequiredMemory => Virtqueue.RequiredMemory(QueueSize) + 32;

    /// <param name="memory">Contiguous for the device, 16-byte aligned.</param>
    /// <param name="virtualBase">Subtracted from an address to make it physical.</param>
    public bool TryStart(VirtioMmio device, byte* memory, ulong length, ulong virtualBase)
    {
        this = default;
        if (length < RequiredMemory || device.Kind != VirtioDeviceKind.Block
            || !device.Begin(ReadOnlyFeature, out ulong features))
            return false;
        transport = device;
        if (!requests.TryInit(memory, Virtqueue.RequiredMemory(QueueSize), QueueSize, virtualBase, features)
            || !device.AddQueue(0, requests))
            return device.Fail();
        header = memory + Virtqueue.RequiredMemory(QueueSize);
        Sectors = device.ReadConfiguration32(0) | (ulong)device.ReadConfiguration32(4) << 32;
        IsReadOnly = (features & ReadOnlyFeature) != 0;
        device.Start();
        return true;
    }

    /// <summary>Reads whole sectors. False when they are not there or the device failed.</summary>
    /// <param name="to">Contiguous for the device.</param>
    public bool Read(ulong sector, byte* to, int sectors) => Transfer(In, sector, to, sectors);

    /// <summary>Writes whole sectors.</summary>
    public bool Write(ulong sector, byte* from, int sectors) => !IsReadOnly && Transfer(Out, sector, from, sectors);

    private bool Transfer(uint kind, ulong sector, byte* data, int sectors)
    {
        if (sectors is <= 0 or > 1024 || sector > Sectors || Sectors - sector < (uint)sectors)
            return false;
        *(uint*)header = kind;
        *(uint*)(header + 4) = 0;
        *(ulong*)(header + 8) = sector;
        header[16] = 0xff;
        Segment* segments = stackalloc Segment[3];
        segments[0] = new Segment { Address = header, Length = 16 };
        segments[1] = new Segment { Address = data, Length = sectors * SectorSize };
        segments[2] = new Segment { Address = header + 16, Length = 1 };
        int readable = kind == In ? 1 : 2;
        if (!requests.Add(segments, readable, 3 - readable, 0))
            return false;
        if (requests.Publish())
            transport.Notify(0);
        for (int patience = 0; !requests.Take(out _, out _); patience++)
        {
            if (patience == 100_000_000 || requests.Broken)
                return false;
            Processor.Pause();
        }
        return System.Threading.Volatile.Read(ref header[16]) == 0;
    }

    public readonly void Stop() => transport.Reset();
}
