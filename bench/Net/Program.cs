using System;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace NetBench;

/// <summary>
/// <c>bench-net ADDRESS SECONDS</c>: the kernel's TCP to the guest at ADDRESS, which serves as bench/net has made it: an
/// echo, a source of zeros, and a sink that ends its connection when all has been read. MB/s that the guest sends and
/// takes, on one connection and on eight, and the median of round trips in microseconds.
/// </summary>
internal static class Program
{
    private const int EchoPort = 7, SinkPort = 9, SourcePort = 19, Many = 8;
    private const int Piece = 64 * 1024, RoundTrips = 2000;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private static int Main(string[] words)
    {
        if (words.Length != 2 || !IPAddress.TryParse(words[0], out IPAddress? guest)
            || !double.TryParse(words[1], CultureInfo.InvariantCulture, out double seconds) || seconds is <= 0 or > 60)
        {
            Console.Error.WriteLine("usage: bench-net ADDRESS SECONDS");
            return 1;
        }
        try
        {
            AwaitGuest(guest);
            TimeSpan time = TimeSpan.FromSeconds(seconds);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"net tx1={Rate(guest, "tx1", 1, time, Take):0.0} tx8={Rate(guest, "tx8", Many, time, Take):0.0} "
                + $"rx1={Rate(guest, "rx1", 1, time, Give):0.0} rx8={Rate(guest, "rx8", Many, time, Give):0.0} "
                + $"rtt_us={RoundTrip(guest):0.0}"));
            return 0;
        }
        catch (Exception failure) when (failure is SocketException or TimeoutException)
        {
            Console.Error.WriteLine($"bench-net: {failure.Message}");
            return 2;
        }
    }

    private static Socket Connect(IPAddress guest, int port)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true, SendTimeout = 30_000, ReceiveTimeout = 30_000,
        };
        socket.Connect(guest, port);
        return socket;
    }

    // The echo is the last of the three services to begin.
    private static void AwaitGuest(IPAddress guest)
    {
        long begin = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                using Socket socket = Connect(guest, EchoPort);
                byte[] message = new byte[1];
                socket.Send(message);
                if (socket.Receive(message) == 1)
                    return;
            }
            catch (SocketException) when (Stopwatch.GetElapsedTime(begin) < s_patience)
            {
                Thread.Sleep(20);
            }
        }
    }

    /// <summary>Bytes that so many connections move one way, by the time until the last of them has ended.</summary>
    private static double Rate(
        IPAddress guest, string what, int connections, TimeSpan time, Func<IPAddress, TimeSpan, long> move)
    {
        long bytes = 0;
        Exception? failure = null;
        long begin = Stopwatch.GetTimestamp();
        Thread[] threads = [.. Enumerable.Range(0, connections).Select(_ => new Thread(() =>
        {
            try
            {
                Interlocked.Add(ref bytes, move(guest, time));
            }
            catch (Exception e)
            {
                failure = e;
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        if (failure != null)
            throw new TimeoutException($"{what}: {failure.Message}", failure);
        return bytes / 1e6 / Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    // What the guest sends until the time is up.
    private static long Take(IPAddress guest, TimeSpan time)
    {
        using Socket socket = Connect(guest, SourcePort);
        byte[] buffer = new byte[Piece];
        long begin = Stopwatch.GetTimestamp(), bytes = 0;
        while (Stopwatch.GetElapsedTime(begin) < time)
        {
            int count = socket.Receive(buffer);
            if (count == 0)
                throw new TimeoutException("the guest's source has ended");
            bytes += count;
        }
        socket.LingerState = new LingerOption(true, 0);
        return bytes;
    }

    // What the guest has read of what was sent until then: it ends the connection when that is all.
    private static long Give(IPAddress guest, TimeSpan time)
    {
        using Socket socket = Connect(guest, SinkPort);
        byte[] buffer = new byte[Piece];
        long begin = Stopwatch.GetTimestamp(), bytes = 0;
        while (Stopwatch.GetElapsedTime(begin) < time)
            bytes += socket.Send(buffer);
        socket.Shutdown(SocketShutdown.Send);
        while (socket.Receive(buffer) > 0)
        {
        }
        return bytes;
    }

    private static double RoundTrip(IPAddress guest)
    {
        using Socket socket = Connect(guest, EchoPort);
        byte[] message = new byte[64];
        double[] times = new double[RoundTrips];
        for (int i = 0; i < times.Length; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            socket.Send(message);
            for (int got = 0; got < message.Length;)
            {
                int count = socket.Receive(message, got, message.Length - got, SocketFlags.None);
                if (count == 0)
                    throw new TimeoutException("the guest's echo has ended");
                got += count;
            }
            times[i] = Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
        }
        Array.Sort(times);
        return times[times.Length / 2];
    }
}
