using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.NetworkInformation;
using System.Text.RegularExpressions;
using System.Threading;
using Testing;
using Wire;
using Xunit;

namespace Plug.Tests;

/// <summary>
/// A node and a client, each in a network namespace, with packetd and the QEMU monitor as they are shipped. Everything is gone when it
/// is disposed.
/// </summary>
internal sealed class NodeLab : IDisposable
{
    public const string Node = "10.0.0.2", Machine = "10.0.0.50";
    private static readonly byte[] s_key = "0123456789abcdef"u8.ToArray();
    private static int s_tokens;
    private readonly string node, client, key;
    private readonly Process packetd;
    private readonly List<string> log = [];

    /// <summary>Of its first machine, and of no other test's.</summary>
    public static int User => 300_000 + Environment.ProcessId % 1000 * 64;

    /// <param name="firmware">Path of what each machine starts with.</param>
    public NodeLab(string firmware)
    {
        string name = $"pl{Environment.ProcessId % 100_000}x{Interlocked.Increment(ref s_tokens)}";
        (node, client, key) = (name + "n", name + "c", Path.Combine(Path.GetTempPath(), name + ".key"));
        File.WriteAllBytes(key, s_key);
        Programs.Run("ip", "netns", "add", node);
        Programs.Run("ip", "netns", "add", client);
        Programs.Run("ip", "link", "add", "l0", "netns", node, "type", "veth", "peer", "name", "l1", "netns", client);
        Programs.Run("ip", "-n", node, "link", "set", "l0", "up");
        Programs.Run("ip", "-n", client, "addr", "add", "10.0.0.1/24", "dev", "l1");
        Programs.Run("ip", "-n", client, "link", "set", "l1", "up");
        string[] arguments =
        [
            "netns", "exec", node, "env", "--default-signal", Repository.Image("packetd"), "--link", "l0", "--address", Node, "--key-file", key,
            "--uid-base", $"{User}", Repository.Image("launcher"), Path.Combine(Repository.Root, "deploy", "qemu-monitor"), firmware,
        ];
        packetd = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        packetd.ErrorDataReceived += (_, line) =>
        {
            lock (log)
                log.Add(line.Data ?? "");
        };
        packetd.BeginErrorReadLine();
        WaitForLine("ready as");
    }

    /// <summary>ip and env are replaced, so this is packetd itself.</summary>
    public int Packetd => packetd.Id;

    /// <summary>What machines write.</summary>
    public StreamReader Output => packetd.StandardOutput;

    /// <summary>The next line of packetd's log that holds these words; it and what came before are not looked at again.</summary>
    public string WaitForLine(string part)
    {
        string? found = null;
        Wait.Until(() =>
        {
            lock (log)
            {
                int at = log.FindIndex(line => line.Contains(part, StringComparison.Ordinal));
                if (at >= 0)
                {
                    found = log[at];
                    log.RemoveRange(0, at + 1);
                }
                return at >= 0;
            }
        }, $"packetd says \"{part}\"");
        return found!;
    }

    /// <summary>Starts a machine; the process of its monitor.</summary>
    public int Start()
    {
        byte[] payload = Token();
        Thread thread = new(() =>
        {
            Descriptors.EnterNetwork("/run/netns/" + client);
            using Ping ping = new();
            Assert.Equal(IPStatus.Success, ping.Send(IPAddress.Parse(Node), 10_000, payload).Status);
        });
        thread.Start();
        thread.Join();
        return int.Parse(Regex.Match(WaitForLine("started for " + Machine), "process ([0-9]+)").Groups[1].Value);
    }

    /// <summary>Starts a machine and waits until its firmware answers; the processes of the adapter and of QEMU.</summary>
    public (int Adapter, int Qemu) StartAnswering()
    {
        int adapter = Start();
        Programs.Run("ip", "netns", "exec", client, "ping", "-c", "1", "-i", "0.2", "-w", "15", Machine);
        return (adapter, Programs.Child(adapter));
    }

    public static void AssertEnds(params int[] processes) => Wait.Until(() => !processes.Any(Programs.Runs), "the end of all processes");

    private static byte[] Token()
    {
        const uint Count = 2;
        byte[] first = new byte[20], payload = new byte[MagicPing.BootSize];
        new Random(Environment.ProcessId * 1000 + Interlocked.Increment(ref s_tokens)).NextBytes(first);
        byte[] end = first.ToArray();
        HashChain.Advance(end, Count - 1);
        ulong now = (ulong)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        new BootTokenDraft(payload.AsSpan(MagicPing.HeaderSize))
        {
            Node = Address(Node), BootAddress = Address(Machine), PrefixLength = 24, MemoryMiB = 64, CpuPercent = 100, Issued = now, Expires = now + 60,
            ElementCount = Count, Lease = 60, ChainEnd = end, First = first, Loader = new byte[20],
        }.Sign(s_key);
        MagicPing.EmitHeader(payload, MagicKind.Boot);
        return payload;
    }

    private static uint Address(string dotted) => dotted.Split('.').Aggregate(0u, (address, part) => address << 8 | uint.Parse(part));

    public void Dispose()
    {
        if (!packetd.HasExited)
            packetd.Kill();
        packetd.WaitForExit();
        packetd.Dispose();
        Programs.Run("ip", "netns", "del", node);
        Programs.Run("ip", "netns", "del", client);
        File.Delete(key);
    }
}
