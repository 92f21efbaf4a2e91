using System;
using System.Collections.Generic;
using System.Text.Json.Serialization;

namespace Evilman.Buying;

/// <summary>
/// A request to a broker that costs something. It is on the disk with its key before it is sent, and stays there until
/// its answer is: a command that is killed in between leaves it there, the next one sends the same again, and the
/// broker carries it out once.
/// </summary>
/// <param name="Key">The Idempotency-Key.</param>
/// <param name="Made">Unix seconds.</param>
internal sealed record Order(string Key, string Path, string Body, long Made)
{
    /// <summary>A broker keeps its answers for seven days: after that it would do the same once more.</summary>
    internal const long GoodFor = 6 * 86400;

    internal static Order New(string path, string body, long now) => new(Guid.NewGuid().ToString("N"), path, body, now);
}

/// <summary>A machine that is being or was bought, as its customer keeps it: one file, replaced as a whole.</summary>
/// <param name="Wanted">What was asked of the broker.</param>
internal sealed record BoughtMachine(string Broker, string Wanted)
{
    /// <summary>The only request that is under way.</summary>
    public Order? Order { get; init; }

    /// <summary>What the broker answered; null as long as that is not known.</summary>
    public Purchase? Bought { get; init; }

    /// <summary>Units paid to the broker for it.</summary>
    public long Amount { get; init; }

    /// <summary>Bought, and not yet taken by the node; to be sent in this order.</summary>
    public IReadOnlyList<Ping> Pings { get; init; } = [];

    /// <summary>Whether a job has sent its boot token to the node; of one that «evilman boot» sends this says nothing.</summary>
    public bool IsSpent { get; init; }

    /// <summary>The node's certificate of what is unused, in hexadecimal digits.</summary>
    public string? Certificate { get; init; }

    /// <summary>What the broker gave for the certificate.</summary>
    public RefundView? Refunded { get; init; }

    /// <summary>When its place was given to others, as the broker has said; Unix seconds.</summary>
    public long? Released { get; init; }

    [JsonIgnore]
    internal string State => Refunded is not null ? "refunded" : Bought is null ? "ordered"
        : Released is not null && Certificate is null ? "released"
        : Certificate is not null ? "ended" : Order is not null || Pings.Count > 0 ? "unsettled" : "bought";
}
