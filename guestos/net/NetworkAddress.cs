using System;
using Board;
using Netstack;
using Wire;

namespace Guestos;

/// <summary>Addresses in words of the kernel command line. IPv4 addresses are numbers in host order.</summary>
internal static class NetworkAddress
{
    /// <summary>
    /// guest.address=A.B.C.D/LEN and guest.gateway=A.B.C.D; where they are missing, the first of
    /// evilman.guests=A.B.C.D,… with the prefix length of evilman.boot=A.B.C.D/LEN and evilman.gateway. Zeros when
    /// nothing is said.
    /// </summary>
    public static void Read(ReadOnlySpan<byte> line, out uint address, out int prefixLength, out uint gateway)
    {
        address = 0;
        gateway = 0;
        prefixLength = 24;
        uint granted = 0;
        uint nodeGateway = 0;
        int bootPrefix = 24;
        while (DeviceAnnouncement.TakeWord(ref line, out ReadOnlySpan<byte> word))
        {
            int length = 0;
            if (TryValue(word, "guest.address="u8, out ReadOnlySpan<byte> value))
            {
                TryParse(value, out address, out length);
                if (length > 0)
                    prefixLength = length;
            }
            else if (TryValue(word, "guest.gateway="u8, out value))
                TryParse(value, out gateway, out _);
            else if (TryValue(word, "evilman.guests="u8, out value))
                TryParse(value, out granted, out _);
            else if (TryValue(word, "evilman.gateway="u8, out value))
                TryParse(value, out nodeGateway, out _);
            else if (TryValue(word, "evilman.boot="u8, out value) && TryParse(value, out _, out length) && length > 0)
                bootPrefix = length;
        }
        if (address == 0)
        {
            address = granted;
            prefixLength = bootPrefix;
        }
        if (gateway == 0)
            gateway = nodeGateway;
    }

    /// <summary>
    /// guest.address6=ADDRESS/LEN, with guest.gateway6=ADDRESS or without a router; or guest.address6=auto, which
    /// leaves all of that to the link's routers, and is :: here. False where nothing is said, or nothing that is right.
    /// </summary>
    public static bool Read6(ReadOnlySpan<byte> line, out Address address, out int prefixLength, out Address router)
    {
        bool isSaid = false;
        address = default;
        router = default;
        prefixLength = 0;
        while (DeviceAnnouncement.TakeWord(ref line, out ReadOnlySpan<byte> word))
        {
            if (TryValue(word, "guest.address6="u8, out ReadOnlySpan<byte> value))
                isSaid = value.SequenceEqual("auto"u8) || Ipv6Text.TryParse(value, out address, out prefixLength);
            else if (TryValue(word, "guest.gateway6="u8, out value) && !Ipv6Text.TryParse(value, out router, out _))
                router = default;
        }
        return isSaid;
    }

    private static bool TryValue(ReadOnlySpan<byte> word, ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        bool matches = word.StartsWith(key);
        value = matches ? word.Slice(key.Length) : default;
        return matches;
    }

    /// <summary>A.B.C.D or A.B.C.D/LEN up to the end or a comma; the length is 0 when there is none.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out uint address, out int prefixLength)
    {
        address = 0;
        prefixLength = 0;
        if (!DecimalText.TakeAddress(ref text, out uint result))
            return false;
        ulong length = 0;
        if (DecimalText.TakeByte(ref text, (byte)'/') && !DecimalText.TakeNumber(ref text, 32, out length))
            return false;
        if (text.Length > 0 && text[0] != ',')
            return false;
        address = result;
        prefixLength = (int)length;
        return true;
    }
}
