using System;
using System.Diagnostics;
using System.Net.Sockets;
using NetstackHost;
using Xunit;

namespace Netstack.Tests;

/// <summary>The relay passes nothing on: for some seconds, for good, or because neither side sends anything.</summary>
public sealed class RelaySilenceTests
{
    /// <summary>In the middle of a transfer nothing passes for some seconds; then everything still arrives.</summary>
    [NamespaceTheory]
    [InlineData(Far.Kernel)]
    [InlineData(Far.OursListens)]
    public void ADarkWireIsWaitedFor(Far far)
    {
        int seed = Seeds.OfRelay[0];
        TwoTaps made = new(RelayTests.Rates("loss"), seed, far, 2, darkFrom: 200, darkSeconds: 2.5);
        RelayTests.Repeatable("loss, then dark", seed, far, made, taps =>
        {
            Exchange one = Exchange.Start(taps, new Request { Id = 0, Order = Order.Both, Answer = 1_500_000 }, 1_500_000);
            Exchange two = Exchange.Start(taps, new Request { Id = 1, Order = Order.AnswerLast, Answer = 100_000 }, 1_500_000);
            one.Finish(taps.Host);
            two.Finish(taps.Host);
            Assert.True(taps.Relay.Darkened > 0, "nothing was sent in the dark");
        });
    }

    /// <summary>Both ends ask an idle peer whether it is there, over a wire that loses every tenth frame; when it is cut, both find out.</summary>
    [NamespaceTheory]
    [InlineData(Far.Kernel)]
    [InlineData(Far.OursListens)]
    [InlineData(Far.OursConnects)]
    public void KeepAliveSeesThatAPeerIsGone(Far far)
    {
        int seed = Seeds.OfRelay[0];
        TwoTaps made = new(new FaultRates(Loss: 0.1, Delay: 2_000_000), seed, far, 1);
        RelayTests.Repeatable("a tenth lost, then cut", seed, far, made, taps =>
        {
            using Socket socket = taps.NewConnection();
            byte[] request = new byte[Request.Size];
            // The answer comes last, so the far end only listens. The kernel answers probes at most every 500 ms (tcp_invalid_ratelimit).
            new Request { Id = 7, Order = Order.AnswerLast, KeepAlive = 700 }.Write(request);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 1);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 1);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
            socket.Send(request);
            int before = taps.Relay.ToB.Total;
            Stopwatch idle = Stopwatch.StartNew();
            while (taps.Relay.ToB.Total < before + 3 || idle.Elapsed.TotalSeconds < 2.5)
            {
                Assert.False(socket.Poll(20_000, SelectMode.SelectRead), "something came, or the connection broke, while nothing was said");
                Assert.True(idle.Elapsed.TotalSeconds < 30, "nobody asks whether the peer is there");
            }
            socket.ReceiveTimeout = 90_000; // whose end looks like the error that is waited for
            taps.Relay.Cut();
            SocketException gone = Assert.Throws<SocketException>(() => socket.Receive(request));
            Assert.Equal(System.Net.Sockets.SocketError.TimedOut, gone.SocketErrorCode);
            Assert.InRange(idle.Elapsed.TotalSeconds, 0, 80);
            if (far == Far.Kernel)
                return;
            Assert.Equal(SocketError.TimedOut, taps.Host.WaitFor(7).Error);
            Assert.True(taps.Host.Stop()["keepalives"] >= 3, "our stack did not ask");
        });
    }
}
