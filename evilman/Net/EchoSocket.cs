using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

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
    const byte EchoRequest = 8;
    const byte EchoReplyType = 0;
    const int IcmpHeader = 8;

    /// <summary>
    /// What fits one Ethernet frame: 1,500 bytes less the IPv4 and ICMP headers. Nodes ignore fragments.
    /// </summary>
    public const int MaximumPayload = 1500 - 20 - IcmpHeader;

    readonly Socket socket;
    readonly bool raw;
    readonly ushort identifier = (ushort)Environment.ProcessId;
    readonly byte[] buffer = new byte[65536];

    // From anywhere, so that others cannot forge an answer to this process, and an answer to an earlier process does
    // not fit.
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
        var request = new byte[IcmpHeader + payload.Length];
        request[0] = EchoRequest;
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(4), identifier);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(6), ++sequence);
        payload.CopyTo(request.AsSpan(IcmpHeader));
        if (raw)
            BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(2), Checksum(request));
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
                && Reply(buffer.AsSpan(0, count)) is { Length: >= IcmpHeader } message)
                return new ReceivedEcho(BinaryPrimitives.ReadUInt16BigEndian(message[6..]),
                    message[IcmpHeader..].ToArray(), at);
        }
        while (left > TimeSpan.Zero);
        return null;
    }

    /// <summary>
    /// The ICMP message of what was read when it is an Echo Reply for this socket, otherwise nothing.
    /// </summary>
    ReadOnlySpan<byte> Reply(ReadOnlySpan<byte> message)
    {
        if (raw)
        {
            var header = message.Length > 0 ? (message[0] & 15) * 4 : 0;
            if (header < 20 || header > message.Length)
                return default;
            message = message[header..];
        }
        return message.Length >= IcmpHeader && message[0] == EchoReplyType && message[1] == 0
            && (!raw || BinaryPrimitives.ReadUInt16BigEndian(message[4..]) == identifier) ? message : default;
    }

    /// <summary>RFC 1071, over a message whose checksum field is still zero.</summary>
    static ushort Checksum(ReadOnlySpan<byte> message)
    {
        uint sum = 0;
        for (; message.Length > 1; message = message[2..])
            sum += BinaryPrimitives.ReadUInt16BigEndian(message);
        if (message.Length == 1)
            sum += (uint)message[0] << 8;
        while (sum >> 16 != 0)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
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
