using System;
using System.Buffers.Binary;
using System.Net;

namespace Evilman.Net;

/// <summary>IPv4 addresses as the wire formats want them: the first octet is the most significant byte.</summary>
public static class Ipv4
{
    public static uint Number(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    public static IPAddress Address(uint number)
    {
        Span<byte> octets = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(octets, number);
        return new IPAddress(octets);
    }
}
