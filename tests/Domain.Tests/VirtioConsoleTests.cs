using Domain.Devices;
using Xunit;

namespace Domain.Tests;

public class VirtioConsoleTests
{
    private readonly FakeConsole console = new();

    private VirtioDriver Start() => new VirtioDriver(memory => new VirtioConsole(memory, console)).Start(0);

    [Fact]
    public void Prints()
    {
        var driver = Start();
        "hello"u8.CopyTo(driver.Memory.Slice(0x10_0000, 5));
        driver.Descriptor(1, 0, 0x10_0000, 5, 0, 0);
        driver.Offer(1, 0);
        driver.Notify(1);
        Assert.Equal("hello", console.Text.ToString());
        Assert.Equal((0u, 0u), driver.TakeUsed(1));
    }

    [Fact]
    public void Takes_as_much_input_as_there_is_room_for()
    {
        var driver = Start();
        var device = (VirtioConsole)driver.Device;
        Assert.False(device.Listening);
        driver.Descriptor(0, 0, 0x10_0000, 3, VirtioDriver.Write, 0);
        driver.Offer(0, 0);
        Assert.True(device.Listening);
        Assert.Equal(3, device.Receive("abcdef"u8));
        Assert.Equal((0u, 3u), driver.TakeUsed(0));
        Assert.Equal(0, device.Receive("def"u8));
    }

    [Fact]
    public void Prints_in_an_emergency_without_any_queue()
    {
        var driver = Start();
        driver.Mmio.Write(0x108, 4, 'x');
        Assert.StartsWith("x", console.Text.ToString());
    }
}
