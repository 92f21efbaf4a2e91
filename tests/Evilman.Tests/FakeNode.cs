using System;
using System.Collections.Generic;
using System.Net;
using Evilman.Net;
using Wire;

namespace Evilman.Tests;

/// <summary>
/// A node at the end of a wire, both played on a clock that stands still while nobody waits: it honours one token once, as
/// packetd does, one request after the other in the order in which they arrive. Tests say what happens to which copy, counted from 0.
/// </summary>
sealed class FakeNode : IEchoWire
{
    internal static readonly IPAddress Address = IPAddress.Parse("10.0.0.2");

    readonly PriorityQueue<(ushort Number, byte[]? Reply, Action? Arrives), (TimeSpan At, int Order)> events = new();
    readonly HashSet<string> honoured = [];
    ushort number;
    int order;
    TimeSpan idle;

    /// <summary>When each copy was sent.</summary>
    internal List<TimeSpan> Sent { get; } = [];

    /// <summary>From the client to the node; the answer takes as long.</summary>
    internal Func<int, TimeSpan> Way { get; set; } = _ => Ms(5);

    /// <summary>How much longer the answer to a copy takes.</summary>
    internal Func<int, TimeSpan> Late { get; set; } = _ => TimeSpan.Zero;

    internal Predicate<int> LosesRequest { get; set; } = _ => false;

    internal Predicate<int> LosesAnswer { get; set; } = _ => false;

    internal Predicate<int> DoublesAnswer { get; set; } = _ => false;

    internal Predicate<int> CannotSend { get; set; } = _ => false;

    /// <summary>How long it takes to start a machine, and nothing else happens.</summary>
    internal TimeSpan StartsFor { get; set; }

    /// <summary>What it says at that time of a token that it has not honoured yet, none when it honours it.</summary>
    internal Func<TimeSpan, Refusal> Says { get; set; } = _ => Refusal.None;

    /// <summary>For answers that are none.</summary>
    internal byte[]? Babbles { get; set; }

    /// <summary>How much longer than it wanted the client sleeps when it first waits in vain; what comes meanwhile waits too.</summary>
    internal TimeSpan Oversleeps { get; set; }

    /// <summary>How long the client takes to read a reply.</summary>
    internal TimeSpan ReadingTakes { get; set; }

    public TimeSpan Now { get; private set; } = Ms(12345);

    internal static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    /// <summary>What it says of a request that it has honoured.</summary>
    internal Refusal SaysOfSpent { get; set; } = Refusal.Replayed;

    /// <summary>The token has bought a machine before.</summary>
    internal void Knows(byte[] body) => honoured.Add(Convert.ToHexString(body));

    public ushort Send(IPAddress to, ReadOnlySpan<byte> payload)
    {
        var copy = Sent.Count;
        Sent.Add(Now);
        number++;
        if (CannotSend(copy))
            throw Failure.NoAnswer("cannot send");
        var (name, echo) = (Convert.ToHexString(payload[MagicPing.HeaderSize..]), number);
        if (!LosesRequest(copy))
            Plan(Now + Way(copy), echo, null, () => Answer(copy, echo, name));
        return number;
    }

    /// <summary>A reply out of the blue, when so much time has passed.</summary>
    internal void Reply(TimeSpan after, ushort number, Refusal refusal) => Plan(Now + after, number, Bytes(refusal), null);

    void Answer(int copy, ushort echo, string name)
    {
        var at = Now > idle ? Now : idle;
        var refusal = honoured.Contains(name) ? SaysOfSpent : Says(at);
        if (refusal == Refusal.None)
        {
            honoured.Add(name);
            at += StartsFor;
        }
        idle = at;
        for (var times = LosesAnswer(copy) ? 0 : DoublesAnswer(copy) ? 2 : 1; times > 0; times--)
            Plan(at + Way(copy) + Late(copy), echo, Babbles ?? Bytes(refusal), null);
    }

    static byte[] Bytes(Refusal refusal)
    {
        var reply = new byte[MagicReply.Size];
        MagicReply.Emit(reply, MagicKind.Boot, refusal, 0x0A000002, 0x0A000032, 1_000_000, 0);
        return reply;
    }

    void Plan(TimeSpan at, ushort echo, byte[]? reply, Action? arrives) => events.Enqueue((echo, reply, arrives), (at, order++));

    public ReceivedEcho? Receive(IPAddress from, TimeSpan until)
    {
        while (events.TryPeek(out var next, out var place) && (place.At <= until || place.At <= Now))
        {
            events.Dequeue();
            Now = place.At > Now ? place.At : Now;
            next.Arrives?.Invoke();
            if (next.Reply is not { } reply)
                continue;
            Now += ReadingTakes;
            return new ReceivedEcho(next.Number, reply, Now);
        }
        Now = (until > Now ? until : Now) + Oversleeps;
        Oversleeps = TimeSpan.Zero;
        return null;
    }
}
