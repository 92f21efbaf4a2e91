using System;


namespace Board;

/// <summary>Device types (virtio 1.2 §5).</summary>
public enum VirtioDeviceKind : uint
{
    None = 0,
    Network = 1,
    Block = 2,
    Console = 3,
    Entropy = 4,
}

/// <summary>
/// The virtio-mmio transport, version 2 (virtio 1.2 §4.2): a register window, and the way a driver comes up (§3.1.1).
/// </summary>
/// <param name="registers">Where the window is mapped, uncached or not: the machine traps every access.</param>
public readonly unsafe struct VirtioMmio(byte* registers)
{
    // Register offsets, §4.2.2 table 4.1.
    private const int MagicValue = 0x000;
    private const int Version = 0x004;
    private const int DeviceId = 0x008;
    private const int DeviceFeatures = 0x010;
    private const int DeviceFeaturesSelect = 0x014;
    private const int DriverFeatures = 0x020;
    private const int DriverFeaturesSelect = 0x024;
    private const int QueueSelect = 0x030;
    private const int QueueSizeMax = 0x034;
    private const int QueueSize = 0x038;
    private const int QueueReady = 0x044;
    private const int QueueNotify = 0x050;
    private const int InterruptStatus = 0x060;
    private const int InterruptAcknowledge = 0x064;
    private const int Status = 0x070;
    private const int QueueDescriptors = 0x080;
    private const int QueueDriver = 0x090;
    private const int QueueDevice = 0x0a0;
    private const int Configuration = 0x100;

    // Device status bits, §2.1.
    private const uint Acknowledge = 1;
    private const uint Driver = 2;
    private const uint DriverOk = 4;
    private const uint FeaturesOk = 8;
    private const uint Failed = 128;

    public const ulong VirtioFEventIdx = 1UL << 29;
    public const ulong VirtioFVersion1 = 1UL << 32;

    private uint Read(int offset) => Mmio.Read32(registers + offset);

    private void Write(int offset, uint value) => Mmio.Write32(registers + offset, value);

    /// <summary>What is behind the window; None when nothing is, or a transport of another version.</summary>
    public VirtioDeviceKind Kind =>
        Read(MagicValue) == 0x74726976 && Read(Version) == 2 ? (VirtioDeviceKind)Read(DeviceId) : VirtioDeviceKind.None;

    /// <summary>
    /// Resets the device to its initial state, whatever it was doing. It accesses no memory afterwards.
    /// </summary>
    public void Reset()
    {
        Write(Status, 0);
        for (int patience = 0; patience < 1_000_000 && Read(Status) != 0; patience++)
            Processor.Pause();
    }

    /// <summary>
    /// Resets the device and agrees on features (§3.1.1 steps 1 to 6). False when the device does not accept them.
    /// </summary>
    /// <param name="wanted">Features that the driver can use; VirtioFVersion1 is always among them.</param>
    /// <param name="features">Those that the device has too.</param>
    public bool Begin(ulong wanted, out ulong features)
    {
        Reset();
        Write(Status, Acknowledge);
        Write(Status, Acknowledge | Driver);
        Write(DeviceFeaturesSelect, 0);
        ulong offered = Read(DeviceFeatures);
        Write(DeviceFeaturesSelect, 1);
        offered |= (ulong)Read(DeviceFeatures) << 32;
        features = offered & (wanted | VirtioFVersion1);
        if ((features & VirtioFVersion1) == 0)
            return Fail();
        Write(DriverFeaturesSelect, 0);
        Write(DriverFeatures, (uint)features);
        Write(DriverFeaturesSelect, 1);
        Write(DriverFeatures, (uint)(features >> 32));
        Write(Status, Acknowledge | Driver | FeaturesOk);
        return (Read(Status) & FeaturesOk) != 0 || Fail();
    }

    /// <summary>The largest size that queue <paramref name="index"/> may have, 0 when it is not there.</summary>
    public int MaxQueueSize(int index)
    {
        Write(QueueSelect, (uint)index);
        uint size = Read(QueueSizeMax);
        return size > 32768 ? 0 : (int)size;
    }

    /// <summary>
    /// Gives an initialised queue to the device (§4.2.3.2). False when it is not available or too large.
    /// </summary>
    public bool AddQueue(int index, in Virtqueue queue)
    {
        if (queue.Size == 0 || queue.Size > MaxQueueSize(index) || Read(QueueReady) != 0)
            return Fail();
        Write(QueueSize, (uint)queue.Size);
        WritePair(QueueDescriptors, queue.DescriptorsPhysical);
        WritePair(QueueDriver, queue.AvailablePhysical);
        WritePair(QueueDevice, queue.UsedPhysical);
        Write(QueueReady, 1);
        return true;
    }

    /// <summary>Step 8: the device is live.</summary>
    public void Start() => Write(Status, Acknowledge | Driver | FeaturesOk | DriverOk);

    /// <summary>Gives the device up (§2.1.1). Always false.</summary>
    public bool Fail()
    {
        Write(Status, Failed);
        return false;
    }

    public void Notify(int queue) => Write(QueueNotify, (uint)queue);

    /// <summary>
    /// Reads and acknowledges why the device interrupted: bit 0 used buffers, bit 1 configuration (§4.2.2).
    /// </summary>
    public uint TakeInterrupt()
    {
        uint status = Read(InterruptStatus);
        if (status != 0)
            Write(InterruptAcknowledge, status);
        return status;
    }

    /// <summary>A byte of the device's configuration space.</summary>
    public byte ReadConfiguration8(int offset) => Mmio.Read8(registers + Configuration + offset);

    private void WritePair(int offset, ulong value)
    {
        Write(offset, (uint)value);
        Write(offset + 4, (uint)(value >> 32));
    }
}
