using System;
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

    readonly Socket listener;
    readonly Func<Socket> connect;
    readonly SemaphoreSlim places = new(MaxConnections);
    volatile bool isDisposed;

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
            places.Release();
        }
    }

    static void Pass(Socket from, Socket to)
    {
        var buffer = new byte[32768];
        try
        {
            for (int count; (count = from.Receive(buffer)) > 0;)
            {
                for (var sent = 0; sent < count;)
                    sent += to.Send(buffer, sent, count - sent, SocketFlags.None);
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            from.Close(0);
            to.Close(0);
        }
    }

    static void Start(Action action) => new Thread(() => action()) { IsBackground = true }.Start();

    public void Dispose()
    {
        isDisposed = true;
        listener.Dispose();
    }
}
