using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>
/// Whoever taps the wire has every ping that customers have ever sent. Sent again, to the same node or to another one, before or after the
/// machines have ended, they start nothing, end nothing and change no account.
/// </summary>
public class ReplayTests
{
    private static readonly uint[] s_prices = [1, 1, 1, 10];

    /// <summary>A chain that is continued, and the machine given back.</summary>
    private static readonly Tokens s_first = new() { Boot = 0x0A000032, Guests = [0x0A000040], Prices = s_prices, Spare = 50 };
    private static readonly Tokens s_more = new() { Seed = 2, Count = 10, Spare = 30 };
    private static readonly Tokens s_yetMore = new() { Seed = 3, Count = 10, Spare = 30 };

    /// <summary>A machine that is ended by its key.</summary>
    private static readonly Tokens s_second = new() { Seed = 4, Boot = 0x0A000033, Prices = s_prices, Spare = 50 };

    /// <summary>The same customer's next one, at the addresses of the first, and somebody else's.</summary>
    private static readonly Tokens s_next = s_first with { Seed = 5 };
    private static readonly Tokens s_other = new() { Seed = 6, Boot = 0x0A000034, Prices = s_prices, Spare = 50 };

    private static readonly byte[][] s_running =
    [
        s_first.Payload(), s_first.Query(), s_first.Payment(20), s_first.Payment(30), s_more.Continuation(s_first, s_first.End),
        s_more.Payment(25, machine: s_first.End), s_yetMore.Continuation(s_first, s_more.End), s_yetMore.Payment(11, machine: s_first.End),
        s_second.Payload(), s_second.Payment(40), s_second.Query(), s_second.Payment(60),
    ];

    private static readonly byte[][] s_ending = [s_first.Refund(), EndOf(s_second)];

    private static byte[] EndOf(Tokens machine)
    {
        byte[] key = HMACSHA1.HashData(TestHost.Key, (byte[])[.. "EvilMKey"u8, .. machine.Token()]);
        return Tokens.Payload(MagicKind.End, [.. HMACSHA1.HashData(key, "EvilEnd1"u8), 0, 0, 0, 0]);
    }

    private static Node<TestHost> Make(TestHost host, Domain[] domains, uint address = TestHost.Node, byte[]? key = null, ulong started = TestHost.Started)
    {
        HmacSha1 secret = new(key ?? TestHost.Key);
        Limits limits = new() { Address = address, Key = secret, FormerKey = secret, MaxMemoryMiB = 256, MinCpuShare = 100, ChainSteps = 100, Grace = 1000 };
        UsedTokens used = new(new UsedToken[8]) { Since = started };
        return new Node<TestHost>(host, limits, domains, used, new Accounts(new Account[8]), new Limiter(new ushort[Limiter.Size], 1));
    }

    private static void Send(ref Node<TestHost> node, byte[] payload, uint address = TestHost.Node) =>
        node.Receive(Port.Link, Frames.Echo(payload, target: address, to: Frames.Mac(address)));

    /// <summary>What the node says of an account, its signed statement.</summary>
    private static string Account(ref Node<TestHost> node, Tokens machine)
    {
        Send(ref node, machine.Query(), machine.Node);
        byte[] answer = node.Host.Sent[^1].Packet[52..];
        Assert.Equal(MagicReply.Size + Statement.Size, answer.Length);
        return Convert.ToHexString(answer[MagicReply.Size..]);
    }

    /// <summary>Sends all of it again, in three orders, and asks each time what there is.</summary>
    private static void Replay(ref Node<TestHost> node, IReadOnlyList<byte[]> pings, Tokens[] accounts, uint address = TestHost.Node)
    {
        var host = node.Host;
        (int starts, int kills) = (host.Starts.Count, host.Kills.Count);
        string[] before = new string[accounts.Length];
        for (int i = 0; i < accounts.Length; i++)
            before[i] = Account(ref node, accounts[i]);
        foreach (byte[][] order in new byte[][][] { [.. pings], [.. pings.Reverse()], [.. pings, .. pings] })
            foreach (byte[] ping in order)
            {
                Send(ref node, ping, address);
                Assert.Equal((starts, kills, 0), (host.Starts.Count, host.Kills.Count, host.Purges.Count));
                for (int i = 0; i < accounts.Length; i++)
                    Assert.Equal(before[i], Account(ref node, accounts[i]));
            }
    }

    [Fact]
    public void Pings_that_come_again_change_nothing_while_the_machines_run_and_when_they_have_ended()
    {
        TestHost host = new();
        var domains = new Domain[4];
        var node = Make(host, domains);
        for (int i = 0; i < s_running.Length; i++)
        {
            Send(ref node, s_running[i]);
            Tokens[] there = i < 8 ? [s_first] : [s_first, s_second];
            Replay(ref node, s_running[..(i + 1)], there);
        }
        Assert.Equal([0x0A000032u, 0x0A000033u], host.Starts.Select(start => start.Boot));
        foreach (byte[] ping in s_ending)
            Send(ref node, ping);
        Assert.Equal([0, 1], host.Kills);
        byte[][] all = [.. s_running, .. s_ending];
        // Their ends have been seen.
        domains[0] = domains[1] = default;
        Replay(ref node, all, [s_first, s_second]);
        // Others have their places and addresses.
        Send(ref node, s_next.Payload());
        Send(ref node, s_other.Payload());
        Assert.Equal(4, host.Starts.Count);
        Replay(ref node, all, [s_first, s_second, s_next, s_other]);
    }

    /// <summary>One with the same secret, one with the same address, and the same one after it was started again.</summary>
    [Theory]
    [InlineData(TestHost.Node + 1, true, false)]
    [InlineData(TestHost.Node, false, false)]
    [InlineData(TestHost.Node, true, true)]
    public void Pings_to_one_node_change_nothing_on_another(uint address, bool sameSecret, bool again)
    {
        TestHost host = new();
        byte[] key = sameSecret ? TestHost.Key : "fedcba9876543210"u8.ToArray();
        var node = Make(host, new Domain[4], address, key, again ? host.Now : TestHost.Started);
        Replay(ref node, [.. s_running, .. s_ending], [], address);
        Assert.Empty(host.Starts);
        var own = s_other with { Node = address, Key = key, Issued = host.Now, Expires = host.Now + 100 };
        Send(ref node, own.Payload(), address);
        Assert.Single(host.Starts);
        Replay(ref node, [.. s_running, .. s_ending], [own], address);
    }

    /// <summary>Elements that were sold for other machines, or for another chain of the same one, pay nothing, whatever number they say.</summary>
    [Fact]
    public void Elements_of_other_chains_pay_nothing()
    {
        TestHost host = new();
        var node = Make(host, new Domain[4]);
        Send(ref node, s_first.Payload());
        Send(ref node, s_second.Payload());
        Send(ref node, s_more.Continuation(s_first, s_first.End));
        List<byte[]> pings = [];
        foreach (Tokens chain in new[] { s_first, s_second, s_more, s_yetMore })
            for (uint element = 1; element <= 40; element++)
                foreach (uint number in new[] { element, element + 1, 11u, 110u })
                {
                    if (chain != s_more)
                        pings.Add(s_first.Payment(number, chain.Element(element)));
                    if (chain != s_second)
                        pings.Add(s_second.Payment(number, chain.Element(element)));
                }
        // Continuations of other machines, of other chains, and for other nodes.
        pings.Add(s_yetMore.Continuation(s_second, s_first.End));
        pings.Add(s_yetMore.Continuation(s_first, s_first.End));
        pings.Add(s_yetMore.Continuation(s_first, s_second.End));
        pings.Add((s_yetMore with { Node = TestHost.Node + 1 }).Continuation(s_second, s_second.End));
        pings.Add((s_yetMore with { Key = "fedcba9876543210"u8.ToArray() }).Continuation(s_second, s_second.End));
        Replay(ref node, pings, [s_first, s_second]);
    }

    /// <summary>A tapper who sets the node's clock as well, a day on and a day back, while machines run and are paid.</summary>
    [Fact]
    public void Steps_of_the_clock_bring_no_ping_back()
    {
        const ulong Day = 86_400;
        TestHost host = new();
        var domains = new Domain[4];
        var node = Make(host, domains);
        ulong now = host.Now;
        List<byte[]> sent = [];
        for (int i = 0; i < s_running.Length; i++)
        {
            Send(ref node, s_running[i]);
            sent.Add(s_running[i]);
            foreach (ulong clock in new[] { now + Day, now - Day, now })
            {
                host.Now = clock;
                Replay(ref node, sent, i < 8 ? [s_first] : [s_first, s_second]);
            }
        }
        foreach (byte[] ping in s_ending)
            Send(ref node, ping);
        sent.AddRange(s_ending);
        domains[0] = domains[1] = default;
        foreach (ulong clock in new[] { now - Day, now, now + Day, now })
        {
            host.Now = clock;
            Replay(ref node, sent, [s_first, s_second]);
        }
        Assert.Equal(2, host.Starts.Count);
    }
}
