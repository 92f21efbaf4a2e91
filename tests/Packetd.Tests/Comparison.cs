using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>Plays random sequences to a node and to its model, and says in the fewest steps where they part.</summary>
internal sealed class Comparison(Func<Step[], string?> play)
{
    /// <summary>How long to look for a shorter sequence once one has failed.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private Step[]? shortest;
    private string? story;

    /// <summary>Sequences played in full, and how long it took.</summary>
    public int Played { get; private set; }

    /// <returns>Nothing, or what happened in the shortest failing sequence, a line each, and what was wrong in the end.</returns>
    /// <param name="limit">No sequence begins after this time.</param>
    public string? Search(int sequences, int most, TimeSpan limit, string? seed = null)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        try
        {
            Step.Sequences(most).Sample(steps =>
            {
                if (clock.Elapsed >= limit || shortest is { Length: <= 1 })
                    return;
                Played++;
                if (play(steps) is not { } wrong)
                    return;
                if (shortest == null || steps.Length < shortest.Length)
                    (shortest, story) = Shorten(steps, wrong);
                throw new InvalidOperationException(story);
            }, iter: sequences, threads: 1, seed: seed);
        }
        catch (CsCheckException failure)
        {
            // CsCheck's own message begins with the seed that brings it back.
            return $"{story}\n({failure.Message.Split('\n')[0]})";
        }
        return null;
    }

    /// <summary>Leaves out steps, many at a time and then one by one, for as long as what remains fails.</summary>
    private (Step[], string) Shorten(Step[] steps, string wrong)
    {
        long until = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        for (int size = steps.Length / 2; size > 0; size = size > 1 ? size / 2 : 0)
            for (bool shorter = true; shorter;)
            {
                shorter = false;
                for (int at = steps.Length - size; at >= 0 && Environment.TickCount64 < until; at -= size)
                {
                    Step[] fewer = [.. steps[..at], .. steps[(at + size)..]];
                    if (play(fewer) is not { } still)
                        continue;
                    (steps, wrong, shorter) = (fewer, still, true);
                    at = Math.Min(at, steps.Length);
                }
            }
        return (steps, wrong);
    }

    /// <summary>Plays one sequence. Nothing, or all that happened and what was wrong in the end.</summary>
    public static string? Play<T>(Step[] steps, ref T node, ReferenceNode model)
        where T : INodeUnderTest, allows ref struct
    {
        var story = new List<string>();
        var offered = new List<Happening.Offer>();
        string? wrong = null;
        try
        {
            foreach (Step step in steps)
            {
                if (step.Make(model, offered) is not { } happening)
                    continue;
                story.Add(happening.ToString()!);
                wrong ??= Do(happening, ref node, model);
                if (wrong != null)
                    break;
            }
            // What was counted shows when a domain ends.
            foreach (uint boot in model.Domains.Keys.ToArray())
            {
                if (wrong == null)
                {
                    story.Add($"the end of {Happening.Dotted(boot)}");
                    wrong = Do(new Happening.End(boot, Ending.Killed), ref node, model);
                }
            }
        }
        catch (SilentException silence)
        {
            wrong = silence.Message;
        }
        return wrong == null ? null : $"{string.Join('\n', story)}\n→ {wrong}";
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
                node.HideMonitor(monitor.Missing);
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

    /// <summary>Each receiver got the same frames in the same order; who was served first is nobody's business.</summary>
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
