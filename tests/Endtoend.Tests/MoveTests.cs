using System;
using System.Threading;
using Evilman;
using Evilman.Demo;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>Moves that succeed.</summary>
[Collection("cluster")]
public sealed class MoveTests(Cluster shared)
{
    private readonly Cluster cluster = shared.Ready();

    /// <summary>Every page is hashed at the instant of the fork, and the receiver finds the same (thesis §6.6.4), while clients are busy.</summary>
    [ClusterFact]
    public void What_arrives_is_what_was_at_the_fork()
    {
        var stop = false;
        string? failed = null;
        var requests = 0;
        var load = new Thread(() =>
        {
            while (!Volatile.Read(ref stop) && failed is null)
            {
                try
                {
                    if (cluster.Get("/").Status == 200)
                        requests++;
                }
                catch (Exception failure)
                {
                    failed = failure.Message;
                }
            }
        });
        load.Start();
        try
        {
            for (var move = 0; move < 4; move++)
                cluster.Move(how: order => order with { Flags = MoveFlags.Verify });
        }
        finally
        {
            Volatile.Write(ref stop, true);
            load.Join();
        }
        Assert.Null(failed);
        Assert.True(requests > 20, $"there was little load: {requests} requests");
    }

    [ClusterFact]
    public void The_source_keeps_nothing()
    {
        var (source, other) = (cluster.Home, cluster.OtherNode);
        var body = cluster.Get("/").Body;
        cluster.Move(other);
        Assert.False(Cluster.Alive(source.Process));
        Assert.DoesNotContain(source.Process, cluster.Machines(source.Node));
        Cluster.Kill(cluster.Packetd(source.Node));
        try
        {
            cluster.AssertServes();
            Assert.Equal(body, cluster.Get("/").Body);
        }
        finally
        {
            cluster.RestartPacketd(source.Node);
        }
        cluster.Move(source.Node);
    }

    /// <summary>A connection that is silent through the move knows nothing of it.</summary>
    [ClusterFact]
    public void An_idle_connection_survives()
    {
        using var idle = cluster.Connect(Cluster.Guest, 7);
        idle.ReceiveTimeout = (int)Cluster.Patience.TotalMilliseconds;
        cluster.Move();
        cluster.Move();
        byte[] sent = [1, 2, 3], received = new byte[3];
        idle.Send(sent);
        for (var have = 0; have < received.Length;)
        {
            var count = idle.Receive(received.AsSpan(have));
            Assert.True(count > 0, "the guest closed the connection");
            have += count;
        }
        Assert.Equal(sent, received);
    }

    /// <summary>While one move is under way a second is refused and disturbs nothing.</summary>
    [ClusterFact]
    public void One_move_at_a_time()
    {
        var (source, target) = (cluster.Home, cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader));
        cluster.AskToMove(target, order => order with { Rate = 40 });
        var (refused, moving) = (Assert.Throws<Failure>(() => cluster.Command(target).Dispose()), cluster.Moving);
        Assert.Contains("A move is under way.", refused.Message, StringComparison.Ordinal);
        Assert.Null(moving.Ended);
        cluster.Arrive(source, target);
    }
}
