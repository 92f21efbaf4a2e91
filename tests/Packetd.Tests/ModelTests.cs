using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>
/// Random sequences of tokens, deaths, clock steps and frames, against a model of the node made of dictionaries that
/// knows nothing of slots, spans or checks' order. CsCheck shrinks what fails.
/// </summary>
public class ModelTests
{
    private const int Slots = 3, TokenRoom = 6;

    /// <param name="Kind">0 token, 1 death, 2 clock, 3 frame from a domain, 4 frame from the link.</param>
    private sealed record Step(int Kind, int A, int B, int C);

    private sealed class Model
    {
        public readonly Dictionary<int, uint[]> Domains = [];
        public readonly Dictionary<int, ulong> Used = [];
        public readonly List<Tokens> Offered = [];
        public ulong Now = TestHost.Started + 100, Latest = TestHost.Started + 100;

        /// <summary>
        /// What a node may answer. Normally one thing; after the clock has stepped back a node may have forgotten tokens
        /// already, and then says "expired" of what an always remembering one would honour or call replayed.
        /// </summary>
        public IEnumerable<Refusal> Offer(int seed, uint[] addresses, ulong issued, ulong expires)
        {
            bool steppedBack = Now < Latest;
            if (steppedBack && expires <= Latest && issued <= Now)
                yield return Refusal.Expired;
            if (issued > Now)
                yield return Refusal.TooEarly;
            else if (expires <= Now)
                yield return Refusal.Expired;
            else if (issued < TestHost.Started)
                yield return Refusal.IssuedBeforeStart;
            else if (Used.ContainsKey(seed))
                yield return Refusal.Replayed;
            else if (Domains.Values.Any(other => other.Contains(addresses[0]) || addresses.Contains(other[0])))
                yield return Refusal.AddressInUse;
            else if (Domains.Count == Slots)
                yield return Refusal.TooManyDomains;
            else
            {
                bool full = Used.Values.Count(until => until > Now) >= TokenRoom;
                if (full)
                    yield return Refusal.TooManyTokens;
                if (!full || steppedBack)
                    yield return Refusal.None;
            }
        }
    }

    [Fact]
    public void The_node_does_what_the_model_does()
    {
        Gen<Step> step = Gen.Select(Gen.Int[0, 4], Gen.Int[0, 7], Gen.Int[0, 7], Gen.Int[0, 7], (kind, a, b, c) => new Step(kind, a, b, c));
        step.Array[1, 60].Sample(Run, iter: 5000, threads: 1);
    }

    private static bool Run(Step[] steps)
    {
        var host = new TestHost();
        var domains = new Domain[Slots];
        var node = host.MakeNode(domains, TokenRoom);
        var model = new Model();
        ulong tick = 0;
        foreach (Step step in steps)
        {
            host.Sent.Clear();
            node.Limiter.Tick(++tick);
            bool same = step.Kind switch
            {
                0 => OfferToken(ref node, model, step),
                1 => EndDomain(ref node, model, step),
                2 => StepClock(host, model, step),
                3 => SendFromDomain(ref node, model, step),
                _ => SendFromLink(ref node, model, step),
            };
            if (!same || !domains.Select((domain, slot) => (slot, domain.Boot)).Where(x => x.Boot != 0).Select(x => x.slot)
                .SequenceEqual(model.Domains.Keys.Order()))
                return false;
        }
        return true;
    }

    private static uint Address(int n) => 0x0A000030u + (uint)n;

    private static bool OfferToken(ref Node<TestHost> node, Model model, Step step)
    {
        // Half of the offers are of a token that was offered before, honoured or not.
        if (step.A % 2 == 0 || model.Offered.Count == 0)
        {
            ulong from = model.Now - 40 + (ulong)step.C * 6;
            uint[] claimed = step.C % 2 == 0 ? [Address(step.B)] : [Address(step.B), Address(step.A)];
            model.Offered.Add(new Tokens
            {
                Seed = model.Offered.Count, Boot = claimed[0], Guests = claimed[1..], Issued = from, Expires = from + 30 + (ulong)step.C,
            });
        }
        Tokens token = model.Offered[step.A % 2 == 0 ? ^1 : (step.B * 8 + step.C) % model.Offered.Count];
        uint[] addresses = [token.Boot, .. token.Guests];
        Refusal[] allowed = model.Offer(token.Seed, addresses, token.Issued, token.Expires).ToArray();
        node.Receive(Port.Link, Frames.Echo(token.Payload()));
        if (node.Host.Sent.Count != 1 || !MagicReply.TryParse(node.Host.Sent[0].Packet.AsSpan(52), out MagicReply reply)
            || !allowed.Contains(reply.Refusal))
            return false;
        if (reply.Refusal != Refusal.None)
            return true;
        int slot = node.Host.Starts[^1].Slot;
        model.Used.Add(token.Seed, token.Expires);
        return model.Domains.TryAdd(slot, addresses);
    }

    private static bool EndDomain(ref Node<TestHost> node, Model model, Step step)
    {
        if (model.Domains.Remove(step.A % Slots))
            node.Remove(step.A % Slots);
        return true;
    }

    private static bool StepClock(TestHost host, Model model, Step step)
    {
        long by = step.A == 0 ? -50 : step.A * step.B;
        host.Now = model.Now = (ulong)((long)model.Now + by);
        model.Latest = Math.Max(model.Latest, model.Now);
        return true;
    }

    private static bool SendFromDomain(ref Node<TestHost> node, Model model, Step step)
    {
        int slot = step.A % Slots;
        if (!model.Domains.TryGetValue(slot, out uint[]? own))
            return true;
        uint source = Address(step.B), to = Address(step.C);
        node.Receive(slot, Frames.Ipv4(Frames.Mac(to), Frames.Mac(own[0]), source, to, 17, new byte[20]));
        int[] expected = !own.Contains(source) || to == own[0] ? [] : [Owner(model, to)];
        return node.Host.Sent.Select(sent => sent.Port).SequenceEqual(expected);
    }

    private static bool SendFromLink(ref Node<TestHost> node, Model model, Step step)
    {
        uint to = Address(step.C);
        bool all = step.A == 0;
        byte[] mac = all ? [255, 255, 255, 255, 255, 255] : Frames.Mac(to);
        node.Receive(Port.Link, Frames.Ipv4(mac, Frames.ClientMac, TestHost.Client, to, 17, new byte[20]));
        IEnumerable<int> expected = all ? model.Domains.Keys.Order() : Owner(model, to) == Port.Link ? [] : [Owner(model, to)];
        return node.Host.Sent.Select(sent => sent.Port).SequenceEqual(expected);
    }

    private static int Owner(Model model, uint boot) =>
        model.Domains.Where(entry => entry.Value[0] == boot).Select(entry => entry.Key).DefaultIfEmpty(Port.Link).First();
}
