using System;

namespace Plug;

/// <summary>A line of text put together piece by piece and written at once to standard error.</summary>
internal ref struct Line(Span<byte> buffer)
{
    private readonly Span<byte> buffer = buffer;
    private int length;

    /// <summary>What does not fit is left out.</summary>
    public void Add(scoped ReadOnlySpan<byte> piece)
    {
        for (int i = 0; i < piece.Length && length < buffer.Length; i++)
            buffer[length++] = piece[i];
    }

    public void Add(ulong number)
    {
        Span<byte> digits = stackalloc byte[20];
        int at = digits.Length;
        do
            digits[--at] = (byte)('0' + number % 10);
        while ((number /= 10) != 0);
        Add(digits.Slice(at));
    }

    public readonly void Write() => Kernel.Write(2, buffer.Slice(0, length));
}
