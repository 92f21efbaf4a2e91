using System;
using System.Diagnostics;
using System.Net.Sockets;
using System.Threading;
using Evilman.Demo;
using Xunit;

namespace Endtoend.Tests;

/// <summary>
/// A TCP connection to an echo server over which numbered records go without pause; every byte that comes back is checked against
/// what it must be, so that one lost, doubled or moved anywhere is seen at once.
/// </summary>
public sealed class LongConnection : IDisposable
{
    private const int Pause = 5; // milliseconds between records
    private readonly Socket socket;
    private readonly Thread sender, receiver;
    private volatile string? broken;
    private volatile bool stopping;
    private long sent, received; // records

    public LongConnection(Socket connected)
    {
        socket = connected;
        sender = new Thread(Send) { IsBackground = true };
        receiver = new Thread(Receive) { IsBackground = true };
        receiver.Start();
        sender.Start();
    }

    /// <summary>Records that have come back whole.</summary>
    public long Received => Volatile.Read(ref received);

    public string? Broken => broken;

    /// <summary>All that has been sent so far comes back, and right.</summary>
    public void AssertWorks()
    {
        long target = Volatile.Read(ref sent) + 1;
        Cluster.Until(() => broken is not null || Received >= target, $"echoes do not come back: {Received} of {target}");
        Assert.Null(broken);
    }

    /// <summary>True when nothing comes back for so long: the guest stands still.</summary>
    public bool IsSilent(TimeSpan span)
    {
        long before = Received, start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < span)
        {
            if (Received != before)
                return false;
            Thread.Sleep(1);
        }
        return true;
    }

    private void Send()
    {
        var record = new byte[EchoProbe.RecordSize];
        try
        {
            while (!stopping && broken is null)
            {
                EchoProbe.Fill(record, sent);
                for (var done = 0; done < record.Length;)
                    done += socket.Send(record.AsSpan(done));
                Volatile.Write(ref sent, sent + 1);
                Thread.Sleep(Pause);
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            Break(failure.Message);
        }
    }

    private void Receive()
    {
        var buffer = new byte[16384];
        var expected = new byte[EchoProbe.RecordSize];
        long at = 0;
        try
        {
            while (true)
            {
                var count = socket.Receive(buffer);
                if (count == 0)
                {
                    Break("the guest closed the connection");
                    return;
                }
                for (var i = 0; i < count; i++, at++)
                {
                    var offset = (int)(at % expected.Length);
                    if (offset == 0)
                        EchoProbe.Fill(expected, at / expected.Length);
                    if (buffer[i] != expected[offset])
                    {
                        Break($"byte {at} of the echo is wrong");
                        return;
                    }
                }
                Volatile.Write(ref received, at / expected.Length);
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            Break(failure.Message);
        }
    }

    private void Break(string why)
    {
        if (!stopping)
            broken ??= why;
    }

    public void Dispose()
    {
        stopping = true;
        socket.Dispose();
        sender.Join();
        receiver.Join();
    }
}
