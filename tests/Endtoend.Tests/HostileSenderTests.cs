using System;
using System.Net.Sockets;
using Evilman.Net;
using Testing.Machines;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>
/// A sender without a guest that speaks the protocol to a real machine on a real node. What exactly is refused is the business of
/// tests/Cstrap.Tests; here it is that the machine is still good for a guest, or that its end is one line in its node's log.
/// </summary>
[Collection("cluster")]
public sealed class HostileSenderTests(Cluster shared)
{
    private readonly Cluster cluster = shared.Ready();

    [ClusterFact]
    public void A_machine_that_was_lied_to_still_takes_the_guest()
    {
        var target = cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader);
        var good = new CheckpointStream().Recovery().End();

        Refused(CheckpointRefusal.BadHeader, [(byte)'X', .. good[1..]]);
        Refused(CheckpointRefusal.UnknownVersion, [.. good[..4], 9, .. good[5..]]);
        Refused(CheckpointRefusal.MissingFeatures, new CheckpointStream(features: CheckpointStream.Common | MachineFeatures.VirtioBlock).End());
        Refused(CheckpointRefusal.NotEnoughMemory, new CheckpointStream(frames: 16385).End());
        Refused(CheckpointRefusal.FrameOutOfRange, new CheckpointStream().Zero(0x3ff).End());
        Refused(CheckpointRefusal.FrameOutOfRange, new CheckpointStream().Recovery().Zero(16384).End());
        var miscounted = new CheckpointStream().Recovery();
        miscounted.Records++;
        Refused(CheckpointRefusal.WrongCount, miscounted.End());
        Refused(CheckpointRefusal.WrongHash, new CheckpointStream().Recovery().End(damage: 1));
        Refused(CheckpointRefusal.Truncated, good[..^1]);
        // A guest sends a frame once a round, and does not go round 256 times.
        var endless = new CheckpointStream(frames: 0x401);
        for (var i = 0; i <= 256 * 0x401; i++)
            endless.Zero(0x400);
        Refused(CheckpointRefusal.TooManyRecords, endless.Unfinished());
        using (var left = Upload(target))
        {
            left.Send(good);
            Assert.Equal(HandOverKind.Verified, Hear(left).Kind);
            left.Socket.LingerState = new LingerOption(true, 0);
        }

        Assert.True(Cluster.Alive(target.Process));
        cluster.MoveInto(target);

        void Refused(CheckpointRefusal reason, byte[] stream)
        {
            using var socket = Upload(target);
            try
            {
                socket.Send(stream);
                socket.Socket.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                // It may close as soon as it has read enough to refuse.
            }
            Assert.Equal((HandOverKind.Refused, reason), Hear(socket));
        }
    }

    [ClusterTheory]
    [InlineData("6a006a000f011c240f0b", "exit code 2;")] // PUSH 0; PUSH 0; LIDT [RSP]; UD2: an exception without an interrupt table
    [InlineData("66ba0505b001eef4", "exit code 2;")] // MOV DX, 0x505; MOV AL, 1; OUT DX, AL; HLT: pvpanic's "the guest panicked"
    [InlineData("0f0b", "exit code 0;")] // UD2: the firmware's handler is still there, complains and resets
    [InlineData("b0fee664ebfe", "exit code 0;")] // MOV AL, 0xFE; OUT 0x64, AL
    public void The_end_of_a_checkpoint_that_is_no_guest_is_one_line(string code, string end) =>
        Ends(cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader), code, end);

    [ClusterFact]
    public void A_guest_that_loops_ends_with_the_CPU_time_that_its_token_pays_for()
    {
        var node = cluster.OtherNode;
        cluster.RestartPacketd(node, "--token-cpu", "2");
        Ends(cluster.Order(node, Cluster.CheckpointLoader, tokens: 1), "ebfe", "signal 24, its CPU time is spent;"); // JMP to itself
        cluster.RestartPacketd(node);
    }

    private void Ends(OrderedMachine target, string code, string end)
    {
        var page = new byte[4096];
        Convert.FromHexString(code).CopyTo(page, 0);
        var before = cluster.Lines(target.Node, " ended: ");
        using (var socket = Upload(target))
        {
            socket.Send(new CheckpointStream().Page(0x400, page).End());
            Assert.Equal(HandOverKind.Verified, Hear(socket).Kind);
            var commit = new byte[HandOver.Size];
            HandOver.Emit(commit, HandOverKind.Commit);
            socket.Send(commit);
            Cluster.Until(() => !Cluster.Alive(target.Process), "the machine does not end");
        }
        Cluster.Until(() => cluster.Lines(target.Node, " ended: ") > before, "the node says nothing");
        // What else is there is what the machine had written on its console.
        Assert.Contains(end, Assert.Single(cluster.Log(target.Node).FindAll(line => line.Contains(" ended: ", StringComparison.Ordinal))[before..]), StringComparison.Ordinal);
        cluster.AssertStayed();
    }

    private SecureSocket Upload(OrderedMachine target)
    {
        var socket = BootClient.Prove(cluster.Connect(target.Boot, Wire.Upload.Port), target.Key, Cluster.Patience);
        var header = new byte[Wire.Upload.Size];
        Wire.Upload.Emit(header, (uint)Cluster.CheckpointLoader.Length);
        socket.Send(header);
        socket.Send(Cluster.CheckpointLoader);
        Assert.True(UploadAnswer.TryParse(Read(socket, UploadAnswer.Size), out _, out var refusal, out _));
        Assert.Equal(UploadRefusal.None, refusal);
        return socket;
    }

    private static (HandOverKind Kind, CheckpointRefusal Reason) Hear(SecureSocket socket)
    {
        Assert.True(HandOver.TryParse(Read(socket, HandOver.Size), out var kind, out var reason, out _));
        return (kind, reason);
    }

    private static byte[] Read(SecureSocket socket, int count)
    {
        var bytes = new byte[count];
        for (var have = 0; have < count;)
        {
            var piece = socket.Receive(bytes.AsSpan(have));
            Assert.True(piece > 0, "the machine closed the connection");
            have += piece;
        }
        return bytes;
    }
}
