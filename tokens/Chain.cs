using System;
using Wire;

namespace Tokens;

/// <summary>
/// A hash chain as its owner keeps it who has little room and much time: the secret seed s_0 and the length n (thesis
/// §8.2). One chain is for one token: its end s_n is the token's name, and the elements not yet sold are the later
/// payments. <see cref="Pebbles"/> is for who sells from many.
/// </summary>
public sealed class Chain
{
    /// <summary>Hashing a million elements takes a quarter of a second; more would only be forgotten money.</summary>
    public const int MaxLength = 10_000_000;

    private readonly byte[] seed;

    /// <param name="seed"><see cref="HashChain.ElementSize"/> bytes.</param>
    /// <param name="length">1 to <see cref="MaxLength"/>.</param>
    public Chain(ReadOnlySpan<byte> seed, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(seed.Length, HashChain.ElementSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MaxLength);
        this.seed = seed.ToArray();
        Length = length;
    }

    public static Chain Fresh(int length) => new(Secret.Random(HashChain.ElementSize), length);

    /// <summary>The n of the thesis.</summary>
    public int Length { get; }

    public ReadOnlySpan<byte> Seed => seed;

    /// <summary>s_index, for 0 ≤ index ≤ n.</summary>
    public byte[] Element(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, Length);
        byte[] element = [.. seed];
        HashChain.Advance(element, (uint)index);
        return element;
    }
}
