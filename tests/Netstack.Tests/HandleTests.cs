using System;
using Xunit;

namespace Netstack.Tests;

/// <summary>A handle that has been given up names nothing, also when its place in the table belongs to another socket by then.</summary>
public sealed unsafe class HandleTests
{
    private const uint A = 0x0a000001;
    private const uint B = 0x0a000002;

    /// <summary>One place of each kind, so that each new socket gets the last one's.</summary>
    private static TwoHosts NewPair() =>
        new(new FaultRates(), 1, A, B, configuration =>
        {
            configuration.Connections = 1;
            configuration.Listeners = 1;
            configuration.DatagramSockets = 1;
            return configuration;
        });

    private static void AssertSamePlace(int stale, int current)
    {
        Assert.True(current >= 0, $"{current}");
        Assert.NotEqual(stale, current);
        Assert.Equal(Handles.IndexOf(stale), Handles.IndexOf(current));
    }

    private static void AssertNamesNothing(Stack* stack, int stale, ulong now)
    {
        Assert.Equal(SocketError.BadSocket, stack->Send(stale, new byte[1], now));
        Assert.Equal(SocketError.BadSocket, stack->Receive(stale, new byte[1], now));
        Assert.Equal(SocketError.BadSocket, stack->Available(stale));
        Assert.Equal(SocketError.BadSocket, stack->Shutdown(stale, now));
        Assert.Equal(SocketError.BadSocket, stack->Accept(stale));
        Assert.Equal(SocketError.BadSocket, stack->SetBacklog(stale, 2));
        Assert.Equal(SocketError.BadSocket, stack->SendTo(stale, new byte[1], B, 1, now));
        Assert.Equal(SocketError.BadSocket, stack->ReceiveFrom(stale, new byte[1], out _));
        Assert.Equal(SocketError.BadSocket, stack->GetEndpoints(stale, out _));
        Assert.Equal(SocketError.BadSocket, stack->Close(stale, now));
        Assert.Equal(SocketError.BadSocket, stack->Abort(stale, now));
    }

    [Fact]
    public void The_handle_of_a_connection_that_was_given_up_does_not_reach_the_next_one()
    {
        using TwoHosts pair = NewPair();
        (int stale, int peer) = pair.Connect();
        pair.A.Stack->Abort(stale, pair.Now);
        pair.Pass(0.1);
        pair.B.Stack->Close(peer, pair.Now);
        int current = pair.A.Stack->Connect(B, 80, 0, 0, pair.Now);
        pair.Pass(0.5);
        AssertSamePlace(stale, current);
        AssertNamesNothing(pair.A.Stack, stale, pair.Now);
        Assert.Equal(3, pair.A.Stack->Send(current, new byte[3], pair.Now));
    }

    [Fact]
    public void The_handle_of_a_listener_that_was_closed_does_not_reach_the_next_one()
    {
        using TwoHosts pair = NewPair();
        int stale = pair.A.Stack->Listen(0, 80, 4);
        pair.A.Stack->Close(stale, pair.Now);
        int current = pair.A.Stack->Listen(0, 81, 4);
        AssertSamePlace(stale, current);
        AssertNamesNothing(pair.A.Stack, stale, pair.Now);
        Assert.Equal(SocketError.WouldBlock, pair.A.Stack->Accept(current));
    }

    [Fact]
    public void The_handle_of_a_datagram_socket_that_was_closed_does_not_reach_the_next_one()
    {
        using TwoHosts pair = NewPair();
        int stale = pair.A.Stack->OpenUdp(0, 53, pair.Now);
        pair.A.Stack->Close(stale, pair.Now);
        int current = pair.A.Stack->OpenUdp(0, 54, pair.Now);
        AssertSamePlace(stale, current);
        AssertNamesNothing(pair.A.Stack, stale, pair.Now);
        Assert.Equal(SocketError.WouldBlock, pair.A.Stack->ReceiveFrom(current, new byte[1], out _));
    }
}
