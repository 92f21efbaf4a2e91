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
                isSaid = value.SequenceEqual("auto"u8) || TryParse6(value, out address, out prefixLength);
            else if (TryValue(word, "guest.gateway6="u8, out value) && !TryParse6(value, out router, out _))
                router = default;
        }
        return isSaid;
    }

    /// <summary>
    /// An address of IPv6 (RFC 4291 §2.2, without the form that ends like one of IPv4), and a length of 64 or as it is
    /// said.
    /// </summary>
    public static bool TryParse6(ReadOnlySpan<byte> text, out Address address, out int prefixLength)
    {
        const int groups = 8;
        Span<ushort> read = stackalloc ushort[groups];
        read.Clear();
        int count = 0;
        int gap = -1;
        address = default;
        prefixLength = 64;
        if (text.StartsWith("::"u8))
        {
            gap = 0;
            text = text.Slice(2);
        }
        while (text.Length > 0 && text[0] != '/')
        {
            if (count == groups || !TakeGroup(ref text, out read[count]))
                return false;
            count++;
            if (!DecimalText.TakeByte(ref text, (byte)':'))
                break;
            if (DecimalText.TakeByte(ref text, (byte)':'))
            {
                if (gap >= 0)
                    return false;
                gap = count;
            }
            else if (text.Length == 0 || text[0] == '/')
                return false;
        }
        if (DecimalText.TakeByte(ref text, (byte)'/'))
        {
            if (!DecimalText.TakeNumber(ref text, 128, out ulong length))
                return false;
            prefixLength = (int)length;
        }
        if (text.Length > 0 || gap < 0 && count != groups || gap >= 0 && count == groups)
            return false;
        // What follows the gap goes to the end.
        for (int i = count - 1, to = groups - 1; gap >= 0 && i >= gap; i--, to--)
        {
            read[to] = read[i];
            if (to != i)
                read[i] = 0;
        }
        ulong high = 0;
        ulong low = 0;
        for (int i = 0; i < groups / 2; i++)
        {
            high = high << 16 | read[i];
            low = low << 16 | read[groups / 2 + i];
        }
        address = new Address(high, low);
        return true;
    }

    /// <summary>One to four hexadecimal digits.</summary>
    private static bool TakeGroup(ref ReadOnlySpan<byte> text, out ushort value)
    {
        const int maxDigits = 4;
        int digits = 0;
        value = 0;
        while (digits < text.Length && digits < maxDigits && TryDigit(text[digits], out int digit))
        {
            value = (ushort)(value << 4 | digit);
            digits++;
        }
        text = text.Slice(digits);
        return digits > 0;
    }

    private static bool TryDigit(byte character, out int digit)
    {
        digit = character switch
        {
            >= (byte)'0' and <= (byte)'9' => character - '0',
            >= (byte)'a' and <= (byte)'f' => character - 'a' + 10,
            >= (byte)'A' and <= (byte)'F' => character - 'A' + 10,
            _ => -1,
        };
        return digit >= 0;
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
