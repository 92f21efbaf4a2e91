using System;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;
using Xunit;

namespace Netstack.Tests;

/// <summary>Our TCP against the Linux kernel's, over a wire with seeded faults.</summary>
[Collection("Linux")]
public sealed unsafe class LinuxTests
{
    [Fact]
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
