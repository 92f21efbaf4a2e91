using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>Each refusal, alone, and that a refused token changes nothing.</summary>
public class AdmitTests
{
    private static Refusal Send(ref Node<TestHost> node, byte[] payload, out uint limit)
    {
        int before = node.Host.Sent.Count;
        node.Receive(Port.Link, Frames.Echo(payload));
        Assert.Equal(before + 1, node.Host.Sent.Count);
        byte[] packet = node.Host.Sent[before].Packet;
        Assert.Equal(0, Frames.Sum(packet.AsSpan(44)));
        Assert.Equal(0, Frames.Sum(packet.AsSpan(24, 20)));
        Assert.True(MagicReply.TryParse(packet.AsSpan(52), out MagicReply reply));
        Assert.Equal((TestHost.Node, node.Host.Now), (reply.Node, reply.NodeTime));
        limit = reply.Limit;
        return reply.Refusal;
    }

    private static Refusal Send(ref Node<TestHost> node, byte[] payload) => Send(ref node, payload, out _);

    private static void AssertRefused(byte[] payload, Refusal refusal, uint limit = 0)
    {
        var host = new TestHost();
        var domains = new Domain[2];
        var node = host.MakeNode(domains);
        Assert.Equal(refusal, Send(ref node, payload, out uint told));
        Assert.Equal(limit, told);
        Assert.Equal([refusal], host.Refusals);
        Assert.Empty(host.Starts);
        Assert.All(domains, domain => Assert.Equal(0u, domain.Boot));
        // Nothing stays behind: the right token is still good.
        Assert.Equal(Refusal.None, Send(ref node, new Tokens().Payload()));
    }

    [Fact]
    public void A_good_token_starts_a_domain_with_its_addresses()
    {
        var host = new TestHost();
        var domains = new Domain[2];
        var node = host.MakeNode(domains);
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Guests = [0x0A000040, 0x0A000041] }.Payload()));
        Assert.Equal([(0, 0x0A000032u)], host.Starts);
        Assert.Empty(host.Refusals);
        Assert.True(domains[0].Owns(0x0A000032) && domains[0].Owns(0x0A000040) && domains[0].Owns(0x0A000041));
        Assert.False(domains[0].Owns(0) || domains[0].Owns(0x0A000042) || domains[1].Owns(0x0A000032));
    }

    [Fact] public void Truncated() => AssertRefused(new Tokens().Payload()[..^1], Refusal.Truncated);
    [Fact] public void Header_alone() => AssertRefused("EvilPing"u8.ToArray(), Refusal.Truncated);
    [Fact] public void Trailing_bytes() => AssertRefused([.. new Tokens().Payload(), 0], Refusal.TrailingBytes);
    [Fact] public void Unknown_version() => AssertRefused(Spoilt(8, 9), Refusal.UnknownVersion);
    [Fact] public void Unknown_kind() => AssertRefused(Spoilt(10, 9), Refusal.UnknownKind);
    [Fact] public void Wrong_length_field() => AssertRefused(Spoilt(12, 151), Refusal.Malformed);
    [Fact] public void Wrong_token_magic() => AssertRefused(Spoilt(16, 0), Refusal.Malformed);
    [Fact] public void Wrong_token_version() => AssertRefused(Spoilt(20, 2), Refusal.UnknownTokenVersion);
    [Fact] public void Wrong_node() => AssertRefused(new Tokens { Node = TestHost.Node + 1 }.Payload(), Refusal.WrongNode);
    [Fact] public void Too_early() => AssertRefused(new Tokens { Issued = TestHost.Started + 101 }.Payload(), Refusal.TooEarly);
    [Fact] public void Expired() => AssertRefused(new Tokens { Expires = TestHost.Started + 100 }.Payload(), Refusal.Expired);
    [Fact] public void Issued_before_start() => AssertRefused(new Tokens { Issued = TestHost.Started - 1 }.Payload(), Refusal.IssuedBeforeStart);
    [Fact] public void Too_much_memory() => AssertRefused(new Tokens { MemoryMiB = 257 }.Payload(), Refusal.MemoryTooLarge, 256);
    [Fact] public void Chain_too_long() => AssertRefused(new Tokens { Count = 101 }.Payload(), Refusal.ChainTooLong, 100);
    [Fact] public void Wrong_key() => AssertRefused(new Tokens { Key = new byte[16] }.Payload(), Refusal.BadSignature);
    [Fact] public void Wrong_signature_byte() => AssertRefused(Spoilt(211, 0), Refusal.BadSignature);
    [Fact] public void Broken_chain() => AssertRefused(new Tokens { Seed = 2, BreakChain = true }.Payload(), Refusal.ChainBroken);
    [Fact] public void A_token_of_the_version_before() => AssertRefused(Tokens.Payload(MagicKind.Boot, [.. "EVBT"u8, 2, 0, .. new byte[146]]), Refusal.UnknownTokenVersion);
    [Fact] public void A_disk() => AssertRefused(new Tokens { DiskMiB = 1 }.Payload(), Refusal.DiskNotGiven);
    [Fact] public void Less_of_a_processor_than_the_node_divides() => AssertRefused(new Tokens { CpuPercent = TestHost.MinCpuShare - 1 }.Payload(), Refusal.CpuShareNotGiven);
    [Fact] public void More_than_a_processor() => AssertRefused(new Tokens { CpuPercent = 101 }.Payload(), Refusal.CpuShareNotGiven);
    [Fact] public void Two_processors() => AssertRefused(new Tokens { CpuPercent = 200 }.Payload(), Refusal.CpuShareNotGiven);
    [Fact] public void A_payment_of_nothing() => AssertRefused(new Tokens().Payment(0, new byte[20]), Refusal.Malformed);
    [Fact] public void A_payment_for_nobody() => AssertRefused(new Tokens().Payment(11, new byte[20]), Refusal.NoSuchDomain);
    [Fact] public void A_query_for_nobody() => AssertRefused(new Tokens().Query(), Refusal.NoSuchDomain);
    [Fact] public void A_refund_for_nobody() => AssertRefused(new Tokens().Refund(), Refusal.NoSuchDomain);
    [Fact] public void A_continuation_for_nobody() => AssertRefused(new Tokens { Seed = 2 }.Continuation(new Tokens(), new Tokens().End), Refusal.NoSuchDomain);

    [Theory]
    [InlineData(0u)]
    [InlineData(TestHost.Node)]
    [InlineData(0x7F000001u)]
    [InlineData(0xE0000001u)]
    [InlineData(0xFFFFFFFFu)]
    public void Addresses_that_no_domain_may_have(uint address)
    {
        AssertRefused(new Tokens { Seed = 2, Boot = address }.Payload(), Refusal.AddressNotAllowed);
        AssertRefused(new Tokens { Seed = 2, Guests = [0x0A000040, address] }.Payload(), Refusal.AddressNotAllowed);
    }

    /// <summary>RFC 1122 §3.2.1.3: a subnet's first and last address belong to no host.</summary>
    [Theory]
    [InlineData(0x0A000000u, 24)]
    [InlineData(0x0A0000FFu, 24)]
    [InlineData(0x0A00FFFFu, 16)]
    [InlineData(0x0A000100u, 30)]
    [InlineData(0x0A000103u, 30)]
    [InlineData(0x0AFFFFFFu, 8)]
    public void A_subnets_first_and_last_address(uint address, byte prefix)
    {
        AssertRefused(new Tokens { Seed = 2, Boot = address, Prefix = prefix }.Payload(), Refusal.AddressNotAllowed);
        AssertRefused(new Tokens { Seed = 2, Boot = address ^ 2, Prefix = prefix, Guests = [0x0A000040, address] }.Payload(), Refusal.AddressNotAllowed);
    }

    [Theory]
    [InlineData(0x0A000100u)] // outside
    [InlineData(0x09FFFFFFu)]
    [InlineData(0xFFFFFFFFu)]
    [InlineData(1u)]
    [InlineData(0x0A000000u)] // first and last
    [InlineData(0x0A0000FFu)]
    [InlineData(0x0A000032u)] // its own
    [InlineData(0x0A000040u)]
    public void Gateways_that_are_no_other_host_of_the_subnet(uint gateway) =>
        AssertRefused(new Tokens { Seed = 2, Gateway = gateway, Guests = [0x0A000040] }.Payload(), Refusal.AddressNotAllowed);

    [Theory]
    [InlineData(0u, 24, 0x0A000032u, 0x0A0000FEu)]
    [InlineData(0x0A000001u, 24, 0x0A0000FEu, 0x0A0000FDu)]
    [InlineData(0x0A0000FEu, 24, 0x0A000001u, 0x0A0000FDu)]
    [InlineData(0x0A000101u, 30, 0x0A000102u, 0x0A000041u)]
    [InlineData(0u, 8, 0x0A0000FFu, 0x0A000100u)]
    [InlineData(0u, 25, 0x0A00007Eu, 0x0A0000FFu)] // a guest of another subnet than the boot address's
    public void Addresses_and_gateways_of_hosts(uint gateway, byte prefix, uint boot, uint guest)
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[1]);
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Boot = boot, Prefix = prefix, Gateway = gateway, Guests = [guest] }.Payload()));
    }

    [Fact]
    public void A_token_is_good_to_the_last_second_and_at_the_first()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[4]);
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Issued = host.Now, Expires = host.Now + 1 }.Payload()));
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Seed = 2, Boot = 0x0A000033, Issued = TestHost.Started }.Payload()));
    }

    [Fact]
    public void A_token_buys_one_domain_even_after_that_is_gone()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[2]);
        byte[] payload = new Tokens().Payload();
        Assert.Equal(Refusal.None, Send(ref node, payload));
        Assert.Equal(Refusal.Replayed, Send(ref node, payload));
        node.Domains[0] = default;
        Assert.Equal(Refusal.Replayed, Send(ref node, payload));
        Assert.Single(host.Starts);
    }

    [Fact]
    public void Two_tokens_of_one_chain_end_are_one_token()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[2]);
        Assert.Equal(Refusal.None, Send(ref node, new Tokens().Payload()));
        Assert.Equal(Refusal.Replayed, Send(ref node, new Tokens { Boot = 0x0A000033, Expires = TestHost.Started + 300 }.Payload()));
    }

    [Fact]
    public void Addresses_of_living_domains_are_taken()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[3]);
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Guests = [0x0A000040] }.Payload()));
        Assert.Equal(Refusal.AddressInUse, Send(ref node, new Tokens { Seed = 2 }.Payload()));
        Assert.Equal(Refusal.AddressInUse, Send(ref node, new Tokens { Seed = 2, Boot = 0x0A000040 }.Payload()));
        Assert.Equal(Refusal.AddressInUse, Send(ref node, new Tokens { Seed = 2, Boot = 0x0A000041, Guests = [0x0A000032] }.Payload()));
        Assert.Equal(Refusal.AddressInUse, Send(ref node, new Tokens { Seed = 2, Boot = 0x0A000041, Guests = [0x0A000042, 0x0A000040] }.Payload()));
        node.Domains[0] = default;
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Seed = 2 }.Payload()));
    }

    [Fact]
    public void A_full_node_says_so_and_has_room_again_when_a_domain_ends()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[2]);
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Seed = 1, Boot = 0x0A000031 }.Payload()));
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Seed = 2, Boot = 0x0A000032 }.Payload()));
        byte[] third = new Tokens { Seed = 3, Boot = 0x0A000033 }.Payload();
        Assert.Equal(Refusal.TooManyDomains, Send(ref node, third, out uint limit));
        Assert.Equal(2u, limit);
        node.Domains[0] = default;
        Assert.Equal(Refusal.None, Send(ref node, third));
        Assert.Equal((0, 0x0A000033u), host.Starts[2]);
    }

    [Fact]
    public void Who_spends_many_tokens_makes_older_ones_worthless_and_keeps_no_new_one_out()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[1], tokens: 3);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(Refusal.None, Send(ref node, Used(i)));
            node.Domains[0] = default;
        }
        byte[] old = Issued(20, 10), young = Issued(21, 60);
        Assert.Equal(Refusal.None, Send(ref node, young)); // in the place of 1, which was issued first
        node.Domains[0] = default;
        Assert.Equal(Refusal.IssuedBeforeStart, Send(ref node, old));
        Assert.Equal([Refusal.Replayed, Refusal.IssuedBeforeStart, Refusal.Replayed, Refusal.Replayed], [Send(ref node, Used(0)), Send(ref node, Used(1)), Send(ref node, Used(2)), Send(ref node, young)]);
        // As old as the forgotten one: it may be the forgotten one.
        Assert.Equal(Refusal.IssuedBeforeStart, Send(ref node, Issued(22, 20)));
        Assert.Equal(Refusal.None, Send(ref node, Issued(23, 21)));
        node.Domains[0] = default;
        // One that has expired goes first, whenever it was issued.
        host.Now = TestHost.Started + 200;
        for (int seed = 24; seed < 26; seed++)
        {
            Assert.Equal(Refusal.None, Send(ref node, Issued(seed, 22)));
            node.Domains[0] = default;
        }

        static byte[] Issued(int seed, ulong at) => new Tokens { Seed = seed, Issued = TestHost.Started + at, Expires = TestHost.Started + (seed > 22 ? 900UL : 200) }.Payload();
        static byte[] Used(int i) => Issued(10 + i, new ulong[] { 22, 20, 21 }[i]);
    }

    /// <summary>The one that is forgotten later may have been issued before the one that was forgotten first.</summary>
    [Fact]
    public void No_token_that_was_forgotten_is_honoured_again()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[1], tokens: 2);
        byte[][] tokens = [.. new ulong[] { 20, 22, 15, 30 }.Select((issued, seed) => new Tokens { Seed = seed, Issued = TestHost.Started + issued }.Payload())];
        foreach (byte[] token in tokens)
        {
            Assert.Equal(Refusal.None, Send(ref node, token));
            node.Domains[0] = default;
        }
        Assert.Equal(Refusal.IssuedBeforeStart, Send(ref node, tokens[0]));
        Assert.Equal(Refusal.IssuedBeforeStart, Send(ref node, tokens[2]));
    }

    [Fact]
    public void A_clock_that_steps_back_brings_no_forgotten_token_back()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[1], tokens: 1);
        byte[] first = new Tokens { Seed = 1 }.Payload();
        Assert.Equal(Refusal.None, Send(ref node, first));
        node.Domains[0] = default;
        host.Now += 10_000;
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Seed = 2, Issued = host.Now, Expires = host.Now + 10 }.Payload()));
        node.Domains[0] = default;
        host.Now -= 10_000;
        Assert.Equal(Refusal.Expired, Send(ref node, first));
        host.Now += 10_020;
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Seed = 3, Issued = host.Now, Expires = host.Now + 10 }.Payload()));
    }

    [Fact]
    public void A_token_survives_a_start_that_failed()
    {
        var host = new TestHost { CanStart = false };
        var domains = new Domain[1];
        var node = host.MakeNode(domains);
        Assert.Equal(Refusal.StartFailed, Send(ref node, new Tokens().Payload()));
        Assert.Equal(0u, domains[0].Boot);
        host.CanStart = true;
        Assert.Equal(Refusal.None, Send(ref node, new Tokens().Payload()));
    }

    [Fact]
    public void Refusals_are_answered_so_often_and_no_more_but_good_tokens_always()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[1]);
        byte[] bad = new Tokens { Key = new byte[16] }.Payload();
        for (int i = 0; i < 1000; i++)
            node.Receive(Port.Link, Frames.Echo(bad));
        Assert.Equal(10, host.Sent.Count);
        Assert.Equal(10, host.Refusals.Count);
        node.Receive(Port.Link, Frames.Echo(bad, source: TestHost.Client + 5));
        Assert.Equal(11, host.Sent.Count);
        Assert.Equal(10, host.Refusals.Count);
        Assert.Equal(Refusal.None, Send(ref node, new Tokens().Payload()));
    }

    [Fact]
    public void A_domain_may_buy_too_and_the_answer_goes_back_to_it()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[2]);
        Assert.Equal(Refusal.None, Send(ref node, new Tokens().Payload()));
        host.Sent.Clear();
        node.Receive(0, Frames.Echo(new Tokens { Seed = 2, Boot = 0x0A000033 }.Payload(), source: 0x0A000032, from: Frames.Mac(0x0A000032)));
        Assert.Equal(0, Assert.Single(host.Sent).Port);
        Assert.Equal(2, host.Starts.Count);
    }

    /// <summary>For a repeated token that cannot start anything no chain is hashed: each of these has a broken one.</summary>
    [Fact]
    public void The_chain_is_looked_at_last()
    {
        var host = new TestHost { CanStart = false };
        var node = host.MakeNode(new Domain[2], tokens: 1);
        Assert.Equal(Refusal.ChainBroken, Send(ref node, Broken(0x0A000031)));
        Assert.Equal(Refusal.AddressNotAllowed, Send(ref node, Broken(TestHost.Node)));
        host.CanStart = true;
        Assert.Equal(Refusal.None, Send(ref node, new Tokens { Boot = 0x0A000031 }.Payload()));
        Assert.Equal(Refusal.AddressInUse, Send(ref node, Broken(0x0A000031)));
        node.Domains[1] = node.Domains[0];
        Assert.Equal(Refusal.TooManyDomains, Send(ref node, Broken(0x0A000032)));

        static byte[] Broken(uint boot) => new Tokens { Seed = 2, Boot = boot, BreakChain = true }.Payload();
    }

    [Fact]
    public void What_is_not_only_passed_on_counts_more()
    {
        var host = new TestHost();
        var domains = new Domain[2];
        var node = host.MakeNode(domains);
        Assert.Equal(Refusal.None, Send(ref node, new Tokens().Payload()));
        byte[] mac = Frames.Mac(0x0A000032), bad = new Tokens { Key = new byte[16] }.Payload();
        Assert.Equal(1, node.Receive(0, Frames.Ipv4(Frames.ClientMac, mac, 0x0A000032, TestHost.Client, 17, new byte[20])));
        Assert.Equal(1, node.Receive(0, Frames.Ipv4(Frames.ClientMac, mac, 0x0A000033, TestHost.Client, 17, new byte[20])));
        Assert.Equal(1, node.Receive(Port.Link, Frames.Ipv4(mac, Frames.ClientMac, TestHost.Client, 0x0A000032, 17, new byte[20])));
        Assert.Equal(1, node.Receive(Port.Link, new byte[20]));
        Assert.Equal(4, node.Receive(0, Frames.Echo(bad, source: 0x0A000032, from: mac)));
        Assert.Equal(4, node.Receive(0, Frames.Arp(1, mac, 0x0A000032, TestHost.Client)));
        Assert.Equal(4, node.Receive(Port.Link, Frames.Echo(bad)));
        Assert.Equal(4, node.Receive(Port.Link, Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node)));
    }

    /// <summary>Who has the node hash gets the less of it: a step of a chain takes as long as a sixteenth of a packet.</summary>
    [Fact]
    public void What_is_hashed_counts()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[2]);
        Tokens token = new() { Prices = [0, 0, 0, 1], Count = 96, Spare = 1000 };
        Assert.Equal(4 + Node<TestHost>.Share, node.Receive(Port.Link, Frames.Echo(token.Payload()))); // a machine starts
        Assert.Equal(4, node.Receive(Port.Link, Frames.Echo(token.Payload())));
        Assert.Equal(4 + 6, node.Receive(Port.Link, Frames.Echo(token.Payment(96 + 100, new byte[20])))); // forged
        Assert.Equal(4, node.Receive(Port.Link, Frames.Echo(token.Payment(96 + 101, new byte[20]))));
        Assert.Equal(4 + 2, node.Receive(Port.Link, Frames.Echo(token.Payment(96 + 33))));
        Assert.Equal(4, node.Receive(Port.Link, Frames.Echo(token.Payment(96 + 33))));
        Tokens next = new() { Seed = 2, Count = 100 };
        Assert.Equal(4, node.Receive(Port.Link, Frames.Echo((next with { Key = new byte[16] }).Continuation(token, token.End))));
        Assert.Equal(4 + 6, node.Receive(Port.Link, Frames.Echo((next with { BreakChain = true }).Continuation(token, token.End))));
        Assert.Equal(4 + 6, node.Receive(Port.Link, Frames.Echo(next.Continuation(token, token.End))));
        Assert.Equal(4 + 3, node.Receive(Port.Link, Frames.Echo(new Tokens { Seed = 3, Boot = 0x0A000033, Count = 48, BreakChain = true }.Payload())));
        Assert.Equal(4, node.Receive(Port.Link, Frames.Echo(token.Query())));
    }

    /// <summary>Also when the first token has expired: its elements would pay into two accounts.</summary>
    [Fact]
    public void A_chain_whose_account_is_kept_starts_nothing_more()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[2], tokens: 1);
        Tokens token = new() { Prices = [0, 0, 0, 1], Count = 10 };
        Assert.Equal(Refusal.None, Send(ref node, token.Payload()));
        node.Close(0);
        node.Domains[0] = default;
        host.Now += 3000;
        host.Uptime += 3_000_000;
        Tokens again = token with { Issued = host.Now, Expires = host.Now + 100 };
        Assert.Equal(Refusal.None, Send(ref node, (again with { Seed = 2, Boot = 0x0A000031 }).Payload())); // the node has room for one token
        Assert.Equal(Refusal.Replayed, Send(ref node, again.Payload()));
    }

    /// <summary>What was signed with the former secret is honoured, under a machine key of the former secret; the node itself signs with the other.</summary>
    [Fact]
    public void Both_secrets_are_honoured()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[2]);
        Tokens former = new() { Key = TestHost.FormerKey, Prices = [0, 0, 0, 1] }, other = new() { Seed = 2, Boot = 0x0A000031, Prices = [0, 0, 0, 1] };
        Assert.Equal(Refusal.None, Send(ref node, former.Payload()));
        Assert.Equal(Refusal.None, Send(ref node, other.Payload()));
        Assert.Equal([.. former.Token(), .. HMACSHA1.HashData(TestHost.FormerKey, (byte[])[.. "EvilMKey"u8, .. former.Token()])], host.Records[0]);
        Assert.Equal([.. other.Token(), .. HMACSHA1.HashData(TestHost.Key, (byte[])[.. "EvilMKey"u8, .. other.Token()])], host.Records[1]);
        // Either machine goes on with a chain that is signed with either.
        Tokens third = new() { Seed = 3, Key = TestHost.FormerKey }, fourth = new() { Seed = 4 };
        Assert.Equal(Refusal.None, Send(ref node, third.Continuation(other, other.End)));
        Assert.Equal(Refusal.None, Send(ref node, fourth.Continuation(former, former.End)));
        Assert.Equal(Refusal.BadSignature, Send(ref node, (fourth with { Seed = 5, Key = new byte[16] }).Continuation(former, fourth.End)));
        Assert.Equal(Refusal.BadSignature, Send(ref node, new Tokens { Seed = 6, Boot = 0x0A000033, Key = new byte[16] }.Payload()));
        Assert.Equal(Refusal.None, Send(ref node, former.Query()));
        byte[] statement = host.Sent[^1].Packet[^Statement.Size..];
        Assert.Equal(HMACSHA1.HashData(TestHost.Key, statement[..80]), statement[80..]);
        Assert.Equal(Refusal.NoSuchDomain, Send(ref node, End(Proof(former.Token()))));
        Assert.Equal(Refusal.None, Send(ref node, End(Proof(former.Token(), TestHost.FormerKey))));
        Assert.Equal(Refusal.None, Send(ref node, End(Proof(other.Token()))));
    }

    private static byte[] Proof(byte[] token, byte[]? secret = null)
    {
        byte[] key = HMACSHA1.HashData(secret ?? TestHost.Key, (byte[])[.. "EvilMKey"u8, .. token]);
        return HMACSHA1.HashData(key, "EvilEnd1"u8.ToArray());
    }

    private static byte[] End(byte[] proof) => Tokens.Payload(MagicKind.End, [.. proof, 0, 0, 0, 0]);

    [Fact]
    public void A_machine_is_told_its_token_and_its_key()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[1]);
        byte[] token = new Tokens().Token();
        Assert.Equal(Refusal.None, Send(ref node, Tokens.Payload(MagicKind.Boot, token)));
        Assert.Equal([.. token, .. HMACSHA1.HashData(TestHost.Key, (byte[])[.. "EvilMKey"u8, .. token])], Assert.Single(host.Records));
    }

    [Fact]
    public void Who_proves_the_machine_key_ends_the_machine_and_its_alone()
    {
        var host = new TestHost();
        var domains = new Domain[3];
        var node = host.MakeNode(domains);
        byte[] first = new Tokens { Boot = 0x0A000031 }.Token(), second = new Tokens { Seed = 2 }.Token();
        Assert.Equal(Refusal.None, Send(ref node, Tokens.Payload(MagicKind.Boot, first)));
        Assert.Equal(Refusal.None, Send(ref node, Tokens.Payload(MagicKind.Boot, second)));
        // As often as it is asked for, until its end has been seen.
        for (int i = 1; i <= 3; i++)
        {
            Assert.Equal(Refusal.None, Send(ref node, End(Proof(second)), out uint limit));
            Assert.Equal(0u, limit);
            Assert.True(MagicReply.TryParse(host.Sent[^1].Packet.AsSpan(52), out MagicReply reply));
            Assert.Equal((MagicKind.End, 0x0A000032u), (reply.Kind, reply.BootAddress));
            Assert.Equal(Enumerable.Repeat(1, i), host.Kills);
        }
        node.Domains[1] = default;
        Assert.Equal(Refusal.NoSuchDomain, Send(ref node, End(Proof(second))));
        Assert.Equal(3, host.Kills.Count);
        Assert.Equal(0x0A000031u, domains[0].Boot);
        // The token stays used.
        Assert.Equal(Refusal.Replayed, Send(ref node, Tokens.Payload(MagicKind.Boot, second)));
    }

    [Fact]
    public void No_other_proof_ends_anything()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[3]);
        byte[] token = new Tokens().Token(), proof = Proof(token);
        Assert.Equal(Refusal.None, Send(ref node, Tokens.Payload(MagicKind.Boot, token)));
        Assert.Equal(Refusal.NoSuchDomain, Send(ref node, End(new byte[20]))); // that of an empty slot
        for (int bit = 0; bit < 160; bit++)
        {
            proof[bit / 8] ^= (byte)(1 << bit % 8);
            node.Limiter.Tick((ulong)bit + 1);
            Assert.Equal(Refusal.NoSuchDomain, Send(ref node, End(proof)));
            proof[bit / 8] ^= (byte)(1 << bit % 8);
        }
        node.Limiter.Tick(1000);
        Assert.Equal(Refusal.Malformed, Send(ref node, Tokens.Payload(MagicKind.End, [.. proof, 0, 0, 0, 1])));
        Assert.Equal(Refusal.Truncated, Send(ref node, End(proof)[..^1]));
        Assert.Equal(Refusal.TrailingBytes, Send(ref node, [.. End(proof), 0]));
        Assert.Equal(Refusal.NoSuchDomain, Send(ref node, End(HMACSHA1.HashData(TestHost.Key, token))));
        Assert.Empty(host.Kills);
    }

    private static byte[] Spoilt(int at, byte value)
    {
        byte[] payload = new Tokens().Payload();
        payload[at] = payload[at] == value ? (byte)(value + 1) : value;
        return payload;
    }
}
