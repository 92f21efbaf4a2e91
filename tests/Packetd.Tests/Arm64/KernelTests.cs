using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>A test that needs an arm64 kernel and a machine to run it in.</summary>
public sealed class KernelFactAttribute : FactAttribute
{
    public KernelFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
            Skip = "needs root to make network namespaces";
        else if (!File.Exists("/usr/bin/qemu-system-aarch64") || !File.Exists(Path.Combine(KernelTests.Folder, "vmlinuz")))
            Skip = "needs qemu-system-arm, and what deploy/debian-kernel fetches";
    }
}

/// <summary>
/// packetd for arm64 under Debian's own kernel, in a machine that QEMU emulates whole: what qemu-user leaves out is in force here,
/// the seccomp filter, the vDSO and the limit of memory. Its link ends at the test's packet socket.
/// </summary>
[Collection("arm64")]
public class KernelTests
{
    private const string Init = """
        #!/bin/busybox sh
        /bin/busybox --install -s /bin
        mount -t proc proc /proc
        mount -t devtmpfs dev /dev
        while read module; do insmod /$module.ko; done </modules
        date -s @2000000000
        ip link set eth0 up
        touch /tmp/log
        # A machine does not get the console, which is a terminal.
        mkfifo /tmp/output
        cat /tmp/output &
        /packetd --link eth0 --address 10.0.0.2 --key-file /key /launcher /monitor /dev/null </dev/null >/tmp/output 2>/tmp/log &
        packetd=$!
        tail -f /tmp/log &
        while kill -0 $packetd && ! grep -q ready /tmp/log; do sleep 0.1; done
        sed 's/^/status /' /proc/$packetd/status
        sed 's/^/map /' /proc/$packetd/maps
        echo "time $(date +%s)"
        while [ ! -f /tmp/monitor ]; do sleep 0.1; done
        monitor=$(cat /tmp/monitor)
        echo "monitor runs: $(kill -0 $monitor && echo yes)"
        kill -9 $packetd
        while kill -0 $monitor 2>/dev/null; do sleep 0.1; done
        echo "monitor runs: no"
        exec sleep 1000

        """;

    private const string Monitor = """
        #!/bin/busybox sh
        sed 's/^/monitor status /' /proc/self/status
        sed 's/^/monitor limit /' /proc/self/limits
        for file in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$file ] && echo "monitor file $file"; done
        head -c 1 <&3 >/dev/null
        echo $$ >/tmp/monitor
        while true; do sleep 1; done

        """;

    public static string Folder => Path.Combine(Repository.Image(""), "../arm64-kernel");

    [KernelFact]
    public void Under_a_kernel_of_its_own_it_confines_itself_and_serves()
    {
        string space = $"pt{Environment.ProcessId % 100_000}k";
        DirectoryInfo work = Directory.CreateTempSubdirectory();
        Programs.Run("ip", "netns", "add", space);
        int socket = -1;
        try
        {
            string archive = Pack(work.FullName);
            Programs.Run("ip", "-n", space, "tuntap", "add", "l1", "mode", "tap");
            Programs.Run("ip", "-n", space, "addr", "add", "10.0.0.1/24", "dev", "l1");
            Programs.Run("ip", "-n", space, "link", "set", "l1", "address", "52:54:00:12:34:56", "addrgenmode", "none", "up");
            socket = PacketSocket.OpenLink(space, "l1", 300);
            using var machine = new EmulatedMachine(space, archive);

            machine.WaitFor("packetd: ready as 10.0.0.2");
            ulong now = ulong.Parse(machine.WaitFor("time ")[5..]);
            foreach (string line in new[] { "CapPrm:\t00000000000000e0", "CapEff:\t00000000000000e0", "NoNewPrivs:\t1", "Seccomp:\t2" })
                Assert.Contains("status " + line, machine.Lines);
            string[] maps = [.. machine.Lines.Where(line => line.StartsWith("map ", StringComparison.Ordinal))];
            Assert.Contains(maps, line => line.Contains("r-xp", StringComparison.Ordinal) && line.EndsWith("/packetd", StringComparison.Ordinal));
            Assert.DoesNotContain(maps, line => line.Contains("[vdso]", StringComparison.Ordinal) || line.Contains(" rwx", StringComparison.Ordinal));

            Assert.Contains(" 3 received", Programs.Run("ip", "netns", "exec", space, "ping", "-c", "3", "-i", "0.2", "-w", "20", Lab.NodeAddress), StringComparison.Ordinal);
            byte[] token = new Tokens { Seed = 600, Boot = 0x0A000032, Issued = now, Expires = now + 600 }.Payload();
            Assert.Equal(Refusal.None, Ping(socket, token));
            Assert.Equal(Refusal.Replayed, Ping(socket, token));
            machine.WaitFor("packetd: domain 0: started for 10.0.0.50, 64 MiB");
            PacketSocket.Send(socket, Lab.ToDomain(0x0A000032).AsSpan(10));
            machine.WaitFor("monitor runs: yes"); // since that frame
            machine.WaitFor("monitor runs: no");
            foreach (string line in new[] { "Uid:\t200000\t200000\t200000\t200000", "Gid:\t200000\t200000\t200000\t200000", "Groups:\t ", "SigBlk:\t0000000000000000",
                "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapInh:\t0000000000000000", "NoNewPrivs:\t1" })
                Assert.Contains("monitor status " + line, machine.Lines);
            foreach (string limit in new[] { "data size +1140850688 +1140850688", "open files +64 +64", "processes +64 +64", "core file size +0 +0" })
                Assert.Single(machine.Lines, line => Regex.IsMatch(line, "monitor limit Max " + limit));
            Assert.Equal(["0", "1", "2", "3", "4", "5"], machine.Lines.Where(line => line.StartsWith("monitor file ", StringComparison.Ordinal)).Select(line => line[13..]));
        }
        finally
        {
            if (socket >= 0)
                PacketSocket.close(socket);
            Programs.Run("ip", "netns", "del", space);
            work.Delete(recursive: true);
        }
    }

    private static string Pack(string folder)
    {
        string root = Path.Combine(folder, "root"), archive = Path.Combine(folder, "archive");
        foreach (string inner in new[] { "bin", "proc", "dev", "tmp" })
            Directory.CreateDirectory(Path.Combine(root, inner));
        foreach (string file in Directory.GetFiles(Folder, "*.ko").Append(Path.Combine(Folder, "modules")))
            File.Copy(file, Path.Combine(root, Path.GetFileName(file)));
        File.Copy(Path.Combine(Folder, "busybox"), Path.Combine(root, "bin/busybox"));
        File.Copy(Repository.Image("arm64/packetd"), Path.Combine(root, "packetd"));
        File.Copy(Repository.Image("arm64/launcher"), Path.Combine(root, "launcher"));
        File.WriteAllText(Path.Combine(root, "init"), Init);
        File.WriteAllText(Path.Combine(root, "monitor"), Monitor);
        File.WriteAllBytes(Path.Combine(root, "key"), TestHost.Key);
        Programs.Run("chmod", "-R", "a+rX", root);
        Programs.Run("chmod", "a+x", root + "/init", root + "/monitor");
        Programs.Run("chmod", "a+rwx", root + "/tmp");
        Programs.Run("sh", "-c", $"cd '{root}' && find . | cpio -o -H newc --quiet >'{archive}'");
        return archive;
    }

    private static Refusal? Ping(int socket, byte[] payload)
    {
        PacketSocket.Send(socket, Frames.Echo(payload).AsSpan(10));
        for (long until = Environment.TickCount64 + 30_000; Environment.TickCount64 < until;)
            if (PacketSocket.Receive(socket) is { } frame && frame.Length == 42 + MagicReply.Size && frame[34] == 0 && MagicReply.TryParse(frame.AsSpan(42), out MagicReply reply))
                return reply.Refusal;
        return null;
    }

    /// <summary>The machine, and what it says on its console.</summary>
    private sealed class EmulatedMachine : IDisposable
    {
        private readonly Process qemu;
        private readonly List<string> lines = [];

        public EmulatedMachine(string space, string archive)
        {
            qemu = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", space, "setpriv", "--pdeathsig", "KILL", "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72",
                "-m", "256", "-nographic", "-no-reboot", "-kernel", Path.Combine(Folder, "vmlinuz"), "-initrd", archive, "-append", "console=ttyAMA0 quiet panic=-1",
                "-netdev", "tap,id=l1,ifname=l1,script=no,downscript=no", "-device", "virtio-net-device,netdev=l1"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
            qemu.OutputDataReceived += (_, line) =>
            {
                lock (lines)
                    lines.Add(line.Data ?? "");
            };
            qemu.BeginOutputReadLine();
        }

        public string[] Lines
        {
            get
            {
                lock (lines)
                    return [.. lines];
            }
        }

        public string WaitFor(string begin)
        {
            for (long until = Environment.TickCount64 + 120_000; ; Thread.Sleep(20))
            {
                if (Lines.FirstOrDefault(line => line.StartsWith(begin, StringComparison.Ordinal)) is { } found)
                    return found;
                Assert.True(Environment.TickCount64 < until && !qemu.HasExited, $"the machine never said \"{begin}\" but:\n{string.Join('\n', Lines)}");
            }
        }

        public void Dispose()
        {
            qemu.Kill();
            qemu.WaitForExit();
            qemu.Dispose();
        }
    }
}
