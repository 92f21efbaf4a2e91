using System;

namespace Wire;

/// <summary>
/// Decimal numbers and IPv4 addresses in the words of a command line. Each method takes what it has read off the
/// beginning of the text; how much that is when it returns false is not defined.
/// </summary>
public static class DecimalText
{
    /// <summary>The text begins with this character.</summary>
    public static bool TakeByte(ref ReadOnlySpan<byte> text, byte value)
    {
        if (text.Length == 0 || text[0] != value)
            return false;
        text = text.Slice(1);
        return true;
    }

    /// <summary>A number from 0 to a maximum below 10^18, without a sign and without zeros before it.</summary>
    public static bool TakeNumber(ref ReadOnlySpan<byte> text, ulong maximum, out ulong value)
    {
        value = 0;
        int digits = 0;
        while (digits < text.Length && text[digits] is >= (byte)'0' and <= (byte)'9' && value <= maximum)
        {
            value = value * 10 + text[digits] - '0';
            digits++;
        }
        bool isPlain = digits == 1 || (digits > 1 && text[0] != (byte)'0');
        text = text.Slice(digits);
        return isPlain && value <= maximum;
    }

    /// <summary>A.B.C.D; the address is in host order.</summary>
    public static bool TakeAddress(ref ReadOnlySpan<byte> text, out uint address)
    {
        address = 0;
        for (int octet = 0; octet < 4; octet++)
        {
            if (octet > 0 && !TakeByte(ref text, (byte)'.'))
                return false;
            if (!TakeNumber(ref text, byte.MaxValue, out ulong value))
                return false;
            address = address << 8 | (uint)value;
        }
        return true;
    }
}
