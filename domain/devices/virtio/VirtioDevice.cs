using System;

namespace Domain.Devices;

/// <summary>What a driver does to a device (virtio 1.2, 2.1).</summary>
internal enum VirtioDriverChange
{
    /// <summary>DRIVER_OK: the device runs.</summary>
    Ready,

    /// <summary>The driver has reset the device.</summary>
    Reset,

    /// <summary>The driver broke the rules: DEVICE_NEEDS_RESET.</summary>
    Failed,
}

/// <summary>What is particular to one kind of virtio device; the transport does the rest.</summary>
/// <remarks>All calls come from the CPU thread.</remarks>
internal abstract class VirtioDevice(DmaMemory memory, int queueCount, ushort queueSize)
{
    // The most chains of a turn: a driver that offers without end, or whose buffers are its own rings, must not keep
    // the CPU thread from the timer and the host.
    private const int ChainsAtOnce = 256;
    protected const ulong BytesAtOnce = 16 << 20;

    /// <summary>What became of a chain.</summary>
    protected enum Served
    {
        /// <summary>It goes back to the driver.</summary>
        Done,

        /// <summary>It stays in the queue until the device is ready for it.</summary>
        Later,

        /// <summary>It stays in the queue until the next turn.</summary>
        NextTurn,

        /// <summary>The driver broke the rules.</summary>
        Wrong,
    }

    private readonly DescriptorChain chain = new();
    private uint backlog;   // a bit for each queue

    public readonly Virtqueue[] Queues = CreateQueues(memory, queueCount, queueSize);

    protected readonly DmaMemory Memory = memory;

    public abstract VirtioDeviceKind Kind { get; }

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

    /// <summary>Set by who wants to know: the driver has come, gone or failed.</summary>
    public Action<VirtioDriverChange> DriverChanged { get; set; } = static _ => { };

    /// <summary>Set by the machine: what the device waits for on the host may have changed.</summary>
    public Action Notified { get; set; } = static () => { };

    /// <summary>Times that the driver broke the rules.</summary>
    public ulong Failures;

    /// <summary>The driver is ready.</summary>
    public virtual void Start()
    {
    }

    /// <summary>The queue is no longer the device's: forgets every chain that was taken from it.</summary>
    public virtual void Forget(int queue) => backlog &= ~(1u << queue);

    /// <summary>The driver offered buffers in a queue.</summary>
    public abstract void Notify(int queue);

    /// <summary>A turn's share was used up: call <see cref="Continue"/> after timer and host were served.</summary>
    public bool Backlog => Running && backlog != 0;

    /// <summary>The next turn.</summary>
    public void Continue()
    {
        uint queues = backlog;
        backlog = 0;
        for (int i = 0; i < Queues.Length; i++)
        {
            if ((queues & 1u << i) != 0 && Running)
                Notify(i);
        }
    }

    /// <summary>Device configuration space at <paramref name="offset"/>.</summary>
    public virtual byte ReadConfiguration(ulong offset) => 0;

    public virtual void WriteConfiguration(ulong offset, byte value)
    {
    }

    /// <summary>One line of counters.</summary>
    public abstract string Summary { get; }

    protected bool Has(ulong feature) => (Negotiated & feature) != 0;

    /// <summary>The queue is notified again in the next turn.</summary>
    protected void Postpone(int queue) => backlog |= 1u << queue;

    /// <summary>Serves one chain for <see cref="ServeQueue"/>.</summary>
    /// <param name="written">bytes written into guest memory</param>
    protected virtual Served Serve(DescriptorChain request, out uint written)
    {
        written = 0;
        return Served.Wrong;
    }

    /// <summary>Serves what a queue offers, in order, up to a turn's share.</summary>
    protected void ServeQueue(int number)
    {
        var queue = Queues[number];
        int chains = 0;
        ulong bytes = 0;
        var served = Served.Done;
        while (served == Served.Done)
        {
            ushort before = queue.Position;
            if (!queue.TryTake(chain))
                break;
            if (chains++ == ChainsAtOnce || bytes > BytesAtOnce)
            {
                served = Served.NextTurn;
                queue.Rewind(before);
                break;
            }
            bytes += chain.ReadableBytes + chain.WritableBytes;
            served = Serve(chain, out uint written);
            if (served == Served.Done)
                queue.Return(chain.Head, written);
            else if (served != Served.Wrong)
                queue.Rewind(before);
        }
        if (served == Served.Done)
            queue.WantNotification(true);
        else if (served == Served.NextTurn)
            Postpone(number);
        Finish(queue, served == Served.Wrong);
    }

    /// <summary>Shows the driver what was returned; or that the device is broken.</summary>
    protected void Finish(Virtqueue queue, bool wrong = false)
    {
        if (wrong || queue.Broken)
            Fail();
        else if (queue.Publish())
            Interrupt();
    }

    private static Virtqueue[] CreateQueues(DmaMemory memory, int count, ushort size)
    {
        var queues = new Virtqueue[count];
        for (int i = 0; i < count; i++)
            queues[i] = new Virtqueue(memory, size);
        return queues;
    }
}
