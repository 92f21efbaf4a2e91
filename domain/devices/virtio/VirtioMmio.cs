namespace Domain.Devices;

/// <summary>
/// The virtio-mmio transport, version 2 (virtio 1.2, 4.2): one device's register window of 512 bytes.
/// </summary>
internal sealed class VirtioMmio : IDevice
{
    public const ulong Length = 0x200;

    private const uint Magic = 0x7472_6976, Version = 2, Vendor = 0x6c61_6d45;
    private const ulong Configuration = 0x100;

    // Device status (2.1).
    private const uint FeaturesOk = 8, DriverOk = 4, NeedsReset = 0x40, Failed = 0x80;
    private const uint DriverBits = 1 | 2 | DriverOk | FeaturesOk | Failed;

    // Interrupt status (4.2.2).
    private const uint UsedBuffer = 1, ConfigurationChange = 2;

    /// <summary>Features of the ring and the transport (chapter 6).</summary>
    public const ulong VirtioFIndirectDesc = 1UL << 28, VirtioFEventIdx = 1UL << 29, VirtioFVersion1 = 1UL << 32;

    private readonly VirtioDevice device;
    private readonly IInterruptLine interrupt;
    private readonly ulong offered;
    private uint status, interruptStatus, deviceFeaturesSelect, driverFeaturesSelect, queueSelect, generation;
    private ulong driverFeatures;

    public VirtioMmio(VirtioDevice device, IInterruptLine interrupt)
    {
        this.device = device;
        this.interrupt = interrupt;
        offered = device.Features | VirtioFIndirectDesc | VirtioFEventIdx | VirtioFVersion1;
        device.Interrupt = () => Signal(UsedBuffer);
        device.Fail = Break;
    }

    public ulong Read(ulong offset, int size)
    {
        if (offset >= Configuration)
        {
            ulong value = 0;
            for (int i = 0; i < size; i++)
                value |= (ulong)device.ReadConfiguration(offset - Configuration + (ulong)i) << (8 * i);
            return value;
        }
        // 4.2.2.2: the driver accesses these registers only as aligned 32-bit words.
        if (size != 4 || (offset & 3) != 0)
            return 0;
        return offset switch
        {
            0x000 => Magic,
            0x004 => Version,
            0x008 => (uint)device.Kind,
            0x00c => Vendor,
            0x010 => deviceFeaturesSelect < 2 ? (uint)(offered >> (int)(deviceFeaturesSelect * 32)) : 0,
            0x034 => Selected?.MaxSize ?? 0u,
            0x044 => Selected is { Ready: true } ? 1u : 0u,
            0x060 => interruptStatus,
            0x070 => status,
            0x0b0 or 0x0b4 or 0x0b8 or 0x0bc => uint.MaxValue,   // no shared memory region (4.2.2.1)
            0x0fc => generation,
            _ => 0,
        };
    }

    public void Write(ulong offset, int size, ulong value)
    {
        if (offset >= Configuration)
        {
            for (int i = 0; i < size; i++)
                device.WriteConfiguration(offset - Configuration + (ulong)i, (byte)(value >> (8 * i)));
            return;
        }
        if (size != 4 || (offset & 3) != 0)
            return;
        uint data = (uint)value;
        switch (offset)
        {
            case 0x014:
                deviceFeaturesSelect = data;
                break;
            case 0x020:
                AcceptFeatures(data);
                break;
            case 0x024:
                driverFeaturesSelect = data;
                break;
            case 0x030:
                queueSelect = data;
                break;
            case 0x050:
                if (device.Running && data < (uint)device.Queues.Length)
                {
                    device.Notify((int)data);
                    device.Notified();
                }
                break;
            case 0x064:
                interruptStatus &= ~data;
                if (interruptStatus == 0)
                    interrupt.Set(false);
                break;
            case 0x070:
                WriteStatus(data);
                break;
            default:
                WriteQueue(offset, data);
                break;
        }
    }

    private Virtqueue? Selected => queueSelect < (uint)device.Queues.Length ? device.Queues[queueSelect] : null;

    private void WriteQueue(ulong offset, uint data)
    {
        var queue = Selected;
        if (queue is null)
            return;
        if (offset == 0x044)
        {
            SetReady((int)queueSelect, (data & 1) != 0);
            return;
        }
        // 4.2.2.2: a queue that is ready keeps its place.
        if (queue.Ready)
            return;
        switch (offset)
        {
            case 0x038:
                queue.Size = data > queue.MaxSize ? (ushort)0 : (ushort)data;
                break;
            case 0x080:
                queue.DescriptorAddress = Low(queue.DescriptorAddress, data);
                break;
            case 0x084:
                queue.DescriptorAddress = High(queue.DescriptorAddress, data);
                break;
            case 0x090:
                queue.AvailableAddress = Low(queue.AvailableAddress, data);
                break;
            case 0x094:
                queue.AvailableAddress = High(queue.AvailableAddress, data);
                break;
            case 0x0a0:
                queue.UsedAddress = Low(queue.UsedAddress, data);
                break;
            case 0x0a4:
                queue.UsedAddress = High(queue.UsedAddress, data);
                break;
        }
    }

    private void SetReady(int number, bool ready)
    {
        var queue = device.Queues[number];
        if (!ready)
        {
            queue.Disable();
            device.Forget(number);
        }
        else if (!queue.Ready && (status & NeedsReset) == 0)
        {
            bool enabled = (status & FeaturesOk) != 0
                && queue.Enable((driverFeatures & VirtioFIndirectDesc) != 0, (driverFeatures & VirtioFEventIdx) != 0);
            if (!enabled)
                Break();
        }
    }

    private void AcceptFeatures(uint data)
    {
        // Fixed once FEATURES_OK stands (3.1.1).
        if ((status & FeaturesOk) != 0)
            return;
        if (driverFeaturesSelect == 0)
            driverFeatures = Low(driverFeatures, data);
        else if (driverFeaturesSelect == 1)
            driverFeatures = High(driverFeatures, data);
    }

    private void WriteStatus(uint data)
    {
        if (data == 0)
        {
            Reset();
            return;
        }
        uint before = status;
        status = status & NeedsReset | data & DriverBits;
        if ((status & ~before & FeaturesOk) != 0)
        {
            // Bits never offered, or a driver of the old interface: FEATURES_OK does not stick (3.1.1 step 6).
            if ((driverFeatures & ~offered) != 0 || (driverFeatures & VirtioFVersion1) == 0)
                status &= ~FeaturesOk;
            else
                device.Negotiated = driverFeatures;
        }
        bool run = (status & (DriverOk | FeaturesOk | NeedsReset | Failed)) == (DriverOk | FeaturesOk);
        if (run && !device.Running)
        {
            device.Running = true;
            device.DriverChanged(VirtioDriverChange.Ready);
            device.Start();
        }
        else if (!run && (device.Running || (status & FeaturesOk) == 0))
        {
            // A driver clears no bit but by a reset (2.1.1): for one that does all queues are disabled.
            Stop();
        }
    }

    /// <summary>Disables all queues: the device accesses no ring, and keeps no chain.</summary>
    private void Stop()
    {
        device.Running = false;
        for (int i = 0; i < device.Queues.Length; i++)
        {
            device.Queues[i].Disable();
            device.Forget(i);
        }
    }

    private void Reset()
    {
        if (status != 0)
            device.DriverChanged(VirtioDriverChange.Reset);
        status = interruptStatus = deviceFeaturesSelect = driverFeaturesSelect = queueSelect = 0;
        driverFeatures = 0;
        interrupt.Set(false);
        Stop();
        device.Negotiated = 0;
        foreach (var queue in device.Queues)
            queue.Reset();
    }

    // 2.1.2: says so and tells a driver that got as far as DRIVER_OK by a configuration change.
    private void Break()
    {
        if ((status & NeedsReset) != 0)
            return;
        device.Failures++;
        device.DriverChanged(VirtioDriverChange.Failed);
        Stop();
        status |= NeedsReset;
        generation++;
        if ((status & DriverOk) != 0)
            Signal(ConfigurationChange);
    }

    private void Signal(uint reason)
    {
        interruptStatus |= reason;
        interrupt.Set(true);
    }

    private static ulong Low(ulong register, uint data) => register & 0xffff_ffff_0000_0000 | data;

    private static ulong High(ulong register, uint data) => register & 0xffff_ffff | (ulong)data << 32;
}
