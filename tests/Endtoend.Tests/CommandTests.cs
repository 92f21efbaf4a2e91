using System;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Threading;
using Evilman;
using Evilman.Demo;
using Evilman.Tokens;
using Testing.Machines;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>The guest's port for commands: clients without the key move nothing, and do not keep out clients with it.</summary>
[Collection("failures")]
public sealed class CommandTests(Cluster shared)
{
    private readonly Cluster cluster = shared.Ready();

    [ClusterFact]
    public void Who_has_no_guest_key_commands_nothing()
    {
        var target = cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader);
        // Neither a stranger's key, nor the key of the machine that the guest is in, nor the one it was booted in.
        foreach (var key in (byte[][])[SHA1.HashData("stranger"u8), cluster.Home.Key, new byte[20]])
        {
            var refused = Assert.Throws<Failure>(() =>
                GuestControl.Move(cluster.Connect(Cluster.Guest, MoveCommand.Port), key, new MoveOrder(target.Boot, target.Key)).Dispose());
            Assert.Contains("does not obey", refused.Message, StringComparison.Ordinal);
        }
        // A first message alone proves nothing, and a repeated one is not even answered.
        var hello = Hello(cluster.GuestKey);
        using (var first = Answered(hello))
        {
            var record = RandomNumberGenerator.GetBytes(2 + MoveCommand.Size + 16);
            Bytes.PutLe16(record, 0, MoveCommand.Size + 16);
            first.Send(record);
            Assert.Equal(0, Rest(first));
        }
        using (var repeated = cluster.Connect(Cluster.Guest, MoveCommand.Port))
        {
            repeated.ReceiveTimeout = 10_000;
            repeated.Send(hello);
            Assert.Equal(0, Rest(repeated));
        }
        cluster.AssertStayed();
        cluster.MoveInto(target);
    }

    [ClusterFact]
    public void Strangers_who_fill_the_port_keep_nobody_out()
    {
        Socket[] strangers = [.. Enumerable.Range(0, 12).Select(i =>
        {
            var socket = cluster.Connect(Cluster.Guest, MoveCommand.Port);
            socket.Send(new byte[1 + i % 3]);
            return socket;
        })];
        cluster.Move();
        foreach (var socket in strangers)
            socket.Dispose();
    }

    [ClusterFact]
    public void Strangers_who_come_again_and_again_keep_nobody_out()
    {
        var seen = Hello(cluster.GuestKey);
        Answered(seen).Dispose();
        using var crowd = new Crowd(new IPEndPoint(Cluster.Guest, MoveCommand.Port), seen, run => cluster.AtClient(() =>
        {
            run();
            return 0;
        }), replaying: 16);
        var begin = Stopwatch.StartNew();
        for (var times = 0; begin.Elapsed < TimeSpan.FromSeconds(10) || times < 5; times++)
        {
            var clock = Stopwatch.StartNew();
            RefuseCommand(place: 0);
            Assert.True(clock.ElapsedMilliseconds < 2000, $"the owner got in after {clock.ElapsedMilliseconds} ms, at the {times}th time");
            Thread.Sleep(300);
        }
        cluster.Move();
    }

    [ClusterFact]
    public void Commands_that_make_no_sense_are_refused()
    {
        foreach (var place in (int[])[0, 4, 6, 15, 19, 23, 44, 55])
            RefuseCommand(place);
        cluster.AssertStayed();
    }

    /// <summary>Gives a command of which one byte is wrong, which is refused.</summary>
    private void RefuseCommand(int place)
    {
        using var socket = SecureSocket.Connect(cluster.Connect(Cluster.Guest, MoveCommand.Port), MoveCommand.HelloMagic, MoveCommand.HelloVersion, cluster.GuestKey);
        socket.Socket.ReceiveTimeout = 10_000;
        var command = new byte[MoveCommand.Size];
        new MoveCommand { Address = Mint.Number(Cluster.Client), DestinationPort = 1707 }.Emit(command, new byte[20]);
        command[place] ^= 0x80;
        socket.Send(command);
        var header = new byte[GuestEvent.HeaderSize];
        Assert.Equal(header.Length, socket.Receive(header));
        Assert.True(GuestEvent.TryParse(header, out var kind, out _, out _));
        Assert.Equal(GuestEventKind.Refused, kind);
    }

    /// <summary>A connection whose first message has been answered.</summary>
    private Socket Answered(byte[] hello)
    {
        var socket = cluster.Connect(Cluster.Guest, MoveCommand.Port);
        socket.ReceiveTimeout = 10_000;
        socket.Send(hello);
        var answer = new byte[ChannelHello.MessageSize];
        for (var have = 0; have < answer.Length;)
        {
            var count = socket.Receive(answer.AsSpan(have));
            Assert.True(count > 0, "the guest closed the connection");
            have += count;
        }
        return socket;
    }

    private static byte[] Hello(byte[] key)
    {
        byte[] hello = new byte[ChannelHello.MessageSize], preShared = new byte[32];
        SecureChannel.PreSharedKey(key, preShared);
        ChannelHello.Emit(hello, MoveCommand.HelloMagic, MoveCommand.HelloVersion);
        NoiseHandshake.Start(hello.AsSpan(0, 8), preShared, RandomNumberGenerator.GetBytes(32)).WriteFirst(default, hello.AsSpan(8));
        return hello;
    }

    /// <summary>Bytes up to the end of the connection.</summary>
    private static int Rest(Socket socket)
    {
        try
        {
            return socket.Receive(new byte[100]);
        }
        catch (SocketException reset) when (reset.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }
}
