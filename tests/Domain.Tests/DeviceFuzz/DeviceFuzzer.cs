using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Domain.Devices;
using Domain.Linux;
using Xunit;

namespace Domain.Tests.DeviceFuzz;

/// <summary>Random drivers, peers and keyboards: sequences of register accesses, memory contents and frames, each made from a number.</summary>
internal sealed unsafe class DeviceFuzzer : IDisposable
{
    private const int DiskBytes = 64 * 1024, LookEvery = 64;

    // Rings below, buffers above, where a driver keeps them apart.
    private const int BuffersFrom = 512 * 1024;

    // The most processor time that so many steps may take, in nanoseconds.
    private const ulong MaxNanoseconds = 2_000_000_000;

    // The most of the heap that a case may take: one object in each look would be 1.5 KiB, one in each step 96. What is found is 376 bytes.
    private const long MaxAllocated = 1024;

    private readonly GuardedMemory memory = new(FuzzedBoard.RamBytes);
    private readonly int disk;
    private readonly byte[] content = new byte[DiskBytes];
    private Random random = new();
    private FuzzedBoard board = null!;

    // Each case prefers some kinds of steps, so that what takes many steps of a few kinds happens, too.
    private int wildness;   // one in so many things that a driver writes is nonsense
    private Weights kinds, devices, registers;

    private readonly struct Weights(Random random, int count, int rare = -1)
    {
        private readonly int[] cumulative = Cumulative(random, count, rare);

        public int Pick(Random random)
        {
            int at = random.Next(cumulative[^1]), index = 0;
            while (at >= cumulative[index])
                index++;
            return index;
        }

        private static int[] Cumulative(Random random, int count, int rare)
        {
            var sums = new int[count];
            int sum = 0;
            for (int i = 0; i < count; i++)
                sums[i] = sum += i == rare ? 1 : 1 << 2 * random.Next(5);
            return sums;
        }
    }

    public DeviceFuzzer()
    {
        fixed (byte* name = "disk\0"u8)
            disk = (int)Libc.syscall(319, (nint)name, 0, 0, 0, 0, 0);   // memfd_create(2)
        Assert.True(disk >= 0);
    }

    public long Steps { get; private set; }

    public ulong Frames { get; private set; }

    public ulong ConsoleBytes { get; private set; }

    public ulong Interrupts { get; private set; }

    /// <summary>Times that a device was told to go, by a driver that kept the rules up to there.</summary>
    public long Starts { get; private set; }

    public void Dispose()
    {
        memory.Dispose();
        Libc.close(disk);
    }

    /// <summary>
    /// One case, with a machine of its own. What must not happen is an exception that names the number of the case and the step.
    /// </summary>
    public void Run(int seed, int steps)
    {
        // A collection that another thread causes counts the rest of this thread's buffer; what a device allocates it allocates again.
        long allocated = Live(seed, steps);
        if (allocated > MaxAllocated)
            allocated = Live(seed, steps);
        if (allocated > MaxAllocated)
            throw new InvalidOperationException($"seed {seed}: {allocated} bytes were allocated");
    }

    private long Live(int seed, int steps)
    {
        random = new Random(seed);
        wildness = 1 << random.Next(3, 14);
        kinds = new Weights(random, 10, rare: 0);
        devices = new Weights(random, FuzzedBoard.Devices);
        registers = new Weights(random, 9);
        random.NextBytes(memory.Ram.Slice(0, (int)memory.Ram.Size));
        random.NextBytes(content);
        fixed (byte* bytes = content)
        {
            var vector = new IoVector(bytes, DiskBytes);
            Assert.Equal(DiskBytes, Libc.pwritev(disk, &vector, 1, 0));
        }
        board = new FuzzedBoard(memory, disk, DiskBytes, offload: Chance(3, 4), readOnlyDisk: Chance(1, 4));
        int step = 0;
        ulong began = ProcessorTime;
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            for (; step < steps; step++)
            {
                Step();
                Steps++;
                if (step % LookEvery != LookEvery - 1 && step != steps - 1)
                    continue;
                if (memory.Damage is { } at)
                    throw new InvalidOperationException($"memory at {at:x} was written, RAM ends at {memory.Ram.Size:x}");
                ulong now = ProcessorTime;
                if (now - began > MaxNanoseconds)
                    throw new InvalidOperationException($"{LookEvery} steps took {(now - began) / 1_000_000} ms");
                began = now;
            }
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"seed {seed}, step {step}: {error.Message}", error);
        }
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        fixed (byte* bytes = content)
            Assert.Equal(DiskBytes, Libc.pread(disk, bytes, DiskBytes, 0));
        if (content.AsSpan().IndexOf(BitConverter.GetBytes(GuardedMemory.Mark)) >= 0)
            throw new InvalidOperationException($"seed {seed}: what lies beside RAM is on the disk");
        Frames += board.Frames + board.Net.Metrics.ReceivedFrames;
        ConsoleBytes += board.ConsoleBytes;
        Interrupts += board.LocalApic.Metrics.Delivered;
        return allocated;
    }

    /// <summary>What this thread has had of its processor, in nanoseconds.</summary>
    private static ulong ProcessorTime
    {
        get
        {
            TimeSpecification time;
            Libc.syscall(228, 3, (nint)(&time), 0, 0, 0, 0);   // clock_gettime(CLOCK_THREAD_CPUTIME_ID)
            return (ulong)time.Seconds * 1_000_000_000 + (ulong)time.Nanoseconds;
        }
    }

    private void Step()
    {
        switch (kinds.Pick(random))
        {
            case 0:
                StartDevice(AnyDevice());
                break;
            case 1:
                Offer(AnyDevice());
                break;
            case 2:
                Configure(AnyDevice());
                break;
            case 3:
                AnyRegister();
                break;
            case 4:
                AnyPort();
                break;
            case 5:
                AnyMemory();
                break;
            case 6:
                Processor();
                break;
            case 7:
                Host();
                break;
            case 8:
                TakeBack(AnyDevice());
                break;
            default:
                AnyFrame();
                board.Net.Service();
                break;
        }
    }

    private int AnyDevice() => devices.Pick(random);

    private void Set(int device, ulong offset, ulong value) =>
        board.Bus.WriteMmio(FuzzedBoard.VirtioBase + (ulong)device * VirtioMmio.Length + offset, 4, value);

    /// <summary>A driver as the specification has it (3.1.1), with rings anywhere in RAM and features as it likes.</summary>
    private void StartDevice(int device)
    {
        Starts++;
        ulong features = (ulong)random.NextInt64() & (board.Virtio[device].Features | VirtioMmio.VirtioFIndirectDesc | VirtioMmio.VirtioFEventIdx)
            | VirtioMmio.VirtioFVersion1;
        if (Chance(1, 2))
            features |= board.Virtio[device].Features;
        Set(device, 0x70, 0);
        Set(device, 0x70, 3);
        Set(device, 0x24, 0);
        Set(device, 0x20, (uint)features);
        Set(device, 0x24, 1);
        Set(device, 0x20, features >> 32);
        Set(device, 0x70, 11);
        for (int i = 0; i < board.Virtio[device].Queues.Length; i++)
            EnableQueue(device, i);
        Set(device, 0x70, 15);
    }

    private void EnableQueue(int device, int number)
    {
        uint size = 1u << random.Next(9);
        Set(device, 0x30, (uint)number);
        Set(device, 0x38, size);
        Span<ulong> rings = [RingAddress(16 * size, 16), RingAddress(6 + 2 * size, 2), RingAddress(6 + 8 * size, 4)];
        // One of them often ends with RAM.
        if (Chance(1, 2))
        {
            int last = random.Next(3);
            rings[last] = last switch
            {
                0 => FuzzedBoard.RamBytes - 16 * size,
                1 => FuzzedBoard.RamBytes - 6 - 2 * size,
                _ => (FuzzedBoard.RamBytes - 6 - 8 * size) & ~3UL,
            };
        }
        for (int i = 0; i < rings.Length; i++)
        {
            Set(device, 0x80 + 16 * (ulong)i, (uint)rings[i]);
            Set(device, 0x84 + 16 * (ulong)i, rings[i] >> 32);
        }
        // The driver's own start: nothing offered, nothing used.
        Put(rings[1], 0u);
        Put(rings[2], 0u);
        Set(device, 0x44, 1);
    }

    private ulong RingAddress(uint bytes, uint alignment) =>
        Wild() ? AnyAddress() : (ulong)random.NextInt64((BuffersFrom - bytes) / alignment) * alignment;

    private ulong AnyAddress() => random.Next(6) switch
    {
        0 => FuzzedBoard.RamBytes - (ulong)random.Next(64),
        1 => FuzzedBoard.RamBytes + (ulong)random.Next(1 << 20),
        2 => ulong.MaxValue - (ulong)random.Next(4096),
        3 => (1UL << 32) - (ulong)random.Next(64),
        4 => (ulong)random.NextInt64(),
        _ => (ulong)random.Next((int)FuzzedBoard.RamBytes),
    };

    /// <summary>Writes descriptors where the queue's registers say, offers some of them and mostly says so.</summary>
    private void Offer(int device)
    {
        if (!board.Virtio[device].Running && Chance(1, 4))
            StartDevice(device);
        int number = random.Next(board.Virtio[device].Queues.Length);
        var queue = board.Virtio[device].Queues[number];
        int size = Math.Max((int)queue.Size, 1);
        int at = random.Next(size);
        ushort index = Get<ushort>(queue.AvailableAddress + 2);
        // A driver never offers more than the queue has places.
        int free = size - (ushort)(index - Get<ushort>(queue.UsedAddress + 2));
        int chains = Wild() ? random.Next(256) : Math.Min(free, 1 + random.Next(8));
        for (int i = 0; i < chains; i++)
        {
            Put(queue.AvailableAddress + 4 + 2UL * (uint)(index++ % size), (ushort)(Wild() ? random.Next(65536) : at % size));
            bool writable = device == 3 || (device is 0 or 2 && number == 0);
            int pieces = 1 + (Chance(1, 3) ? random.Next(6) : 0);
            if (device == 1)
            {
                // A block request: type, sector; data; status.
                ulong header = AnyBuffer();
                Put(header, (uint)(Wild() ? random.Next() : "\0\u0001\u0004\b"[random.Next(4)]));
                Put(header + 8, Wild() ? (ulong)random.NextInt64() : (ulong)random.Next(DiskBytes / 512));
                at = Descriptor(queue, size, at, header, 16, false, true);
                writable = Chance(1, 2);
                for (int piece = 1; piece < pieces; piece++)
                    at = Descriptor(queue, size, at, AnyBuffer(), 512u << random.Next(5), writable, true);
                at = Descriptor(queue, size, at, AnyBuffer(), 1, true, false);
                continue;
            }
            for (int piece = 0; piece < pieces; piece++)
                at = Descriptor(queue, size, at, AnyBuffer(), AnyLength(), writable ^ Wild(), piece + 1 < pieces);
        }
        Put(queue.AvailableAddress, (ushort)random.Next(2));
        Put(queue.AvailableAddress + 2, Wild() ? (ushort)random.Next(65536) : index);
        if (Chance(3, 4))
            Set(device, 0x50, (uint)number);
    }

    /// <summary>Writes one descriptor, or one that leads into a table of its own, and returns the next index.</summary>
    private int Descriptor(Virtqueue queue, int size, int at, ulong address, uint length, bool writable, bool more)
    {
        int next = (at + 1) % size;
        ushort flags = (ushort)((writable ? 2 : 0) | (more ? 1 : 0));
        if (Wild())
            flags = (ushort)random.Next(8);
        ulong entry = queue.DescriptorAddress + 16UL * (uint)(at % size);
        if (!more && Chance(1, 16))
        {
            ulong table = (ulong)random.Next((int)FuzzedBoard.RamBytes / 16) * 16;
            WriteDescriptor(table, address, length, flags, 0);
            WriteDescriptor(entry, table, 16u * (uint)(1 + (Wild() ? random.Next(2048) : 0)), 4, 0);
        }
        else
        {
            WriteDescriptor(entry, address, length, flags, (ushort)(Wild() ? random.Next(65536) : next));
        }
        return next;
    }

    private void WriteDescriptor(ulong entry, ulong address, uint length, ushort flags, ushort next)
    {
        Put(entry, address);
        Put(entry + 8, length);
        Put(entry + 12, flags);
        Put(entry + 14, next);
    }

    private ulong AnyBuffer() => Wild() ? AnyAddress() : (ulong)random.Next(BuffersFrom, (int)FuzzedBoard.RamBytes - 16384);

    private uint AnyLength() => random.Next(32) switch
    {
        0 when Wild() => (uint)random.Next(),
        1 when Wild() => uint.MaxValue - (uint)random.Next(64),
        2 when Wild() => (uint)random.Next((int)FuzzedBoard.RamBytes),
        < 10 => 12 + (uint)random.Next(64),
        < 20 => 1526,
        _ => 1 + (uint)random.Next(8191),
    };

    /// <summary>One register of the transport with a value that could belong there.</summary>
    private void Configure(int device)
    {
        switch (registers.Pick(random))
        {
            case 0:
                Set(device, 0x70, Pick(0, 1, 3, 7, 11, 15, 15, 15, 0x4f, 0x8f, (uint)random.Next(256)));
                break;
            case 1:
                Set(device, 0x64, Pick(1, 2, 3, uint.MaxValue));
                break;
            case 2:
                Set(device, 0x24, (uint)random.Next(3));
                Set(device, 0x20, (uint)random.NextInt64());
                break;
            case 3:
                Set(device, 0x30, (uint)random.Next(3));
                Set(device, 0x44, (uint)random.Next(2));
                break;
            case 4:
                Set(device, 0x30, (uint)random.Next(2));
                Set(device, 0x44, 0);
                Set(device, 0x38, Pick(0, 1, 2, 64, 256, 512, 0x8000, 0xffff, 0x10000, uint.MaxValue, (uint)random.Next()));
                // What the device has of that queue is asked for now.
                AnyFrame();
                board.Net.Service();
                board.Console.Receive("typed"u8);
                break;
            case 5:
                EnableQueue(device, random.Next(board.Virtio[device].Queues.Length));
                break;
            case 6:
                ulong address = AnyAddress();
                ulong register = 0x80 + 16 * (ulong)random.Next(3);
                Set(device, register, (uint)address);
                Set(device, register + 4, address >> 32);
                break;
            case 7:
                Set(device, 0x30, Pick(2, 3, uint.MaxValue, (uint)random.Next()));
                break;
            default:
                Set(device, 0x50, Pick(0, 0, 0, 1, 1, 1, 2, uint.MaxValue));
                break;
        }
    }

    /// <summary>A device at work loses a queue to its driver, in each of the ways that there are, and is asked for what it had of it.</summary>
    private void TakeBack(int device)
    {
        if (!board.Virtio[device].Running)
            StartDevice(device);
        for (int rounds = 1 << random.Next(6); rounds > 0; rounds--)
        {
            Offer(device);
            Ask(device);
        }
        uint queue = (uint)random.Next(board.Virtio[device].Queues.Length);
        Set(device, 0x30, queue);
        switch (random.Next(4))
        {
            case 0:
                Set(device, 0x70, 0);
                break;
            case 1:
                Set(device, 0x70, Pick(3, 7, 11, 0x8f));
                break;
            default:
                Set(device, 0x44, 0);
                break;
        }
        if (Chance(3, 4))
            Set(device, 0x38, Pick(0, 1, 2, 64, 256, 0x8000, 0xffff, uint.MaxValue));
        if (Chance(1, 2))
            Set(device, 0x80 + 16 * (ulong)random.Next(3), (uint)AnyAddress());
        if (Chance(1, 4))
            Set(device, 0x44, 1);
        Ask(device);
        Set(device, 0x50, queue);
        board.Virtio[device].Continue();
    }

    /// <summary>The host has something for a device that it can only give into buffers which the driver has offered before.</summary>
    private void Ask(int device)
    {
        if (device == 0)
        {
            AnyFrame();
            board.Net.Service();
        }
        else if (device == 2)
        {
            board.Console.Receive("typed"u8);
        }
    }

    private static readonly int[] s_sizes = [1, 2, 4, 4, 4, 4, 8];

    private void AnyRegister()
    {
        var (address, length) = FuzzedBoard.MmioWindows[random.Next(FuzzedBoard.MmioWindows.Length)];
        ulong offset = (ulong)random.NextInt64((long)length + 16);
        if (Chance(3, 4))
            offset &= ~(ulong)(length > 0x800 ? 15 : 3);
        // A few of the I/O APIC's and most of a timer's registers are where something happens.
        if (address == IoApic.Address && Chance(3, 4))
            offset = Pick(0, 0x10, 0x40);
        int size = s_sizes[random.Next(s_sizes.Length)];
        if (Chance(1, 3))
            board.Bus.ReadMmio(address + offset, size);
        else
            board.Bus.WriteMmio(address + offset, size, AnyValue());
    }

    private void AnyPort()
    {
        var (port, count) = FuzzedBoard.PortWindows[random.Next(FuzzedBoard.PortWindows.Length)];
        ushort at = Chance(1, 16) ? (ushort)random.Next(65536) : (ushort)(port + random.Next(count));
        int size = 1 << (Chance(3, 4) ? 0 : random.Next(3));
        if (Chance(1, 3))
            board.Bus.In(at, size);
        else
            board.Bus.Out(at, size, (uint)AnyValue());
    }

    private ulong AnyValue() => random.Next(5) switch
    {
        0 => (ulong)random.Next(256),
        1 => 1UL << random.Next(64),
        2 => ulong.MaxValue,
        3 => (ulong)random.Next(65536),
        _ => (ulong)random.NextInt64(),
    };

    /// <summary>Memory is changed while devices use it.</summary>
    private void AnyMemory()
    {
        int length = 1 + random.Next(Chance(1, 8) ? 4096 : 16);
        ulong from = Wild() ? (ulong)random.Next((int)FuzzedBoard.RamBytes - length) : AnyBuffer();
        if (memory.Ram.Contains(from, (ulong)length))
            random.NextBytes(memory.Ram.Slice(from, length));
    }

    private void Processor()
    {
        if (board.LocalApic.Pending)
            board.LocalApic.Acknowledge();
        if (Chance(1, 2))
            board.Bus.WriteMmio(LocalApic.Address + 0xb0, 4, 0);
        if (Chance(1, 16))
            board.LocalApic.TaskPriority = (uint)random.Next(16);
        if (Chance(1, 4))
            Timer();
        if (Chance(3, 4))
            return;
        // An interrupt that arrives: the APIC on, an input with a vector.
        board.Bus.WriteMmio(LocalApic.Address + 0xf0, 4, 0x1ff);
        ulong pin = Pick(4, 16, 17, 18, 19);
        board.Bus.WriteMmio(IoApic.Address, 4, 0x11 + 2 * pin);
        board.Bus.WriteMmio(IoApic.Address + 0x10, 4, 0);
        board.Bus.WriteMmio(IoApic.Address, 4, 0x10 + 2 * pin);
        board.Bus.WriteMmio(IoApic.Address + 0x10, 4, Pick(0, 0x8000) | 0x30 + (uint)random.Next(0xd0));
    }

    /// <summary>The timer in one of its modes, and the registers of the processor that reach it.</summary>
    private void Timer()
    {
        if (Chance(1, 4))
            board.Bus.WriteMmio(LocalApic.Address + 0x320, 4, Pick(0, 0x2_0000, 0x4_0000, 0x6_0000, 0x1_0000) | 0x30 + (uint)random.Next(0xd0));
        if (Chance(1, 8))
            board.LocalApic.TscOffset = AnyValue();
        if (Chance(1, 2))
            board.LocalApic.TscDeadline = Chance(1, 2) ? AnyValue() : board.Now + (ulong)random.NextInt64(1L << random.Next(1, 50));
        if (board.LocalApic.TscDeadline != 0 && board.LocalApic.Deadline <= board.Now)
            throw new InvalidOperationException("a deadline that has come is still armed");
    }

    private void Host()
    {
        Span<byte> typed = stackalloc byte[64];
        switch (random.Next(5))
        {
            case 0:
                board.Full = Chance(1, 4);
                board.Closed = Chance(1, 64);
                board.Net.Service();
                break;
            case 1:
                random.NextBytes(typed);
                board.Console.Receive(typed[..random.Next(typed.Length)]);
                break;
            case 2:
                random.NextBytes(typed);
                board.Uart.Receive(typed[..random.Next(typed.Length)]);
                break;
            case 3:
                board.Now += (ulong)random.NextInt64(1L << random.Next(1, 50));
                board.LocalApic.Expire(board.Now);
                break;
            default:
                foreach (var device in board.Virtio)
                    device.Continue();
                break;
        }
    }

    /// <summary>A frame of the peer, often an unfinished TCP segment, its header mostly sound.</summary>
    private void AnyFrame()
    {
        int header = board.Offload ? NetHeader.Bytes : 0;
        int length = random.Next(4) switch { 0 => random.Next(65550), 1 => random.Next(1515), 2 => 60, _ => random.Next(5000) };
        var frame = board.NextFrame(Math.Max(header + length, 1));
        random.NextBytes(frame[..Math.Min(frame.Length, 128)]);
        if (!board.Offload || length < 54)
            return;
        var ethernet = frame[header..];
        BinaryPrimitives.WriteUInt16BigEndian(ethernet[12..], 0x0800);
        ethernet[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ethernet[16..], (ushort)Math.Min(length - 14, 65535));
        ethernet[23] = 6;
        ethernet[46] = 0x50;
        if (Chance(1, 8))
            return;
        frame[..NetHeader.Bytes].Clear();
        frame[0] = (byte)random.Next(4);
        if (Chance(1, 2))
        {
            frame[0] = 1;
            frame[1] = 1;
            BinaryPrimitives.WriteUInt16LittleEndian(frame[4..], (ushort)Pick(1, 100, 1448, 1448, 65535));
        }
        BinaryPrimitives.WriteUInt16LittleEndian(frame[6..], (ushort)Pick(34, 34, 34, (uint)random.Next(65536)));
        BinaryPrimitives.WriteUInt16LittleEndian(frame[8..], (ushort)Pick(16, 16, 16, (uint)random.Next(65536)));
    }

    private bool Wild() => random.Next(wildness) == 0;

    private bool Chance(int times, int of) => random.Next(of) < times;

    private uint Pick(params ReadOnlySpan<uint> values) => values[random.Next(values.Length)];

    private void Put<T>(ulong physical, T value) where T : unmanaged
    {
        if (memory.Ram.Contains(physical, (ulong)sizeof(T)))
            MemoryMarshal.Write(memory.Ram.Slice(physical, sizeof(T)), value);
    }

    private T Get<T>(ulong physical) where T : unmanaged =>
        memory.Ram.Contains(physical, (ulong)sizeof(T)) ? MemoryMarshal.Read<T>(memory.Ram.Slice(physical, sizeof(T))) : default;
}
