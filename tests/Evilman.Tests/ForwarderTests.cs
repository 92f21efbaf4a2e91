using System.Net;
using System.Net.Sockets;
using Evilman.Run;
using Xunit;

namespace Evilman.Tests;

public sealed class ForwarderTests
{
    static Socket Listening()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    static Socket Connect(Socket to)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 5000 };
        socket.Connect(to.LocalEndPoint!);
        return socket;
    }

    /// <summary>accept(2) fails while a socket does not listen, and for other reasons that pass.</summary>
    [Fact]
    public void A_connection_that_cannot_be_accepted_keeps_none_of_the_next_away()
    {
        using Socket near = Listening(), far = Listening();
        using var forwarder = new Forwarder(near, () => Connect(far));
        near.Shutdown(SocketShutdown.Both);
        System.Threading.Thread.Sleep(50);
        near.Listen();
        using var client = Connect(near);
        client.Send("hello"u8);
        Assert.True(far.Poll(5_000_000, SelectMode.SelectRead), "nobody led the connection on");
        using var server = far.Accept();
        server.ReceiveTimeout = 5000;
        var bytes = new byte[5];
        Assert.Equal(5, server.Receive(bytes));
        Assert.Equal("hello"u8, bytes);
    }
}
