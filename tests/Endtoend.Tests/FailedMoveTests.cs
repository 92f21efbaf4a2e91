using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Threading;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>
/// A destination that fails or lies, at every stage of the protocol: the guest stays with its connections, says why in one sentence, and
/// moves to a good machine afterwards.
/// </summary>
[Collection("failures")]
public sealed class FailedMoveTests(Cluster shared)
{
    private readonly Cluster cluster = shared.Ready();

    private static readonly OrderedMachine s_fake = new(null!, Cluster.Client, 0, FakeDestination.Key);

    /// <summary>How /bin/migrate ends (its help).</summary>
    private const int NoConnection = 2, LoaderRefused = 4, CheckpointRefused = 6, Broken = 7, NotAuthenticated = 9, Busy = 11;

    /// <summary>What a destination does, how migrate ends then, and what its sentence contains.</summary>
    private sealed record Stage(int Code, string Sentence, Action<Caller, Cluster> Script)
    {
        /// <summary>So little is on its way that a destination that stops reading stops the guest.</summary>
        public bool Slow { get; init; }
    }

    private static readonly Dictionary<string, Stage> s_stages = new()
    {
        ["closes before the upload"] = new(Broken, "does not answer the upload|does not take the whole loader", (caller, _) => caller.Reset()),
        ["resets in the middle of the loader"] = new(Broken, "does not answer the upload|does not take the whole loader", (caller, _) =>
        {
            caller.Read(Upload.Size + 1000);
            caller.Reset();
        }),
        ["is silent after the loader"] = new(Broken, "does not answer the upload", (caller, _) =>
        {
            caller.ReadUpload();
            caller.BeSilent(TimeSpan.FromSeconds(20));
        }),
        ["answers the loader with something else"] = new(LoaderRefused, "is not one of an empty domain", (caller, _) =>
        {
            caller.ReadUpload();
            caller.Send("HTTP/1.0 404 No\r\n"u8[..16].ToArray());
        }),
        ["closes after accepting"] = new(Broken, "closed it", (caller, _) => caller.Accept()),
        ["resets in the middle of the header"] = new(Broken, "closed it", (caller, _) =>
        {
            caller.Accept();
            caller.Read(10);
            caller.Reset();
        }),
        ["resets after the header"] = new(Broken, "closed it", (caller, _) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.Reset();
        }),
        ["resets in the middle of a page of the first round"] = new(Broken, "closed it", (caller, _) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.ReadRecords(700);
            caller.Read(8 + 1234);
            caller.Reset();
        }),
        ["stops sending in the first round"] = new(Broken, "closed it", (caller, _) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.ReadRecords(300);
            caller.HangUp();
            caller.BeSilent(TimeSpan.FromSeconds(20));
        }),
        ["stops reading and then sending in the first round"] = new(Broken, "closed it", (caller, _) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.ReadRecords(300);
            Thread.Sleep(1000); // of the two seconds that the guest waits for room to send
            caller.HangUp();
            caller.BeSilent(TimeSpan.FromSeconds(20));
        }),
        ["is silent in the first round"] = new(Broken, "takes nothing any more", (caller, cluster) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.ReadRecords(700);
            caller.BeSilent(TimeSpan.FromSeconds(20));
        }),
        ["resets in a later round"] = new(Broken, "closed it", (caller, _) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.ReadToRound(2);
            caller.Reset();
        }),
        ["resets after the fork"] = new(Broken, "closed it", (caller, cluster) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.ReadToFork(cluster.Connection);
            caller.Reset();
        }) { Slow = true },
        ["is silent after the fork"] = new(Broken, "takes nothing any more|does not say whether", (caller, cluster) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.ReadToFork(cluster.Connection);
            caller.BeSilent(TimeSpan.FromSeconds(20));
        }) { Slow = true },
        ["resets before the trailer"] = new(Broken, "closed it", (caller, _) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.ReadToEnd();
            caller.Reset();
        }),
        ["closes after the trailer"] = new(Broken, "closed it", (caller, _) =>
        {
            caller.Accept();
            caller.ReadAll();
        }),
        ["is silent after the trailer"] = new(Broken, "does not say whether", (caller, _) =>
        {
            caller.Accept();
            caller.ReadAll();
            caller.BeSilent(TimeSpan.FromSeconds(20));
        }),
        ["answers the checkpoint with something else"] = new(Broken, "closed it|makes no sense", (caller, _) =>
        {
            caller.Accept();
            caller.ReadAll();
            caller.Send("EVHOnothing real"u8.ToArray());
        }),
        ["begins a verdict and says no more"] = new(Broken, "closed it|does not say whether|makes no sense", (caller, _) =>
        {
            caller.Accept();
            caller.ReadAll();
            caller.Send([0x45]);
            caller.BeSilent(TimeSpan.FromSeconds(20));
        }),
        ["says RUNNING without a commit"] = new(CheckpointRefused, "makes no sense", (caller, _) =>
        {
            caller.Accept();
            caller.ReadAll();
            caller.Tell(HandOverKind.Running);
        }),
        ["says COMMIT itself"] = new(CheckpointRefused, "makes no sense", (caller, _) =>
        {
            caller.Accept();
            caller.ReadAll();
            caller.Tell(HandOverKind.Commit);
        }),
        ["says VERIFIED in the first round"] = new(CheckpointRefused, "cannot have", (caller, _) =>
        {
            caller.Accept();
            caller.ReadHeader();
            caller.Tell(HandOverKind.Verified);
            caller.BeSilent(TimeSpan.FromSeconds(20));
        }),
        ["says VERIFIED and hangs up"] = new(Broken, "closed it before the commit|closed it in the middle of the checkpoint", (caller, _) =>
        {
            // A late frame may meet the closed connection before its last word is read.
            caller.Accept();
            caller.ReadAll();
            caller.TellAndHangUp(HandOverKind.Verified);
        }),
    };

    public static TheoryData<string> Stages => [.. s_stages.Keys];

    [ClusterTheory, MemberData(nameof(Stages))]
    public void The_guest_stays_when_its_destination(string does)
    {
        var stage = s_stages[does];
        Fail(stage.Code, stage.Sentence, caller => stage.Script(caller, cluster), stage.Slow ? 8192 : 1 << 18);
        cluster.Move();
    }

    [ClusterFact]
    public void Each_refusal_of_the_loader_is_told()
    {
        foreach (var refusal in Enum.GetValues<UploadRefusal>().Where(refusal => refusal != UploadRefusal.None))
        {
            Fail(refusal == UploadRefusal.Busy ? Busy : LoaderRefused, UploadAnswer.Sentence(refusal), caller =>
            {
                caller.ReadUpload();
                caller.Answer(refusal);
            });
        }
        cluster.Move();
    }

    [ClusterFact]
    public void Each_refusal_of_the_checkpoint_is_told()
    {
        // Seven that have a name, and one that has none yet.
        const ulong Missing = 0x1267 | 1UL << 63;
        foreach (var refusal in Enum.GetValues<CheckpointRefusal>().Where(refusal => refusal != CheckpointRefusal.None))
        {
            var sentence = refusal switch
            {
                CheckpointRefusal.NotEnoughMemory => "the guest needs 64 MiB, the destination has 18 MiB.",
                CheckpointRefusal.MissingFeatures => "it lacks a processor of x86-64-v2, virtio-mmio version 2, a virtio network device, a local APIC timer, a CMOS clock, BMI2, PCLMULQDQ, a feature",
                _ => HandOver.Sentence(refusal),
            };
            Fail(CheckpointRefused, sentence, caller =>
            {
                caller.Accept();
                caller.ReadHeader();
                // Each at another moment: from the first record to a thousand later.
                caller.ReadRecords(1 + (int)refusal * 80);
                caller.Tell(HandOverKind.Refused, refusal, refusal == CheckpointRefusal.MissingFeatures ? Missing : 4711);
                caller.BeSilent(TimeSpan.FromSeconds(20));
            });
        }
        Fail(CheckpointRefused, HandOver.Sentence(CheckpointRefusal.WrongHash), caller =>
        {
            caller.Accept();
            caller.ReadAll();
            caller.Tell(HandOverKind.Refused, CheckpointRefusal.WrongHash);
        });
        cluster.Move();
    }

    /// <summary>Not a byte of the guest goes to a machine that does not have the key.</summary>
    [ClusterFact]
    public void A_false_destination_gets_nothing()
    {
        var called = false;
        using (new FakeDestination(cluster, _ => called = true, key: SHA1.HashData("another"u8)))
            Refused("does not take this key");
        Assert.False(called);
        // One that answers whatever is asked cannot make the second message, nor can who speaks something else.
        Answers("does not have the key", [.. Status(0), .. RandomNumberGenerator.GetBytes(NoiseHandshake.Overhead)]);
        Answers("no empty machine", "HTTP/1.1 200 OK\r\n"u8.ToArray());
        foreach (var status in Enum.GetValues<ChannelStatus>().Where(status => status != ChannelStatus.Accepted))
            Answers(ChannelHello.Sentence(status), Status((byte)status), status == ChannelStatus.Busy ? Busy : NotAuthenticated);
        cluster.Move();

        void Answers(string sentence, byte[] answer, int code = NotAuthenticated)
        {
            using (new RawDestination(cluster, answer))
                Refused(sentence, code);
        }

        void Refused(string sentence, int expected = NotAuthenticated)
        {
            cluster.AskToMove(s_fake, order => order with { Patience = 2 });
            var (code, said) = cluster.AwaitEnd();
            Assert.Contains(sentence, Assert.Single(said, IsSentence), StringComparison.Ordinal);
            Assert.Equal(expected, code);
            cluster.AssertStayed();
        }

        static byte[] Status(byte status) => [.. "EVSA"u8, 1, 0, status, 0];
    }

    /// <summary>
    /// An attacker on the path changes one bit, anywhere in either direction: the move fails before the commit, and the guest goes on.
    /// </summary>
    [ClusterFact]
    public void A_bit_that_is_flipped_on_the_way_ends_the_move()
    {
        var random = new Random(1);
        // In the handshake, in the loader, and in the guest's memory; and in what the destination answers.
        (bool Forth, long Bit)[] places = [(true, 8 * 20 + 3), (false, 8 * 30), (true, 8 * 3000), (false, 8 * 60), (true, 8 * 500_000), .. Enumerable.Range(0, 4).Select(_ => (true, random.NextInt64(8 * 1_000_000, 8 * 4_000_000))), (false, 8 * 95)];
        foreach (var (forth, bit) in places)
        {
            var target = cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader);
            using (new Relay(cluster, target, forth, bit))
            {
                cluster.AskToMove(target with { Boot = Cluster.Client }, order => order with { Patience = 2 });
                var (code, said) = cluster.AwaitEnd();
                Assert.True(code is Broken or NotAuthenticated, $"bit {bit}: {code}: {string.Join("; ", said)}");
            }
            cluster.AssertStayed();
            Cluster.Kill(target.Process);
        }
        cluster.Move();
    }

    [ClusterFact]
    public void Nobody_at_the_address()
    {
        cluster.AskToMove(s_fake);
        var (code, said) = cluster.AwaitEnd();
        Assert.Equal(NoConnection, code);
        Assert.Contains("nobody listens there", Assert.Single(said, IsSentence), StringComparison.Ordinal);
        cluster.AssertStayed();
    }

    private static bool IsSentence(string line) => line.StartsWith("migrate: ", StringComparison.Ordinal)
        && !line.StartsWith("migrate: round ", StringComparison.Ordinal);

    /// <param name="sentence">Contained in what migrate says; alternatives are separated by bars.</param>
    private void Fail(int code, string sentence, Action<Caller> script, int buffer = 1 << 18)
    {
        using (new FakeDestination(cluster, script, buffer))
        {
            cluster.AskToMove(s_fake, order => order with { Patience = 2 });
            var (found, said) = cluster.AwaitEnd();
            var all = string.Join("; ", said);
            var line = Assert.Single(said, IsSentence);
            Assert.True(sentence.Split('|').Any(part => line.Contains(part, StringComparison.Ordinal)), all);
            Assert.True(code == found, all);
        }
        cluster.AssertStayed();
    }
}
