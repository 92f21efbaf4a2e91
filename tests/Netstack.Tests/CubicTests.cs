using System;
using System.Collections.Generic;
using Xunit;

namespace Netstack.Tests;

/// <summary>CUBIC beside the formulas of RFC 9438, in floating point.</summary>
public sealed unsafe class CubicTests
{
    private const double C = 0.4, Beta = 0.7;
    private const uint A = 0x0a000001, B = 0x0a000002;

    public static TheoryData<int, double, double> Windows
    {
        get
        {
            TheoryData<int, double, double> data = [];
            foreach (int segment in new[] { 536, 1448, 8948 })
            {
                foreach (double maximum in new[] { 10, 80, 700, 5000 })
                    data.Add(segment, maximum, maximum * Beta);
                data.Add(segment, 100, 100);
            }
            return data;
        }
    }

    /// <summary>K and W_cubic(t) (RFC 9438 §4.2), to a segment and a hundredth.</summary>
    [Theory, MemberData(nameof(Windows))]
    public void TheCurveIsTheRfcs(int segment, double maximum, double atEpoch)
    {
        Connection c = default;
        c.SegmentSize = (ushort)segment;
        c.CubicMaximum = (uint)(maximum * segment);
        uint window = (uint)(atEpoch * segment);
        c.CubicPeriod = TcpCubic.Period(c.CubicMaximum - window, c.SegmentSize);
        double k = Math.Cbrt((maximum - atEpoch) / C);
        Assert.InRange(c.CubicPeriod, k * 1000 - 3, k * 1000 + 1);
        for (ulong t = 0; t < 40_000; t += 250)
        {
            double expected = (C * Math.Pow((t / 1000.0) - k, 3)) + maximum;
            expected = Math.Min(expected * segment, TcpCongestion.MaxWindow);
            double got = TcpCubic.WindowAt(&c, t);
            Assert.InRange(got, expected - segment - (expected / 100), expected + segment + (expected / 100));
        }
    }

    public static TheoryData<double, double> Paths => new()
    {
        { 0.001, 100 }, { 0.01, 60 }, { 0.1, 200 }, { 0.2, 1000 },
    };

    /// <summary>
    /// After a reduction, one acknowledgement a segment: the window follows the model of §4.2 to §4.5, the Reno-friendly
    /// region (§4.3) among it.
    /// </summary>
    [Theory, MemberData(nameof(Paths))]
    public void TheWindowGrowsAsInTheRfc(double roundTrip, double maximum)
    {
        const int Segment = 1448;
        Connection c = default;
        c.SegmentSize = Segment;
        c.SmoothedRoundTrip = (ulong)(roundTrip * 1e9);
        c.CongestionWindow = (uint)(maximum * Segment);
        TcpCubic.OnReduction(&c);
        c.CongestionWindow = TcpCubic.Reduced(c.CongestionWindow);
        double window = maximum * Beta, epoch = window, estimate = window, now = 1;
        double k = Math.Cbrt((maximum - epoch) / C);
        int friendly = 0, cubic = 0;
        for (int rounds = 0; now < 31 && rounds < 1200; rounds++)
        {
            int segments = (int)window;
            for (int i = 0; i < segments; i++)
            {
                double t = now - 1;
                estimate += (estimate >= maximum ? 1 : 3 * (1 - Beta) / (1 + Beta)) / window;
                double curve = (C * Math.Pow(t - k, 3)) + maximum;
                double target = Math.Clamp((C * Math.Pow(t + roundTrip - k, 3)) + maximum, window, 1.5 * window);
                bool isFriendly = curve < estimate;
                window = isFriendly ? Math.Max(window, estimate) : window + ((target - window) / window);
                _ = isFriendly ? friendly++ : cubic++;
                TcpCubic.Grow(&c, Segment, (ulong)(now * 1e9));
                now += roundTrip / segments;
            }
            double got = c.CongestionWindow / (double)Segment;
            Assert.InRange(got, (window * 0.97) - 1, (window * 1.03) + 1);
        }
        Assert.True(roundTrip < 0.05 ? friendly > 0 : cubic > friendly, $"{friendly} in the Reno-friendly region, {cubic} on the curve");
    }

    [Fact]
    public void WhoGivesWayTwiceLeavesRoom()
    {
        Connection c = default;
        c.SegmentSize = 1000;
        c.CongestionWindow = 100_000;
        TcpCubic.OnReduction(&c);
        Assert.Equal(100_000u, c.CubicMaximum);
        c.CongestionWindow = TcpCubic.Reduced(c.CongestionWindow);
        Assert.Equal(70_000u, c.CongestionWindow);
        TcpCubic.OnReduction(&c);
        Assert.Equal((uint)(70_000 * (1 + Beta) / 2), c.CubicMaximum);
    }

    /// <summary>Time in which the window was not in use is none of the curve's (§5.8), and after idleness it starts small.</summary>
    [Fact]
    public void IdleTimeDoesNotGrowTheWindow()
    {
        Connection c = default;
        c.SegmentSize = 1448;
        c.SmoothedRoundTrip = 50_000_000;
        c.CongestionWindow = 300 * 1448;
        TcpCubic.OnReduction(&c);
        c.CongestionWindow = TcpCubic.Reduced(c.CongestionWindow);
        TcpCubic.Grow(&c, 1448, 1_000_000_000);
        TcpCubic.Pass(&c, 60_000_000_000, 61_000_000_000);
        uint before = c.CongestionWindow;
        TcpCubic.Grow(&c, 1448, 61_000_000_000);
        Assert.InRange(c.CongestionWindow, before, before + 1448);

        using TwoHosts pair = new(new FaultRates(Delay: 5_000_000), 1, A, B);
        (int atA, int atB) = pair.Connect();
        Send(pair, atA, atB, 400_000);
        Assert.True(WindowOf(pair.A, atA) > 14600);
        pair.Pass(5);
        pair.A.Stack->Send(atA, new byte[1], pair.Now);
        Assert.Equal(14480u, WindowOf(pair.A, atA));
    }

    /// <summary>
    /// Four flows that begin one after the other share a line of 20 Mbit/s: Jain's index of what each has in the second
    /// half is at least 0.8, and the line is full.
    /// </summary>
    [Fact]
    public void FlowsConvergeToEqualShares()
    {
        const int Flows = 4, Line = 10_000_000;
        const double Half = 12;
        using TwoHosts pair = new(new FaultRates(Delay: 10_000_000, BitsPerSecond: Line, QueueBytes: 65536), 3, A, B);
        long[] received = new long[Flows];
        byte[] buffer = new byte[65536];
        for (int i = 0; i < Flows; i++)
        {
            (int atA, int atB) = pair.Connect((ushort)(80 + i));
            int flow = i;
            pair.Programs.Add(now =>
            {
                while (pair.A.Stack->Send(atA, buffer, now) > 0)
                {
                }
                for (int got; (got = pair.B.Stack->Receive(atB, buffer, now)) > 0;)
                    received[flow] += got;
            });
            pair.Pass(0.5);
        }
        pair.Pass(Half);
        Array.Clear(received);
        pair.Pass(Half);
        double sum = 0, squares = 0;
        foreach (long bytes in received)
        {
            sum += bytes;
            squares += (double)bytes * bytes;
        }
        Assert.InRange(sum * sum / (Flows * squares), 0.8, 1.0);
        Assert.InRange(sum * 8 / Half, Line * 0.85, Line);
        HostileTests.CheckTables(pair.A.Stack);
    }

    private static void Send(TwoHosts pair, int atA, int atB, int bytes)
    {
        byte[] buffer = new byte[65536];
        int sent = 0, received = 0;
        pair.Programs.Add(now =>
        {
            int taken = pair.A.Stack->Send(atA, buffer.AsSpan(0, Math.Min(buffer.Length, bytes - sent)), now);
            sent += Math.Max(taken, 0);
            received += Math.Max(pair.B.Stack->Receive(atB, buffer, now), 0);
        });
        pair.Run(() => received == bytes, 60, "everything arrives");
        pair.Programs.Clear();
    }

    private static uint WindowOf(Host host, int socket)
    {
        Assert.Equal(0, host.Stack->GetInformation(socket, out ConnectionInformation information));
        return information.CongestionWindow;
    }
}
