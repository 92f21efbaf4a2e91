using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Netstack.Tests;

/// <summary>One rule each, between two stacks in virtual time.</summary>
public sealed unsafe class BehaviourTests
{
    private const uint A = 0x0a000001, B = 0x0a000002;

    private static TwoHosts NewPair(FaultRates? rates = null, int seed = 1, Func<StackConfiguration, StackConfiguration>? change = null) =>
        new(rates ?? new FaultRates(), seed, A, B, change);

    private static TcpHeader HeaderOf(byte[] frame)
    {
        Assert.True(TcpHeader.TryParse(frame.AsSpan(34), out TcpHeader header));
        return header;
    }

    private static bool IsTcp(byte[] frame) => frame[12] == 8 && frame[13] == 0 && frame[23] == 6;

    private static TcpState StateOf(Host host, int socket)
    {
        Assert.Equal(0, host.Stack->GetInformation(socket, out ConnectionInformation information));
        return information.State;
    }

    [Theory]
    [InlineData(0.0, false)]
    [InlineData(0.05, false)]
    [InlineData(0.05, true)]
    public void PagesAreSentByReferenceAndReleasedOnce(double loss, bool abort)
    {
        using TwoHosts pair = NewPair(new FaultRates(Loss: loss));
        (int atA, int atB) = pair.Connect();
        const int Pages = 300;
        List<ulong> references = [];
        for (int i = 0; i < Pages; i++)
            references.Add(pair.A.AddPage(Pattern.Make((i * 4096) + (i * 16) + 16, 4096)));
        int next = 0;
        bool headerSent = false;
        Streamer reader = new(pair.B, atB, 0);
        pair.Programs.Add(now =>
        {
            // A record header, then the page, as a checkpoint stream has them.
            while (next < Pages)
            {
                if (!headerSent)
                {
                    int sent = pair.A.Stack->Send(atA, Pattern.Make(next * 4112, 16), now);
                    if (sent < 0)
                        break;
                    Assert.Equal(16, sent);
                    headerSent = true;
                }
                if (pair.A.Stack->SendPage(atA, references[next], 0, 4096, now) < 0)
                    break;
                headerSent = false;
                next++;
            }
            if (next == Pages)
                pair.A.Stack->Shutdown(atA, now);
        });
        pair.Programs.Add(reader.Step);
        if (abort)
        {
            pair.Run(() => reader.Received > 100_000, 600, "some pages arrive");
            pair.Programs.Clear();
            pair.A.Stack->Abort(atA, pair.Now);
            Assert.Equal(references.Take(next).Order(), pair.A.Released.Order());
            HostileTests.CheckTables(pair.A.Stack);
            return;
        }
        pair.Run(() => reader.Ended, 600, "all pages arrive");
        pair.Pass(2);
        Assert.Equal((Pages * 4112L, -1L), (reader.Received, reader.WrongAt));
        Assert.Equal(references, pair.A.Released);
    }

    [Fact]
    public void FilterLetsOneConnectionThrough()
    {
        using TwoHosts pair = NewPair();
        (int firstA, int firstB) = pair.Connect(80);
        (int secondA, int secondB) = pair.Connect(81);
        pair.A.Stack->GetEndpoints(firstA, out Endpoints endpoints);
        pair.A.Stack->FilterOutgoing([endpoints]);
        Assert.Equal(5, pair.A.Stack->Send(firstA, Pattern.Make(0, 5), pair.Now));
        Assert.Equal(6, pair.A.Stack->Send(secondA, Pattern.Make(0, 6), pair.Now));
        int udp = pair.A.Stack->OpenUdp(0, 0, pair.Now);
        pair.A.Stack->SendTo(udp, new byte[3], B, 99, pair.Now);
        pair.Pass(0.15);
        byte[] into = new byte[10];
        Assert.Equal(5, pair.B.Stack->Receive(firstB, into, pair.Now));
        Assert.Equal(SocketError.WouldBlock, pair.B.Stack->Receive(secondB, into, pair.Now));
        Assert.True(pair.A.Stack->Counters.Filtered >= 2);
        Assert.Equal(0ul, pair.B.Stack->Counters.UdpNoSocket);
        pair.A.Stack->StopFiltering();
        pair.Pass(1);
        Assert.Equal(6, pair.B.Stack->Receive(secondB, into, pair.Now));
    }

    /// <summary>
    /// For an hour, with all that would speak: a connection that sends, one of another port, an announcement that has
    /// begun, and strangers who ask for the address.
    /// </summary>
    [Fact]
    public void OnlyThePeerHearsOfAHostThatMayHaveBeenReplaced()
    {
        const uint Stranger = B + 7;
        using TwoHosts pair = NewPair();
        (int atA, _) = pair.Connect(80);
        pair.Connect(81);
        pair.A.Stack->GetEndpoints(atA, out Endpoints endpoints);
        pair.A.Stack->Announce(pair.Now);
        pair.A.Stack->FilterOutgoing([endpoints]);
        pair.A.Stack->FilterAllButPeers();
        ulong asked = pair.A.Stack->Counters.ArpRequestsSent, toB = 0x024500000000UL | B;
        List<byte[]> overheard = [];
        bool isDeaf = true;
        pair.Inspect = (fromA, frame) =>
        {
            if (fromA && (BinaryPrimitives.ReadUInt64BigEndian(frame) >> 16) != toB)
                overheard.Add(frame);
            return !isDeaf;
        };
        // The peer does not answer at first: what is sent is repeated, and connections are tried again.
        pair.A.Stack->Send(atA, Pattern.Make(0, 5), pair.Now);
        for (int minute = 0; minute < 60; minute++)
        {
            int attempt = pair.A.Stack->Connect(B, 80, 0, 0, pair.Now);
            pair.Pass(60);
            pair.A.Receive(Ask(Stranger), pair.Now);
            pair.A.Stack->Abort(attempt, pair.Now);
        }
        Assert.Empty(overheard);
        Assert.Equal(asked, pair.A.Stack->Counters.ArpRequestsSent);

        // Then it does: to new connections of its port, and to no others.
        isDeaf = false;
        int again = pair.A.Stack->Connect(B, 80, 0, 0, pair.Now), other = pair.A.Stack->Connect(B, 81, 0, 0, pair.Now);
        pair.A.Receive(Ask(B), pair.Now);
        pair.Pass(1);
        Assert.Equal(Readiness.Writable, pair.A.Stack->GetReadiness(again) & Readiness.Writable);
        Assert.Equal(Readiness.None, pair.A.Stack->GetReadiness(other) & Readiness.Writable);
        Assert.Empty(overheard);

        pair.A.Stack->StopFiltering();
        pair.A.Receive(Ask(Stranger), pair.Now);
        Assert.Single(overheard);
        pair.Pass(10);
        Assert.Equal(Readiness.Writable, pair.A.Stack->GetReadiness(other) & Readiness.Writable);
    }

    /// <summary>A request for A's MAC address, to everybody.</summary>
    private static byte[] Ask(uint sender)
    {
        byte[] frame = new byte[14 + Arp.Length];
        fixed (byte* at = frame)
        {
            Ethernet.Emit(at, Ethernet.Broadcast, 0x024500000000UL | sender, Ethernet.TypeArp);
            Arp packet = default;
            packet.Operation = Arp.Request;
            packet.SenderMac = 0x024500000000UL | sender;
            packet.SenderAddress = sender;
            packet.TargetAddress = A;
            packet.Emit(at + 14);
        }
        return frame;
    }

    [Fact]
    public void AnnounceMovesThePeersToTheNewMacAddress()
    {
        using TwoHosts pair = NewPair();
        (int atA, int atB) = pair.Connect();
        pair.A.Stack->ChangeMacAddress(0x024500000077);
        pair.A.Stack->Announce(pair.Now);
        pair.Pass(0.1);
        Assert.Equal(4, pair.B.Stack->Send(atB, new byte[4], pair.Now));
        pair.Pass(0.01);
        Assert.Equal(4, pair.A.Stack->Receive(atA, new byte[10], pair.Now));
        Assert.Equal(0ul, pair.A.Stack->Counters.FrameNotForUs);
    }

    [Fact]
    public void ResumeSendsAtOnceWhatWasLost()
    {
        using TwoHosts pair = NewPair();
        (int atA, int atB) = pair.Connect();
        pair.Pass(1);
        pair.Inspect = (_, _) => false;
        pair.A.Stack->Send(atA, Pattern.Make(0, 3000), pair.Now);
        pair.B.Stack->Send(atB, Pattern.Make(0, 10), pair.Now);
        pair.Pass(0.002);
        pair.Inspect = null;
        pair.A.Stack->Resume(pair.Now);
        pair.Pass(0.001);
        byte[] into = new byte[4000];
        Assert.Equal(3000, pair.B.Stack->Receive(atB, into, pair.Now));
        Assert.Equal(-1, Pattern.FirstWrong(into.AsSpan(0, 3000), 0));
        pair.Pass(1);
        Assert.Equal(10, pair.A.Stack->Receive(atA, into, pair.Now));
    }

    [Fact]
    public void BusyLinkLosesNothing()
    {
        using TwoHosts pair = NewPair();
        (int atA, int atB) = pair.Connect();
        pair.A.Room = 3;
        Streamer a = new(pair.A, atA, 300_000), b = new(pair.B, atB, 1000);
        pair.Programs.Add(a.Step);
        pair.Programs.Add(b.Step);
        pair.Programs.Add(now =>
        {
            if (pair.A.Room == 0)
            {
                pair.A.Room = 3;
                pair.A.Stack->LinkReady(now);
            }
        });
        pair.Run(() => a.Done && b.Done, 5, "the stream passes a busy link");
        Assert.Equal((300_000L, -1L, 1000L), (b.Received, b.WrongAt, a.Received));
        Assert.True(pair.A.Stack->Counters.LinkBusy > 10);
        Assert.Equal(0ul, pair.A.Stack->Counters.RetransmissionTimeouts);
    }

    [Fact]
    public void LoopbackServesItself()
    {
        using TwoHosts pair = NewPair();
        Stack* stack = pair.A.Stack;
        foreach (uint address in new[] { 0x7f000001u, A })
        {
            int listener = stack->Listen(0, 8080, 2);
            int client = stack->Connect(address, 8080, 0, 0, pair.Now);
            int server = stack->Accept(listener);
            Assert.True(server >= 0);
            Streamer a = new(pair.A, client, 1_000_000), b = new(pair.A, server, 500_000);
            pair.Programs.Add(a.Step);
            pair.Programs.Add(b.Step);
            pair.Run(() => a.Done && b.Done, 10, "the loopback streams end");
            Assert.Equal((1_000_000L, -1L, 500_000L, -1L), (b.Received, b.WrongAt, a.Received, a.WrongAt));
            pair.Programs.Clear();
            stack->Close(client, pair.Now);
            stack->Close(server, pair.Now);
            stack->Close(listener, pair.Now);
        }
        Assert.Equal(0ul, stack->Counters.FramesSent);
        Assert.Equal(0ul, stack->Counters.RetransmissionTimeouts);
    }

    [Fact]
    public void SimultaneousOpen()
    {
        using TwoHosts pair = NewPair();
        // Both know each other already, so that the SYNs cross.
        pair.A.Stack->Announce(pair.Now);
        int udp = pair.A.Stack->OpenUdp(0, 1, pair.Now);
        pair.A.Stack->SendTo(udp, new byte[1], B, 9, pair.Now);
        pair.Pass(0.1);
        int atA = pair.A.Stack->Connect(B, 2000, A, 1000, pair.Now);
        int atB = pair.B.Stack->Connect(A, 1000, B, 2000, pair.Now);
        pair.Run(() => StateOf(pair.A, atA) == TcpState.Established && StateOf(pair.B, atB) == TcpState.Established, 10, "both are established");
        Streamer a = new(pair.A, atA, 10_000), b = new(pair.B, atB, 20_000);
        pair.Programs.Add(a.Step);
        pair.Programs.Add(b.Step);
        pair.Run(() => a.Done && b.Done, 10, "both streams end");
        Assert.Equal((20_000L, 10_000L), (a.Received, b.Received));
    }

    [Fact]
    public void BacklogIsBounded()
    {
        using TwoHosts pair = NewPair();
        const int Backlog = 3;
        int listener = pair.B.Stack->Listen(0, 80, Backlog);
        int most = Backlog + pair.B.Stack->MaxHalfOpen;
        List<int> sockets = [];
        for (int i = 0; i < most + 3; i++)
            sockets.Add(pair.A.Stack->Connect(B, 80, 0, 0, pair.Now));
        pair.Pass(0.5);
        Assert.Equal(3ul, pair.B.Stack->Counters.SynDroppedBacklog);
        // While the backlog is full a SYN is not answered; it is when it comes again and there is room.
        int late = pair.A.Stack->Connect(B, 80, 0, 0, pair.Now);
        pair.Pass(0.1);
        Assert.Equal(4ul, pair.B.Stack->Counters.SynDroppedBacklog);
        Assert.Equal(most, AcceptAll());
        // Those who were told in vain that they are connected come in with their data.
        foreach (int socket in sockets)
            Assert.Equal(1, pair.A.Stack->Send(socket, new byte[1], pair.Now));
        int accepted = 0;
        for (int seconds = 0; seconds < 30; seconds++)
        {
            pair.Pass(1);
            accepted += AcceptAll();
        }
        Assert.Equal(3 + 1, accepted);
        Assert.Equal(TcpState.Established, StateOf(late));
        HostileTests.CheckTables(pair.B.Stack);

        int AcceptAll()
        {
            int count = 0;
            while (pair.B.Stack->Accept(listener) >= 0)
                count++;
            return count;
        }

        TcpState StateOf(int socket)
        {
            pair.A.Stack->GetInformation(socket, out ConnectionInformation information);
            return information.State;
        }
    }

    [Fact]
    public void NobodyAnswersArp()
    {
        using TwoHosts pair = NewPair();
        int socket = pair.A.Stack->Connect(0x0a000063, 80, 0, 0, pair.Now);
        pair.Pass(10);
        Assert.Equal(Readiness.Error, pair.A.Stack->GetReadiness(socket) & Readiness.Error);
        Assert.Equal(SocketError.HostUnreachable, pair.A.Stack->TakeError(socket));
        Assert.Equal(SocketError.NetworkUnreachable, pair.A.Stack->Connect(0x0b000001, 80, 0, 0, pair.Now));
    }

    /// <summary>RFC 5961: only exactly the next sequence number resets; others are challenged, and SYNs too.</summary>
    [Theory]
    [InlineData(0, TcpFlags.Rst, true)]
    [InlineData(1, TcpFlags.Rst, false)]
    [InlineData(5000, TcpFlags.Rst, false)]
    [InlineData(-1, TcpFlags.Rst, false)]
    [InlineData(0, TcpFlags.Syn, false)]
    [InlineData(100000, TcpFlags.Rst, false)]
    public void BlindResetsAndSynsAreChallenged(int distance, TcpFlags flags, bool dies)
    {
        using TwoHosts pair = NewPair();
        byte[]? last = null;
        pair.Inspect = (fromA, frame) =>
        {
            if (fromA && IsTcp(frame))
                last = frame;
            return true;
        };
        (int atA, int atB) = pair.Connect();
        pair.A.Stack->Send(atA, new byte[10], pair.Now);
        pair.Pass(1);
        TcpHeader header = HeaderOf(last!);
        header.Sequence += 10 + (uint)distance;
        header.Flags = flags;
        header.HasTimestamps = false;
        byte[] forged = new byte[54];
        last.AsSpan(0, 34).CopyTo(forged);
        forged[17] = 40;
        forged[16] = forged[24] = forged[25] = 0;
        fixed (byte* at = forged)
        {
            header.Emit(at + 34);
            System.Runtime.CompilerServices.Unsafe.WriteUnaligned(at + 24, (ushort)~Checksum.Sum(at + 14, 20));
        }
        ulong before = pair.B.Stack->Counters.ChallengeAcknowledgements;
        pair.B.Receive(forged, pair.Now, FrameFlags.ChecksumValid);
        Assert.Equal(dies ? TcpState.Closed : TcpState.Established, StateOf(pair.B, atB));
        bool inWindow = !dies && distance is >= 0 and < 65536;
        Assert.Equal(inWindow ? 1ul : 0ul, pair.B.Stack->Counters.ChallengeAcknowledgements - before);
    }

    /// <summary>Makes a TCP frame from A to B out of one that was seen.</summary>
    private static byte[] Forge(byte[] seen, TcpHeader header, byte[] payload)
    {
        byte[] forged = new byte[34 + 60 + payload.Length];
        seen.AsSpan(0, 14).CopyTo(forged);
        fixed (byte* at = forged)
        {
            header.SackCount = 0;
            header.Emit(at + 34);
            payload.CopyTo(forged, 34 + header.Length);
            Ipv4.Emit(at + 14, A, B, Ipv4.ProtocolTcp, 20 + header.Length + payload.Length);
        }
        return forged[..(34 + header.Length + payload.Length)];
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(700)]
    public void DataBeyondTheWindowIsCutOff(int room)
    {
        using TwoHosts pair = NewPair(change: c =>
        {
            c.ReceiveBuffer = 4096;
            return c;
        });
        byte[]? last = null;
        pair.Inspect = (fromA, frame) =>
        {
            if (fromA && IsTcp(frame))
                last = frame;
            return true;
        };
        (int atA, int atB) = pair.Connect();
        int filled = 4096 - room;
        pair.A.Stack->SetOption(atA, SocketOption.NoDelay, 1, pair.Now);
        Assert.Equal(filled, pair.A.Stack->Send(atA, Pattern.Make(0, filled), pair.Now));
        pair.Pass(1);
        pair.A.Stack->GetInformation(atA, out ConnectionInformation information);
        Assert.Equal(0, information.UnacknowledgedBytes);
        TcpHeader header = HeaderOf(last!);
        header.Sequence = pair.B.Stack->Connections[atB & 0x7ff].ReceiveNext;
        header.Flags = TcpFlags.Ack | TcpFlags.Psh;
        pair.B.Receive(Forge(last!, header, Pattern.Make(filled, 1400)), pair.Now, FrameFlags.ChecksumValid);
        HostileTests.CheckTables(pair.B.Stack);
        byte[] got = new byte[8000];
        Assert.Equal(4096, pair.B.Stack->Receive(atB, got, pair.Now));
        Assert.Equal(-1, Pattern.FirstWrong(got.AsSpan(0, 4096), 0));
    }

    [Fact]
    public void LostWindowUpdateIsProbedFor()
    {
        using TwoHosts pair = NewPair(change: c =>
        {
            c.ReceiveBuffer = 4096;
            return c;
        });
        (int atA, int atB) = pair.Connect();
        Streamer a = new(pair.A, atA, 50_000);
        // A reader that sends nothing by itself.
        byte[] buffer = new byte[65536];
        long received = 0;
        void Read(ulong now)
        {
            for (int got; (got = pair.B.Stack->Receive(atB, buffer, now)) > 0; received += got)
                Assert.Equal(-1, Pattern.FirstWrong(buffer.AsSpan(0, got), received));
        }
        a.Step(pair.Now);
        pair.Pass(0.2);
        pair.Inspect = (fromA, _) => fromA;
        pair.Programs.Add(a.Step);
        pair.Programs.Add(Read);
        pair.Pass(0.01);
        pair.Inspect = null;
        pair.Run(() => received == 50_000, 10, "a probe opens the window again");
        Assert.True(pair.A.Stack->Counters.ZeroWindowProbes > 0);
    }

    [Fact]
    public void TimeWaitGivesWayToNewConnections()
    {
        using TwoHosts pair = NewPair(change: c =>
        {
            c.Connections = 4;
            return c;
        });
        int listener = pair.B.Stack->Listen(0, 80, 4);
        for (int i = 0; i < 20; i++)
        {
            int atA = pair.A.Stack->Connect(B, 80, 0, 0, pair.Now);
            Assert.True(atA >= 0, "no room for connection " + i);
            pair.Pass(0.01);
            int atB = pair.B.Stack->Accept(listener);
            Assert.True(atB >= 0);
            pair.B.Stack->Close(atB, pair.Now);
            pair.Pass(0.01);
            pair.A.Stack->Close(atA, pair.Now);
            pair.Pass(0.01);
        }
        Assert.True(pair.B.Stack->Counters.TimeWaitRecycled > 10);
    }

    [Fact]
    public void NagleWaitsAndNoDelayDoesNot()
    {
        using TwoHosts pair = NewPair(new FaultRates(Delay: 5_000_000));
        (int atA, int _) = pair.Connect();
        pair.Pass(1);
        ulong before = pair.A.Stack->Counters.SegmentsSent;
        for (int i = 0; i < 5; i++)
            pair.A.Stack->Send(atA, new byte[10], pair.Now);
        Assert.Equal(1ul, pair.A.Stack->Counters.SegmentsSent - before);
        pair.A.Stack->SetOption(atA, SocketOption.NoDelay, 1, pair.Now);
        Assert.Equal(2ul, pair.A.Stack->Counters.SegmentsSent - before);
        pair.A.Stack->Send(atA, new byte[10], pair.Now);
        Assert.Equal(3ul, pair.A.Stack->Counters.SegmentsSent - before);
    }

    [Fact]
    public void CorkFillsSegments()
    {
        using TwoHosts pair = NewPair();
        (int atA, int atB) = pair.Connect();
        pair.A.Stack->SetOption(atA, SocketOption.NoDelay, 1, pair.Now);
        pair.A.Stack->Cork(atA, true, pair.Now);
        ulong before = pair.A.Stack->Counters.SegmentsSent;
        for (int i = 0; i < 100; i++)
            pair.A.Stack->Send(atA, new byte[100], pair.Now);
        Assert.Equal(6ul, pair.A.Stack->Counters.SegmentsSent - before);
        pair.A.Stack->Cork(atA, false, pair.Now);
        Assert.Equal(7ul, pair.A.Stack->Counters.SegmentsSent - before);
        pair.Pass(0.01);
        Assert.Equal(10000, pair.B.Stack->Receive(atB, new byte[20000], pair.Now));
    }

    [Fact]
    public void FragmentationNeededMakesSegmentsSmaller()
    {
        using TwoHosts pair = NewPair();
        (int atA, int atB) = pair.Connect();
        bool told = false;
        pair.Inspect = (fromA, frame) =>
        {
            if (!fromA || frame.Length <= 1014 || !IsTcp(frame))
                return true;
            if (told)
                return false;
            told = true;
            byte[] error = new byte[14 + 20 + 8 + 28];
            fixed (byte* at = error)
            {
                Ethernet.Emit(at, 0x02450a000001, 0x02450a000002, Ethernet.TypeIpv4);
                Ipv4.Emit(at + 14, B, A, Ipv4.ProtocolIcmp, error.Length - 14);
                Icmp icmp = new() { Type = Icmp.DestinationUnreachable, Code = Icmp.CodeFragmentationNeeded, Sequence = 1000 };
                icmp.Emit(at + 34);
                frame.AsSpan(14, 28).CopyTo(error.AsSpan(42));
                System.Runtime.CompilerServices.Unsafe.WriteUnaligned(at + 36, (ushort)~Checksum.Sum(at + 34, error.Length - 34));
            }
            pair.ToA.Put(error, pair.Now);
            return false;
        };
        Streamer a = new(pair.A, atA, 200_000), b = new(pair.B, atB, 0);
        pair.Programs.Add(a.Step);
        pair.Programs.Add(b.Step);
        pair.Run(() => b.Ended, 60, "the stream gets through the narrow path");
        Assert.Equal((200_000L, -1L), (b.Received, b.WrongAt));
        pair.A.Stack->GetInformation(atA, out ConnectionInformation information);
        Assert.Equal(948, information.MaximumSegmentSize);
    }

    [Fact]
    public void SilentPeerTimesOut()
    {
        using TwoHosts pair = NewPair();
        (int atA, int _) = pair.Connect();
        pair.A.Stack->SetOption(atA, SocketOption.UserTimeout, 5000, pair.Now);
        pair.Inspect = (_, _) => false;
        pair.A.Stack->Send(atA, new byte[100], pair.Now);
        pair.Pass(4);
        Assert.Equal(TcpState.Established, StateOf(pair.A, atA));
        pair.Pass(10);
        Assert.Equal(SocketError.TimedOut, pair.A.Stack->TakeError(atA));
        Assert.Equal(TcpState.Closed, StateOf(pair.A, atA));
    }

    [Fact]
    public void OneLostSegmentCostsNoTimeout()
    {
        using TwoHosts pair = NewPair(new FaultRates(Delay: 1_000_000));
        (int atA, int atB) = pair.Connect();
        int data = 0;
        pair.Inspect = (fromA, frame) => !fromA || frame.Length < 1000 || ++data != 20;
        Streamer a = new(pair.A, atA, 300_000), b = new(pair.B, atB, 0);
        pair.Programs.Add(a.Step);
        pair.Programs.Add(b.Step);
        pair.Run(() => b.Ended, 5, "the stream ends");
        Assert.Equal((0ul, 1ul, 1ul), (pair.A.Stack->Counters.RetransmissionTimeouts, pair.A.Stack->Counters.FastRetransmits, pair.A.Stack->Counters.Retransmissions));
    }

    [Fact]
    public void LostTailIsProbedBeforeTheTimeout()
    {
        using TwoHosts pair = NewPair(new FaultRates(Delay: 500_000));
        (int atA, int atB) = pair.Connect();
        pair.A.Stack->Send(atA, new byte[100], pair.Now);
        pair.Pass(1);
        pair.B.Stack->Receive(atB, new byte[100], pair.Now);
        int data = 0;
        pair.Inspect = (fromA, frame) => !fromA || frame.Length < 100 || ++data != 1;
        pair.A.Stack->Send(atA, new byte[100], pair.Now);
        pair.Pass(0.1);
        Assert.Equal(100, pair.B.Stack->Receive(atB, new byte[200], pair.Now));
        Assert.Equal((1ul, 0ul), (pair.A.Stack->Counters.TailLossProbes, pair.A.Stack->Counters.RetransmissionTimeouts));
    }

    [Fact]
    public void DelayedAcknowledgementIsSentOnDemandOnce()
    {
        using TwoHosts pair = NewPair();
        (int atA, int atB) = pair.Connect();
        Assert.Equal(0, pair.B.Stack->Acknowledge(atB, pair.Now));
        pair.A.Stack->Send(atA, new byte[100], pair.Now);
        pair.Pass(0.001);
        Assert.Equal(100, pair.A.Stack->UnacknowledgedBytes(atA));
        int frames = 0;
        pair.Inspect = (fromA, _) => { frames += fromA ? 0 : 1; return true; };
        Assert.Equal((0, 0), (pair.B.Stack->Acknowledge(atB, pair.Now), pair.B.Stack->Acknowledge(atB, pair.Now)));
        pair.Pass(0.001);
        Assert.Equal(0, pair.A.Stack->UnacknowledgedBytes(atA));
        pair.Pass(0.1);
        Assert.Equal((1, 0ul), (frames, pair.B.Stack->Counters.DelayedAcknowledgements));
    }

    [Fact]
    public void LastSegmentIsSentAgainOnDemandUntilItIsAcknowledged()
    {
        using TwoHosts pair = NewPair(new FaultRates(Delay: 500_000));
        (int atA, int atB) = pair.Connect();
        int data = 0;
        pair.Inspect = (fromA, frame) => !fromA || frame.Length < 100 || ++data > 2;
        Assert.Equal(0, pair.A.Stack->Probe(atA, pair.Now));
        Assert.Equal(0, data);
        pair.A.Stack->Send(atA, new byte[100], pair.Now);
        Assert.Equal((0, 0), (pair.A.Stack->Probe(atA, pair.Now), pair.A.Stack->Probe(atA, pair.Now)));
        Assert.Equal(3, data);
        pair.Pass(0.01);
        Assert.Equal(100, pair.B.Stack->Receive(atB, new byte[200], pair.Now));
        pair.Pass(0.1);
        Assert.Equal((0, 3), (pair.A.Stack->Probe(atA, pair.Now), data));
        Assert.Equal(0ul, pair.A.Stack->Counters.RetransmissionTimeouts);
    }

    [Fact]
    public void StaleHandlesNameNothing()
    {
        using TwoHosts pair = NewPair();
        (int atA, int _) = pair.Connect();
        pair.A.Stack->Abort(atA, pair.Now);
        foreach (int handle in new[] { atA, -1, int.MaxValue, 0x7ff, atA ^ 1 << 12 })
        {
            Assert.Equal(SocketError.BadSocket, pair.A.Stack->Send(handle, new byte[1], pair.Now));
            Assert.Equal(SocketError.BadSocket, pair.A.Stack->Receive(handle, new byte[1], pair.Now));
            Assert.Equal(SocketError.BadSocket, pair.A.Stack->Close(handle, pair.Now));
            Assert.Equal(SocketError.BadSocket, pair.A.Stack->SendTo(handle, new byte[1], B, 1, pair.Now));
            Assert.Equal(SocketError.BadSocket, pair.A.Stack->Accept(handle));
        }
    }

    [Fact]
    public void ForgottenConnectionSaysNothing()
    {
        using TwoHosts pair = NewPair();
        (int atA, int atB) = pair.Connect();
        pair.A.Stack->Send(atA, new byte[10], pair.Now);
        ulong before = pair.A.Stack->Counters.FramesSent;
        Assert.Equal(0, pair.A.Stack->Forget(atA));
        Assert.Equal(SocketError.BadSocket, pair.A.Stack->Forget(atA));
        pair.A.Stack->Resume(pair.Now);
        Assert.Equal(before, pair.A.Stack->Counters.FramesSent);
        Assert.Equal(TcpState.Established, StateOf(pair.B, atB));
        HostileTests.CheckTables(pair.A.Stack);
    }

    /// <summary>What nobody uses stays as it was, so that a guest's move need not take it along; and no handle leads there.</summary>
    [Fact]
    public void SlotsThatWereNeverUsedAreNotWrittenTo()
    {
        using Host host = new(A, change: configuration => configuration with { Connections = 4096 });
        Stack* stack = host.Stack;
        var slots = new ReadOnlySpan<byte>(stack->Connections, stack->ConnectionCount * sizeof(Connection));
        Assert.Equal(-1, slots.IndexOfAnyExcept((byte)0xa5));
        for (int generation = 0; generation <= ushort.MaxValue; generation += 0xa5a5)
            Assert.Equal(SocketError.BadSocket, stack->UnacknowledgedBytes(generation << 15 | 7));
        Assert.False(stack->ConnectionAt(7, out _));
    }

    [Fact]
    public void ConfigurationsOutOfRangeAreRefused()
    {
        byte* memory = stackalloc byte[64];
        StackConfiguration configuration = default;
        Assert.Equal(0ul, Stack.RequiredMemory(configuration));
        using Host host = new(A);
        configuration.Link = host.Stack->Link;
        Assert.NotEqual(0ul, Stack.RequiredMemory(configuration));
        Assert.True(Stack.Init(memory, 64, configuration) == null);
        configuration.Connections = 16385;
        Assert.Equal(0ul, Stack.RequiredMemory(configuration));
        configuration.Connections = 4;
        configuration.PrefixLength = 33;
        Assert.Equal(0ul, Stack.RequiredMemory(configuration));
    }
}
