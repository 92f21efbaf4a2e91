using System;
using System.Collections.Generic;
using System.Linq;
using Packetd;
using Testing.Nodes;
using Wire;

namespace Fuzz;

/// <summary>What is right about accounts: each has a <see cref="Ledger"/>.</summary>
internal sealed partial class World
{
    /// <summary>Of this run, each account that there ever was.</summary>
    private readonly List<Ledger> ledgers = [];
    private readonly List<int> purged = [];

    /// <summary>The tokens and chains of this script, by chain end.</summary>
    private readonly Dictionary<string, Tokens> minted = [];

    /// <summary>Whose packet is under way; whose account a request is about.</summary>
    private Ledger? sending, asked;

    /// <summary>What a request about an account is answered; null for any other packet.</summary>
    private Refusal? expected;
    private Action then = () => { };
    private byte[] statement = [];
    private bool isRefund;
    private ulong sentBefore;

    ulong IHost.CpuTime(int slot)
    {
        Violation.When(slot < 0 || slot >= Slots || live[slot] == null, $"the processor's time of slot {slot}, where nothing runs");
        return cpu;
    }

    void IHost.Purge(int slot)
    {
        Violation.When(live[slot]?.Ledger == null, "a domain that costs nothing was purged");
        Ledger ledger = live[slot]!.Ledger!;
        ledger.Measure(Uptime, cpu);
        Violation.When(!ledger.IsOver, $"a domain was purged that has paid {ledger.Paid} and spent {ledger.Spent}");
        Violation.When(!ledger.IsOpen, "a domain was purged that is being ended");
        ledger.Close();
        purged.Add(slot);
    }

    private (Ledger, Tokens, Tokens)[] Payers() =>
        [.. ledgers.Where(ledger => minted.ContainsKey(Convert.ToHexString(ledger.Name)) && minted.ContainsKey(Convert.ToHexString(ledger.ChainEnd)))
            .Select(ledger => (ledger, minted[Convert.ToHexString(ledger.Name)], minted[Convert.ToHexString(ledger.ChainEnd)]))];

    /// <summary>Whoever has used so much on credit is gone by now.</summary>
    private void JudgeGrace()
    {
        for (int slot = 0; slot < Slots; slot++)
            if (live[slot]?.Ledger is { IsOpen: true } ledger)
            {
                ledger.Measure(Uptime, cpu);
                Violation.When(ledger.IsOver && !purged.Contains(slot), $"domain {slot} goes on, though it has paid {ledger.Paid} and spent {ledger.Spent}");
            }
    }

    private void EndPurged(ref Node<World> node)
    {
        foreach (int slot in purged)
        {
            Story?.Invoke($"    domain {slot} is purged");
            End(ref node, slot);
        }
        purged.Clear();
    }

    private void ExpectOfAccount(byte[] packet)
    {
        (asked, expected, then, statement, isRefund) = (null, null, () => { }, [], false);
        if (!Judge.IsEchoRequest(packet) || !Judge.IsMagic(packet))
            return;
        byte[] payload = packet[Judge.Payload..(Judge.Ipv4 + Judge.U16(packet, Judge.Ipv4 + 2))];
        (int kind, int size) = payload.Length < 16 ? (0, 0) : payload[10] switch { 2 => (2, 48), 4 or 5 => (payload[10], 124), 6 => (6, 116), _ => (0, 0) };
        if (kind == 0 || !payload.AsSpan(8, 8).SequenceEqual((ReadOnlySpan<byte>)[1, 0, (byte)kind, 0, (byte)size, 0, 0, 0]) || payload.Length != 16 + size)
            return;
        byte[] body = payload[16..];
        byte[] name = body.AsSpan(kind switch { 2 => 8, 6 => 16, _ => 0 }, 20).ToArray();
        if (kind == 2 && (!body.AsSpan(4, 4).SequenceEqual(new byte[4]) || body.AsSpan(0, 4).SequenceEqual(new byte[4])))
            expected = Refusal.Malformed;
        else if (kind == 6 && (!body.AsSpan(0, 8).SequenceEqual((ReadOnlySpan<byte>)[.. "EVCT"u8, 1, 0, 0, 0]) || body.AsSpan(12, 4).SequenceEqual(new byte[4])))
            expected = Refusal.Malformed;
        else if (kind == 6 && Judge.U32(body, 8) != TestHost.Node)
            expected = Refusal.WrongNode;
        if (expected != null)
            return;
        asked = ledgers.LastOrDefault(ledger => ledger.Name.SequenceEqual(name) && (kind is 4 or 5 || ledger.IsOpen));
        expected = asked == null ? Refusal.NoSuchDomain : kind switch
        {
            2 => asked.Pay(body, out then),
            5 => asked.Refund(body, out then),
            6 => asked.Continue(body, out then),
            _ => Refusal.None,
        };
    }

    private void JudgeAccount()
    {
        // A frame of the domain is charged when the node has let it pass, even if it was for nobody.
        if (sending != null && domains[requestPort].Sent == sentBefore + 1)
            sending.Bytes += (uint)requestLength - 10;
        if (expected == null || said == null)
        {
            bool mustBeSaid = expected == Refusal.None && (requestPort < 0 || (Request[0] == 0 && IsOwn(requestPort, Request)));
            Violation.When(mustBeSaid, "no answer about an account");
            return;
        }
        Violation.When(said != expected, $"{said} about an account, not {expected}");
        asked?.Measure(Uptime, cpu);
        if (said == Refusal.None)
            then();
        bool wanted = said == Refusal.None && Request[Judge.Payload + 10] is 4 or 5;
        Violation.When(wanted != statement.Length > 0, "a statement that nobody asked for, or none");
        if (wanted && asked!.Fault(statement) is { } fault)
            throw new Violation($"a statement that {fault}");
    }
}
