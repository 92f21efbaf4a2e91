using System.Collections.Generic;

namespace Tokenbroker.Market;

// What the API takes and gives, one record each; docs/broker.md and the OpenAPI document come from here. Money is in
// units, times are Unix seconds, bytes are hexadecimal digits. Prices.cs has a further one, which tokens name too.

internal sealed record NewNode(
    string Name, string Address, string Key, int PrefixLength, string BootAddresses, string GuestAddresses,
        long MemoryMib, long Machines, Prices Prices,
    string? Gateway = null, long ElementsPerPacket = NewNode.UsualElementsPerPacket,
    long? MaxMemoryMib = null, long MinCpuPercent = Broker.WholeProcessor, long? CpuPercent = null)
{
    // What packetd's --chain-steps is without being named, and at most.
    internal const long UsualElementsPerPacket = 1000, MaxElementsPerPacket = 100_000;
}

internal sealed record NodeView(
    long Id, string Name, string Address, Prices Prices, long MemoryMib, long UsedMemoryMib, long Machines,
        long UsedMachines, bool Enabled, long KeyNumber, long? MaxMemoryMib, long MinCpuPercent, long? CpuPercent,
        long UsedCpuPercent);

internal sealed record NewNodeKey(string Key);

internal sealed record NodeChange(bool Enabled);

internal sealed record NewPlan(
    string Name, long TokenValue, long MemoryMib, int CpuPercent = Broker.WholeProcessor, int Guests = 1, int LeaseSeconds = 60,
        int BootSeconds = 600, int ChainLength = 1024);

internal sealed record PlanView(
    long Id, string Name, long TokenValue, long MemoryMib, int CpuPercent, int Guests, int LeaseSeconds,
        int BootSeconds, int ChainLength);

internal sealed record NewCustomer(string Name);

internal sealed record CustomerView(long Id, string Name, long Balance);

internal sealed record NewKey(List<string> Scopes);

internal sealed record KeyView(string Key);

internal sealed record Done(bool Ok);

internal sealed record NewDeposit(long Amount, string Note = "");

internal sealed record BalanceView(long Balance);

internal sealed record EntryView(long Id, long At, string Kind, string Reference, long Amount, long Balance);

internal sealed record NewQuote(string Plan, int Tokens);

internal sealed record QuoteView(long Id, string Plan, int Tokens, long TokenValue, long Amount, long Expires,
    List<QuotedNode> Nodes);

/// <summary>How long the tokens last on a node when the machine only idles.</summary>
internal sealed record QuotedNode(string Name, Prices Prices, long IdleSeconds);

internal sealed record NewMachine(string Loader, string? Plan = null, int? Tokens = null, long? Quote = null,
    string? Node = null, List<string>? Guests = null);

/// <param name="Released">When its place was given back, since its node has no such machine and its token has expired.</param>
internal sealed record MachineView(
    long Id, string Name, string Node, string NodeAddress, string BootAddress, List<string> Guests, string Plan,
        long MemoryMib, long TokenValue,
    long Sold, long Amount, long Issued, long Expires, long Lapses, long? Closed, string? Ending, long? Released);

/// <summary>A machine that was bought; boot token, machine key and refund secret are the customer's to keep.</summary>
internal sealed record Purchase(
    MachineView Machine, string BootToken, string MachineKey, string RefundSecret, long Tokens, long Amount,
        long Balance);

internal sealed record NewTokens(int Tokens);

/// <summary>What the customer sends to the node, in this order: bodies of magic pings and their kinds.</summary>
internal sealed record Resupply(long Machine, long Tokens, long Amount, long Balance, long Lapses, List<Ping> Pings);

internal sealed record Ping(int Kind, string Body);

internal sealed record NewPings(List<Ping> Pings);

/// <param name="Refused">Why the node did not take the one after these.</param>
internal sealed record PingsView(int Taken, string? Refused);

/// <param name="State">running, grace, ended or refunded.</param>
/// <param name="Rate">Units in the last whole second.</param>
internal sealed record AccountView(long Machine, string State, long Unused, long Rate, long? SecondsLeft, long CpuUs,
    long MemoryMibS, long NetworkKib, long Seconds);

internal sealed record NewRefund(string Certificate);

internal sealed record RefundView(long Machine, long Refunded, long Burned, long Breakage, long Balance);

internal sealed record AuditView(long Id, long At, string Actor, string Action, string Subject);

/// <summary>Next: what "after" is in the request for the next page; nothing on the last one.</summary>
internal sealed record Page<T>(List<T> Items, long? Next);

internal sealed record ProblemView(string Type, string Title, int Status, string Detail);
