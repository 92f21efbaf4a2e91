using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Testing.Machines;

/// <summary>
/// Clients of one port, each with one connection at most, all on one thread that serves them in turn until this is disposed of. What that thread
/// throws fails <see cref="Dispose"/>.
/// </summary>
public abstract class Strangers : IDisposable
{
    private readonly IPEndPoint port;
    private readonly Action<Action> enter;
    private readonly Thread thread;
    private volatile bool stop;
    private volatile Exception? failure;
    private IReadOnlyList<Stranger> strangers = [];

    /// <param name="enter">Puts the calling thread where its sockets shall belong.</param>
    protected Strangers(IPEndPoint port, Action<Action> enter)
    {
        (this.port, this.enter) = (port, enter);
        thread = new Thread(Enter);
    }

    /// <summary>One of the clients.</summary>
    protected abstract class Stranger
    {
        /// <summary>Its connection, or null; it does not block, and is reset when it is closed.</summary>
        public Socket? Socket;
    }

    /// <summary>The last statement of a constructor: from here on each of them is served.</summary>
    protected void Serve(IReadOnlyList<Stranger> all)
    {
        strangers = all;
        thread.Start();
    }

    /// <summary>What one client does next, without waiting.</summary>
    protected abstract void Step(Stranger stranger);

    /// <summary>Begins a connection for a client that has none.</summary>
    protected void Connect(Stranger stranger)
    {
        stranger.Socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
        {
            Blocking = false, NoDelay = true, LingerState = new LingerOption(true, 0),
        };
        try
        {
            stranger.Socket.Connect(port);
        }
        catch (SocketException)
        {
            // Under way.
        }
    }

    /// <summary>Whether the server has refused or ended the connection.</summary>
    protected static bool IsOver(Socket socket) =>
        socket.Poll(0, SelectMode.SelectError) || (socket.Poll(0, SelectMode.SelectRead) && socket.Available == 0);

    private void Enter()
    {
        try
        {
            enter(Run);
        }
        catch (Exception exception)
        {
            failure = exception;
        }
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

    public void Dispose()
    {
        stop = true;
        thread.Join();
        if (failure != null)
            throw new InvalidOperationException("the strangers have failed", failure);
    }
}
