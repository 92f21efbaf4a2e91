using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Testing.Machines;

/// <summary>
/// Clients at a port of the secure channel that send a byte now and then: half of them from the first on, the others after a whole first message. Each holds its
/// connection for as long as the server lets it, and connects again when the server has ended it.
/// </summary>
public sealed class Tricklers : IDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(25);

    private readonly IPEndPoint port;
    private readonly Stranger[] strangers;
    private readonly Thread thread;
    private volatile bool stop;
    private volatile Exception? failure;
    private int ended;

    /// <param name="enter">Puts the calling thread where its sockets shall belong.</param>
    /// <param name="messages">What they send, one after the other has the next of them.</param>
    public Tricklers(IPEndPoint port, Action<Action> enter, int count, IReadOnlyList<byte[]> messages)
    {
        this.port = port;
        strangers = new Stranger[count];
        for (int i = 0; i < count; i++)
            strangers[i] = new Stranger(messages[i / 2 % messages.Count], i % 2 == 0);
        thread = new Thread(() =>
        {
            try
            {
                enter(Run);
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
    }

    /// <summary>Connections that the server has ended.</summary>
    public int Ended => Volatile.Read(ref ended);

    private sealed class Stranger(byte[] message, bool beginsAtOnce)
    {
        public readonly byte[] Message = message;
        public readonly bool BeginsAtOnce = beginsAtOnce;
        public readonly byte[] Byte = new byte[1];
        public Socket? Socket;
        public long Last;
        public int Sent;
    }

    private void Run()
    {
        while (!stop)
        {
            foreach (Stranger stranger in strangers)
                Step(stranger);
            Thread.Sleep(2);
        }
        foreach (Stranger stranger in strangers)
            stranger.Socket?.Dispose();
    }

    private void Step(Stranger stranger)
    {
        if (Stopwatch.GetElapsedTime(stranger.Last) < s_pause)
            return;
        stranger.Last = Stopwatch.GetTimestamp();
        if (stranger.Socket == null)
        {
            stranger.Socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
            {
                Blocking = false, NoDelay = true, LingerState = new LingerOption(true, 0),
            };
            stranger.Sent = 0;
            try
            {
                stranger.Socket.Connect(port);
            }
            catch (SocketException)
            {
                // Under way.
            }
            return;
        }
        try
        {
            // What it is told it reads, and sends on.
            while (stranger.Socket.Available > 0)
                stranger.Socket.Receive(stranger.Byte);
            bool isOver = stranger.Socket.Poll(0, SelectMode.SelectError) || (stranger.Socket.Poll(0, SelectMode.SelectRead) && stranger.Socket.Available == 0);
            if (!isOver)
            {
                if (!stranger.Socket.Poll(0, SelectMode.SelectWrite))
                    return;
                stranger.Byte[0] = stranger.Sent < stranger.Message.Length ? stranger.Message[stranger.Sent] : (byte)0;
                stranger.Sent += stranger.Socket.Send(stranger.Sent == 0 && stranger.BeginsAtOnce ? stranger.Message : stranger.Byte);
                return;
            }
        }
        catch (SocketException)
        {
            // The server has reset it.
        }
        if (stranger.Sent > 0)
            Interlocked.Increment(ref ended);
        stranger.Socket.Dispose();
        stranger.Socket = null;
    }

    public void Dispose()
    {
        stop = true;
        thread.Join();
        if (failure != null)
            throw new InvalidOperationException("the strangers have failed", failure);
    }
}
