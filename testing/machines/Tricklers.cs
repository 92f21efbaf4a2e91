using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Testing.Machines;

/// <summary>
/// Clients at a port of the secure channel that send a byte now and then: half of them from the first on, the others after a whole first message. Each holds its
/// connection for as long as the server lets it, and connects again when the server has ended it.
/// </summary>
public sealed class Tricklers : Strangers
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(25);

    private int ended;

    /// <param name="enter">Puts the calling thread where its sockets shall belong.</param>
    /// <param name="messages">What they send, one after the other has the next of them.</param>
    public Tricklers(IPEndPoint port, Action<Action> enter, int count, IReadOnlyList<byte[]> messages) : base(port, enter) =>
        Serve([.. Enumerable.Range(0, count).Select(i => new Trickler(messages[i / 2 % messages.Count], i % 2 == 0))]);

    /// <summary>Connections that the server has ended.</summary>
    public int Ended => Volatile.Read(ref ended);

    private sealed class Trickler(byte[] message, bool beginsAtOnce) : Stranger
    {
        public readonly byte[] Message = message;
        public readonly bool BeginsAtOnce = beginsAtOnce;
        public readonly byte[] Byte = new byte[1];
        public long Last;
        public int Sent;
    }

    protected override void Step(Stranger stranger)
    {
        var trickler = (Trickler)stranger;
        if (Stopwatch.GetElapsedTime(trickler.Last) < s_pause)
            return;
        trickler.Last = Stopwatch.GetTimestamp();
        if (trickler.Socket == null)
        {
            trickler.Sent = 0;
            Connect(trickler);
            return;
        }
        try
        {
            // What it is told it reads, and sends on.
            while (trickler.Socket.Available > 0)
                trickler.Socket.Receive(trickler.Byte);
            if (!IsOver(trickler.Socket))
            {
                if (!trickler.Socket.Poll(0, SelectMode.SelectWrite))
                    return;
                trickler.Byte[0] = trickler.Sent < trickler.Message.Length ? trickler.Message[trickler.Sent] : (byte)0;
                trickler.Sent += trickler.Socket.Send(trickler.Sent == 0 && trickler.BeginsAtOnce ? trickler.Message : trickler.Byte);
                return;
            }
        }
        catch (SocketException)
        {
            // The server has reset it.
        }
        if (trickler.Sent > 0)
            Interlocked.Increment(ref ended);
        trickler.Socket.Dispose();
        trickler.Socket = null;
    }
}
