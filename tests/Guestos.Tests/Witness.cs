using System;
using System.Linq;
using Xunit;

namespace Guestos.Tests;

/// <summary>The host's Linux as witness: the same static program prints the same there and in the guest.</summary>
internal static class Witness
{
    /// <param name="last">The line that the program ends with when it has come through.</param>
    public static void Agrees(string monitor, string program, string last, int memory = 64, int seconds = 60)
    {
        Initramfs initramfs = Initramfs.WithBusybox().File($"bin/{program}", Programs.Bytes(program))
            .Script("init", $"mount -t proc proc /proc\n/bin/{program}; echo \"status $?\"; exec reboot -f\n");
        using var guest = new Guest(monitor, initramfs, memory: memory);
        string[] answers = [.. Lines(guest.AwaitEnd(seconds)).Where(line => !line.StartsWith("guestos:", StringComparison.Ordinal)
            && !line.StartsWith("net:", StringComparison.Ordinal))];
        string[] expected = [.. Lines(Programs.RunOnHost(program)), "status 0"];
        Assert.Equal(last, expected[^2]);
        Assert.Equal(expected, answers);
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
