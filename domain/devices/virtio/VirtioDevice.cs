using System;

namespace Domain.Devices;

/// <summary>What is particular to one kind of virtio device; the transport does the rest.</summary>
/// <remarks>All calls come from the CPU thread.</remarks>
internal abstract class VirtioDevice(DmaMemory memory, int queueCount, ushort queueSize)
{
    public readonly Virtqueue[] Queues = CreateQueues(memory, queueCount, queueSize);

    protected readonly DmaMemory Memory = memory;

    /// <summary>The device's number (virtio 1.2, chapter 5).</summary>
    public abstract uint Kind { get; }

    /// <summary>Short name for messages.</summary>
    public abstract string Name { get; }

    /// <summary>Feature bits of the device itself; the transport adds those of the ring.</summary>
    public abstract ulong Features { get; }

    /// <summary>Features that the driver accepted.</summary>
    public ulong Negotiated { get; set; }

    /// <summary>The driver said DRIVER_OK and neither reset nor broke the device since.</summary>
    public bool Running { get; set; }

    /// <summary>Set by the transport: interrupts the driver for used buffers.</summary>
    public Action Interrupt { get; set; } = static () => { };

    /// <summary>Set by the transport: the driver broke the rules; sets DEVICE_NEEDS_RESET.</summary>
    public Action Fail { get; set; } = static () => { };

    /// <summary>Set by the machine: what the device waits for on the host may have changed.</summary>
    public Action Notified { get; set; } = static () => { };

    /// <summary>Times that the driver broke the rules.</summary>
    public ulong Failures;

    /// <summary>The driver is ready.</summary>
    public virtual void Start()
    {
    }

    /// <summary>Forgets everything but the host's side.</summary>
    public virtual void Reset()
    {
    }

    /// <summary>The driver offered buffers in a queue.</summary>
    public abstract void Notify(int queue);

    /// <summary>Device configuration space at <paramref name="offset"/>.</summary>
    public virtual byte ReadConfiguration(ulong offset) => 0;

    public virtual void WriteConfiguration(ulong offset, byte value)
    {
    }

    /// <summary>One line of counters.</summary>
    public abstract string Summary { get; }

    protected bool Has(ulong feature) => (Negotiated & feature) != 0;

    private static Virtqueue[] CreateQueues(DmaMemory memory, int count, ushort size)
    {
        var queues = new Virtqueue[count];
        for (int i = 0; i < count; i++)
            queues[i] = new Virtqueue(memory, size);
        return queues;
    }
}
