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
        Initramfs initramfs = Initramfs.WithBusybox().File("bin/fuzzcalls", Programs.Bytes("fuzzcalls"))
            .Script("init", "mount -t proc proc /proc\n/bin/fuzzcalls 12 1; echo \"status $?\"; exec reboot -f\n");
        using var guest = new Guest("domain", initramfs, memory: 128);
        Assert.Contains("nobody was harmed\nstatus 0\n", guest.AwaitEnd(60), System.StringComparison.Ordinal);
    }
}
