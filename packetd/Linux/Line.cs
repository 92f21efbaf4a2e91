using System;

namespace Packetd;

/// <summary>Text in a buffer of fixed size. What does not fit is left out, but for the newline: it is for people.</summary>
internal ref struct Line(Span<byte> buffer)
{
    private readonly Span<byte> buffer = buffer;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Text => buffer.Slice(0, Length);

    /// <summary>
    /// Adds a text with its gaps filled, one value after the other: <c>%</c> a number, <c>@</c> an IPv4 address. Those for which there
    /// is no value stay as they are.
    /// </summary>
    public void Add(scoped ReadOnlySpan<byte> text, params scoped ReadOnlySpan<ulong> values)
    {
        int next = 0;
        for (int i = 0; i < text.Length; i++)
            if (text[i] == '%' && next < values.Length)
                AddNumber(values[next++]);
            else if (text[i] == '@' && next < values.Length)
                AddAddress(values[next++]);
            else
                Add(text[i]);
    }

    private void Add(byte value)
    {
        if (Length < buffer.Length - (value == '\n' ? 0 : 1))
            buffer[Length++] = value;
    }

    private void AddAddress(ulong address) => Add("%.%.%.%"u8, address >> 24, (byte)(address >> 16), (byte)(address >> 8), (byte)address);

    private void AddNumber(ulong value)
    {
        if (value > 9)
            AddNumber(value / 10);
        Add((byte)('0' + value % 10));
    }
}
