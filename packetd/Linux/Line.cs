using System;

namespace Packetd;

/// <summary>Text in a buffer of fixed size. What does not fit is left out: it is for people, or was measured before.</summary>
internal ref struct Line(Span<byte> buffer)
{
    private readonly Span<byte> buffer = buffer;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Text => buffer.Slice(0, Length);

    public void Add(byte value)
    {
        if (Length < buffer.Length)
            buffer[Length++] = value;
    }

    /// <summary>
    /// Adds a text with its gaps filled, one value after the other: <c>%</c> a number, <c>@</c> an IPv4 address, <c>~</c> a byte as two
    /// hexadecimal digits.
    /// </summary>
    public void Add(scoped ReadOnlySpan<byte> text, ulong a = 0, ulong b = 0, ulong c = 0, ulong d = 0)
    {
        Span<ulong> values = stackalloc ulong[4];
        values[0] = a;
        values[1] = b;
        values[2] = c;
        values[3] = d;
        int next = 0;
        for (int i = 0; i < text.Length; i++)
            if (text[i] == '%')
                AddNumber(values[next++]);
            else if (text[i] == '@')
                AddAddress((uint)values[next++]);
            else if (text[i] == '~')
                AddHex((byte)values[next++]);
            else
                Add(text[i]);
    }

    /// <summary>Ends the line with a newline, at the cost of its last character if it must be.</summary>
    public void End()
    {
        Length = Math.Min(Length, buffer.Length - 1);
        Add((byte)'\n');
    }

    private void AddNumber(ulong value)
    {
        if (value >= 10)
            AddNumber(value / 10);
        Add((byte)('0' + value % 10));
    }

    private void AddAddress(uint address) => Add("%.%.%.%"u8, address >> 24, (byte)(address >> 16), (byte)(address >> 8), (byte)address);

    private void AddHex(byte value)
    {
        Add("0123456789abcdef"u8[value >> 4]);
        Add("0123456789abcdef"u8[value & 15]);
    }
}
