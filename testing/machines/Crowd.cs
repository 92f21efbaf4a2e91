using System;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Testing.Machines;

/// <summary>
/// Clients without the key at a port of the secure channel: some repeat a recorded first message and then send nothing, others only
/// connect. Each connects again as soon as it is refused, the silent ones also after a while.
/// </summary>
public sealed class Crowd : IDisposable
{
    private const int Silent = 20;

    private static readonly TimeSpan s_stay = TimeSpan.FromMilliseconds(400), s_pause = TimeSpan.FromMilliseconds(20);

    private readonly IPEndPoint port;
    private readonly byte[] message;
    private readonly int replaying;
    private readonly Thread thread;
    private volatile bool stop;
    private volatile Exception? failure;

    /// <param name="message">A customer's hello and first message, which the server has answered already.</param>
    /// <param name="enter">Puts the calling thread where its sockets shall belong.</param>
    /// <param name="replaying">How many repeat the message: more than the server has places.</param>
    public Crowd(IPEndPoint port, byte[] message, Action<Action> enter, int replaying)
    {
        (this.port, this.message, this.replaying) = (port, message, replaying);
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

    private sealed class Stranger(bool replays)
    {
        public readonly bool Replays = replays;
        public Socket? Socket;
        public long Since;
        public bool HasSpoken;
    }

    private void Run()
    {
        var strangers = new Stranger[replaying + Silent];
        for (int i = 0; i < strangers.Length; i++)
            strangers[i] = new Stranger(i < replaying);
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
        if (stranger.Socket == null)
        {
            if (Stopwatch.GetElapsedTime(stranger.Since) < s_pause)
                return;
            stranger.Socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
            {
                Blocking = false, NoDelay = true, LingerState = new LingerOption(true, 0),
            };
            stranger.Since = Stopwatch.GetTimestamp();
            stranger.HasSpoken = false;
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
            if (stranger.Replays && !stranger.HasSpoken && stranger.Socket.Poll(0, SelectMode.SelectWrite))
            {
                stranger.Socket.Send(message);
                stranger.HasSpoken = true;
            }
            bool isBorne = stranger.Replays || Stopwatch.GetElapsedTime(stranger.Since) < s_stay;
            bool isClosed = stranger.Socket.Poll(0, SelectMode.SelectError) || (stranger.Socket.Poll(0, SelectMode.SelectRead) && stranger.Socket.Available == 0);
            if (isBorne && !isClosed)
                return;
        }
        catch (SocketException)
        {
            // Refused.
        }
        stranger.Socket.Dispose();
        stranger.Socket = null;
        stranger.Since = Stopwatch.GetTimestamp();
    }

    public void Dispose()
    {
        stop = true;
        thread.Join();
        if (failure != null)
            throw new InvalidOperationException("the strangers have failed", failure);
    }
}
