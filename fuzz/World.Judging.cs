using System;
using System.Collections.Generic;
using System.Linq;
using Packetd;
using Testing.Nodes;
using Wire;

namespace Fuzz;

/// <summary>What must never happen, whatever comes in.</summary>
internal sealed partial class World
{
    /// <summary>What one source may get in a tenth of a second.</summary>
    private const int ArpAllowance = 100, GroupAllowance = 10, RefusalAllowance = 10;

    /// <summary>A domain as it ought to be.</summary>
    private sealed class Expected
    {
        public required uint[] Addresses { get; init; }

        /// <summary>What ends it.</summary>
        public required byte[] Proof { get; init; }

        /// <summary>Null for a domain that costs nothing.</summary>
        public Ledger? Ledger { get; init; }

        public ulong Taken, Delivered, Dropped;
    }

    private readonly Expected?[] live = new Expected?[Slots];
    private readonly HashSet<string> honoured = [];

    /// <summary>Of this run: chain ends that were honoured, and when their tokens expire.</summary>
    private readonly Dictionary<string, ulong> chains = [];

    /// <summary>When the youngest of them was issued.</summary>
    private ulong newest;
    private readonly Dictionary<(string Kind, uint Source), int> allowances = [];
    private readonly byte[] request = new byte[Packet.MaxSize];
    private readonly bool[] relayedTo = new bool[Slots + 1];
    private int requestLength, requestPort;
    private bool answered, startedOne, tokenIsGood;
    private int refusals, lastRefusal;

    /// <summary>The boot addresses of the domain that was ended, and of the one that is to be; 0 for none.</summary>
    private uint endedOne, toEnd;
    private Refusal? said;

    private void Forget()
    {
        Array.Clear(live);
        chains.Clear();
        newest = 0;
        ledgers.Clear();
        purged.Clear();
        allowances.Clear();
    }

    private ReadOnlySpan<byte> Request => request.AsSpan(0, requestLength);

    /// <summary>What is right for a packet, before the node has it.</summary>
    private void Expect(int port, byte[] packet)
    {
        packet.CopyTo(request, 0);
        (requestPort, requestLength) = (port, packet.Length);
        answered = startedOne = tokenIsGood = false;
        endedOne = toEnd = 0;
        refusals = 0;
        said = null;
        Array.Clear(relayedTo);
        sending = null;
        sentBefore = port < 0 ? 0 : domains[port].Sent;
        ExpectOfAccount(packet);
        if (port >= 0 && packet.Length >= Judge.Header + Judge.Ethernet)
        {
            live[port]!.Taken++;
            if (IsOwn(port, packet))
                sending = live[port]!.Ledger;
        }
        // A domain's offload request may be refused for itself.
        if ((port >= 0 && (!IsOwn(port, packet) || packet[0] != 0)) || !Judge.IsEchoRequest(packet))
            return;
        if (Judge.RequestedEnd(packet) is { IsEmpty: false } proof)
            foreach (Expected? domain in live)
                toEnd = domain != null && proof.SequenceEqual(domain.Proof) ? domain.Addresses[0] : toEnd;
        if (Judge.BootToken(packet) is not { IsEmpty: false } token)
            return;
        // The node may call a token expired that expires before another one that it has forgotten already, and too old when it has honoured many younger ones.
        tokenIsGood = (faults & Faults.Start) == 0 && Judge.Expires(token) > latest && Array.IndexOf(live, null) >= 0
            && (chains.Count <= TokenRoom || Judge.Issued(token) > newest) && !chains.ContainsKey(Judge.ChainEnd(token))
            && Judge.Fault(token, Now, started) == null && !Conflicts(Judge.Addresses(token)) && !HasAccount(Judge.ChainEnd(token));
    }

    /// <summary>Whether docs/security.md, "What a domain may send", names it.</summary>
    private bool IsOwn(int slot, ReadOnlySpan<byte> packet)
    {
        uint[] own = live[slot]!.Addresses;
        if (packet.Length < Judge.Header + Judge.Ethernet || !Judge.HasMac(packet, Judge.Source, own[0]))
            return false;
        if (Judge.IsArp(packet))
        {
            uint sender = Judge.U32(packet, Judge.Ipv4 + 14), claimed = sender != 0 ? sender : Judge.U32(packet, Judge.Ipv4 + 24);
            return Judge.HasMac(packet, Judge.Ipv4 + 8, own[0]) && Judge.U16(packet, Judge.Ipv4 + 6) is 1 or 2 && own.Contains(claimed);
        }
        if (!Judge.IsIpv4(packet) || packet[Judge.Ipv4] % 16 != 5 || Judge.IsGroup(packet) || !own.Contains(Judge.U32(packet, Judge.Ipv4 + 12))
            || !Judge.IsHost(Judge.U32(packet, Judge.Ipv4 + 16)) || packet[Judge.Ipv4 + 9] is not (1 or 6 or 17))
            return false;
        bool first = Judge.U16(packet, Judge.Ipv4 + 6) % 0x2000 == 0;
        ReadOnlySpan<byte> body = packet[Judge.Icmp..];
        if (!first || body.Length < 8)
            return !first;
        return packet[Judge.Ipv4 + 9] switch
        {
            1 => body[0] is 0 or 8 || (body[0] is 3 or 11 or 12 && body.Length >= 28 && own.Contains(Judge.U32(body, 24))),
            17 => Judge.U16(body, 2) != 68,
            _ => true,
        };
    }

    /// <summary>Whether there was an account of this name, which the node keeps: no script opens as many as there is room for.</summary>
    private bool HasAccount(string chainEnd) => ledgers.Exists(ledger => Convert.ToHexString(ledger.Name) == chainEnd);

    private bool Conflicts(uint[] addresses)
    {
        foreach (Expected? other in live)
            if (other != null && other.Addresses.Intersect(addresses).Any())
                return true;
        return false;
    }

    private int SlotOf(ReadOnlySpan<byte> packet)
    {
        for (int slot = 0; slot < Slots; slot++)
            if (live[slot] is { } domain && Judge.HasMac(packet, Judge.Header, domain.Addresses[0]))
                return slot;
        return Port.Link;
    }

    bool IHost.Send(int port, scoped Span<byte> packet)
    {
        Violation.When(port < Port.Link || port >= Slots, $"a packet to port {port}");
        Violation.When(port >= 0 && live[port] == null, $"a packet to slot {port}, which has no domain");
        if (packet.SequenceEqual(Request))
            JudgeRelayed(port, packet);
        else
            JudgeAnswer(port, packet);
        bool sent = (faults & (port < 0 ? Faults.Link : Faults.Domains)) == 0;
        if (port < 0)
            return sent;
        // The node counts what it relays; its own answers are no domain's traffic.
        if (relayedTo[port + 1] && sent && live[port]!.Ledger is { } ledger)
            ledger.Bytes += (uint)packet.Length - 10;
        if (relayedTo[port + 1])
            (sent ? ref live[port]!.Delivered : ref live[port]!.Dropped)++;
        return sent;
    }

    private void JudgeRelayed(int to, ReadOnlySpan<byte> packet)
    {
        Violation.When(to == requestPort, "a packet went back where it came from");
        Violation.When(relayedTo[to + 1], $"a packet went to port {to} twice");
        relayedTo[to + 1] = true;
        Violation.When(requestPort >= 0 && !IsOwn(requestPort, packet), "a packet with a foreign address left a domain");
        Violation.When(requestPort >= 0 && packet[0] != 0 && !IsOwn(requestPort, Judge.Completed(packet)), "completing its checksum gives a packet a foreign address");
        if (Judge.IsGroup(packet))
            Spend("group", Judge.U32(packet, Judge.Source + 2), to == FirstOther() ? 1 : 0, GroupAllowance);
        else
            Violation.When(SlotOf(packet) != to || Judge.HasMac(packet, Judge.Header, TestHost.Node), $"a packet for another went to port {to}");
    }

    /// <summary>The first port that a frame to a group goes to.</summary>
    private int FirstOther()
    {
        if (requestPort != Port.Link)
            return Port.Link;
        int slot = Array.FindIndex(live, domain => domain != null);
        return slot;
    }

    private void JudgeAnswer(int port, ReadOnlySpan<byte> packet)
    {
        Violation.When(answered, "a second answer to one packet");
        answered = true;
        Violation.When(port != requestPort, $"an answer to port {port} for a request from port {requestPort}");
        Violation.When(requestPort >= 0 && !IsOwn(requestPort, Request), "an answer to a packet with a foreign address");
        Violation.When(packet[..Judge.Header].ContainsAnyExcept((byte)0), "an answer that leaves work undone");
        Violation.When(Judge.IsGroup(packet), "an answer to a group");
        Violation.When(!Judge.HasMac(packet, Judge.Source, TestHost.Node), "an answer from another's MAC");
        if (Judge.U16(packet, Judge.Type) == 0x0806)
            JudgeArpReply(packet);
        else
            JudgeEchoReply(packet);
    }

    private void JudgeArpReply(ReadOnlySpan<byte> packet)
    {
        Violation.When(!Judge.IsArpRequest(Request), "an ARP reply to what is no request");
        Violation.When(!Judge.IsArp(packet) || packet.Length != Judge.ArpSize || Judge.U16(packet, Judge.Ipv4 + 6) != 2, "a malformed ARP reply");
        Violation.When(!Judge.HasMac(packet, Judge.Ipv4 + 8, TestHost.Node) || Judge.U32(packet, Judge.Ipv4 + 14) != TestHost.Node, "an ARP reply that is not the node's");
        ReadOnlySpan<byte> sender = Request.Slice(Judge.Ipv4 + 8, 10);
        Violation.When(!packet.Slice(Judge.Ipv4 + 18, 10).SequenceEqual(sender) || !packet.Slice(Judge.Header, 6).SequenceEqual(sender[..6]), "an ARP reply to somebody else");
        Spend("arp", Judge.U32(Request, Judge.Ipv4 + 14), 1, ArpAllowance);
    }

    private void JudgeEchoReply(ReadOnlySpan<byte> packet)
    {
        Violation.When(!Judge.IsEchoRequest(Request), "an Echo Reply to what is no request");
        int total = packet.Length - Judge.Ipv4;
        Violation.When(total < 28 || Judge.U16(packet, Judge.Type) != 0x0800 || packet[Judge.Ipv4] != 0x45 || Judge.U16(packet, Judge.Ipv4 + 2) != total
            || packet[Judge.Ipv4 + 8] == 0 || packet[Judge.Ipv4 + 9] != 1 || (Judge.U16(packet, Judge.Ipv4 + 6) & 0xBFFF) != 0, "a malformed IPv4 header");
        Violation.When(Judge.U32(packet, Judge.Ipv4 + 12) != TestHost.Node || Judge.U32(packet, Judge.Ipv4 + 16) != Judge.U32(Request, Judge.Ipv4 + 12), "an Echo Reply with wrong addresses");
        Violation.When(!packet.Slice(Judge.Header, 6).SequenceEqual(Request.Slice(Judge.Source, 6)), "an Echo Reply to somebody else's MAC");
        Violation.When(Frames.Sum(packet.Slice(Judge.Ipv4, 20)) != 0 || Frames.Sum(packet[Judge.Icmp..]) != 0, "an Echo Reply with a wrong checksum");
        Violation.When(Judge.U16(packet, Judge.Icmp) != 0 || Judge.U32(packet, Judge.Icmp + 4) != Judge.U32(Request, Judge.Icmp + 4), "an Echo Reply with another identifier");
        ReadOnlySpan<byte> payload = packet[Judge.Payload..], asked = Request[Judge.Payload..(Judge.Ipv4 + Judge.U16(Request, Judge.Ipv4 + 2))];
        if (!Judge.IsMagic(Request))
        {
            Violation.When(!payload.SequenceEqual(asked), "an Echo Reply with another payload");
            return;
        }
        Violation.When(!MagicReply.TryParse(payload, out MagicReply reply), "a malformed reply to a magic ping");
        said = reply.Refusal;
        Violation.When(reply.Node != TestHost.Node || reply.NodeTime != Now, "a magic reply of another node or time");
        statement = payload[Judge.ReplySize..].ToArray();
        Violation.When(endedOne != 0 && !isRefund && (reply.BootAddress != endedOne || reply.Kind != MagicKind.End), "an end that another's boot address is told of");
        if (said == Refusal.None)
            return;
        Spend("refusal", Judge.U32(Request, Judge.Ipv4 + 12), 1, RefusalAllowance);
    }

    private void Spend(string kind, uint source, int amount, int allowance)
    {
        int spentSoFar = allowances.GetValueOrDefault((kind, source)) + amount;
        allowances[(kind, source)] = spentSoFar;
        Violation.When(spentSoFar > allowance, $"more than {allowance} of kind {kind} for one source in a tenth of a second");
    }

    bool IHost.Start(int slot, BootToken token, scoped ReadOnlySpan<byte> record)
    {
        Violation.When(slot < 0 || slot >= Slots || live[slot] != null, $"a start in slot {slot}, which is not free");
        Violation.When(startedOne, "a second start for one packet");
        Violation.When((requestPort >= 0 && !IsOwn(requestPort, Request)) || !Judge.IsEchoRequest(Request), "a start for what the node may not answer");
        ReadOnlySpan<byte> bytes = Judge.BootToken(Request);
        Violation.When(bytes.IsEmpty, "a start without a token");
        if (Judge.Fault(bytes, Now, started) is { } fault)
            throw new Violation($"a start for a token that {fault}");
        Violation.When(token.BootAddress != Judge.Boot(bytes) || token.MemoryMiB > Judge.MaxMemory, "a start of something else than the token says");
        Violation.When(honoured.Contains(Judge.Signature(bytes)), "a token was honoured twice");
        // No broker signs two tokens for one chain, but a script may; the node may forget a token when it has expired.
        Violation.When(chains.GetValueOrDefault(Judge.ChainEnd(bytes)) > latest || HasAccount(Judge.ChainEnd(bytes)), "a chain was honoured twice");
        uint[] addresses = Judge.Addresses(bytes);
        Violation.When(Conflicts(addresses), "a start with another domain's address");
        byte[] machineKey = Judge.MachineKey(bytes);
        Violation.When(!record.SequenceEqual([.. bytes, .. machineKey]), "a machine that is told something else than its token and its key");
        if ((faults & Faults.Start) != 0)
            return false;
        startedOne = true;
        honoured.Add(Judge.Signature(bytes));
        chains[Judge.ChainEnd(bytes)] = Judge.Expires(bytes);
        newest = Math.Max(newest, Judge.Issued(bytes));
        live[slot] = new Expected { Addresses = addresses, Proof = Judge.EndProof(machineKey), Ledger = Ledger.IsPriced(bytes) ? new Ledger(bytes.ToArray(), Uptime) : null };
        if (live[slot]!.Ledger is { } opened)
            ledgers.Add(opened);
        Coverage.Reached(Coverage.States - 1 - Math.Min(chains.Count, 100));
        return true;
    }

    void IHost.Kill(int slot)
    {
        Violation.When(slot < 0 || slot >= Slots || live[slot] == null, $"an end in slot {slot}, where nothing runs");
        Violation.When((requestPort >= 0 && !IsOwn(requestPort, Request)) || !Judge.IsEchoRequest(Request), "an end for what the node may not answer");
        isRefund = Judge.RequestedEnd(Request).IsEmpty;
        Violation.When(isRefund ? asked?.Name.SequenceEqual(live[slot]!.Ledger?.Name ?? []) != true || expected != Refusal.None
            : !Judge.RequestedEnd(Request).SequenceEqual(live[slot]!.Proof), "an end without its proof");
        endedOne = isRefund ? 0 : live[slot]!.Addresses[0];
        if (!isRefund && live[slot]!.Ledger is { } ledger)
        {
            ledger.Measure(Uptime, cpu);
            ledger.Close();
        }
    }

    void IHost.Refused(uint source, Refusal refusal)
    {
        Violation.When(refusal == Refusal.None || refusals++ > 0, "a refusal that is none, or a second one");
        Violation.When(source != Judge.U32(Request, Judge.Ipv4 + 12), "a refusal of somebody else");
        Spend("line", 0, 1, RefusalAllowance);
    }

    private void JudgeOutcome()
    {
        Violation.When((startedOne || endedOne != 0) && said != Refusal.None, "a start or an end that nobody is told of");
        JudgeAccount();
        Violation.When(said == Refusal.None && !startedOne && endedOne == 0 && expected == null, "an answer of a start or an end that did not happen");
        Violation.When(endedOne != toEnd, $"a proof for {toEnd} ended {endedOne}");
        Violation.When(tokenIsGood && !startedOne, $"a good token got no domain but {said?.ToString() ?? "silence"}");
        if (said is { } refusal)
        {
            int running = Slots - Array.FindAll(live, domain => domain == null).Length;
            Violation.When((int)refusal >= Coverage.Answers, $"{refusal} has no place among the states: Coverage.Answers is too small");
            Coverage.Reached((running * Coverage.Answers + lastRefusal) * Coverage.Answers + (int)refusal);
            lastRefusal = (int)refusal;
        }
        if (Story != null)
            Tell();
    }

    private void Tell()
    {
        string outcome = startedOne ? "a domain starts" : endedOne != 0 ? "a domain is ended" : said != null ? $"refused: {said}" : answered ? "answered" : "";
        for (int port = Port.Link; port < Slots; port++)
            if (relayedTo[port + 1])
                outcome += (outcome == "" ? "" : ", ") + (port < 0 ? "passed to the link" : $"passed to domain {port}");
        if (outcome != "")
            Story!.Invoke("    " + outcome);
    }

    /// <summary>The node's table is that of the domains that were started and have not ended.</summary>
    private void JudgeDomains()
    {
        for (int slot = 0; slot < Slots; slot++)
        {
            Violation.When(domains[slot].Boot != (live[slot]?.Addresses[0] ?? 0), $"slot {slot} has another domain than was started there");
            if (live[slot] is { } expected)
                JudgeCounters(slot, domains[slot], expected);
        }
    }

    private static void JudgeCounters(int slot, in Domain domain, Expected expected)
    {
        for (int i = 0; i < expected.Addresses.Length; i++)
            Violation.When(domain.Addresses[i] != expected.Addresses[i], $"domain {slot} has another address than its token says");
        Violation.When(domain.Sent + domain.Forged != expected.Taken, $"domain {slot} sent {domain.Sent} and forged {domain.Forged} of {expected.Taken} frames");
        Violation.When(domain.Received != expected.Delivered || domain.Dropped != expected.Dropped,
            $"domain {slot} received {domain.Received} and missed {domain.Dropped}, not {expected.Delivered} and {expected.Dropped}");
    }
}
