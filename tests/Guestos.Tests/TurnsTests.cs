using System;
using System.Linq;
using Xunit;

namespace Guestos.Tests;

/// <summary>How processes share the processor, and how long a system call of one keeps the others waiting.</summary>
public class TurnsTests
{
    [Fact]
    public void NobodyIsKeptWaiting()
    {
        Initramfs initramfs = Initramfs.WithBusybox().File("bin/neighbours", Programs.Bytes("neighbours"))
            .Script("init", "mount -t proc proc /proc; /bin/neighbours; echo \"status $?\"; exec reboot -f\n");
        using var guest = new Guest("counted", initramfs, memory: 256);
        string[] lines = guest.AwaitEnd(120).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["all was measured", "status 0"], lines.Where(line => !line.EndsWith(": well", StringComparison.Ordinal)
            && !line.StartsWith("net:", StringComparison.Ordinal) && !line.StartsWith("guestos:", StringComparison.Ordinal)));
        Assert.Equal(46, lines.Count(line => line.EndsWith(": well", StringComparison.Ordinal)));
    }
    /// <summary>A twentieth of the time is left for those without a real-time priority: a guest is reached, stopped and moved whatever its programs do.</summary>
    [Theory]
    [InlineData("qemu")]
    [InlineData("domain")]
    public void OthersGoOnBesideAProcessOfTheHighestPriorityThatNeverSleeps(string monitor)
    {
        Initramfs initramfs = Initramfs.WithBusybox().File("bin/realtime", Programs.Bytes("realtime"))
            .Script("init", "mount -t proc proc /proc; /bin/realtime beside; echo \"status $?\"; exec reboot -f\n");
        using var guest = new Guest(monitor, initramfs, memory: 96);
        string[] lines = guest.AwaitEnd(120).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["set(SCHED_FIFO, 99): 0", "second 1", "second 2", "second 3", "status 0"],
            lines.Where(line => !line.StartsWith("net:", StringComparison.Ordinal) && !line.StartsWith("guestos:", StringComparison.Ordinal)));
    }
}
