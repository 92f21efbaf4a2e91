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

    /// <summary>A program may answer and end: its answer is under way while it is said that it has ended.</summary>
    [Fact]
    public void What_is_under_way_arrives_before_it_has_finished()
    {
        using Socket near = Listening(), far = Listening();
        using var forwarder = new Forwarder(near, () => Connect(far));
        using var client = Connect(near);
        client.Send("ask"u8);
        using var server = far.Accept();
        var answer = new byte[100_000];
        new System.Threading.Thread(() =>
        {
            System.Threading.Thread.Sleep(30);
            server.Send(answer);
            server.Shutdown(SocketShutdown.Send);
        }).Start();
        forwarder.Finish();
        // Nothing is led on any more when the process has ended: what has come by now is all that comes.
        Assert.Equal(answer.Length, client.Available);
    }

    /// <summary>A connection that is kept open for the next request keeps nobody waiting.</summary>
    [Fact]
    public void An_idle_connection_is_not_waited_for()
    {
        using Socket near = Listening(), far = Listening();
        using var forwarder = new Forwarder(near, () => Connect(far));
        using var client = Connect(near);
        client.Send("ask"u8);
        using var server = far.Accept();
        var begin = System.Diagnostics.Stopwatch.StartNew();
        forwarder.Finish();
        Assert.True(begin.Elapsed < System.TimeSpan.FromSeconds(1.5), $"{begin.Elapsed}");
    }
}
