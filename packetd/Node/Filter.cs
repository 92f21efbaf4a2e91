using System;
using Wire;

namespace Packetd;

/// <summary>
/// What a domain may send (thesis §7.1.1): ARP and IPv4 from its own MAC and addresses, nothing else. Everything that is
/// not known is refused, so VLAN tags, IPv6 and encapsulations carry no foreign address past this point.
/// </summary>
public static class Filter
{
    public static bool Allows(in Domain domain, ReadOnlySpan<byte> packet)
    {
        if (!Packet.HasMac(packet, Packet.SourceAt, domain.Boot))
            return false;
        if (Packet.IsArp(packet))
        {
            uint sender = Bytes.Be32(packet, Packet.ArpSenderAt);
            return Bytes.Le16(packet, Packet.FlagsAt) == 0 && Packet.HasMac(packet, Packet.ArpSenderMacAt, domain.Boot)
                && (sender == 0 || domain.Owns(sender)); // 0: an address probe (RFC 5227 §2.1.1)
        }
        return packet.Length >= Packet.IcmpAt && Bytes.Be16(packet, Packet.TypeAt) == Packet.TypeIpv4 && packet[Packet.Ipv4At] >> 4 == 4
            && domain.Owns(Bytes.Be32(packet, Packet.Ipv4SourceAt)) && OffloadIsSound(packet);
    }

    /// <summary>
    /// Whether what the header leaves undone stays behind the IPv4 header: whoever completes the checksum writes where the
    /// sender said, and must not write into addresses that were checked here.
    /// </summary>
    private static bool OffloadIsSound(ReadOnlySpan<byte> packet)
    {
        int start = Packet.HeaderSize + Bytes.Le16(packet, Packet.ChecksumStartAt), end = start + Bytes.Le16(packet, Packet.ChecksumOffsetAt) + 2;
        int segmentation = packet[Packet.GsoAt] & ~Packet.GsoEcn;
        return packet[Packet.FlagsAt] switch
        {
            0 => segmentation == 0,
            Packet.NeedsChecksum => start >= Packet.IcmpAt && end <= packet.Length && (segmentation == 0
                || segmentation is Packet.GsoTcp4 or Packet.GsoUdp && Bytes.Le16(packet, Packet.GsoSizeAt) != 0),
            _ => false,
        };
    }
}
