using System.Runtime.CompilerServices;
using Netstack;

namespace Guestos;

/// <summary>
/// The transport checksum of a received frame that its sender left undone (VIRTIO_NET_HDR_F_NEEDS_CSUM, virtio 1.2
/// §5.1.6.4).
/// </summary>
internal static unsafe class ReceivedChecksum
{
    private const int EthernetLength = 14;
    private const int MinHeader = 20;
    private const int TcpField = 16;
    private const int UdpField = 6;

    /// <summary>
    /// True when the field left undone is the TCP or UDP checksum of the packet: the one that a receiver would look at.
    /// </summary>
    public static bool IsTransport(FramePiece* first, int start, int offset)
    {
        if (first->Length < EthernetLength + MinHeader)
            return false;
        // SAFETY: the header's fixed part was just found to be there.
        byte* ip = first->Address + EthernetLength;
        bool isIpv4 = ip[-2] == 8 && ip[-1] == 0 && ip[0] >> 4 == 4;
        bool isIpv6 = ip[-2] == 0x86 && ip[-1] == 0xdd && ip[0] >> 4 == 6;
        if (isIpv6)
            return start == EthernetLength + Ipv6.HeaderLength && offset == FieldOf(ip[6]);
        return isIpv4 && start == EthernetLength + (ip[0] & 0xf) * 4 && offset == FieldOf(ip[9]);
    }

    /// <summary>Where a transport header has its checksum; −1 for a protocol without one.</summary>
    private static int FieldOf(byte protocol) => protocol switch
    {
        Ipv4.ProtocolTcp => TcpField,
        Ipv4.ProtocolUdp => UdpField,
        _ => -1,
    };

    /// <summary>
    /// Does it. False when the field is not in the frame's first piece, where all headers are: the frame is not to be
    /// believed.
    /// </summary>
    public static bool Finish(FramePiece* pieces, int count, int start, int offset)
    {
        if (start + offset + 2 > pieces->Length)
            return false;
        ulong sum = 0;
        int covered = 0;
        int skip = start;
        for (int i = 0; i < count; i++, skip = 0)
        {
            int length = pieces[i].Length - skip;
            uint part = Checksum.Sum(pieces[i].Address + skip, length);
            sum += (covered & 1) != 0 ? Checksum.AtOddOffset(part) : part;
            covered += length;
        }
        // The field holds the pseudo-header's sum already. A sum of zero would mean "none" in UDP (RFC 768).
        ushort result = (ushort)~Checksum.Fold(sum);
        // SAFETY: the field lies in the first piece.
        Unsafe.WriteUnaligned(pieces->Address + start + offset, result == 0 ? (ushort)0xffff : result);
        return true;
    }
}
