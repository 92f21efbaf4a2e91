using System;
using System.Collections.Generic;

namespace Netstack.Tests;

/// <summary>Small programs on top of a stack, run step by step with the gate held.</summary>
public sealed unsafe class EchoServer(Host host, int port)
{
    private readonly int listener = host.Stack->Listen(0, (ushort)port, 16);
    private readonly List<(int Socket, byte[] Pending)> connections = [];

    public int Accepted { get; private set; }

    public int Open => connections.Count;

    public List<int> Sockets => connections.ConvertAll(c => c.Socket);

    public void Step(ulong now)
    {
        int socket;
        while ((socket = host.Stack->Accept(listener)) >= 0)
        {
            Accepted++;
            host.Stack->SetOption(socket, SocketOption.NoDelay, 1, now);
            connections.Add((socket, []));
        }
        for (int i = 0; i < connections.Count; i++)
        {
            (socket, byte[] pending) = connections[i];
            while (true)
            {
                if (pending.Length > 0)
                {
                    int sent = host.Stack->Send(socket, pending, now);
                    if (sent > 0)
                        pending = pending[sent..];
                    else if (sent != SocketError.WouldBlock)
                        pending = [];
                    if (pending.Length > 0)
                        break;
                }
                byte[] buffer = new byte[16384];
                int got = host.Stack->Receive(socket, buffer, now);
                if (got == SocketError.WouldBlock)
                    break;
                if (got <= 0)
                {
                    host.Stack->Close(socket, now);
                    connections.RemoveAt(i--);
                    socket = -1;
                    break;
                }
                pending = buffer[..got];
            }
            if (socket >= 0)
                connections[i] = (socket, pending);
        }
    }
}

/// <summary>Bytes that tell their position: a wrong, missing or repeated one is noticed.</summary>
public static class Pattern
{
    public static byte At(long position) => (byte)(position * 2654435761L >> 13 ^ position >> 3);

    public static byte[] Make(long from, int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
            bytes[i] = At(from + i);
        return bytes;
    }

    /// <summary>Position of the first wrong byte, or -1.</summary>
    public static long FirstWrong(ReadOnlySpan<byte> bytes, long from)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != At(from + i))
                return from + i;
        }
        return -1;
    }
}

/// <summary>
/// One end of a stream test: sends <c>toSend</c> pattern bytes, shuts down, and checks what arrives until the peer's end.
/// </summary>
public sealed unsafe class Streamer(Host host, int socket, long toSend)
{
    private readonly byte[] buffer = new byte[65536];
    private bool shut;

    public long Sent { get; private set; }

    public long Received { get; private set; }

    public long WrongAt { get; private set; } = -1;

    public bool Ended { get; private set; }

    public int Error { get; private set; }

    public int Socket => socket;

    public bool Done => shut && Ended;

    public void Step(ulong now)
    {
        while (!shut && Error == 0)
        {
            if (Sent == toSend)
            {
                int result = host.Stack->Shutdown(socket, now);
                if (result == SocketError.NotConnected)
                    break;
                shut = true;
                break;
            }
            int length = (int)Math.Min(buffer.Length, toSend - Sent);
            int taken = host.Stack->Send(socket, Pattern.Make(Sent, length), now);
            if (taken == SocketError.WouldBlock)
                break;
            if (taken < 0)
                Error = taken;
            else
                Sent += taken;
        }
        while (!Ended && Error == 0)
        {
            int got = host.Stack->Receive(socket, buffer, now);
            if (got == SocketError.WouldBlock)
                break;
            if (got == 0)
                Ended = true;
            else if (got < 0)
                Error = got;
            else
            {
                long wrong = Pattern.FirstWrong(buffer.AsSpan(0, got), Received);
                if (wrong >= 0 && WrongAt < 0)
                    WrongAt = wrong;
                Received += got;
            }
        }
    }
}
