using System;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Testing;
using Testing.Machines;
using Testing.Wires;
using Xunit;
using Xunit.Abstractions;

namespace Migration.Tests;

/// <summary>A guest that moves over wires that are long, or lose frames: what its client bears, beside what the wire itself and the kernel's TCP on it cost.</summary>
public sealed class LongWireTests(ITestOutputHelper output)
{
    /// <summary>The best of them counts, since others use this processor too.</summary>
    private const int Moves = 2;

    private MoveTally tally = new();

    /// <summary>
    /// From the fork to the first answer a word crosses the line four times: the last of the memory, VERIFIED, COMMIT, and the answer. That is two round trips, as
    /// the client has them without a move; what a move takes on a line without delay comes on top of it, and nothing else.
    /// </summary>
    [RootTheory]
    [InlineData(25)]
    public void A_long_line_is_crossed_four_times_while_the_guest_is_silent(int milliseconds)
    {
        TimeSpan crossing = TimeSpan.FromMilliseconds(milliseconds);
        using var space = new Space();
        using var guest = new Guest(space, "domain");
        using var wire = new LongWire(space, 1, new FaultRates(Delay: 0), tally.Note);
        TimeSpan alone = Silences(guest, 1)[0];
        wire.Become(new FaultRates(Delay: (ulong)crossing.TotalNanoseconds));
        TimeSpan still = Still(guest);
        TimeSpan[] silences = Silences(guest, Moves);
        string said = $"{milliseconds} ms each way: silent for {Text(silences)}, {still.TotalMilliseconds:0} ms without a move, {alone.TotalMilliseconds:0} ms in one without the delay";
        output.WriteLine(said);
        Assert.True(still >= 2 * crossing, "the line is shorter than it shall be: " + said);
        Assert.True(silences.Min() < 2 * still + 2 * alone + crossing, said);
    }

    /// <summary>Where frames are lost a client waits for its own TCP now and then, and a move makes it wait no longer than that.</summary>
    [RootTheory]
    [InlineData(0.01)]
    public void On_a_line_that_loses_frames_the_client_waits_as_it_does_without_a_move(double loss)
    {
        using var space = new Space();
        using var guest = new Guest(space, "domain");
        using var wire = new LongWire(space, 2, new FaultRates(Delay: 0), tally.Note);
        TimeSpan alone = Silences(guest, 1)[0];
        wire.Become(new FaultRates(Delay: 0, Loss: loss));
        TimeSpan still = Still(guest);
        TimeSpan[] silences = Silences(guest, Moves);
        string said = $"{loss * 100} % lost: silent for {Text(silences)}, {still.TotalMilliseconds:0} ms without a move, {alone.TotalMilliseconds:0} ms in one without loss; {wire}";
        output.WriteLine(said);
        Assert.True(still > TimeSpan.FromMilliseconds(100), "nothing was lost: " + said);
        Assert.True(silences.Min() < still + 2 * alone + TimeSpan.FromMilliseconds(50), said);
    }

    /// <summary>
    /// All of it at once: 10 ms each way, 1 % lost, and 100 Mbit/s with a queue of 100 ms. Whatever is lost is sent again, and not much else. At the rate that such a loss allows
    /// a move takes some 25 s, and a minute on a line of 25 ms: how long that is, is told by Netstack.Tests/LongLineTests, by a clock that is the line's.
    /// </summary>
    [RootFact]
    public void On_a_long_narrow_line_that_loses_frames_a_move_sends_again_what_was_lost()
    {
        var rates = new FaultRates(Delay: 10_000_000, Loss: 0.01, BitsPerSecond: 100_000_000, QueueBytes: 1_250_000);
        using var space = new Space();
        using var guest = new Guest(space, "domain");
        using var wire = new LongWire(space, 3, new FaultRates(Delay: 0), tally.Note);
        TimeSpan alone = Silences(guest, 1)[0];
        wire.Become(rates);
        TimeSpan still = Still(guest);
        int before = wire.Out.Lost + wire.Out.Overflowed + wire.Back.Lost + wire.Back.Overflowed;
        TimeSpan silence = Silences(guest, 1)[0];
        int lost = wire.Out.Lost + wire.Out.Overflowed + wire.Back.Lost + wire.Back.Overflowed - before;
        string said = $"silent for {silence.TotalMilliseconds:0} ms, {still.TotalMilliseconds:0} ms without a move, {alone.TotalMilliseconds:0} ms in one on an ordinary line; {tally}, {lost} lost; {wire}";
        output.WriteLine(said);
        Assert.True(lost > 0 && tally.Segments > 1000, "this is not what it is about: " + said);
        Assert.True(tally.Again <= 2 * lost + 10, said);
    }

    /// <summary>
    /// The destination's last word, which nobody is left to send again, is on the line three times: the machine that the guest has left ends though two are lost.
    /// </summary>
    [RootFact]
    public void Two_lost_copies_of_the_last_word_leave_no_machine_behind()
    {
        tally = new MoveTally { LostCopies = 2 };
        using var space = new Space();
        using var guest = new Guest(space, "domain");
        using var wire = new LongWire(space, 4, new FaultRates(Delay: 0), tally.Note);
        Silences(guest, 1);
        Assert.True(tally.Again >= 2, $"{tally}");
    }

    /// <summary>The longest silence that the client of a guest at the far end bears in three seconds without a move.</summary>
    private static TimeSpan Still(Guest guest)
    {
        guest.LongestSilence();
        Thread.Sleep(3000);
        return guest.LongestSilence();
    }

    private static string Text(TimeSpan[] values) => string.Join(", ", values.Select(value => $"{value.TotalMilliseconds:0} ms"));

    /// <summary>The guest goes to the other end of the line, so often: the longest silence that its client bears in each move.</summary>
    private TimeSpan[] Silences(Guest guest, int moves)
    {
        var silences = new TimeSpan[moves];
        for (int move = 0; move < moves; move++)
        {
            guest.Space.Bridge = guest.Space.Bridge == Space.Near ? LongWire.Far : Space.Near;
            var destination = new Machine(guest.Space, "domain", Repository.ReadImage("loader-checkpoint"), guest.Memory, $"10.0.0.{10 + hosts++}");
            Machine source = guest.Source;
            try
            {
                guest.LongestSilence();
                tally.Clear();
                var clock = Stopwatch.StartNew();
                string said = guest.Migrate(destination.Boot);
                guest.Source = destination;
                Assert.EndsWith("exit 0", said, StringComparison.Ordinal);
                Assert.True(source.HasEnded(5000), "the source goes on running");
                // Were anything else waited for, there would be more turns.
                Assert.True(tally.Turns == MoveTally.LastTurn, $"{tally}");
                guest.Hear(5);
                silences[move] = guest.LongestSilence();
                output.WriteLine($"{clock.Elapsed.TotalMilliseconds:0} ms, {destination.BytesReceived >> 10} KiB, silent for {silences[move].TotalMilliseconds:0} ms; {tally}");
            }
            finally
            {
                (guest.Source == destination ? source : destination).Dispose();
            }
        }
        return silences;
    }

    private int hosts;
}
