using System;

namespace Guestos;

/// <summary>Literals of a block (RFC 8878 §3.1.1.3.1).</summary>
public unsafe ref partial struct Zstandard
{
    // By the format of the section's size, bits 2 and 3 of its first byte. Raw and repeated literals have one size and
    // a header of 1 to 3 bytes; compressed ones have two sizes, of as many bits each, and a header of 3 to 5 bytes.
    private static ReadOnlySpan<byte> PlainSizeBits => [5, 12, 5, 20];

    private static ReadOnlySpan<byte> PlainHeader => [1, 2, 1, 3];

    private static ReadOnlySpan<byte> CompressedSizeBits => [10, 10, 14, 18];

    private static ReadOnlySpan<byte> CompressedHeader => [3, 3, 4, 5];

    /// <summary>
    /// Reads the section at the beginning of a block; <paramref name="at"/> is left behind it. False: damaged.
    /// </summary>
    private bool LiteralsOf(ReadOnlySpan<byte> block, out int at, out ReadOnlySpan<byte> literals)
    {
        const int raw = 0;
        const int repeated = 1;
        const int treeless = 3;
        literals = default;
        at = 0;
        if (block.Length == 0)
            return false;
        int kind = block[0] & 3;
        int format = block[0] >> 2 & 3;
        bool plain = kind is raw or repeated;
        int bits = plain ? PlainSizeBits[format] : CompressedSizeBits[format];
        int header = plain ? PlainHeader[format] : CompressedHeader[format];
        if (block.Length < header)
            return false;
        ulong value = 0;
        for (int i = 0; i < header; i++)
            value |= (ulong)block[i] << 8 * i;
        value >>= plain && (format & 1) == 0 ? 3 : 4;
        int size = (int)(value & (1UL << bits) - 1);
        at = header;
        if (size > ZstandardState.MaxBlock)
            return false;
        if (kind == raw)
        {
            if (size > block.Length - at)
                return false;
            literals = block.Slice(at, size);
            at += size;
            return true;
        }

        // SAFETY: the state outlives this.
        var memory = new Span<byte>(state->Literals, ZstandardState.MaxBlock);
        literals = memory.Slice(0, size);
        if (kind == repeated)
        {
            if (at == block.Length)
                return false;
            memory.Slice(0, size).Fill(block[at]);
            at++;
            return true;
        }

        int compressed = (int)(value >> bits & (1UL << bits) - 1);
        if (compressed > block.Length - at)
            return false;
        ReadOnlySpan<byte> streams = block.Slice(at, compressed);
        at += compressed;
        int tree = 0;
        if (kind == treeless ? !state->Huffman.IsBuilt : !state->Huffman.Read(streams, out tree))
            return false;
        streams = streams.Slice(tree);
        return format == 0
            ? state->Huffman.Decode(streams, memory.Slice(0, size))
            : FourStreams(streams, memory.Slice(0, size));
    }

    /// <summary>
    /// A jump table of three 16-bit sizes, and four streams; the first three make a quarter each, rounded up.
    /// </summary>
    private readonly bool FourStreams(ReadOnlySpan<byte> streams, Span<byte> to)
    {
        const int jumpTable = 6;
        int quarter = (to.Length + 3) / 4;
        if (streams.Length < jumpTable || 3 * quarter > to.Length)
            return false;
        ReadOnlySpan<byte> sizes = streams.Slice(0, jumpTable);
        streams = streams.Slice(jumpTable);
        for (int i = 0; i < 4; i++)
        {
            int size = i == 3 ? streams.Length : sizes[2 * i] | sizes[2 * i + 1] << 8;
            int made = i == 3 ? to.Length : quarter;
            if (size > streams.Length || !state->Huffman.Decode(streams.Slice(0, size), to.Slice(0, made)))
                return false;
            streams = streams.Slice(size);
            to = to.Slice(made);
        }

        return true;
    }
}

/// <summary>The Huffman code of literals (RFC 8878 §4.2): up to 11 bits, all by one look-up.</summary>
public unsafe struct HuffmanTable
{
    private const int MaxLog = 11;
    private const int MaxWeights = 255;

    private int log;

    /// <summary>By the next bits: symbol · 16 + length.</summary>
    private fixed ushort codes[1 << MaxLog];
    private FiniteStateTable weights;

    public readonly bool IsBuilt => log > 0;

    /// <summary>Reads a description; <paramref name="length"/> is how long it was. False: it is none.</summary>
    public bool Read(ReadOnlySpan<byte> input, out int length)
    {
        length = 0;
        log = 0;
        if (input.Length == 0)
            return false;
        Span<byte> weights = stackalloc byte[MaxWeights + 1];
        int header = input[0];
        int count;
        if (header >= 128)
        {
            count = header - 127;
            length = 1 + (count + 1) / 2;
            if (length > input.Length)
                return false;
            for (int i = 0; i < count; i++)
                weights[i] = (byte)(input[1 + i / 2] >> (i % 2 == 0 ? 4 : 0) & 15);
        }
        else
        {
            length = 1 + header;
            if (length > input.Length || !ReadWeights(input.Slice(1, header), weights, out count))
                return false;
        }

        return Build(weights, count);
    }

    /// <summary>
    /// Weights compressed by FSE, with two states that take turns, until the bits are used up (RFC 8878 §4.2.1.2).
    /// </summary>
    private bool ReadWeights(ReadOnlySpan<byte> input, Span<byte> weights, out int count)
    {
        const int maxWeightLog = 6;
        count = 0;
        int at = 0;
        if (!this.weights.Read(input, ref at, MaxLog + 2, maxWeightLog)
            || !BackwardBits.TryStart(input.Slice(at), out BackwardBits bits))
            return false;
        uint first = bits.Read(this.weights.Log);
        uint second = bits.Read(this.weights.Log);
        if (bits.Left < 0)
            return false;
        while (true)
        {
            if (count >= MaxWeights - 1)
                return false;
            FiniteState state = this.weights.At(first);
            weights[count] = state.Symbol;
            count++;
            if (bits.Left < state.Bits)
            {
                weights[count] = this.weights.At(second).Symbol;
                count++;
                return true;
            }

            first = second;
            second = state.Base + bits.Read(state.Bits);
        }
    }

    /// <summary>
    /// From weights to codes; the last weight is the one that makes the sum a power of two (RFC 8878 §4.2.1).
    /// </summary>
    private bool Build(Span<byte> weights, int count)
    {
        uint sum = 0;
        for (int i = 0; i < count; i++)
        {
            if (weights[i] > MaxLog)
                return false;
            sum += weights[i] > 0 ? 1u << weights[i] - 1 : 0;
        }

        if (sum == 0)
            return false;
        int log = System.Numerics.BitOperations.Log2(sum) + 1;
        uint rest = (1u << log) - sum;
        if (log > MaxLog || (rest & rest - 1) != 0)
            return false;
        weights[count] = (byte)(System.Numerics.BitOperations.Log2(rest) + 1);
        count++;
        int at = 0;
        for (int weight = 1; weight <= log; weight++)
        {
            for (int symbol = 0; symbol < count; symbol++)
            {
                if (weights[symbol] != weight)
                    continue;
                for (int i = 0; i < 1 << weight - 1; i++)
                {
                    codes[at] = (ushort)(symbol << 4 | log + 1 - weight);
                    at++;
                }
            }
        }

        this.log = log;
        return true;
    }

    /// <summary>One stream, which makes exactly these bytes of exactly its bits.</summary>
    public readonly bool Decode(ReadOnlySpan<byte> stream, Span<byte> to)
    {
        if (!BackwardBits.TryStart(stream, out BackwardBits bits))
            return false;
        for (int i = 0; i < to.Length; i++)
        {
            int code = codes[(int)bits.Peek(log)];
            to[i] = (byte)(code >> 4);
            bits.Left -= code & 15;
        }

        return bits.Left == 0;
    }
}
