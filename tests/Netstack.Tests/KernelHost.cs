using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Threading;
using NetstackHost;

namespace Netstack.Tests;

/// <summary>The kernel's TCP as the far end, doing what <see cref="OurHost"/> does: the witness.</summary>
internal sealed class KernelHost : FarHost
{
    private static readonly IReadOnlyDictionary<string, long> s_none = new Dictionary<string, long>();
    private readonly Socket listener;
    private readonly List<Socket> sockets = [];

    internal KernelHost(NetworkNamespace at, int port)
    {
        listener = at.NewSocket();
        listener.Bind(new IPEndPoint(IPAddress.Any, port));
        listener.Listen(16);
        Start(AcceptAll);
    }

    private void AcceptAll()
    {
        try
        {
            while (true)
            {
                Socket socket = listener.Accept();
                lock (sockets)
                    sockets.Add(socket);
                Start(() => Serve(socket));
            }
        }
        catch (SocketException)
        {
            // The listener is gone: the test is over.
        }
        catch (ObjectDisposedException)
        {
            // The same, a moment earlier.
        }
    }

    private void Serve(Socket socket)
    {
        Request request = default;
        long sent = 0, received = 0;
        int error = 0;
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        try
        {
            byte[] bytes = new byte[Request.Size];
            LinuxTests.ReceiveAll(socket, bytes);
            request = Request.Read(bytes);
            Thread? answer = request.Order == Order.AnswerLast ? null : Start(() => sent = Answer(socket, request));
            if (request.Order == Order.AnswerFirst)
                answer!.Join();
            // A pause is what the far end is asked to do, not a wait for anything.
            Thread.Sleep((int)request.Pause);
            bytes = new byte[65536];
            int got;
            while ((got = socket.Receive(bytes)) > 0)
            {
                hash.AppendData(bytes, 0, got);
                received += got;
            }
            if (answer == null)
                sent = Answer(socket, request);
            else
                answer.Join();
        }
        catch (SocketException e)
        {
            error = e.NativeErrorCode;
        }
        catch (ObjectDisposedException)
        {
            return;
        }
        Add(request.Id, error, sent, received, 0, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static long Answer(Socket socket, Request request)
    {
        long sent = 0;
        try
        {
            byte[] bytes = new byte[65536];
            while (sent < (long)request.Answer)
            {
                Span<byte> piece = bytes.AsSpan(0, (int)Math.Min(bytes.Length, (long)request.Answer - sent));
                Request.Fill(piece, request.Id, sent);
                sent += socket.Send(piece);
            }
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // What arrived, or did not, tells.
        }
        return sent;
    }

    private static Thread Start(Action action)
    {
        Thread thread = new(() => action()) { IsBackground = true };
        thread.Start();
        return thread;
    }

    public override IReadOnlyDictionary<string, long> Stop() => s_none;

    public override void Dispose()
    {
        listener.Dispose();
        lock (sockets)
        {
            foreach (Socket socket in sockets)
                socket.Dispose();
        }
    }
}
