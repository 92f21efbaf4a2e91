using System;
using System.Collections.Generic;
using System.Linq;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>Random sequences of tokens, frames, deaths, clock steps and restarts: a node does what its model does.</summary>
public class ModelTests
{
    private const int Slots = 3, LogicRoom = 3;

    /// <summary>Meter/MeterTests has these.</summary>
    private static readonly Refusal[] s_ofAccounts = [Refusal.AlreadyPaid, Refusal.TooMuchPaid, Refusal.WrongSecret, Refusal.OtherChain];

    [Fact]
    public void The_decisions_do_what_the_model_does()
    {
        var given = new HashSet<Refusal>();
        AssertNoDifference(new Comparison((script, happened) => PlayToLogic(script, happened, Model(LogicRoom, given))), 4000, 60);
        Assert.Equal(Enum.GetValues<Refusal>().Except(s_ofAccounts), given.Order()); // each of them hundreds of times
    }

    [RootFact]
    public void The_binary_does_what_the_model_does()
    {
        var given = new HashSet<Refusal>();
        using var node = new BinaryNode(Slots);
        AssertNoDifference(new Comparison((script, happened) => PlayToBinary(script, happened, node, Model(node.TokenRoom, given))), 300, 40);
        // Fewer sequences meet the rare answers not always, and 4096 tokens never come together.
        Assert.True(given.Count >= 15, $"only the answers {string.Join(", ", given)}");
    }

    /// <summary>A node that the model does not describe is told apart, in no more than what it takes.</summary>
    [Fact]
    public void A_model_that_forgets_used_tokens_parts_from_the_decisions_where_one_comes_twice() =>
        AssertFoundOut(new Comparison((script, happened) => PlayToLogic(script, happened, new Forgetful(Slots, LogicRoom))));

    [RootFact]
    public void A_model_that_forgets_used_tokens_parts_from_the_binary_where_one_comes_twice()
    {
        using var node = new BinaryNode(Slots);
        AssertFoundOut(new Comparison((script, happened) => PlayToBinary(script, happened, node, new Forgetful(Slots, node.TokenRoom))));
    }

    private static ReferenceNode Model(int room, HashSet<Refusal> given) => new(Slots, room, TestHost.Started, TestHost.Started + 100) { Given = given };

    private static string? PlayToLogic(IEnumerable<Next> script, List<Happening> happened, ReferenceNode model)
    {
        var node = new LogicNode(Slots) { Now = model.Now };
        return Comparison.Play(script, happened, ref node, model);
    }

    private static string? PlayToBinary(IEnumerable<Next> script, List<Happening> happened, BinaryNode node, ReferenceNode model)
    {
        node.Renew();
        return Comparison.Play(script, happened, ref node, model);
    }

    private static void AssertNoDifference(Comparison comparison, int sequences, int most)
    {
        // A tenth of them on a machine that is busy with other work, however long it takes.
        string? story = comparison.Search(sequences, most, TimeSpan.FromSeconds(30), least: sequences / 10);
        Assert.True(story == null, story);
        Assert.InRange(comparison.Played, sequences / 10, sequences);
    }

    private static void AssertFoundOut(Comparison comparison)
    {
        string? story = comparison.Search(1000, 40, TimeSpan.FromSeconds(40));
        Assert.NotNull(story);
        string[] lines = [.. story.Split('\n').SkipWhile(line => line.StartsWith("the clock says", StringComparison.Ordinal))];
        Assert.True(lines[0].StartsWith("token ", StringComparison.Ordinal) && lines[1] == lines[0], story);
        Assert.Matches("→ expected .*, not .*: Replayed ", lines[2]);
        // It may take one step of the clock for the token to be good.
        Assert.InRange(story.Split('\n').Length - lines.Length, 0, 1);
    }

    private sealed class Forgetful(int slots, int room) : ReferenceNode(slots, room, TestHost.Started, TestHost.Started + 100)
    {
        protected override bool Remembers(int seed) => false;
    }
}
