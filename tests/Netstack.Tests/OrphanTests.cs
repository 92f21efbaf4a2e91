using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Netstack.Tests;

/// <summary>
/// Connections whose users are done with them and whose peers do not let them end: they keep neither slots nor rings from others. And what one
/// peer could learn of another from limits that both share.
/// </summary>
public sealed unsafe class OrphanTests
{
    private const uint A = 0x0a000001, B = 0x0a000002, StrangerAddress = 0x0a000009;
    private const int FirstBytes = 56;

    private static TwoHosts NewPair(int connections, bool rings = false)
    {
        TwoHosts pair = new(new FaultRates(), 1, A, B, c =>
        {
            c.Connections = connections;
            return rings ? Host.WithRings(c) : c;
        });
        // Both know where the other is: cookies are not kept until ARP knows.
        int udp = pair.A.Stack->OpenUdp(0, 1, pair.Now);
        pair.A.Stack->SendTo(udp, new byte[1], B, 9, pair.Now);
        pair.Pass(0.01);
        pair.A.Stack->Close(udp, pair.Now);
        return pair;
    }

    /// <summary>A server that reads the first bytes of each client, refuses it with eight bytes, and closes.</summary>
    private static Action<ulong> Refusing(TwoHosts pair, int listener, List<int> heard)
    {
        List<int> open = [];
        return now =>
        {
            int socket;
            while ((socket = pair.B.Stack->Accept(listener)) >= 0)
                open.Add(socket);
            open.RemoveAll(client =>
            {
                int count = pair.B.Stack->Receive(client, new byte[100], now);
                if (count == SocketError.WouldBlock)
                    return false;
                if (count > 0)
                {
                    heard.Add(count);
                    pair.B.Stack->Send(client, new byte[8], now);
                }
                pair.B.Stack->Close(client, now);
                return true;
            });
        };
    }

    /// <summary>What the stranger says to the refusal: nothing; that he has it; that he has nothing more to say, before it or after it.</summary>
    public enum Ending
    {
        FinWait1,
        FinWait2,
        Closing,
        LastAck,
    }

    private static TcpState StateOf(Ending ending) => Enum.Parse<TcpState>(ending.ToString());

    /// <summary>Leaves one orphan of B behind, in the state that is asked for.</summary>
    private static void Abandon(TwoHosts pair, Stranger stranger, ushort port, Ending ending)
    {
        if (ending == Ending.LastAck)
        {
            // His FIN comes with what he says.
            (uint after, uint number) = stranger.Open(port, 80, new byte[FirstBytes - 1]);
            stranger.Send(port, 80, after - (FirstBytes - 1), number, TcpFlags.Ack | TcpFlags.Fin, new byte[FirstBytes]);
            pair.Pass(0.01);
            return;
        }
        (uint next, uint theirs) = stranger.Open(port, 80, new byte[FirstBytes]);
        pair.Pass(0.01);
        if (ending == Ending.FinWait2)
            stranger.Send(port, 80, next, theirs + 9, TcpFlags.Ack);
        if (ending == Ending.Closing)
            stranger.Send(port, 80, next, theirs, TcpFlags.Ack | TcpFlags.Fin);
        pair.Pass(0.01);
    }

    private static int[] OrphansIn(Stack* stack, TcpState state)
    {
        List<int> found = [];
        for (int i = 0; i < stack->ConnectionsMade; i++)
            if (stack->Connections[i].InUse && !stack->Connections[i].Owned && stack->Connections[i].State == state)
                found.Add(i);
        return [.. found];
    }

    [Theory]
    [InlineData(Ending.FinWait1, 6)]
    [InlineData(Ending.FinWait2, 6)]
    [InlineData(Ending.Closing, 6)]
    [InlineData(Ending.LastAck, 6)]
    [InlineData(Ending.Closing, 64)]
    public void TheyGiveWayToWhoComesAfterThem(Ending ending, int connections)
    {
        using TwoHosts pair = NewPair(connections);
        Stranger stranger = new(pair, StrangerAddress);
        List<int> heard = [];
        int listener = pair.B.Stack->Listen(0, 80, 5, firstBytes: FirstBytes);
        pair.Programs.Add(Refusing(pair, listener, heard));
        for (int i = 0; i < connections; i++)
            Abandon(pair, stranger, (ushort)(6000 + i), ending);
        Assert.Equal(connections, heard.Count);
        Assert.Equal(connections, OrphansIn(pair.B.Stack, StateOf(ending)).Length);
        HostileTests.CheckTables(pair.B.Stack);
        // The next client is served at once, and the one after it, too.
        for (int i = 1; i <= 3; i++)
        {
            int customer = pair.A.Stack->Connect(B, 80, 0, 0, pair.Now);
            Assert.Equal(SocketError.WouldBlock, pair.A.Stack->Send(customer, new byte[FirstBytes], pair.Now));
            pair.Pass(0.01);
            Assert.Equal(FirstBytes, pair.A.Stack->Send(customer, new byte[FirstBytes], pair.Now));
            pair.Pass(0.05);
            Assert.Equal(connections + i, heard.Count);
            Assert.Equal(8, pair.A.Stack->Receive(customer, new byte[100], pair.Now));
            pair.A.Stack->Abort(customer, pair.Now);
            pair.Pass(0.01);
        }
        // The peer of an ended orphan is told.
        Assert.Equal(1ul, pair.B.Stack->Counters.OrphansEnded);
        Assert.Contains(stranger.Heard(6000), header => (header.Flags & TcpFlags.Rst) != 0);
        HostileTests.CheckTables(pair.B.Stack);
    }

    /// <summary>
    /// A peer that has dropped what came and closed its window takes a reset at its edge only: one where the data ended is outside
    /// of the window, and nobody answers it.
    /// </summary>
    [Fact]
    public void AResetIsWhereAClosedWindowExpectsIt()
    {
        using TwoHosts pair = NewPair(6);
        Stranger stranger = new(pair, StrangerAddress);
        int listener = pair.B.Stack->Listen(0, 80, 5);
        (uint next, uint theirs) = stranger.Open(7000, 80, new byte[1]);
        int socket = pair.B.Stack->Accept(listener);
        Assert.Equal(3000, pair.B.Stack->Send(socket, new byte[3000], pair.Now));
        pair.Pass(0.01);
        stranger.Send(7000, 80, next, theirs, TcpFlags.Ack, window: 0);
        pair.Pass(0.01);
        pair.B.Stack->Abort(socket, pair.Now);
        pair.Pass(0.01);
        Assert.Equal(theirs, Assert.Single(stranger.Heard(7000), header => (header.Flags & TcpFlags.Rst) != 0).Sequence);
    }

    [Fact]
    public void ThePeerThatAcknowledgesKeepsItsOwnLongest()
    {
        using TwoHosts pair = NewPair(6);
        Stranger stranger = new(pair, StrangerAddress);
        List<int> heard = [];
        int listener = pair.B.Stack->Listen(0, 80, 5, firstBytes: FirstBytes);
        pair.Programs.Add(Refusing(pair, listener, heard));
        for (ushort i = 0; i < 6; i++)
            Abandon(pair, stranger, (ushort)(6000 + i), Ending.FinWait1);
        // The first of them says that he has half of it.
        stranger.Send(6000, 80, (6000u << 12) + 1 + FirstBytes, stranger.Heard(6000).First().Sequence + 5, TcpFlags.Ack);
        HostileTests.CheckTables(pair.B.Stack);
        stranger.Open(7000, 80, new byte[FirstBytes]);
        Assert.DoesNotContain(stranger.Heard(6000), header => (header.Flags & TcpFlags.Rst) != 0);
        Assert.Contains(stranger.Heard(6001), header => (header.Flags & TcpFlags.Rst) != 0);
        HostileTests.CheckTables(pair.B.Stack);
    }

    [Fact]
    public void SynsFromWhoMayNotExistEndNone()
    {
        using TwoHosts pair = NewPair(6);
        Stranger stranger = new(pair, StrangerAddress);
        List<int> heard = [];
        int listener = pair.B.Stack->Listen(0, 80, 5);
        pair.Programs.Add(Refusing(pair, listener, heard));
        for (ushort i = 0; i < 6; i++)
            Abandon(pair, stranger, (ushort)(6000 + i), Ending.Closing);
        Assert.Equal(6, OrphansIn(pair.B.Stack, TcpState.Closing).Length);
        for (ushort port = 10_000; port < 10_100; port++)
            stranger.Send(port, 80, 1, 0, TcpFlags.Syn);
        Assert.Equal(6, OrphansIn(pair.B.Stack, TcpState.Closing).Length);
        Assert.Equal(0ul, pair.B.Stack->Counters.OrphansEnded);
        // Answered all the same: whose acknowledgement comes is let in.
        stranger.Open(7000, 80, new byte[FirstBytes]);
        pair.Pass(0.01);
        Assert.Equal((1ul, 7), (pair.B.Stack->Counters.OrphansEnded, heard.Count));
    }

    /// <summary>Linux's tcp_orphan_retries. While a user waits it is sent fifteen times more.</summary>
    [Theory]
    [InlineData(true, 8)]
    [InlineData(false, 15)]
    public void WhatNobodyWaitsForIsRepeatedLess(bool orphan, int repetitions)
    {
        using TwoHosts pair = NewPair(6);
        Stranger stranger = new(pair, StrangerAddress);
        int listener = pair.B.Stack->Listen(0, 80, 5);
        (_, uint theirs) = stranger.Open(6000, 80, new byte[1]);
        int socket = pair.B.Stack->Accept(listener);
        Assert.Equal(1, pair.B.Stack->Receive(socket, new byte[10], pair.Now));
        pair.B.Stack->Send(socket, new byte[8], pair.Now);
        if (orphan)
            pair.B.Stack->Close(socket, pair.Now);
        else
            pair.B.Stack->Shutdown(socket, pair.Now);
        pair.Pass(2000);
        Assert.Equal(1ul, pair.B.Stack->Counters.TimedOut);
        Assert.Equal(1 + repetitions, stranger.Heard(6000).Count(header => header.Sequence == theirs));
        HostileTests.CheckTables(pair.B.Stack);
    }

    /// <summary>Rings are held by what is not acknowledged, or by what came too early; all of them are, by strangers who are silent.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RingsOfTheSilentAreTakenBackWhenThereAreNone(bool refused)
    {
        const int Rings = 20;
        using TwoHosts pair = NewPair(64, rings: true);
        Stranger stranger = new(pair, StrangerAddress);
        List<int> heard = [];
        int listener = pair.B.Stack->Listen(0, 80, 40), other = pair.B.Stack->Listen(0, 81, 4);
        pair.B.MaxRings = Rings;
        if (refused)
            pair.Programs.Add(Refusing(pair, listener, heard));
        for (ushort port = 6000; port < 6000 + Rings; port++)
        {
            if (refused)
            {
                Abandon(pair, stranger, port, Ending.Closing);
                continue;
            }
            (uint next, uint theirs) = stranger.Open(port, 80, []);
            stranger.Send(port, 80, next + 1, theirs, TcpFlags.Ack, new byte[1]);
        }
        Assert.Equal(Rings, pair.B.Rings.Count);
        pair.Programs.Clear();
        int atA = pair.A.Stack->Connect(B, 81, 0, 0, pair.Now);
        pair.Pass(0.01);
        int atB = pair.B.Stack->Accept(other);
        Streamer sends = new(pair.A, atA, 20_000), reads = new(pair.B, atB, 20_000);
        pair.Programs.Add(sends.Step);
        pair.Programs.Add(reads.Step);
        pair.Run(() => sends.Done && reads.Done, 5, "a stream goes both ways");
        Assert.Equal((-1L, -1L), (sends.WrongAt, reads.WrongAt));
        HostileTests.CheckTables(pair.B.Stack);
        if (refused)
            return;
        // What was forgotten is no loss to a peer who sends it again.
        pair.Programs.Clear();
        int first = pair.B.Stack->Accept(listener);
        uint initial = 6000u << 12;
        stranger.Send(6000, 80, initial + 1, stranger.Heard(6000).First().Sequence + 1, TcpFlags.Ack, [1, 2, 3]);
        byte[] read = new byte[10];
        Assert.Equal(3, pair.B.Stack->Receive(first, read, pair.Now));
        Assert.Equal([1, 2, 3], read[..3]);
    }

    [Fact]
    public void WhoHasJustBeenAnsweredKeepsHisRing()
    {
        using TwoHosts pair = NewPair(64, rings: true);
        Stranger stranger = new(pair, StrangerAddress);
        List<int> heard = [];
        int listener = pair.B.Stack->Listen(0, 80, 40);
        pair.Programs.Add(Refusing(pair, listener, heard));
        (int atA, int atB) = pair.Connect(81);
        pair.Pass(30);
        Abandon(pair, stranger, 6000, Ending.FinWait1);
        pair.B.MaxRings = 1;
        Assert.Single(pair.B.Rings);
        Assert.Equal(SocketError.WouldBlock, pair.B.Stack->Send(atB, new byte[10], pair.Now));
        pair.Pass(0.9);
        Assert.Equal(SocketError.WouldBlock, pair.B.Stack->Send(atB, new byte[10], pair.Now));
        Assert.Equal(0ul, pair.B.Stack->Counters.OrphansEnded);
        pair.Pass(0.2);
        Assert.Equal(10, pair.B.Stack->Send(atB, new byte[10], pair.Now));
        Assert.Equal(1ul, pair.B.Stack->Counters.OrphansEnded);
        pair.Pass(0.1);
        Assert.Equal(10, pair.A.Stack->Receive(atA, new byte[20], pair.Now));
    }

    /// <summary>CVE-2016-5696: how often one connection is challenged must not depend on what others have used up.</summary>
    [Fact]
    public void ChallengesOfOneConnectionSayNothingOfAnother()
    {
        const int Own = 100, Rounds = 45;
        using TwoHosts pair = NewPair(256);
        Stranger stranger = new(pair, StrangerAddress), victim = new(pair, StrangerAddress + 1);
        int listener = pair.B.Stack->Listen(0, 80, 200);
        (uint next, uint theirs) = victim.Open(5000, 80, []);
        var own = Enumerable.Range(6000, Own).Select(port => (Port: (ushort)port, Numbers: stranger.Open((ushort)port, 80, []))).ToArray();
        pair.Pass(2);
        ulong before = pair.B.Stack->Counters.ChallengeAcknowledgements;
        for (int round = 0; round < Rounds; round++)
        {
            foreach (var (port, numbers) in own)
                stranger.Send(port, 80, numbers.Next + 1, numbers.Theirs, TcpFlags.Rst);
            pair.Pass(0.021);
        }
        Assert.Equal((ulong)(Own * Rounds), pair.B.Stack->Counters.ChallengeAcknowledgements - before);
        int answers = victim.Heard(5000).Count();
        stranger.Send(6000, 80, 0, 0, TcpFlags.Rst);
        victim.Send(5000, 80, next + 1, theirs, TcpFlags.Rst);
        Assert.Equal(answers + 1, victim.Heard(5000).Count());
        // Each by itself is limited.
        victim.Send(5000, 80, next + 1, theirs, TcpFlags.Rst);
        Assert.Equal(answers + 1, victim.Heard(5000).Count());
        Assert.True(pair.B.Stack->Accept(listener) >= 0);
    }

    /// <summary>How many errors are sent in a second cannot be foreseen, so that one more to another is not missed among them.</summary>
    [Fact]
    public void TheLimitOfUnreachablesIsDifferentEachSecond()
    {
        using TwoHosts pair = NewPair(6);
        int udp = pair.A.Stack->OpenUdp(0, 1, pair.Now);
        List<ulong> sent = [];
        for (int second = 0; second < 20; second++)
        {
            ulong before = pair.B.Stack->Counters.UnreachablesSent;
            for (int i = 0; i < 150; i++)
            {
                pair.A.Stack->SendTo(udp, new byte[1], B, 9, pair.Now);
                pair.Pass(0.001);
            }
            sent.Add(pair.B.Stack->Counters.UnreachablesSent - before);
            pair.Pass(1);
        }
        Assert.All(sent, count => Assert.InRange(count, 50ul, 100ul));
        Assert.True(sent.Distinct().Count() > 10, string.Join(' ', sent));
    }
}
