using System;
using System.Linq;
using Evilman.Net;
using Tokens;
using Wire;

namespace Evilman.Minting;

/// <summary>Tokens that are signed here, with a node's secret that this account has: the broker's side of thesis §8.2.</summary>
public static class Signing
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

        return Mint.BootToken(new Terms
        {
            Node = Ipv4.Number(request.Node),
            MemoryMiB = (uint)(request.MemoryBytes >> 20),
            Issued = request.Issued.ToUnixTimeSeconds(),
            Expires = (request.Issued + request.Lifetime).ToUnixTimeSeconds(),
            BootAddress = Ipv4.Number(request.BootAddress),
            Gateway = request.Gateway is null ? 0 : Ipv4.Number(request.Gateway),
            PrefixLength = request.PrefixLength,
            Guests = [.. request.Guests.Select(Ipv4.Number)],
            CpuPercent = request.CpuPercent,
            DiskMiB = (uint)(request.DiskBytes >> 20),
            ElementCount = (uint)request.Tokens,
            Lease = (int)request.Lease.TotalSeconds,
            ChainEnd = chain.Element(chain.Length),
            First = chain.Element(chain.Length - request.Tokens + 1),
            Loader = Mint.Hash(request.Loader),
            RefundHash = Mint.Hash(request.RefundSecret ?? Secret.Random(AccountRequest.SecretSize)),
            Value = request.Value,
            Prices = request.Prices,
        }, key);
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
        return Mint.Continuation(node, machine.Bytes, end.Bytes, chain.Element(chain.Length),
            chain.Element(chain.Length - tokens + 1), (uint)tokens, key);
    }
}
