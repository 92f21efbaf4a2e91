using System;
using System.Runtime.InteropServices;
using Wire;

namespace Packetd;

/// <summary>
/// A packet as it passes through the node: the 10-byte virtio-net header (virtio 1.2 §5.1.6, legacy layout), then an
/// Ethernet frame without FCS. Offsets are from the beginning of that; in the frame they are those of Ethernet II, RFC 826,
/// RFC 791 and RFC 792.
/// </summary>
public static class Packet
{
    public const int HeaderSize = 10;
    public const int FlagsAt = 0, GsoAt = 1, GsoSizeAt = 4, ChecksumStartAt = 6, ChecksumOffsetAt = 8;
    public const byte NeedsChecksum = 1, GsoTcp4 = 1, GsoUdp = 5, GsoEcn = 0x80;

    public const int EthernetSize = 14;
    public const int TargetAt = HeaderSize, SourceAt = HeaderSize + 6, TypeAt = HeaderSize + 12;
    public const ushort TypeArp = 0x0806, TypeIpv4 = 0x0800;

    /// <summary>The first two bytes of every MAC address of a node or domain; the other four are its IPv4 address.</summary>
    public const ushort MacPrefix = 0x0245;

    public const int ArpAt = HeaderSize + EthernetSize, ArpEnd = ArpAt + 28;
    public const int ArpOperationAt = ArpAt + 6, ArpSenderMacAt = ArpAt + 8, ArpSenderAt = ArpAt + 14,
        ArpTargetMacAt = ArpAt + 18, ArpTargetAt = ArpAt + 24;

    public const int Ipv4At = HeaderSize + EthernetSize, Ipv4Size = 20;
    public const int TotalLengthAt = Ipv4At + 2, IdentificationAt = Ipv4At + 4, FragmentAt = Ipv4At + 6, TtlAt = Ipv4At + 8,
        ProtocolAt = Ipv4At + 9, HeaderChecksumAt = Ipv4At + 10, Ipv4SourceAt = Ipv4At + 12, Ipv4TargetAt = Ipv4At + 16;
    public const byte ProtocolIcmp = 1, ProtocolTcp = 6, ProtocolUdp = 17;

    public const int IcmpAt = Ipv4At + Ipv4Size, IcmpSize = 8, IcmpQuotedAt = IcmpAt + IcmpSize, IcmpQuotedTargetAt = IcmpQuotedAt + 16;
    public const byte EchoRequest = 8, EchoReply = 0, Unreachable = 3, TimeExceeded = 11, ParameterProblem = 12;

    /// <summary>Where UDP (RFC 768) has its target's port, and DHCP clients theirs (RFC 2131 §4.1).</summary>
    public const int UdpTargetAt = IcmpAt + 2;
    public const ushort DhcpClient = 68;

    /// <summary>The largest: an Ethernet frame with the largest IPv4 datagram.</summary>
    public const int MaxSize = Ipv4At + 65535;

    /// <summary>Whether there is this node-style MAC at the offset.</summary>
    public static bool HasMac(ReadOnlySpan<byte> packet, int at, uint address) =>
        Bytes.Be16(packet, at) == MacPrefix && Bytes.Be32(packet, at + 2) == address;

    public static void PutMac(Span<byte> packet, int at, uint address)
    {
        Bytes.PutBe16(packet, at, MacPrefix);
        Bytes.PutBe32(packet, at + 2, address);
    }

    /// <summary>Whether frame bytes 12 to 19 are those of an Ethernet ARP packet for IPv4 (RFC 826).</summary>
    public static bool IsArp(ReadOnlySpan<byte> packet) =>
        packet.Length >= ArpEnd && Bytes.Be32(packet, TypeAt) == 0x0806_0001 && Bytes.Be32(packet, TypeAt + 4) == 0x0800_0604;

    /// <summary>Whether a frame is IPv4 with a header that has no options, so that what it carries begins at <see cref="IcmpAt"/>.</summary>
    public static bool IsIpv4(ReadOnlySpan<byte> packet) => packet.Length >= IcmpAt && Bytes.Be32(packet, TypeAt) >> 8 == 0x0800_45;

    /// <summary>Whether one host can have the address: not zero's, loopback's, multicast's or reserved networks.</summary>
    public static bool IsHost(uint address) => (address >> 24) is > 0 and < 224 and not 127;

    /// <summary>The Internet checksum (RFC 1071): the complement of the one's complement sum, 0 over correct data.</summary>
    public static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        // The sum is the same in either byte order, but for its own (RFC 1071 §2B), so machine words will do.
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        ulong sum = 0;
        for (int i = 0; i < words.Length; i++)
            sum += words[i];
        for (int i = words.Length * 4; i < bytes.Length; i++)
            sum += (uint)bytes[i] << (i % 2 * 8);
        while (sum >> 16 != 0)
            sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~(((sum & 0xFF) << 8) | (sum >> 8));
    }
}
