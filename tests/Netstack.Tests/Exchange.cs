using System;
using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Threading;
using NetstackHost;
using Xunit;

namespace Netstack.Tests;

/// <summary>The near end of one connection: asks, sends, reads the answer, and compares hashes with the far end's report.</summary>
public sealed class Exchange
{
    private readonly Socket socket;
    private readonly Request request;
    private readonly long size;
    private readonly Thread thread;
    private readonly TimeSpan pause;
    private long received, sendBegan, receiveBegan, receiveEnded;
    private string sentSha1 = "", receivedSha1 = "";
    private Exception? failure;

    private Exchange(Socket socket, Request request, long size, TimeSpan pause)
    {
        (this.socket, this.request, this.size, this.pause) = (socket, request, size, pause);
        thread = new Thread(Run) { IsBackground = true };
    }

    /// <summary>Begins on a new connection.</summary>
    /// <param name="size">Bytes to send after the request.</param>
    /// <param name="pause">Time before anything is read.</param>
    internal static Exchange Start(TwoTaps taps, Request request, long size, TimeSpan pause = default)
    {
        Exchange exchange = new(taps.NewConnection(), request, size, pause);
        exchange.thread.Start();
        return exchange;
    }

    /// <summary>Bytes a second of the answer, and of what was sent. Of use where one came after the other.</summary>
    internal (double Down, double Up) Finish(FarHost far)
    {
        Assert.True(thread.Join(TimeSpan.FromSeconds(90)), $"connection {request.Id} is not done after 90 s");
        if (failure != null)
            throw new InvalidOperationException($"connection {request.Id} ({request.Order}) at the near end: {failure.Message}", failure);
        Report report = far.WaitFor(request.Id);
        socket.Dispose();
        string what = $"connection {request.Id} ({request.Order}), ";
        Assert.Equal(what + "no error", what + (report.Error == 0 ? "no error" : "error " + report.Error));
        Assert.Equal((what + "received", size), (what + "received", report.Received));
        Assert.Equal((what + "answered", (long)request.Answer), (what + "answered", received));
        Assert.Equal(what + sentSha1, what + report.Sha1);
        Assert.Equal(what + HashOf(request.Id, (long)request.Answer), what + receivedSha1);
        return ((double)request.Answer * Stopwatch.Frequency / (receiveEnded - receiveBegan), (double)size * Stopwatch.Frequency / (report.Timestamp - sendBegan));
    }

    private void Run()
    {
        try
        {
            byte[] request = new byte[Request.Size];
            this.request.Write(request);
            socket.Send(request);
            if (this.request.Order == Order.AnswerFirst)
            {
                Receive();
                Send();
                return;
            }
            Thread send = new(Guarded(Send)) { IsBackground = true };
            send.Start();
            Receive();
            send.Join();
        }
        catch (Exception e)
        {
            failure ??= e;
        }
    }

    private ThreadStart Guarded(Action action) => () =>
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            failure = e;
        }
    };

    private void Send()
    {
        sendBegan = Stopwatch.GetTimestamp();
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        byte[] bytes = new byte[65536];
        for (long at = 0; at < size;)
        {
            int length = (int)Math.Min(bytes.Length, size - at);
            Request.Fill(bytes.AsSpan(0, length), request.Id + 1000, at);
            hash.AppendData(bytes, 0, length);
            for (int sent = 0; sent < length;)
                sent += socket.Send(bytes, sent, length - sent, SocketFlags.None);
            at += length;
        }
        socket.Shutdown(SocketShutdown.Send);
        sentSha1 = Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private void Receive()
    {
        // What a program that does not read does; nothing is waited for.
        Thread.Sleep(pause);
        receiveBegan = Stopwatch.GetTimestamp();
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        byte[] bytes = new byte[65536];
        int got;
        while ((got = socket.Receive(bytes)) > 0)
        {
            hash.AppendData(bytes, 0, got);
            received += got;
        }
        receiveEnded = Stopwatch.GetTimestamp();
        receivedSha1 = Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string HashOf(uint id, long size)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        byte[] bytes = new byte[65536];
        for (long at = 0; at < size; at += bytes.Length)
        {
            Request.Fill(bytes, id, at);
            hash.AppendData(bytes, 0, (int)Math.Min(bytes.Length, size - at));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
