using System;
using System.Linq;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>A million frames that nobody should send: no exception, no domain, no token used, and every answer well formed.</summary>
public class FuzzTests
{
    [Fact]
    public void A_million_random_and_mutated_frames_change_nothing()
    {
        var host = new TestHost();
        var domains = new Domain[4];
        domains[0].Addresses[0] = 0x0A000050;
        domains[1].Addresses[0] = 0x0A000051;
        domains[1].Addresses[1] = 0x0A000052;
        var node = host.MakeNode(domains);
        // A token signed with the wrong key, so that no lucky mutation is a good one.
        byte[][] seeds =
        [
            Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node),
            Frames.Arp(2, Frames.Mac(0x0A000050), 0x0A000050, TestHost.Client),
            Frames.Echo(new byte[56]),
            Frames.Echo(new byte[3]),
            Frames.Echo(new Tokens { Key = new byte[16] }.Payload()),
            Frames.Echo(Tokens.Payload(MagicKind.Payment, new byte[48])),
            Frames.Echo("EvilPing"u8.ToArray(), source: 0x0A000051, from: Frames.Mac(0x0A000051)),
            Frames.Ipv4(Frames.ClientMac, Frames.Mac(0x0A000050), 0x0A000050, TestHost.Client, 17, new byte[100]),
            Frames.Ipv4(Frames.Mac(0x0A000051), Frames.ClientMac, TestHost.Client, 0x0A000051, 6, new byte[100]),
        ];
        var random = new Random(10);
        byte[] memory = new byte[2048];
        int answers = 0;
        for (int i = 0; i < 1_000_000; i++)
        {
            int length = Mutate(random, seeds[i % seeds.Length], memory);
            int port = random.Next(3) - 1;
            uint owner = port < 0 ? 0 : domains[port].Boot;
            node.Limiter.Tick((ulong)i / 100);
            node.Receive(port, memory.AsSpan(0, length));
            foreach ((int to, byte[] packet) in host.Sent)
            {
                Assert.InRange(to, -1, 1);
                bool own = Packet.HasMac(packet, Packet.SourceAt, TestHost.Node) && to == port;
                if (own)
                    AssertAnswer(packet, length);
                else if (port >= 0)
                    Assert.True(Packet.HasMac(packet, Packet.SourceAt, owner));
                answers += own ? 1 : 0;
            }
            host.Sent.Clear();
        }
        Assert.True(answers > 1000, "The mutations never got through to an answer.");
        Assert.Empty(host.Starts);
        Assert.Equal([0x0A000050u, 0x0A000051u, 0u, 0u], domains.Select(domain => domain.Boot));
        host.Sent.Clear();
        node.Receive(Port.Link, Frames.Echo(new Tokens().Payload()));
        Assert.Single(host.Starts);
    }

    private static void AssertAnswer(byte[] packet, int requestLength)
    {
        Assert.All(packet[..Packet.HeaderSize], value => Assert.Equal(0, value));
        if (Packet.IsArp(packet))
        {
            Assert.Equal(TestHost.Node, Bytes.Be32(packet, Packet.ArpSenderAt));
            return;
        }
        Assert.Equal(TestHost.Node, Bytes.Be32(packet, Packet.Ipv4SourceAt));
        Assert.Equal(0, Frames.Sum(packet.AsSpan(Packet.Ipv4At, Packet.Ipv4Size)));
        Assert.Equal(0, Frames.Sum(packet.AsSpan(Packet.IcmpAt)));
        Assert.True(packet.Length <= Math.Max(requestLength, 10 + 42 + MagicReply.Size));
    }

    private static int Mutate(Random random, byte[] seed, byte[] memory)
    {
        if (random.Next(10) == 0)
        {
            random.NextBytes(memory);
            return random.Next(memory.Length + 1);
        }
        seed.CopyTo(memory, 0);
        int length = random.Next(4) == 0 ? random.Next(seed.Length + 30) : seed.Length;
        for (int changes = random.Next(4); changes > 0; changes--)
        {
            int at = random.Next(random.Next(2) == 0 ? 64 : seed.Length);
            memory[at] = random.Next(3) switch
            {
                0 => (byte)random.Next(256),
                1 => (byte)(memory[at] ^ (1 << random.Next(8))),
                _ => random.Next(2) == 0 ? (byte)0 : (byte)255,
            };
        }
        if (random.Next(2) == 0 && length >= 10 + 42) // put the sums right, to get past them
        {
            Bytes.PutBe16(memory, 10 + 24, 0);
            Bytes.PutBe16(memory, 10 + 24, Frames.Sum(memory.AsSpan(24, 20)));
            int total = Math.Min(Bytes.Be16(memory, 10 + 16) - 20, length - 44);
            if (total >= 8)
            {
                Bytes.PutBe16(memory, 10 + 36, 0);
                Bytes.PutBe16(memory, 10 + 36, Frames.Sum(memory.AsSpan(44, total)));
            }
        }
        return length;
    }
}
