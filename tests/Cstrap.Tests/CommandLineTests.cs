using System;
using System.Text;
using Board;
using Xunit;

namespace Cstrap.Tests;

/// <summary>The words of the command line: devices and cstrap's own.</summary>
public sealed class CommandLineTests
{
    private const string Hash = "0123456789abcdef0123456789ABCDEF01234567";

    [Fact]
    public void Devices_are_found_wherever_they_stand()
    {
        ReadOnlySpan<byte> line = "console=x  virtio_mmio.device=512@0xfeb00e00:12 quiet virtio_mmio.device=4K@0xd0000000:5:3 "u8;
        Assert.True(DeviceAnnouncement.TryNext(ref line, out DeviceAnnouncement device));
        Assert.Equal((512ul, 0xfeb00e00ul, 12), (device.Size, device.Base, device.Interrupt));
        Assert.True(DeviceAnnouncement.TryNext(ref line, out device));
        Assert.Equal((4096ul, 0xd0000000ul, 5), (device.Size, device.Base, device.Interrupt));
        Assert.False(DeviceAnnouncement.TryNext(ref line, out _));
    }

    [Theory]
    [InlineData("")]
    [InlineData("virtio_mmio.device=")]
    [InlineData("virtio_mmio.device=512")]
    [InlineData("virtio_mmio.device=512@")]
    [InlineData("virtio_mmio.device=512@0xfeb00000")]
    [InlineData("virtio_mmio.device=512@0xfeb00000:")]
    [InlineData("virtio_mmio.device=512@0xfeb00000:x")]
    [InlineData("virtio_mmio.device=512@0xfeb00000:300")]
    [InlineData("virtio_mmio.device=12@0xfeb00000:3")]
    [InlineData("virtio_mmio.device=512@0:3")]
    [InlineData("virtio_mmio.device=512@0xfeb00001:3")]
    [InlineData("virtio_mmio.device=512@0xfeb00000:3trailing")]
    [InlineData("virtio_mmio.device=512@0x123456789abcdef01:3")]
    [InlineData("xvirtio_mmio.device=512@0xfeb00000:3")]
    public void Malformed_devices_are_not_there(string text)
    {
        ReadOnlySpan<byte> line = Encoding.ASCII.GetBytes(text);
        Assert.False(DeviceAnnouncement.TryNext(ref line, out _));
    }

    [Fact]
    public unsafe void Cstrap_reads_its_own_words()
    {
        byte[] line = Encoding.ASCII.GetBytes($"evilman.boot=10.1.2.3/24 evilman.gateway=10.1.2.254 evilman.loader={Hash} evilman.guests=10.1.2.4 x=y");
        Assert.True(BootArguments.TryParse(line, out BootArguments arguments));
        Assert.Equal((0x0a010203u, 24, 0x0a0102feu), (arguments.BootAddress, arguments.PrefixLength, arguments.Gateway));
        Assert.Equal((0x01, 0x67), (arguments.LoaderHash[0], arguments.LoaderHash[19]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("evilman.boot=10.1.2.3/24")]
    [InlineData("evilman.loader=" + Hash)]
    [InlineData("evilman.boot=10.1.2.3 evilman.loader=" + Hash)]
    [InlineData("evilman.boot=10.1.2/24 evilman.loader=" + Hash)]
    [InlineData("evilman.boot=10.1.2.256/24 evilman.loader=" + Hash)]
    [InlineData("evilman.boot=10.1.2.3/33 evilman.loader=" + Hash)]
    [InlineData("evilman.boot=10.1.2.3/24x evilman.loader=" + Hash)]
    [InlineData("evilman.boot=10.1.2.3/24 evilman.loader=" + Hash + "0")]
    [InlineData("evilman.boot=10.1.2.3/24 evilman.loader=g123456789abcdef0123456789abcdef01234567")]
    [InlineData("evilman.boot=10.1.2.3/24 evilman.gateway=1.2.3 evilman.loader=" + Hash)]
    public void What_is_missing_or_malformed_is_an_error(string line) => Assert.False(BootArguments.TryParse(Encoding.ASCII.GetBytes(line), out _));
}
