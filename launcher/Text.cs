using System;

namespace Launcher;

/// <summary>Text put together piece by piece in a buffer that was measured for it: what does not fit is a broken invariant.</summary>
internal ref struct Text(Span<byte> buffer)
{
    private readonly Span<byte> buffer = buffer;

    public int Length { get; private set; }

    public readonly Span<byte> Written => buffer.Slice(0, Length);

    public void Add(scoped ReadOnlySpan<byte> piece)
    {
        piece.CopyTo(buffer.Slice(Length));
        Length += piece.Length;
    }

    public void AddNumber(ulong number)
    {
        if (number >= 10)
            AddNumber(number / 10);
        buffer[Length++] = (byte)('0' + number % 10);
    }

    /// <summary>An IPv4 address, dotted.</summary>
    public void AddAddress(uint address)
    {
        for (int shift = 24; shift >= 0; shift -= 8)
        {
            AddNumber((byte)(address >> shift));
            if (shift > 0)
                Add("."u8);
        }
    }

    /// <summary>Two hexadecimal digits.</summary>
    public void AddByte(byte value)
    {
        buffer[Length++] = "0123456789abcdef"u8[value >> 4];
        buffer[Length++] = "0123456789abcdef"u8[value & 15];
    }
}
