using System;
using System.Collections.Generic;
using System.Net;
using Wire;

namespace Evilman.Minting;

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
