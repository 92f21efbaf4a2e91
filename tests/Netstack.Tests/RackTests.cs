using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Netstack.Tests;

/// <summary>RACK-TLP (RFC 8985), DSACK (RFC 2883), and the scoreboard under them.</summary>
public sealed unsafe class RackTests
{
    private const uint A = 0x0a000001, B = 0x0a000002;

    private static TcpHeader HeaderOf(byte[] frame)
    {
        Assert.True(TcpHeader.TryParse(frame.AsSpan(34), out TcpHeader header));
        return header;
    }

    private static bool IsData(bool fromA, byte[] frame) => fromA && frame.Length > 500 && frame[12] == 8 && frame[13] == 0 && frame[23] == 6;

    private static Connection* ConnectionOf(Host host, int socket) => host.Stack->Connections + (socket & 0x7fff);

    // A stream from A to B, whose end may be watched.
    private static Streamer Stream(TwoHosts pair, long bytes, out int atA)
    {
        (atA, int atB) = pair.Connect();
        Streamer a = new(pair.A, atA, bytes), b = new(pair.B, atB, 0);
        pair.Programs.Add(a.Step);
        pair.Programs.Add(b.Step);
        return b;
    }

    /// <summary>
    /// A peer that has every other byte of the tail, so that no two neighbours are alike where the table is full, does
    /// not have what was sent again sent for ever.
    /// </summary>
    [Theory]
    [InlineData(29)]
    [InlineData(30)]
    [InlineData(31)]
    [InlineData(40)]
    public void WhatIsLostInManyPiecesIsSentAgainOnce(int pieces)
    {
        const uint segment = 1000, lost = 20 * segment;
        Connection c = default;
        c.SegmentSize = (ushort)segment;
        c.SmoothedRoundTrip = 50 * Tcp.Millisecond;
        ulong now = Tcp.Second;
        c.SendMaximum = 2 * lost;
        TcpScoreboard.Append(&c, c.SendMaximum, now);
        Delivery delivery = default;
        for (uint i = 0; i < pieces; i++)
            TcpScoreboard.Sack(&c, lost + 2 * i, lost + 2 * i + 1, ref delivery);
        TcpScoreboard.LoseFirst(&c, lost + 2 * (uint)pieces);
        now += 100 * Tcp.Millisecond;
        int sent = 0;
        for (; sent < 500 && TcpScoreboard.FirstLost(&c, out uint start, out uint end); sent++)
            TcpScoreboard.Repeat(&c, start, Math.Min(end, start + segment), now);
        Assert.InRange(sent, 20, 20 + 2 * pieces);
        Assert.Equal(0u, c.LostBytes);
    }

    /// <summary>Beside a set of bytes with a mark each: random sends, blocks, losses, repetitions, acknowledgements.</summary>
    [Fact]
    public void TheScoreboardIsAMarkForEachByte()
    {
        for (int seed = 1; seed <= 30; seed++)
        {
            Random random = new(seed);
            Connection c = default;
            c.SegmentSize = 10;
            c.SackPermitted = true;
            uint at = c.SendUnacknowledged = c.SendMaximum = c.InitialSend = uint.MaxValue - 500;
            List<SentMarks> model = [];
            ulong now = 1_000_000_000;
            for (int step = 0; step < 400; step++)
            {
                now += (ulong)random.Next(3_000_000);
                Delivery delivery = new() { Now = now, Time = TcpScoreboard.Ticks(now) };
                int first = model.Count == 0 ? 0 : random.Next(model.Count), length = Math.Min(random.Next(1, 12), model.Count - first);
                uint start = at + (uint)first, end = start + (uint)length;
                switch (random.Next(6))
                {
                    case 0 or 1:
                        int bytes = random.Next(1, 30);
                        TcpScoreboard.Append(&c, c.SendMaximum + (uint)bytes, now);
                        c.SendMaximum += (uint)bytes;
                        model.AddRange(Enumerable.Repeat(SentMarks.None, bytes));
                        break;
                    case 2 when first > 0 && length > 0:
                        TcpScoreboard.Sack(&c, start, end, ref delivery);
                        Assert.Equal(model.GetRange(first, length).Count(mark => mark != SentMarks.Sacked), (int)delivery.Bytes);
                        for (int i = first; i < first + length; i++)
                            model[i] = SentMarks.Sacked;
                        break;
                    case 3 when length > 0:
                        TcpScoreboard.Repeat(&c, start, end, now);
                        for (int i = first; i < first + length; i++)
                            model[i] = model[i] == SentMarks.Sacked ? SentMarks.Sacked : SentMarks.None;
                        break;
                    case 4 when model.Count > 0:
                        TcpScoreboard.LoseFirst(&c, (uint)length);
                        for (int i = 0; i < length; i++)
                            model[i] = model[i] == SentMarks.None ? SentMarks.Lost : model[i];
                        break;
                    case 5 when random.Next(3) == 0:
                        TcpScoreboard.Acknowledge(&c, end, ref delivery);
                        c.SendUnacknowledged = at = end;
                        model.RemoveRange(0, first + length);
                        break;
                }
                HostileTests.CheckSent(&c);
                Assert.Equal(c.SendMaximum, c.SentCount > 0 ? TcpScoreboard.At(&c, c.SentCount - 1)->End : at);
                // As long as there was room for all there is to tell apart.
                int runs = 0;
                for (int i = 0; i < model.Count; i++)
                    runs += i == 0 || model[i] != model[i - 1] ? 1 : 0;
                if (c.SentCount > TcpScoreboard.MaxRanges - 4 || runs > 20)
                    break;
                Assert.Equal(model.Count(mark => mark == SentMarks.Sacked), (int)c.SackedBytes);
                Assert.Equal(model.Count(mark => mark == SentMarks.Lost), (int)c.LostBytes);
            }
        }
    }

    /// <summary>More ranges than there is room for, as a hostile peer names them: sums stay right, nothing is forgotten.</summary>
    [Fact]
    public void MoreRangesThanThereIsRoomForAreFewer()
    {
        Connection c = default;
        c.SackPermitted = true;
        for (uint i = 1; i <= 300; i++)
        {
            TcpScoreboard.Append(&c, i * 10, i * 10_000_000ul);
            c.SendMaximum = i * 10;
        }
        HostileTests.CheckSent(&c);
        Random random = new(5);
        for (int i = 0; i < 500; i++)
        {
            Delivery delivery = new() { Now = 4_000_000_000, Time = TcpScoreboard.Ticks(4_000_000_000) };
            uint start = (uint)random.Next(1, 2980);
            TcpScoreboard.Sack(&c, start, start + (uint)random.Next(1, 9), ref delivery);
            if (i % 7 == 0)
                TcpScoreboard.LoseFirst(&c, (uint)random.Next(100));
            HostileTests.CheckSent(&c);
        }
        Assert.True(c.SackedBytes > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void TwoInAHundredLostCostNoTimeout(int seed)
    {
        using TwoHosts pair = new(new FaultRates(Loss: 0.02, Delay: 5_000_000), seed, A, B);
        Streamer b = Stream(pair, 2_000_000, out _);
        pair.Run(() => b.Ended, 60, "the stream ends");
        Counters counters = pair.A.Stack->Counters;
        Assert.True(pair.ToB.Lost > 15);
        // The handshake may lose its SYN, and a FIN at the end with its probe.
        Assert.InRange(counters.RetransmissionTimeouts, 0ul, 2ul);
        Assert.InRange(counters.Retransmissions, (ulong)pair.ToB.Lost - 2, (ulong)(pair.ToB.Lost * 1.3) + 5);
        HostileTests.CheckTables(pair.A.Stack);
    }

    /// <summary>
    /// One segment in twenty comes half a round trip late. It costs a few repetitions, of which DSACK tells, then the
    /// reordering window is wide enough, and the window is what it would be otherwise.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ReorderingIsLearned(int seed)
    {
        ulong clean = TimeOf(new FaultRates(Delay: 5_000_000), seed, out _, out _);
        ulong reordered = TimeOf(new FaultRates(Reorder: 0.05, Delay: 5_000_000), seed, out Counters counters, out int late);
        Assert.True(late > 50);
        Assert.Equal(0ul, counters.RetransmissionTimeouts);
        Assert.InRange(counters.Retransmissions, 1ul, (ulong)late / 4);
        Assert.InRange(reordered, clean, clean * 16 / 10);
    }

    private static ulong TimeOf(FaultRates rates, int seed, out Counters counters, out int late)
    {
        using TwoHosts pair = new(rates, seed, A, B);
        Streamer b = Stream(pair, 3_000_000, out int atA);
        ulong begin = pair.Now;
        pair.Run(() => b.Ended, 60, "the stream ends");
        counters = pair.A.Stack->Counters;
        late = pair.ToB.Reordered;
        if (rates.Reorder > 0)
            Assert.True(ConnectionOf(pair.A, atA)->ReorderMultiplier > 1, "the reordering window did not grow");
        return pair.Now - begin;
    }

    /// <summary>The last segments of a burst are lost: a probe finds out (RFC 8985 §7), well before the timeout.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    public void ALostTailCostsNoTimeout(int lost)
    {
        using TwoHosts pair = new(new FaultRates(Delay: 2_000_000), 1, A, B);
        (int atA, int atB) = pair.Connect();
        Warm(pair, atA, atB);
        // Longer than times of the scoreboard can be compared.
        pair.Pass(2500);
        int segment = 0;
        pair.Inspect = (fromA, frame) => !IsData(fromA, frame) || ++segment <= 8 - lost || segment > 8;
        pair.A.Stack->Send(atA, Pattern.Make(0, 8 * 1448), pair.Now);
        ulong begin = pair.Now;
        byte[] buffer = new byte[65536];
        int received = 0;
        pair.Programs.Add(now => received += Math.Max(pair.B.Stack->Receive(atB, buffer, now), 0));
        pair.Run(() => received == 8 * 1448, 5, "everything arrives");
        Assert.Equal((0ul, 1ul), (pair.A.Stack->Counters.RetransmissionTimeouts, pair.A.Stack->Counters.TailLossProbes));
        Assert.InRange(pair.Now - begin, 0ul, 60_000_000ul);
    }

    // A few round trips, so that they are known.
    private static void Warm(TwoHosts pair, int atA, int atB)
    {
        for (int i = 0; i < 4; i++)
        {
            pair.A.Stack->Send(atA, new byte[2896], pair.Now);
            pair.Pass(0.1);
            pair.B.Stack->Receive(atB, new byte[4096], pair.Now);
        }
    }

    /// <summary>A repetition that is lost, too, is sent once more without waiting for the timeout.</summary>
    [Fact]
    public void ALostRepetitionCostsNoTimeout()
    {
        using TwoHosts pair = new(new FaultRates(Delay: 2_000_000), 1, A, B);
        Streamer b = Stream(pair, 400_000, out _);
        uint victim = 0;
        int losses = 0, segment = 0;
        pair.Inspect = (fromA, frame) =>
        {
            if (!IsData(fromA, frame))
                return true;
            if (++segment == 30)
                victim = HeaderOf(frame).Sequence;
            bool isVictim = victim != 0 && HeaderOf(frame).Sequence == victim && losses < 2;
            losses += isVictim ? 1 : 0;
            return !isVictim;
        };
        pair.Run(() => b.Ended, 5, "the stream ends");
        Assert.Equal((2, 0ul, -1L), (losses, pair.A.Stack->Counters.RetransmissionTimeouts, b.WrongAt));
    }

    /// <summary>
    /// A segment is held back until it has been sent again: the receiver says by DSACK that it came twice, and the
    /// sender takes back what it gave up for it.
    /// </summary>
    [Fact]
    public void ARepetitionForNothingIsTakenBack()
    {
        using TwoHosts pair = new(new FaultRates(Delay: 2_000_000), 1, A, B);
        Streamer b = Stream(pair, 600_000, out int atA);
        Connection* c = ConnectionOf(pair.A, atA);
        byte[]? held = null;
        int segment = 0, told = 0;
        uint before = 0, least = uint.MaxValue;
        pair.Inspect = (fromA, frame) =>
        {
            if (IsData(fromA, frame) && ++segment == 40)
            {
                held = frame;
                before = c->CongestionWindow;
                return false;
            }
            if (!fromA && frame.Length >= 54 && HeaderOf(frame) is { SackCount: > 0 } header && Tcp.Before(header.SackEdges[0], header.Acknowledgement))
                told++;
            return true;
        };
        pair.Programs.Add(now =>
        {
            least = before == 0 ? least : Math.Min(least, c->CongestionWindow);
            if (held == null || pair.A.Stack->Counters.Retransmissions == 0)
                return;
            pair.B.Receive(held, now);
            held = null;
        });
        pair.Run(() => b.Ended, 5, "the stream ends");
        Assert.Equal((1ul, 1, -1L), (pair.A.Stack->Counters.Retransmissions, told, b.WrongAt));
        Assert.True(least < before, "the window was not reduced");
        Assert.True(c->CongestionWindow >= before && c->SlowStartThreshold > before, $"{c->CongestionWindow} is less than {before}");
    }

    /// <summary>
    /// A peer without SACK: NewReno (RFC 6582) finds one loss in a window and several, without a timeout.
    /// </summary>
    [Fact]
    public void WithoutSackDuplicateAcknowledgementsCount()
    {
        using TwoHosts pair = new(new FaultRates(Delay: 2_000_000), 1, A, B);
        int segment = 0;
        pair.Inspect = (fromA, frame) => !IsData(fromA, frame) || ++segment is not (30 or 60 or 63);
        Streamer b = Stream(pair, 400_000, out int atA);
        ConnectionOf(pair.A, atA)->SackPermitted = false;
        for (int i = 0; i < pair.B.Stack->ConnectionsMade; i++)
            pair.B.Stack->Connections[i].SackPermitted = false;
        pair.Run(() => b.Ended, 5, "the stream ends");
        Assert.Equal((0ul, 3ul, -1L), (pair.A.Stack->Counters.RetransmissionTimeouts, pair.A.Stack->Counters.Retransmissions, b.WrongAt));
        Assert.True(pair.A.Stack->Counters.FastRetransmits > 0);
    }

    /// <summary>
    /// A stack that arrives somewhere else in the middle of a recovery, as memory, with everything that was on its way
    /// lost: it goes on at once.
    /// </summary>
    [Fact]
    public void AMoveInTheMiddleOfARecoveryIsSurvived()
    {
        using TwoHosts pair = new(new FaultRates(Delay: 5_000_000), 1, A, B);
        Streamer b = Stream(pair, 2_000_000, out int atA);
        Connection* c = ConnectionOf(pair.A, atA);
        int segment = 0;
        bool isCut = false;
        pair.Inspect = (fromA, frame) => !isCut && (!IsData(fromA, frame) || ++segment is not (50 or 52 or 60));
        pair.Run(() => c->InRecovery && c->SackedBytes > 0, 5, "a recovery has begun");
        isCut = true;
        pair.Pass(0.05);
        isCut = false;
        ulong timeouts = pair.A.Stack->Counters.RetransmissionTimeouts;
        byte[] image = new ReadOnlySpan<byte>(c, sizeof(Connection)).ToArray();
        *c = default;
        image.CopyTo(new Span<byte>(c, sizeof(Connection)));
        long before = b.Received;
        pair.A.Stack->Announce(pair.Now);
        pair.A.Stack->Resume(pair.Now);
        HostileTests.CheckTables(pair.A.Stack);
        pair.Run(() => b.Received > before, 0.016, "it goes on within one and a half round trips");
        pair.Run(() => b.Ended, 30, "the stream ends");
        Assert.Equal((timeouts, -1L), (pair.A.Stack->Counters.RetransmissionTimeouts, b.WrongAt));
    }
}
