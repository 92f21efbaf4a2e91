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

    /// <summary>How long the first attempt of <see cref="ConnectSoon"/> lasts at most, and the later ones.</summary>
    static readonly TimeSpan s_firstAttempt = TimeSpan.FromMilliseconds(25), s_longestAttempt = TimeSpan.FromMilliseconds(400);

    /// <summary>
    /// Connects as soon as the port is listened on. A machine that is still starting loses or refuses the first
    /// attempts, and the kernel's own retransmission waits a second; so there are many attempts. The first are short,
    /// since a guest starts in less than a tenth of a second; each is twice as long as the one before, up to what a
    /// far network needs.
    /// </summary>
    public static Socket ConnectSoon(IPEndPoint to, TimeSpan patience)
    {
        var start = Stopwatch.GetTimestamp();
        for (var limit = s_firstAttempt; ; limit = limit * 2 < s_longestAttempt ? limit * 2 : s_longestAttempt)
        {
            try
            {
                return Connect(to, limit);
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
