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
public sealed class EchoSocket : IDisposable
{
    const byte EchoRequest = 8;
    const byte EchoReplyType = 0;
    const int IcmpHeader = 8;

    /// <summary>What fits one Ethernet frame: 1,500 bytes less the IPv4 and ICMP headers. Nodes ignore fragments.</summary>
    public const int MaximumPayload = 1500 - 20 - IcmpHeader;

    readonly Socket socket;
    readonly bool raw;
    readonly ushort identifier = (ushort)Environment.ProcessId;
    ushort sequence;

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
        throw Failure.Lacking("this account may not send pings: widen net.ipv4.ping_group_range to its group, or run as root");
    }

    /// <summary>Sends one request and waits for its reply. Null when none comes within <paramref name="timeout"/>.</summary>
    public EchoReply? Exchange(IPAddress to, ReadOnlySpan<byte> payload, TimeSpan timeout)
    {
        var request = new byte[IcmpHeader + payload.Length];
        request[0] = EchoRequest;
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(4), identifier);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(6), ++sequence);
        payload.CopyTo(request.AsSpan(IcmpHeader));
        if (raw)
            BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(2), Checksum(request));

        var start = Stopwatch.GetTimestamp();
        try
        {
            socket.SendTo(request, new IPEndPoint(to, 0));
        }
        catch (SocketException failure)
        {
            throw Failure.NoAnswer($"cannot send to {to}: {failure.Message}");
        }

        var buffer = new byte[65536];
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        while (true)
        {
            var left = timeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !socket.Poll(left, SelectMode.SelectRead))
                return null;
            int count;
            try
            {
                count = socket.ReceiveFrom(buffer, ref from);
            }
            catch (SocketException)
            {
                continue; // an ICMP error about an earlier request; the timeout says the rest
            }
            var elapsed = Stopwatch.GetElapsedTime(start);
            var message = buffer.AsSpan(0, count);
            if (raw)
            {
                var header = count > 0 ? (message[0] & 15) * 4 : 0;
                if (header < 20 || header > count)
                    continue;
                message = message[header..];
            }
            if (((IPEndPoint)from).Address.Equals(to) && IsReply(message))
                return new EchoReply(message[IcmpHeader..].ToArray(), elapsed);
        }
    }

    bool IsReply(ReadOnlySpan<byte> message) => message.Length >= IcmpHeader
        && message[0] == EchoReplyType && message[1] == 0
        && BinaryPrimitives.ReadUInt16BigEndian(message[6..]) == sequence
        && (!raw || BinaryPrimitives.ReadUInt16BigEndian(message[4..]) == identifier);

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
