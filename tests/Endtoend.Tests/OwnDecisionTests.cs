using System;
using System.Linq;
using System.Text;
using Evilman.Minting;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>A guest that moves by its own decision, with a token of its own (thesis §8.2.1).</summary>
[Collection("cluster")]
public sealed class OwnDecisionTests(Cluster shared)
{
    private const int LoaderRefused = 4, NodeRefused = 10;

    private readonly Cluster cluster = shared.Ready();

    [ClusterFact]
    public void A_guest_with_a_token_moves_by_itself()
    {
        var (source, node) = (cluster.Home, cluster.OtherNode);
        cluster.Clear(node);
        var (boot, key) = Give(Cluster.CheckpointLoader);
        var said = cluster.Run("/bin/migrate", "--key", "/tmp/key", "--token", "/tmp/token", node.Address);
        Assert.Contains("migrate: the node took the token", said, StringComparison.Ordinal);
        Assert.Contains("migrate: we have arrived", said, StringComparison.Ordinal);
        Assert.EndsWith("exit 0", said, StringComparison.Ordinal);
        Cluster.Until(() => !Cluster.Alive(source.Process), "the source goes on running");
        cluster.Take(new OrderedMachine(node, boot, Assert.Single(cluster.Machines(node)), key));
        cluster.AssertServes();
        // The token is spent: with it nobody moves again, and nobody's machine is ended for that.
        said = cluster.Run("/bin/migrate", "--key", "/tmp/key", "--token", "/tmp/token", node.Address);
        Assert.Contains(Refusal.Replayed.Sentence(), said, StringComparison.Ordinal);
        Assert.EndsWith($"exit {NodeRefused}", said, StringComparison.Ordinal);
        cluster.AssertStayed();
    }

    /// <summary>The machine was paid for and is good for nothing: it is ended at once, and not when its lease ends.</summary>
    [ClusterFact]
    public void What_was_started_in_vain_is_ended()
    {
        var node = cluster.OtherNode;
        cluster.Clear(node);
        Give([1, 2, 3]); // a token for another loader
        var before = cluster.Lines(node, " ended: ");
        var said = cluster.Run("/bin/migrate", "--key", "/tmp/key", "--token", "/tmp/token", node.Address);
        Assert.Contains(UploadAnswer.Sentence(UploadRefusal.WrongHash), said, StringComparison.Ordinal);
        Assert.Contains("migrate: the machine that was started has been ended", said, StringComparison.Ordinal);
        Assert.EndsWith($"exit {LoaderRefused}", said, StringComparison.Ordinal);
        Cluster.Until(() => cluster.Machines(node).Count == 0, "the machine is still there");
        // A process is gone a moment before its node has said so.
        Cluster.Until(() => cluster.Lines(node, " ended: ") > before, "the node does not say that it has ended");
        Assert.Equal(before + 1, cluster.Lines(node, " ended: "));
        cluster.AssertStayed();
        cluster.Move();
    }

    /// <summary>Buys a token for the other node and gives it, and its key, to the guest.</summary>
    private (System.Net.IPAddress Boot, byte[] Key) Give(byte[] loader)
    {
        var (token, boot, key) = cluster.Buy(cluster.OtherNode, loader);
        cluster.Put("token", token);
        cluster.Put("key", Encoding.ASCII.GetBytes(Convert.ToHexStringLower(key) + "\n"));
        return (boot, key);
    }
}
