using System;
using System.Diagnostics;
using System.Net.Sockets;
using System.Threading;

namespace Evilman.Run;

/// <summary>
/// Leads every connection that comes to a socket on to somewhere else, both ways, until one side has ended and the other
/// has been told. At most <see cref="MaxConnections"/> at once; more wait to be accepted.
/// </summary>
internal sealed class Forwarder : IDisposable
{
    internal const int MaxConnections = 256;

    static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    static readonly TimeSpan s_glance = TimeSpan.FromMilliseconds(5);

    /// <summary>A connection on which nothing has moved for so long has nothing under way.</summary>
    static readonly TimeSpan s_idle = TimeSpan.FromMilliseconds(100);

    /// <summary>What is under way longer than this when the program has ended is given up.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    readonly Socket listener;
    readonly Func<Socket> connect;
    readonly SemaphoreSlim places = new(MaxConnections);
    volatile bool isDisposed;
    int open;
    long lastMoved;

    /// <param name="listener">Bound and listening.</param>
    /// <param name="connect">Makes the other half; what it throws of sockets and failures ends the one half.</param>
    internal Forwarder(Socket listener, Func<Socket> connect)
    {
        (this.listener, this.connect) = (listener, connect);
        Start(Accept);
    }

    void Accept()
    {
        while (!isDisposed)
        {
            places.Wait();
            try
            {
                var near = listener.Accept();
                Moved();
                Interlocked.Increment(ref open);
                Start(() => Lead(near));
            }
            catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
            {
                // One that was given up before it was accepted, or no descriptor left (accept(2)): others still come.
                places.Release();
                Thread.Sleep(s_pause);
            }
        }
    }

    void Lead(Socket near)
    {
        try
        {
            using (near)
            using (var far = connect())
            {
                var back = new Thread(() => Pass(far, near)) { IsBackground = true };
                back.Start();
                Pass(near, far);
                back.Join();
            }
        }
        catch (Exception failure) when (failure is SocketException or Failure)
        {
            // Whoever connected sees that the connection ends.
        }
        finally
        {
            Interlocked.Decrement(ref open);
            places.Release();
        }
    }

    void Moved() => Volatile.Write(ref lastMoved, Stopwatch.GetTimestamp());

    void Pass(Socket from, Socket to)
    {
        var buffer = new byte[32768];
        try
        {
            for (int count; (count = from.Receive(buffer)) > 0;)
            {
                for (var sent = 0; sent < count;)
                    sent += to.Send(buffer, sent, count - sent, SocketFlags.None);
                Moved();
            }
            to.Shutdown(SocketShutdown.Send);
            Moved();
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            from.Close(0);
            to.Close(0);
        }
    }

    static void Start(Action action) => new Thread(() => action()) { IsBackground = true }.Start();

    /// <summary>
    /// Takes no more connections, and returns when what the program said before it ended has been led on: no connection
    /// is left, or none moves any more. For who ends this process next, and with it all of its connections.
    /// </summary>
    internal void Finish()
    {
        Dispose();
        Moved();
        var begin = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref open) > 0 && Stopwatch.GetElapsedTime(begin) < s_patience
            && Stopwatch.GetElapsedTime(Volatile.Read(ref lastMoved)) < s_idle)
            Thread.Sleep(s_glance);
    }

    public void Dispose()
    {
        isDisposed = true;
        listener.Dispose();
    }
}
