using System;
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Tokenbroker;

/// <summary>IPv4 addresses as numbers whose most significant byte is the first octet.</summary>
internal static class Address
{
    internal static bool TryParse(string? text, out uint address)
    {
        address = 0;
        if (text is null || text.Split('.').Length != 4 || !IPAddress.TryParse(text, out IPAddress? parsed)
            || parsed.AddressFamily != AddressFamily.InterNetwork || parsed.ToString() != text)
            return false;
        address = BinaryPrimitives.ReadUInt32BigEndian(parsed.GetAddressBytes());
        return true;
    }

    internal static uint Parse(string? text, string what) =>
        TryParse(text, out uint address) ? address
            : throw Problem.Invalid($"{what}: «{text}» is not an IPv4 address like 10.0.0.1");

    internal static string Text(long address) => string.Create(CultureInfo.InvariantCulture,
        $"{(address >> 24) & 255}.{(address >> 16) & 255}.{(address >> 8) & 255}.{address & 255}");

    /// <summary>"A-B", or one address alone.</summary>
    internal static (uint First, uint Last) Range(string? text, string what)
    {
        string[] ends = (text ?? "").Split('-');
        (uint first, uint last) = (Parse(ends[0], what), Parse(ends[^1], what));
        return ends.Length <= 2 && first <= last ? (first, last)
            : throw Problem.Invalid($"{what}: «{text}» is not a range like 10.0.0.100-10.0.0.199");
    }

    /// <summary>Whether it can be a host's (RFC 1122 §3.2.1.3): nodes refuse tokens that name others.</summary>
    internal static bool IsHost(uint address, int prefix)
    {
        uint host = uint.MaxValue >> prefix;
        return address >> 24 is not 0 and not 127 and <= 223 && (address & host) != 0 && (address & host) != host;
    }
}
