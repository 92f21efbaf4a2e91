using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Testing;
using Testing.Machines;
using Xunit;

namespace Migration.Tests;

/// <summary>IPv6 on the wire, with Linux at its other end: a guest is found, served by fragments too, and found again where it has moved to.</summary>
public sealed class Ipv6MoveTests
{
    private const string Near = "fd00::1", Guest6 = "fd00::3", LinkLocal = "fe80::5efe:a00:3";

    [RootIpv6Theory]
    [InlineData("domain")]
    [InlineData("qemu")]
    public void A_connection_by_IPv6_survives_there_and_back(string other)
    {
        using var space = new Space();
        space.InSpace("sysctl", "-qw", "net.ipv6.conf.br0.disable_ipv6=0", "net.ipv6.conf.br0.accept_dad=0");
        space.InSpace("ip", "link", "set", "br0", "addrgenmode", "eui64");
        space.InSpace("ip", "link", "set", "br0", "down");
        space.InSpace("ip", "link", "set", "br0", "up");
        space.InSpace("ip", "-6", "addr", "add", Near + "/64", "dev", "br0", "nodad");
        using var guest = new Guest(space, "domain", commandLine: $"guest.address6={Guest6}/64");
        space.InSpace("ping", "-6", "-c", "2", "-W", "10", Guest6);
        space.InSpace("ping", "-6", "-c", "2", "-W", "10", LinkLocal + "%br0");
        // Longer than the wire: it goes and comes in fragments.
        space.InSpace("ping", "-6", "-s", "4000", "-c", "2", "-W", "10", Guest6);

        using Socket echo = Connect(space);
        for (int move = 0; move < 4; move++)
        {
            Exchange(echo, move);
            MoveTests.Move(guest, move % 2 == 0 ? other : "domain", move);
            Exchange(echo, move);
            // It says itself where it is now, and keeps its addresses; the machine that it left is another's.
            Assert.Contains($"lladdr 02:45:0a:00:00:{10 + move:x2}", space.InSpace("ip", "-6", "neigh", "show", Guest6), StringComparison.Ordinal);
        }
        space.InSpace("ping", "-6", "-c", "2", "-W", "10", LinkLocal + "%br0");
        using Socket later = Connect(space);
        Exchange(later, 99);
    }

    private static Socket Connect(Space space)
    {
        Socket? socket = null;
        // setns(2) moves one thread; the socket stays where it was made.
        var thread = new Thread(() => space.Enter(() => socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 60_000, SendTimeout = 60_000 }));
        thread.Start();
        thread.Join();
        Assert.NotNull(socket);
        Assert.True(socket.ConnectAsync(IPAddress.Parse(Guest6), 7).Wait(60_000), "nobody answers by IPv6");
        return socket;
    }

    /// <summary>More than a segment, there and back.</summary>
    private static void Exchange(Socket echo, int seed)
    {
        byte[] sent = new byte[20_000], received = new byte[sent.Length];
        new Random(seed).NextBytes(sent);
        echo.Send(sent);
        for (int done = 0; done < received.Length;)
        {
            int count = echo.Receive(received.AsSpan(done));
            Assert.True(count > 0, "the connection has ended");
            done += count;
        }
        Assert.Equal(sent, received);
    }
}
