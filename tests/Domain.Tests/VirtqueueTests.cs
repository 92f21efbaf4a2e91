using System;
using CsCheck;
using Domain.Devices;
using Xunit;

namespace Domain.Tests;

/// <summary>The rings against drivers that lie. The entropy device stands for all: what it must not do is write elsewhere.</summary>
public class VirtqueueTests
{
    private const ulong Buffer = 0x10_0000;

    private static VirtioDriver Start(ulong features = 0) => new VirtioDriver(memory => new VirtioEntropy(memory)).Start(features);

    [Fact]
    public void A_good_chain_is_served_and_interrupts()
    {
        var driver = Start();
        driver.Descriptor(0, 3, Buffer, 64, VirtioDriver.Write, 0);
        driver.Offer(0, 3);
        driver.Notify(0);
        Assert.Equal((3u, 64u), driver.TakeUsed(0));
        Assert.True(driver.Line.High);
        Assert.Equal(1u, driver.Read(0x60));
        Assert.Contains((Buffer, 64ul), driver.Written);
        Assert.True(driver.Memory.Slice(Buffer, 64).ContainsAnyExcept((byte)0));
        driver.Set(0x64, 1);
        Assert.False(driver.Line.High);
    }

    [Fact]
    public void An_indirect_chain_is_served()
    {
        var driver = Start(VirtioDriver.IndirectDescriptors);
        driver.DescriptorAt(0x20_0000, 0, Buffer, 16, VirtioDriver.Write | VirtioDriver.Next, 1);
        driver.DescriptorAt(0x20_0000, 1, Buffer + 4096, 16, VirtioDriver.Write, 0);
        driver.Descriptor(0, 0, 0x20_0000, 32, VirtioDriver.Indirect, 0);
        driver.Offer(0, 0);
        driver.Notify(0);
        Assert.Equal((0u, 32u), driver.TakeUsed(0));
        Assert.False(driver.NeedsReset);
    }

    [Theory]
    [InlineData("loop")]
    [InlineData("self loop")]
    [InlineData("next out of table")]
    [InlineData("head out of table")]
    [InlineData("zero length")]
    [InlineData("outside RAM")]
    [InlineData("across the end of RAM")]
    [InlineData("wraps around")]
    [InlineData("huge available index")]
    [InlineData("readable after writable")]
    [InlineData("indirect not negotiated")]
    [InlineData("nested indirect")]
    [InlineData("indirect of odd length")]
    [InlineData("indirect and next")]
    [InlineData("huge indirect table")]
    [InlineData("indirect loop")]
    [InlineData("indirect table outside RAM")]
    [InlineData("nothing writable")]
    public void Nonsense_stops_the_device_and_nothing_else(string kind)
    {
        bool indirect = kind.Contains("indirect", StringComparison.Ordinal) && kind != "indirect not negotiated";
        var driver = Start(indirect ? VirtioDriver.IndirectDescriptors : 0);
        const ushort Next = VirtioDriver.Next, Write = VirtioDriver.Write, Indirect = VirtioDriver.Indirect;
        const ulong Table = 0x20_0000;
        ushort head = 0;
        switch (kind)
        {
            case "loop":
                driver.Descriptor(0, 0, Buffer, 1, Write | Next, 1);
                driver.Descriptor(0, 1, Buffer, 1, Write | Next, 0);
                break;
            case "self loop":
                driver.Descriptor(0, 0, Buffer, 1, Write | Next, 0);
                break;
            case "next out of table":
                driver.Descriptor(0, 0, Buffer, 1, Write | Next, VirtioDriver.QueueSize);
                break;
            case "head out of table":
                head = ushort.MaxValue;
                break;
            case "zero length":
                driver.Descriptor(0, 0, Buffer, 0, Write, 0);
                break;
            case "outside RAM":
                driver.Descriptor(0, 0, 0xfee0_0000, 16, Write, 0);
                break;
            case "across the end of RAM":
                driver.Descriptor(0, 0, driver.Memory.Size - 8, 16, Write, 0);
                break;
            case "wraps around":
                driver.Descriptor(0, 0, ulong.MaxValue - 7, 16, Write, 0);
                break;
            case "huge available index":
                driver.Put(VirtioDriver.Available(0) + 2, (ushort)(VirtioDriver.QueueSize + 1));
                break;
            case "readable after writable":
                driver.Descriptor(0, 0, Buffer, 16, Write | Next, 1);
                driver.Descriptor(0, 1, Buffer, 16, 0, 0);
                break;
            case "indirect not negotiated" or "nested indirect":
                driver.Descriptor(0, 0, Table, 16, Indirect, 0);
                driver.DescriptorAt(Table, 0, Table, 16, Indirect, 0);
                break;
            case "indirect of odd length":
                driver.Descriptor(0, 0, Table, 17, Indirect, 0);
                break;
            case "indirect and next":
                driver.Descriptor(0, 0, Table, 16, Indirect | Next, 1);
                driver.DescriptorAt(Table, 0, Buffer, 16, Write, 0);
                break;
            case "huge indirect table":
                driver.Descriptor(0, 0, 0, 4 << 20, Indirect, 0);
                break;
            case "indirect loop":
                driver.Descriptor(0, 0, Table, 32, Indirect, 0);
                driver.DescriptorAt(Table, 0, Buffer, 1, Write | Next, 1);
                driver.DescriptorAt(Table, 1, Buffer, 1, Write | Next, 0);
                break;
            case "indirect table outside RAM":
                driver.Descriptor(0, 0, driver.Memory.Size, 32, Indirect, 0);
                break;
            case "nothing writable":
                driver.Descriptor(0, 0, Buffer, 16, 0, 0);
                break;
        }
        if (kind != "huge available index")
            driver.Offer(0, head);
        driver.Notify(0);
        Assert.True(driver.NeedsReset);
        Assert.Equal(1ul, driver.Device.Failures);
        Assert.Null(driver.TakeUsed(0));
        Assert.Equal(2u, driver.Read(0x60));   // a driver that runs is told by a configuration change

        // Whatever it does now, nothing happens until reset; then all is well again.
        driver.Notify(0);
        Assert.Equal(1ul, driver.Device.Failures);
        driver.Start(0);
        driver.Descriptor(0, 0, Buffer, 16, Write, 0);
        driver.Offer(0, 0);
        driver.Notify(0);
        Assert.Equal((0u, 16u), driver.TakeUsed(0));
    }

    [Theory]
    [InlineData(0u, 0x1000ul, 0x2000ul, 0x3000ul)]              // no size
    [InlineData(48u, 0x1000ul, 0x2000ul, 0x3000ul)]             // not a power of two
    [InlineData(65536u + 64, 0x1000ul, 0x2000ul, 0x3000ul)]     // truncates to a good size
    [InlineData(64u, 0x1008ul, 0x2000ul, 0x3000ul)]             // unaligned
    [InlineData(64u, 0x1000ul, 0x2001ul, 0x3000ul)]
    [InlineData(64u, 0x1000ul, 0x2000ul, 0x3002ul)]
    [InlineData(64u, 0x7ffff0ul, 0x2000ul, 0x3000ul)]           // beyond RAM
    [InlineData(64u, 0x1000ul, 0xffff_ffff_ffff_fffeul, 0x3000ul)]
    [InlineData(64u, 0x1000ul, 0x2000ul, 0x1_0000_0000ul)]
    public void Rings_that_cannot_be_are_refused(uint size, ulong descriptors, ulong available, ulong used)
    {
        var driver = new VirtioDriver(memory => new VirtioEntropy(memory));
        driver.Set(0x70, 3);
        driver.Set(0x24, 1);
        driver.Set(0x20, 1);
        driver.Set(0x70, 11);
        driver.Place(0, size, descriptors, available, used);
        driver.Set(0x44, 1);
        Assert.Equal(0u, driver.Read(0x44));
        Assert.True(driver.NeedsReset);
    }

    [Fact]
    public void The_event_index_decides_about_interrupts()
    {
        var driver = Start(VirtioDriver.EventIndex);
        ulong usedEvent = VirtioDriver.Available(0) + 4 + 2 * VirtioDriver.QueueSize;
        driver.Put(usedEvent, (ushort)1);   // "after the second"
        driver.Descriptor(0, 0, Buffer, 16, VirtioDriver.Write, 0);
        driver.Offer(0, 0);
        driver.Notify(0);
        Assert.Equal(0, driver.Line.Events);
        driver.Offer(0, 0);
        driver.Notify(0);
        Assert.Equal(1, driver.Line.Events);
        ulong availableEvent = VirtioDriver.Used(0) + 4 + 8 * VirtioDriver.QueueSize;
        Assert.Equal(2, driver.Get<ushort>(availableEvent));
    }

    [Fact]
    public void Indices_wrap()
    {
        var driver = Start();
        driver.Descriptor(0, 0, Buffer, 1, VirtioDriver.Write, 0);
        for (int i = 0; i < 70_000; i++)
        {
            driver.Offer(0, 0);
            driver.Notify(0);
            Assert.Equal((0u, 1u), driver.TakeUsed(0));
        }
    }

    [Fact]
    public void Random_rings_never_hurt_anything_but_the_device()
    {
        Gen.Select(Gen.Byte.Array[0x1000], Gen.UShort, Gen.Bool).Sample((bytes, index, indirect) =>
        {
            var driver = new VirtioDriver(memory => new VirtioEntropy(memory), 1 << 20).Start(indirect ? VirtioDriver.IndirectDescriptors : 0);
            // Random descriptors whose fields are mostly plausible, so that deep checks are reached.
            for (int i = 0; i < VirtioDriver.QueueSize; i++)
            {
                var raw = bytes.AsSpan(i * 16, 16);
                ulong address = BitConverter.ToUInt32(raw) & 0x1f_ffff;
                driver.Descriptor(0, i, address, (uint)(raw[8] | (raw[9] & 1) << 16), (ushort)(raw[12] & 7), (ushort)(raw[14] & 0x7f));
            }
            for (int i = 0; i < VirtioDriver.QueueSize; i++)
                driver.Put(VirtioDriver.Available(0) + 4 + 2UL * (uint)i, (ushort)(bytes[0x800 + i] & 0x7f));
            driver.Put(VirtioDriver.Available(0) + 2, (ushort)(index & 0x7f));
            driver.Notify(0);
            foreach (var (physical, length) in driver.Written)
                Assert.True(driver.Memory.Contains(physical, length));
        }, iter: 300, threads: 1);
    }
}
