using System;
using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>
/// ICMPv6 (RFC 4443): answers Echo Requests, gives errors to the connections and sockets whose packets they quote,
/// sends errors itself, and hands neighbour discovery on.
/// </summary>
internal static unsafe class Icmp6Messages
{
    /// <summary>What an error quotes at most: as much as fits into a packet that every link carries (§2.4 c).</summary>
    private const int MaxQuoted = Ipv6.MinMtu - Ipv6.HeaderLength - Icmp6.HeaderLength;

    /// <summary>Of a quoted packet: the ports, and the sequence number of TCP.</summary>
    private const int QuotedTransport = 8;

    internal static void Receive(Stack* stack, in IpHeader ip, Payload payload, ulong now)
    {
        ReadOnlySpan<byte> message = payload.First;
        if (message.Length < Icmp6.HeaderLength)
        {
            stack->Counters.IcmpMalformed++;
            return;
        }
        if (Checksum.Fold(payload.Sum()
            + Checksum.PseudoHeader(ip.Source, ip.Destination, Ipv6.ProtocolIcmp, payload.Length)) != 0xffff)
        {
            stack->Counters.IcmpBadChecksum++;
            return;
        }
        byte type = message[0];
        switch (type)
        {
            case Icmp6.EchoRequest when !ip.Source.IsUnspecified:
                Answer(stack, ip, payload, now);
                break;
            case Icmp6.DestinationUnreachable or Icmp6.PacketTooBig or Icmp6.TimeExceeded or Icmp6.ParameterProblem
                when !ip.Destination.IsMulticast6:
                stack->Counters.UnreachablesReceived++;
                ReceiveError(stack, ip, message, now);
                break;
            case Icmp6.ListenerQuery:
                NeighbourDiscovery.AnswerQuery(stack, ip, message, now);
                break;
            case Icmp6.RouterAdvertisement or Icmp6.NeighbourSolicitation or Icmp6.NeighbourAdvertisement:
                // A router passes on nothing with 255 hops left, so it comes from this link (RFC 4861 §6.1, §7.1).
                if (ip.HopLimit == NeighbourDiscovery.HopLimit && message[1] == 0 && message.Length == payload.Length
                    && stack->Link6.IsOn && ip.SourceMac != 0)
                    NeighbourDiscovery.Receive(stack, ip, message, now);
                else
                    stack->Counters.NeighbourDiscoveryIgnored++;
                break;
            default:
                // Redirects among them: whose word they are nobody can tell.
                stack->Counters.IcmpIgnored++;
                break;
        }
    }

    private static void Answer(Stack* stack, in IpHeader ip, Payload payload, ulong now)
    {
        Address from = ip.Destination.IsMulticast6 ? Output.SourceFor(stack, ip.Source) : ip.Destination;
        int length = payload.Length;
        if (from.IsUnspecified)
            return;
        stack->Counters.EchoRequestsAnswered++;
        if (Ipv6.HeaderLength + length > Output.PathMtu(stack, ip.Source, now))
        {
            // Only a request that lies in one piece is answered, as those do that came in fragments or by loopback.
            if (payload.First.Length == length)
                AnswerLong(stack, from, ip.Source, payload.First, now);
            return;
        }
        byte* at = stack->Scratch + Output.TransportOffset;
        // SAFETY: the length was compared with the MTU, for which the scratch buffer is made.
        payload.CopyTo(at, length);
        at[0] = Icmp6.EchoReply;
        at[1] = 0;
        Send(stack, length, from, ip.Source, now);
    }

    private static void AnswerLong(Stack* stack, Address from, Address to, ReadOnlySpan<byte> request, ulong now)
    {
        byte* header = stackalloc byte[Icmp6.HeaderLength];
        request.Slice(0, Icmp6.HeaderLength).CopyTo(new Span<byte>(header, Icmp6.HeaderLength));
        header[0] = Icmp6.EchoReply;
        header[1] = 0;
        Unsafe.WriteUnaligned(header + 2, (ushort)0);
        ReadOnlySpan<byte> rest = request.Slice(Icmp6.HeaderLength);
        fixed (byte* bytes = rest)
        {
            uint sum = Checksum.Sum(header, Icmp6.HeaderLength) + Checksum.Sum(bytes, rest.Length)
                + Checksum.PseudoHeader(from, to, Ipv6.ProtocolIcmp, request.Length);
            Unsafe.WriteUnaligned(header + 2, (ushort)~Checksum.Fold(sum));
        }
        Output.SendLong(stack, header, rest, from, to, Ipv6.ProtocolIcmp, now);
    }

    /// <summary>Completes and sends the message of so many bytes that was built in the scratch buffer.</summary>
    private static void Send(Stack* stack, int length, Address source, Address destination, ulong now)
    {
        byte* at = stack->Scratch + Output.TransportOffset;
        Unsafe.WriteUnaligned(at + 2, (ushort)0);
        uint sum = Checksum.Sum(at, length) + Checksum.PseudoHeader(source, destination, Ipv6.ProtocolIcmp, length);
        Unsafe.WriteUnaligned(at + 2, (ushort)~Checksum.Fold(sum));
        Transmission frame = default;
        frame.Header = stack->Scratch;
        frame.TotalLength = Output.TransportOffset + length;
        frame.HeaderLength = frame.TotalLength;
        short hint = -1;
        Output.Send(stack, &frame, source, destination, Ipv6.ProtocolIcmp, ref hint, hold: true, now);
    }

    /// <summary>
    /// Tells the sender of a packet that it was not taken, within the limits of §2.4: not of an error, nor to who
    /// cannot be one host, nor oftener than errors of IPv4 are sent.
    /// </summary>
    /// <param name="parameter">The four bytes behind the checksum.</param>
    /// <param name="alsoOfGroups">Also of a packet that was sent to a group.</param>
    internal static void SendError(Stack* stack, in IpHeader ip, byte type, byte code, uint parameter, ulong now,
        bool alsoOfGroups = false)
    {
        bool isToGroup = ip.Destination.IsMulticast6;
        if (ip.Start == null || ip.Source.IsUnspecified || isToGroup && !alsoOfGroups || CarriesError(ip))
            return;
        Address from = isToGroup ? Output.SourceFor(stack, ip.Source) : ip.Destination;
        if (from.IsUnspecified || !IcmpMessages.MaySendError(stack, ip.Source, now))
            return;
        byte* at = stack->Scratch + Output.TransportOffset;
        int room = stack->Link.Mtu - Ipv6.HeaderLength - Icmp6.HeaderLength;
        int quoted = Math.Min(ip.StartLength, Math.Min(room, MaxQuoted));
        at[0] = type;
        at[1] = code;
        BigEndian.Store32(at + 4, parameter);
        // SAFETY: with its headers it is no longer than the MTU, for which the scratch buffer is made.
        Bytes.Copy(ip.Start, at + Icmp6.HeaderLength, quoted);
        stack->Counters.UnreachablesSent++;
        Send(stack, Icmp6.HeaderLength + quoted, from, ip.Source, now);
    }

    /// <summary>
    /// Whether a packet carries an error or a redirect, behind whatever headers; so it is where that is not seen.
    /// </summary>
    private static bool CarriesError(in IpHeader ip)
    {
        const int nextAt = 6;
        byte kind = ip.Start[nextAt];
        int at = Ipv6.HeaderLength;
        for (int i = 0; i <= Ipv6Input.MaxHeaders && at + Icmp6.HeaderLength <= ip.StartLength; i++)
        {
            byte* header = ip.Start + at;
            if (kind == Ipv6.ProtocolIcmp)
                return *header is < Icmp6.EchoRequest or Icmp6.Redirect;
            if (!Ipv6Input.IsHeader(kind))
                return false;
            at += kind == Ipv6.Fragment ? Ipv6.FragmentHeaderLength : (header[1] + 1) * 8;
            kind = *header;
        }
        return kind == Ipv6.ProtocolIcmp;
    }

    /// <summary>An error about a packet that this host sent; anything else that it quotes is not ours.</summary>
    private static void ReceiveError(Stack* stack, in IpHeader ip, ReadOnlySpan<byte> message, ulong now)
    {
        byte type = message[0];
        byte code = message[1];
        ReadOnlySpan<byte> quoted = message.Slice(Icmp6.HeaderLength);
        // The quoted packet is cut short, so its length is not compared.
        if (!Ipv6.TryParse(quoted, int.MaxValue, out IpHeader of) || of.Source != ip.Destination)
        {
            stack->Counters.IcmpMalformed++;
            return;
        }
        quoted = quoted.Slice(Ipv6.HeaderLength);
        if (of.Protocol == Ipv6.Fragment && quoted.Length >= Ipv6.FragmentHeaderLength)
        {
            fixed (byte* at = quoted)
                Ipv6.ParseFragment(at, ref of);
            quoted = quoted.Slice(Ipv6.FragmentHeaderLength);
        }
        if (quoted.Length < QuotedTransport || of.FragmentOffset != 0)
        {
            stack->Counters.IcmpMalformed++;
            return;
        }
        // The four bytes behind the checksum.
        uint mtu = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(message.Slice(4));
        fixed (byte* transport = quoted)
        {
            // SAFETY: what is quoted of the transport was just found to have eight bytes.
            ushort sourcePort = BigEndian.Load16(transport);
            ushort destinationPort = BigEndian.Load16(transport + 2);
            uint sequence = BigEndian.Load32(transport + 4);
            bool isRefused = type == Icmp6.DestinationUnreachable && code == Icmp6.CodePort
                || type == Icmp6.ParameterProblem && code == Icmp6.CodeNextHeader;
            int error = isRefused ? SocketError.Refused : SocketError.HostUnreachable;
            bool isTcp = of.Protocol == Ipv4.ProtocolTcp;
            if (!isTcp && of.Protocol != Ipv4.ProtocolUdp)
                return;
            if (type == Icmp6.PacketTooBig)
            {
                bool isOurs = isTcp
                    ? Tcp.FindInFlight(stack, of.Source, sourcePort, of.Destination, destinationPort, sequence) != null
                    : Datagrams.IsSender(stack, of.Source, sourcePort, of.Destination, destinationPort);
                // Less than every link carries is taken for an attack (RFC 8201 §4).
                if (!isOurs || mtu < Ipv6.MinMtu || mtu >= stack->Link.Mtu)
                    return;
                Paths6.Learn(stack, of.Destination, (ushort)mtu, now);
                if (isTcp)
                    Tcp.TooBig(stack, of.Source, sourcePort, of.Destination, destinationPort, sequence, (int)mtu, now);
            }
            else if (isTcp)
                Tcp.Unreachable(stack, of.Source, sourcePort, of.Destination, destinationPort, sequence, error);
            else
                Datagrams.Unreachable(stack, of.Source, sourcePort, of.Destination, destinationPort, error);
        }
    }
}
