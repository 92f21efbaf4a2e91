using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Net;
using Wire;

namespace Evilman.Tokens;

/// <summary>What a boot token shall permit; the broker's side of thesis §8.2.</summary>
public sealed record MintRequest
{
    public required IPAddress Node { get; init; }

    public required IPAddress BootAddress { get; init; }

    public int PrefixLength { get; init; } = 24;

    public IPAddress? Gateway { get; init; }

    public IReadOnlyList<IPAddress> Guests { get; init; } = [];

    public long MemoryBytes { get; init; } = 64 << 20;

    /// <summary>Hundredths of one processor.</summary>
    public int CpuPercent { get; init; } = 100;

    public long DiskBytes { get; init; }

    /// <summary>The k of the thesis.</summary>
    public int Tokens { get; init; } = 10;

    public DateTimeOffset Issued { get; init; } = DateTimeOffset.UtcNow;

    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How long a machine waits for its customer, who has not come or is gone, before it ends itself; whole seconds.
    /// </summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The units of the balance that one element pays.</summary>
    public ulong Value { get; init; }

    /// <summary>
    /// What one unit of each <see cref="Resource"/> costs, in units of the balance; nothing costs anything otherwise.
    /// </summary>
    public IReadOnlyList<uint> Prices { get; init; } = [0, 0, 0, 0];

    /// <summary>What will prove that a refund is the customer's; nobody knows it when it is null.</summary>
    public byte[]? RefundSecret { get; init; }

    /// <summary>The only loader that the firmware may start.</summary>
    public required byte[] Loader { get; init; }
}

public static class Mint
{
    /// <summary>
    /// Signs a token with the node's secret. The elements s_n … s_{n-k+1} are taken from the end of <paramref
    /// name="chain"/>.
    /// </summary>
    /// <exception cref="Failure">A quantity does not fit its field, or the chain is too short.</exception>
    public static byte[] Token(MintRequest request, ReadOnlySpan<byte> key, Chain chain)
    {
        if (request.Guests.Count > BootToken.MaxGuests)
            throw Failure.Usage($"a token names at most {BootToken.MaxGuests} guest addresses");
        if (request.MemoryBytes < 1 << 20 || request.MemoryBytes % (1 << 20) != 0
            || request.MemoryBytes >> 20 > uint.MaxValue)
            throw Failure.Usage("memory comes in whole MiB, one at least");
        if (request.DiskBytes < 0 || request.DiskBytes % (1 << 20) != 0 || request.DiskBytes >> 20 > uint.MaxValue)
            throw Failure.Usage("disk comes in whole MiB");
        if (request.CpuPercent is < 1 or > ushort.MaxValue)
            throw Failure.Usage($"the CPU share is 1 to {ushort.MaxValue} hundredths of a processor");
        if (request.PrefixLength is < 8 or > 30)
            throw Failure.Usage("the prefix length of the boot address is 8 to 30");
        if (request.Tokens < 1 || request.Tokens > chain.Length)
            throw Failure.Usage($"the chain has {chain.Length} elements, so a token carries 1 to {chain.Length} of "
                + $"them");
        if (request.Value > BootToken.MaxValue)
            throw Failure.Usage($"an element is worth at most {BootToken.MaxValue} units");
        if (request.Lifetime < TimeSpan.FromSeconds(1))
            throw Failure.Usage("a token lives one second at least");
        if (request.Lease.TotalSeconds is < 1 or > ushort.MaxValue)
            throw Failure.Usage($"a lease is 1 to {ushort.MaxValue} seconds");
        if (request.Loader.Length is 0 or > (int)Upload.MaxLoaderSize)
            throw Failure.Usage($"a loader has 1 to {Upload.MaxLoaderSize} bytes");

        var bytes = new byte[BootToken.Size];
        var draft = new BootTokenDraft(bytes)
        {
            Node = Number(request.Node),
            MemoryMiB = (uint)(request.MemoryBytes >> 20),
            Issued = (ulong)request.Issued.ToUnixTimeSeconds(),
            Expires = (ulong)(request.Issued + request.Lifetime).ToUnixTimeSeconds(),
            BootAddress = Number(request.BootAddress),
            Gateway = request.Gateway is null ? 0 : Number(request.Gateway),
            PrefixLength = (byte)request.PrefixLength,
            CpuPercent = (ushort)request.CpuPercent,
            DiskMiB = (uint)(request.DiskBytes >> 20),
            ElementCount = (uint)request.Tokens,
            Lease = (ushort)request.Lease.TotalSeconds,
            ChainEnd = chain.Element(chain.Length),
            First = chain.Element(chain.Length - request.Tokens + 1),
            Loader = LoaderHash(request.Loader),
            RefundHash = RefundHash(request.RefundSecret ?? Secret.Random(AccountRequest.SecretSize)),
            Value = request.Value,
        };
        for (var i = 0; i < request.Prices.Count; i++)
            draft.SetPrice((Resource)i, request.Prices[i]);
        foreach (var guest in request.Guests)
            draft.AddGuest(Number(guest));
        draft.Sign(key);
        return bytes;
    }

    /// <summary>
    /// Brings a machine that runs a new chain, with so many elements of it (thesis §8.2: "if s_0 is ever reached").
    /// </summary>
    /// <param name="former">The machine's boot token, or the continuation that it is paid with until now.</param>
    /// <exception cref="Failure">It is neither, or the chain is too short.</exception>
    public static byte[] Continuation(ReadOnlySpan<byte> former, int tokens, ReadOnlySpan<byte> key, Chain chain)
    {
        if (tokens < 1 || tokens > chain.Length)
            throw Failure.Usage($"the chain has {chain.Length} elements, so a token carries 1 to {chain.Length} of "
                + $"them");
        uint node;
        Digest machine, end;
        if (BootToken.TryParse(former, out var token))
            (node, machine, end) = (token.Node, token.ChainEnd, token.ChainEnd);
        else if (Wire.Continuation.TryParse(former, out var before))
            (node, machine, end) = (before.Node, before.Machine, before.ChainEnd);
        else
            throw new Failure("that is neither a boot token nor a continuation");
        var bytes = new byte[Wire.Continuation.Size];
        Wire.Continuation.Emit(bytes, new HmacSha1(key), node, (uint)tokens, machine.Bytes, end.Bytes,
            chain.Element(chain.Length), chain.Element(chain.Length - tokens + 1));
        return bytes;
    }

    /// <summary>The key of the machine that a token starts, for its buyer: a secret, which is never sent.</summary>
    public static byte[] MachineKeyOf(ReadOnlySpan<byte> token, ReadOnlySpan<byte> key)
    {
        var machineKey = new byte[MachineKey.Size];
        MachineKey.Derive(new HmacSha1(key), token, machineKey);
        return machineKey;
    }

    /// <summary>
    /// The key that commands the guest whose first machine had this one: it can neither upload to a machine nor end
    /// one.
    /// </summary>
    public static byte[] GuestKeyOf(ReadOnlySpan<byte> machineKey)
    {
        var key = new byte[MachineKey.Size];
        MachineKey.GuestKey(machineKey, key);
        return key;
    }

    static byte[] RefundHash(ReadOnlySpan<byte> secret)
    {
        var hash = new byte[Sha1.DigestSize];
        Sha1.Hash(secret, hash);
        return hash;
    }

    public static byte[] LoaderHash(ReadOnlySpan<byte> loader)
    {
        var hash = new byte[Sha1.DigestSize];
        Sha1.Hash(loader, hash);
        return hash;
    }

    /// <summary>As the wire formats want it: the first octet is the most significant byte.</summary>
    public static uint Number(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    public static IPAddress Address(uint number)
    {
        Span<byte> octets = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(octets, number);
        return new IPAddress(octets);
    }
}
