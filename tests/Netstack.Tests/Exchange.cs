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
    private readonly Socket _socket;
    private readonly Request _request;
    private readonly long _size;
    private readonly Thread _thread;
    private readonly TimeSpan _pause;
    private long _received, _sendBegan, _receiveBegan, _receiveEnded;
    private string _sentSha1 = "", _receivedSha1 = "";
    private Exception? _failure;

    private Exchange(Socket socket, Request request, long size, TimeSpan pause)
    {
        (_socket, _request, _size, _pause) = (socket, request, size, pause);
        _thread = new Thread(Run) { IsBackground = true };
    }

    /// <summary>Begins on a new connection.</summary>
    /// <param name="size">Bytes to send after the request.</param>
    /// <param name="pause">Time before anything is read.</param>
    internal static Exchange Start(TwoTaps taps, Request request, long size, TimeSpan pause = default)
    {
        Exchange exchange = new(taps.NewConnection(), request, size, pause);
        exchange._thread.Start();
        return exchange;
    }

    /// <summary>Bytes a second of the answer, and of what was sent. Of use where one came after the other.</summary>
    internal (double Down, double Up) Finish(FarHost far)
    {
        Assert.True(_thread.Join(TimeSpan.FromSeconds(90)), $"connection {_request.Id} is not done after 90 s");
        if (_failure != null)
            throw new InvalidOperationException($"connection {_request.Id} ({_request.Order}) at the near end: {_failure.Message}", _failure);
        Report report = far.WaitFor(_request.Id);
        _socket.Dispose();
        string what = $"connection {_request.Id} ({_request.Order}), ";
        Assert.Equal(what + "no error", what + (report.Error == 0 ? "no error" : "error " + report.Error));
        Assert.Equal((what + "received", _size), (what + "received", report.Received));
        Assert.Equal((what + "answered", (long)_request.Answer), (what + "answered", _received));
        Assert.Equal(what + _sentSha1, what + report.Sha1);
        Assert.Equal(what + HashOf(_request.Id, (long)_request.Answer), what + _receivedSha1);
        return ((double)_request.Answer * Stopwatch.Frequency / (_receiveEnded - _receiveBegan), (double)_size * Stopwatch.Frequency / (report.Timestamp - _sendBegan));
    }

    private void Run()
    {
        try
        {
            byte[] request = new byte[Request.Size];
            _request.Write(request);
            _socket.Send(request);
            if (_request.Order == Order.AnswerFirst)
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
            _failure ??= e;
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
            _failure = e;
        }
    };

    private void Send()
    {
        _sendBegan = Stopwatch.GetTimestamp();
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        byte[] bytes = new byte[65536];
        for (long at = 0; at < _size;)
        {
            int length = (int)Math.Min(bytes.Length, _size - at);
            Request.Fill(bytes.AsSpan(0, length), _request.Id + 1000, at);
            hash.AppendData(bytes, 0, length);
            for (int sent = 0; sent < length;)
                sent += _socket.Send(bytes, sent, length - sent, SocketFlags.None);
            at += length;
        }
        _socket.Shutdown(SocketShutdown.Send);
        _sentSha1 = Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private void Receive()
    {
        // What a program that does not read does; nothing is waited for.
        Thread.Sleep(_pause);
        _receiveBegan = Stopwatch.GetTimestamp();
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        byte[] bytes = new byte[65536];
        int got;
        while ((got = _socket.Receive(bytes)) > 0)
        {
            hash.AppendData(bytes, 0, got);
            _received += got;
        }
        _receiveEnded = Stopwatch.GetTimestamp();
        _receivedSha1 = Convert.ToHexStringLower(hash.GetHashAndReset());
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
