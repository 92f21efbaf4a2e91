using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Domain.Devices;

namespace Domain.Tests;

/// <summary>A driver for one virtio-mmio device, in as few lines as the specification allows; it can also misbehave.</summary>
internal sealed class VirtioDriver
{
    public const ulong IndirectDescriptors = VirtioMmio.VirtioFIndirectDesc, EventIndex = VirtioMmio.VirtioFEventIdx, Version1 = VirtioMmio.VirtioFVersion1;
    public const ushort Next = 1, Write = 2, Indirect = 4;

    public readonly GuestMemory Memory;
    public readonly VirtioDevice Device;
    public readonly FakeLine Line = new();
    public readonly VirtioMmio Mmio;
    public readonly List<(ulong Physical, ulong Length)> Written = [];

    private readonly Dictionary<int, ushort> availableIndex = [];
    private readonly Dictionary<int, ushort> usedIndex = [];

    public VirtioDriver(Func<DmaMemory, VirtioDevice> create, ulong memoryBytes = 8 << 20)
        : this(create, GuestMemory.Allocate(memoryBytes))
    {
    }

    public VirtioDriver(Func<DmaMemory, VirtioDevice> create, GuestMemory memory)
    {
        Memory = memory;
        Device = create(new DmaMemory(Memory, (physical, length) => Written.Add((physical, length))));
        Mmio = new VirtioMmio(Device, Line);
    }

    public const ushort QueueSize = 64;

    public static ulong Descriptors(int queue) => 0x10000 + (ulong)queue * 0x10000;

    public static ulong Available(int queue) => Descriptors(queue) + 0x4000;

    public static ulong Used(int queue) => Descriptors(queue) + 0x8000;

    public uint Read(ulong offset) => (uint)Mmio.Read(offset, 4);

    public void Set(ulong offset, ulong value) => Mmio.Write(offset, 4, value);

    public uint Status => Read(0x70);

    public bool NeedsReset => (Status & 0x40) != 0;

    /// <summary>Resets, negotiates and starts the device with its queues (3.1.1).</summary>
    public VirtioDriver Start(ulong features)
    {
        features |= Version1;
        Set(0x70, 0);
        availableIndex.Clear();
        usedIndex.Clear();
        Set(0x70, 1);
        Set(0x70, 3);
        Set(0x24, 0);
        Set(0x20, (uint)features);
        Set(0x24, 1);
        Set(0x20, features >> 32);
        Set(0x70, 11);
        for (int queue = 0; queue < Device.Queues.Length; queue++)
        {
            Memory.Slice(Descriptors(queue), 0x10000).Clear();
            Place(queue, QueueSize, Descriptors(queue), Available(queue), Used(queue));
            Set(0x44, 1);
        }
        Set(0x70, 15);
        return this;
    }

    public void Place(int queue, uint size, ulong descriptors, ulong available, ulong used)
    {
        Set(0x30, (uint)queue);
        Set(0x38, size);
        Set(0x80, (uint)descriptors);
        Set(0x84, descriptors >> 32);
        Set(0x90, (uint)available);
        Set(0x94, available >> 32);
        Set(0xa0, (uint)used);
        Set(0xa4, used >> 32);
    }

    public void Descriptor(int queue, int index, ulong address, uint length, ushort flags, ushort next) =>
        DescriptorAt(Descriptors(queue), index, address, length, flags, next);

    public void DescriptorAt(ulong table, int index, ulong address, uint length, ushort flags, ushort next)
    {
        ulong at = table + (ulong)index * 16;
        Put(at, address);
        Put(at + 8, length);
        Put(at + 12, flags);
        Put(at + 14, next);
    }

    public void Put<T>(ulong physical, T value) where T : unmanaged => MemoryMarshal.Write(Memory.Slice(physical, Marshal.SizeOf<T>()), value);

    public T Get<T>(ulong physical) where T : unmanaged => MemoryMarshal.Read<T>(Memory.Slice(physical, Marshal.SizeOf<T>()));

    /// <summary>Offers the chain that begins at <paramref name="head"/> without telling the device.</summary>
    public void Offer(int queue, ushort head)
    {
        ushort index = availableIndex.GetValueOrDefault(queue);
        Put(Available(queue) + 4 + 2UL * (uint)(index % QueueSize), head);
        availableIndex[queue] = ++index;
        Put(Available(queue) + 2, index);
    }

    public void Notify(int queue) => Set(0x50, (uint)queue);

    /// <summary>The next chain the device returned, or null.</summary>
    public (uint Head, uint Length)? TakeUsed(int queue)
    {
        ushort index = usedIndex.GetValueOrDefault(queue);
        if (index == Get<ushort>(Used(queue) + 2))
            return null;
        ulong at = Used(queue) + 4 + 8UL * (uint)(index % QueueSize);
        usedIndex[queue] = (ushort)(index + 1);
        return (Get<uint>(at), Get<uint>(at + 4));
    }
}
