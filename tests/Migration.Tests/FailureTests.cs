using System;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Migration.Tests;

/// <summary>A migration that fails at any stage leaves the guest where it is, with its connections, and says why.</summary>
public sealed class FailureTests : IDisposable
{
    private readonly Space space = new();
    private Guest? guest;

    public void Dispose()
    {
        guest?.Dispose();
        space.Dispose();
    }

    /// <summary>One guest has all failures, one after the other, and in the end it moves after all.</summary>
    [RootTheory, Monitors]
    public void The_guest_stays_says_why_and_can_still_move(string monitor)
    {
        guest = new Guest(space, monitor);
        Assert.EndsWith("exit 1", guest.Migrate("nonsense"), StringComparison.Ordinal);
        Expect(2, "nobody listens there.", guest.Migrate(Space.Host + ":9"));
        Expect(2, "nobody answers.", guest.Migrate("10.0.0.77"));
        using (new FakeDestination(space, (_, _) => { }))
            Expect(3, "its file cannot be opened.", guest.Migrate("--loader", "/lib/none", Space.Host));

        Fails(4, "The loader is not the one that the boot token permits.", (_, _) => { }, UploadRefusal.WrongHash);
        Fails(7, "the destination closed it", (_, socket) => socket.Dispose());
        Fails(7, "the destination closed it", (_, socket) => FakeDestination.Reset(socket));
        Fails(7, "the destination closed it", (_, socket) => { FakeDestination.ReadRecords(socket, 1000); FakeDestination.Reset(socket); });
        Fails(6, "the guest needs 64 MiB, the destination has 32 MiB.", (fake, socket) =>
        {
            FakeDestination.ReadRecords(socket, 0);
            FakeDestination.Say(socket, HandOverKind.Refused, CheckpointRefusal.NotEnoughMemory, 32 << 8);
            fake.WatchForCommit(socket);
        });
        Fails(6, "The hash in the trailer is wrong.", (fake, socket) =>
        {
            FakeDestination.ReadAll(socket);
            FakeDestination.Say(socket, HandOverKind.Refused, CheckpointRefusal.WrongHash);
            fake.WatchForCommit(socket);
        });
        Fails(7, "the destination closed it", (_, socket) => { FakeDestination.ReadAll(socket); FakeDestination.Reset(socket); });
        Fails(6, "its answer makes no sense.", (fake, socket) =>
        {
            FakeDestination.ReadAll(socket);
            FakeDestination.Say(socket, HandOverKind.Running);
            fake.WatchForCommit(socket);
        });
        Fails(6, "it confirms a checkpoint that it cannot have.", (fake, socket) =>
        {
            FakeDestination.ReadRecords(socket, 10);
            FakeDestination.Say(socket, HandOverKind.Verified);
            fake.WatchForCommit(socket);
        });

        var destination = new Machine(space, monitor, Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.20");
        using Machine source = guest.Source;
        guest.Source = destination;
        string said = guest.Migrate("--checksum", destination.Boot);
        Assert.Contains("we have arrived", said, StringComparison.Ordinal);
        Assert.True(source.HasEnded(5000), "the source goes on running");
        guest.Hear(100);
    }

    /// <summary>A destination that takes nothing, or says nothing, for ever: left after the time that it is borne, which is 10 s unless it is given.</summary>
    [RootTheory]
    [InlineData("the destination takes nothing any more.", 2, "--patience", "2")]
    [InlineData("the destination does not say whether it has the checkpoint.", 10)]
    public void Silence_ends_too(string reason, int seconds, params string[] options)
    {
        guest = new Guest(space, "domain");
        var silent = new FakeDestination(space, (fake, socket) =>
        {
            if (options is [])
                FakeDestination.ReadAll(socket);
            else
                FakeDestination.ReadRecords(socket, 100);
            fake.BeSilent(socket);
        });
        using (silent)
        {
            var time = Stopwatch.StartNew();
            Expect(7, reason, guest.Migrate([.. options, FakeDestination.Address]));
            Assert.InRange(time.Elapsed.TotalSeconds, seconds, 20);
        }
        Assert.True(silent.HasHungUp && !silent.Committed, "the guest keeps its connection");
        guest.Hear(30);
    }

    /// <summary>A verdict a byte at a time, in the largest record there is: the guest stands still only as long as it bears a silence.</summary>
    [RootTheory]
    [InlineData("domain")]
    public void A_destination_that_speaks_too_slowly_is_left(string monitor)
    {
        guest = new Guest(space, monitor);
        using var slow = new FakeDestination(space, (_, socket) =>
        {
            FakeDestination.ReadAll(socket);
            byte[] length = new byte[SecureChannel.LengthSize];
            Bytes.PutLe16(length, 0, SecureChannel.MaxText + SecureChannel.TagSize);
            socket.Socket.Send(length);
            for (int i = 0; i < 30; i++)
            {
                Thread.Sleep(1000);
                socket.Socket.Send([0]);
            }
        });
        var time = Stopwatch.StartNew();
        Expect(7, "the destination closed it before it had the checkpoint", guest.Migrate("--patience", "3", FakeDestination.Address));
        Assert.InRange(time.Elapsed.TotalSeconds, 2, 20);
        guest.Hear(30);
    }

    /// <summary>
    /// Datagrams for ports that nobody has, while the guest is frozen: one with a wrong checksum is dropped when it is delivered after all, one
    /// whose checksum the sender's kernel left to the device is answered.
    /// </summary>
    [RootTheory, Monitors]
    public void Damaged_frames_of_the_freeze_are_dropped(string monitor)
    {
        const int Damaged = 9998, Whole = 9999, MaxPacket = 1500;
        guest = new Guest(space, monitor);
        using Socket answers = space.Open(SocketType.Raw, ProtocolType.Icmp);
        using Socket raw = space.Open(SocketType.Raw, ProtocolType.Udp), usual = space.Open(SocketType.Dgram, ProtocolType.Udp);
        byte[] datagram = new byte[8 + 32];
        Bytes.PutBe16(datagram, 0, 1000);
        Bytes.PutBe16(datagram, 2, Damaged);
        Bytes.PutBe16(datagram, 4, (ushort)datagram.Length);
        Bytes.PutBe16(datagram, 6, 0x1234);
        Fails(7, "the destination closed it", (_, socket) =>
        {
            FakeDestination.ReadAll(socket);
            raw.SendTo(datagram, new IPEndPoint(IPAddress.Parse(Guest.Address), 0));
            usual.SendTo(new byte[32], new IPEndPoint(IPAddress.Parse(Guest.Address), Whole));
            Thread.Sleep(100);
            FakeDestination.Reset(socket);
        });
        // IPv4, ICMP, and in it the IPv4 and UDP headers of what it is about.
        byte[] answer = new byte[MaxPacket];
        int port;
        do
        {
            Assert.True(answers.Poll(5_000_000, SelectMode.SelectRead), "the whole datagram is never answered");
            answers.Receive(answer);
            port = answer[20] == 3 ? answer[50] << 8 | answer[51] : 0;
            Assert.NotEqual(Damaged, port);
        }
        while (port != Whole);
        // The damaged one came first.
        Assert.False(answers.Poll(100_000, SelectMode.SelectRead), "a damaged datagram is answered");
    }

    /// <summary>A real destination whose machine is killed among the first pages, or among later ones.</summary>
    [RootTheory]
    [InlineData(256 << 10)]
    [InlineData(2 << 20)]
    public void The_destination_is_killed_while_it_receives(int bytes)
    {
        guest = new Guest(space, "domain");
        using var destination = new Machine(space, "domain", Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.21");
        Task killer = Task.Run(() =>
        {
            destination.Await("accepted a loader");
            Wait.Until(() => destination.BytesReceived >= bytes, () => $"it has received only {destination.BytesReceived} bytes");
            destination.Kill();
        });
        string said = guest.Migrate("--rate", "20", "--patience", "3", destination.Boot);
        Assert.True(killer.IsCompletedSuccessfully, $"not killed: {killer.Exception}");
        Expect(7, "takes nothing any more", said);
        guest.Hear(100);
    }

    /// <summary>Memory that changes faster than it may be sent: the move is given up in time, and without a time it ends well.</summary>
    [RootTheory]
    [InlineData("domain")]
    public void A_move_that_does_not_come_to_its_snapshot_is_given_up_when_it_shall_be(string monitor)
    {
        guest = new Guest(space, monitor);
        guest.Load("rewrite", 2000);
        var destination = new Machine(space, monitor, Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.24");
        var time = Stopwatch.StartNew();
        const string TooLate = "The snapshot did not come in time: the machine changes its memory faster than it can be sent";
        Expect(8, TooLate, guest.Migrate("--rate", "50", "--give-up", "2", destination.Boot));
        Assert.InRange(time.Elapsed.TotalSeconds, 2, 20);
        guest.Hear(50);
        guest.CheckLoads();
        using Machine source = guest.Source;
        guest.Source = destination;
        Assert.Contains("we have arrived", guest.Migrate("--rate", "50", destination.Boot), StringComparison.Ordinal);
        Assert.True(source.HasEnded(5000), "the source goes on running");
        guest.Hear(50);
        guest.CheckLoads();
    }

    /// <summary>Files have taken all memory that a user may have for them: what a move needs is there all the same, and no byte of them is lost.</summary>
    [RootFact]
    public void A_guest_that_is_full_of_files_moves()
    {
        guest = new Guest(space, "domain");
        guest.Load("brim", 1000);
        var destination = new Machine(space, "domain", Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.30");
        using Machine source = guest.Source;
        guest.Source = destination;
        Assert.EndsWith("exit 0", guest.Migrate("--checksum", destination.Boot), StringComparison.Ordinal);
        guest.CheckLoads();
        guest.Hear(20);
    }

    /// <summary>A real destination that is too small.</summary>
    [RootTheory, Monitors]
    public void A_machine_with_less_memory_refuses(string monitor)
    {
        guest = new Guest(space, "domain");
        using var small = new Machine(space, monitor, Repository.ReadImage("loader-checkpoint"), memory: 48, boot: "10.0.0.22");
        Expect(6, "the guest needs 64 MiB, the destination has 48 MiB.", guest.Migrate(small.Boot));
        guest.Hear(50);
    }

    /// <summary>A real destination whose token is for other guests: the node would drop every packet of this one.</summary>
    [RootTheory, Monitors]
    public void A_machine_for_others_refuses(string monitor)
    {
        guest = new Guest(space, "domain");
        using (var foreign = new Machine(space, monitor, Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.22", guests: "10.0.0.30,10.0.0.31"))
            Expect(6, "The receiving machine's token does not name the guest's address.", guest.Migrate(foreign.Boot));
        guest.Hear(50);
        var second = new Machine(space, monitor, Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.23", guests: "10.0.0.30,10.0.0.3");
        using Machine source = guest.Source;
        guest.Source = second;
        Assert.Contains("we have arrived", guest.Migrate(second.Boot), StringComparison.Ordinal);
        guest.Hear(50);
    }

    /// <summary>
    /// A program begins to use LZCNT, which the header has not asked the destination for: the kernel gives no snapshot, and that is the reason which is told. The next move
    /// asks, and is made.
    /// </summary>
    [RootFact]
    public void What_a_program_begins_to_use_during_a_move_ends_it_and_is_the_reason()
    {
        guest = new Guest(space, "domain");
        guest.Load("extend", 1);
        using ManualResetEventSlim isUnderWay = new(), isUsed = new();
        using (var fake = new FakeDestination(space, (_, socket) =>
        {
            FakeDestination.ReadRecords(socket, 10);
            isUnderWay.Set();
            isUsed.Wait(60_000);
            byte[] rest = new byte[64 * 1024];
            while (socket.Socket.Receive(rest) > 0) { }
        }))
        {
            Task<string> said = Task.Run(() => guest.Migrate("--patience", "60", FakeDestination.Address));
            Assert.True(isUnderWay.Wait(60_000), "the move does not begin");
            guest.CheckLoads();
            isUsed.Set();
            Expect(5, "migrate: The kernel gives no checkpoint: a program has begun to use of the processor what the destination was not asked for", said.Result);
            Assert.False(fake.Committed, "a migration that failed was committed");
        }
        guest.Hear(30);
        var destination = new Machine(space, "domain", Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.25");
        using Machine source = guest.Source;
        guest.Source = destination;
        Assert.Contains("we have arrived", guest.Migrate(destination.Boot), StringComparison.Ordinal);
        Assert.True(source.HasEnded(5000), "the source goes on running");
        guest.CheckLoads();
        guest.Hear(30);
    }

    private void Fails(int exit, string reason, Action<FakeDestination, SecureSocket> behave, UploadRefusal answer = UploadRefusal.None)
    {
        using var fake = new FakeDestination(space, behave, answer);
        Expect(exit, reason, guest!.Migrate(FakeDestination.Address));
        Assert.False(fake.Committed, "a migration that failed was committed");
        // The connection that has been open since the boot goes on, and new ones are taken.
        guest.Hear(30);
    }

    private static void Expect(int exit, string reason, string said)
    {
        Assert.Contains(reason, said, StringComparison.Ordinal);
        Assert.EndsWith($"exit {exit}", said, StringComparison.Ordinal);
    }
}
