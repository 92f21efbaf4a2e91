using System;
using System.Collections.Generic;
using Xunit;
using Xunit.Abstractions;

namespace Netstack.Tests;

/// <summary>
/// What a line that is long, or loses frames, costs a stream, in the clock of the line and in segments: neither depends on how busy the processor is. A move goes over
/// such lines (Migration.Tests/LongWireTests).
/// </summary>
public sealed unsafe class LongLineTests(ITestOutputHelper output)
{
    private const uint A = 0x0a000001, B = 0x0a000002;
    private const long Bytes = 8_000_000;
    private const int Segment = 1448;

    /// <summary>What the stream has cost.</summary>
    /// <param name="Seconds">From the first byte to the last.</param>
    /// <param name="Silence">The longest time without a byte that could be read, in seconds.</param>
    /// <param name="Segments">With data; <paramref name="Again"/> of them had been sent before.</param>
    /// <param name="Lost">Segments that did not get through.</param>
    private sealed record Cost(double Seconds, double Silence, int Segments, int Again, int Lost);

    public static TheoryData<int, double, int, int> Lines
    {
        get
        {
            TheoryData<int, double, int, int> data = [];
            foreach ((int milliseconds, double loss, int megabits) in new[] { (25, 0, 0), (1, 0.01, 0), (25, 0.01, 100), (50, 0.01, 100) })
            {
                for (int seed = 1; seed <= (loss > 0 ? 4 : 1); seed++)
                    data.Add(milliseconds, loss, megabits, seed);
            }
            return data;
        }
    }

    /// <summary>
    /// Each segment that is lost is sent again, and no other. The reader waits for one at most as long as it takes to be noticed and to come again, which may be lost once more: the
    /// retransmission timer is not waited for. And all of it takes no longer than the rate that the loss allows, sqrt(3/2) segments in a round trip over the root of the
    /// loss (RFC 5348 §3.1, without its timeouts), or the line.
    /// </summary>
    /// <param name="milliseconds">Each way.</param>
    /// <param name="megabits">In a second, 0 for a line that takes any number of them.</param>
    [Theory, MemberData(nameof(Lines))]
    public void WhatIsLostIsSentAgainAndNothingElse(int milliseconds, double loss, int megabits, int seed)
    {
        // The queue before the line holds 100 ms of it.
        Cost cost = Stream(new FaultRates(Loss: loss, Delay: (ulong)milliseconds * 1_000_000, BitsPerSecond: megabits * 1_000_000L, QueueBytes: megabits * 12_500), seed);
        output.WriteLine($"{cost}");
        double roundTrip = 2e-3 * milliseconds;
        Assert.Equal(cost.Lost, cost.Again);
        Assert.True(loss == 0 || cost.Lost > 20, $"{cost}: hardly anything was lost");
        Assert.InRange(cost.Silence, roundTrip / 2, 3.1 * roundTrip);
        double allowed = Segment * Math.Sqrt(1.5 / Math.Max(loss, 1e-5)) / roundTrip;
        Assert.InRange(cost.Seconds, 0, 1.3 * Bytes / Math.Min(allowed, 5e6));
    }

    private static Cost Stream(FaultRates rates, int seed)
    {
        using TwoHosts pair = new(rates, seed, A, B, configuration =>
        {
            configuration.SendBuffer = 262144;
            configuration.ReceiveBuffer = 1 << 21;
            return configuration;
        });
        (int atA, int atB) = pair.Connect();
        HashSet<uint> sequences = [];
        int segments = 0, again = 0;
        pair.Inspect = (isFromA, frame) =>
        {
            int header = 14 + (frame[14] & 15) * 4;
            if (!isFromA || frame.Length <= header + (frame[header + 12] >> 4) * 4)
                return true;
            segments++;
            again += sequences.Add(Wire.Bytes.Be32(frame, header + 4)) ? 0 : 1;
            return true;
        };
        Streamer a = new(pair.A, atA, Bytes), b = new(pair.B, atB, 0);
        pair.Programs.Add(a.Step);
        pair.Programs.Add(b.Step);
        ulong begin = pair.Now, last = begin, silence = 0;
        long come = 0;
        pair.Run(() =>
        {
            if (b.Received > come)
            {
                (come, silence, last) = (b.Received, Math.Max(silence, pair.Now - last), pair.Now);
            }
            return come == Bytes || a.Error != 0 || b.Error != 0;
        }, 600, "all arrives");
        Assert.Equal((0, 0, -1L), (a.Error, b.Error, b.WrongAt));
        return new Cost((pair.Now - begin) / 1e9, silence / 1e9, segments, again, pair.ToB.Lost + pair.ToB.Overflowed);
    }
}
