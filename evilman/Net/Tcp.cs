using System;
using System.Net;
using System.Net.Sockets;

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
            catch (SocketException underWay) when (underWay.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
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
}
