using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Text.Json.Serialization;
using Wire;

namespace Evilman.Buying;

// What a broker takes and gives (docs/broker.md), as far as it is used here; and what is kept of it.

internal sealed record NewMachine(string Plan, int Tokens, string Loader, string? Node = null,
    IReadOnlyList<string>? Guests = null);

internal sealed record NewTokens(int Tokens);

internal sealed record NewRefund(string Certificate);

/// <param name="Sold">Elements.</param>
/// <param name="Released">When its place was given back, since it was not started while its boot token held; Unix seconds.</param>
internal sealed record MachineView(long Id, string Name, string Node, string NodeAddress, string BootAddress,
    IReadOnlyList<string> Guests, string Plan, long MemoryMib, long TokenValue, long Lapses, long Sold = 0,
    long? Released = null);

internal sealed record Purchase(MachineView Machine, string BootToken, string MachineKey, string RefundSecret,
    long Tokens, long Amount, long Balance)
{
    /// <summary>Fails unless the broker's answer is valid, so that no other code has to check it.</summary>
    internal Purchase Checked()
    {
        var isWhole = IsHex(BootToken, Wire.BootToken.Size) && Wire.BootToken.TryParse(Token(), out var token)
            && IsHex(Machine.Name, Wire.HashChain.ElementSize) && token.ChainEnd.Bytes.SequenceEqual(Name())
            && IsHex(MachineKey, Wire.MachineKey.Size) && IsHex(RefundSecret, Wire.AccountRequest.SecretSize)
            && Text.Quantity.TryAddress(Machine.NodeAddress, out _);
        return isWhole ? this : throw new Failure("what the broker sold is not a machine");
    }

    internal byte[] Token() => Convert.FromHexString(BootToken);

    /// <summary>The chain end of the boot token.</summary>
    internal byte[] Name() => Convert.FromHexString(Machine.Name);

    internal byte[] Key() => Convert.FromHexString(MachineKey);

    internal byte[] Secret() => Convert.FromHexString(RefundSecret);

    internal IPAddress Node() => IPAddress.Parse(Machine.NodeAddress);

    internal static bool IsHex(string text, int size) => text.Length == 2 * size && text.All(char.IsAsciiHexDigit);
}

internal sealed record Resupply(long Tokens, long Amount, long Balance, long Lapses, IReadOnlyList<Ping> Pings);

/// <summary>The body of a magic ping, in hexadecimal digits, for the machine's node.</summary>
internal sealed record Ping(int Kind, string Body)
{
    internal Ping Checked()
    {
        var isWhole = (MagicKind)Kind switch
        {
            MagicKind.Payment => Purchase.IsHex(Body, Payment.Size),
            MagicKind.Continuation => Purchase.IsHex(Body, Continuation.Size),
            _ => false,
        };
        return isWhole ? this : throw new Failure("what the broker sold are not tokens");
    }
}

/// <param name="Breakage">Bought, and never with the node.</param>
internal sealed record RefundView(long Machine, long Refunded, long Burned, long Balance, long Breakage = 0);

internal sealed record BalanceView(long Balance);

/// <summary>What a broker has heard of a machine's node.</summary>
internal sealed record HeardAccount(string State, long Unused, long Rate);

internal sealed record EntryView(long Id, long At, string Kind, string Reference, long Amount, long Balance);

internal sealed record NodePrices(long Cpu, long Memory, long Network, long Existence, long Share = 0);

internal sealed record NodeView(string Name, string Address, NodePrices Prices, long MemoryMib, long UsedMemoryMib,
    long Machines, long UsedMachines, bool Enabled);

internal sealed record PlanView(string Name, long TokenValue, long MemoryMib, int Guests, int CpuPercent = 100);

internal sealed record Page<T>(IReadOnlyList<T> Items, long? Next);

internal sealed record Problem(string Type, string Detail);

// What is printed with --json.

internal sealed record LoginLine(string Broker, string Url, long? Balance);

/// <param name="Certificate">What the node signed, hexadecimal digits.</param>
internal sealed record RefundLine(string Name, long Machine, long Refunded, long Burned, long Balance, long Breakage, string Certificate);

internal sealed record NodeLine(string Name, string Address, string? Broker, NodeView? Load, string? Boot,
    string? Guests)
{
    internal static NodeLine Of(KnownNode node) =>
        new(node.Name, $"{node.Address}", null, null, node.Boot?.ToString(), node.Guests?.ToString());
}

internal sealed record MachineLine(string Name, string Broker, string State, long Id, string Node, string NodeAddress,
    string BootAddress, IReadOnlyList<string> Guests, long Bought, long Undelivered)
{
    internal static MachineLine Of(string name, BoughtMachine machine) => new(name, machine.Broker, machine.State,
        machine.Bought?.Machine.Id ?? 0, machine.Bought?.Machine.Node ?? "", machine.Bought?.Machine.NodeAddress ?? "",
        machine.Bought?.Machine.BootAddress ?? "", machine.Bought?.Machine.Guests ?? [], machine.Amount,
        machine.Pings.Count);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(NewMachine))]
[JsonSerializable(typeof(NewTokens))]
[JsonSerializable(typeof(NewRefund))]
[JsonSerializable(typeof(MachineView))]
[JsonSerializable(typeof(Purchase))]
[JsonSerializable(typeof(Resupply))]
[JsonSerializable(typeof(RefundView))]
[JsonSerializable(typeof(BalanceView))]
[JsonSerializable(typeof(HeardAccount))]
[JsonSerializable(typeof(Page<EntryView>))]
[JsonSerializable(typeof(Page<MachineView>))]
[JsonSerializable(typeof(Page<NodeView>))]
[JsonSerializable(typeof(Page<PlanView>))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(BoughtMachine))]
[JsonSerializable(typeof(LoginLine))]
[JsonSerializable(typeof(RefundLine))]
[JsonSerializable(typeof(NodeLine))]
[JsonSerializable(typeof(MachineLine))]
internal sealed partial class Json : JsonSerializerContext;
