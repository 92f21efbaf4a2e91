using System;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Xunit;

namespace Netstack.Tests;

/// <summary>
/// Our TCP against the Linux kernel's with the stack at hand: its states, errors and offloads. <see cref="RelayTests"/> has the bad wires.
/// </summary>
[Collection("Linux")]
public sealed unsafe class LinuxTests
{
    [NamespaceFact]
    public void LinuxPingsAndEchoes()
    {
        using LinuxNetwork network = new();
        EchoServer server = new(network.Host, 7);
        network.Application = server.Step;
        string output = network.Command("ping", "-c 3 -i 0.05 -s 1000 10.77.0.2");
        Assert.Contains("3 received", output);
        using Socket socket = network.ConnectTo(7);
        byte[] reply = new byte[64];
        for (int i = 0; i < 100; i++)
        {
            byte[] message = Pattern.Make(i * 64, 64);
            socket.Send(message);
            ReceiveAll(socket, reply);
            Assert.Equal(message, reply);
        }
        socket.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, socket.Receive(reply));
        network.WaitFor(() => server.Open == 0, "the echo server closes");
    }

    public static TheoryData<string, bool, bool> Streams
    {
        get
        {
            TheoryData<string, bool, bool> data = [];
            foreach (bool weConnect in new[] { false, true })
            {
                data.Add("clean", weConnect, false);
                data.Add("clean", weConnect, true);
            }
            data.Add("loss", false, true);
            data.Add("reorder", true, true);
            return data;
        }
    }

    [NamespaceTheory]
    [MemberData(nameof(Streams))]
    public void StreamsBothWays(string wire, bool weConnect, bool offload)
    {
        FaultRates rates = wire switch
        {
            "clean" => new FaultRates(Delay: 0),
            "loss" => new FaultRates(Loss: 0.02, Delay: 200_000),
            _ => new FaultRates(Reorder: 0.05, Delay: 200_000),
        };
        long size = wire == "clean" ? 20_000_000 : 1_500_000;
        using LinuxNetwork network = new(rates, seed: 7, offload);
        (Socket socket, Streamer streamer) = Open(network, weConnect, size);
        using (socket)
        {
            string ss = network.Command("ss", "-tino");
            Assert.Matches(@"\bts\b", ss);
            Assert.Contains("sack", ss);
            Assert.Contains("wscale:", ss);
            lock (network.Gate)
            {
                Assert.Equal(0, network.Host.Stack->GetInformation(streamer.Socket, out ConnectionInformation information));
                Assert.True(information.SackPermitted && information.TimestampsEnabled);
                Assert.Equal(1448, information.MaximumSegmentSize);
                Assert.True(information.SendWindowShift > 0);
            }
            Thread send = new(() =>
            {
                for (long at = 0; at < size;)
                {
                    byte[] bytes = Pattern.Make(at, (int)Math.Min(65536, size - at));
                    at += socket.Send(bytes);
                }
                socket.Shutdown(SocketShutdown.Send);
            });
            send.Start();
            byte[] buffer = new byte[65536];
            long received = 0;
            int got;
            while ((got = socket.Receive(buffer)) > 0)
            {
                Assert.Equal(-1, Pattern.FirstWrong(buffer.AsSpan(0, got), received));
                received += got;
            }
            Assert.Equal(size, received);
            Assert.True(send.Join(30000), "Linux could not send everything");
            network.WaitFor(() => streamer.Done || streamer.Error != 0, "the stack's side ends");
            Assert.Equal((0, -1L, size), (streamer.Error, streamer.WrongAt, streamer.Received));
        }
    }

    private static (Socket Socket, Streamer Streamer) Open(LinuxNetwork network, bool weConnect, long size)
    {
        Stack* stack = network.Host.Stack;
        Socket socket;
        int ours = -1;
        if (weConnect)
        {
            using Socket listener = network.ListenAt(5001);
            lock (network.Gate)
            {
                ours = stack->Connect(LinuxNetwork.LinuxAddress, 5001, 0, 0, network.Now);
                Assert.True(ours >= 0);
            }
            socket = listener.Accept();
            socket.NoDelay = true;
            network.WaitFor(() => (stack->GetReadiness(ours) & Readiness.Writable) != 0, "we are connected");
        }
        else
        {
            int listener;
            lock (network.Gate)
                listener = stack->Listen(0, 5001, 4);
            socket = network.ConnectTo(5001);
            network.WaitFor(() => (ours = stack->Accept(listener)) >= 0, "the connection is accepted");
        }
        socket.ReceiveTimeout = socket.SendTimeout = 30000;
        Streamer streamer = new(network.Host, ours, size);
        lock (network.Gate)
            network.Application = streamer.Step;
        return (socket, streamer);
    }

    [NamespaceFact]
    public void LinuxRefusesAndResets()
    {
        using LinuxNetwork network = new();
        Stack* stack = network.Host.Stack;
        int refused;
        lock (network.Gate)
            refused = stack->Connect(LinuxNetwork.LinuxAddress, 9, 0, 0, network.Now);
        network.WaitFor(() => (stack->GetReadiness(refused) & Readiness.Error) != 0, "the connection is refused");
        lock (network.Gate)
            Assert.Equal(SocketError.Refused, stack->TakeError(refused));

        // Nobody listens at ours either.
        SocketException failure = Assert.Throws<SocketException>(() => network.ConnectTo(9));
        Assert.Equal(System.Net.Sockets.SocketError.ConnectionRefused, failure.SocketErrorCode);

        (Socket socket, Streamer streamer) = Open(network, weConnect: false, 0);
        lock (network.Gate)
            network.Application = null;
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
        network.WaitFor(() => (stack->GetReadiness(streamer.Socket) & Readiness.Error) != 0, "the reset arrives");
        lock (network.Gate)
        {
            Assert.Equal(SocketError.Reset, stack->Receive(streamer.Socket, new byte[10], network.Now));
            Assert.Equal(0, stack->Receive(streamer.Socket, new byte[10], network.Now));
            Assert.Equal(0, stack->Close(streamer.Socket, network.Now));
            Assert.Equal(SocketError.BadSocket, stack->Close(streamer.Socket, network.Now));
        }
    }

    [NamespaceFact]
    public void WeAbort()
    {
        using LinuxNetwork network = new();
        (Socket socket, Streamer streamer) = Open(network, weConnect: true, 0);
        lock (network.Gate)
        {
            network.Application = null;
            network.Host.Stack->Abort(streamer.Socket, network.Now);
        }
        SocketException failure = Assert.Throws<SocketException>(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                socket.Send(new byte[10]);
                Thread.Sleep(5);
            }
        });
        Assert.Contains(failure.SocketErrorCode, new[] { System.Net.Sockets.SocketError.ConnectionReset, System.Net.Sockets.SocketError.Shutdown });
        socket.Dispose();
    }

    [NamespaceTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void HalfCloseGoesOnTheOtherWay(bool weCloseFirst)
    {
        using LinuxNetwork network = new();
        (Socket socket, Streamer streamer) = Open(network, weConnect: false, 0);
        Stack* stack = network.Host.Stack;
        using (socket)
        {
            if (weCloseFirst)
            {
                // The streamer with nothing to send shuts down at once.
                Assert.Equal(0, socket.Receive(new byte[10]));
                for (int i = 0; i < 50; i++)
                    socket.Send(Pattern.Make(i * 1000, 1000));
                socket.Shutdown(SocketShutdown.Send);
                network.WaitFor(() => streamer.Done, "everything arrives after our FIN");
                Assert.Equal((50000, -1), (streamer.Received, streamer.WrongAt));
                network.WaitFor(() => StateOf(stack, streamer.Socket) is TcpState.TimeWait, "TIME-WAIT");
            }
            else
            {
                lock (network.Gate)
                    network.Application = null;
                using Socket other = network.ConnectTo(5001);
                int ours = -1;
                network.WaitFor(() => (ours = stack->Accept(FirstListener(stack))) >= 0, "accepted");
                other.Shutdown(SocketShutdown.Send);
                network.WaitFor(() => StateOf(stack, ours) == TcpState.CloseWait, "CLOSE-WAIT");
                lock (network.Gate)
                {
                    Assert.Equal(0, stack->Receive(ours, new byte[10], network.Now));
                    Assert.Equal(1000, stack->Send(ours, Pattern.Make(0, 1000), network.Now));
                }
                byte[] got = new byte[1000];
                ReceiveAll(other, got);
                Assert.Equal(-1, Pattern.FirstWrong(got, 0));
                lock (network.Gate)
                    stack->Close(ours, network.Now);
                Assert.Equal(0, other.Receive(got));
            }
        }
    }

    [NamespaceFact]
    public void KeepAliveProbesAreAnsweredBothWays()
    {
        using LinuxNetwork network = new();
        (Socket socket, Streamer streamer) = Open(network, weConnect: false, 0);
        Stack* stack = network.Host.Stack;
        using (socket)
        {
            lock (network.Gate)
            {
                network.Application = null;
                stack->SetOption(streamer.Socket, SocketOption.KeepAlive, 1, network.Now);
                // Linux answers at most every 500 ms (tcp_invalid_ratelimit).
                stack->SetOption(streamer.Socket, SocketOption.KeepAliveInterval, 600, network.Now);
                stack->SetOption(streamer.Socket, SocketOption.KeepAliveCount, 3, network.Now);
                stack->SetOption(streamer.Socket, SocketOption.KeepAliveIdle, 100, network.Now);
            }
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 1);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 1);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 1);
            Thread.Sleep(2500);
            lock (network.Gate)
            {
                Assert.InRange(stack->Counters.KeepAliveProbes, 3ul, 20ul);
                Assert.Equal(Readiness.Writable, stack->GetReadiness(streamer.Socket));
            }
            Assert.True(socket.Poll(0, SelectMode.SelectWrite) && !socket.Poll(0, SelectMode.SelectError));
            // A peer that is gone is found out.
            network.Command("ip", "link set tap0 down");
            network.WaitFor(() => (stack->GetReadiness(streamer.Socket) & Readiness.Error) != 0, "keep-alive gives up", 5);
            lock (network.Gate)
                Assert.Equal(SocketError.TimedOut, stack->TakeError(streamer.Socket));
        }
    }

    [NamespaceFact]
    public void ZeroWindowsAreProbedBothWays()
    {
        using LinuxNetwork network = new();
        Stack* stack = network.Host.Stack;
        (Socket socket, Streamer streamer) = Open(network, weConnect: false, 6_000_000);
        using (socket)
        {
            // Linux does not read: our queue fills and its window closes.
            socket.ReceiveBufferSize = 8192;
            network.WaitFor(() => stack->Counters.ZeroWindowProbes >= 2, "we probe the closed window", 10);
            lock (network.Gate)
                network.Application = null;
            socket.Blocking = false;
            long sent = 0;
            for (int idle = 0; idle < 50;)
            {
                try
                {
                    sent += socket.Send(Pattern.Make(sent, 16384));
                    idle = 0;
                }
                catch (SocketException)
                {
                    idle++;
                    Thread.Sleep(10);
                }
            }
            socket.Blocking = true;
            lock (network.Gate)
                network.Application = streamer.Step;
            byte[] buffer = new byte[65536];
            for (long received = 0; received < 6_000_000;)
            {
                int got = socket.Receive(buffer);
                Assert.Equal(-1, Pattern.FirstWrong(buffer.AsSpan(0, got), received));
                received += got;
            }
            socket.Shutdown(SocketShutdown.Send);
            network.WaitFor(() => streamer.Done, "both ends close");
            Assert.Equal((sent, -1L), (streamer.Received, streamer.WrongAt));
        }
    }

    private static TcpState StateOf(Stack* stack, int socket)
    {
        stack->GetInformation(socket, out ConnectionInformation information);
        return information.State;
    }

    private static int FirstListener(Stack* stack) => Handles.Of(stack, stack->Listeners);

    internal static void ReceiveAll(Socket socket, byte[] into)
    {
        for (int got = 0; got < into.Length;)
        {
            int part = socket.Receive(into, got, into.Length - got, SocketFlags.None);
            Assert.True(part > 0, "the stream ended early");
            got += part;
        }
    }
}
