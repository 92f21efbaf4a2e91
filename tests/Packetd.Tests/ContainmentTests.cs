using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>What neither the network nor a domain nor the user that starts packetd can do to others: the shipped binary.</summary>
public class ContainmentTests
{
    private const uint Boot = 0x0A000032, Other = 0x0A000033;

    private static bool IsOf(byte[] frame, uint address) => Packet.HasMac(frame, 6, address);

    /// <summary>Every tag, that of a priority alone too, since the kernel takes it off before packetd sees the frame (packet(7)).</summary>
    [RootFact]
    public void Frames_with_a_VLAN_tag_reach_neither_node_nor_machine()
    {
        using var lab = new Lab();
        lab.StartDomain(600, Boot);
        int sent = 0;
        foreach (ushort type in new ushort[] { 0x8100, 0x88A8 })
            foreach (ushort tag in new ushort[] { 5, 100, 4094, 0x2064, 0, 0xE000 })
                foreach (byte[] packet in new[] { Frames.Echo([1, 2, 3]), Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node), Lab.ToDomain(Boot),
                    Frames.Arp(1, Frames.ClientMac, TestHost.Client, Boot), Frames.Echo(Lab.Token(601, Other).Payload()) })
                {
                    lab.Send([.. packet[..22], (byte)(type >> 8), (byte)type, (byte)(tag >> 8), (byte)tag, .. packet[22..]]);
                    sent++;
                }
        Assert.Equal(60, sent);
        // What comes after them is served, so they have been through.
        var answers = new List<byte[]>();
        lab.Send(Frames.Echo([4, 5, 6]));
        lab.Await(frame => IsOf(frame, TestHost.Node) && Keep(frame) && frame.AsSpan(^3).SequenceEqual((byte[])[4, 5, 6]));
        lab.Send(Lab.ToDomain(Boot));
        lab.Await(frame => IsOf(frame, Boot) && Keep(frame));
        Assert.Equal(2, answers.Count);
        lab.Order(Boot, 1, 0);
        Assert.Equal(new Counters(1, 2, 0, 0), lab.Ended(0, "exit code 0"));
        Assert.DoesNotContain(lab.Log, line => line.Contains("started for 10.0.0.51", StringComparison.Ordinal));

        bool Keep(byte[] frame)
        {
            answers.Add(frame);
            return true;
        }
    }

    [RootFact]
    public void A_machine_reads_nothing_from_where_packetd_was_started()
    {
        // The program is no launcher: what it finds is packetd's doing.
        using var lab = new Lab(null, [Repository.Image("puppet")]);
        PacketSocket.kill(lab.Pid, 9);
        lab.WaitForEnd();
        lab.Start(["bash", "-c", "exec \"$0\" \"$@\" </etc/passwd"]);
        int pid = lab.StartDomain(610);
        Lab.AwaitProgram(pid, "puppet");
        Assert.Equal("/dev/null", new FileInfo($"/proc/{pid}/fd/0").LinkTarget);
    }

    /// <summary>
    /// Somebody has started packetd by hand, in a terminal that is its session's and where its output goes. A machine has no descriptor of it: it reads nothing that is
    /// typed, sets no mode, and none of its words steers the terminal.
    /// </summary>
    [RootFact]
    public void A_machine_has_nothing_of_the_terminal_that_packetd_was_started_in()
    {
        const byte Say = 5, Call = 12;
        const long Ioctl = 16, Flush = 0x540B, Both = 2;
        using var terminal = new PseudoTerminal();
        using var lab = new Lab();
        PacketSocket.kill(lab.Pid, 9);
        lab.WaitForEnd();
        // The log goes where the test reads it; the other two are the terminal, and so is /dev/tty.
        lab.Start(["bash", "-c", $"exec setsid --ctty \"$0\" \"$@\" <>{terminal.Path} >&0"]);
        Assert.Equal(terminal.Path, new FileInfo($"/proc/{lab.Pid}/fd/1").LinkTarget);
        byte[] modes = terminal.Modes;
        terminal.Type("typed\n");
        Wait.Until(() => terminal.Shown.Contains("typed", StringComparison.Ordinal), "the terminal echoes what is typed");

        int pid = lab.StartDomain(615);
        Lab.AwaitProgram(pid, "puppet");
        foreach (string descriptor in Directory.GetFiles($"/proc/{pid}/fd"))
        {
            string target = new FileInfo(descriptor).LinkTarget ?? "";
            Assert.False(target.StartsWith("/dev/pts", StringComparison.Ordinal) || target == "/dev/tty", $"descriptor {Path.GetFileName(descriptor)} is {target}");
        }
        // What it could do with one: discard what was typed, clear the screen, have it tell where the cursor is as if that had been typed.
        for (long descriptor = 0; descriptor < 3; descriptor++)
            lab.Order(Boot, Call, [.. ((long[])[Ioctl, descriptor, Flush, Both, 0]).SelectMany(BitConverter.GetBytes)]);
        lab.Order(Boot, Say, "\e[2J\e[6n\e]0;title\a"u8.ToArray());
        Assert.Equal(1, lab.RoundTrips(Boot, 1));
        Assert.DoesNotContain("\e", terminal.Shown, StringComparison.Ordinal);
        Assert.Equal("typed\n", terminal.TakeLine());
        Assert.Equal(modes, terminal.Modes);
    }

    [RootFact]
    public void A_terminal_that_is_gone_ends_neither_packetd_nor_its_machines()
    {
        using var lab = new Lab();
        int pid = lab.StartDomain(620, Boot);
        for (int i = 0; i < 3; i++)
        {
            PacketSocket.kill(lab.Pid, 1);
            Assert.Equal(2, lab.RoundTrips(Boot, 2));
        }
        Assert.True(Programs.Runs(pid) && Programs.Runs(lab.Pid));
        // For its machines the signal is what it always was.
        Assert.Contains("SigBlk:\t0000000000000000", File.ReadAllText($"/proc/{pid}/status"), StringComparison.Ordinal);
    }

    [RootFact]
    public void A_proof_of_the_machine_key_ends_the_machine_with_all_its_processes()
    {
        using var lab = new Lab();
        byte[] token = Lab.Token(630).Payload();
        Assert.Equal(Refusal.None, lab.Ping(token));
        int pid = int.Parse(lab.WaitForLine("started for").Split("process ")[1]);
        Lab.AwaitProgram(pid, "puppet");
        byte[] key = HMACSHA1.HashData(TestHost.Key, (byte[])[.. "EvilMKey"u8, .. token[^BootToken.Size..]]);
        byte[] proof = HMACSHA1.HashData(key, "EvilEnd1"u8.ToArray()), wrong = [.. proof[..^1], (byte)(proof[^1] ^ 1)];
        Assert.Equal(Refusal.NoSuchDomain, lab.Ping(Tokens.Payload(MagicKind.End, [.. wrong, 0, 0, 0, 0])));
        Assert.True(Programs.Runs(pid));
        Assert.Equal(Refusal.None, lab.Ping(Tokens.Payload(MagicKind.End, [.. proof, 0, 0, 0, 0])));
        lab.WaitForLine("domain 0: ended: signal 9");
        Programs.AssertEnds(pid);
        Assert.Equal(Refusal.NoSuchDomain, lab.Ping(Tokens.Payload(MagicKind.End, [.. proof, 0, 0, 0, 0])));
        Assert.Equal(Refusal.Replayed, lab.Ping(token));
        lab.ForgetLog();
        lab.StartDomain(631);
    }

    /// <summary>
    /// A domain repeats, as fast as it can, a signed token with the longest chain that cannot start anything: its neighbour hardly notices.
    /// Each would cost ten thousand hashes if the chain were looked at first.
    /// </summary>
    [RootFact]
    public void A_domain_that_floods_the_node_with_signed_tokens_keeps_no_neighbour_waiting()
    {
        using var lab = new Lab("--chain-steps", "10000");
        lab.StartDomain(640, Boot);
        lab.StartDomain(641, Other);
        Assert.Equal(20, lab.RoundTrips(Other, 20));
        byte[] token = (Lab.Token(642, Boot) with { Count = 10_000 }).Payload();
        Assert.Equal(Refusal.AddressInUse, lab.Ping(token));
        lab.Order(Boot, 7, Frames.Echo(token, source: Boot, from: Frames.Mac(Boot)));
        double[] times = new double[40];
        for (int i = 0; i < times.Length; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Assert.Equal(1, lab.RoundTrips(Other, 1));
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
        Array.Sort(times);
        Assert.InRange(times[times.Length / 2], 0, 20);
    }
}
