using System.Collections.Generic;
using Domain.Devices;
using Xunit;

namespace Domain.Tests;

/// <summary>The transport's registers (virtio 1.2, 4.2.2).</summary>
public class VirtioMmioTests
{
    private static VirtioDriver Create() => new(memory => new VirtioNet(memory, new FakeChannel(true), [2, 0x45, 10, 0, 0, 1]));

    [Fact]
    public void Identifies_itself()
    {
        var driver = Create();
        Assert.Equal(0x74726976u, driver.Read(0));
        Assert.Equal(2u, driver.Read(4));
        Assert.Equal(1u, driver.Read(8));
        driver.Set(0x14, 1);
        Assert.Equal(1u, driver.Read(0x10));
        driver.Set(0x14, 2);
        Assert.Equal(0u, driver.Read(0x10));
        driver.Set(0x30, 1);
        Assert.Equal(256u, driver.Read(0x34));
        driver.Set(0x30, 2);
        Assert.Equal(0u, driver.Read(0x34));
        Assert.Equal(0xffff_ffffu, driver.Read(0xb0));
    }

    [Fact]
    public void Shows_its_hardware_address_byte_by_byte_and_in_words()
    {
        var driver = Create();
        Assert.Equal(0x0000_0a45_02ul, driver.Mmio.Read(0x100, 4));
        Assert.Equal(0x01u, (uint)driver.Mmio.Read(0x105, 1));
        Assert.Equal(1u, (uint)driver.Mmio.Read(0x106, 2));
        Assert.Equal(0u, (uint)driver.Mmio.Read(0x1fc, 4));
    }

    [Fact]
    public void Features_that_were_not_offered_do_not_stick()
    {
        var driver = Create();
        driver.Set(0x70, 3);
        driver.Set(0x24, 1);
        driver.Set(0x20, 1 | 1u << 20);
        driver.Set(0x70, 11);
        Assert.Equal(3u, driver.Status);
    }

    [Fact]
    public void A_driver_of_the_old_interface_is_refused()
    {
        var driver = Create();
        driver.Set(0x70, 3);
        driver.Set(0x70, 11);
        Assert.Equal(3u, driver.Status);
    }

    [Fact]
    public void Features_are_fixed_once_accepted()
    {
        var driver = Create().Start(0);
        driver.Set(0x24, 0);
        driver.Set(0x20, 0xffff_ffff);
        driver.Set(0x70, 15);
        Assert.Equal(15u, driver.Status);
        Assert.Equal(VirtioDriver.Version1, driver.Device.Negotiated);
    }

    [Fact]
    public void A_queue_before_features_breaks_the_device()
    {
        var driver = Create();
        driver.Set(0x70, 3);
        driver.Place(0, 64, 0x1000, 0x2000, 0x3000);
        driver.Set(0x44, 1);
        Assert.True(driver.NeedsReset);
        driver.Set(0x70, 0);
        Assert.Equal(0u, driver.Status);
    }

    [Fact]
    public void A_ready_queue_keeps_its_place()
    {
        var driver = Create().Start(0);
        driver.Place(0, 1, 0x7f_fff0, 0, 0);
        Assert.Equal(VirtioDriver.QueueSize, driver.Device.Queues[0].Size);
        Assert.Equal(VirtioDriver.Descriptors(0), driver.Device.Queues[0].DescriptorAddress);
    }

    [Fact]
    public void Strange_accesses_are_ignored()
    {
        var driver = Create().Start(0);
        Assert.Equal(0ul, driver.Mmio.Read(0x00, 1));
        Assert.Equal(0ul, driver.Mmio.Read(0x02, 4));
        driver.Mmio.Write(0x70, 1, 0);
        driver.Mmio.Write(0x72, 4, 0);
        Assert.Equal(15u, driver.Status);
        driver.Set(0x50, 0xffff_ffff);
        driver.Set(0x50, 2);
        Assert.Equal(15u, driver.Status);
    }

    [Fact]
    public void Reset_forgets_everything()
    {
        var driver = Create().Start(0);
        driver.Set(0x70, 0);
        Assert.Equal(0u, driver.Status);
        Assert.Equal(0u, driver.Read(0x44));
        Assert.False(driver.Device.Running);
        Assert.Equal(0ul, driver.Device.Negotiated);
    }

    [Fact]
    public void Who_asks_is_told_that_a_driver_is_ready_breaks_the_rules_and_resets()
    {
        var driver = Create();
        var changes = new List<VirtioDriverChange>();
        driver.Device.DriverChanged = changes.Add;
        driver.Set(0x70, 0);
        Assert.Empty(changes);
        driver.Start(0);
        Assert.Equal([VirtioDriverChange.Ready], changes[^1..]);
        driver.Device.Fail();
        driver.Device.Fail();
        driver.Set(0x70, 0);
        Assert.Equal([VirtioDriverChange.Ready, VirtioDriverChange.Failed, VirtioDriverChange.Reset], changes[^3..]);
    }
}
