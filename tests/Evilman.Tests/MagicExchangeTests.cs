using System;
using System.Linq;
using Evilman.Net;
using Wire;
using Xunit;

namespace Evilman.Tests;

/// <summary>What a client makes of a node's answers to the copies of one request, on wires of every kind.</summary>
public class MagicExchangeTests
{
    static readonly byte[] s_token = [.. Enumerable.Range(0, BootToken.Size).Select(i => (byte)i)];

    static TimeSpan Ms(double milliseconds) => FakeNode.Ms(milliseconds);

    /// <summary>A symmetric way with this round trip, in milliseconds.</summary>
    static FakeNode At(double roundTrip) => new() { Way = _ => Ms(roundTrip / 2) };

    /// <summary>The answer, and how long it took.</summary>
    static (NodeAnswer? Answer, double Took) Spend(FakeNode node, double patience = 2000, byte[]? token = null)
    {
        var start = node.Now;
        var answer = MagicPinger.Send(node, FakeNode.Address, token ?? s_token, Ms(patience));
        return (answer, (node.Now - start).TotalMilliseconds);
    }

    static void Is(NodeAnswer? answer, Refusal refusal, bool accepted, double roundTrip)
    {
        Assert.NotNull(answer);
        Assert.Equal((refusal, accepted, Ms(roundTrip)), (answer.Value.Refusal, answer.Value.Accepted, answer.Value.RoundTrip));
    }

    [Theory]
    [InlineData(0.2, 1)]
    [InlineData(10, 1)]
    [InlineData(24, 1)]
    [InlineData(60, 3)]
    [InlineData(300, 12)]
    public void A_good_token_is_accepted_after_one_round_trip_however_many_copies_are_on_their_way(double roundTrip, int copies)
    {
        var node = At(roundTrip);
        var (answer, took) = Spend(node);
        Is(answer, Refusal.None, true, roundTrip);
        Assert.Equal(roundTrip, took);
        Assert.Equal(copies, node.Sent.Count);
    }

    /// <summary>The machine of the first copy is gone when the second comes, and no machine with that key is what the node then knows.</summary>
    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void A_machine_that_an_unanswered_copy_ended_has_been_ended(bool answerLost, bool repeated)
    {
        var node = At(10);
        node.SaysOfSpent = Refusal.NoSuchDomain;
        node.LosesAnswer = copy => answerLost && copy == 0;
        var answer = MagicPinger.End(node, FakeNode.Address, new byte[MachineKey.Size], Ms(2000));
        Assert.NotNull(answer);
        Assert.Equal((true, repeated), (answer.Value.Accepted, answer.Value.Repeated));
    }

    [Fact]
    public void A_machine_that_never_was_is_not_ended()
    {
        var node = At(10);
        node.Says = _ => Refusal.NoSuchDomain;
        node.SaysOfSpent = Refusal.NoSuchDomain;
        var answer = MagicPinger.End(node, FakeNode.Address, new byte[MachineKey.Size], Ms(2000));
        Assert.NotNull(answer);
        Assert.False(answer.Value.Accepted);
    }

    [Fact]
    public void A_node_that_takes_its_time_to_start_the_machine_has_accepted()
    {
        var node = At(10);
        node.StartsFor = Ms(100);
        var (answer, took) = Spend(node);
        Is(answer, Refusal.None, true, 110);
        Assert.Equal(110, took);
    }

    [Fact]
    public void When_the_first_request_is_lost_the_second_is_answered()
    {
        var node = At(10);
        node.LosesRequest = copy => copy == 0;
        var (answer, took) = Spend(node);
        Is(answer, Refusal.None, true, 10);
        Assert.Equal(35, took);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(300)]
    public void When_the_first_answer_is_lost_replayed_is_our_own_echo(double roundTrip)
    {
        var node = At(roundTrip);
        node.LosesAnswer = copy => copy == 0;
        var (answer, took) = Spend(node);
        Is(answer, Refusal.Replayed, true, roundTrip);
        Assert.True(answer!.Value.Repeated);
        Assert.Equal(25 + roundTrip + 200, took); // and the grace
    }

    [Theory]
    [InlineData(10)]
    [InlineData(300)]
    public void A_token_that_was_spent_before_is_refused_by_the_answer_to_the_first_copy(double roundTrip)
    {
        var node = At(roundTrip);
        node.Knows(s_token);
        var (answer, took) = Spend(node);
        Is(answer, Refusal.Replayed, false, roundTrip);
        Assert.Equal(roundTrip, took);
    }

    [Theory]
    [InlineData(Refusal.None, true)]
    [InlineData(Refusal.Replayed, false)]
    public void The_answer_to_the_first_copy_counts_although_it_was_overtaken(Refusal first, bool accepted)
    {
        var node = At(10);
        node.Late = copy => copy == 0 ? Ms(150) : TimeSpan.Zero;
        if (first == Refusal.Replayed)
            node.Knows(s_token);
        var (answer, took) = Spend(node);
        Is(answer, first, accepted, 160);
        Assert.Equal(160, took);
        Assert.Equal(2, node.Sent.Count); // who has heard "replayed" has no more to ask
    }

    [Fact]
    public void Requests_that_overtake_each_other_are_answered_done_all_the_same()
    {
        var node = At(10);
        node.Way = copy => copy == 0 ? Ms(60) : Ms(20); // the second is honoured, the first "replayed" and last
        var (answer, took) = Spend(node);
        Is(answer, Refusal.None, true, 40);
        Assert.Equal(65, took);
    }

    [Fact]
    public void An_answer_that_is_later_than_the_grace_is_not_waited_for()
    {
        var node = At(10);
        node.Late = copy => copy == 0 ? Ms(400) : TimeSpan.Zero;
        var (answer, took) = Spend(node);
        Is(answer, Refusal.Replayed, true, 10);
        Assert.Equal(235, took);
    }

    [Theory]
    [InlineData(40, 40)]
    [InlineData(1000, 40)]
    [InlineData(2000, 44)]
    [InlineData(6000, 60)]
    public void Silence_is_given_up_when_the_patience_is_over(double patience, int most)
    {
        var node = At(10);
        node.LosesRequest = _ => true;
        var (answer, took) = Spend(node, patience);
        Assert.Null(answer);
        Assert.Equal(patience, took);
        double[] between = [.. node.Sent.Skip(1).Zip(node.Sent, (after, before) => (after - before).TotalMilliseconds)];
        Assert.Equal(patience < 1000 ? 2 : most, node.Sent.Count);
        Assert.All(between.Take(40), gap => Assert.Equal(25, gap));
        Assert.All(between.Skip(40), gap => Assert.Equal(250, gap));
    }

    [Fact]
    public void Without_any_patience_the_token_is_sent_once()
    {
        var node = At(10);
        Assert.Null(Spend(node, 0).Answer);
        Assert.Single(node.Sent);
    }

    [Fact]
    public void The_grace_ends_with_the_patience()
    {
        var node = At(10);
        node.LosesAnswer = copy => copy == 0;
        var (answer, took) = Spend(node, 50);
        Is(answer, Refusal.Replayed, true, 10);
        Assert.Equal(50, took);
    }

    [Theory]
    [InlineData(Refusal.Malformed)]
    [InlineData(Refusal.WrongNode)]
    [InlineData(Refusal.Expired)]
    [InlineData(Refusal.IssuedBeforeStart)]
    [InlineData(Refusal.MemoryTooLarge)]
    [InlineData(Refusal.BadSignature)]
    [InlineData(Refusal.ChainBroken)]
    [InlineData(Refusal.AddressNotAllowed)]
    public void A_refusal_that_stays_is_an_answer_at_once_whichever_copy_it_answers(Refusal refusal)
    {
        foreach (var roundTrip in new[] { 10.0, 300 })
            foreach (var lost in new[] { 0, 1, 3 })
            {
                var node = At(roundTrip);
                node.Says = _ => refusal;
                node.LosesRequest = copy => copy < lost;
                var (answer, took) = Spend(node);
                Is(answer, refusal, false, roundTrip);
                Assert.Equal(25 * lost + roundTrip, took);
            }
    }

    [Theory]
    [InlineData(Refusal.TooEarly)]
    [InlineData(Refusal.AddressInUse)]
    [InlineData(Refusal.TooManyDomains)]
    [InlineData(Refusal.StartFailed)]
    public void A_refusal_that_may_pass_is_an_answer_when_no_copy_can_be_honoured_any_more(Refusal refusal)
    {
        // On a short way none is left.
        var node = At(10);
        node.Says = _ => refusal;
        var (answer, took) = Spend(node);
        Is(answer, refusal, false, 10);
        Assert.Equal(10, took);

        // On a long way eleven are, and all are refused.
        node = At(300);
        node.Says = _ => refusal;
        (answer, took) = Spend(node);
        Is(answer, refusal, false, 300);
        Assert.Equal((12, 575), (node.Sent.Count, took));

        // Or one of them is honoured, and refused it must not be called.
        node = At(300);
        var begin = node.Now;
        node.Says = at => at - begin < Ms(300) ? refusal : Refusal.None;
        (answer, took) = Spend(node);
        Is(answer, Refusal.None, true, 300);
        Assert.Equal(450, took);

        // The same, and the answer that says so is lost.
        node = At(300);
        node.Says = at => at - begin < Ms(300) ? refusal : Refusal.None;
        node.LosesAnswer = copy => copy == 6;
        (answer, took) = Spend(node);
        Is(answer, Refusal.Replayed, true, 300);
        Assert.Equal(675, took);

        // One is lost: it is not waited for longer than for one that was overtaken.
        node = At(10);
        node.Says = _ => refusal;
        node.LosesRequest = copy => copy == 0;
        (answer, took) = Spend(node);
        Is(answer, refusal, false, 10);
        Assert.Equal(235, took);
    }

    [Fact]
    public void What_is_no_answer_of_a_node_says_so()
    {
        foreach (var payload in new byte[][] { [], [1, 2, 3], new byte[MagicReply.Size], new byte[MagicPing.BootSize] })
        {
            var node = At(10);
            node.Babbles = payload;
            var failure = Assert.Throws<Failure>(() => Spend(node));
            Assert.Equal(ExitCode.Failed, failure.ExitCode);
            Assert.Contains("not a node", failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Answers_that_come_twice_are_one()
    {
        var node = At(10);
        node.DoublesAnswer = _ => true;
        node.LosesAnswer = copy => copy == 0;
        var (answer, took) = Spend(node);
        Is(answer, Refusal.Replayed, true, 10);
        Assert.Equal(235, took);
    }

    [Fact]
    public void Late_replies_of_an_earlier_exchange_are_not_taken_for_this_one()
    {
        var node = At(300);
        Is(Spend(node).Answer, Refusal.None, true, 300); // eleven times "replayed" is on its way
        byte[] other = [.. s_token.Reverse()];
        var (answer, took) = Spend(node, token: other);
        Is(answer, Refusal.None, true, 300);
        Assert.Equal(300, took);

        // A refusal of the request before, and one of no request, before the right answer comes.
        var last = (ushort)node.Sent.Count;
        node.Reply(Ms(1), last, Refusal.BadSignature);
        node.Reply(Ms(2), (ushort)(last + 2000), Refusal.WrongNode);
        (answer, took) = Spend(node, token: [.. s_token.Select(part => (byte)~part)]);
        Is(answer, Refusal.None, true, 300);
        Assert.Equal(300, took);
    }

    [Fact]
    public void Replies_without_end_that_nobody_asked_for_do_not_keep_the_client()
    {
        var node = At(10);
        node.LosesRequest = _ => true;
        for (var i = 0; i < 100_000; i++)
            node.Reply(Ms(i), 40_000, Refusal.WrongNode);
        node.ReadingTakes = Ms(2);
        var (answer, took) = Spend(node, 1000);
        Assert.Null(answer);
        Assert.InRange(took, 1000, 1002);
        Assert.InRange(node.Sent.Count, 36, 40);
    }

    [Fact]
    public void What_came_while_the_client_was_not_run_is_read_before_it_gives_up()
    {
        var node = At(30);
        node.Oversleeps = Ms(5000);
        Is(Spend(node).Answer, Refusal.None, true, 5025);
    }

    [Fact]
    public void A_copy_that_cannot_be_sent_is_as_good_as_lost_but_the_first_is_not()
    {
        var node = At(10);
        node.LosesRequest = copy => copy == 0;
        node.CannotSend = copy => copy is 1 or 2;
        var (answer, took) = Spend(node);
        Is(answer, Refusal.None, true, 10);
        Assert.Equal(85, took);

        node = At(10);
        node.CannotSend = copy => copy == 0;
        Assert.Equal(ExitCode.NoAnswer, Assert.Throws<Failure>(() => Spend(node)).ExitCode);
    }

    /// <summary>One request in ten gets in, and waits up to a second in the queue: 40 copies, of which all are lost once in 70 times.</summary>
    [Fact]
    public void Through_a_flood_the_token_gets_in()
    {
        var got = 0;
        for (var seed = 0; seed < 1000; seed++)
        {
            var random = new Random(seed);
            var way = Ms(random.Next(5, 500));
            var node = new FakeNode { LosesRequest = _ => random.Next(10) != 0, Way = _ => way };
            var (answer, took) = Spend(node);
            Assert.InRange(took, 0, 2000);
            Assert.True(answer is null or { Accepted: true });
            got += answer is null ? 0 : 1;
        }
        Assert.InRange(got, 970, 1000);
    }
}
