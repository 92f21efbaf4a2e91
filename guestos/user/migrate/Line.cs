using System;

namespace Migrate;

/// <summary>A line of text put together piece by piece and written at once.</summary>
internal unsafe struct Line
{
    private const int Capacity = 256;
    private fixed byte text[Capacity];
    private int length;

    public Line Add(scoped ReadOnlySpan<byte> piece)
    {
        for (int i = 0; i < piece.Length && length < Capacity - 1; i++)
            text[length++] = piece[i];
        return this;
    }

    public Line Add(string piece)
    {
        for (int i = 0; i < piece.Length && length < Capacity - 1; i++)
            text[length++] = (byte)piece[i];
        return this;
    }

    public Line Add(ulong number)
    {
        Span<byte> digits = stackalloc byte[20];
        int at = 20;
        do
            digits[--at] = (byte)('0' + number % 10);
        while ((number /= 10) != 0);
        return Add(digits.Slice(at));
    }

    public void Write(int descriptor)
    {
        text[length++] = (byte)'\n';
        fixed (byte* bytes = text)
            Kernel.Write(descriptor, new ReadOnlySpan<byte>(bytes, length));
    }

    public static Line Of(ReadOnlySpan<byte> piece) => new Line().Add(piece);
}
