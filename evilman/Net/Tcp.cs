using System;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Evilman.Net;

/// <summary>Connecting with a time limit, on the calling thread.</summary>
public static class Tcp
{
    /// <exception cref="SocketException">Refused, unreachable, or <see cref="SocketError.TimedOut"/>.</exception>
    public static Socket Connect(IPEndPoint to, TimeSpan limit)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Blocking = false;
            try
            {
                socket.Connect(to);
            }
            catch (SocketException underWay)
                when (underWay.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                if (!socket.Poll(limit, SelectMode.SelectWrite))
                    throw new SocketException((int)SocketError.TimedOut);
                var error = (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
                if (error != 0)
                    throw new SocketException(error);
            }
            socket.Blocking = true;
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Connects as soon as the port is listened on. A machine that is still starting loses or refuses the first
    /// attempts, and the kernel's own retransmission waits a second; so each attempt is short and there are many.
    /// </summary>
    public static Socket ConnectSoon(IPEndPoint to, TimeSpan patience)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return Connect(to, TimeSpan.FromMilliseconds(400));
            }
            catch (SocketException)
            {
                if (Stopwatch.GetElapsedTime(start) > patience)
                    throw Failure.NoAnswer($"nobody listens on {to} after {patience.TotalSeconds:0.#} s");
                Thread.Sleep(20);
            }
        }
    }
}
