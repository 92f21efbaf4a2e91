using System;
using System.IO;
using Domain.Devices;
using Xunit;

namespace Domain.Tests;

public sealed class VirtioBlockTests : IDisposable
{
    private const ulong Header = 0x10_0000, Data = 0x11_0000, Status = 0x13_0000;
    private readonly string path = Path.GetTempFileName();
    private readonly FileStream file;

    public VirtioBlockTests()
    {
        byte[] disk = new byte[64 * 512];
        for (int i = 0; i < disk.Length; i++)
            disk[i] = (byte)(i / 512);
        File.WriteAllBytes(path, disk);
        file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
    }

    public void Dispose()
    {
        file.Dispose();
        File.Delete(path);
    }

    private VirtioDriver Start(bool readOnly = false) =>
        new VirtioDriver(memory => new VirtioBlock(memory, (int)file.SafeFileHandle.DangerousGetHandle(), 64 * 512, readOnly)).Start(0);

    private static (byte Status, uint Written) Request(VirtioDriver driver, uint type, ulong sector, uint bytes, bool write)
    {
        driver.Put(Header, type);
        driver.Put(Header + 8, sector);
        driver.Put(Status, (byte)0xaa);
        driver.Descriptor(0, 0, Header, 16, VirtioDriver.Next, bytes > 0 ? (ushort)1 : (ushort)2);
        driver.Descriptor(0, 1, Data, bytes, (ushort)(VirtioDriver.Next | (write ? 0 : VirtioDriver.Write)), 2);
        driver.Descriptor(0, 2, Status, 1, VirtioDriver.Write, 0);
        driver.Offer(0, 0);
        driver.Notify(0);
        var used = driver.TakeUsed(0);
        Assert.NotNull(used);
        return (driver.Get<byte>(Status), used.Value.Length);
    }

    [Fact]
    public void Reads_sectors()
    {
        var driver = Start();
        Assert.Equal(64ul, driver.Mmio.Read(0x100, 8));
        Assert.Equal((0, 1025u), Request(driver, 0, 7, 1024, write: false));
        Assert.Equal(7, driver.Get<byte>(Data));
        Assert.Equal(8, driver.Get<byte>(Data + 512));
    }

    [Fact]
    public void Writes_and_flushes()
    {
        var driver = Start();
        driver.Memory.Slice(Data, 512).Fill(0x77);
        Assert.Equal((0, 1u), Request(driver, 1, 63, 512, write: true));
        Assert.Equal((0, 1u), Request(driver, 4, 0, 0, write: false));
        Assert.Equal(0x77, File.ReadAllBytes(path)[63 * 512]);
    }

    [Theory]
    [InlineData(0u, 64ul, 512u)]
    [InlineData(0u, 63ul, 1024u)]
    [InlineData(0u, 0ul, 511u)]
    [InlineData(0u, ulong.MaxValue, 512u)]
    [InlineData(0u, 1ul << 55, 512u)]
    public void Requests_outside_the_disk_fail(uint type, ulong sector, uint bytes)
    {
        var driver = Start();
        Assert.Equal((1, 1u), Request(driver, type, sector, bytes, write: false));
        Assert.False(driver.NeedsReset);
    }

    [Fact]
    public void A_read_only_disk_is_not_written()
    {
        var driver = Start(readOnly: true);
        Assert.Equal((1, 1u), Request(driver, 1, 0, 512, write: true));
        Assert.Equal(0, File.ReadAllBytes(path)[0]);
    }

    [Fact]
    public void Buffers_of_the_wrong_direction_and_unknown_requests_are_refused()
    {
        var driver = Start();
        Assert.Equal(1, Request(driver, 0, 0, 512, write: true).Status);
        Assert.Equal(1, Request(driver, 1, 0, 512, write: false).Status);
        Assert.Equal(2, Request(driver, 99, 0, 512, write: false).Status);
    }

    [Fact]
    public void Tells_its_name()
    {
        var driver = Start();
        Assert.Equal((0, 21u), Request(driver, 8, 0, 20, write: false));
        Assert.True(driver.Memory.Slice(Data, 11).SequenceEqual("domain-disk"u8));
    }

    [Fact]
    public void A_request_without_status_byte_breaks_the_device()
    {
        var driver = Start();
        driver.Descriptor(0, 0, Header, 16, 0, 0);
        driver.Offer(0, 0);
        driver.Notify(0);
        Assert.True(driver.NeedsReset);
    }
}
