using System.Collections.Generic;
using Wire;

namespace Tokens;

/// <summary>
/// What a boot token says (docs/protocols.md, "Boot token"). Addresses are numbers in host order, times seconds since
/// 1970.
/// </summary>
public sealed record Terms
{
    public required uint Node { get; init; }

    public required uint BootAddress { get; init; }

    public required int PrefixLength { get; init; }

    /// <summary>0 for none.</summary>
    public uint Gateway { get; init; }

    /// <summary>At most <see cref="BootToken.MaxGuests"/>.</summary>
    public IReadOnlyList<uint> Guests { get; init; } = [];

    public required uint MemoryMiB { get; init; }

    /// <summary>Hundredths of one processor.</summary>
    public required int CpuPercent { get; init; }

    public uint DiskMiB { get; init; }

    public required long Issued { get; init; }

    public required long Expires { get; init; }

    /// <summary>Seconds that a machine waits for its customer.</summary>
    public required int Lease { get; init; }

    /// <summary>The k of the thesis: how many elements the token carries.</summary>
    public required uint ElementCount { get; init; }

    /// <summary>s_n.</summary>
    public required byte[] ChainEnd { get; init; }

    /// <summary>s_{n-k+1}.</summary>
    public required byte[] First { get; init; }

    /// <summary>The hash of the only loader that the firmware may start (<see cref="Mint.Hash"/>).</summary>
    public required byte[] Loader { get; init; }

    /// <summary>The hash of the secret that will prove that a refund is the customer's.</summary>
    public required byte[] RefundHash { get; init; }

    /// <summary>The units of the balance that one element pays.</summary>
    public ulong Value { get; init; }

    /// <summary>What one unit of each <see cref="Resource"/> costs, in their order, in units of the balance.</summary>
    public IReadOnlyList<uint> Prices { get; init; } = [0, 0, 0, 0];
}
