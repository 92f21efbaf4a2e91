using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Wire;

namespace Endtoend.Tests;

/// <summary>A destination that answers every connection with prepared bytes, and then sends nothing.</summary>
internal sealed class RawDestination : IDisposable
{
    private readonly Socket listener;
    private readonly Thread thread;

    public RawDestination(Cluster cluster, byte[] answer)
    {
        listener = Relay.Listen(cluster);
        thread = new Thread(() =>
        {
            try
            {
                using var connection = listener.Accept();
                connection.Send(answer);
                for (var waste = new byte[4096]; connection.Receive(waste) > 0;)
                {
                }
            }
            catch (SocketException)
            {
            }
        });
        thread.Start();
    }

    public void Dispose()
    {
        listener.Dispose();
        thread.Join();
    }
}

/// <summary>
/// An attacker on the path, at the client's address: passes on what guest and machine send, records it, and may flip one bit.
/// </summary>
internal sealed class Relay : IDisposable
{
    private readonly Socket listener;
    private readonly Thread thread;

    /// <param name="forth">The bit is one of what the guest sends; otherwise of what the machine answers.</param>
    /// <param name="bit">Which one, from the connection's beginning; less than 0 for none.</param>
    public Relay(Cluster cluster, OrderedMachine target, bool forth, long bit)
    {
        listener = Listen(cluster);
        thread = new Thread(() =>
        {
            try
            {
                using var near = listener.Accept();
                using var far = cluster.Connect(target.Boot, Upload.Port);
                near.NoDelay = far.NoDelay = true;
                var back = new Thread(() => Pass(far, near, forth ? -1 : bit));
                back.Start();
                Pass(near, far, forth ? bit : -1);
                back.Join();
            }
            catch (SocketException)
            {
            }
        });
        thread.Start();
    }

    internal static Socket Listen(Cluster cluster)
    {
        var socket = cluster.OpenAtClient();
        socket.Bind(new IPEndPoint(Cluster.Client, Upload.Port));
        socket.Listen();
        return socket;
    }

    private static void Pass(Socket from, Socket to, long bit)
    {
        var buffer = new byte[16384];
        try
        {
            for (long at = 0; from.Receive(buffer) is var count and > 0; at += count)
            {
                if (bit >= 0 && bit / 8 >= at && bit / 8 < at + count)
                    buffer[bit / 8 - at] ^= (byte)(1 << (int)(bit % 8));
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

    public void Dispose()
    {
        listener.Dispose();
        thread.Join();
    }
}
