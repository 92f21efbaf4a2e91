using System;

namespace Netstack;

/// <summary>Addresses of IPv6 as people write them.</summary>
public static class Ipv6Text
{
    /// <summary>
    /// An address of IPv6 (RFC 4291 §2.2, without the form that ends like one of IPv4), and a length of 64 or as it is
    /// said.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out Address address, out int prefixLength)
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
            if (!TakeByte(ref text, (byte)':'))
                break;
            if (TakeByte(ref text, (byte)':'))
            {
                if (gap >= 0)
                    return false;
                gap = count;
            }
            else if (text.Length == 0 || text[0] == '/')
                return false;
        }
        if (TakeByte(ref text, (byte)'/'))
        {
            if (!TakeLength(ref text, out prefixLength))
                return false;
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

    /// <summary>0 to 128, without zeros before it.</summary>
    private static bool TakeLength(ref ReadOnlySpan<byte> text, out int length)
    {
        const int maxDigits = 3;
        const int most = 128;
        int digits = 0;
        length = 0;
        while (digits < text.Length && digits < maxDigits && text[digits] is >= (byte)'0' and <= (byte)'9')
        {
            length = length * 10 + text[digits] - '0';
            digits++;
        }
        bool isPlain = digits == 1 || digits > 1 && text[0] != '0';
        text = text.Slice(digits);
        return isPlain && length <= most;
    }

    private static bool TakeByte(ref ReadOnlySpan<byte> text, byte value)
    {
        if (text.Length == 0 || text[0] != value)
            return false;
        text = text.Slice(1);
        return true;
    }
}
