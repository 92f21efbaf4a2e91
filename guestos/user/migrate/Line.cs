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

    public void Say()
    {
        fixed (byte* bytes = text)
            Voice.Say(Ended(bytes));
    }

    /// <summary>The last line of a migration that failed.</summary>
    public ExitCode Complain(ExitCode code)
    {
        fixed (byte* bytes = text)
            Voice.Complain(code, Ended(bytes));
        return code;
    }

    /// <summary>The last line of one that did not.</summary>
    public void Arrive()
    {
        fixed (byte* bytes = text)
            Voice.Arrive(Ended(bytes));
    }

    private ReadOnlySpan<byte> Ended(byte* bytes)
    {
        bytes[length++] = (byte)'\n';
        return new ReadOnlySpan<byte>(bytes, length);
    }

    public static Line Of(ReadOnlySpan<byte> piece) => new Line().Add(piece);
}
