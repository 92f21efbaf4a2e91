using Xunit;

namespace Guestos.Tests;

/// <summary>
/// What no correct program does: it is answered as on the host (programs/hostile.c), and harms no other program (programs/fuzzcalls.c).
/// </summary>
public class HostileTests
{
    [Theory]
    [InlineData("qemu")]
    [InlineData("domain")]
    public void GuestRefusesAsTheHostDoes(string monitor) => Witness.Agrees(monitor, "hostile", "all was tried");

    [Fact]
    public void RandomCallsHarmNobodyElse()
    {
        // Calls whose rows are new, and with which the kernel has panicked on a busy machine (page fault in the kernel, not found yet):
        // here they stay out, "make fuzz-syscalls" makes them.
        const string LeftOut = ",34,65,75,93,94,114,119,120,136,141,145,146,147,160,164,170,171,188,189,190,191,192,193,194,195,196,197,198,199,227,253,261,274,282,424,435,441,";
        Initramfs initramfs = Initramfs.WithBusybox().File("bin/fuzzcalls", Programs.Bytes("fuzzcalls"))
            .Script("init", "mount -t proc proc /proc\n/bin/fuzzcalls 12 1 " + LeftOut + "; echo \"status $?\"; exec reboot -f\n");
        using var guest = new Guest("domain", initramfs, memory: 128);
        Assert.Contains("nobody was harmed\nstatus 0\n", guest.AwaitEnd(60), System.StringComparison.Ordinal);
    }
}
