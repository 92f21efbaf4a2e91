using System;
using System.Collections.Generic;
using System.Net;
using Evilman.Minting;
using Wire;

namespace Evilman.Net;

/// <summary>
/// One request to a node, sent again and again until it is answered: a node under a flood loses most of what is for
/// itself. The node honours a token once and calls every later copy replayed, as it knows no machine that has been
/// ended. So each copy is an Echo with a number of its own, and what an answer means depends on which copy it answers.
/// </summary>
/// <param name="spent">What the node says of a request that it has honoured already.</param>
internal sealed class MagicExchange(IEchoWire wire, IPAddress node, byte[] payload, Refusal spent, TimeSpan patience)
{
    /// <summary>How far apart copies are: at first, when a delay would be noticed, and after that.</summary>
    static readonly TimeSpan s_brisk = TimeSpan.FromMilliseconds(25), s_calm = TimeSpan.FromMilliseconds(250),
        s_briskFor = TimeSpan.FromSeconds(1);

    /// <summary>How much later than its follower an answer may come that was overtaken.</summary>
    static readonly TimeSpan s_grace = TimeSpan.FromMilliseconds(200);

    readonly record struct Copy(bool First, TimeSpan Sent);

    readonly TimeSpan start = wire.Now;
    readonly Dictionary<ushort, Copy> unanswered = [];
    bool begun;

    /// <summary>
    /// An answer that another one may still overrule, until <see cref="end"/>. Nothing more is sent then.
    /// </summary>
    NodeAnswer? heard;

    TimeSpan end = wire.Now + patience;

    /// <summary>What the node did, or why it refused; null when nothing came within the patience.</summary>
    internal NodeAnswer? Run()
    {
        var next = start;
        while (true)
        {
            var now = wire.Now;
            if (!begun || (heard is null && now >= next && now < end))
            {
                Send(now);
                next = now + (now - start < s_briskFor ? s_brisk : s_calm);
            }
            var until = heard is null && now < end && next < end ? next : end;
            if (wire.Receive(node, until) is not { } echo)
            {
                if (until == end)
                    return heard;
                continue;
            }
            if (Judge(echo) is { } answer)
                return answer;
            if (echo.At >= end)
                return heard; // packets that were not asked for must not keep this loop from ending
        }
    }

    void Send(TimeSpan now)
    {
        try
        {
            unanswered[wire.Send(node, payload)] = new Copy(!begun, now);
        }
        catch (Failure) when (begun)
        {
            // Lost, as others are on the way: what keeps the first from being sent is worth telling, a full queue is
            // not.
        }
        begun = true;
    }

    /// <summary>
    /// The answer, when nothing that may still come can change it. Otherwise it is <see cref="heard"/>, or says
    /// nothing: a late reply to an earlier request, or one that came twice.
    /// </summary>
    NodeAnswer? Judge(ReceivedEcho echo)
    {
        if (!unanswered.Remove(echo.Sequence, out var copy))
            return null;
        if (!MagicReply.TryParse(echo.Payload, out var reply))
            throw new Failure($"{node} answers pings, but not magic ones: it is not a node");

        var replayed = reply.Refusal == spent;
        var statement = reply.TryGetStatement(out var told) ? told.AsSpan().ToArray() : null;
        var answer =
            new NodeAnswer(reply.Refusal, Ipv4.Address(reply.BootAddress),
                DateTimeOffset.FromUnixTimeSeconds((long)reply.NodeTime),
            reply.Limit, echo.At - copy.Sent, Repeated: replayed && !copy.First, statement);
        // "Replayed" in answer to the first copy is a refusal: no earlier copy of ours can have been honoured.
        if (reply.Refusal == Refusal.None || (replayed && copy.First))
            return answer;
        // An earlier answer said "replayed": the token has been honoured, by a copy of ours if the answer to that one is
        // still to come. So no other refusal decides.
        if (heard is { Repeated: true })
            return null;
        if (!replayed && (unanswered.Count == 0 || !MayPass(reply.Refusal)))
            return answer;
        heard = answer;
        end = start + patience < echo.At + s_grace ? start + patience : echo.At + s_grace;
        return null;
    }

    /// <summary>
    /// Whether the same token may be good a moment later. Then a copy that is still on its way may be honoured.
    /// </summary>
    static bool MayPass(Refusal refusal) =>
        refusal is Refusal.TooEarly or Refusal.AddressInUse or Refusal.TooManyDomains or Refusal.StartFailed;
}
