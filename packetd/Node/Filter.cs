using System;
using Wire;
using static Packetd.Packet;

namespace Packetd;

/// <summary>
/// What a domain may send (thesis §7.1.1; docs/security.md has the list and a reason for each entry): ARP about its own
/// addresses, and TCP, UDP and ICMP from them to one other host. What is not known is refused.
/// </summary>
public static class Filter
{
    public static bool Allows(in Domain domain, ReadOnlySpan<byte> packet) =>
        HasMac(packet, SourceAt, domain.Boot)
        && (IsArp(packet) ? AllowsArp(in domain, packet) : IsIpv4(packet) && AllowsIpv4(in domain, packet));

    private static bool AllowsArp(in Domain domain, ReadOnlySpan<byte> packet)
    {
        uint sender = Bytes.Be32(packet, ArpSenderAt);
        if (sender == 0) // an address probe (RFC 5227 §2.1.1)
            sender = Bytes.Be32(packet, ArpTargetAt);
        return Bytes.Le16(packet, FlagsAt) == 0
            && Bytes.Be16(packet, ArpOperationAt) is ArpRequest or ArpReply
            && HasMac(packet, ArpSenderMacAt, domain.Boot)
            && domain.Owns(sender);
    }

    private static bool AllowsIpv4(in Domain domain, ReadOnlySpan<byte> packet) =>
        domain.Owns(Bytes.Be32(packet, Ipv4SourceAt))
        && IsHost(Bytes.Be32(packet, Ipv4TargetAt))
        && !IsToGroup(packet)
        && packet[ProtocolAt] switch
        {
            ProtocolTcp => OffloadIsSound(packet, TcpChecksumOffset),
            ProtocolUdp => OffloadIsSound(packet, UdpChecksumOffset) && AllowsHeader(in domain, packet),
            ProtocolIcmp => OffloadIsSound(packet, IcmpChecksumOffset) && AllowsHeader(in domain, packet),
            _ => false,
        };

    /// <summary>
    /// UDP, but not to the port of DHCP clients (68). ICMP: Echo, and errors that quote a packet which was sent to the
    /// domain, since a host has no others to tell of (RFC 1122 §3.2.2). A fragment that is not the first has no such
    /// header, and begins behind all that is looked at: no receiver is to find it changed (RFC 3128).
    /// </summary>
    private static bool AllowsHeader(in Domain domain, ReadOnlySpan<byte> packet)
    {
        int offset = Bytes.Be16(packet, FragmentAt) & FragmentOffset;
        if (offset != 0 || packet.Length < IcmpAt + IcmpSize)
            return offset >= LaterFragment;
        if (packet[ProtocolAt] == ProtocolUdp)
            return Bytes.Be16(packet, UdpTargetAt) != DhcpClient;
        byte type = packet[IcmpAt];
        if (type is EchoRequest or EchoReply)
            return true;
        return type is Unreachable or TimeExceeded or ParameterProblem
            && packet.Length >= IcmpQuotedAt + Ipv4Size
            && domain.Owns(Bytes.Be32(packet, IcmpQuotedTargetAt));
    }

    /// <summary>
    /// Whether the checksum that the virtio-net header leaves to the receiver, if any, is that of TCP, UDP or ICMP. The
    /// receiver writes it where that header says, which must not be a field that was checked here.
    /// </summary>
    /// <param name="offset">Where in its header the protocol has its checksum.</param>
    private static bool OffloadIsSound(ReadOnlySpan<byte> packet, int offset)
    {
        if (Bytes.Le16(packet, FlagsAt) == 0) // and no segmentation
            return true;
        int segmentation = packet[GsoAt] & ~GsoEcn;
        return packet[FlagsAt] == NeedsChecksum
            && packet.Length >= IcmpAt + offset + sizeof(ushort)
            && Bytes.Le16(packet, ChecksumStartAt) == IcmpAt - HeaderSize
            && Bytes.Le16(packet, ChecksumOffsetAt) == offset
            && (segmentation == 0
                || (segmentation is GsoTcp4 or GsoUdp && Bytes.Le16(packet, GsoSizeAt) != 0));
    }
}
