using System;
using Xunit;

namespace Guestos.Tests;

/// <summary>Hard times (programs/hardship.c): the program ends as it should, the kernel goes on, and all memory comes back.</summary>
public class HardshipTests
{
    private const string LongCalls = "sendfile of zeros: others run, then: killed by 9\nsendfile of random bytes: others run, then: killed by 9\n"
        + "readv of zeros: others run, then: killed by 9\npreadv of random bytes: others run, then: killed by 9\n"
        + "getrandom: others run, then: killed by 9\nlong calls: exited 0\nmemory is back\n";

    private const string SystemV = "undone sets: memory is back\nundo of 500 sets, then ENOMEM\nof the first: 0\nsets with undo: memory is back\n"
        + "shmdt: memory is back\nmunmap: memory is back\nexit: memory is back\nexec: memory is back\nSystem V: exited 0\nmemory is back\n";

    private const string Sparse = "reader: killed by 9\nwriter: killed by 9\nits neighbour is there\nunmapped\nsparsely: exited 0\nmemory is back\n";

    [Theory]
    [InlineData("qemu", "overflow", "stack overflow: killed by 11\nmemory is back\n", "segmentation fault at ")]
    [InlineData("domain", "overflow", "stack overflow: killed by 11\nmemory is back\n", "segmentation fault at ")]
    [InlineData("qemu", "eat", "eater: killed by 9\nmemory is back\n", "out of memory: process ")]
    [InlineData("domain", "eat", "eater: killed by 9\nmemory is back\n", "out of memory: process ")]
    [InlineData("qemu", "eat-by-read", "eater by read: killed by 9\nmemory is back\n", "out of memory: process ")]
    [InlineData("qemu", "sparse", Sparse, "out of memory: process ")]
    [InlineData("domain", "sparse", Sparse, "out of memory: process ")]
    [InlineData("domain", "hogs", "hog: killed by 9\nhog: killed by 9\nhogs: exited 0\nmemory is back\n", "out of memory: process ")]
    [InlineData("domain", "crowd", "the superuser started 8\ncrowd: exited 0\nmemory is back\n", "")]
    [InlineData("qemu", "bomb", "stopped by EAGAIN after some hundred\nbomb: exited 0\nmemory is back\n", "")]
    [InlineData("domain", "bomb", "stopped by EAGAIN after some hundred\nbomb: exited 0\nmemory is back\n", "")]
    [InlineData("qemu", "wild-bomb", "wild bomb: exited 0\nmemory is back\n", "")]
    [InlineData("domain", "programs", "programs: exited 0\nmemory is back\n", "")]
    [InlineData("qemu", "mappings", "the limit is ENOMEM\nmappings: exited 0\nmemory is back\n", "")]
    [InlineData("domain", "files", "no more files, the superuser goes on\nfiles: exited 0\nmemory is back\n", "")]
    [InlineData("qemu", "disk", "the disk is full, the superuser goes on\ndisk: exited 0\nmemory is back\n", "")]
    [InlineData("domain", "disk", "the disk is full, the superuser goes on\ndisk: exited 0\nmemory is back\n", "")]
    [InlineData("domain", "tables", "listeners: ENOBUFS for others, one for the superuser\n"
        + "datagram sockets: ENOBUFS for others, one for the superuser\n"
        + "watched files: ENOSPC for others, one for the superuser\ntables: exited 0\nmemory is back\n", "")]
    [InlineData("qemu", "orphans", "orphans: exited 0\nmemory is back\n", "")]
    [InlineData("qemu", "long-calls", LongCalls, "")]
    [InlineData("domain", "long-calls", LongCalls, "")]
    [InlineData("qemu", "system-v", SystemV, "")]
    [InlineData("domain", "system-v", SystemV, "")]
    [InlineData("qemu", "storm", "survived the storms, over 40000 calls\nmemory is back\n", "")]
    [InlineData("domain", "storm", "survived the storms, over 40000 calls\nmemory is back\n", "")]
    public void KernelSurvives(string monitor, string what, string expected, string logged)
    {
        Initramfs initramfs = Initramfs.WithBusybox().File("bin/hardship", Programs.Bytes("hardship"))
            .Script("init", $"mount -t proc proc /proc\n/bin/hardship {what}\necho \"status $?\"\nps | wc -l\necho end; exec reboot -f\n");
        using var guest = new Guest(monitor, initramfs, memory: 48);
        string console = guest.AwaitEnd(40);
        string printed = string.Join('\n', Array.FindAll(console.Split('\n'), line => !line.StartsWith("guestos:", StringComparison.Ordinal)));
        Assert.Contains(expected + "status 0\n", printed, StringComparison.Ordinal);
        Assert.Contains(logged, console, StringComparison.Ordinal);
        // No process is left but the shell, ps and wc.
        string left = printed[(printed.IndexOf("status 0\n", StringComparison.Ordinal) + 9)..printed.IndexOf("\nend", StringComparison.Ordinal)];
        Assert.InRange(int.Parse(left, System.Globalization.CultureInfo.InvariantCulture), 2, 4);
    }
}
