using System;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using System.Threading;
using Evilman;
using Evilman.Lab;
using Evilman.Minting;
using Evilman.Net;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>Customers who are cut off: what they leave behind is gone in time, and nothing of theirs is lost.</summary>
[Collection("failures")]
public sealed class FailedBootTests(Cluster shared) : IDisposable
{
    private readonly Cluster cluster = shared.Ready();
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("endtoend-boots-");

    public void Dispose() => folder.Delete(recursive: true);

    private string KeyFile => Path.Combine(folder.FullName, "guest-key");

    /// <summary>
    /// A hundred machines are started, and nobody goes on: whole commands that are killed at any moment, and tokens that are spent by
    /// customers who never come, who connect, or who upload half a loader. The node serves the next customer.
    /// </summary>
    [ClusterFact]
    public void A_node_that_a_hundred_customers_have_left_serves_the_next()
    {
        const int Boots = 8, All = 100;
        var node = cluster.OtherNode;
        cluster.Clear(node);
        var random = new Random(1);
        var files = LongFiles();
        var begin = Stopwatch.StartNew();
        for (var i = 0; i < Boots; i++)
        {
            using var boot = Boot(node, lease: "1s", files);
            Thread.Sleep(random.Next(600));
            Kill(boot, i % 2 == 0 ? "TERM" : "KILL");
            File.Delete(KeyFile + ".new");
        }
        for (var i = Boots; i < All; i++)
            Leave(node, i % 4);
        Assert.True(begin.Elapsed < TimeSpan.FromSeconds(60), $"a hundred take {begin.Elapsed.TotalSeconds:0} s");

        var clock = Stopwatch.StartNew();
        var (token, address, key) = cluster.Buy(node, Cluster.CheckpointLoader, forGuest: false);
        Spend(node, token);
        using (Upload(address, key, Cluster.CheckpointLoader.Length))
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"the next one is served after {clock.Elapsed.TotalSeconds:0.0} s");
        Cluster.Until(() => cluster.Machines(node).Count == 1, "machines that nobody wants stay");
        cluster.Clear(node);
        cluster.Move();
    }

    /// <summary>The addresses are asked for before the node is: an ARP probe tells who has them.</summary>
    [ClusterFact]
    public void A_boot_at_an_address_that_answers_is_refused_before_a_token_is_spent()
    {
        var node = cluster.OtherNode;
        var before = cluster.Machines(node).Count;
        using var boot = Boot(node, guest: $"{Cluster.Guest}", probes: true);
        Assert.Matches($"{Regex.Escape($"{Cluster.Guest}")} is in use: 02:45:[0-9a-f:]+ answers for it", boot.StandardError.ReadToEnd());
        Assert.True(boot.WaitForExit(30_000));
        Assert.Equal(1, boot.ExitCode);
        Assert.Equal(before, cluster.Machines(node).Count);
        cluster.AssertStayed();
    }

    /// <summary>The key of the guest before is in its file until the new one runs, and the new one's is beside it.</summary>
    [ClusterFact]
    public void A_boot_that_is_killed_loses_no_key()
    {
        var node = cluster.OtherNode;
        cluster.Clear(node);
        File.WriteAllText(KeyFile, "mine");
        using (var boot = Boot(node))
        {
            AwaitLine(boot, "has the machine's key");
            Kill(boot, "KILL");
        }
        Assert.Equal("mine", File.ReadAllText(KeyFile));
        Assert.Equal(MachineKey.Size, MachineKeyFile.Read(KeyFile + ".new").Length);
        using (var again = Boot(node))
        {
            Assert.Contains($"{KeyFile}.new is there from a boot that was cut off", again.StandardError.ReadToEnd(), StringComparison.Ordinal);
            Assert.True(again.WaitForExit(30_000));
            Assert.Equal(1, again.ExitCode);
        }
        Assert.Equal("mine", File.ReadAllText(KeyFile));
        // One that is interrupted while it uploads keeps the key, whatever the node says of the machine: nothing proves its words.
        var files = LongFiles();
        File.Delete(KeyFile + ".new");
        cluster.Clear(node);
        using (var interrupted = Boot(node, files: files))
        {
            AwaitLine(interrupted, "has the machine's key");
            Kill(interrupted, "TERM");
            Assert.Contains($"its key is in {KeyFile}.new", interrupted.StandardError.ReadToEnd(), StringComparison.Ordinal);
        }
        Assert.Equal(MachineKey.Size, MachineKeyFile.Read(KeyFile + ".new").Length);
        // One that is interrupted before there can be a guest leaves nothing. Where the signal comes too late, once more.
        bool isLate = true;
        for (int i = 0; i < 5 && isLate; i++)
        {
            File.Delete(KeyFile + ".new");
            cluster.Clear(node);
            using var interrupted = Boot(node, files: files);
            AwaitLine(interrupted, "accepted the token");
            Kill(interrupted, "TERM");
            isLate = interrupted.StandardOutput.ReadToEnd().Contains("has the machine's key", StringComparison.Ordinal);
            Assert.Equal(isLate, File.Exists(KeyFile + ".new"));
        }
        Assert.False(isLate);
        Assert.Equal("mine", File.ReadAllText(KeyFile));
        Cluster.Until(() => cluster.Machines(node).Count == 0, "the machine of an interrupted boot is not ended");
    }

    /// <summary>
    /// What a thief starts obeys the customer's key alone, who goes on as if he had started it. Once a guest runs there the token is spent for
    /// him, too: nothing is uploaded over it, and it is not ended.
    /// </summary>
    [ClusterFact]
    public void A_token_that_a_thief_has_spent_gives_its_machine_to_the_customer()
    {
        var node = cluster.OtherNode;
        cluster.Clear(node);
        var (token, address, key) = cluster.Buy(node, BootClient.ReadFile(Cluster.Built("images/loader-kernel")), memoryMiB: 128, forGuest: false);
        var file = Path.Combine(folder.FullName, "token");
        File.WriteAllBytes(file, token);
        File.WriteAllBytes(file + ".machine-key", MachineKeyFile.Text(key));
        File.SetUnixFileMode(file + ".machine-key", UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Spend(node, token);
        foreach (string probe in new[] { "--no-probe=false", "--no-probe" })
        {
            string[] boot =
            [
                "boot", node.Address, "--token", file, "--loader", Cluster.Built("images/loader-kernel"), "--kernel", Cluster.Built("images/guestos"),
                "--initramfs", Cluster.Built("guest.cpio"), "--guest-key-out", KeyFile, "--wait-port", "0", probe,
            ];
            var (code, said) = cluster.RunAtClient([Cluster.Built("bin/evilman"), .. boot]);
            if (probe == "--no-probe=false")
            {
                Assert.True(code == 0, said);
                Assert.Contains($"its machine at {address} is empty and has its key", said, StringComparison.Ordinal);
                continue;
            }
            Assert.Equal(ExitCode.Refused, code);
            Assert.Contains(Refusal.Replayed.Sentence(), said, StringComparison.Ordinal);
        }
        Assert.Single(cluster.Machines(node));
        cluster.Clear(node);
    }

    /// <summary>A guest's files that take so long that no machine has them before it is cut off: 30 MiB of zeros behind the archive's end.</summary>
    private string LongFiles()
    {
        var files = Path.Combine(folder.FullName, "long.cpio");
        File.Copy(Cluster.Built("guest.cpio"), files, overwrite: true);
        using var end = File.OpenWrite(files);
        end.SetLength(end.Length + (30 << 20));
        return files;
    }

    private static void AwaitLine(Process process, string text)
    {
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.Contains(text, StringComparison.Ordinal))
                return;
        }
        Assert.Fail($"evilman never says that it {text}: {process.StandardError.ReadToEnd()}");
    }

    /// <summary>«evilman boot» of a guest that is nobody's, so that it does not matter when it is cut off.</summary>
    private Process Boot(LabNode node, string lease = "60s", string? files = null, string guest = "10.77.0.60", bool probes = false) => cluster.StartAtClient(
        "out/bin/evilman", "boot", node.Address, "--key-file", cluster.KeyFile(node),
        "--boot-address", $"10.77.0.{90 + boots++ % 10}/24", "--guest", guest, "--lease", lease,
        "--loader", Cluster.Built("images/loader-kernel"), "--kernel", Cluster.Built("images/guestos"),
        "--initramfs", files ?? Cluster.Built("guest.cpio"), "--memory", "128M", "--guest-key-out", KeyFile,
        probes ? "--no-probe=false" : "--no-probe");

    private int boots;

    /// <summary>The command itself, not what has put it into the client's namespace.</summary>
    private void Kill(Process process, string signal)
    {
        foreach (var entry in ProcessTable.All())
        {
            var words = ProcessTable.Arguments(entry.Pid);
            if (words.Length > 1 && words[0].EndsWith("/evilman", StringComparison.Ordinal) && words[1] == "boot" && Array.IndexOf(words, KeyFile) > 0)
                Process.Start("kill", $"-{signal} {entry.Pid}")!.WaitForExit();
        }
        Assert.True(process.WaitForExit(30_000), "evilman does not end");
    }

    /// <summary>Spends a token and goes no further than so far.</summary>
    private void Leave(LabNode node, int far)
    {
        var (token, address, key) = cluster.Buy(node, Cluster.CheckpointLoader, lease: TimeSpan.FromSeconds(1), forGuest: false);
        Spend(node, token);
        if (far == 2)
        {
            using var silent = cluster.Connect(address, Wire.Upload.Port);
        }
        if (far == 3)
            Upload(address, key, 1000).Dispose();
    }

    /// <summary>As soon as the node has room for the machine.</summary>
    private void Spend(LabNode node, byte[] token) => cluster.AtClient(() =>
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            using var echo = EchoSocket.Open();
            try
            {
                return MagicPinger.Demand(echo, IPAddress.Parse(node.Address), token, TimeSpan.FromSeconds(5));
            }
            catch (Failure full) when (full.ExitCode == ExitCode.Refused && clock.Elapsed < TimeSpan.FromSeconds(10)
                && full.Message.Contains(Refusal.TooManyDomains.Sentence(), StringComparison.Ordinal))
            {
                Thread.Sleep(50);
            }
        }
    });

    /// <summary>Proves the key and sends so much of the loader, all of which is accepted.</summary>
    private SecureSocket Upload(IPAddress address, byte[] key, int length)
    {
        var socket = BootClient.Prove(cluster.Connect(address, Wire.Upload.Port), key, Cluster.Patience);
        var header = new byte[Wire.Upload.Size];
        Wire.Upload.Emit(header, (uint)Cluster.CheckpointLoader.Length);
        socket.Send(header);
        socket.Send(Cluster.CheckpointLoader.AsSpan(0, length));
        if (length == Cluster.CheckpointLoader.Length)
        {
            var answer = new byte[UploadAnswer.Size];
            Assert.Equal(answer.Length, socket.Receive(answer));
            Assert.True(UploadAnswer.TryParse(answer, out _, out var refusal, out _));
            Assert.Equal(UploadRefusal.None, refusal);
        }
        return socket;
    }
}
