using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Migration.Tests;

/// <summary>COMMIT or its answer is lost on the way: the guest runs on one side, never on both, never on none.</summary>
public sealed class CommitTests : IDisposable
{
    private readonly Space space = new();
    private Guest? guest;
    private Machine? destination;

    public void Dispose()
    {
        if (destination != guest?.Source)
            destination?.Dispose();
        guest?.Dispose();
        space.Dispose();
    }

    /// <summary>
    /// COMMIT is lost, and the source's connection perhaps reset by an attacker. What is kept of it is worth nothing later.
    /// </summary>
    [RootTheory]
    [InlineData("domain", false)]
    [InlineData("qemu", true)]
    public void A_commit_that_is_lost_leaves_the_guest_here(string monitor, bool isReset)
    {
        guest = new Guest(space, monitor);
        destination = Empty(monitor);
        HandOverRelay.Passage? lost = null;
        using (var relay = new HandOverRelay(space.Open, IPAddress.Parse(destination.Boot), passage =>
        {
            lost = passage;
            if (isReset)
                passage.ResetSource();
        }))
        {
            string said = guest.Migrate(Space.Host);
            Assert.Contains("the destination has not taken the guest and no longer can.", said, StringComparison.Ordinal);
            Assert.EndsWith("exit 7", said, StringComparison.Ordinal);
            guest.Hear(100);
            Assert.True(lost!.IsLeft(5000), "the destination keeps the connection");
            lost.TryCommit();
            Assert.Equal(2, lost.Heard);
        }
        Assert.False(guest.Source.HasEnded(0));
        Move(guest, destination);
    }

    /// <summary>
    /// All is passed on as it is, but for one bit of VERIFIED, of COMMIT, and at last of RUNNING: the guest stays twice, and the third time it
    /// is there, and its former machine stands still.
    /// </summary>
    [RootTheory]
    [InlineData("domain")]
    public void A_bit_flipped_in_one_of_the_last_words_leaves_one_guest(string monitor)
    {
        const int Body = SecureChannel.LengthSize + 7;
        guest = new Guest(space, monitor);
        destination = Empty(monitor);
        foreach ((int heard, bool isForth, string sentence) in new[]
        {
            (1, false, ""), (2, true, "the destination has not taken the guest and no longer can."),
        })
        {
            using var relay = Flip(heard, isForth);
            string said = guest.Migrate(Space.Host);
            Assert.Contains(sentence, said, StringComparison.Ordinal);
            Assert.EndsWith("exit 7", said, StringComparison.Ordinal);
            guest.Hear(100);
            Assert.False(guest.Source.HasEnded(0));
        }
        using Machine source = guest.Source;
        guest.Source = destination;
        using (Flip(2, false))
        {
            Assert.Contains("we have arrived", guest.Migrate(Space.Host), StringComparison.Ordinal);
            source.Await("the guest stands still here", 60_000);
            guest.Hear(100);
            Assert.False(source.HasEnded(0), "the source ends without knowing");
        }

        HandOverRelay Flip(int heard, bool isForth) => new(space.Open, IPAddress.Parse(destination.Boot), passage => passage.TryCommit(),
            (passage, forth, record) =>
            {
                if (forth == isForth && passage.Heard == heard && record.Length == SecureChannel.LengthSize + HandOver.Size + SecureChannel.TagSize)
                    record[Body] ^= 1;
            });
    }

    /// <summary>
    /// The network is cut as COMMIT is sent, for both sides, and the mover killed meanwhile: the guest stands still
    /// until it is known that it does not run there. Then it goes on, and the mover is dead.
    /// </summary>
    [RootTheory]
    [InlineData("domain")]
    public void While_nobody_answers_the_guest_stands_still(string monitor)
    {
        guest = new Guest(space, monitor);
        destination = Empty(monitor);
        bool isCut = false;
        using var relay = new HandOverRelay(space.Open, IPAddress.Parse(destination.Boot), _ => Volatile.Write(ref isCut, true));
        string said = "";
        for (int seconds = 5; !Volatile.Read(ref isCut); seconds *= 2)
        {
            Assert.True(seconds <= 40, "it never comes so far");
            using var asking = new Asking(() => guest.Run("/bin/killer", $"{seconds}000000", "/bin/migrate", "--key",
                "/etc/machine.key", Space.Host));
            // When it is killed before its commit it says so.
            Wait.Until(() => Volatile.Read(ref isCut) || asking.Said != null, "a commit", 60);
            if (!Volatile.Read(ref isCut))
                continue;
            relay.Cut();
            guest.Source.Await("the guest stands still here", 60_000);
            Thread.Sleep(seconds * 1000);
            Assert.Null(asking.Said);
            Assert.False(guest.Source.HasEnded(0));
            relay.Mend();
            said = asking.Await(90);
        }
        Assert.EndsWith("exit 137", said, StringComparison.Ordinal);
        guest.Hear(100);
        Assert.True(relay.Connections > 1);
        Move(guest, destination);
    }

    /// <summary>
    /// The guest runs there and the answer is lost: the source asks, is silent towards everybody else, and does not end for anything that
    /// an attacker on the path can do.
    /// </summary>
    [RootTheory]
    [InlineData("domain")]
    public void An_answer_that_is_lost_leaves_the_source_silent(string monitor)
    {
        guest = new Guest(space, monitor);
        using Machine source = guest.Source;
        guest.Source = destination = Empty(monitor);
        HandOverRelay? relay = null;
        bool isCommitted = false;
        using (relay = new HandOverRelay(space.Open, IPAddress.Parse(destination.Boot), passage =>
        {
            relay!.Cut();
            isCommitted = passage.TryCommit();
            passage.ResetSource();
        }))
        {
            Assert.Contains("we have arrived", guest.Migrate(Space.Host), StringComparison.Ordinal);
            Assert.True(isCommitted);
            source.Await("the guest stands still here", 60_000);
            guest.Hear(100);
            string neighbours = space.InSpace("ip", "neigh", "show", Guest.Address);
            Assert.Contains("02:45:0a:00:00:14", neighbours, StringComparison.Ordinal);
            relay.Mend();
            Assert.False(source.HasEnded(3000), "the source ends without knowing");
        }
        guest.Hear(100);
    }

    /// <summary>A destination that takes COMMIT and answers late, and does not answer questions meanwhile.</summary>
    [RootTheory]
    [InlineData("domain")]
    public void An_answer_that_is_late_ends_the_source(string monitor)
    {
        guest = new Guest(space, monitor);
        using var isAsked = new ManualResetEventSlim();
        using var fake = new FakeDestination(space, (fake, socket) =>
        {
            FakeDestination.ReadAll(socket);
            FakeDestination.Say(socket, HandOverKind.Verified);
            while (!fake.Committed)
                fake.ReadHandOver(socket);
            isAsked.Wait(60_000);
            FakeDestination.Say(socket, HandOverKind.Running);
        });
        using var asking = new Asking(() => guest.Migrate(FakeDestination.Address));
        guest.Source.Await("the guest stands still here", 60_000);
        Assert.False(guest.Source.HasEnded(0), "the source ends without knowing");
        isAsked.Set();
        Assert.True(guest.Source.HasEnded(30_000), "the source does not hear the answer");
    }

    private Machine Empty(string monitor) =>
        new(space, monitor, Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.20");

    /// <summary>The machine is as empty as before: the guest can move there.</summary>
    private static void Move(Guest guest, Machine destination)
    {
        Machine source = guest.Source;
        Assert.Contains("we have arrived", guest.Migrate(destination.Boot), StringComparison.Ordinal);
        guest.Source = destination;
        Assert.True(source.HasEnded(5000), "the source goes on running");
        source.Dispose();
        guest.Hear(100);
    }

    /// <summary>A command to the guest whose answer takes its time.</summary>
    private sealed class Asking : IDisposable
    {
        private readonly Thread thread;
        private volatile string? said;

        public Asking(Func<string> ask)
        {
            thread = new Thread(() =>
            {
                try
                {
                    said = ask();
                }
                catch (Exception gone) when (gone is SocketException or Xunit.Sdk.XunitException)
                {
                    said = gone.Message;
                }
            }) { IsBackground = true };
            thread.Start();
        }

        public string? Said => said;

        public string Await(int seconds)
        {
            Wait.Until(() => said != null, "an answer", seconds);
            return said!;
        }

        public void Dispose() => thread.Join(1000);
    }
}
