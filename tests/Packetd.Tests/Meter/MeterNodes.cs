using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests.Meter;

/// <summary>A node whose clocks belong to the test.</summary>
internal interface IMeteredNode : IDisposable
{
    ulong Uptime { get; }

    Answer Tell(byte[] payload);

    /// <summary>Time passes, and the node looks at its clock.</summary>
    void Advance(ulong milliseconds);

    /// <summary>So many machines were purged by what happened last; when this returns they are gone.</summary>
    void AwaitPurges(int count);

    /// <summary>What every machine has used from now on, in microseconds.</summary>
    void SetCpu(ulong microseconds);

    /// <summary>The wall clock steps.</summary>
    void SetTime(ulong seconds);

    /// <summary>A frame to a machine, which sends it back.</summary>
    void Mirror(uint boot, int size);

    /// <summary>A machine ends by itself.</summary>
    void End(uint boot);

    /// <summary>A machine that was refunded is gone when this returns.</summary>
    void AwaitEnd(uint boot);

    IEnumerable<uint> Domains { get; }
}

/// <summary>packetd's decisions alone.</summary>
internal sealed class LogicMeterNode : IMeteredNode
{
    private readonly TestHost host = new();
    private readonly Domain[] domains = new Domain[6];
    public readonly Account[] Accounts = new Account[64];
    private readonly UsedToken[] used = new UsedToken[64];
    private readonly ushort[] spent = new ushort[Limiter.Size];
    private ulong metered;

    public ulong Uptime => host.Uptime;

    public IEnumerable<uint> Domains => domains.Select(domain => domain.Boot).Where(boot => boot != 0).Order();

    /// <summary>A node is a ref struct; what lasts is in the arrays, and this.</summary>
    private Node<TestHost> MakeNode()
    {
        Limits limits = new() { Address = TestHost.Node, Key = new HmacSha1(TestHost.Key), FormerKey = new HmacSha1(TestHost.Key), MaxMemoryMiB = 256, MinCpuShare = TestHost.MinCpuShare, ChainSteps = 100, Grace = TestHost.Grace };
        return new Node<TestHost>(host, limits, domains, new UsedTokens(used) { Since = TestHost.Started }, new Accounts(Accounts), new Limiter(spent, 1)) { Metered = metered };
    }

    public Answer Tell(byte[] payload)
    {
        Node<TestHost> node = MakeNode();
        spent.AsSpan().Clear();
        host.Sent.Clear();
        host.Purges.Clear();
        node.Receive(Port.Link, Frames.Echo(payload));
        metered = node.Metered;
        (_, byte[] packet) = Assert.Single(host.Sent);
        Assert.True(packet.Length - 52 <= payload.Length, "an answer that is longer than what it answers");
        Assert.True(MagicReply.TryParse(packet.AsSpan(52), out MagicReply reply));
        Assert.Equal(0, Frames.Sum(packet.AsSpan(44)));
        return new Answer(reply.Refusal, reply.BootAddress, reply.TryGetStatement(out Statement statement) ? statement.AsSpan().ToArray() : []);
    }

    public void Advance(ulong milliseconds)
    {
        host.Uptime += milliseconds;
        host.Purges.Clear();
        Node<TestHost> node = MakeNode();
        node.Meter();
        metered = node.Metered;
    }

    /// <summary>The slots of the machines that were purged by what happened last.</summary>
    public IReadOnlyList<int> Purged => host.Purges;

    public void AwaitPurges(int count)
    {
        Assert.Equal(count, host.Purges.Count);
        foreach (int slot in host.Purges)
            domains[slot] = default;
        host.Purges.Clear();
    }

    public void SetCpu(ulong microseconds)
    {
        for (int slot = 0; slot < domains.Length; slot++)
            host.Cpu[slot] = microseconds;
    }

    public void SetTime(ulong seconds) => host.Now = seconds;

    public void Mirror(uint boot, int size)
    {
        Node<TestHost> node = MakeNode();
        spent.AsSpan().Clear();
        host.Sent.Clear();
        node.Receive(Port.Link, Lab.ToDomain(boot, size));
        node.Receive(Slot(boot), Frames.Ipv4(Frames.ClientMac, Frames.Mac(boot), boot, TestHost.Client, 17, new byte[size]));
        Assert.Equal(2, host.Sent.Count);
    }

    public void End(uint boot)
    {
        MakeNode().Close(Slot(boot));
        domains[Slot(boot)] = default;
    }

    public void AwaitEnd(uint boot)
    {
        Assert.Contains(Slot(boot), host.Kills);
        host.Kills.Clear();
        domains[Slot(boot)] = default;
    }

    public void Dispose()
    {
    }

    private int Slot(uint boot) => Array.FindIndex(domains, domain => domain.Boot == boot);
}

/// <summary>The shipped binary, by clocks that only the test moves.</summary>
internal sealed class BinaryMeterNode : IMeteredNode
{
    private readonly FalseClock clock = new();
    private readonly Lab lab;
    private readonly Dictionary<uint, (int Slot, int Pid)> running = [];
    private ulong uptime = 77_777;

    /// <summary>The log's lines that have been looked for and found.</summary>
    private readonly HashSet<int> read = [];

    public BinaryMeterNode()
    {
        clock.Time = (TestHost.Started - 1, 0);
        clock.Uptime = uptime;
        clock.Cpu = 0;
        lab = new Lab(clock, null, "--max-domains", "6", "--max-memory", "256", "--chain-steps", "100", "--grace", $"{TestHost.Grace}");
        SetTime(TestHost.Started + 100);
    }

    public ulong Uptime => uptime;

    public IEnumerable<uint> Domains
    {
        get
        {
            Assert.Equal(running.Count, Programs.Children(lab.Pid).Length);
            return running.Keys.Order();
        }
    }

    /// <summary>Ends all machines; their accounts stay, and count no more.</summary>
    public void Clear()
    {
        foreach (uint boot in running.Keys.ToArray())
            End(boot);
        SetCpu(0);
    }

    public Answer Tell(byte[] payload)
    {
        lab.Send(Frames.Echo(payload));
        byte[]? frame = lab.Await(frame => frame.Length >= 42 + MagicReply.Size && frame[34] == 0 && frame[23] == 1);
        Assert.NotNull(frame);
        Assert.True(MagicReply.TryParse(frame.AsSpan(42), out MagicReply reply));
        if (reply is { Refusal: Refusal.None, Kind: MagicKind.Boot })
        {
            Match started = Regex.Match(NextLine("started for"), "domain ([0-9]+): .* process ([0-9]+)$");
            running[reply.BootAddress] = (int.Parse(started.Groups[1].Value), int.Parse(started.Groups[2].Value));
        }
        return new Answer(reply.Refusal, reply.BootAddress, reply.TryGetStatement(out Statement statement) ? statement.AsSpan().ToArray() : []);
    }

    public void Advance(ulong milliseconds)
    {
        uptime += milliseconds;
        clock.Uptime = uptime;
        Turn(() => clock.ToldUptime == uptime);
        NextTurn();
    }

    public void AwaitPurges(int count)
    {
        for (; count > 0; count--)
        {
            int slot = int.Parse(Regex.Match(NextLine(": purged: "), "domain ([0-9]+):").Groups[1].Value);
            AwaitEnd(running.First(one => one.Value.Slot == slot).Key);
        }
    }

    /// <summary>packetd stands still for a time, in which frames come and machines are killed.</summary>
    public void Stop(ulong milliseconds, byte[][] pings, params uint[] killed)
    {
        PacketSocket.kill(lab.Pid, 19);
        // At each of its calls it stands still for a moment: its clock's tracer looks at it.
        int looks = 0;
        Wait.Until(() => (looks = Programs.State(lab.Pid) is 'T' or 't' ? looks + 1 : 0) == 5, "packetd stands still");
        foreach (byte[] ping in pings)
            lab.Send(Frames.Echo(ping));
        foreach (uint boot in killed)
        {
            PacketSocket.kill(running[boot].Pid, 9);
            Wait.Until(() => Programs.State(running[boot].Pid) == 'Z', "a machine has ended");
        }
        uptime += milliseconds;
        clock.Uptime = uptime;
        PacketSocket.kill(lab.Pid, 18);
        foreach (byte[] _ in pings)
            Assert.NotNull(lab.Await(frame => frame.Length == 42 + MagicReply.Size && frame[34] == 0));
    }

    public int CountPurges() => lab.Log.Count(line => line.Contains("purged", StringComparison.Ordinal));

    public void SetCpu(ulong microseconds) => clock.Cpu = microseconds;

    public void SetTime(ulong seconds)
    {
        clock.Time = (seconds, 0);
        Turn(() => clock.Told == clock.Time);
    }

    public void Mirror(uint boot, int size) => Assert.Equal(1, lab.RoundTrips(boot, 1, size));

    public void End(uint boot)
    {
        PacketSocket.kill(running[boot].Pid, 9);
        AwaitEnd(boot);
    }

    public void AwaitEnd(uint boot)
    {
        Programs.AssertEnds(running[boot].Pid);
        for (int tries = 0; tries < 3; tries++)
            Ping();
        NextLine($"domain {running[boot].Slot}: ended: signal 9");
        running.Remove(boot);
    }

    public void Dispose()
    {
        lab.Dispose();
        clock.Dispose();
    }

    /// <summary>Until packetd has looked at its clock.</summary>
    private void Turn(Func<bool> seen)
    {
        for (int tries = 0; !seen(); tries++)
        {
            Assert.True(tries < 100, "packetd does not look at its clock");
            Ping();
        }
    }

    /// <summary>Until packetd has done with the turn in which it last looked at its clock: machines are metered at its end.</summary>
    private void NextTurn()
    {
        (ulong seconds, ulong nanoseconds) = clock.Time;
        clock.Time = (seconds, (nanoseconds + 1) % 1_000_000_000);
        Turn(() => clock.Told == clock.Time);
    }

    private void Ping()
    {
        lab.Send(Frames.Echo([6, 6]));
        Assert.NotNull(lab.Await(frame => frame.Length == 44 && frame[34] == 0));
    }

    private string NextLine(string part) => Wait.For(() =>
    {
        string[] log = lab.Log;
        for (int line = 0; line < log.Length; line++)
            if (log[line].Contains(part, StringComparison.Ordinal) && read.Add(line))
                return log[line];
        return null;
    }, () => $"packetd never said \"{part}\" but: {string.Join(" / ", lab.Log.TakeLast(5))}", 10);
}
