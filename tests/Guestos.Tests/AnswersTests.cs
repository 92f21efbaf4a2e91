using System;
using System.Linq;
using Xunit;

namespace Guestos.Tests;

/// <summary>System calls against the host's answers: the same static program there and here prints the same.</summary>
public class AnswersTests
{
    [Theory]
    [InlineData("qemu")]
    [InlineData("domain")]
    public void GuestAnswersAsTheHostDoes(string monitor)
    {
        Initramfs initramfs = Initramfs.WithBusybox().File("bin/answers", Programs.Bytes("answers"))
            .Script("init", "mount -t proc proc /proc\n/bin/answers; echo \"status $?\"; exec reboot -f\n");
        using var guest = new Guest(monitor, initramfs);
        string[] answers = [.. guest.AwaitEnd().Split('\n').Where(line => line.Length > 0 && !line.StartsWith("guestos:", StringComparison.Ordinal) && !line.StartsWith("net:", StringComparison.Ordinal))];
        string[] expected = [.. Programs.RunOnHost("answers").Split('\n').Where(line => line.Length > 0), "status 0"];
        Assert.Equal("all answers given", expected[^2]);
        Assert.Equal(expected, answers);
    }
}
