using System;

namespace Netstack;

/// <summary>From a received frame to its protocol: Ethernet and IPv4 checks, each with its counter.</summary>
internal static unsafe class Input
{
    internal static void Receive(Stack* stack, FramePiece* pieces, int count, FrameFlags flags, bool isLoopback,
        ulong now)
    {
        int total = 0;
        for (int i = 0; i < count; i++)
            total += pieces[i].Length;
        if (!isLoopback)
        {
            stack->Counters.FramesReceived++;
            stack->Counters.BytesReceived += (uint)total;
        }
        if (count < 1 || !Ethernet.TryParse(new ReadOnlySpan<byte>(pieces->Address, pieces->Length),
            out Ethernet ethernet))
        {
            stack->Counters.FrameTooShort++;
            return;
        }
        bool broadcast = ethernet.Destination == Ethernet.Broadcast;
        if (ethernet.Destination != stack->MacAddress && !broadcast && !IsGroup6(stack, ethernet))
        {
            stack->Counters.FrameNotForUs++;
            return;
        }
        // SAFETY: TryParse found at least HeaderLength bytes in the first piece.
        ReadOnlySpan<byte> bytes =
            new(pieces->Address + Ethernet.HeaderLength, pieces->Length - Ethernet.HeaderLength);
        switch (ethernet.Type)
        {
            case Ethernet.TypeIpv4:
                ReceiveIpv4(stack, pieces, count, bytes, total - Ethernet.HeaderLength, flags, broadcast, isLoopback,
                    now);
                break;
            case Ethernet.TypeArp when !isLoopback:
                // RFC 826 trusts the packet, but a sender that disagrees with its frame is a forgery.
                if (!Arp.TryParse(bytes, out Arp arp) || arp.SenderMac != ethernet.Source)
                    stack->Counters.ArpMalformed++;
                else if (!arp.IsProbe && IsNeverSource(stack, arp.SenderAddress))
                    stack->Counters.ArpBadSender++;
                else
                    NeighbourCache.Receive(stack, arp, now);
                break;
            case Ethernet.TypeIpv6 when Address.HasIpv6 && (isLoopback || stack->Link6.IsOn):
                Ipv6Input.Receive(stack, pieces, count, ethernet, flags, isLoopback, now);
                break;
            default:
                stack->Counters.UnknownEtherType++;
                break;
        }
    }

    /// <summary>Frames of the groups that hosts of IPv6 are in (RFC 2464 §7).</summary>
    private static bool IsGroup6(Stack* stack, in Ethernet ethernet) =>
        Address.HasIpv6 && stack->Link6.IsOn && ethernet.Type == Ethernet.TypeIpv6
        && ethernet.Destination >> 32 == Ethernet.GroupPrefix6;

    /// <summary>
    /// Addresses that no packet from the link comes from (RFC 1122 §3.2.1.3): 0/8, loopback, multicast, class E,
    /// limited broadcast, our own, and those of our networks that mean the network or everybody on it.
    /// </summary>
    private static bool IsNeverSource(Stack* stack, Address address) =>
        address.Ipv4 >> 24 == 0 || Ipv4.IsBadSource(address.Ipv4) || stack->IsLocal(address)
        || Output.IsBroadcast(stack, address) || Output.IsNetwork(stack, address);

    private static void ReceiveIpv4(
        Stack* stack, FramePiece* pieces, int count, ReadOnlySpan<byte> bytes, int available, FrameFlags flags,
        bool broadcast, bool isLoopback, ulong now)
    {
        Ipv4Error error = Ipv4.Parse(bytes, available, out IpHeader ip);
        switch (error)
        {
            case Ipv4Error.Malformed:
                stack->Counters.Ipv4Malformed++;
                return;
            case Ipv4Error.BadChecksum:
                stack->Counters.Ipv4BadChecksum++;
                return;
        }
        if (!isLoopback && (IsNeverSource(stack, ip.Source) || ip.Destination.IsLoopback))
        {
            stack->Counters.Ipv4BadSource++;
            return;
        }
        // RFC 1122 §3.3.6: a unicast packet in a broadcast frame is not for us.
        bool toBroadcast = Output.IsBroadcast(stack, ip.Destination);
        if (!toBroadcast && (broadcast || !stack->IsLocal(ip.Destination))
            || toBroadcast && ip.Protocol != Ipv4.ProtocolUdp)
        {
            stack->Counters.Ipv4NotForUs++;
            return;
        }
        Payload payload = new(pieces, count, Ethernet.HeaderLength + ip.DataOffset, ip.TotalLength - ip.DataOffset);
        if (error == Ipv4Error.Fragment)
        {
            stack->Counters.Ipv4Fragment++;
            Fragments.Receive(stack, ip, payload, now);
            return;
        }
        Deliver(stack, ip, payload, (flags & FrameFlags.ChecksumValid) != 0, now);
    }

    /// <summary>A whole packet for one of our addresses, or for everybody.</summary>
    internal static void Deliver(Stack* stack, in IpHeader ip, Payload payload, bool checksumValid, ulong now)
    {
        switch (ip.Protocol)
        {
            case Ipv4.ProtocolTcp:
                TcpInput.Receive(stack, ip, payload, checksumValid, now);
                break;
            case Ipv4.ProtocolUdp:
                Datagrams.ReceiveUdp(stack, ip, payload, checksumValid, Output.IsBroadcast(stack, ip.Destination), now);
                break;
            case Ipv4.ProtocolIcmp:
                IcmpMessages.Receive(stack, ip, payload, now);
                break;
            default:
                stack->Counters.UnknownProtocol++;
                break;
        }
    }
}
