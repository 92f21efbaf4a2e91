using System;
using System.Collections.Generic;
using System.Net;
using System.Text.Json.Serialization;
using Evilman.Minting;
using Evilman.Net;
using Wire;

namespace Evilman.Run;

/// <summary>A machine on a node, and what commands it.</summary>
/// <param name="Node">The node's name.</param>
/// <param name="Key">The machine's key, hexadecimal digits.</param>
/// <param name="Account">The name of its account with the node, hexadecimal digits; null where the node keeps none.</param>
internal sealed record JobMachine(string Node, string Address, string Boot, string Key, string? Account = null)
{
    /// <summary>Its name in the store of bought machines; null where its token was minted.</summary>
    public string? Bought { get; init; }

    internal IPAddress NodeAddress() => IPAddress.Parse(Address);

    internal byte[] MachineKey() => Convert.FromHexString(Key);

    internal static JobMachine Of(string node, IPAddress address, byte[] token, byte[] key) =>
        BootToken.TryParse(token, out var parsed)
            ? new JobMachine(node, $"{address}", $"{Ipv4.Address(parsed.BootAddress)}", Convert.ToHexStringLower(key),
                parsed.Prices.IsAny ? Convert.ToHexStringLower(parsed.ChainEnd.Bytes) : null)
            : throw new Failure("that is not a boot token");
}

/// <summary>A program that «evilman run --on» has started, as it is remembered: one file, replaced as a whole.</summary>
/// <param name="Machine">Where the guest is.</param>
/// <param name="GuestKey">What commands the guest, hexadecimal digits.</param>
/// <param name="Since">Unix seconds.</param>
internal sealed record RunningJob(string Program, JobMachine Machine, string Guest, string GuestKey, long MemoryMib,
    long Since)
{
    public IReadOnlyList<int> Ports { get; init; } = [];

    /// <summary>Where the guest may be as well: it is moving there, or that was cut off.</summary>
    public JobMachine? Next { get; init; }

    /// <summary>Whether the guest has been up: before that its machine is good for nothing.</summary>
    public bool IsUp { get; init; }

    public int Moves { get; init; }

    [JsonIgnore]
    internal IPAddress GuestAddress => IPAddress.Parse(Guest);

    internal byte[] Key() => Convert.FromHexString(GuestKey);

    /// <summary>
    /// Whether its guest is in a machine that is not remembered: it was moved by its address, or by itself. False where the
    /// guest does not say where it is.
    /// </summary>
    internal bool IsElsewhere(GuestState? guest) =>
        guest?.Boot is { } boot && $"{boot}" != Machine.Boot && $"{boot}" != Next?.Boot;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunningJob))]
[JsonSerializable(typeof(JobLine))]
[JsonSerializable(typeof(RunLine))]
[JsonSerializable(typeof(MoveLine))]
[JsonSerializable(typeof(NodeMachine))]
[JsonSerializable(typeof(DrainLine))]
internal sealed partial class JobJson : JsonSerializerContext;
