using System;
using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>
/// Answers Echo Requests, gives Echo Replies and unreachable messages to their sockets and connections, and sends port
/// unreachable.
/// </summary>
internal static unsafe class IcmpMessages
{
    /// <summary>
    /// Errors sent per second at most (RFC 1812 §4.3.2.8). The limit of each second is drawn between half of it and
    /// all of it: with a known limit, a sender could tell by the errors that are left for him whether a datagram sent
    /// in another's name was answered with one, and so find open ports (Man and others, "DNS Cache Poisoning Attack
    /// Reloaded", CCS 2020).
    /// </summary>
    private const int ErrorsPerSecond = 100;

    internal static void Receive(Stack* stack, in IpHeader ip, Payload payload, ulong now)
    {
        if (!Icmp.TryParse(payload.First, out Icmp icmp))
        {
            stack->Counters.IcmpMalformed++;
            return;
        }
        if (payload.Sum() != 0xffff)
        {
            stack->Counters.IcmpBadChecksum++;
            return;
        }
        switch (icmp.Type)
        {
            case Icmp.EchoRequest when icmp.Code == 0:
                Answer(stack, ip, icmp, payload, now);
                break;
            case Icmp.EchoReply when icmp.Code == 0:
                Datagrams.ReceiveEcho(stack, ip, icmp, payload);
                break;
            case Icmp.DestinationUnreachable:
                stack->Counters.UnreachablesReceived++;
                payload.Skip(Icmp.HeaderLength);
                ReceiveUnreachable(stack, ip, icmp, payload.First, now);
                break;
            default:
                stack->Counters.IcmpIgnored++;
                break;
        }
    }

    private static void Answer(Stack* stack, in IpHeader ip, Icmp icmp, Payload payload, ulong now)
    {
        int length = payload.Length;
        stack->Counters.EchoRequestsAnswered++;
        icmp.Type = Icmp.EchoReply;
        if (Ipv4.HeaderLength + length > stack->Link.Mtu)
        {
            // It came in fragments, or through the loopback: then it lies in one piece.
            payload.Skip(Icmp.HeaderLength);
            if (payload.First.Length == payload.Length)
                SendLong(stack, icmp, payload.First, ip.Destination, ip.Source, now);
            return;
        }
        byte* at = stack->Scratch + Output.TransportOffset;
        // SAFETY: the length was compared with the MTU, for which the scratch buffer is made.
        payload.CopyTo(at, length);
        icmp.Emit(at);
        Send(stack, length, ip.Destination, ip.Source, now);
    }

    /// <summary>Takes one of the errors that may still be sent in this second; false when none is left.</summary>
    internal static bool MaySendError(Stack* stack, Address to, ulong now)
    {
        if (stack->ErrorInterval == 0 || now - stack->ErrorInterval >= Tcp.Second)
        {
            stack->ErrorInterval = now;
            ulong random = KeyedHash.Of(stack->SecretLow, stack->SecretHigh, now, to.Low);
            stack->ErrorsLeft = ErrorsPerSecond / 2 + (int)(random % (ErrorsPerSecond / 2 + 1));
        }
        if (stack->ErrorsLeft == 0)
        {
            stack->Counters.IcmpRateLimited++;
            return false;
        }
        stack->ErrorsLeft--;
        return true;
    }

    /// <summary>Port unreachable, with the header and the first 8 bytes of what it answers.</summary>
    internal static void SendUnreachable(Stack* stack, in IpHeader ip, ReadOnlySpan<byte> transport, byte code,
        ulong now)
    {
        if (!MaySendError(stack, ip.Source, now))
            return;
        byte* at = stack->Scratch + Output.TransportOffset;
        Icmp icmp = default;
        icmp.Type = Icmp.DestinationUnreachable;
        icmp.Code = code;
        icmp.Emit(at);
        Ipv4.Emit(at + Icmp.HeaderLength, ip.Source.Ipv4, ip.Destination.Ipv4, ip.Protocol, ip.TotalLength);
        // SAFETY: 8 + 20 + 8 bytes fit in the scratch buffer of at least 576.
        transport.Slice(0, 8).CopyTo(new Span<byte>(at + Icmp.HeaderLength + Ipv4.HeaderLength, 8));
        stack->Counters.UnreachablesSent++;
        Send(stack, Icmp.HeaderLength + Ipv4.HeaderLength + 8, ip.Destination, ip.Source, now);
    }

    /// <summary>Sends the message built in the scratch buffer, checksum 0 so far.</summary>
    internal static SendResult Send(Stack* stack, int length, Address source, Address destination, ulong now)
    {
        byte* at = stack->Scratch + Output.TransportOffset;
        Unsafe.WriteUnaligned(at + 2, (ushort)~Checksum.Sum(at, length));
        Transmission frame = default;
        frame.Header = stack->Scratch;
        frame.TotalLength = Output.TransportOffset + length;
        frame.HeaderLength = frame.TotalLength;
        short hint = -1;
        return Output.Send(stack, &frame, source, destination, Ipv4.ProtocolIcmp, ref hint, hold: true, now);
    }

    /// <summary>Sends a message that is longer than the MTU.</summary>
    internal static SendResult SendLong(Stack* stack, in Icmp icmp, ReadOnlySpan<byte> rest, Address source,
        Address destination, ulong now)
    {
        byte* header = stackalloc byte[Icmp.HeaderLength];
        icmp.Emit(header);
        fixed (byte* bytes = rest)
            Unsafe.WriteUnaligned(header + 2,
                (ushort)~Checksum.Fold(Checksum.Sum(header, Icmp.HeaderLength) + Checksum.Sum(bytes, rest.Length)));
        return Output.SendLong(stack, header, rest, source, destination, Ipv4.ProtocolIcmp, now);
    }

    private static void ReceiveUnreachable(Stack* stack, in IpHeader ip, in Icmp icmp, ReadOnlySpan<byte> quoted,
        ulong now)
    {
        // The quoted packet is cut short, so its lengths are not compared; 8 bytes behind its header are needed.
        if (quoted.Length < Ipv4.HeaderLength + 8)
        {
            stack->Counters.IcmpMalformed++;
            return;
        }
        fixed (byte* at = quoted)
        {
            int offset = (at[0] & 0xf) * 4;
            // It is sent to whom the packet came from (RFC 1122 §3.2.2): what a link brings says nothing of loopback.
            if (at[0] >> 4 != 4 || offset < Ipv4.HeaderLength || quoted.Length < offset + 8
                || BigEndian.Load32(at + 12) != ip.Destination.Ipv4)
            {
                stack->Counters.IcmpMalformed++;
                return;
            }
            // SAFETY: offset + 8 bytes are there.
            Address source = ip.Destination;
            Address destination = BigEndian.Load32(at + 16);
            ushort sourcePort = BigEndian.Load16(at + offset);
            ushort destinationPort = BigEndian.Load16(at + offset + 2);
            uint sequence = BigEndian.Load32(at + offset + 4);
            bool isRefused = icmp.Code == Icmp.CodePort || at[9] == Ipv4.ProtocolTcp && icmp.Code == Icmp.CodeProtocol;
            int error = isRefused ? SocketError.Refused : SocketError.HostUnreachable;
            // Less than 576 is taken for an attack.
            if (at[9] == Ipv4.ProtocolTcp && icmp.Code == Icmp.CodeFragmentationNeeded)
                Tcp.TooBig(stack, source, sourcePort, destination, destinationPort, sequence,
                    icmp.Sequence < 576 ? 576 : icmp.Sequence, now);
            else if (at[9] == Ipv4.ProtocolTcp)
                Tcp.Unreachable(stack, source, sourcePort, destination, destinationPort, sequence, error);
            else if (at[9] == Ipv4.ProtocolUdp)
                Datagrams.Unreachable(stack, source, sourcePort, destination, destinationPort, error);
        }
    }
}
