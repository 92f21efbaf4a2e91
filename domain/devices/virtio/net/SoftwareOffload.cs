using System;
using System.Buffers.Binary;

namespace Domain.Devices;

/// <summary>Does what a sender left to the network card, for a guest that wants finished frames.</summary>
internal static class SoftwareOffload
{
    private const int EthernetBytes = 14;
    private const byte Fin = 1, Push = 8, CongestionWindowReduced = 0x80;

    /// <summary>
    /// Completes the checksum that <paramref name="header"/> asks for. The header must be sound for the frame.
    /// </summary>
    public static void CompleteChecksum(Span<byte> frame, in NetHeader header)
    {
        if ((header.Flags & NetHeader.VirtioNetHdrFNeedsCsum) == 0)
            return;
        // The field holds the sum of the pseudo-header, so it is part of what is added up.
        ushort sum = InternetChecksum.Finish(InternetChecksum.Add(frame[header.ChecksumStart..], 0));
        // Zero means "no checksum" in UDP; all ones is the same number (RFC 768).
        BinaryPrimitives.WriteUInt16BigEndian(frame[(header.ChecksumStart + header.ChecksumOffset)..],
            sum == 0 ? (ushort)0xffff : sum);
    }

    /// <summary>Where the pieces of a TCP segment over IPv4 lie; all zero when it is not one.</summary>
    public readonly record struct TcpLayout(int TcpStart, int PayloadStart, int End)
    {
        public int PayloadLength => End - PayloadStart;

        public bool Valid => PayloadStart != 0;
    }

    /// <summary>Finds the headers of an Ethernet frame with IPv4 (RFC 791) and TCP (RFC 9293).</summary>
    public static TcpLayout Parse(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < EthernetBytes + 20 || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != 0x0800)
            return default;
        var ip = frame[EthernetBytes..];
        int ipBytes = (ip[0] & 15) * 4, total = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        if (ip[0] >> 4 != 4 || ipBytes < 20 || ip[9] != 6 || total > ip.Length || total < ipBytes + 20)
            return default;
        int tcpBytes = (ip[ipBytes + 12] >> 4) * 4;
        if (tcpBytes < 20 || ipBytes + tcpBytes > total)
            return default;
        return new TcpLayout(EthernetBytes + ipBytes, EthernetBytes + ipBytes + tcpBytes, EthernetBytes + total);
    }

    /// <summary>
    /// Builds the finished segment that carries <paramref name="size"/> payload bytes from <paramref name="offset"/>
    /// on.
    /// </summary>
    /// <returns>length of the frame in <paramref name="into"/>, which must hold headers and payload</returns>
    public static int BuildSegment(ReadOnlySpan<byte> frame, TcpLayout layout, int offset, int size, int number,
        Span<byte> into)
    {
        int length = layout.PayloadStart + size;
        frame[..layout.PayloadStart].CopyTo(into);
        frame.Slice(layout.PayloadStart + offset, size).CopyTo(into[layout.PayloadStart..]);

        var ip = into[EthernetBytes..layout.TcpStart];
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(length - EthernetBytes));
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..],
            (ushort)(BinaryPrimitives.ReadUInt16BigEndian(ip[4..]) + number));
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], InternetChecksum.Finish(InternetChecksum.Add(ip, 0)));

        var tcp = into[layout.TcpStart..length];
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]) + (uint)offset);
        // FIN and PSH belong to the last byte, CWR to the first segment (RFC 3168, 6.1.2).
        if (offset + size < layout.PayloadLength)
            tcp[13] &= 0xff & ~(Fin | Push);
        if (offset != 0)
            tcp[13] &= 0xff & ~CongestionWindowReduced;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], 0);
        ulong sum = InternetChecksum.Add(ip[12..20], 6 + (ulong)tcp.Length);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], InternetChecksum.Finish(InternetChecksum.Add(tcp, sum)));
        return length;
    }
}
