using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Cstrap.Tests;

/// <summary>
/// Strangers who leave their connections unfinished, three segments on each, or come again and again, close neither the firmware's port nor a guest's.
/// </summary>
public sealed class StrangerTests
{
    private static readonly byte[] s_loader = Repository.ReadImage("loader-kernel"), s_kernel = Repository.ReadImage("guestos");

    /// <summary>A client that repeats a recorded message takes no place, however often it connects.</summary>
    [RootTheory, Monitors]
    public void A_customer_gets_in_at_once_among_strangers_who_come_again_and_again(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] seen = Client.Hello(Client.Key);
        using (Socket customer = machine.Space.Connect())
        {
            customer.Send(seen);
            Assert.Equal(ChannelHello.MessageSize, Client.ReadRaw(customer, ChannelHello.MessageSize).Length);
        }
        using var crowd = new Crowd(new IPEndPoint(IPAddress.Parse(machine.Boot), Upload.Port), seen, machine.Space.Enter, replaying: 7);
        var begin = Stopwatch.StartNew();
        for (int times = 0; begin.Elapsed < TimeSpan.FromSeconds(10) || times < 5; times++)
        {
            var clock = Stopwatch.StartNew();
            using (machine.UploadLoader(s_loader))
                Assert.True(clock.ElapsedMilliseconds < 2000, $"the customer got in after {clock.ElapsedMilliseconds} ms, at the {times}th time");
            Thread.Sleep(300);
        }
    }

    /// <summary>
    /// Strangers who send a byte now and then and hold their connections keep no customer out, not one either who is as slow as they are: each loses his own connection,
    /// or has none as far as the firmware is concerned, and nobody else's.
    /// </summary>
    [RootTheory, Monitors]
    public void Strangers_who_send_byte_by_byte_lose_their_own_connections_and_nobody_elses(string monitor)
    {
        const int Strangers = 24, Ended = 8;
        using var machine = new Machine(monitor, s_loader);
        byte[] seen = Client.Hello(Client.Key);
        using (Socket customer = machine.Space.Connect())
        {
            customer.Send(seen);
            Assert.Equal(ChannelHello.MessageSize, Client.ReadRaw(customer, ChannelHello.MessageSize).Length);
        }
        byte[][] messages = [seen, Client.Hello(new byte[20]), new byte[ChannelHello.MessageSize], [.. "GET / HTTP/1.0\r\n"u8, .. new byte[ChannelHello.MessageSize]]];
        using var strangers = new Tricklers(new IPEndPoint(IPAddress.Parse(machine.Boot), Upload.Port), machine.Space.Enter, Strangers, messages);
        byte[] upload = Client.Upload(s_loader);
        using SecureSocket slow = Client.Open(machine.Space.Connect());
        int sent = 0;
        var begin = Stopwatch.StartNew();
        while ((begin.Elapsed < TimeSpan.FromSeconds(4) || strangers.Ended < Ended) && sent < upload.Length - 100)
        {
            slow.Send(upload.AsSpan(sent, 1));
            sent++;
            Thread.Sleep(25);
        }
        Assert.True(strangers.Ended >= Ended, $"only {strangers.Ended} strangers have lost their connections");
        slow.Send(upload.AsSpan(sent));
        Assert.Equal((UploadStage.Firmware, UploadRefusal.None, 0ul), Client.Answer(slow));
        slow.Dispose();
        for (int times = 0; times < 5; times++)
        {
            var clock = Stopwatch.StartNew();
            using (machine.UploadLoader(s_loader))
                Assert.True(clock.ElapsedMilliseconds < 5000, $"the customer got in after {clock.ElapsedMilliseconds} ms, at the {times}th time");
        }
    }

    [RootFact]
    public void Who_acknowledges_no_refusal_keeps_nobody_out_of_the_firmware()
    {
        using var machine = new Machine("domain", s_loader);
        using var strangers = new RawPeer(machine.Space, Space.Boot, Space.Boot);
        Assert.Equal(12, strangers.OpenAndLeave(12, Upload.Port, ChannelHello.MessageSize));
        var clock = Stopwatch.StartNew();
        using SecureSocket customer = machine.UploadLoader(s_loader);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 3000);
    }

    /// <summary>More of them than there are rings for what is sent (docs/architecture.md, "The guest's network").</summary>
    [RootFact]
    public void Who_acknowledges_no_refusal_keeps_nobody_out_of_a_guest()
    {
        const string Guest = "10.0.0.3";
        const int Strangers = 320;
        using var machine = new Machine("domain", s_loader, memory: 32);
        using SecureSocket customer = machine.UploadLoader(s_loader);
        byte[] files = File.ReadAllBytes(Path.Combine(Repository.Root, "out/guest.cpio"));
        customer.Send(Client.Bundle("init=/init", s_kernel, [.. files, .. WithKey()]));
        Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None, 0ul), Client.Answer(customer));
        // The command port is the last to be opened, at some time after that.
        machine.Await("init: echo on port 7");
        Wait.Until(Listens, () => $"nobody listens on port {MoveCommand.Port}:\n{machine.Console}", 15);
        AssertBothAnswer();
        using var strangers = new RawPeer(machine.Space, Space.Boot, Guest);
        Assert.InRange(strangers.OpenAndLeave(Strangers, MoveCommand.Port, ChannelHello.MessageSize), Strangers - 20, Strangers);
        AssertBothAnswer();

        bool Listens()
        {
            try
            {
                machine.Space.Connect(MoveCommand.Port, Guest).Dispose();
                return true;
            }
            catch (AggregateException refused) when (refused.InnerException is SocketException)
            {
                return false;
            }
        }

        void AssertBothAnswer()
        {
            using (Socket owner = machine.Space.Connect(MoveCommand.Port, Guest))
            {
                owner.Send(new byte[ChannelHello.MessageSize]);
                Assert.Equal(ChannelHello.Size, Client.ReadRaw(owner, ChannelHello.MessageSize).Length);
            }
            using Socket reader = machine.Space.Connect(80, Guest);
            reader.Send("GET / HTTP/1.0\r\n\r\n"u8);
            Assert.StartsWith("HTTP/1", Encoding.ASCII.GetString(Client.ReadRaw(reader, 10)), StringComparison.Ordinal);
        }
    }

    /// <summary>An archive (cpio -H newc) with a guest key, for nobody.</summary>
    private static byte[] WithKey() =>
    [
        .. Entry("etc/evilman", 0x41c0, []), .. Entry("etc/evilman/guest.key", 0x8100, Encoding.ASCII.GetBytes(new string('4', 40) + "\n")),
        .. Entry("TRAILER!!!", 0, []),
    ];

    private static byte[] Entry(string name, int mode, byte[] content)
    {
        string header = $"070701{0:x8}{mode:x8}{0:x8}{0:x8}{1:x8}{0:x8}{content.Length:x8}{0:x8}{0:x8}{0:x8}{0:x8}{name.Length + 1:x8}{0:x8}";
        byte[] head = Encoding.ASCII.GetBytes(header + name + "\0");
        return [.. Padded(head), .. Padded(content)];

        static byte[] Padded(byte[] bytes) => [.. bytes, .. Enumerable.Repeat((byte)0, -bytes.Length & 3)];
    }
}
