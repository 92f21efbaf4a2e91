using System;

namespace Wire;

/// <summary>Echo Request and Echo Reply (RFC 792), as programs send them that carry or answer magic pings.</summary>
public static class IcmpEcho
{
    public const byte Request = 8;
    public const byte Reply = 0;

    public const int ChecksumAt = 2;
    public const int IdentifierAt = 4;
    public const int SequenceAt = 6;
    public const int HeaderSize = 8;

    /// <summary>The Internet checksum (RFC 1071) of a message whose own checksum field is zero.</summary>
    public static ushort Checksum(ReadOnlySpan<byte> message)
    {
        uint sum = 0;
        int even = message.Length & ~1;
        for (int i = 0; i < even; i += 2)
            sum += Bytes.Be16(message, i);
        if (even < message.Length)
            sum += (uint)message[even] << 8;
        while (sum >> 16 != 0)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>
    /// The Echo Reply in what a socket has received, from its header on; empty when it is none. A raw socket gives the
    /// IPv4 header, too, and what is for others.
    /// </summary>
    /// <param name="identifier">Looked at on a raw socket only: on others the kernel does.</param>
    public static ReadOnlySpan<byte> FindReply(ReadOnlySpan<byte> received, bool isRaw, ushort identifier)
    {
        const int minIpHeader = 20;
        if (isRaw)
        {
            int header = received.Length > 0 ? (received[0] & 15) * 4 : 0;
            if (header < minIpHeader || header > received.Length)
                return default;
            received = received.Slice(header);
        }
        bool isReply = received.Length >= HeaderSize && received[0] == Reply && received[1] == 0
            && (!isRaw || Bytes.Be16(received, IdentifierAt) == identifier);
        return isReply ? received : default;
    }
}
