using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Testing.Nodes;
using Wire;

namespace Packetd.Tests;

/// <summary>
/// Small numbers that stand for something that happens; what, depends on what a node has been through.
/// </summary>
internal sealed record Step(int Kind, int A, int B, int C, int D)
{
    private const int Addresses = 8;

    public static Gen<Step[]> Sequences(int most)
    {
        Gen<int> small = Gen.Int[0, 15];
        return Gen.Select(Gen.Int[0, 29], small, small, small, small, (kind, a, b, c, d) => new Step(kind, a, b, c, d)).Array[1, most];
    }

    /// <summary>Null when nothing happens: there is no domain to do it.</summary>
    public Happening? Make(ReferenceNode node, List<Happening.Offer> offered)
    {
        uint[] domains = [.. node.Domains.Keys];
        uint domain = domains.Length == 0 ? 0 : domains[A % domains.Length];
        return Kind switch
        {
            <= 13 => Offer(node, offered),
            <= 18 => domain == 0 ? null : FromDomain(node.Domains[domain].Addresses),
            <= 21 => FromLink(),
            <= 23 => domain == 0 ? null : new Happening.End(domain, (Ending)(B % 4)),
            <= 26 => new Happening.Clock(Moment(node, offered)),
            <= 27 => new Happening.Restart(A % 2 == 1),
            _ => new Happening.Monitor(A % 8 == 1),
        };
    }

    /// <summary>A little later or earlier, or about when a token began or ceased to be good.</summary>
    private ulong Moment(ReferenceNode node, List<Happening.Offer> offered)
    {
        Tokens? token = A < 10 && offered.Count > 0 ? offered[^(1 + B % offered.Count)].Token : null;
        return token == null ? A % 4 == 0 ? node.Now - (ulong)(B * C) / 2 : node.Now + (ulong)(A * B)
            : A < 5 ? token.Issued + (ulong)D : token.Expires - 1 + (ulong)(D % 2);
    }

    private static uint Address(int n) => 0x0A000030u + (uint)(n % Addresses);

    private Happening.Offer Offer(ReferenceNode node, List<Happening.Offer> offered)
    {
        // A third of the offers are of a token that was offered before, honoured or not.
        if (Kind >= 9 && offered.Count > 0)
            return offered[^(1 + (A + B) % offered.Count)];
        Tokens token = new()
        {
            Seed = offered.Count, Boot = Address(B), Guests = [.. Enumerable.Range(C, C < 8 ? 0 : C % 4).Select(Address)],
            Issued = node.Now - (ulong)(D % 4), Expires = node.Now + 20 + (ulong)(C * D) % 100,
        };
        token = A switch
        {
            0 => token with { Key = "fedcba9876543210"u8.ToArray() },
            1 => token with { Node = TestHost.Node + 1 },
            2 => token with { BreakChain = true },
            3 => token with { MemoryMiB = ReferenceNode.MaxMemory + (uint)(D % 2) },
            4 => token with { Count = ReferenceNode.ChainSteps + (uint)(D % 2) },
            5 => token with { Guests = [.. token.Guests.Take(3), D % 2 == 0 ? TestHost.Node : 0x7F000001] },
            6 => token with { Issued = node.Now + (ulong)(D % 2) },
            7 => token with { Issued = node.Now - 10, Expires = node.Now + (ulong)(D % 2) },
            8 => token with { Issued = node.Started - (ulong)(D % 2) },
            10 => token with { DiskMiB = (uint)(D % 2) },
            11 => token with { CpuPercent = (ushort)((D % 2 == 0 ? TestHost.MinCpuShare : 100) - 1 + D / 2 % 3) },
            _ => token,
        };
        token = token with { Expires = Math.Max(token.Expires, token.Issued + 1) };
        byte[] payload = token.Payload();
        Happening.Offer offer = A != 9 ? new(token, payload, Refusal.None, (ushort)MagicKind.Boot) : Deform(payload);
        offered.Add(offer);
        return offer;
    }

    private Happening.Offer Deform(byte[] payload)
    {
        byte[] With(int at, byte value)
        {
            payload[at] = value;
            return payload;
        }
        const ushort Boot = (ushort)MagicKind.Boot;
        return (D % 8) switch
        {
            0 => new(null, payload[..^(1 + C)], Refusal.Truncated, Boot),
            1 => new(null, payload[..(8 + C % 8)], Refusal.Truncated, 0),
            2 => new(null, [.. payload, 0], Refusal.TrailingBytes, Boot),
            3 => new(null, With(8, 2), Refusal.UnknownVersion, 0),
            4 => new(null, With(10, 9), Refusal.UnknownKind, 9),
            5 => new(null, With(12, 1), Refusal.Malformed, Boot),
            6 => C % 2 == 0 ? new(null, With(16, 0), Refusal.Malformed, Boot) : new(null, With(20, 2), Refusal.UnknownTokenVersion, Boot),
            _ => new(null, Tokens.Payload(MagicKind.Payment, [1, .. new byte[47]]), Refusal.NoSuchDomain, (ushort)MagicKind.Payment),
        };
    }

    private Happening.Frame FromDomain(uint[] own)
    {
        uint boot = own[0], source = own[D % own.Length], foreign = Address(D);
        bool isOwn = own.Contains(foreign), group = C is 1 or 2;
        byte[] mac = Frames.Mac(boot), to = Target(), body = new byte[20 + D];
        body[0] = (byte)B;
        byte[] good = Frames.Ipv4(to, mac, source, TestHost.Client, 17, body);
        byte[] Offload(byte start, byte offset) => [1, 0, 0, 0, 0, 0, start, 0, offset, 0, .. good[10..]];
        Happening.Frame Say(byte[] packet, bool forged, string what, byte[]? answer = null) => new(own, packet, forged, answer, what);
        return B switch
        {
            0 => Say(Frames.Ipv4(to, mac, foreign, TestHost.Client, 17, body), !isOwn || group, "IPv4 with a neighbour's address"),
            1 => Say(Frames.Ipv4(to, Frames.Mac(foreign), source, TestHost.Client, 17, body), foreign != boot || group, "IPv4 with a neighbour's MAC"),
            2 => Say(Frames.Ipv4(to, mac, TestHost.Node, TestHost.Client, 17, body), true, "IPv4 with the node's address"),
            3 => Say(Frames.Arp(1, mac, source, Address(C), to), false, "ARP request"),
            4 => Say(Frames.Arp(2, mac, foreign, Address(C), to), !isOwn, "ARP reply with a neighbour's address"),
            5 => Say(Frames.Arp(1, Frames.ClientMac, source, Address(C), to)[..16].Concat(mac).Concat(Frames.Arp(1, Frames.ClientMac, source, Address(C), to)[22..]).ToArray(),
                true, "ARP with another's MAC inside"),
            6 => Say(Frames.Ethernet(to, mac, 0x86DD, new byte[60]), true, "IPv6"),
            7 => Say(Frames.Ethernet(to, mac, 0x8100, good[24..]), true, "VLAN tag"),
            8 => Say(Offload(14, 12), true, "IPv4 whose checksum would be its source address"),
            9 => Say(good[..(10 + 33)], true, "IPv4 cut short"),
            10 => Say(Frames.Arp(1, mac, source, TestHost.Node, D % 2 == 0 ? Frames.Mac(TestHost.Node) : Frames.Broadcast), false, "ARP request for the node",
                Frames.ArpReply(mac, source)),
            11 => Say(Frames.Echo(body, source, TestHost.Node, from: mac), false, "ping", Frames.EchoReply(body, mac, source)),
            12 => Say(Frames.Ipv4(to, mac, source, TestHost.Client, 1, [(byte)(D % 2 == 0 ? 5 : 8), .. new byte[20]]), D % 2 == 0 || group, "ICMP redirect or Echo"),
            13 => Say(Frames.Ipv4(to, mac, source, TestHost.Client, 17, [0, 67, 0, (byte)(67 + D % 2), .. new byte[20]]), D % 2 == 1 || group, "DHCP"),
            _ => Say(good, group, "IPv4"),
        };
    }

    private Happening.Frame FromLink()
    {
        byte[] body = new byte[20 + D], to = Target();
        body[0] = (byte)B;
        byte[] node = Frames.Mac(TestHost.Node), ping = Frames.Echo(body), plain = Frames.Ipv4(to, Frames.ClientMac, TestHost.Client, Address(C), 17, body);
        byte[] With(byte[] packet, int at, byte value)
        {
            packet[10 + at] ^= value;
            return packet;
        }
        Happening.Frame Say(byte[] packet, string what, byte[]? answer = null) => new([], packet, false, answer, what);
        return B switch
        {
            0 => Say(ping, "ping", Frames.EchoReply(body, Frames.ClientMac, TestHost.Client)),
            1 => Say(With(ping, 36, 1), "ping with a wrong checksum"),
            2 => Say(With(ping, 24, 1), "ping with a wrong header checksum"),
            3 => Say(Frames.Echo(body, target: TestHost.Node + 1), "ping to another's address"),
            4 => Say(Frames.Echo(body, to: Frames.Broadcast), "ping to all"),
            5 => Say(Frames.Echo(body, source: 0xE0000001), "ping from a group"),
            6 => Say(Frames.Echo(body, source: TestHost.Node), "ping from the node"),
            7 => Say(Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node, D % 2 == 0 ? node : null), "ARP request for the node",
                Frames.ArpReply(Frames.ClientMac, TestHost.Client)),
            8 => Say(Frames.Arp(1, Frames.ClientMac, TestHost.Client, Address(C)), "ARP request"),
            9 => Say(Frames.Arp(2, Frames.ClientMac, TestHost.Client, TestHost.Node, node), "ARP reply to the node"),
            10 => Say(Frames.Ethernet(to, Frames.ClientMac, 0x86DD, new byte[60]), "IPv6"),
            11 => Say(Frames.Ipv4(to, Frames.Mac(Address(D)), Address(D), Address(C), 17, body), "IPv4 that claims a domain's MAC"),
            _ => Say(plain, "IPv4"),
        };
    }

    private byte[] Target() => C switch
    {
        0 => Frames.ClientMac,
        1 => Frames.Broadcast,
        2 => [0x33, 0x33, 0, 0, 0, 1],
        3 => Frames.Mac(0),
        _ => Frames.Mac(Address(C)),
    };
}
