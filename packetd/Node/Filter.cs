using System;
using Wire;

namespace Packetd;

/// <summary>
/// What a domain may send (thesis §7.1.1; docs/security.md has the list and a reason for each entry): ARP about its own addresses, and
/// TCP, UDP and ICMP from them to one other host. What is not known is refused.
/// </summary>
public static class Filter
{
    public static bool Allows(in Domain domain, ReadOnlySpan<byte> packet) =>
        Packet.HasMac(packet, Packet.SourceAt, domain.Boot)
        && (Packet.IsArp(packet) ? AllowsArp(in domain, packet) : Packet.IsIpv4(packet) && AllowsIpv4(in domain, packet));

    private static bool AllowsArp(in Domain domain, ReadOnlySpan<byte> packet)
    {
        uint sender = Bytes.Be32(packet, Packet.ArpSenderAt);
        return Bytes.Le16(packet, Packet.FlagsAt) == 0 && Bytes.Be16(packet, Packet.ArpOperationAt) is 1 or 2
            && Packet.HasMac(packet, Packet.ArpSenderMacAt, domain.Boot)
            && domain.Owns(sender == 0 ? Bytes.Be32(packet, Packet.ArpTargetAt) : sender); // 0: an address probe (RFC 5227 §2.1.1)
    }

    private static bool AllowsIpv4(in Domain domain, ReadOnlySpan<byte> packet) =>
        domain.Owns(Bytes.Be32(packet, Packet.Ipv4SourceAt)) && Packet.IsHost(Bytes.Be32(packet, Packet.Ipv4TargetAt))
        && (packet[Packet.TargetAt] & 1) == 0 && packet[Packet.ProtocolAt] switch
        {
            Packet.ProtocolTcp => OffloadIsSound(packet, 16),
            Packet.ProtocolUdp => OffloadIsSound(packet, 6) && AllowsHeader(in domain, packet),
            Packet.ProtocolIcmp => OffloadIsSound(packet, 2) && AllowsHeader(in domain, packet),
            _ => false,
        };

    /// <summary>
    /// UDP but to DHCP clients; and of ICMP Echo, and errors about what was sent to the domain, since a host has no others to tell of
    /// (RFC 1122 §3.2.2). In a fragment that is not the first nobody looks for a header.
    /// </summary>
    private static bool AllowsHeader(in Domain domain, ReadOnlySpan<byte> packet)
    {
        bool later = (Bytes.Be16(packet, Packet.FragmentAt) & 0x1FFF) != 0;
        if (later || packet.Length < Packet.IcmpAt + Packet.IcmpSize)
            return later;
        if (packet[Packet.ProtocolAt] == Packet.ProtocolUdp)
            return Bytes.Be16(packet, Packet.UdpTargetAt) != Packet.DhcpClient;
        byte type = packet[Packet.IcmpAt];
        return type is Packet.EchoRequest or Packet.EchoReply || (type is Packet.Unreachable or Packet.TimeExceeded or Packet.ParameterProblem
            && packet.Length >= Packet.IcmpQuotedAt + Packet.Ipv4Size && domain.Owns(Bytes.Be32(packet, Packet.IcmpQuotedTargetAt)));
    }

    /// <summary>
    /// Whether what the header leaves undone is the checksum of TCP, UDP or ICMP: whoever completes it writes where the header says, and
    /// must not write into what is checked here.
    /// </summary>
    /// <param name="checksumAt">Where in its header the protocol has its checksum.</param>
    private static bool OffloadIsSound(ReadOnlySpan<byte> packet, uint checksumAt)
    {
        int segmentation = packet[Packet.GsoAt] & ~Packet.GsoEcn;
        return Bytes.Le16(packet, Packet.FlagsAt) == 0 || (packet[Packet.FlagsAt] == Packet.NeedsChecksum
            && packet.Length >= Packet.IcmpAt + checksumAt + 2
            && Bytes.Le32(packet, Packet.ChecksumStartAt) == (Packet.IcmpAt - Packet.HeaderSize | checksumAt << 16)
            && (segmentation == 0 || (segmentation is Packet.GsoTcp4 or Packet.GsoUdp && Bytes.Le16(packet, Packet.GsoSizeAt) != 0)));
    }
}
