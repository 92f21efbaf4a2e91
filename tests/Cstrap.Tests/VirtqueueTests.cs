using System;
using System.Runtime.InteropServices;
using Board;
using Xunit;

namespace Cstrap.Tests;

/// <summary>A split virtqueue against a device that does everything right, and against one that lies.</summary>
public sealed unsafe class VirtqueueTests : IDisposable
{
    private const int Size = 8;
    private readonly byte* memory = (byte*)NativeMemory.AlignedAlloc(1 << 16, 4096);
    private readonly byte* data;
    private Virtqueue queue;
    private ushort deviceAvailable, deviceUsed;

    public VirtqueueTests()
    {
        data = memory + 32768;
        Assert.True(queue.TryInit(memory, Virtqueue.RequiredMemory(Size), Size, 0, 0));
    }

    public void Dispose() => NativeMemory.AlignedFree(memory);

    private ushort* Available => (ushort*)queue.AvailablePhysical;

    private ushort* Used => (ushort*)queue.UsedPhysical;

    private bool Add(int readable, int writable, ulong tag)
    {
        BufferPiece* pieces = stackalloc BufferPiece[16];
        for (int i = 0; i < readable + writable; i++)
            pieces[i] = new BufferPiece { Address = data + 100 * i, Length = 100 };
        return queue.Add(pieces, readable, writable, tag);
    }

    /// <summary>The device takes the next chain that it was shown.</summary>
    private ushort DeviceTake()
    {
        Assert.NotEqual(Available[1], deviceAvailable);
        return Available[2 + deviceAvailable++ % Size];
    }

    private void DeviceReturn(uint head, uint length)
    {
        uint* element = (uint*)(Used + 2) + 2 * (deviceUsed++ % Size);
        element[0] = head;
        element[1] = length;
        Used[1] = deviceUsed;
    }

    [Fact]
    public void Chains_go_round_for_ever_in_any_order()
    {
        var random = new Random(3);
        ulong given = 0, returned = 0, sumGiven = 0, sumReturned = 0;
        var held = new System.Collections.Generic.List<ushort>();
        for (int step = 0; step < 400_000; step++)
        {
            int writable = random.Next(0, 3), readable = random.Next(writable == 0 ? 1 : 0, 3);
            bool room = readable + writable <= queue.FreeDescriptors;
            Assert.Equal(room, Add(readable, writable, given + 1));
            if (room)
                sumGiven += ++given;
            queue.Publish();
            while (deviceAvailable != Available[1])
                held.Add(DeviceTake());
            while (held.Count > 0 && random.Next(3) > 0)
            {
                int which = random.Next(held.Count);
                DeviceReturn(held[which], 0);
                held.RemoveAt(which);
            }
            while (queue.Take(out ulong tag, out _))
            {
                returned++;
                sumReturned += tag;
            }
        }
        foreach (ushort head in held)
            DeviceReturn(head, 0);
        while (queue.Take(out ulong tag, out _))
        {
            returned++;
            sumReturned += tag;
        }
        Assert.False(queue.Broken);
        Assert.Equal((given, sumGiven, Size), (returned, sumReturned, queue.FreeDescriptors));
    }

    [Theory]
    [InlineData(8u)]
    [InlineData(0xffffffffu)]
    [InlineData(3u)] // a descriptor that heads no chain
    public void An_element_that_names_no_chain_in_flight_breaks_the_queue(uint head)
    {
        Assert.True(Add(1, 1, 5));
        queue.Publish();
        DeviceTake();
        DeviceReturn(head, 0);
        Assert.False(queue.Take(out _, out _));
        Assert.True(queue.Broken);
        Assert.False(queue.HasUsed);
        Assert.False(Add(1, 0, 1));
    }

    [Fact]
    public void A_chain_is_given_back_once()
    {
        Assert.True(Add(0, 1, 5));
        queue.Publish();
        ushort head = DeviceTake();
        DeviceReturn(head, 100);
        DeviceReturn(head, 100);
        Assert.True(queue.Take(out ulong tag, out uint length));
        Assert.Equal((5ul, 100u), (tag, length));
        Assert.False(queue.Take(out _, out _));
        Assert.True(queue.Broken);
    }

    [Theory]
    [InlineData(1, 1, 101u, true)]
    [InlineData(0, 2, 200u, false)]
    [InlineData(0, 2, 201u, true)]
    [InlineData(1, 0, 77u, false)] // what is "written" into a chain that only is read does not matter
    public void No_more_comes_back_than_was_lent(int readable, int writable, uint length, bool broken)
    {
        Assert.True(Add(readable, writable, 9));
        queue.Publish();
        DeviceReturn(DeviceTake(), length);
        Assert.Equal(!broken, queue.Take(out _, out uint taken));
        Assert.Equal(broken, queue.Broken);
        Assert.True(broken || taken == (writable == 0 ? 0 : length));
    }

    [Fact]
    public void An_index_that_ran_ahead_breaks_the_queue()
    {
        Assert.True(Add(1, 0, 1));
        queue.Publish();
        Used[1] = Size + 1;
        Assert.False(queue.Take(out _, out _));
        Assert.True(queue.Broken);
    }

    [Fact]
    public void The_device_is_told_only_when_it_wants_to_be()
    {
        Assert.False(queue.Publish());
        Add(1, 0, 1);
        Assert.True(queue.Publish());
        Assert.False(queue.Publish());
        Used[0] = 1; // VIRTQ_USED_F_NO_NOTIFY
        Add(1, 0, 2);
        Assert.False(queue.Publish());

        Assert.True(queue.TryInit(memory, Virtqueue.RequiredMemory(Size), Size, 0, VirtioMmio.VirtioFEventIdx));
        ushort* wish = Used + 2 + 4 * Size;
        *wish = 1;
        Add(1, 0, 1);
        Assert.False(queue.Publish());
        Add(1, 0, 2);
        Assert.True(queue.Publish());
        *wish = 9;
        Add(1, 0, 3);
        Assert.False(queue.Publish());
    }

    [Fact]
    public void Sizes_that_cannot_be_are_refused()
    {
        foreach (int size in new[] { 0, 1, 3, 6, 2048, -4 })
            Assert.False(queue.TryInit(memory, 1 << 16, size, 0, 0));
        Assert.False(queue.TryInit(memory, Virtqueue.RequiredMemory(Size) - 1, Size, 0, 0));
        Assert.False(queue.TryInit(memory + 8, 1 << 16, Size, 0, 0));
    }
}
