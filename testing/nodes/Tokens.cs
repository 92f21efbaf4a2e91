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
    public ushort CpuPercent { get; init; } = 100;
    public uint DiskMiB { get; init; }

    /// <summary>How many more elements the chain has that the token does not contain.</summary>
    public uint Spare { get; init; }

    /// <summary>By <see cref="Resource"/>; nothing has a price otherwise.</summary>
    public uint[] Prices { get; init; } = [0, 0, 0, 0];
    public ulong Value { get; init; } = 1000;

    /// <summary>What proves a refund to be the customer's.</summary>
    public byte[] Secret => [.. BitConverter.GetBytes(Seed), .. "refund secret.."u8, 7];

    /// <summary>The element with which n elements of the chain are paid.</summary>
    public byte[] Element(uint n)
    {
        byte[] element = new byte[20];
        new Random(Seed).NextBytes(element);
        if (n > Spare + Count)
            return element; // there is none
        HashChain.Advance(element, Spare + Count - n);
        return element;
    }

    /// <summary>The chain's end, which is the machine's name.</summary>
    public byte[] End => Element(1);

    public byte[] Token()
    {
        byte[] bytes = new byte[BootToken.Size], first = Element(Count), end = End, refund = new byte[20];
        Sha1.Hash(Secret, refund);
        first[0] ^= BreakChain ? (byte)1 : (byte)0;
        var draft = new BootTokenDraft(bytes)
        {
            Node = Node, BootAddress = Boot, Gateway = Gateway, PrefixLength = Prefix, MemoryMiB = MemoryMiB, CpuPercent = CpuPercent, DiskMiB = DiskMiB, Issued = Issued,
            Expires = Expires, ElementCount = Count, Lease = 60, ChainEnd = end, First = first, Loader = new byte[20], RefundHash = refund, Value = Value,
        };
        for (int i = 0; i < Prices.Length; i++)
            draft.SetPrice((Resource)i, Prices[i]);
        foreach (uint guest in Guests)
            draft.AddGuest(guest);
        draft.Sign(Key);
        return bytes;
    }

    public byte[] Payload() => Payload(MagicKind.Boot, Token());

    /// <summary>Pays n elements of the chain in all.</summary>
    public byte[] Payment(uint n, byte[]? element = null, byte[]? machine = null)
    {
        byte[] body = new byte[Wire.Payment.Size];
        Wire.Payment.Emit(body, n, machine ?? End, element ?? Element(n));
        return Payload(MagicKind.Payment, body);
    }

    /// <summary>Has the machine of the other token, whose chain is the former one, go on with this token's chain.</summary>
    public byte[] Continuation(Tokens machine, byte[] former)
    {
        byte[] body = new byte[Wire.Continuation.Size], first = Element(Count);
        first[0] ^= BreakChain ? (byte)1 : (byte)0;
        Wire.Continuation.Emit(body, new HmacSha1(Key), Node, Count, machine.End, former, End, first);
        return Payload(MagicKind.Continuation, body);
    }

    public byte[] Query() => Ask(MagicKind.Query, []);

    public byte[] Refund(byte[]? secret = null) => Ask(MagicKind.Refund, secret ?? Secret);

    private byte[] Ask(MagicKind kind, byte[] secret)
    {
        byte[] body = new byte[AccountRequest.Size];
        AccountRequest.Emit(body, End, secret);
        return Payload(kind, body);
    }

    public static byte[] Payload(MagicKind kind, byte[] body)
    {
        byte[] payload = new byte[MagicPing.HeaderSize + body.Length];
        body.CopyTo(payload, MagicPing.HeaderSize);
        MagicPing.EmitHeader(payload, kind);
        return payload;
    }
}
