using System;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;
using Xunit.Abstractions;

namespace Migration.Tests;

/// <summary>The guest moves itself, and its client notices nothing but a pause.</summary>
public sealed class MoveTests(ITestOutputHelper output)
{
    [RootTheory]
    [InlineData("domain", "domain")]
    [InlineData("domain", "qemu")]
    [InlineData("qemu", "domain")]
    [InlineData("qemu", "qemu")]
    public void Every_connection_survives_there_and_back(string first, string second)
    {
        using var space = new Space();
        using var guest = new Guest(space, first);
        for (int move = 0; move < 4; move++)
            Move(guest, move % 2 == 0 ? second : first, move);
    }

    /// <summary>Thesis §6.6.4: every page is hashed at the instant of the fork, and the receiver finds the same.</summary>
    [RootTheory]
    [InlineData("--checksum")]
    [InlineData("--verify")]
    [InlineData("--checksum", "--rate", "400")]
    public void The_checkpoint_is_what_memory_was_at_the_fork(params string[] options)
    {
        using var space = new Space();
        using var guest = new Guest(space, "domain");
        for (int move = 0; move < 3; move++)
            Move(guest, move == 1 ? "qemu" : "domain", move, options);
    }

    /// <summary>Free frames that lie one by one: each that the kernel takes for the move changes descriptors in other pages.</summary>
    [RootTheory]
    [InlineData("scatter", 98, 128, 2)]
    [InlineData("files", 26000, 512, 1)]
    public void A_scattered_free_list_moves(string kind, int amount, int memory, int moves)
    {
        using var space = new Space();
        using var guest = new Guest(space, "domain", memory);
        guest.Load(kind, amount);
        for (int move = 0; move < moves; move++)
        {
            Move(guest, "domain", move, "--checksum");
            guest.CheckLoads();
        }
    }

    /// <summary>Page tables that take more than what they map, and of which half go and come anew between two moves.</summary>
    [RootTheory, InlineData(1200)]
    public void Sparse_memory_moves(int pages)
    {
        using var space = new Space();
        using var guest = new Guest(space, "domain");
        guest.Load("sparse", pages);
        for (int move = 0; move < 2; move++)
        {
            Move(guest, "domain", move, "--checksum");
            guest.CheckLoads();
        }
    }

    /// <summary>Processes that write faster than the network takes it are slowed until the move succeeds; a server beside them is not.</summary>
    [RootTheory]
    [InlineData("write", 3000, 64)]
    [InlineData("rewrite", 4000, 256)]
    public void Who_writes_much_is_slowed_alone(string kind, int pages, int memory)
    {
        using var space = new Space();
        using var guest = new Guest(space, "domain", memory);
        guest.Load(kind, pages);
        guest.Load("touch", 16);
        long before = guest.Passes(0);
        for (int move = 0; move < 3; move++)
        {
            guest.LongestSilence();
            Move(guest, "domain", move, "--checksum");
            TimeSpan silence = guest.LongestSilence();
            Assert.True(silence < TimeSpan.FromSeconds(2), $"a server was silent for {silence.TotalMilliseconds} ms");
            output.WriteLine($"{kind} {pages} in {memory} MiB: silent for {silence.TotalMilliseconds:0} ms");
            guest.CheckLoads();
        }
        Assert.True(guest.Passes(0) > before, "the writer has stopped");
    }

    /// <summary>
    /// All of memory is protected from writing before the first page is sent, a piece at a time: who only waits is held up by a piece and not by the whole,
    /// which takes a guest of this size some 50 ms. The best of several tries counts, since others use this processor too.
    /// </summary>
    [RootTheory, InlineData(3000)]
    public void Who_waits_is_held_up_by_pieces(int memory)
    {
        using var space = new Space();
        using var guest = new Guest(space, "domain", memory);
        guest.Load("wait", 0);
        // The same programs without a move: nobody listens there.
        TimeSpan without = Best(() => guest.Migrate(Space.Host + ":9"), "exit 2"), with = Best(() =>
        {
            using var leaving = new FakeDestination(space, (_, socket) => { FakeDestination.ReadRecords(socket, 1000); FakeDestination.Reset(socket); });
            return guest.Migrate(FakeDestination.Address);
        }, "exit 7");
        string said = $"{memory} MiB: held up for {with.TotalMilliseconds:0.0} ms in a move's first round, {without.TotalMilliseconds:0.0} ms without a move";
        output.WriteLine(said);
        Assert.True(with < without * 3 + TimeSpan.FromMilliseconds(10), said);

        TimeSpan Best(Func<string> migrate, string exit)
        {
            TimeSpan best = TimeSpan.MaxValue;
            for (int tries = 0; tries < 3; tries++)
            {
                guest.LongestWait(0);
                Assert.EndsWith(exit, migrate(), StringComparison.Ordinal);
                TimeSpan longest = guest.LongestWait(0);
                best = longest < best ? longest : best;
            }
            return best;
        }
    }

    /// <summary>The time that a guest stands still is part of its time: its clocks neither lose it nor jump.</summary>
    [RootTheory, InlineData(7)]
    public void The_clocks_go_on(int moves)
    {
        using var space = new Space();
        using var guest = new Guest(space, "domain");
        guest.Load("clock", 0);
        (TimeSpan wall, TimeSpan monotonic) = guest.ClockOffsets(0);
        TimeSpan most = TimeSpan.FromMilliseconds(50);
        for (int move = 0; move < moves; move++)
        {
            Move(guest, move % 3 == 1 ? "qemu" : "domain", move);
            (TimeSpan wallThen, TimeSpan monotonicThen) = guest.ClockOffsets(0);
            TimeSpan wallError = wallThen - wall, monotonicError = monotonicThen - monotonic;
            string lost = $"after {move + 1} moves the wall clock is off by {wallError.TotalMilliseconds} ms, "
                + $"the monotonic one by {monotonicError.TotalMilliseconds} ms";
            output.WriteLine(lost);
            Assert.True(wallError.Duration() < most && monotonicError.Duration() < most, lost);
        }
    }

    internal static void Move(Guest guest, string monitor, int number, params string[] options)
    {
        var destination = new Machine(guest.Space, monitor, Repository.ReadImage("loader-checkpoint"), guest.Memory, $"10.0.0.{10 + number}");
        Machine source = guest.Source;
        try
        {
            string said = guest.Migrate([.. options, destination.Boot]);
            guest.Source = destination;
            Assert.Contains("migrate: we have arrived, ", said, StringComparison.Ordinal);
            Assert.EndsWith("exit 0", said, StringComparison.Ordinal);
            Assert.True(source.HasEnded(5000), "the source goes on running");
            guest.Hear(50);
        }
        finally
        {
            (guest.Source == destination ? source : destination).Dispose();
        }
    }
}
