using System;
using System.Globalization;
using Wire;

namespace Evilman.Tokens;

/// <summary>
/// A hash chain as its owner keeps it: the secret seed s_0 and the length n. One chain is for one token: its end s_n is
/// the token's name, and the elements not yet sold are the later payments.
/// </summary>
public sealed class Chain
{
    /// <summary>Hashing a million elements takes a quarter of a second; more would only be forgotten money.</summary>
    public const int MaxLength = 10_000_000;

    const int MaxFileSize = 128;

    readonly byte[] seed;

    public Chain(ReadOnlySpan<byte> seed, int length)
    {
        if (seed.Length != HashChain.ElementSize)
            throw new Failure($"a chain's seed has {HashChain.ElementSize} bytes");
        if (length is < 1 or > MaxLength)
            throw Failure.Usage($"a chain has 1 to {MaxLength} elements");
        this.seed = seed.ToArray();
        Length = length;
    }

    /// <summary>The n of the thesis.</summary>
    public int Length { get; }

    /// <summary>s_index, for 0 ≤ index ≤ n.</summary>
    public byte[] Element(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, Length);
        var element = seed.AsSpan().ToArray();
        HashChain.Advance(element, (uint)index);
        return element;
    }

    public static Chain Fresh(int length) => new(Secret.Random(HashChain.ElementSize), length);

    /// <summary>Reads "seed length" (40 hexadecimal digits and a number), as <see cref="Save"/> wrote it.</summary>
    public static Chain Load(string file)
    {
        var words = System.Text.Encoding.Latin1.GetString(Files.Read(file, MaxFileSize, "a chain file"))
            .Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 2 || words[0].Length != 2 * HashChain.ElementSize
            || !int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            throw new Failure($"{file} is not a chain file");
        try
        {
            return new Chain(Convert.FromHexString(words[0]), length);
        }
        catch (FormatException)
        {
            throw new Failure($"{file} is not a chain file");
        }
    }

    public void Save(string file) => Secret.Write(file, Text(), replace: false);

    /// <summary>What <see cref="Load"/> reads.</summary>
    public byte[] Text() => System.Text.Encoding.ASCII.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{Convert.ToHexStringLower(seed)} {Length}\n"));
}
