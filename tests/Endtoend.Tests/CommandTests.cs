using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Threading;
using Evilman;
using Evilman.Demo;
using Evilman.Lab;
using Evilman.Minting;
using Evilman.Net;
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

    /// <summary>Neither of the machine that the guest is in, nor of another one.</summary>
    [ClusterFact]
    public void Who_has_a_guests_key_uploads_to_no_machine_and_ends_none()
    {
        var target = cluster.Order(cluster.OtherNode, Cluster.CheckpointLoader);
        var refused = Assert.Throws<ChannelException>(() =>
            SecureSocket.Connect(cluster.Connect(target.Boot, Upload.Port), Upload.Magic, Upload.Version, cluster.GuestKey).Dispose());
        Assert.Equal(ChannelStatus.NotAuthenticated, refused.Status);
        foreach (var node in (LabNode[])[cluster.Home.Node, target.Node])
        {
            Assert.Equal(Refusal.NoSuchDomain, cluster.AtClient(() =>
            {
                using var echo = EchoSocket.Open();
                return MagicPinger.End(echo, IPAddress.Parse(node.Address), cluster.GuestKey, Cluster.Patience)?.Refusal;
            }));
        }
        Assert.True(Cluster.Alive(target.Process), "the machine has ended");
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
        using var crowd = new Crowd(new IPEndPoint(Cluster.Guest, MoveCommand.Port), seen, AtClient, replaying: 16);
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

    /// <summary>As <see cref="Strangers_who_fill_the_port_keep_nobody_out"/>, by those who go on sending, a byte now and then.</summary>
    [ClusterFact]
    public void Strangers_who_send_byte_by_byte_lose_their_own_connections_and_nobody_elses()
    {
        const int Strangers = 24, Ended = 8;
        var seen = Hello(cluster.GuestKey);
        Answered(seen).Dispose();
        byte[][] messages = [seen, Hello(new byte[20]), new byte[ChannelHello.MessageSize], [.. "GET / HTTP/1.0\r\n"u8, .. new byte[ChannelHello.MessageSize]]];
        using var strangers = new Tricklers(new IPEndPoint(Cluster.Guest, MoveCommand.Port), AtClient, Strangers, messages);
        Cluster.Until(() => strangers.Ended >= Ended, "strangers who cannot prove that they have the key keep their connections");
        for (var times = 0; times < 5; times++)
        {
            var clock = Stopwatch.StartNew();
            RefuseCommand(place: 0);
            Assert.True(clock.ElapsedMilliseconds < 5000, $"the owner got in after {clock.ElapsedMilliseconds} ms, at the {times}th time");
        }
        cluster.Move();
    }

    /// <summary>
    /// A guest was once moved by whoever asked its web server to (CGI), to wherever he said. Nobody is asked for there now: the guest does not know the page, connects
    /// to nobody, and stays.
    /// </summary>
    [ClusterFact]
    public void The_web_server_moves_nothing_whoever_asks_it()
    {
        // The page was a file of the guest's archive. Tests put pages of their own beside those.
        Assert.DoesNotContain(ArchiveNames(Cluster.Built("guest.cpio")), name => name.Contains("cgi-bin", StringComparison.Ordinal));
        using var attacker = cluster.AtClient(() =>
        {
            var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(Cluster.Client, Upload.Port));
            listener.Listen();
            return listener;
        });
        foreach (var method in (string[])["GET", "POST", "HEAD"])
            foreach (var page in (string[])["move", "move/", "progress", "cancel", "../cgi-bin/move"])
                foreach (var query in (string[])[$"?{Cluster.Client}", $"?{Cluster.Client}:1707&verify&rate=100", ""])
                    Assert.Matches("^HTTP/1.[01] (400|403|404|501) ", Ask($"{method} /cgi-bin/{page}{query} HTTP/1.0\r\nContent-Length: 0\r\n\r\n"));
        Assert.False(attacker.Poll(1_000_000, SelectMode.SelectRead), "the guest connects to whom a stranger has named");
        cluster.AssertStayed();

        string Ask(string request)
        {
            using var socket = cluster.Connect(Cluster.Guest, 80);
            socket.ReceiveTimeout = 10_000;
            socket.Send(Encoding.ASCII.GetBytes(request));
            var answer = new byte[64];
            return Encoding.ASCII.GetString(answer, 0, socket.Receive(answer));
        }
    }

    /// <summary>Names in an archive (cpio -H newc): header of 110 bytes, of which the numbers of 8 digits at 54 and 94 are the sizes of content and name.</summary>
    private static List<string> ArchiveNames(string path)
    {
        var bytes = File.ReadAllBytes(path);
        List<string> names = [];
        for (var at = 0; at + 110 <= bytes.Length && bytes.AsSpan(at, 6).SequenceEqual("070701"u8);)
        {
            int content = Number(at + 54), name = Number(at + 94);
            names.Add(Encoding.ASCII.GetString(bytes, at + 110, name - 1));
            at = (at + 110 + name + 3) / 4 * 4;
            at = (at + content + 3) / 4 * 4;
        }
        Assert.Contains("www/index.html", names);
        return names;

        int Number(int at) => int.Parse(Encoding.ASCII.GetString(bytes, at, 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    private void AtClient(Action run) => cluster.AtClient(() =>
    {
        run();
        return 0;
    });

    [ClusterFact]
    public void Commands_that_make_no_sense_are_refused()
    {
        foreach (var place in (int[])[0, 4, 6, 15, 19, 23, 44, 55])
            RefuseCommand(place);
        // There is no move to be given up.
        var cancel = new byte[CancelCommand.Size];
        CancelCommand.Emit(cancel);
        Refuse(cancel);
        cluster.AssertStayed();
    }

    /// <summary>
    /// A guest runs sixteen programs for others at a time. Each ends with its client's connection, and what it has started too, whether that hears SIGTERM or not.
    /// </summary>
    [ClusterFact]
    public void Sixteen_programs_run_for_clients_and_end_with_their_connections()
    {
        const int Most = 16;
        // As no other test's program has it among its words.
        const string Sleeper = "77701";
        List<GuestExec> running = [];
        try
        {
            for (var i = 0; i < Most; i++)
                running.Add(Start("sh", "-c", $"trap '' TERM; sleep {Sleeper} & wait"));
            Cluster.Until(() => Sleepers() == Most, "not every program has started its own");
            Assert.Contains("runs as many programs for others as it can", Assert.Throws<Failure>(() => Start("true")).Message, StringComparison.Ordinal);
            running[0].Dispose();
            Cluster.Until(() => Sleepers() == Most - 1, "what a program has started outlives its client's connection");
            running[0] = Start("sleep", Sleeper);
            Cluster.Until(() => Sleepers() == Most, "a program that has ended keeps its place");
        }
        finally
        {
            running.ForEach(program => program.Dispose());
        }
        Cluster.Until(() => Sleepers() == 0, "what a program has started outlives its client's connection");
        Assert.Equal(0, Start("true").Run(null, _ => { }, _ => { }));
        cluster.AssertStayed();

        GuestExec Start(params string[] words) => GuestExec.Start(cluster.Connect(Cluster.Guest, MoveCommand.Port), cluster.GuestKey, words, Cluster.Patience);
        // The page's own process has the word as well, but not alone behind the program's name.
        int Sleepers() => cluster.Run("ps", "-o", "args").Split('\n').Count(line => line.Trim() == $"sleep {Sleeper}");
    }

    /// <summary>Gives a command of which one byte is wrong, which is refused.</summary>
    private void RefuseCommand(int place)
    {
        var command = new byte[MoveCommand.Size];
        new MoveCommand { Address = Ipv4.Number(Cluster.Client), DestinationPort = 1707 }.Emit(command, new byte[20]);
        command[place] ^= 0x80;
        Refuse(command);
    }

    private void Refuse(byte[] command)
    {
        using var socket = SecureSocket.Connect(cluster.Connect(Cluster.Guest, MoveCommand.Port), MoveCommand.HelloMagic, MoveCommand.HelloVersion, cluster.GuestKey);
        socket.Socket.ReceiveTimeout = 10_000;
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
