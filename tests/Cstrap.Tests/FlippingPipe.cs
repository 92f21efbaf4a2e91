using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Cstrap.Tests;

/// <summary>An attacker on the path: passes on what both sides send, and flips one bit of what the near side sends.</summary>
internal sealed class FlippingPipe : IDisposable
{
    private readonly Socket inner;

    /// <param name="far">The connection to the server.</param>
    public FlippingPipe(Socket far, long bit)
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 15_000, SendTimeout = 15_000 };
        Near.Connect(listener.LocalEndPoint!);
        inner = listener.Accept();
        inner.NoDelay = true;
        new Thread(() => Pass(inner, far, bit)) { IsBackground = true }.Start();
        new Thread(() => Pass(far, inner, -1)) { IsBackground = true }.Start();
    }

    public Socket Near { get; }

    private static void Pass(Socket from, Socket to, long bit)
    {
        byte[] buffer = new byte[8192];
        try
        {
            for (long at = 0; from.Receive(buffer) is var count and > 0; at += count)
            {
                if (bit >= 0 && bit / 8 >= at && bit / 8 < at + count)
                    buffer[bit / 8 - at] ^= (byte)(1 << (int)(bit % 8));
                for (int sent = 0; sent < count;)
                    sent += to.Send(buffer, sent, count - sent, SocketFlags.None);
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            to.Dispose();
            from.Dispose();
        }
        catch (ObjectDisposedException)
        {
        }
    }

    public void Dispose()
    {
        Near.Dispose();
        inner.Dispose();
    }
}
