using System;
using Packetd;
using Wire;

namespace Testing.Nodes;

/// <summary>Mints tokens that a test may then spoil.</summary>
public sealed record Tokens
{
    public uint Node { get; init; } = TestHost.Node;
    public uint Boot { get; init; } = 0x0A000032;
    public uint[] Guests { get; init; } = [];
    public byte Prefix { get; init; } = 24;
    public uint Gateway { get; init; }
    public uint MemoryMiB { get; init; } = 64;
    public uint Count { get; init; } = 10;
    public ulong Issued { get; init; } = TestHost.Started + 50;
    public ulong Expires { get; init; } = TestHost.Started + 200;
    public byte[] Key { get; init; } = TestHost.Key;
    public int Seed { get; init; } = 1;
    public bool BreakChain { get; init; }

    public byte[] Token()
    {
        byte[] bytes = new byte[BootToken.Size], first = new byte[20], end = new byte[20];
        new Random(Seed).NextBytes(first);
        first.CopyTo(end, 0);
        HashChain.Advance(end, Count - 1);
        first[0] ^= BreakChain ? (byte)1 : (byte)0;
        var draft = new BootTokenDraft(bytes)
        {
            Node = Node, BootAddress = Boot, Gateway = Gateway, PrefixLength = Prefix, MemoryMiB = MemoryMiB, CpuPercent = 100, Issued = Issued,
            Expires = Expires, TokenCount = Count, Lease = 60, ChainEnd = end, First = first, Loader = new byte[20],
        };
        foreach (uint guest in Guests)
            draft.AddGuest(guest);
        draft.Sign(Key);
        return bytes;
    }

    public byte[] Payload() => Payload(MagicKind.Boot, Token());

    public static byte[] Payload(MagicKind kind, byte[] body)
    {
        byte[] payload = new byte[MagicPing.HeaderSize + body.Length];
        body.CopyTo(payload, MagicPing.HeaderSize);
        MagicPing.EmitHeader(payload, kind);
        return payload;
    }
}
