using System;
using System.Linq;
using System.Net;
using Evilman.Net;
using Wire;
using Xunit;

namespace Evilman.Tests;

public sealed class NeedsPingsFactAttribute : FactAttribute
{
    public NeedsPingsFactAttribute()
    {
        try
        {
            EchoSocket.Open().Dispose();
        }
        catch (Failure lacking)
        {
            Skip = lacking.Message;
        }
    }
}

/// <summary>Real sockets and the kernel's own answers, on loopback.</summary>
public class EchoSocketTests
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    [NeedsPingsFact]
    public void Each_reply_says_which_request_it_answers()
    {
        using var socket = EchoSocket.Open();
        byte[][] payloads = [[1, 2, 3], [], [4, 5, 6, 7]];
        var numbers = payloads.Select(payload => socket.Send(IPAddress.Loopback, payload)).ToArray();
        Assert.Equal(payloads.Length, numbers.Distinct().Count());
        var until = socket.Now + s_patience;
        for (var i = 0; i < payloads.Length; i++)
        {
            var echo = socket.Receive(IPAddress.Loopback, until);
            Assert.NotNull(echo);
            Assert.Equal(numbers[i], echo.Value.Sequence);
            Assert.Equal(payloads[i], echo.Value.Payload);
        }
    }

    [NeedsPingsFact]
    public void Replies_of_others_and_earlier_ones_are_not_this_exchange_s()
    {
        using EchoSocket socket = EchoSocket.Open(), other = EchoSocket.Open();
        other.Send(IPAddress.Loopback, [9]);
        socket.Send(IPAddress.Loopback, [1]);
        socket.Send(IPAddress.Loopback, [2]);
        var reply = socket.Exchange(IPAddress.Loopback, [3], s_patience);
        Assert.NotNull(reply);
        Assert.Equal([3], reply.Value.Payload);
    }

    [NeedsPingsFact]
    public void Silence_lasts_as_long_as_the_patience()
    {
        using var socket = EchoSocket.Open();
        var end = socket.Now + TimeSpan.FromMilliseconds(60);
        Assert.Null(socket.Receive(IPAddress.Loopback, end));
        Assert.True(socket.Now >= end);
    }

    [NeedsPingsFact]
    public void A_host_that_is_no_node_is_told_from_one()
    {
        using var socket = EchoSocket.Open();
        var failure = Assert.Throws<Failure>(() => MagicPinger.Send(socket, IPAddress.Loopback, new byte[BootToken.Size], s_patience));
        Assert.Contains("not a node", failure.Message, StringComparison.Ordinal);
    }
}
