using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Evilman.Demo;

/// <summary>
/// One echo: when it was sent and when all of it had come back, in <see cref="Stopwatch"/> ticks (0: not yet).
/// </summary>
public struct Echo
{
    public long Sent;
    public long Received;
}

/// <summary>
/// The long connection of the demo: a record every millisecond to an echo server, every returned byte checked. One
/// thread sends on a fixed beat, one receives; a record is 16 bytes, its number and a scramble of it, so that a byte
/// lost, doubled or moved anywhere is seen at once.
/// </summary>
public sealed class EchoProbe : IDisposable
{
    public const int RecordSize = 16;
    // one millisecond in Stopwatch ticks, which are nanoseconds on Linux
    const long Beat = TimeSpan.TicksPerMillisecond * 100;

    readonly Socket socket;
    readonly Thread sender;
    readonly Thread receiver;
    readonly Echo[] echoes;
    long sent;
    long received;
    volatile bool stopping;

    /// <param name="capacity">How many echoes are remembered; the probe stops sending when it is used up.</param>
    public EchoProbe(Socket connected, int capacity)
    {
        socket = connected;
        socket.NoDelay = true;
        echoes = new Echo[capacity];
        sender = new Thread(Send) { IsBackground = true, Priority = ThreadPriority.Highest };
        receiver = new Thread(Receive) { IsBackground = true, Priority = ThreadPriority.Highest };
    }

    /// <summary>Why the connection is of no use any more; null while all is well.</summary>
    public string? Broken { get; private set; }

    /// <summary>Whether the other side, or something in between, reset the connection.</summary>
    public bool Reset { get; private set; }

    public long Sent => Volatile.Read(ref sent);

    public long Received => Volatile.Read(ref received);

    /// <summary>
    /// All echoes so far, in the order of sending; those from <see cref="Received"/> on are still awaited.
    /// </summary>
    public ReadOnlySpan<Echo> Echoes => echoes.AsSpan(0, (int)Sent);

    public void Start()
    {
        receiver.Start();
        sender.Start();
    }

    /// <summary>
    /// Ends the beat, waits up to <paramref name="patience"/> for what is still on its way, and hangs up.
    /// </summary>
    public void Stop(TimeSpan patience)
    {
        stopping = true;
        sender.Join();
        var start = Stopwatch.GetTimestamp();
        while (Received < Sent && Broken is null && Stopwatch.GetElapsedTime(start) < patience)
            Thread.Sleep(1);
        if (Received < Sent)
            Break($"{Sent - Received} echoes never came back", reset: false);
        socket.Dispose();
        receiver.Join();
    }

    void Send()
    {
        var record = new byte[RecordSize];
        var next = Stopwatch.GetTimestamp();
        while (!stopping && Broken is null && sent < echoes.Length)
        {
            Native.SleepUntil(next);
            var now = Stopwatch.GetTimestamp();
            Fill(record, sent);
            echoes[sent].Sent = now;
            Volatile.Write(ref sent, sent + 1);
            try
            {
                for (var done = 0; done < record.Length;)
                    done += socket.Send(record.AsSpan(done));
            }
            catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
            {
                Break(failure);
                return;
            }
            // Beats that were missed are not made up for: a burst would measure itself.
            next = Math.Max(next + Beat, now);
        }
    }

    void Receive()
    {
        var buffer = new byte[64 * 1024];
        var expected = new byte[RecordSize];
        long at = 0; // bytes of the stream checked so far
        while (true)
        {
            int count;
            try
            {
                count = socket.Receive(buffer);
            }
            catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
            {
                if (!stopping)
                    Break(failure);
                return;
            }
            var now = Stopwatch.GetTimestamp();
            if (count == 0)
            {
                Break("the other side closed the connection", reset: false);
                return;
            }
            for (var i = 0; i < count; i++, at++)
            {
                if (at % RecordSize == 0)
                    Fill(expected, at / RecordSize);
                if (buffer[i] != expected[at % RecordSize] || at >= Sent * RecordSize)
                {
                    Break($"byte {at} of the echo is wrong", reset: false);
                    return;
                }
                if (at % RecordSize == RecordSize - 1)
                {
                    echoes[received].Received = now;
                    Volatile.Write(ref received, received + 1);
                }
            }
        }
    }

    void Break(Exception failure) =>
        Break(failure.Message,
            failure is SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown });

    void Break(string why, bool reset)
    {
        if (Broken is not null)
            return;
        Reset = reset;
        Broken = why;
    }

    /// <summary>
    /// The number of a record and a scramble of it (the finaliser of SplitMix64), which no other record shares.
    /// </summary>
    internal static void Fill(Span<byte> record, long number)
    {
        var scramble = ((ulong)number + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
        scramble = (scramble ^ (scramble >> 27)) * 0x94d049bb133111eb;
        BinaryPrimitives.WriteInt64LittleEndian(record, number);
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], scramble ^ (scramble >> 31));
    }

    public void Dispose()
    {
        stopping = true;
        socket.Dispose();
    }

    public static EchoProbe Connect(IPEndPoint server, TimeSpan patience, int capacity) =>
        new(Net.Tcp.ConnectSoon(server, patience), capacity);
}
