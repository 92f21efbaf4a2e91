using System;
using System.Linq;
using Xunit;

namespace Guestos.Tests;

/// <summary>What no honest program does (programs/hostile.c): the process that tries it gets the host's answer, and the kernel goes on.</summary>
public class HostileTests
{
    [Theory]
    [InlineData("qemu")]
    [InlineData("domain")]
    public void GuestRefusesAsTheHostDoes(string monitor)
    {
        Initramfs initramfs = Initramfs.WithBusybox().File("bin/hostile", Programs.Bytes("hostile"))
            .Script("init", "mount -t proc proc /proc\n/bin/hostile; echo \"status $?\"; exec reboot -f\n");
        using var guest = new Guest(monitor, initramfs);
        string[] answers = [.. guest.AwaitEnd(60).Split('\n').Where(line => line.Length > 0
            && !line.StartsWith("guestos:", StringComparison.Ordinal) && !line.StartsWith("net:", StringComparison.Ordinal))];
        string[] expected = [.. Programs.RunOnHost("hostile").Split('\n').Where(line => line.Length > 0), "status 0"];
        Assert.Equal("all was tried", expected[^2]);
        Assert.Equal(expected, answers);
    }
}
