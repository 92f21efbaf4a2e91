using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Evilman;
using Evilman.Demo;
using Evilman.Lab;
using Evilman.Minting;
using Wire;
using Xunit;
using Xunit.Abstractions;

namespace Endtoend.Tests;

/// <summary>Moves that succeed.</summary>
[Collection("cluster")]
public sealed class MoveTests(Cluster shared, ITestOutputHelper output)
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

    /// <summary>Ctrl-C in «evilman move GUEST NODE»: the guest stays, and the machine that waited for it is ended.</summary>
    [ClusterFact]
    public void An_interrupted_move_leaves_the_guest_where_it_is()
    {
        var node = cluster.OtherNode;
        var before = cluster.Machines(node).Count;
        var keyFile = Path.GetTempFileName();
        File.WriteAllBytes(keyFile, MachineKeyFile.Text(cluster.GuestKey));
        using var moving = cluster.StartAtClient("out/bin/evilman", "move", $"{Cluster.Guest}", node.Address, "--guest-key", keyFile,
            "--key-file", cluster.KeyFile(node), "--boot-address", "10.77.0.88/24", "--loader", Cluster.Built("images/loader-checkpoint"),
            "--rate", "4");
        for (string? line; (line = moving.StandardOutput.ReadLine()) is not null && !line.Contains(" moves; ", StringComparison.Ordinal);)
            Assert.NotEqual("", line);
        foreach (var entry in ProcessTable.All())
        {
            if (Array.IndexOf(ProcessTable.Arguments(entry.Pid), keyFile) > 0)
                Process.Start("kill", $"-INT {entry.Pid}")!.WaitForExit();
        }
        var said = moving.StandardError.ReadToEnd();
        Assert.True(moving.WaitForExit(Cluster.Patience));
        Assert.Contains("the guest stays where it is, and the machine on " + node.Address + " has been ended: cancelled", said, StringComparison.Ordinal);
        Assert.Equal(130, moving.ExitCode);
        cluster.AssertStayed();
        Cluster.Until(() => cluster.Machines(node).Count == before, "the machine of an interrupted move is not ended");
        File.Delete(keyFile);
    }

    /// <summary>A program that writes to its memory without a pause delays neither what the mover says nor that it hears of its end.</summary>
    [ClusterFact]
    public void Beside_a_writer_a_move_is_watched_and_cancelled()
    {
        cluster.Put("writer", "awk 'BEGIN { while (1) for (i = 0; i < 40000; i++) a[i] = i }' </dev/null >/dev/null 2>&1 &\necho writes\n"u8.ToArray());
        Assert.Equal("writes\nexit 0", cluster.Run("sh", "/tmp/writer"));
        var target = cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader);
        cluster.AskToMove(target, order => order with { Rate = 20 });
        var start = Stopwatch.GetTimestamp();
        Cluster.Until(() => Rounds() >= 3, "the mover does not say how far it is");
        var told = Stopwatch.GetElapsedTime(start);
        Assert.Null(cluster.Moving.Ended);
        start = Stopwatch.GetTimestamp();
        cluster.AtClient(() =>
        {
            GuestControl.Cancel(Cluster.Guest, cluster.GuestKey);
            return 0;
        });
        var (code, said) = cluster.AwaitEnd();
        var heard = Stopwatch.GetElapsedTime(start);
        output.WriteLine($"three rounds told within {told.TotalSeconds:0.0} s, cancelled within {heard.TotalMilliseconds:0} ms");
        Assert.True(code != 0, string.Join("; ", said));
        Assert.InRange(heard.TotalSeconds, 0, 1);
        cluster.AssertStayed();
        cluster.Run("killall", "awk");
        cluster.Clear(target.Node);
        cluster.Move();

        int Rounds() => cluster.Progress().Count(line => line.StartsWith("migrate: round ", StringComparison.Ordinal));
    }
}
