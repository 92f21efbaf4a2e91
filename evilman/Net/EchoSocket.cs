using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Wire;

namespace Evilman.Net;

/// <summary>One Echo Reply.</summary>
/// <param name="Payload">What follows the ICMP header.</param>
/// <param name="RoundTrip">From just before the request was sent to just after the reply was read.</param>
public readonly record struct EchoReply(byte[] Payload, TimeSpan RoundTrip);

/// <summary>
/// ICMP Echo from an ordinary account (RFC 792). Linux lets groups within net.ipv4.ping_group_range open ICMP datagram
/// sockets, on which the kernel fills in identifier and checksum; where it does not, root's raw socket serves.
/// </summary>
public sealed class EchoSocket : IEchoWire, IDisposable
{
    /// <summary>
    /// What fits one Ethernet frame: 1,500 bytes less the IPv4 and ICMP headers. Nodes ignore fragments.
    /// </summary>
    public const int MaxPayload = 1500 - 20 - IcmpEcho.HeaderSize;

    readonly Socket socket;
    readonly bool raw;
    readonly ushort identifier = (ushort)Environment.ProcessId;
    readonly byte[] buffer = new byte[65536];

    // Begins at a random number, so that others cannot foresee it and forge an answer, and an answer to an earlier
    // process does not match.
    ushort sequence = (ushort)Random.Shared.Next();

    EchoSocket(Socket socket, bool raw)
    {
        this.socket = socket;
        this.raw = raw;
    }

    public static EchoSocket Open()
    {
        if (TryOpen(SocketType.Dgram) is { } datagram)
            return new EchoSocket(datagram, raw: false);
        if (TryOpen(SocketType.Raw) is { } all)
            return new EchoSocket(all, raw: true);
        throw Failure.Lacking("this account may not send pings: widen net.ipv4.ping_group_range to its group, or run "
            + "as root");
    }

    public TimeSpan Now => Stopwatch.GetElapsedTime(0);

    /// <summary>
    /// Sends one request and waits for its reply. Null when none comes within <paramref name="timeout"/>.
    /// </summary>
    public EchoReply? Exchange(IPAddress to, ReadOnlySpan<byte> payload, TimeSpan timeout)
    {
        var sent = Now;
        var number = Send(to, payload);
        while (Receive(to, sent + timeout) is { } echo)
        {
            if (echo.Sequence == number)
                return new EchoReply(echo.Payload, echo.At - sent);
            if (echo.At - sent >= timeout)
                return null;
        }
        return null;
    }

    public ushort Send(IPAddress to, ReadOnlySpan<byte> payload)
    {
        var request = new byte[IcmpEcho.HeaderSize + payload.Length];
        request[0] = IcmpEcho.Request;
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(IcmpEcho.IdentifierAt), identifier);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(IcmpEcho.SequenceAt), ++sequence);
        payload.CopyTo(request.AsSpan(IcmpEcho.HeaderSize));
        if (raw)
            BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(IcmpEcho.ChecksumAt), IcmpEcho.Checksum(request));
        try
        {
            socket.SendTo(request, new IPEndPoint(to, 0));
        }
        catch (SocketException failure)
        {
            throw Failure.NoAnswer($"cannot send to {to}: {failure.Message}");
        }
        return sequence;
    }

    public ReceivedEcho? Receive(IPAddress from, TimeSpan until)
    {
        EndPoint sender = new IPEndPoint(IPAddress.Any, 0);
        TimeSpan left;
        do
        {
            left = until - Now;
            // poll(2) counts whole milliseconds: rounded down, the last one would be waited for at full speed.
            if (!socket.Poll(TimeSpan.FromMilliseconds(Math.Max(0, Math.Ceiling(left.TotalMilliseconds))),
                SelectMode.SelectRead))
                return null;
            int count;
            try
            {
                count = socket.ReceiveFrom(buffer, ref sender);
            }
            catch (SocketException)
            {
                continue; // an ICMP error about an earlier request; the time says the rest
            }
            var at = Now;
            if (((IPEndPoint)sender).Address.Equals(from)
                && IcmpEcho.FindReply(buffer.AsSpan(0, count), raw, identifier) is { IsEmpty: false } message)
                return new ReceivedEcho(BinaryPrimitives.ReadUInt16BigEndian(message[IcmpEcho.SequenceAt..]),
                    message[IcmpEcho.HeaderSize..].ToArray(), at);
        }
        while (left > TimeSpan.Zero);
        return null;
    }

    static Socket? TryOpen(SocketType type)
    {
        try
        {
            return new Socket(AddressFamily.InterNetwork, type, ProtocolType.Icmp);
        }
        catch (SocketException)
        {
            return null;
        }
    }

    public void Dispose() => socket.Dispose();
}
