using System;
using Wire;

namespace Tokens;

/// <summary>
/// Makes what nodes take for money (docs/protocols.md; thesis §8.2). Nothing here decides whether it may be made: that
/// is the caller's.
/// </summary>
public static class Mint
{
    /// <summary>A boot token, signed with the node's secret.</summary>
    public static byte[] BootToken(Terms terms, ReadOnlySpan<byte> nodeKey)
    {
        byte[] token = new byte[Wire.BootToken.Size];
        BootTokenDraft draft = new(token)
        {
            Node = terms.Node,
            MemoryMiB = terms.MemoryMiB,
            Issued = (ulong)terms.Issued,
            Expires = (ulong)terms.Expires,
            BootAddress = terms.BootAddress,
            Gateway = terms.Gateway,
            PrefixLength = (byte)terms.PrefixLength,
            CpuPercent = (ushort)terms.CpuPercent,
            DiskMiB = terms.DiskMiB,
            ElementCount = terms.ElementCount,
            Lease = (ushort)terms.Lease,
            ChainEnd = terms.ChainEnd,
            First = terms.First,
            Loader = terms.Loader,
            RefundHash = terms.RefundHash,
            Value = terms.Value,
        };
        foreach (uint guest in terms.Guests)
            draft.AddGuest(guest);
        for (int i = 0; i < terms.Prices.Count; i++)
            draft.SetPrice((Resource)i, terms.Prices[i]);
        draft.Sign(nodeKey);
        return token;
    }

    /// <summary>
    /// Brings a machine that runs a new chain, with so many elements of it back to <paramref name="first"/> (thesis
    /// §8.2: "if s_0 is ever reached").
    /// </summary>
    /// <param name="name">The end of the machine's first chain.</param>
    /// <param name="formerEnd">That of the chain that it is paid with until now.</param>
    public static byte[] Continuation(
        uint node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> formerEnd, ReadOnlySpan<byte> end,
        ReadOnlySpan<byte> first, uint elements, ReadOnlySpan<byte> nodeKey)
    {
        byte[] token = new byte[Wire.Continuation.Size];
        Wire.Continuation.Emit(token, new HmacSha1(nodeKey), node, elements, name, formerEnd, end, first);
        return token;
    }

    /// <param name="paid">All elements of the chain that are paid with this one.</param>
    public static byte[] Payment(ReadOnlySpan<byte> name, ReadOnlySpan<byte> element, uint paid)
    {
        byte[] payment = new byte[Wire.Payment.Size];
        Wire.Payment.Emit(payment, paid, name, element);
        return payment;
    }

    /// <summary>The key of the machine that a token starts, for its buyer: a secret, which is never sent.</summary>
    public static byte[] MachineKey(ReadOnlySpan<byte> token, ReadOnlySpan<byte> nodeKey)
    {
        byte[] key = new byte[Wire.MachineKey.Size];
        Wire.MachineKey.Derive(new HmacSha1(nodeKey), token, key);
        return key;
    }

    /// <summary>
    /// The key that commands the guest whose first machine had this one: it can neither upload to a machine nor end
    /// one.
    /// </summary>
    public static byte[] GuestKey(ReadOnlySpan<byte> machineKey)
    {
        byte[] key = new byte[Wire.MachineKey.Size];
        Wire.MachineKey.GuestKey(machineKey, key);
        return key;
    }

    /// <summary>By which a token names a loader, and what will prove a refund: SHA-1.</summary>
    public static byte[] Hash(ReadOnlySpan<byte> bytes)
    {
        byte[] hash = new byte[Sha1.DigestSize];
        Sha1.Hash(bytes, hash);
        return hash;
    }
}
