using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Wire;

namespace Packetd;

/// <summary>
/// A packet as it passes through the node: the 10-byte virtio-net header (virtio 1.2 §5.1.6, legacy layout), then an
/// Ethernet frame without FCS. Offsets are from the beginning of that; in the frame they are those of Ethernet II, RFC
/// 826, RFC 791 and RFC 792.
/// </summary>
public static class Packet
{
    public const int HeaderSize = 10;
    public const int FlagsAt = 0;
    public const int GsoAt = 1;
    public const int GsoSizeAt = 4;
    public const int ChecksumStartAt = 6;
    public const int ChecksumOffsetAt = 8;

    // VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, _UDP and _ECN.
    public const byte NeedsChecksum = 1;
    public const byte GsoTcp4 = 1;
    public const byte GsoUdp = 5;
    public const byte GsoEcn = 0x80;

    public const int EthernetSize = 14;
    public const int TargetAt = HeaderSize;
    public const int SourceAt = HeaderSize + 6;
    public const int TypeAt = HeaderSize + 12;
    public const ushort TypeArp = 0x0806;
    public const ushort TypeIpv4 = 0x0800;

    /// <summary>
    /// The first two bytes of every MAC address of a node or domain; the other four are its IPv4 address.
    /// </summary>
    public const ushort MacPrefix = 0x0245;

    public const int ArpAt = HeaderSize + EthernetSize;
    public const int ArpEnd = ArpAt + 28;
    public const int ArpOperationAt = ArpAt + 6;
    public const int ArpSenderMacAt = ArpAt + 8;
    public const int ArpSenderAt = ArpAt + 14;
    public const int ArpTargetAt = ArpAt + 24;
    public const ushort ArpRequest = 1;
    public const ushort ArpReply = 2;

    public const int Ipv4At = HeaderSize + EthernetSize;
    public const int Ipv4Size = 20;
    public const int FragmentAt = Ipv4At + 6;
    public const int ProtocolAt = Ipv4At + 9;
    public const int Ipv4SourceAt = Ipv4At + 12;
    public const int Ipv4TargetAt = Ipv4At + 16;

    // In the word at FragmentAt: Don't Fragment, More Fragments, and the fragment's offset.
    public const ushort DontFragment = 0x4000;
    public const ushort MoreFragments = 0x2000;
    public const ushort FragmentOffset = 0x1FFF;

    /// <summary>In units of 8 bytes: behind an ICMP header and the IPv4 header that it quotes.</summary>
    public const int LaterFragment = 4;

    public const byte ProtocolIcmp = 1;
    public const byte ProtocolTcp = 6;
    public const byte ProtocolUdp = 17;

    // Where the checksum is in each header (RFC 792, RFC 9293 §3.1, RFC 768).
    public const int IcmpChecksumOffset = 2;
    public const int TcpChecksumOffset = 16;
    public const int UdpChecksumOffset = 6;

    public const int IcmpAt = Ipv4At + Ipv4Size;
    public const int IcmpSize = 8;

    /// <summary>The header that an ICMP error quotes, and the target in it.</summary>
    public const int IcmpQuotedAt = IcmpAt + IcmpSize;
    public const int IcmpQuotedTargetAt = IcmpQuotedAt + 16;
    public const byte EchoReply = 0;
    public const byte Unreachable = 3;
    public const byte EchoRequest = 8;
    public const byte TimeExceeded = 11;
    public const byte ParameterProblem = 12;

    /// <summary>Where UDP (RFC 768) has its target's port.</summary>
    public const int UdpTargetAt = IcmpAt + 2;

    /// <summary>RFC 2131 §4.1.</summary>
    public const ushort DhcpClient = 68;

    /// <summary>The largest: an Ethernet frame with the largest IPv4 datagram.</summary>
    public const int MaxSize = Ipv4At + 65535;

    /// <summary>Whether the frame is for a group, or all (IEEE 802.3 §3.2.3: the I/G bit).</summary>
    public static bool IsToGroup(ReadOnlySpan<byte> packet) => (packet[TargetAt] & 1) != 0;

    /// <summary>Whether the MAC at the offset is that of the node or domain with the address.</summary>
    public static bool HasMac(ReadOnlySpan<byte> packet, int at, uint address) =>
        Bytes.Be16(packet, at) == MacPrefix && Bytes.Be32(packet, at + 2) == address;

    /// <summary>Whether frame bytes 12 to 19 are those of an Ethernet ARP packet for IPv4 (RFC 826).</summary>
    public static bool IsArp(ReadOnlySpan<byte> packet) =>
        packet.Length >= ArpEnd
        && Bytes.Be32(packet, TypeAt) == 0x0806_0001
        && Bytes.Be32(packet, TypeAt + 4) == 0x0800_0604;

    /// <summary>
    /// Whether a frame is IPv4 with a header that has no options, so that what it carries begins at <see
    /// cref="IcmpAt"/>.
    /// </summary>
    public static bool IsIpv4(ReadOnlySpan<byte> packet) =>
        packet.Length >= IcmpAt && Bytes.Be32(packet, TypeAt) >> 8 == 0x0800_45;

    /// <summary>
    /// Whether one host can have the address: not zero's, loopback's, multicast's or reserved networks.
    /// </summary>
    public static bool IsHost(uint address) => (address >> 24) is > 0 and < 224 and not 127;

    /// <summary>
    /// The Internet checksum (RFC 1071): the complement of the one's complement sum, 0 over correct data.
    /// </summary>
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

/// <summary>A MAC address: that of a node or domain has <see cref="Packet.MacPrefix"/> and an IPv4 address.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct Mac
{
    private readonly ushort prefix;
    private readonly uint address;

    public Mac(uint address)
    {
        prefix = BinaryPrimitives.ReverseEndianness(Packet.MacPrefix);
        this.address = BinaryPrimitives.ReverseEndianness(address);
    }

    public readonly bool IsGroup => (prefix & 1) != 0;
}

/// <summary>A packet's first bytes: its virtio-net header and that of Ethernet, in network order.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct FrameFields
{
    private ulong offload;
    private ushort offload2;
    public Mac Target;
    public Mac Source;
    public ushort Type;

    /// <summary>Nothing is left to be done.</summary>
    public void ClearOffload()
    {
        offload = 0;
        offload2 = 0;
    }
}

/// <summary>A packet with ARP for IPv4 (RFC 826). Integers are in network order.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct ArpFields
{
    public FrameFields Frame;
    private readonly uint types;
    private readonly ushort lengths;
    public ushort Operation;
    public Mac SenderMac;
    public uint Sender;
    public Mac TargetMac;
    public uint Target;
}

/// <summary>
/// A packet with an ICMP Echo (RFC 792) in IPv4 (RFC 791) without options. Integers are in network order.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct EchoFields
{
    public FrameFields Frame;
    private readonly ushort version;
    public ushort TotalLength;
    public ushort Identification;
    public ushort Fragment;
    public byte Ttl;
    public byte Protocol;
    public ushort HeaderChecksum;
    public uint Source;
    public uint Target;

    /// <summary>And the code after it, which is 0.</summary>
    public ushort Type;
    public ushort Checksum;
    public uint Identifier;
}
