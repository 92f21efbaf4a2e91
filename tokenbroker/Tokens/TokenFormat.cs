using System;
using System.Collections.Generic;
using Wire;

namespace Tokenbroker.Tokens;

/// <summary>What a boot token shall say.</summary>
internal sealed record Terms(
    uint Node, uint Boot, int Prefix, uint Gateway, IReadOnlyList<uint> Guests, uint MemoryMiB, int CpuPercent,
    long Issued, long Expires, int Lease,
    uint Elements, byte[] ChainEnd, byte[] First, byte[] Loader, byte[] RefundHash, long Value, Prices Prices);

/// <summary>What a redemption certificate says: the machine of that name has ended with so many units unused.</summary>
/// <param name="Elements">Of the chain that it was paid with last, those that the node was paid.</param>
/// <param name="Used">Of CPU, memory, network and existence, in the units of their prices.</param>
internal sealed record Certificate(byte[] Name, long Unused, long Elements, IReadOnlyList<ulong> Used)
{
    /// <summary>Units; what does not fit is the largest that does.</summary>
    internal long Spent(Prices prices)
    {
        UInt128 spent = 0;
        foreach ((long price, Resource resource) in ((long, Resource)[])[(prices.Cpu, Resource.Cpu),
            (prices.Memory, Resource.Memory), (prices.Network, Resource.Network), (prices.Existence, Resource.Existence)])
            spent += (UInt128)price * Used[(int)resource];
        return (long)UInt128.Min(spent, long.MaxValue);
    }
}

/// <summary>The formats of tokens (docs/protocols.md), as far as the broker mints and reads them.</summary>
internal static class TokenFormat
{
    public static byte[] Mint(Terms terms, ReadOnlySpan<byte> nodeKey)
    {
        byte[] token = new byte[BootToken.Size];
        BootTokenDraft draft = new(token)
        {
            Node = terms.Node,
            MemoryMiB = terms.MemoryMiB,
            Issued = (ulong)terms.Issued,
            Expires = (ulong)terms.Expires,
            BootAddress = terms.Boot,
            Gateway = terms.Gateway,
            PrefixLength = (byte)terms.Prefix,
            CpuPercent = (ushort)terms.CpuPercent,
            ElementCount = terms.Elements,
            Lease = (ushort)terms.Lease,
            ChainEnd = terms.ChainEnd,
            First = terms.First,
            Loader = terms.Loader,
            RefundHash = terms.RefundHash,
            Value = (ulong)terms.Value,
        };
        foreach (uint guest in terms.Guests)
            draft.AddGuest(guest);
        draft.SetPrice(Resource.Cpu, (uint)terms.Prices.Cpu);
        draft.SetPrice(Resource.Memory, (uint)terms.Prices.Memory);
        draft.SetPrice(Resource.Network, (uint)terms.Prices.Network);
        draft.SetPrice(Resource.Existence, (uint)terms.Prices.Existence);
        draft.Sign(nodeKey);
        return token;
    }

    public static byte[] MachineKey(ReadOnlySpan<byte> token, ReadOnlySpan<byte> nodeKey)
    {
        byte[] key = new byte[Wire.MachineKey.Size];
        Wire.MachineKey.Derive(new HmacSha1(nodeKey), token, key);
        return key;
    }

    /// <param name="paid">All elements of the chain that are paid with this one.</param>
    public static byte[] Payment(ReadOnlySpan<byte> name, ReadOnlySpan<byte> element, uint paid)
    {
        byte[] payment = new byte[Wire.Payment.Size];
        Wire.Payment.Emit(payment, paid, name, element);
        return payment;
    }

    /// <summary>Brings a machine a new chain, with so many elements back to <paramref name="first"/>.</summary>
    public static byte[] Continuation(
        uint node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> formerEnd, ReadOnlySpan<byte> end,
        ReadOnlySpan<byte> first, uint elements, ReadOnlySpan<byte> nodeKey)
    {
        byte[] token = new byte[Wire.Continuation.Size];
        Wire.Continuation.Emit(token, new HmacSha1(nodeKey), node, elements, name, formerEnd, end, first);
        return token;
    }

    /// <summary>Null when the bytes are no certificate; says nothing about who signed it.</summary>
    public static Certificate? Read(ReadOnlySpan<byte> certificate) =>
        Statement.TryParse(certificate, out Statement statement) && statement.State == AccountState.Refunded
        && statement.Unused <= long.MaxValue
            ? new Certificate(statement.Machine.Bytes.ToArray(), (long)statement.Unused, statement.Count,
                [statement.Used(Resource.Cpu), statement.Used(Resource.Memory), statement.Used(Resource.Network),
                    statement.Used(Resource.Existence)]) : null;

    public static bool Signed(ReadOnlySpan<byte> certificate, ReadOnlySpan<byte> nodeKey) =>
        Statement.TryParse(certificate, out Statement statement) && statement.SignedWith(new HmacSha1(nodeKey));
}
