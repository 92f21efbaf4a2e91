using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Wire;

namespace Testing.Machines;

/// <summary>
/// An attacker on the path between a guest and the machine that it moves to: every connection to the upload port of the client's host is
/// led on to that machine, until COMMIT comes. It cannot read what passes, but knows it by its length.
/// </summary>
public sealed class HandOverRelay : IDisposable
{
    /// <summary>A hand-over record, sealed.</summary>
    private const int Sealed = SecureChannel.LengthSize + HandOver.Size + SecureChannel.TagSize;

    private readonly Func<Socket> openSocket;
    private readonly IPAddress destination;
    private readonly Action<Passage> onCommit;
    private readonly Action<Passage, bool, byte[]>? change;
    private readonly Socket listener;
    private readonly ManualResetEventSlim isOpen = new(true);
    private volatile bool isDisposed;

    /// <param name="open">Opens a TCP socket of the attacker's host.</param>
    /// <param name="onCommit">What is done with COMMIT, which is whole and has not been passed on.</param>
    /// <param name="change">What is done with the bytes of each record before that; whether the source has sent it.</param>
    public HandOverRelay(Func<Socket> open, IPAddress destination, Action<Passage> onCommit, Action<Passage, bool, byte[]>? change = null)
    {
        (openSocket, this.destination, this.onCommit, this.change) = (open, destination, onCommit, change);
        listener = open();
        listener.Bind(new IPEndPoint(IPAddress.Any, Upload.Port));
        listener.Listen();
        Start(Accept);
    }

    /// <summary>Nothing passes any more in either direction, of old connections or new ones, before <see cref="Mend"/>.</summary>
    public void Cut() => isOpen.Reset();

    public void Mend() => isOpen.Set();

    /// <summary>Connections that have come.</summary>
    public int Connections => Volatile.Read(ref connections);

    private int connections;

    /// <summary>The two halves of one connection, and COMMIT between them.</summary>
    public sealed class Passage(Socket source, Socket target, Func<byte[]?> commit)
    {
        private int heard;

        /// <summary>Sealed records of 16 bytes that the destination has sent.</summary>
        public int Heard => Volatile.Read(ref heard);

        public Thread? Back { get; set; }

        public void Hear() => Interlocked.Increment(ref heard);

        /// <summary>Resets the source's half, as a forged segment would.</summary>
        public void ResetSource()
        {
            source.LingerState = new LingerOption(true, 0);
            source.Dispose();
        }

        /// <summary>Passes COMMIT on. False when the destination has left the connection.</summary>
        public bool TryCommit()
        {
            try
            {
                return target.Send(commit()!) == Sealed;
            }
            catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }

        /// <summary>True when the destination says no more.</summary>
        public bool IsLeft(int milliseconds) => Back!.Join(milliseconds);
    }

    private void Accept()
    {
        while (!isDisposed)
        {
            Socket source = listener.Accept();
            Interlocked.Increment(ref connections);
            source.NoDelay = true;
            Start(() => Lead(source));
        }
    }

    private void Lead(Socket source)
    {
        using Socket near = source, far = openSocket();
        isOpen.Wait();
        far.ReceiveTimeout = near.ReceiveTimeout = 0;
        if (!far.ConnectAsync(destination, Upload.Port).Wait(3000))
            return;
        byte[]? hello = Read(near, ChannelHello.MessageSize);
        if (hello == null)
            return;
        far.Send(hello);
        byte[]? commit = null;
        var passage = new Passage(near, far, () => commit);
        passage.Back = Start(() => LeadBack(passage, near, far));
        while (Record(near) is { } piece)
        {
            isOpen.Wait();
            change?.Invoke(passage, true, piece);
            // After the answer to the upload and VERIFIED.
            if (piece.Length == Sealed && passage.Heard == 2)
            {
                commit = piece;
                onCommit(passage);
                break;
            }
            far.Send(piece);
        }
        passage.Back.Join();
    }

    private void LeadBack(Passage passage, Socket near, Socket far)
    {
        for (byte[]? piece = Read(far, ChannelHello.MessageSize); piece != null; piece = Record(far))
        {
            change?.Invoke(passage, false, piece);
            if (piece.Length == Sealed)
                passage.Hear();
            isOpen.Wait();
            near.Send(piece);
        }
        isOpen.Wait();
        near.Dispose();
    }

    private static byte[]? Record(Socket from) =>
        Read(from, SecureChannel.LengthSize) is { } length
        && Read(from, Bytes.Le16(length, 0)) is { } rest ? [.. length, .. rest] : null;

    /// <summary>Exactly so many bytes, or null when the stream ends before.</summary>
    private static byte[]? Read(Socket from, int count)
    {
        byte[] bytes = new byte[count];
        for (int have = 0; have < count;)
        {
            int got = from.Receive(bytes, have, count - have, SocketFlags.None);
            if (got == 0)
                return null;
            have += got;
        }
        return bytes;
    }

    private static Thread Start(Action action)
    {
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
            catch (Exception gone) when (gone is SocketException or AggregateException or ObjectDisposedException)
            {
                // One side or the other has hung up, or the test is over.
            }
        }) { IsBackground = true };
        thread.Start();
        return thread;
    }

    public void Dispose()
    {
        isDisposed = true;
        isOpen.Set();
        listener.Dispose();
    }
}
