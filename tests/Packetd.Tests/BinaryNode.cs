using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Testing;
using Testing.Nodes;
using Wire;

namespace Packetd.Tests;

/// <summary>
/// The shipped binary, with puppets that report every frame that they get. After everything that happens this waits until nothing
/// is under way any more: the queue for the node itself is empty when a ping has come back, a domain's queues when a numbered
/// frame has. Counts what it adds itself to a domain's traffic and takes it off again.
/// </summary>
internal sealed class BinaryNode : INodeUnderTest
{
    private const ushort SyncType = 0x88B6, PingMark = 0xBA44;
    private const byte ReportProtocol = 6;
    private const byte SendPacket = 0, ExitWith = 1, Crash = 2, CloseFrames = 6, Report = 10;

    private sealed class Puppet(int slot, int pid)
    {
        public readonly int Slot = slot, Pid = pid;
        public ulong Orders, Reports;
    }

    private readonly FalseClock clock = new();
    private readonly string launcher = Path.Combine(AppContext.BaseDirectory, Path.GetRandomFileName());
    private readonly Lab lab;
    private readonly SortedDictionary<uint, Puppet> puppets = [];
    private readonly List<(uint To, byte[] Frame)> seen = [];
    private uint number;
    private ulong now;
    private int line;

    public BinaryNode(int slots)
    {
        HideProgram(false);
        clock.Time = (TestHost.Started - 1, 0);
        lab = new Lab(clock, [launcher, Repository.Image("puppet"), "/dev/null"], "--max-domains", $"{slots}", "--max-memory", $"{ReferenceNode.MaxMemory}", "--chain-steps", $"{ReferenceNode.ChainSteps}",
            "--min-cpu-share", $"{TestHost.MinCpuShare}");
    }

    /// <summary>How many honoured tokens it can remember.</summary>
    public int TokenRoom => 4096;

    public ulong Now
    {
        set => now = value;
    }

    public IEnumerable<uint> Domains => puppets.Keys;

    /// <summary>A packetd that has been through nothing, at the usual time.</summary>
    public void Renew()
    {
        HideProgram(false);
        now = TestHost.Started - 1;
        Restart(politely: false);
        now = TestHost.Started + 100;
    }

    public List<(uint To, byte[] Frame)> Send(uint from, byte[] packet)
    {
        NextTenth();
        seen.Clear();
        if (from == 0)
            lab.Send(packet);
        else
            Order(from, SendPacket, packet);
        if (from != 0)
            Sync(from);
        Ping();
        Sync([.. puppets.Keys]);
        List<(uint To, byte[] Frame)> result = [.. seen];
        foreach ((uint to, byte[] frame) in result)
            if (to == 0 && frame.Length == 42 + MagicReply.Size && MagicReply.TryParse(frame.AsSpan(42), out MagicReply reply)
                && reply is { Refusal: Refusal.None, Kind: MagicKind.Boot })
                Meet(reply.BootAddress);
        return result;
    }

    public Counters End(uint boot, Ending how)
    {
        Puppet puppet = puppets[boot];
        switch (how)
        {
            case Ending.Killed:
                PacketSocket.kill(puppet.Pid, 9);
                break;
            case Ending.ExitCode:
                Order(boot, ExitWith, 3);
                break;
            case Ending.Crash:
                Order(boot, Crash);
                break;
            case Ending.FramesClosed:
                Order(boot, CloseFrames);
                break;
        }
        string said = NextLine($"domain {puppet.Slot}: ended: ");
        string expected = how == Ending.ExitCode ? "exit code 3" : how == Ending.Crash ? "signal 4" : "signal 9";
        Match counted = Regex.Match(said, $"ended: {expected}; frames sent ([0-9]+), received ([0-9]+), dropped ([0-9]+), forged ([0-9]+)$");
        if (!counted.Success)
            throw new SilentException($"packetd said \"{said}\" of a machine that ended by {expected}");
        ulong[] numbers = [.. counted.Groups.Values.Skip(1).Select(group => ulong.Parse(group.Value))];
        Programs.AssertEnds(puppet.Pid);
        puppets.Remove(boot);
        // Whatever is sent to a puppet is received, and whatever it reports is sent.
        return new Counters(numbers[0] - puppet.Reports, numbers[1] - puppet.Orders, numbers[2], numbers[3]);
    }

    public ulong Restart(bool politely)
    {
        PacketSocket.kill(lab.Pid, politely ? 15 : 9);
        lab.WaitForEnd();
        // The next machine of the same user runs when nothing is left of this one, not even what waits for its parent.
        foreach (Puppet puppet in puppets.Values)
            Wait.Until(() => !Directory.Exists($"/proc/{puppet.Pid}"), () => $"nobody waits for process {puppet.Pid}", seconds: 30);
        puppets.Clear();
        clock.Time = (now, 0);
        lab.Start();
        line = 0;
        return now = clock.Time.Seconds;
    }

    public void HideProgram(bool hidden)
    {
        File.Delete(launcher);
        if (!hidden)
            File.CreateSymbolicLink(launcher, Repository.Image("launcher"));
    }

    public void Dispose()
    {
        lab.Dispose();
        clock.Dispose();
        File.Delete(launcher);
    }

    /// <summary>Every step has a tenth of a second of its own, so no allowance is ever used up.</summary>
    private void NextTenth()
    {
        (ulong, ulong) time = (now, (clock.Time.Nanoseconds + 100_000_000) % 1_000_000_000);
        clock.Time = time;
        // What is drained in the same turn as an answer has that turn's time: only who has asked since knows the new one.
        for (int tries = 0; clock.Told != time; tries++)
        {
            if (tries == 100)
                throw new SilentException("packetd does not look at its clock");
            Ping();
        }
    }

    /// <summary>Gets to know a machine that has just been started.</summary>
    private void Meet(uint boot)
    {
        Match started = Regex.Match(NextLine($": started for {Happening.Dotted(boot)},"), "domain ([0-9]+): .* process ([0-9]+)$");
        puppets[boot] = new Puppet(int.Parse(started.Groups[1].Value), int.Parse(started.Groups[2].Value));
        byte[] before = Frames.Ipv4(Frames.ClientMac, Frames.Mac(boot), boot, TestHost.Client, ReportProtocol, []);
        Order(boot, Report, before);
        Sync(boot);
    }

    private void Order(uint boot, byte order, params byte[] rest)
    {
        lab.Order(boot, order, rest);
        puppets[boot].Orders++;
    }

    /// <summary>When this returns, the node has done with everything that came for itself before.</summary>
    private void Ping()
    {
        byte[] payload = new byte[4];
        Bytes.PutBe32(payload, 0, ++number);
        byte[] ping = Frames.Echo(payload);
        Bytes.PutBe16(ping, 10 + 38, PingMark);
        Bytes.PutBe16(ping, 10 + 36, 0);
        Bytes.PutBe16(ping, 10 + 36, Frames.Sum(ping.AsSpan(10 + 34)));
        lab.Send(ping);
        Await("a ping", frame => frame.Length == 46 && frame[23] == 1 && Bytes.Be16(frame, 38) == PingMark && Bytes.Be32(frame, 42) == number);
    }

    /// <summary>When this returns, the machines have got what was sent to them before, and what they had sent has arrived.</summary>
    private void Sync(params uint[] boots)
    {
        byte[] body = new byte[4];
        Bytes.PutBe32(body, 0, ++number);
        foreach (uint boot in boots)
        {
            lab.Send(Frames.Ethernet(Frames.Mac(boot), Frames.ClientMac, SyncType, body));
            puppets[boot].Orders++;
        }
        var missing = boots.ToHashSet();
        while (missing.Count > 0)
            Await($"domain {Happening.Dotted(missing.First())}", frame => IsReport(frame, out uint boot) && Bytes.Be16(frame, 34 + 12) == SyncType
                && Bytes.Be32(frame, 34 + 14) == number && missing.Remove(boot));
    }

    /// <summary>Notes every frame until one that fits, which is the test's own.</summary>
    private void Await(string whom, Func<byte[], bool> fits)
    {
        for (long until = Environment.TickCount64 + 10_000; Environment.TickCount64 < until;)
        {
            if (PacketSocket.Receive(lab.Socket) is not { } frame)
            {
                if (!Programs.Runs(lab.Pid))
                    throw new SilentException("packetd has ended");
                continue;
            }
            bool report = IsReport(frame, out uint boot);
            if (report && puppets.TryGetValue(boot, out Puppet? puppet))
                puppet.Reports++;
            if (fits(frame))
                return;
            seen.Add(report ? (boot, frame[34..]) : (0, frame));
        }
        throw new SilentException($"{whom} does not answer; packetd said: {string.Join(" | ", lab.Log.TakeLast(6))}");
    }

    private static bool IsReport(byte[] frame, out uint boot)
    {
        boot = Bytes.Be32(frame, 8);
        return frame.Length >= 34 + 14 && frame[23] == ReportProtocol && Packet.HasMac(frame, 6, boot);
    }

    private string NextLine(string part)
    {
        for (long until = Environment.TickCount64 + 10_000; Environment.TickCount64 < until; Thread.Sleep(1))
        {
            string[] log = lab.Log;
            while (line < log.Length)
                if (log[line++].Contains(part, StringComparison.Ordinal))
                    return log[line - 1];
        }
        throw new SilentException($"packetd never said \"{part}\"");
    }
}
