using System;

namespace Guestos;

/// <summary>A state of an FSE table: what it stands for, and how the next one is found.</summary>
public struct FiniteState
{
    public byte Symbol;
    public byte Bits;
    public ushort Base;
}

/// <summary>Decoding tables of Finite State Entropy (RFC 8878 §4.1): 1 to 512 states.</summary>
public unsafe struct FiniteStateTable
{
    public const int MaxLog = 9;
    public const int MaxSymbols = 53;

    public int Log;
    private fixed ulong states[(1 << MaxLog) / 2];

    // SAFETY: two states of 4 bytes to a word; the index is masked to the table.
    public FiniteState At(uint state)
    {
        fixed (ulong* words = states)
            return ((FiniteState*)words)[state & (1 << Log) - 1];
    }

    /// <summary>One symbol without bits.</summary>
    public void BuildSingle(byte symbol)
    {
        Log = 0;
        fixed (ulong* words = states)
            ((FiniteState*)words)[0] = new FiniteState { Symbol = symbol };
    }

    /// <summary>
    /// From a distribution whose probabilities (−1: "less than one") sum up to 1 &lt;&lt; log (RFC 8878 §4.1.1, "from
    /// normalized distribution to decoding tables").
    /// </summary>
    public void Build(ReadOnlySpan<short> probabilities, int log)
    {
        Log = log;
        int size = 1 << log;
        ushort* next = stackalloc ushort[MaxSymbols];
        fixed (ulong* words = states)
        {
            var states = (FiniteState*)words;
            int high = size;
            for (int symbol = 0; symbol < probabilities.Length; symbol++)
            {
                next[symbol] = (ushort)Math.Max((int)probabilities[symbol], 1);
                if (probabilities[symbol] == -1)
                {
                    high--;
                    states[high].Symbol = (byte)symbol;
                }
            }

            int step = (size >> 1) + (size >> 3) + 3;
            int at = 0;
            for (int symbol = 0; symbol < probabilities.Length; symbol++)
            {
                for (int i = 0; i < probabilities[symbol]; i++)
                {
                    states[at].Symbol = (byte)symbol;
                    do
                        at = at + step & size - 1;
                    while (at >= high);
                }
            }

            for (int i = 0; i < size; i++)
            {
                int number = next[states[i].Symbol];
                next[states[i].Symbol]++;
                int bits = log - System.Numerics.BitOperations.Log2((uint)number);
                states[i].Bits = (byte)bits;
                states[i].Base = (ushort)((number << bits) - size);
            }
        }
    }

    /// <summary>
    /// Reads a table's description (RFC 8878 §4.1.1) at <paramref name="at"/>, which is left behind it, and builds the
    /// table. False: it is none, or has more symbols or a larger log than allowed.
    /// </summary>
    public bool Read(ReadOnlySpan<byte> input, ref int at, int mostSymbols, int largestLog)
    {
        Span<short> probabilities = stackalloc short[MaxSymbols];
        long bit = at * 8L;
        long end = input.Length * 8L;
        int log = (int)Forward(input, ref bit, 4) + 5;
        if (log > largestLog)
            return false;
        int left = 1 << log;
        int count = 0;
        while (left > 0 && count < mostSymbols)
        {
            // One value of left + 2 possible ones: the lower ones are a bit shorter.
            int bits = System.Numerics.BitOperations.Log2((uint)left + 1) + 1;
            int shorter = (1 << bits) - 2 - left;
            int value = (int)Forward(input, ref bit, bits - 1);
            if (value >= shorter)
            {
                value |= (int)Forward(input, ref bit, 1) << bits - 1;
                if (value >= 1 << bits - 1)
                    value -= shorter;
            }

            int probability = value - 1;
            left -= Math.Abs(probability);
            probabilities[count] = (short)probability;
            count++;
            for (uint zeros = probability == 0 ? 3u : 0; zeros == 3;)
            {
                zeros = Forward(input, ref bit, 2);
                if (zeros > mostSymbols - count)
                    return false;
                probabilities.Slice(count, (int)zeros).Clear();
                count += (int)zeros;
            }
        }

        if (left != 0 || bit > end)
            return false;
        at = (int)((bit + 7) / 8);
        Build(probabilities.Slice(0, count), log);
        return true;
    }

    /// <summary>Up to 16 bits from the low end of bytes on; zeros behind the end.</summary>
    private static uint Forward(ReadOnlySpan<byte> input, ref long bit, int count)
    {
        int index = (int)(bit >> 3);
        uint word = 0;
        for (int i = 0; i < 3 && index + i < input.Length; i++)
            word |= (uint)input[index + i] << 8 * i;
        word >>= (int)(bit & 7);
        bit += count;
        return word & (1u << count) - 1;
    }
}
