using System;
using System.Collections.Generic;
using Xunit;

namespace Netstack.Tests;

/// <summary>More peers than there is room for: silent ones, idle ones, and those that are still served.</summary>
public sealed unsafe class CrowdTests
{
    private const uint A = 0x0a000001, B = 0x0a000002;

    private static byte[] Syn(uint source, ushort port, ushort to, uint sequence)
    {
        byte[] frame = new byte[14 + 20 + 20];
        fixed (byte* at = frame)
        {
            Ethernet.Emit(at, 0x024500000000UL | B, 0x024500000000UL | A, Ethernet.TypeIpv4);
            Ipv4.Emit(at + 14, source, B, Ipv4.ProtocolTcp, 40);
            TcpHeader header = default;
            header.SourcePort = port;
            header.DestinationPort = to;
            header.Sequence = sequence;
            header.Flags = TcpFlags.Syn;
            header.Window = 8192;
            header.Emit(at + 34);
            uint sum = Checksum.PseudoHeader(source, B, Ipv4.ProtocolTcp, 20) + Checksum.Sum(at + 34, 20);
            *(ushort*)(at + 34 + TcpHeader.ChecksumOffset) = (ushort)~Checksum.Fold(sum);
        }
        return frame;
    }

    /// <summary>Lets time pass while silent peers knock, so many in each millisecond.</summary>
    private static void Flood(TwoHosts pair, Random random, int milliseconds, int each = 5)
    {
        for (int i = 0; i < milliseconds; i++)
        {
            for (int k = 0; k < each; k++)
                pair.B.Receive(Syn(0x0a000010 + (uint)random.Next(200), (ushort)random.Next(1024, 65536), 80, (uint)random.Next()), pair.Now);
            pair.Pass(0.001);
        }
    }

    [Theory]
    [InlineData(6, 1)]
    [InlineData(64, 16)]
    [InlineData(2048, 128)]
    public void SilentPeersDeafenNoPort(int connections, int backlog)
    {
        Random random = new(1);
        using TwoHosts pair = new(new FaultRates(), 1, A, B, c =>
        {
            c.Connections = connections;
            return Host.WithRings(c);
        });
        int listener = pair.B.Stack->Listen(0, 80, backlog);
        Flood(pair, random, 300);
        // Full sizes, scaling, SACK and timestamps survive: nothing but the segment size is rounded.
        for (int round = 0; round < 3; round++)
        {
            int atA = pair.A.Stack->Connect(B, 80, 0, 0, pair.Now);
            Flood(pair, random, 300);
            int atB = pair.B.Stack->Accept(listener);
            Assert.True(atB >= 0, "the port is deaf");
            pair.B.Stack->GetInformation(atB, out ConnectionInformation b);
            pair.A.Stack->GetInformation(atA, out ConnectionInformation a);
            Assert.Equal((TcpState.Established, TcpState.Established), (a.State, b.State));
            Assert.True(b.SackPermitted && b.TimestampsEnabled);
            Assert.Equal((a.SendWindowShift, a.ReceiveWindowShift), (b.ReceiveWindowShift, b.SendWindowShift));
            Assert.Equal(1448, b.MaximumSegmentSize);
            Streamer sends = new(pair.A, atA, 50_000), reads = new(pair.B, atB, 50_000);
            pair.Programs.Add(sends.Step);
            pair.Programs.Add(reads.Step);
            pair.Run(() => sends.Done && reads.Done, 60, "a stream goes both ways");
            Assert.Equal((-1L, -1L), (sends.WrongAt, reads.WrongAt));
            pair.Programs.Clear();
            pair.A.Stack->Abort(atA, pair.Now);
            pair.B.Stack->Abort(atB, pair.Now);
        }
        Assert.True(pair.B.Stack->Counters.CookiesSent > 0);
        HostileTests.CheckTables(pair.B.Stack);
        // And when it is over, nothing is left of it.
        pair.Pass(140);
        Assert.Equal((0, 0), (pair.B.Stack->HalfOpen, pair.B.Rings.Count));
        Assert.Equal(pair.B.Stack->ConnectionCount, pair.B.Stack->FreeConnections);
    }

    /// <summary>
    /// A client that speaks first at such a port is served from its first segment on; for one that does not, nothing is kept.
    /// </summary>
    [Fact]
    public void WhoDoesNotSpeakFirstTakesNoPlaceWhereClientsDo()
    {
        const int FirstBytes = 56;
        Random random = new(1);
        using TwoHosts pair = new(new FaultRates(), 1, A, B, c =>
        {
            c.Connections = 40;
            return c;
        });
        int listener = pair.B.Stack->Listen(0, 80, 2, firstBytes: FirstBytes);
        Assert.Equal(SocketError.Invalid, pair.B.Stack->Listen(0, 81, 2, firstBytes: 537));
        Flood(pair, random, 100);
        List<int> silent = [];
        for (int i = 0; i < 30; i++)
            silent.Add(pair.A.Stack->Connect(B, 80, 0, 0, pair.Now));
        Flood(pair, random, 100);
        foreach (int socket in silent[..10])
            Assert.Equal(FirstBytes - 1, pair.A.Stack->Send(socket, new byte[FirstBytes - 1], pair.Now));
        int speaks = pair.A.Stack->Connect(B, 80, 0, 0, pair.Now);
        Flood(pair, random, 100);
        Assert.Equal(SocketError.WouldBlock, pair.B.Stack->Accept(listener));
        Assert.Equal(40, pair.B.Stack->FreeConnections);
        byte[] said = new byte[FirstBytes], heard = new byte[2 * FirstBytes];
        random.NextBytes(said);
        Assert.Equal(FirstBytes, pair.A.Stack->Send(speaks, said, pair.Now));
        pair.Pass(0.01);
        int accepted = pair.B.Stack->Accept(listener);
        Assert.True(accepted >= 0, "who speaks is not heard at once");
        Assert.Equal(FirstBytes, pair.B.Stack->Receive(accepted, heard, pair.Now));
        Assert.Equal(said, heard[..FirstBytes]);
        // What comes in pieces is taken when it has been sent again as one.
        Assert.Equal(1, pair.A.Stack->Send(silent[0], new byte[1], pair.Now));
        pair.Pass(10);
        Assert.True(pair.B.Stack->Accept(listener) >= 0, "pieces are not put together");
        Streamer sends = new(pair.A, speaks, 50_000), reads = new(pair.B, accepted, 50_000);
        pair.Programs.Add(sends.Step);
        pair.Programs.Add(reads.Step);
        pair.Run(() => sends.Done && reads.Done, 60, "a stream goes both ways");
        Assert.Equal((-1L, -1L), (sends.WrongAt, reads.WrongAt));
        HostileTests.CheckTables(pair.B.Stack);
    }

    /// <summary>
    /// More clients at once than the backlog of a server that accepts slowly and speaks first: each of them is served,
    /// though all that a client says before is the last acknowledgement of its handshake.
    /// </summary>
    [Theory]
    [InlineData(1, 8)]
    [InlineData(2, 8)]
    [InlineData(3, 16)]
    public void ClientsThatWaitForTheServerToSpeakAreAllServed(int backlog, int clients)
    {
        using TwoHosts pair = new(new FaultRates(), 1, A, B, c =>
        {
            c.Connections = 64;
            return Host.WithRings(c);
        });
        int listener = pair.B.Stack->Listen(0, 80, backlog);
        // Both know where the other is: cookies are not kept until ARP knows.
        pair.A.Stack->Connect(B, 81, 0, 0, pair.Now);
        pair.Pass(0.1);
        List<int> waiting = [];
        for (int i = 0; i < clients; i++)
            waiting.Add(pair.A.Stack->Connect(B, 80, 0, 0, pair.Now));
        pair.Pass(0.1);
        Assert.True(pair.B.Stack->Counters.CookiesSent > 0, "no more clients than the backlog holds");
        byte[] heard = new byte[8];
        for (int hundredths = 0; hundredths < 100 && waiting.Count > 0; hundredths++)
        {
            int accepted = pair.B.Stack->Accept(listener);
            if (accepted >= 0)
                Assert.Equal(1, pair.B.Stack->Send(accepted, new byte[1], pair.Now));
            pair.Pass(0.01);
            waiting.RemoveAll(socket => pair.A.Stack->Receive(socket, heard, pair.Now) == 1);
        }
        Assert.Empty(waiting);
        HostileTests.CheckTables(pair.B.Stack);
    }

    [Fact]
    public void HalfOpenConnectionsAreForgottenAfterAMinute()
    {
        using TwoHosts pair = new(new FaultRates(), 1, A, B);
        pair.B.Stack->Listen(0, 80, 4);
        int answers = 0;
        pair.Inspect = (fromA, frame) =>
        {
            answers += !fromA && frame[12] == 8 && frame[13] == 0 ? 1 : 0;
            return true;
        };
        // He knows where we are, and says nothing.
        pair.A.Stack->AddAddress(0x0a000009, 24);
        pair.A.Stack->FilterOutgoing(default);
        pair.B.Receive(Syn(0x0a000009, 1000, 80, 1), pair.Now);
        pair.Pass(64);
        Assert.Equal(0, pair.B.Stack->HalfOpen);
        Assert.Equal(6, answers);
    }

    [Fact]
    public void ForgedAcknowledgementsOpenNothing()
    {
        Random random = new(3);
        using TwoHosts pair = new(new FaultRates(), 1, A, B, c =>
        {
            c.Connections = 64;
            return c;
        });
        int listener = pair.B.Stack->Listen(0, 80, 2);
        Flood(pair, random, 20);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] frame = Syn(0x0a000010, 2000, 80, (uint)random.Next());
            fixed (byte* at = frame)
            {
                at[47] = (byte)TcpFlags.Ack;
                *(uint*)(at + 42) = (uint)random.Next();
                pair.B.Stack->ReceiveFrame(at, frame.Length, FrameFlags.ChecksumValid, pair.Now);
            }
        }
        Assert.Equal(0ul, pair.B.Stack->Counters.CookiesAccepted);
        Assert.Equal(SocketError.WouldBlock, pair.B.Stack->Accept(listener));
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.02)]
    public void IdleConnectionsLeaveRoomForOurOwn(double loss)
    {
        const int All = 512, Kept = 8;
        using TwoHosts pair = new(new FaultRates(Loss: loss), 5, A, B, c =>
        {
            c.Connections = All;
            c.ReservedConnections = Kept;
            c.Listeners = 8;
            return Host.WithRings(c);
        });
        int listener = pair.B.Stack->Listen(0, 80, 64), own = pair.B.Stack->Listen(0, 1708, 4, reserved: true);
        List<int> atA = [];
        int accepted = 0;
        for (int i = 0; i < All - Kept; i++)
        {
            atA.Add(pair.A.Stack->Connect(B, 80, 0, 0, pair.Now));
            pair.Pass(0.001);
            while (pair.B.Stack->Accept(listener) >= 0)
                accepted++;
        }
        pair.Pass(20);
        while (pair.B.Stack->Accept(listener) >= 0)
            accepted++;
        Assert.Equal(All - Kept, accepted);
        // Idle, they hold nothing but their entries.
        Assert.Empty(pair.B.Rings);
        Assert.True(pair.A.Stack->Abort(atA[0], pair.Now) == 0);
        pair.Pass(0.1);
        atA[0] = pair.A.Stack->Connect(B, 80, 0, 0, pair.Now);
        pair.Pass(20);
        Assert.Equal(SocketError.NoRoom, pair.B.Stack->Connect(A, 80, 0, 0, pair.Now));
        int command = pair.A.Stack->Connect(B, 1708, 0, 0, pair.Now, reserved: true);
        pair.Pass(10);
        int commanded = pair.B.Stack->Accept(own);
        Assert.True(commanded >= 0, "the guest cannot be commanded");
        pair.B.MaxRings = 0;
        Streamer sends = new(pair.A, command, 100_000), reads = new(pair.B, commanded, 100_000);
        pair.Programs.Add(sends.Step);
        pair.Programs.Add(reads.Step);
        pair.Run(() => sends.Done && reads.Done, 600, "a stream goes both ways");
        Assert.Equal((-1L, -1L), (sends.WrongAt, reads.WrongAt));
        pair.Programs.Clear();
        int outgoing = pair.B.Stack->Connect(A, 81, 0, 0, pair.Now, reserved: true);
        Assert.True(outgoing >= 0, "the guest cannot connect");
        HostileTests.CheckTables(pair.B.Stack);
    }

    /// <summary>Both sides have a ring for one direction at a time only, among all their connections.</summary>
    [Fact]
    public void FewRingsSlowButDoNotStop()
    {
        using TwoHosts pair = new(new FaultRates(), 9, A, B, Host.WithRings);
        (int firstA, int firstB) = pair.Connect(80);
        (int secondA, int secondB) = pair.Connect(81);
        pair.A.MaxRings = pair.B.MaxRings = 2;
        Streamer[] streams = [new(pair.A, firstA, 60_000), new(pair.B, firstB, 0), new(pair.A, secondA, 60_000), new(pair.B, secondB, 0)];
        foreach (Streamer stream in streams)
            pair.Programs.Add(stream.Step);
        pair.Run(() => Array.TrueForAll(streams, stream => stream.Done), 600, "all streams end");
        Assert.All(streams, stream => Assert.Equal((0, -1L), (stream.Error, stream.WrongAt)));
        Assert.Equal((60_000L, 60_000L), (streams[1].Received, streams[3].Received));
    }

    /// <summary>A ring that was lent holds more than others, is kept while it is empty, and is the owner's again when the connection has ended.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_lent_ring_is_the_connections_to_its_end(bool aborts)
    {
        const int Own = 65536, Ordinary = 8192;
        using TwoHosts pair = new(new FaultRates(), 11, A, B, c =>
        {
            c.Connections = 1;
            c.SendBuffer = Ordinary;
            return Host.WithRings(c);
        });
        (int atA, int atB) = pair.Connect();
        Stack* stack = pair.A.Stack;
        byte* ring = pair.A.OwnRing(Own);
        Assert.Equal(SocketError.Invalid, stack->LendSendRing(atA, ring, Own - 1));
        Assert.Equal(SocketError.Invalid, stack->LendSendRing(atA, null, Own));
        Assert.Equal(SocketError.BadSocket, stack->LendSendRing(atA + 1, ring, Own));
        Assert.Equal(3, stack->Send(atA, new byte[3], pair.Now));
        Assert.Equal(SocketError.Invalid, stack->LendSendRing(atA, ring, Own));
        pair.Run(() => pair.B.Stack->Receive(atB, new byte[3], pair.Now) == 3, 5, "three bytes arrive");
        pair.Run(() => stack->UnacknowledgedBytes(atA) == 0, 5, "they are acknowledged");
        Assert.Equal(0, stack->LendSendRing(atA, ring, Own));
        Assert.Equal(SocketError.Invalid, stack->LendSendRing(atA, ring, Own));

        byte[] sent = new byte[60_000], come = new byte[60_000];
        new Random(11).NextBytes(sent);
        for (int turn = 0; turn < 3; turn++)
        {
            Assert.Equal(sent.Length, stack->Send(atA, sent, pair.Now));
            int count = 0;
            pair.Run(() => (count += Math.Max(pair.B.Stack->Receive(atB, come.AsSpan(count), pair.Now), 0)) == come.Length, 60, "all arrives");
            pair.Pass(1);
            Assert.Equal(sent, come);
            Assert.Equal([(IntPtr)ring], pair.A.Rings);
        }
        Assert.Equal(sent.Length, stack->Send(atA, sent, pair.Now));
        pair.B.Stack->Abort(atB, pair.Now);
        if (aborts)
            stack->Abort(atA, pair.Now);
        pair.Pass(1);
        stack->Close(atA, pair.Now);
        Assert.Empty(pair.A.Rings);

        (atA, _) = pair.Connect(81);
        Assert.Equal(Ordinary, stack->Send(atA, sent, pair.Now));
    }

    /// <summary>On arrival the secrets change: connections go on, also one whose handshake is not finished, and new numbers are other ones.</summary>
    [Fact]
    public void StirredSecretsLeaveConnectionsAlone()
    {
        List<uint> numbers = [];
        foreach (bool stir in new[] { false, true })
        {
            using TwoHosts pair = new(new FaultRates(), 9, A, B, c =>
            {
                c.Connections = 6;
                return c;
            });
            (int atA, int atB) = pair.Connect();
            int listener = pair.B.Stack->Listen(0, 81, 1);
            pair.B.Receive(Syn(0x0a000010, 1000, 81, 1), pair.Now);
            // Answered by a cookie, which is still good afterwards.
            int late = pair.A.Stack->Connect(B, 81, 0, 0, pair.Now);
            while (pair.B.Stack->Counters.CookiesSent == 0)
                pair.Pass(0.0001);
            if (stir)
                pair.B.Stack->Stir(1, 2, pair.Now);
            pair.Pass(0.1);
            Assert.True(pair.B.Stack->Accept(listener) >= 0);
            Assert.Equal(5, pair.A.Stack->Send(atA, new byte[5], pair.Now));
            Assert.Equal(7, pair.B.Stack->Send(atB, new byte[7], pair.Now));
            pair.Pass(0.5);
            Assert.Equal(5, pair.B.Stack->Receive(atB, new byte[10], pair.Now));
            Assert.Equal(7, pair.A.Stack->Receive(atA, new byte[10], pair.Now));
            int next = pair.B.Stack->Connect(A, 9, 0, 1234, pair.Now);
            numbers.Add(pair.B.Stack->Connections[Handles.IndexOf(next)].InitialSend);
        }
        Assert.NotEqual(numbers[0], numbers[1]);
    }

    [Fact]
    public void TheLastListenersAndDatagramSocketsAreForThePrivileged()
    {
        using TwoHosts pair = new(new FaultRates(), 1, A, B, c =>
        {
            c.Listeners = c.DatagramSockets = 4;
            c.ReservedListeners = c.ReservedDatagramSockets = 1;
            return c;
        });
        Stack* stack = pair.B.Stack;
        for (ushort port = 1; port <= 3; port++)
        {
            Assert.True(stack->Listen(0, port, 1) >= 0);
            Assert.True(stack->OpenUdp(0, port, pair.Now) >= 0);
        }
        Assert.Equal(SocketError.NoRoom, stack->Listen(0, 4, 1));
        Assert.Equal(SocketError.NoRoom, stack->OpenUdp(0, 4, pair.Now));
        Assert.Equal(SocketError.NoRoom, stack->OpenEcho(4, pair.Now));
        int listener = stack->Listen(0, 4, 1, privileged: true), socket = stack->OpenEcho(4, pair.Now, privileged: true);
        Assert.True(listener >= 0 && socket >= 0);
        Assert.Equal(SocketError.NoRoom, stack->Listen(0, 5, 1, privileged: true));
        Assert.Equal(SocketError.NoRoom, stack->OpenUdp(0, 5, pair.Now, privileged: true));
        // What is given back is the privileged's again.
        stack->Close(listener, pair.Now);
        stack->Close(socket, pair.Now);
        Assert.Equal(SocketError.NoRoom, stack->Listen(0, 4, 1));
        Assert.Equal(SocketError.NoRoom, stack->OpenUdp(0, 4, pair.Now));
    }
}
