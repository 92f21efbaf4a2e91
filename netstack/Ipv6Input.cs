using System;

namespace Netstack;

/// <summary>From a frame of IPv6 to its protocol: the header's checks, and what lies behind it (RFC 8200 §4).</summary>
internal static unsafe class Ipv6Input
{
    /// <summary>Headers behind the first one; nobody needs more.</summary>
    internal const int MaxHeaders = 8;

    /// <summary>Options have a type and a length, but for one byte of padding (RFC 8200 §4.2).</summary>
    private const byte PadOne = 0;
    private const byte PadMany = 1;

    /// <summary>RFC 2711: routers look into the packet, which hosts do anyway.</summary>
    private const byte RouterAlert = 5;

    internal static void Receive(Stack* stack, FramePiece* pieces, int count, in Ethernet ethernet, FrameFlags flags,
        bool isLoopback, ulong now)
    {
        // SAFETY: the Ethernet header was found in the first piece.
        byte* start = pieces->Address + Ethernet.HeaderLength;
        int contiguous = pieces->Length - Ethernet.HeaderLength;
        int available = contiguous;
        for (int i = 1; i < count; i++)
            available += pieces[i].Length;
        if (!Ipv6.TryParse(new ReadOnlySpan<byte>(start, contiguous), available, out IpHeader ip))
        {
            stack->Counters.Ipv6Malformed++;
            return;
        }
        if (!isLoopback && (IsNeverSource(stack, ip) || ip.Destination.IsLoopback || ip.Destination.IsIpv4))
        {
            stack->Counters.Ipv6BadAddress++;
            return;
        }
        bool isForUs = ip.Destination.IsMulticast6
            ? stack->Link6.Listens(ip.Destination)
            : !Ethernet.IsGroup(ethernet.Destination) && stack->IsLocal(ip.Destination);
        if (!isForUs)
        {
            stack->Counters.Ipv6NotForUs++;
            return;
        }
        ip.SourceMac = ethernet.Source;
        ip.Start = start;
        ip.StartLength = contiguous < ip.TotalLength ? contiguous : ip.TotalLength;
        Payload payload = new(pieces, count, Ethernet.HeaderLength + Ipv6.HeaderLength,
            ip.TotalLength - Ipv6.HeaderLength);
        Walk(stack, ref ip, payload, (flags & FrameFlags.ChecksumValid) != 0, now);
    }

    /// <summary>
    /// Addresses that no packet from the link comes from: groups, this host's own, and those that stand for IPv4 (RFC
    /// 4291 §2.5.5.2), whose packets are others. Nobody has :: but who asks whether an address is taken (RFC 4862
    /// §5.4.2), and an own one that is being asked about may turn out to be another's.
    /// </summary>
    private static bool IsNeverSource(Stack* stack, in IpHeader ip)
    {
        Address source = ip.Source;
        bool isIcmp = ip.Protocol == Ipv6.ProtocolIcmp;
        if (source.IsUnspecified)
            return source.IsIpv4 || !isIcmp;
        return source.IsIpv4 || source.IsMulticast6
            || stack->IsLocal(source) && !(isIcmp && stack->Link6.IsTentative(source));
    }

    /// <summary>Passes over the headers before what the packet carries, and hands that on.</summary>
    private static void Walk(Stack* stack, ref IpHeader ip, Payload payload, bool checksumValid, ulong now)
    {
        for (int i = 0; i <= MaxHeaders; i++)
        {
            byte kind = ip.Protocol;
            if (!IsHeader(kind) || kind == Ipv6.HopByHop && i > 0)
            {
                Deliver(stack, ip, payload, checksumValid, now);
                return;
            }
            ReadOnlySpan<byte> at = payload.First;
            int length = at.Length < Ipv6.FragmentHeaderLength ? int.MaxValue : LengthOf(kind, at);
            if (length > at.Length)
                break;
            if (kind == Ipv6.Fragment)
            {
                fixed (byte* header = at)
                    Ipv6.ParseFragment(header, ref ip);
                ip.ProtocolAt = ip.DataOffset;
                ip.DataOffset += length;
                payload.Skip(length);
                // One fragment that is all of its packet has nothing to do with others (RFC 6946).
                if (ip.FragmentOffset != 0 || ip.MoreFragments)
                {
                    stack->Counters.Ipv6Fragment++;
                    ReceiveFragment(stack, ip, payload, now);
                    return;
                }
                continue;
            }
            if (!IsAllowed(stack, ip, kind, at.Slice(0, length), now))
            {
                stack->Counters.Ipv6HeaderRefused++;
                return;
            }
            ip.Protocol = at[0];
            ip.ProtocolAt = ip.DataOffset;
            ip.DataOffset += length;
            payload.Skip(length);
        }
        stack->Counters.Ipv6Malformed++;
    }

    /// <summary>Kinds of headers that something follows which says what it is in the first byte.</summary>
    internal static bool IsHeader(byte kind) =>
        kind is Ipv6.HopByHop or Ipv6.Routing or Ipv6.DestinationOptions or Ipv6.Fragment;

    /// <summary>Bytes of a header of which the first eight are there.</summary>
    private static int LengthOf(byte kind, ReadOnlySpan<byte> at) =>
        kind == Ipv6.Fragment ? Ipv6.FragmentHeaderLength : (at[1] + 1) * 8;

    /// <summary>
    /// Takes fragments of TCP, UDP and ICMPv6 that were sent to one host. A further header behind the fragment header
    /// is refused, though RFC 7112 has it in the first fragment; neighbour discovery (RFC 6980) is dropped where the
    /// whole packet is looked at, which does not know <see cref="IpHeader.SourceMac"/>.
    /// </summary>
    private static void ReceiveFragment(Stack* stack, IpHeader ip, Payload payload, ulong now)
    {
        if (ip.Protocol is not (Ipv4.ProtocolTcp or Ipv4.ProtocolUdp or Ipv6.ProtocolIcmp)
            || ip.Destination.IsMulticast6)
        {
            stack->Counters.FragmentsRefused++;
            return;
        }
        Fragments.Receive(stack, ip, payload, now);
    }

    private static bool IsAllowed(Stack* stack, in IpHeader ip, byte kind, ReadOnlySpan<byte> header, ulong now)
    {
        if (kind != Ipv6.Routing)
            return AreOptionsAllowed(stack, ip, header, now);
        // RFC 8200 §4.4: what is to go on to others is not for a host.
        const int type = 2;
        const int segmentsLeft = 3;
        if (header[segmentsLeft] == 0)
            return true;
        Icmp6Messages.SendError(stack, ip, Icmp6.ParameterProblem, Icmp6.CodeField, (uint)(ip.DataOffset + type), now);
        return false;
    }

    /// <summary>RFC 8200 §4.2: the highest two bits of an unknown option say what becomes of its packet.</summary>
    private static bool AreOptionsAllowed(Stack* stack, in IpHeader ip, ReadOnlySpan<byte> header, ulong now)
    {
        const int skip = 0;
        const int tell = 2;
        const int tellOne = 3;
        int at = 2;
        while (at < header.Length)
        {
            byte option = header[at];
            if (option == PadOne)
            {
                at++;
                continue;
            }
            if (at + 1 >= header.Length || at + 2 + header[at + 1] > header.Length)
                return false;
            int action = option >> 6;
            if (option is not (PadMany or RouterAlert) && action != skip)
            {
                if (action == tell || action == tellOne && !ip.Destination.IsMulticast6)
                    Icmp6Messages.SendError(stack, ip, Icmp6.ParameterProblem, Icmp6.CodeOption,
                        (uint)(ip.DataOffset + at), now, alsoOfGroups: true);
                return false;
            }
            at += 2 + header[at + 1];
        }
        return true;
    }

    /// <summary>A whole packet for one of our addresses, or for a group.</summary>
    internal static void Deliver(Stack* stack, in IpHeader ip, Payload payload, bool checksumValid, ulong now)
    {
        bool toGroup = ip.Destination.IsMulticast6;
        switch (ip.Protocol)
        {
            case Ipv4.ProtocolTcp when !toGroup:
                TcpInput.Receive(stack, ip, payload, checksumValid, now);
                break;
            case Ipv4.ProtocolUdp:
                Datagrams.ReceiveUdp(stack, ip, payload, checksumValid, toGroup, now);
                break;
            case Ipv6.ProtocolIcmp:
                Icmp6Messages.Receive(stack, ip, payload, now);
                break;
            case Ipv6.Nothing:
                break;
            default:
                stack->Counters.UnknownProtocol++;
                // RFC 4443 §3.4: the pointer is at the field that was not understood.
                Icmp6Messages.SendError(stack, ip, Icmp6.ParameterProblem, Icmp6.CodeNextHeader, (uint)ip.ProtocolAt,
                    now);
                break;
        }
    }
}
