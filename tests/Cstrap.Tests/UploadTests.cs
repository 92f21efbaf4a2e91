using System;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using Wire;
using Xunit;

namespace Cstrap.Tests;

/// <summary>The firmware's TCP server: whatever a client sends, the next one finds an empty domain that waits.</summary>
public sealed class UploadTests
{
    private static readonly byte[] Loader = Machine.Bytes("loader-kernel");

    [RootTheory, Monitors]
    public void Answers_ping_and_says_over_http_what_it_is(string monitor)
    {
        using var machine = new Machine(monitor, Loader);
        Assert.Contains(" 3 received", machine.Space.InSpace("ping", "-c3", "-i0.1", "-W2", Space.Boot), StringComparison.Ordinal);
        Assert.Contains(" 2 received", machine.Space.InSpace("ping", "-c2", "-i0.1", "-W2", "-s1472", Space.Boot), StringComparison.Ordinal);
        using Socket socket = machine.Space.Connect();
        socket.Send("GET / HTTP/1.0\r\nHost: x\r\n\r\n"u8);
        string page = Encoding.ASCII.GetString(Client.Read(socket, 1000));
        Assert.StartsWith("HTTP/1.0 200 OK\r\n", page, StringComparison.Ordinal);
        Assert.EndsWith("MiB of memory: 64\n", page, StringComparison.Ordinal);
    }

    [RootTheory, Monitors]
    public void Refuses_with_the_reason_and_goes_on(string monitor)
    {
        using var machine = new Machine(monitor, Loader);
        Expect(UploadRefusal.WrongHash, 0, Client.Upload([.. Loader[..^1], (byte)(Loader[^1] ^ 1)]));
        Expect(UploadRefusal.WrongHash, 0, Client.Upload(Loader[..^1]));
        Expect(UploadRefusal.BadHeader, 0, new byte[16]);
        Expect(UploadRefusal.BadHeader, 0, "POST / HTTP/1.1\r\n\r\n"u8.ToArray());
        byte[] version = Client.Upload(Loader), reserved = Client.Upload(Loader), empty = Client.Upload([]), large = Client.Upload(new byte[Upload.MaxLoaderSize + 1]);
        version[4] = 2;
        reserved[12] = 1;
        Expect(UploadRefusal.UnknownVersion, 0, version);
        Expect(UploadRefusal.BadHeader, 0, reserved);
        Expect(UploadRefusal.BadLength, Upload.MaxLoaderSize, empty);
        Expect(UploadRefusal.BadLength, Upload.MaxLoaderSize, large);
        // The largest loader that is allowed is taken, and then found to be another.
        Expect(UploadRefusal.WrongHash, 0, Client.Upload(new byte[Upload.MaxLoaderSize]));
        using Socket last = machine.UploadLoader(Loader);
        Assert.False(machine.HasEnded(0));

        void Expect(UploadRefusal refusal, ulong detail, byte[] bytes)
        {
            using Socket socket = machine.Space.Connect();
            socket.Send(bytes);
            Assert.Equal((UploadStage.Firmware, refusal, detail), Client.Answer(socket));
            Assert.Empty(Client.Read(socket, 1));
        }
    }

    [RootTheory, Monitors]
    public void One_upload_at_a_time_and_a_broken_one_frees_the_place(string monitor)
    {
        using var machine = new Machine(monitor, Loader);
        byte[] upload = Client.Upload(Loader);
        using (Socket first = machine.Space.Connect(), second = machine.Space.Connect())
        {
            first.Send(upload, 3000, SocketFlags.None);
            Thread.Sleep(100);
            second.Send(upload);
            Assert.Equal((UploadStage.Firmware, UploadRefusal.Busy, 0ul), Client.Answer(second));
        }
        // The first one has gone in the middle: by FIN here, by reset below.
        using (Socket third = machine.Space.Connect())
        {
            third.Send(upload, 5000, SocketFlags.None);
            third.LingerState = new LingerOption(true, 0);
        }
        Thread.Sleep(100);
        using Socket last = machine.UploadLoader(Loader);
    }

    [RootTheory, Monitors]
    public void Silent_clients_lose_their_place_to_those_who_speak(string monitor)
    {
        using var machine = new Machine(monitor, Loader);
        Socket[] silent = new Socket[4];
        for (int i = 0; i < silent.Length; i++)
        {
            silent[i] = machine.Space.Connect();
            silent[i].Send(new byte[3]);
        }
        // All places are taken by clients that say nothing: within the time for a header they are free again.
        var clock = Stopwatch.StartNew();
        using Socket last = machine.UploadLoader(Loader);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 9000);
        foreach (Socket socket in silent)
            socket.Dispose();
    }

    [RootTheory, Monitors]
    public void A_loader_that_trickles_in_is_taken(string monitor)
    {
        using var machine = new Machine(monitor, Loader);
        byte[] upload = Client.Upload(Loader);
        using Socket socket = machine.Space.Connect();
        for (int at = 0; at < upload.Length; at += 97)
        {
            socket.Send(upload, at, Math.Min(97, upload.Length - at), SocketFlags.None);
            if (at < 970)
                Thread.Sleep(20);
        }
        Assert.Equal((UploadStage.Firmware, UploadRefusal.None, 0ul), Client.Answer(socket));
    }

    [RootTheory, Monitors]
    public void A_domain_that_waits_takes_no_processor_time(string monitor)
    {
        using var machine = new Machine(monitor, Loader);
        Thread.Sleep(300);
        TimeSpan before = machine.ProcessorTime;
        Thread.Sleep(2000);
        Assert.InRange((machine.ProcessorTime - before).TotalMilliseconds, 0, 100);
    }
}
