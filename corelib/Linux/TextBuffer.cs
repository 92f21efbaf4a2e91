namespace System.Linux;

/// <summary>Text in a buffer of fixed size. What does not fit is left out, but for a newline.</summary>
internal ref struct TextBuffer(Span<byte> buffer)
{
    private readonly Span<byte> buffer = buffer;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Text => buffer.Slice(0, Length);

    /// <summary>
    /// Adds a text with its gaps filled, one value after the other: <c>%</c> a number, <c>@</c> an IPv4 address in host
    /// order. Those for which there is no value stay as they are.
    /// </summary>
    public void Add(scoped ReadOnlySpan<byte> text, params scoped ReadOnlySpan<ulong> values)
    {
        int used = 0;
        for (int i = 0; i < text.Length; i++)
        {
            bool isNumber = text[i] == '%';
            if (used == values.Length || !(isNumber || text[i] == '@'))
            {
                Add(text[i]);
                continue;
            }
            if (isNumber)
                AddNumber(values[used]);
            else
                AddAddress(values[used]);
            used++;
        }
    }

    /// <summary>Two hexadecimal digits.</summary>
    public void AddHexadecimal(byte value)
    {
        ReadOnlySpan<byte> digits = "0123456789abcdef"u8;
        Add(digits[value >> 4]);
        Add(digits[value & 15]);
    }

    private void Add(byte value)
    {
        int room = buffer.Length - Length;
        if (room > 1 || (room == 1 && value == '\n'))
        {
            buffer[Length] = value;
            Length++;
        }
    }

    private void AddAddress(ulong address) =>
        Add("%.%.%.%"u8, address >> 24, (byte)(address >> 16), (byte)(address >> 8), (byte)address);

    private void AddNumber(ulong value)
    {
        if (value > 9)
            AddNumber(value / 10);
        Add((byte)('0' + value % 10));
    }
}
