using System;

namespace Packetd;

/// <summary>Text in a buffer of fixed size. What does not fit is left out: it is for people, or was measured before.</summary>
internal ref struct Line
{
    private readonly Span<byte> buffer;

    public Line(Span<byte> buffer) => this.buffer = buffer;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Text => buffer.Slice(0, Length);

    public void Add(byte value)
    {
        if (Length < buffer.Length)
            buffer[Length++] = value;
    }

    public void Add(scoped ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++)
            Add(text[i]);
    }

    public void Add(ulong value)
    {
        if (value >= 10)
            Add(value / 10);
        Add((byte)('0' + value % 10));
    }

    /// <summary>Ends the line with a newline, at the cost of its last character if it must be.</summary>
    public void End()
    {
        Length = Math.Min(Length, buffer.Length - 1);
        Add((byte)'\n');
    }

    public void AddAddress(uint address)
    {
        for (int shift = 24; shift >= 0; shift -= 8)
        {
            Add((ulong)(byte)(address >> shift));
            if (shift > 0)
                Add((byte)'.');
        }
    }

    public void AddHex(byte value)
    {
        Add("0123456789abcdef"u8[value >> 4]);
        Add("0123456789abcdef"u8[value & 15]);
    }
}
