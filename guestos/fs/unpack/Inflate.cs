using System;

namespace Guestos;

/// <summary>
/// A canonical prefix code of RFC 1951 §3.2.2: codes of up to 10 bits by one look-up, longer ones bit by bit.
/// </summary>
public unsafe struct PrefixCode
{
    public const int MaxSymbols = 288;
    private const int MaxCodeLength = 15;
    private const int FastBits = 10;

    /// <summary>By the next 10 bits: symbol · 16 + length, 0 for a longer code or none.</summary>
    private fixed ushort fast[1 << FastBits];

    /// <summary>Codes by length, and the symbols in the order of their codes.</summary>
    private fixed ushort count[MaxCodeLength + 1];
    private fixed ushort symbols[MaxSymbols];

    /// <summary>
    /// False when the lengths are no code: too many, or too few (but for the single code that RFC 1951 §3.2.7 allows).
    /// </summary>
    public bool Build(ReadOnlySpan<byte> lengths)
    {
        for (int i = 0; i <= MaxCodeLength; i++)
            count[i] = 0;
        for (int i = 0; i < 1 << FastBits; i++)
            fast[i] = 0;
        for (int i = 0; i < lengths.Length; i++)
            count[lengths[i]]++;
        int used = lengths.Length - count[0];
        count[0] = 0;
        int left = 1;
        for (int length = 1; length <= MaxCodeLength; length++)
        {
            left = left * 2 - count[length];
            if (left < 0)
                return false;
        }

        if (left > 0 && (used > 1 || used == 1 && count[1] != 1))
            return false;
        ushort* next = stackalloc ushort[MaxCodeLength + 2];
        ushort* code = stackalloc ushort[MaxCodeLength + 2];
        next[1] = 0;
        code[1] = 0;
        for (int length = 1; length <= MaxCodeLength; length++)
        {
            next[length + 1] = (ushort)(next[length] + count[length]);
            code[length + 1] = (ushort)(code[length] + count[length] << 1);
        }

        for (int symbol = 0; symbol < lengths.Length; symbol++)
        {
            int length = lengths[symbol];
            if (length == 0)
                continue;
            symbols[next[length]] = (ushort)symbol;
            next[length]++;
            int bits = Reverse(code[length], length);
            code[length]++;
            if (length <= FastBits)
                for (; bits < 1 << FastBits; bits += 1 << length)
                    fast[bits] = (ushort)(symbol << 4 | length);
        }

        return true;
    }

    /// <summary>The symbol that the bits begin with, and its length; −1 when they are no code.</summary>
    public readonly int Find(uint bits, out int length)
    {
        int fast = this.fast[(int)(bits & (1 << FastBits) - 1)];
        length = fast & 15;
        if (fast != 0)
            return fast >> 4;
        int code = 0;
        int first = 0;
        int index = 0;
        for (length = 1; length <= MaxCodeLength; length++)
        {
            code |= (int)(bits & 1);
            bits >>= 1;
            int count = this.count[length];
            if (code - count < first)
                return symbols[index + (code - first)];
            index += count;
            first = first + count << 1;
            code <<= 1;
        }

        return -1;
    }

    private static int Reverse(int code, int length)
    {
        int reversed = 0;
        for (; length > 0; length--, code >>= 1)
            reversed = reversed << 1 | code & 1;
        return reversed;
    }
}

/// <summary>Memory of one decompression: the last 32 KiB of output, and the codes.</summary>
public unsafe struct InflateState
{
    public const int WindowSize = 32768;

    internal fixed byte Window[WindowSize];
    internal PrefixCode Literals;
    internal PrefixCode Distances;
    internal PrefixCode Lengths;
}

/// <summary>The DEFLATE format (RFC 1951), from memory to a sink.</summary>
public unsafe ref struct Inflate
{
    private const int EndOfBlock = 256;

    private readonly InflateState* state;
    private readonly Span<byte> window;
    private readonly ReadOnlySpan<byte> input;
    private ulong bits;
    private int bitCount;

    /// <summary>The next byte of the input that has not been looked at.</summary>
    private int at;

    /// <summary>
    /// Where the next byte of output goes; what the sink has not been given begins at <see cref="given"/>.
    /// </summary>
    private int to;
    private int given;

    /// <summary>Output so far, as far as distances may reach.</summary>
    private int reach;

    private static ReadOnlySpan<ushort> LengthBase =>
    [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ];

    private static ReadOnlySpan<byte> LengthBits =>
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

    private static ReadOnlySpan<ushort> DistanceBase =>
    [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
        6145, 8193, 12289, 16385, 24577,
    ];

    /// <summary>Extra bits of the code length symbols 16, 17 and 18 (RFC 1951 §3.2.7).</summary>
    private static ReadOnlySpan<byte> RepeatBits => [2, 3, 7];

    private static ReadOnlySpan<byte> LengthOrder => [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    private Inflate(InflateState* state, ReadOnlySpan<byte> input, int at)
    {
        this.state = state;
        // SAFETY: the state outlives this.
        window = new Span<byte>(state->Window, InflateState.WindowSize);
        this.input = input;
        this.at = at;
    }

    /// <summary>Decompresses from <paramref name="at"/> on, which is left behind the last byte of the stream.</summary>
    public static UnpackResult Run<TSink>(
        InflateState* state, ReadOnlySpan<byte> input, ref int at, ref TSink sink) where TSink : struct, IByteSink
    {
        var inflate = new Inflate(state, input, at);
        UnpackResult result = inflate.Blocks(ref sink);
        at = inflate.at - inflate.bitCount / 8;
        return result;
    }

    private UnpackResult Blocks<TSink>(ref TSink sink) where TSink : struct, IByteSink
    {
        UnpackResult result = UnpackResult.Done;
        bool last = false;
        while (!last && result == UnpackResult.Done)
        {
            if (!Need(3))
                return UnpackResult.Cut;
            last = Bits(1) != 0;
            result = Bits(2) switch
            {
                0 => Stored(ref sink),
                1 => FixedCodes() ? Compressed(ref sink) : UnpackResult.Damaged,
                2 => Dynamic(ref sink),
                _ => UnpackResult.Damaged,
            };
        }

        return result == UnpackResult.Done && !Flush(ref sink) ? UnpackResult.Refused : result;
    }

    private UnpackResult Stored<TSink>(ref TSink sink) where TSink : struct, IByteSink
    {
        _ = Bits(bitCount & 7);
        if (!Need(32))
            return UnpackResult.Cut;
        uint length = Bits(16);
        if (Bits(16) != (~length & 0xffff))
            return UnpackResult.Damaged;
        for (; length > 0; length--)
        {
            if (!Need(8))
                return UnpackResult.Cut;
            if (!Put((byte)Bits(8), ref sink))
                return UnpackResult.Refused;
        }

        return UnpackResult.Done;
    }

    private readonly bool FixedCodes()
    {
        Span<byte> lengths = stackalloc byte[288];
        lengths.Slice(0, 144).Fill(8);
        lengths.Slice(144, 112).Fill(9);
        lengths.Slice(256, 24).Fill(7);
        lengths.Slice(280).Fill(8);
        bool built = state->Literals.Build(lengths);
        lengths.Slice(0, 32).Fill(5);
        return built && state->Distances.Build(lengths.Slice(0, 32));
    }

    private UnpackResult Dynamic<TSink>(ref TSink sink) where TSink : struct, IByteSink
    {
        const int maxLiterals = 286;
        const int maxDistances = 30;
        if (!Need(14))
            return UnpackResult.Cut;
        int literals = (int)Bits(5) + 257;
        int distances = (int)Bits(5) + 1;
        int given = (int)Bits(4) + 4;
        if (literals > maxLiterals || distances > maxDistances)
            return UnpackResult.Damaged;
        Span<byte> lengths = stackalloc byte[maxLiterals + maxDistances];
        lengths.Slice(0, 19).Clear();
        for (int i = 0; i < given; i++)
        {
            if (!Need(3))
                return UnpackResult.Cut;
            lengths[LengthOrder[i]] = (byte)Bits(3);
        }

        if (!state->Lengths.Build(lengths.Slice(0, 19)))
            return UnpackResult.Damaged;
        UnpackResult result = CodeLengths(lengths.Slice(0, literals + distances));
        if (result != UnpackResult.Done)
            return result;
        if (lengths[EndOfBlock] == 0 || !state->Literals.Build(lengths.Slice(0, literals))
            || !state->Distances.Build(lengths.Slice(literals, distances)))
            return UnpackResult.Damaged;
        return Compressed(ref sink);
    }

    private UnpackResult CodeLengths(scoped Span<byte> lengths)
    {
        for (int i = 0; i < lengths.Length;)
        {
            UnpackResult result = Symbol(state->Lengths, out int symbol);
            if (result != UnpackResult.Done)
                return result;
            if (symbol < 16)
            {
                lengths[i] = (byte)symbol;
                i++;
                continue;
            }

            int extra = RepeatBits[symbol - 16];
            if (!Need(extra))
                return UnpackResult.Cut;
            int repeat = (int)Bits(extra) + (symbol == 18 ? 11 : 3);
            if (symbol == 16 && i == 0 || repeat > lengths.Length - i)
                return UnpackResult.Damaged;
            lengths.Slice(i, repeat).Fill(symbol == 16 ? lengths[i - 1] : (byte)0);
            i += repeat;
        }

        return UnpackResult.Done;
    }

    private UnpackResult Compressed<TSink>(ref TSink sink) where TSink : struct, IByteSink
    {
        while (true)
        {
            UnpackResult result = Symbol(state->Literals, out int symbol);
            if (result != UnpackResult.Done)
                return result;
            if (symbol == EndOfBlock)
                return UnpackResult.Done;
            if (symbol < EndOfBlock)
            {
                if (!Put((byte)symbol, ref sink))
                    return UnpackResult.Refused;
                continue;
            }

            symbol -= EndOfBlock + 1;
            if (symbol >= LengthBase.Length)
                return UnpackResult.Damaged;
            if (!Need(LengthBits[symbol]))
                return UnpackResult.Cut;
            int length = LengthBase[symbol] + (int)Bits(LengthBits[symbol]);
            result = Symbol(state->Distances, out symbol);
            if (result != UnpackResult.Done)
                return result;
            if (symbol >= DistanceBase.Length)
                return UnpackResult.Damaged;
            int extra = symbol < 2 ? 0 : symbol / 2 - 1;
            if (!Need(extra))
                return UnpackResult.Cut;
            int distance = DistanceBase[symbol] + (int)Bits(extra);
            if (distance > reach)
                return UnpackResult.Damaged;
            for (; length > 0; length--)
                if (!Put(window[to - distance & InflateState.WindowSize - 1], ref sink))
                    return UnpackResult.Refused;
        }
    }

    private UnpackResult Symbol(in PrefixCode code, out int symbol)
    {
        Need(15);
        symbol = code.Find((uint)bits, out int length);
        // Bits behind the end of the input are zeros: a code that needs them is cut, whatever it says.
        if (length > bitCount)
            return UnpackResult.Cut;
        if (symbol < 0)
            return UnpackResult.Damaged;
        _ = Bits(length);
        return UnpackResult.Done;
    }

    private bool Put<TSink>(byte value, ref TSink sink) where TSink : struct, IByteSink
    {
        window[to] = value;
        to++;
        if (reach < InflateState.WindowSize)
            reach++;
        if (to < InflateState.WindowSize)
            return true;
        bool taken = Flush(ref sink);
        to = 0;
        given = 0;
        return taken;
    }

    private bool Flush<TSink>(ref TSink sink) where TSink : struct, IByteSink
    {
        bool taken = to == given || sink.Take(window.Slice(given, to - given));
        given = to;
        return taken;
    }

    /// <summary>Makes at least so many bits (up to 32) present, if the input has them.</summary>
    private bool Need(int count)
    {
        while (bitCount < count && at < input.Length)
        {
            bits |= (ulong)input[at] << bitCount;
            at++;
            bitCount += 8;
        }

        return bitCount >= count;
    }

    /// <summary>The next bits, which are present.</summary>
    private uint Bits(int count)
    {
        uint value = (uint)(bits & (1UL << count) - 1);
        bits >>= count;
        bitCount -= count;
        return value;
    }
}
