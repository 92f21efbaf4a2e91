using System;
using System.Collections.Generic;
using System.Linq;
using Testing.Nodes;
using Wire;

namespace Packetd.Tests;

/// <summary>Frames with their receivers: 0 for the link, otherwise a domain's boot address.</summary>
internal sealed record Outcome(List<(uint To, byte[] Frame)> Out, Action Then);

/// <summary>
/// What docs/protocols.md and docs/security.md say of a node, in dictionaries: it knows nothing of slots, spans, poll tables or
/// system calls. Tokens are told apart by their seed, frames are judged by whoever made them up.
/// </summary>
internal class ReferenceNode(int slots, int tokenRoom, ulong started, ulong now)
{
    public sealed class Domain(uint[] addresses)
    {
        public readonly uint[] Addresses = addresses;
        public ulong Sent, Received, Forged;
    }

    public const uint MaxMemory = 256, ChainSteps = 100;
    private readonly HashSet<int> everHonoured = [];
    private ulong latest = now, latestEver = now;
    private bool setBackOverRestart, monitorMissing;

    /// <summary>Tokens that were issued before are too old; between the two the node may have forgotten one for another, or not.</summary>
    private ulong since = started, sinceAtMost = started;

    public SortedDictionary<uint, Domain> Domains { get; } = [];

    /// <summary>By seed: the tokens that are remembered.</summary>
    private readonly Dictionary<int, Tokens> used = [];

    /// <summary>Every answer that a ping has got, to see what a search has been through.</summary>
    public HashSet<Refusal> Given { get; init; } = [];

    public int Slots => slots;

    public ulong Now { get; private set; } = now;

    public ulong Started { get; private set; } = started;

    /// <summary>Whether it can happen to this node: only a domain that runs ends, or sends what was made up for its addresses.</summary>
    public bool Allows(Happening happening) => happening switch
    {
        Happening.Frame { From: not 0 } frame => Domains.TryGetValue(frame.From, out Domain? domain) && domain.Addresses.SequenceEqual(frame.Own),
        Happening.End end => Domains.ContainsKey(end.Boot),
        _ => true,
    };

    /// <summary>
    /// What may come of it. Normally one thing; after the clock has stepped back a node may have forgotten tokens already, and
    /// then says "expired" of what an always remembering one would honour or call replayed.
    /// </summary>
    public IEnumerable<Outcome> Expect(Happening happening) => happening switch
    {
        Happening.Offer offer => Judge(offer).Select(refusal => Answer(offer, refusal)),
        Happening.Frame frame => [Relay(frame)],
        Happening.End end => [new Outcome([], () => Domains.Remove(end.Boot))],
        Happening.Clock clock => [new Outcome([], () => SetClock(clock.Seconds))],
        Happening.Restart => [new Outcome([], Restart)],
        Happening.Monitor monitor => [new Outcome([], () => monitorMissing = monitor.Missing)],
        _ => throw new ArgumentException("unknown", nameof(happening)),
    };

    /// <summary>The time since which tokens count, once a restarted node has told it.</summary>
    public void StartedAt(ulong seconds)
    {
        SetClock(seconds);
        (Started, latest, since, sinceAtMost) = (seconds, seconds, seconds, seconds);
    }

    /// <summary>Whether a token buys a second domain although no clock was set back over a restart, which is all that may bring that about.</summary>
    public bool WouldBeReplayed(Tokens token) => everHonoured.Contains(token.Seed) && !setBackOverRestart;

    protected virtual bool Remembers(int seed) => used.ContainsKey(seed);

    private IEnumerable<Refusal> Judge(Happening.Offer offer)
    {
        if (offer.Form != Refusal.None)
            return [offer.Form];
        Tokens token = offer.Token!;
        uint[] addresses = [token.Boot, .. token.Guests];
        Refusal First(ulong oldest) => token.Node != TestHost.Node ? Refusal.WrongNode
            : token.Issued > Now ? Refusal.TooEarly
            : token.Expires <= Now ? Refusal.Expired
            : token.Issued < oldest ? Refusal.IssuedBeforeStart
            : token.MemoryMiB > MaxMemory ? Refusal.MemoryTooLarge
            : token.DiskMiB != 0 ? Refusal.DiskNotGiven
            : token.CpuPercent is < TestHost.MinCpuShare or > 100 ? Refusal.CpuShareNotGiven
            : token.Count > ChainSteps ? Refusal.ChainTooLong
            : token.Key != TestHost.Key ? Refusal.BadSignature
            : Remembers(token.Seed) ? Refusal.Replayed
            : addresses.Any(address => address == TestHost.Node || address >> 24 is 0 or 127 or >= 224) ? Refusal.AddressNotAllowed
            : Domains.Any(other => other.Value.Addresses.Intersect(addresses).Any()) ? Refusal.AddressInUse
            : Domains.Count == slots ? Refusal.TooManyDomains
            : token.BreakChain ? Refusal.ChainBroken
            : monitorMissing ? Refusal.StartFailed
            : Refusal.None;
        Refusal first = First(since);
        bool steppedBack = Now < latest, forgotten = steppedBack && token.Expires <= latest && first is not (Refusal.WrongNode or Refusal.TooEarly);
        IEnumerable<Refusal> all = new[] { first, First(sinceAtMost) }.Distinct();
        return forgotten ? [Refusal.Expired, .. all] : all;
    }

    /// <summary>When all places are taken by tokens that have not expired the one that was issued first is forgotten.</summary>
    private void Remember(Tokens token)
    {
        if (used.Values.Count(other => other.Expires > Now) >= tokenRoom)
        {
            // A clock that has stepped back makes tokens good again that the node may have forgotten.
            bool certain = Now >= latest && since == sinceAtMost;
            Tokens oldest = used.Values.MinBy(other => other.Expires > Now ? other.Issued : ulong.MaxValue)!;
            sinceAtMost = Math.Max(sinceAtMost, 1 + (certain ? oldest.Issued : used.Values.Max(other => other.Issued)));
            if (certain)
            {
                since = sinceAtMost;
                used.Remove(oldest.Seed);
            }
        }
        used[token.Seed] = token;
    }

    private Outcome Answer(Happening.Offer offer, Refusal refusal)
    {
        byte[] payload = new byte[MagicReply.Size];
        "EvilPong"u8.CopyTo(payload);
        payload[8] = 1;
        Bytes.PutLe16(payload, 10, offer.Kind);
        payload[12] = (byte)refusal;
        Bytes.PutBe32(payload, 16, TestHost.Node);
        Bytes.PutBe32(payload, 20, offer.Token?.Boot ?? 0);
        Bytes.PutLe64(payload, 24, Now);
        Bytes.PutLe32(payload, 32, refusal switch
        {
            Refusal.MemoryTooLarge => MaxMemory,
            Refusal.ChainTooLong => ChainSteps,
            Refusal.TooManyDomains => (uint)slots,
            _ => 0,
        });
        return new Outcome([(0, Frames.EchoReply(payload, Frames.ClientMac, TestHost.Client))], () =>
        {
            Given.Add(refusal);
            if (refusal != Refusal.None)
                return;
            Tokens token = offer.Token!;
            everHonoured.Add(token.Seed);
            Remember(token);
            Domains.Add(token.Boot, new Domain([token.Boot, .. token.Guests]));
        });
    }

    private Outcome Relay(Happening.Frame happening)
    {
        byte[] frame = happening.Packet[10..];
        uint from = happening.From;
        if (happening.Forged)
            return new Outcome([], () => Domains[from].Forged++);
        bool toNode = frame[..6].SequenceEqual(Frames.Mac(TestHost.Node));
        IEnumerable<uint> receivers = (frame[0] & 1) != 0 ? [0, .. Domains.Keys] : toNode ? [] : [Owner(frame)];
        List<(uint To, byte[] Frame)> all = receivers.Where(to => to != from).Select(to => (to, frame)).ToList();
        uint[] others = all.Where(one => one.To != 0).Select(one => one.To).ToArray();
        if (happening.Answer != null)
            all.Add((from, happening.Answer));
        return new Outcome(all, () =>
        {
            foreach (uint other in others)
                Domains[other].Received++;
            if (from != 0)
                Domains[from].Sent++;
        });
    }

    private uint Owner(byte[] frame) => Domains.Keys.FirstOrDefault(boot => frame[..6].SequenceEqual(Frames.Mac(boot)));

    private void SetClock(ulong seconds)
    {
        Now = seconds;
        latest = Math.Max(latest, Now);
        latestEver = Math.Max(latestEver, Now);
    }

    private void Restart()
    {
        setBackOverRestart |= Now < latestEver;
        Domains.Clear();
        used.Clear();
    }
}
