using System.Numerics;

namespace Guestos;

/// <summary>
/// A set of page frames as a bit vector, "chosen for its simplicity and predictable space requirements" as the thesis
/// puts it for its own (§6.3.1), with a count, because the count of the dirty set is the writable working set.
/// </summary>
internal unsafe struct FrameSet
{
    private readonly ulong* words;
    private readonly uint frames;

    /// <summary>Members.</summary>
    public uint Count { get; private set; }

    /// <summary>Bytes that a set over <paramref name="frames"/> frames needs.</summary>
    public static ulong Bytes(uint frames) => (frames + 63UL) / 64 * 8;

    /// <param name="memory"><see cref="Bytes"/> zeroed bytes that nobody else uses, 8-byte aligned.</param>
    public FrameSet(byte* memory, uint frames)
    {
        words = (ulong*)memory;
        this.frames = frames;
    }

    // SAFETY (all below): frame < frames is checked, and the memory holds a bit for each of those.

    public readonly bool Contains(uint frame) => frame < frames && (words[frame >> 6] >> (int)(frame & 63) & 1) != 0;

    /// <summary>True when it was not in the set before.</summary>
    public bool Add(uint frame)
    {
        ulong bit = 1UL << (int)(frame & 63);
        if (frame >= frames || (words[frame >> 6] & bit) != 0)
            return false;
        words[frame >> 6] |= bit;
        Count++;
        return true;
    }

    /// <summary>Adds all from <paramref name="first"/>, a multiple of 64, on. The set is empty.</summary>
    public void AddFrom(uint first)
    {
        new System.Span<ulong>(words + (first >> 6), (int)((frames >> 6) - (first >> 6))).Fill(ulong.MaxValue);
        if ((frames & 63) != 0)
            words[frames >> 6] = (1UL << (int)(frames & 63)) - 1;
        Count = frames - first;
    }

    public void Remove(uint frame)
    {
        ulong bit = 1UL << (int)(frame & 63);
        if (frame >= frames || (words[frame >> 6] & bit) == 0)
            return;
        words[frame >> 6] &= ~bit;
        Count--;
    }

    /// <summary>The first member at or after <paramref name="frame"/>, or <see cref="uint.MaxValue"/>.</summary>
    public readonly uint Next(uint frame)
    {
        if (frame >= frames)
            return uint.MaxValue;
        uint index = frame >> 6;
        ulong word = words[index] & (ulong.MaxValue << (int)(frame & 63));
        uint last = (frames - 1) >> 6;
        while (word == 0)
        {
            if (index == last)
                return uint.MaxValue;
            index++;
            word = words[index];
        }
        return (index << 6) + (uint)BitOperations.TrailingZeroCount(word);
    }

    public void Clear()
    {
        new System.Span<byte>(words, (int)Bytes(frames)).Clear();
        Count = 0;
    }
}
