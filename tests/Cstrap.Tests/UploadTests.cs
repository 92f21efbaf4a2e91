using System;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Cstrap.Tests;

/// <summary>The firmware's TCP server: whatever a client sends, the next one finds an empty domain that waits.</summary>
public sealed class UploadTests
{
    private static readonly byte[] s_loader = Repository.ReadImage("loader-kernel"), s_guest = Repository.ReadImage("hello-guest");
    private static readonly byte[] s_wrongKey = new byte[20];

    [RootTheory, Monitors]
    public void Answers_ping_and_refuses_with_the_reason_and_goes_on(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        // With -c alone ping waits for the last answer only twice as long as the slowest of those before took.
        string small = machine.Space.InSpace("ping", "-c3", "-i0.1", "-w10", Space.Boot), large = machine.Space.InSpace("ping", "-c2", "-i0.1", "-w10", "-s1472", Space.Boot);
        Assert.True(small.Contains(" 3 received", StringComparison.Ordinal), small + machine.Console);
        Assert.True(large.Contains(" 2 received", StringComparison.Ordinal), large + machine.Console);
        Expect(UploadRefusal.WrongHash, 0, Client.Upload([.. s_loader[..^1], (byte)(s_loader[^1] ^ 1)]));
        Expect(UploadRefusal.WrongHash, 0, Client.Upload(s_loader[..^1]));
        Expect(UploadRefusal.BadHeader, 0, new byte[16]);
        byte[] version = Client.Upload(s_loader), reserved = Client.Upload(s_loader, 2), empty = Client.Upload([]), tooLarge = Client.Upload(new byte[Upload.MaxLoaderSize + 1]);
        version[4] = (byte)(Upload.Version + 1);
        Expect(UploadRefusal.UnknownVersion, 0, version);
        Expect(UploadRefusal.BadHeader, 0, reserved);
        Expect(UploadRefusal.BadLength, Upload.MaxLoaderSize, empty);
        Expect(UploadRefusal.BadLength, Upload.MaxLoaderSize, tooLarge);
        // The largest loader that is allowed is taken, and then found to be another.
        Expect(UploadRefusal.WrongHash, 0, Client.Upload(new byte[Upload.MaxLoaderSize]));
        using SecureSocket last = machine.UploadLoader(s_loader);
        Assert.False(machine.HasEnded(0));

        void Expect(UploadRefusal refusal, ulong detail, byte[] bytes)
        {
            using SecureSocket socket = Client.Open(machine.Space.Connect());
            socket.Send(bytes);
            Assert.Equal((UploadStage.Firmware, refusal, detail), Client.Answer(socket));
            Assert.Empty(Client.Read(socket, 1));
        }
    }

    [RootTheory, Monitors]
    public void Who_does_not_have_the_key_is_told_so_and_nothing_else(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        Assert.Equal(ChannelStatus.NotAuthenticated, Assert.Throws<ChannelException>(() => Client.Open(machine.Space.Connect(), s_wrongKey)).Status);
        Told(ChannelStatus.NotAuthenticated, Client.Hello(s_wrongKey));
        Told(ChannelStatus.BadHello, "GET / HTTP/1.0\r\nHost: an.empty.machine\r\nUser-Agent: none\r\n\r\n"u8.ToArray());
        Told(ChannelStatus.BadHello, Client.Upload(s_loader)[..ChannelHello.MessageSize].Select((b, i) => i == 6 ? (byte)1 : b).ToArray());
        Told(ChannelStatus.UnknownVersion, Client.Upload(s_loader)[..ChannelHello.MessageSize].Select((b, i) => i == 4 ? (byte)1 : b).ToArray());
        // Every bit of a good first message, flipped.
        byte[] hello = Client.Hello(Client.Key);
        for (int bit = 0; bit < 8 * hello.Length; bit += 7)
        {
            byte[] flipped = (byte[])hello.Clone();
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            Told(null, flipped);
        }
        Assert.DoesNotContain("loader", machine.Console, StringComparison.Ordinal);
        using SecureSocket last = machine.UploadLoader(s_loader);

        void Told(ChannelStatus? status, byte[] bytes)
        {
            using Socket socket = machine.Space.Connect();
            socket.Send(bytes);
            byte[] answer = Client.ReadRaw(socket, 100);
            Assert.True(ChannelHello.TryParseAnswer(answer, out var told), $"{answer.Length} bytes of answer");
            Assert.NotEqual(ChannelStatus.Accepted, told);
            if (status is { } right)
                Assert.Equal(right, told);
        }
    }

    [RootTheory, Monitors]
    public void A_handshake_is_answered_once_and_believed_nothing(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        // What can be recorded on the wire: a customer's first message and first record.
        byte[] hello = Client.Hello(Client.Key), record = new byte[400];
        Random.Shared.NextBytes(record);
        record[0] = 398 - 256;
        record[1] = 1;
        using (Socket first = machine.Space.Connect())
        {
            first.Send(hello);
            byte[] answer = Client.ReadRaw(first, ChannelHello.MessageSize);
            Assert.Equal(ChannelHello.MessageSize, answer.Length);
            Assert.True(ChannelHello.TryParseAnswer(answer.AsSpan(0, 8), out var status));
            Assert.Equal(ChannelStatus.Accepted, status);
            first.Send(record);
            Assert.Empty(Client.ReadRaw(first, 1));
        }
        for (int round = 0; round < 3; round++)
        {
            using Socket repeated = machine.Space.Connect();
            repeated.Send(hello);
            Assert.Empty(Client.ReadRaw(repeated, 1));
        }
        using SecureSocket last = machine.UploadLoader(s_loader);
    }

    /// <summary>Customers who have the key and do not go on keep another one out for a second at most: so long an honest one may take.</summary>
    [RootTheory, Monitors]
    public void Who_was_answered_and_does_not_go_on_gives_way(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        Socket[] waiting = [.. Enumerable.Range(0, 5).Select(_ =>
        {
            Socket socket = machine.Space.Connect();
            socket.Send(Client.Hello(Client.Key));
            Assert.Equal(ChannelHello.MessageSize, Client.ReadRaw(socket, ChannelHello.MessageSize).Length);
            return socket;
        })];
        var clock = Stopwatch.StartNew();
        using (machine.UploadLoader(s_loader))
            Assert.InRange(clock.ElapsedMilliseconds, 0, 3000);
        Assert.Empty(Client.ReadRaw(waiting[0], 1));
        foreach (Socket socket in waiting)
            socket.Dispose();
    }

    [RootTheory, Monitors]
    public void A_bit_flipped_anywhere_in_an_upload_ends_it_and_starts_nothing(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        Random random = new(1);
        byte[] bytes = [.. Client.Upload(s_loader), .. Client.Bundle("", s_guest, [])];
        for (int round = 0; round < 12; round++)
        {
            using Socket socket = machine.Space.Connect();
            using var proxy = new FlippingPipe(socket, random.Next(8 * 56, 8 * bytes.Length));
            try
            {
                using SecureSocket secure = Client.Open(proxy.Near);
                secure.Send(bytes);
                // At most the answer to the loader, when the bit was behind it.
                Assert.InRange(Client.Read(secure, 2 * UploadAnswer.Size).Length, 0, UploadAnswer.Size);
            }
            catch (System.IO.IOException)
            {
            }
            catch (SocketException)
            {
            }
        }
        Assert.DoesNotContain("starting the kernel", machine.Console, StringComparison.Ordinal);
        using SecureSocket last = machine.UploadLoader(s_loader);
        last.Send(Client.Bundle("", s_guest, []));
        Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None, 0ul), Client.Answer(last));
        machine.Await("guest: ");
    }

    [RootTheory, Monitors]
    public void A_customer_gets_in_at_once_among_many_strangers_who_are_silent_or_slow(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        Socket[] strangers = [.. Enumerable.Range(0, 24).Select(i =>
        {
            Socket socket = machine.Space.Connect();
            socket.Send(i % 2 == 0 ? new byte[3] : Client.Hello(Client.Key)[..(1 + i)]);
            return socket;
        })];
        var clock = Stopwatch.StartNew();
        using SecureSocket customer = machine.UploadLoader(s_loader);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 3000);
        // Clients without the key do not take the owner's place, however many they are and whatever they send meanwhile.
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < strangers.Length; i++)
            {
                strangers[i].Dispose();
                strangers[i] = machine.Space.Connect();
                strangers[i].Send(i % 3 == 0 ? Client.Hello(s_wrongKey) : new byte[1]);
            }
        }
        customer.Send(Client.Bundle("", s_guest, []));
        Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None, 0ul), Client.Answer(customer));
        machine.Await("guest: ");
        foreach (Socket socket in strangers)
            socket.Dispose();
    }

    /// <summary>The firmware does not hear of a hello before all of it is there: TCP repeats what it had sent in pieces as one.</summary>
    [RootTheory, Monitors]
    public void A_hello_in_pieces_is_taken_when_it_is_whole(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        using Socket slow = machine.Space.Connect();
        byte[] hello = Client.Hello(Client.Key);
        slow.Send(hello, 1, SocketFlags.None);
        using (machine.UploadLoader(s_loader))
            slow.Send(hello, 1, hello.Length - 1, SocketFlags.None);
        Assert.Equal(ChannelHello.MessageSize, Client.ReadRaw(slow, ChannelHello.MessageSize).Length);
    }

    [RootTheory, Monitors]
    public void A_customer_who_comes_again_takes_over_from_himself_when_he_was_silent(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] upload = Client.Upload(s_loader);
        // In the loader's upload.
        using SecureSocket first = Client.Open(machine.Space.Connect());
        first.Send(upload.AsSpan(0, 3000));
        using (SecureSocket second = Client.Open(machine.Space.Connect()))
        {
            second.Send(upload.AsSpan(0, 16));
            Assert.Equal((UploadStage.Firmware, UploadRefusal.Busy, 0ul), Client.Answer(second));
        }
        Thread.Sleep(2200);
        using SecureSocket third = machine.UploadLoader(s_loader);
        Assert.Equal(0, Poll(first));
        // In what the loader waits for.
        Thread.Sleep(2200);
        using SecureSocket fourth = machine.UploadLoader(s_loader);
        fourth.Send(Client.Bundle("", s_guest, []));
        Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None, 0ul), Client.Answer(fourth));
        machine.Await("guest: ");

        static int Poll(SecureSocket socket)
        {
            try
            {
                return socket.Receive(new byte[1]);
            }
            catch (SocketException)
            {
                return 0;
            }
        }
    }

    [RootTheory, Monitors]
    public void A_broken_upload_frees_the_place(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] upload = Client.Upload(s_loader);
        using (SecureSocket gone = Client.Open(machine.Space.Connect()))
            gone.Send(upload.AsSpan(0, 3000));
        using (SecureSocket reset = Client.Open(machine.Space.Connect()))
        {
            Thread.Sleep(100);
            reset.Send(upload.AsSpan(0, 5000));
            reset.Socket.LingerState = new LingerOption(true, 0);
        }
        Thread.Sleep(100);
        using SecureSocket last = machine.UploadLoader(s_loader);
    }

    [RootTheory, Monitors]
    public void A_loader_that_trickles_in_is_taken(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] upload = Client.Upload(s_loader);
        using SecureSocket socket = Client.Open(machine.Space.Connect());
        for (int at = 0; at < upload.Length; at += 97)
        {
            socket.Send(upload.AsSpan(at, Math.Min(97, upload.Length - at)));
            if (at < 970)
                Thread.Sleep(20);
        }
        Assert.Equal((UploadStage.Firmware, UploadRefusal.None, 0ul), Client.Answer(socket));
    }

    [RootTheory, Monitors]
    public void What_follows_the_loader_goes_in_plain_when_the_client_asks_for_it(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        using SecureSocket socket = machine.UploadLoader(s_loader, Upload.Plain);
        // On the connection itself, without records.
        socket.Socket.Send(Client.Bundle("", s_guest, new byte[300_000]));
        byte[] answer = Client.ReadRaw(socket.Socket, UploadAnswer.Size);
        Assert.True(UploadAnswer.TryParse(answer, out UploadStage stage, out UploadRefusal refusal, out _), $"no answer but {answer.Length} bytes");
        Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None), (stage, refusal));
        machine.Await("guest: ");
    }

    [RootTheory, Monitors]
    public void Without_a_key_the_firmware_says_so_and_ends(string monitor)
    {
        byte[] module = new byte[KeyModule.Size];
        KeyModule.Emit(module, Client.Key);
        module[4] = 2;
        using var machine = new Machine(monitor, s_loader, module: module);
        machine.Await("no machine key");
        Assert.True(machine.HasEnded(5000));
    }
}
