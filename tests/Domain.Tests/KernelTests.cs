using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Testing;
using Xunit;

namespace Domain.Tests;

/// <summary>A test of kernels that deploy/debian-kernel fetches.</summary>
public sealed class KernelTheoryAttribute : TheoryAttribute
{
    public KernelTheoryAttribute()
    {
        if (!KernelTests.Kernels().Any())
            Skip = "needs a kernel that deploy/debian-kernel fetches";
    }
}

/// <summary>
/// Kernels as Debian ships them on the whole machine: they find its devices in the ACPI tables, its clock, its timer, and their way out.
/// One in every run; <c>make kernels</c> fetches more, which the variable KERNELS names.
/// </summary>
public partial class KernelTests
{
    private const string Init = """
        #!/bin/busybox sh
        /bin/busybox --install -s /bin
        mount -t proc proc /proc
        mount -t sysfs sys /sys
        mount -t devtmpfs dev /dev
        while read module; do insmod /$module.ko; done </modules
        echo "clock: $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
        echo "timer: $(sed -n 's/^Clock Event Device: lapic/lapic/p' /proc/timer_list)"
        ticks() { awk '/LOC:/ { print $2 }' /proc/interrupts; }
        before=$(ticks)
        begin=$(cut -d ' ' -f 1 /proc/uptime)
        sleep 0.5
        echo "slept: $begin $(cut -d ' ' -f 1 /proc/uptime) $before $(ticks)"
        ip link set eth0 up
        ip addr add 10.0.0.2/24 dev eth0
        ping -c 3 -W 10 10.0.0.1
        echo "disk: $(sha256sum /dev/vda)"
        echo "random: $(head -c 32 /dev/hwrng | wc -c)"
        echo "time: $(date +%s)"
        dmesg | sed 's/^/kernel: /'
        poweroff -f

        """;

    // One record of the control channel: kind 2, the guest has asked for its end, value 1, by switching off.
    private const int RecordBytes = 16;

    private static string Folder => Path.Combine(Repository.Root, "out/kernels");

    /// <summary>Those that are there of the ones that were asked for.</summary>
    public static IEnumerable<object[]> Kernels() => (Environment.GetEnvironmentVariable("KERNELS") ?? "cloud").Split(',')
        .Where(name => File.Exists(Path.Combine(Folder, name, "vmlinux")))
        .SelectMany(name => (object[][])[[name, "interpreter"], [name, "translator"]]);

    [KernelTheory]
    [MemberData(nameof(Kernels))]
    public void Debians_kernel_boots_as_it_is(string name, string engine)
    {
        DirectoryInfo work = Directory.CreateTempSubdirectory();
        string kernel = Path.Combine(Folder, name), disk = Path.Combine(work.FullName, "disk");
        byte[] content = RandomNumberGenerator.GetBytes(256 * 1024);
        File.WriteAllBytes(disk, content);
        int[] net = MachineTests.Sockets(), control = MachineTests.Sockets();
        var machine = Monitor.Start(["--kernel", Path.Combine(kernel, "vmlinux"), "--initrd", Pack(kernel, work.FullName),
            "--memory", "256", "--engine", engine, "--append", "console=ttyS0 quiet panic=-1", "--disk", disk, "--disk-read-only",
            "--net-fd", $"{net[1]}", "--control-fd", $"{control[1]}"]);
        close(net[1]);
        close(control[1]);
        var frames = Task.Run(() => Answer(net[0]));
        var errors = Task.Run(machine.StandardError.ReadToEnd);
        var output = Task.Run(machine.StandardOutput.ReadToEnd);
        bool ended = machine.WaitForExit(240_000);
        if (!ended)
            machine.Kill();
        machine.WaitForExit();
        string said = output.Result + errors.Result;
        Assert.True(ended, said);
        Assert.True(machine.ExitCode == 0, said);

        string[] lines = [.. said.Split('\n').Select(line => line.TrimEnd('\r'))];
        // Whose rate kvm-clock has told.
        Assert.Contains("clock: tsc", lines);
        Assert.Contains("timer: lapic-deadline", lines);
        double[] slept = [.. lines.Single(line => line.StartsWith("slept: ")).Split(' ')[1..].Select(double.Parse)];
        Assert.InRange(slept[1] - slept[0], 0.49, 10);
        Assert.True(slept[3] > slept[2], said);
        Assert.Contains(lines, line => line.Contains("3 packets transmitted, 3 packets received"));
        Assert.Contains($"disk: {Convert.ToHexStringLower(SHA256.HashData(content))}  /dev/vda", lines);
        Assert.Contains("random: 32", lines);
        long time = long.Parse(lines.Single(line => line.StartsWith("time: "))[6..]);
        Assert.InRange(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - time, -2, 30);
        Assert.DoesNotContain(lines, line => Complaint().IsMatch(line));
        Assert.True(frames.Result >= 4, "the guest has sent more than an ARP request and three echoes");
        byte[] record = new byte[RecordBytes];
        for (int kind = 1; kind <= 2; kind++)
            Assert.Equal((RecordBytes, kind), ((int)read(control[0], record, record.Length), record[0]));
        Assert.Equal(1, record[4]);
        close(net[0]);
        close(control[0]);
        work.Delete(recursive: true);
    }

    [GeneratedRegex(@"^kernel: .*(WARNING|BUG|Oops|Call Trace|[Uu]nstable|lockup|stall|nobody cared|spurious)")]
    private static partial Regex Complaint();

    /// <summary>The peer at 10.0.0.1: answers ARP (RFC 826) and Echo Requests (RFC 792) until the machine has gone; the number of its frames.</summary>
    private static int Answer(int socket)
    {
        const int Header = 10, Ethernet = Header + 14;
        byte[] peer = [2, 0, 0, 0, 0, 1, 10, 0, 0, 1], frame = new byte[65536];
        for (int count = 0; ; count++)
        {
            int length = (int)read(socket, frame, frame.Length);
            if (length <= 0)
                return count;
            frame.AsSpan(0, Header).Clear();
            frame.AsSpan(Header + 6, 6).CopyTo(frame.AsSpan(Header));
            peer.AsSpan(0, 6).CopyTo(frame.AsSpan(Header + 6));
            var packet = frame.AsSpan(Ethernet);
            if (frame[Ethernet - 2] == 8 && frame[Ethernet - 1] == 6 && packet[24..28].SequenceEqual(peer.AsSpan(6)))
            {
                packet[7] = 2;
                packet[8..18].CopyTo(packet[18..]);
                peer.CopyTo(packet[8..]);
            }
            else if (frame[Ethernet - 2] == 8 && packet[0] == 0x45 && packet[9] == 1 && packet[20] == 8)
            {
                packet[12..16].CopyTo(packet[16..]);
                peer.AsSpan(6).CopyTo(packet[12..]);
                packet[20] = 0;
                // One bit less in the first word is that much more in the sum (RFC 1624).
                int sum = BinaryPrimitives.ReadUInt16BigEndian(packet[22..]) + 0x0800;
                BinaryPrimitives.WriteUInt16BigEndian(packet[22..], (ushort)(sum + (sum >> 16)));
            }
            else
            {
                continue;
            }
            _ = write(socket, frame, length);
        }
    }

    private static string Pack(string kernel, string work)
    {
        string root = Path.Combine(work, "root"), archive = Path.Combine(work, "archive");
        foreach (string inner in (string[])["bin", "proc", "sys", "dev"])
            Directory.CreateDirectory(Path.Combine(root, inner));
        foreach (string file in Directory.GetFiles(kernel, "*.ko").Append(Path.Combine(kernel, "modules")))
            File.Copy(file, Path.Combine(root, Path.GetFileName(file)));
        File.Copy(Path.Combine(kernel, "busybox"), Path.Combine(root, "bin/busybox"));
        File.WriteAllText(Path.Combine(root, "init"), Init);
        File.SetUnixFileMode(Path.Combine(root, "init"), (UnixFileMode)0x1ed);
        using var pack = Process.Start("/bin/sh", ["-c", $"cd '{root}' && find . | cpio -o -H newc --quiet >'{archive}'"]);
        pack.WaitForExit();
        Assert.Equal(0, pack.ExitCode);
        return archive;
    }

    [LibraryImport("libc")]
    private static partial nint read(int descriptor, [Out] byte[] buffer, nint count);

    [LibraryImport("libc")]
    private static partial nint write(int descriptor, byte[] buffer, nint count);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
