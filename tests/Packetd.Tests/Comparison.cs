using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>What happens next to a node that has come this far, as its model knows it; nothing if it cannot happen to it.</summary>
internal delegate Happening? Next(ReferenceNode model);

/// <summary>Plays random sequences to a node and to its model, and says in the fewest happenings where they part.</summary>
/// <param name="play">Plays a script to a new node and a new model, and notes what happened: nothing, or what was wrong in the end.</param>
internal sealed class Comparison(Func<IEnumerable<Next>, List<Happening>, string?> play)
{
    /// <summary>How long to look for a shorter sequence once one has failed.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private List<Happening>? shortest;
    private string story = "";

    /// <summary>Sequences played.</summary>
    public int Played { get; private set; }

    /// <returns>Nothing, or what happened in the shortest failing sequence, a line each, and what was wrong in the end.</returns>
    /// <param name="limit">No sequence begins after this time, except for the first <paramref name="least"/>.</param>
    public string? Search(int sequences, int most, TimeSpan limit, int least = 0)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        try
        {
            Step.Sequences(most).Sample(steps =>
            {
                if (clock.Elapsed >= limit && Played >= least)
                    return;
                Played++;
                var offered = new List<Happening.Offer>();
                var happened = new List<Happening>();
                if (play(steps.Select(step => (Next)(model => step.Make(model, offered))), happened) is not { } wrong)
                    return;
                if (shortest == null || happened.Count < shortest.Count)
                    Shorten(happened, wrong);
                throw new InvalidOperationException(story);
            }, iter: sequences, threads: 1);
        }
        catch (CsCheckException failure)
        {
            // CsCheck's own message begins with the seed that brings it back.
            return $"{story}\n({failure.Message.Split('\n')[0]})";
        }
        return null;
    }

    /// <summary>Leaves out what happened, much at a time and then one by one, for as long as what remains goes wrong.</summary>
    private void Shorten(List<Happening> happened, string wrong)
    {
        long until = Environment.TickCount64 + (long)s_patience.TotalMilliseconds;
        for (int size = happened.Count / 2; size > 0; size = size > 1 ? size / 2 : 0)
            for (bool shorter = true; shorter;)
            {
                shorter = false;
                for (int at = happened.Count - size; at >= 0 && Environment.TickCount64 < until; at = Math.Min(at, happened.Count) - size)
                {
                    Happening[] fewer = [.. happened[..at], .. happened[(at + size)..]];
                    var real = new List<Happening>();
                    if (play(fewer.Select(happening => (Next)(model => model.Allows(happening) ? happening : null)), real) is { } still)
                        (happened, wrong, shorter) = (real, still, true);
                }
            }
        shortest = happened;
        story = $"{string.Join('\n', happened)}\n→ {wrong}";
    }

    /// <summary>Plays one script, and then the end of all domains. Nothing, or what was wrong; then the last of what happened is the culprit.</summary>
    public static string? Play<T>(IEnumerable<Next> script, List<Happening> happened, ref T node, ReferenceNode model)
        where T : INodeUnderTest, allows ref struct
    {
        // What was counted shows when a domain ends.
        IEnumerable<Next> ends = Enumerable.Repeat<Next>(after => after.Domains.Count == 0 ? null : new Happening.End(after.Domains.Keys.First(), Ending.Killed), model.Slots);
        try
        {
            foreach (Next next in script.Concat(ends))
            {
                if (next(model) is not { } happening)
                    continue;
                happened.Add(happening);
                if (Do(happening, ref node, model) is { } wrong)
                    return wrong;
            }
            return null;
        }
        catch (SilentException silence)
        {
            return silence.Message;
        }
    }

    private static string? Do<T>(Happening happening, ref T node, ReferenceNode model)
        where T : INodeUnderTest, allows ref struct
    {
        Outcome[] expected = [.. model.Expect(happening)];
        Outcome? matching = expected[0];
        switch (happening)
        {
            case Happening.Offer offer:
                List<(uint, byte[])> answers = node.Send(0, Frames.Echo(offer.Payload));
                matching = expected.FirstOrDefault(outcome => Same(outcome.Out, answers));
                if (matching == null)
                    return Difference(expected, answers);
                if (answers[0].Item2[54] == 0 && model.WouldBeReplayed(offer.Token!))
                    return "a token bought a second domain";
                break;
            case Happening.Frame frame:
                List<(uint, byte[])> sent = node.Send(frame.From, frame.Packet);
                if (!Same(matching.Out, sent))
                    return Difference(expected, sent);
                break;
            case Happening.End end:
                ReferenceNode.Domain domain = model.Domains[end.Boot];
                Counters counted = node.End(end.Boot, end.How), right = new(domain.Sent, domain.Received, 0, domain.Forged);
                if (counted != right)
                    return $"counted {counted}, not {right}";
                break;
            case Happening.Clock clock:
                node.Now = clock.Seconds;
                break;
            case Happening.Monitor monitor:
                node.HideProgram(monitor.Missing);
                break;
        }
        matching.Then();
        if (happening is Happening.Restart restart)
        {
            ulong ready = node.Restart(restart.Politely);
            if (ready <= model.Now)
                return $"ready at {ready}, in the second in which the one before it ended";
            model.StartedAt(ready);
        }
        return node.Domains.SequenceEqual(model.Domains.Keys) ? null : $"domains {Names(node.Domains)}, not {Names(model.Domains.Keys)}";
    }

    private static string Names(IEnumerable<uint> boots) => $"[{string.Join(' ', boots.Select(Happening.Dotted))}]";

    /// <summary>Each receiver got the same frames in the same order; the order of the receivers does not matter.</summary>
    private static bool Same(List<(uint To, byte[] Frame)> one, List<(uint To, byte[] Frame)> other) =>
        Sorted(one).SequenceEqual(Sorted(other));

    private static IEnumerable<string> Sorted(List<(uint To, byte[] Frame)> frames) =>
        frames.OrderBy(frame => frame.To).Select(frame => $"{Happening.Dotted(frame.To)}: {Convert.ToHexString(frame.Frame)}");

    private static string Difference(Outcome[] expected, List<(uint, byte[])> real) =>
        $"expected {string.Join(" or ", expected.Select(outcome => Text(outcome.Out)))}, not {Text(real)}";

    private static string Text(List<(uint To, byte[] Frame)> frames) => $"[{string.Join(", ", Sorted(frames).Select(Explain))}]";

    private static string Explain(string frame)
    {
        byte[] bytes = Convert.FromHexString(frame.Split(": ")[1]);
        return bytes.Length == 42 + MagicReply.Size && MagicReply.TryParse(bytes.AsSpan(42), out MagicReply reply)
            ? $"{frame.Split(": ")[0]}: {reply.Refusal} (boot {Happening.Dotted(reply.BootAddress)}, at {reply.NodeTime}, limit {reply.Limit})" : frame;
    }
}
