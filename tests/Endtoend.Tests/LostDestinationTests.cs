using System;
using System.Linq;
using System.Net;
using Evilman.Demo;
using Evilman.Net;
using Testing.Machines;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>Real destinations that disappear, or that are too small.</summary>
[Collection("cluster")]
public sealed class LostDestinationTests(Cluster shared)
{
    private readonly Cluster cluster = shared.Ready();

    private const int NoConnection = 2, CheckpointRefused = 6, Broken = 7;

    /// <summary>Slows the stream down, so that a test has time to do something in the middle of it.</summary>
    private static MoveOrder Slowly(MoveOrder order) => order with { Rate = 20, Patience = 2 };

    [ClusterFact]
    public void A_machine_that_was_killed_before_the_move()
    {
        var target = cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader);
        Cluster.Kill(target.Process);
        cluster.AskToMove(target);
        Expect(NoConnection, "nobody answers|does not answer ARP");
        cluster.Move();
    }

    [ClusterFact]
    public void A_machine_that_is_killed_in_the_rounds()
    {
        var target = Begin();
        Cluster.Kill(target.Process);
        Expect(Broken, "takes nothing any more");
        cluster.Move();
    }

    [ClusterFact]
    public void A_node_whose_packetd_is_killed_in_the_rounds()
    {
        var target = Begin();
        Cluster.Kill(cluster.Packetd(target.Node));
        Expect(Broken, "takes nothing any more");
        Cluster.Until(() => !Cluster.Alive(target.Process), "the machine has outlived its node's packetd");
        cluster.RestartPacketd(target.Node);
        cluster.Move();
    }

    [ClusterFact]
    public void A_cable_that_is_pulled_in_the_rounds()
    {
        var target = Begin();
        cluster.SetLink(target.Node, up: false);
        try
        {
            Expect(Broken, "takes nothing any more");
        }
        finally
        {
            cluster.SetLink(target.Node, up: true);
        }
        cluster.Move();
    }

    /// <summary>Shorter than anybody's patience: the move itself goes on.</summary>
    [ClusterFact]
    public void A_cable_that_is_pulled_for_a_moment()
    {
        var (target, source) = (Begin(order => order with { Rate = 20 }), cluster.Home);
        cluster.SetLink(target.Node, up: false);
        System.Threading.Thread.Sleep(500);
        cluster.SetLink(target.Node, up: true);
        cluster.Arrive(source, target);
    }

    /// <summary>A guest that has not come to its snapshot in time gives up when it was told to, and goes on when it was not.</summary>
    [ClusterFact]
    public void A_move_that_takes_too_long()
    {
        const int GaveUp = 8;
        var target = cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader);
        cluster.AskToMove(target, order => order with { Rate = 20, GiveUp = 1 });
        Expect(GaveUp, "The snapshot did not come in time");
        // The same machine takes it afterwards.
        cluster.MoveInto(target, order => order with { Rate = 20 });
    }

    [ClusterFact]
    public void A_machine_that_is_too_small()
    {
        var target = cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader, memoryMiB: 32);
        cluster.AskToMove(target);
        Expect(CheckpointRefused, "the guest needs 64 MiB, the destination has 32 MiB.");
        cluster.Move();
    }

    [ClusterFact]
    public void A_machine_that_permits_another_loader()
    {
        var target = cluster.Order(cluster.OtherNode, [1, 2, 3]);
        cluster.AskToMove(target);
        Expect(4, UploadAnswer.Sentence(UploadRefusal.WrongHash));
        cluster.Move();
    }

    /// <summary>A slow move into a fresh machine, which has begun.</summary>
    private OrderedMachine Begin(Func<MoveOrder, MoveOrder>? how = null)
    {
        var target = cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader);
        var before = cluster.BytesTo(target.Node);
        cluster.AskToMove(target, how ?? Slowly);
        Cluster.Until(() => cluster.BytesTo(target.Node) - before > 1 << 20, "the move does not begin");
        Assert.Null(cluster.Moving.Ended);
        return target;
    }

    private string[] Expect(int code, string sentence)
    {
        var (found, said) = cluster.AwaitEnd();
        var all = string.Join("; ", said);
        Assert.True(sentence.Split('|').Any(part => all.Contains(part, StringComparison.Ordinal)), all);
        Assert.True(code == found, all);
        cluster.AssertStayed();
        return said;
    }

    /// <summary>
    /// The guest has arrived and its old machine has not heard so: that stands still until a holder of its key ends it
    /// («evilman move --leave»).
    /// </summary>
    [ClusterFact]
    public void A_machine_that_has_not_heard_of_the_arrival_is_ended_by_its_key()
    {
        var (source, target) = (cluster.Home, cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader));
        HandOverRelay? relay = null;
        using (relay = new HandOverRelay(cluster.OpenAtClient, target.Boot, passage =>
        {
            relay!.Cut();
            passage.TryCommit();
        }))
        {
            cluster.AskToMove(target, order => order with { Destination = Cluster.Client });
            var (code, said) = cluster.AwaitEnd();
            Assert.True(code == 0, string.Join("; ", said));
            Assert.True(Cluster.Alive(source.Process), "the old machine has heard of the arrival");
            cluster.Take(target);
            cluster.AssertServes();
            cluster.AtClient(() =>
            {
                new LeftMachine(IPAddress.Parse(source.Node.Address), source.Key).End();
                return 0;
            });
            Cluster.Until(() => !Cluster.Alive(source.Process), "the old machine goes on standing still");
        }
        cluster.AssertServes();
        cluster.Move();
    }
}
