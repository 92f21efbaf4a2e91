using System;
using System.Linux;

namespace NetstackHost;

/// <summary>One line for standard output, written whole: words and numbers with a space between them.</summary>
internal unsafe ref struct Text(Span<byte> room)
{
    private readonly Span<byte> room = room;
    private int length;

    public void Add(scoped ReadOnlySpan<byte> word)
    {
        if (length > 0)
            room[length++] = (byte)' ';
        word.CopyTo(room.Slice(length));
        length += word.Length;
    }

    public void Add(scoped ReadOnlySpan<byte> word, long value)
    {
        Add(word);
        Span<byte> digits = stackalloc byte[20];
        int at = digits.Length;
        ulong left = value < 0 ? 0 - (ulong)value : (ulong)value;
        do
        {
            digits[--at] = (byte)('0' + left % 10);
            left /= 10;
        } while (left > 0);
        if (value < 0)
            digits[--at] = (byte)'-';
        Add(digits.Slice(at));
    }

    public void AddHexadecimal(scoped ReadOnlySpan<byte> bytes)
    {
        Add(default);
        for (int i = 0; i < bytes.Length; i++)
        {
            room[length++] = "0123456789abcdef"u8[bytes[i] >> 4];
            room[length++] = "0123456789abcdef"u8[bytes[i] & 15];
        }
    }

    public void Write()
    {
        room[length++] = (byte)'\n';
        fixed (byte* at = room)
            Syscall.Invoke(1, 1, (nint)at, length);
    }

    /// <summary>The address of "10.78.0.2" in host order, or the number of "5001".</summary>
    public static uint Number(byte* text)
    {
        uint whole = 0, part = 0;
        for (; *text != 0; text++)
        {
            if (*text == '.')
            {
                whole = whole << 8 | part;
                part = 0;
            }
            else
                part = part * 10 + (uint)(*text - '0');
        }
        return whole << 8 | part;
    }
}
