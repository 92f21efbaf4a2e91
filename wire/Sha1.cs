using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// SHA-1 (FIPS 180-4 §6.1). Holds no buffer: <see cref="Append"/> takes whole 64-byte blocks, and
/// <see cref="Finish"/> takes whatever is left, of any length.
/// SHA-1 is the thesis's choice (§8.2.2); what rests on it is second-preimage resistance, which still stands.
/// </summary>
public struct Sha1
{
    public const int BlockSize = 64;
    public const int DigestSize = 20;

    private uint a, b, c, d, e;
    private ulong length;

    public static Sha1 Start() => new()
    {
        a = 0x67452301, b = 0xEFCDAB89, c = 0x98BADCFE, d = 0x10325476, e = 0xC3D2E1F0,
    };

    /// <summary>The digest of one message. <paramref name="digest"/> may overlap <paramref name="message"/>.</summary>
    public static void Hash(ReadOnlySpan<byte> message, Span<byte> digest) => Start().Finish(message, digest);

    /// <summary>Takes in <paramref name="blocks"/>, whose length must be a multiple of <see cref="BlockSize"/>.</summary>
    public void Append(ReadOnlySpan<byte> blocks)
    {
        for (length += (uint)blocks.Length; blocks.Length >= BlockSize; blocks = blocks.Slice(BlockSize))
            Compress(blocks);
    }

    /// <summary>Takes in the rest of the message and writes the 20-byte digest (padding: FIPS 180-4 §5.1.1).</summary>
    public void Finish(ReadOnlySpan<byte> rest, Span<byte> digest)
    {
        int whole = rest.Length & ~(BlockSize - 1), left = rest.Length - whole;
        Append(rest.Slice(0, whole));
        length += (uint)left;

        Span<byte> padded = stackalloc byte[2 * BlockSize]; // zeros
        rest.Slice(whole).CopyTo(padded);
        padded[left] = 0x80;
        int end = left < BlockSize - 8 ? BlockSize : 2 * BlockSize;
        Bytes.PutBe32(padded, end - 8, (uint)(length >> 29));
        Bytes.PutBe32(padded, end - 4, (uint)(length << 3));
        Append(padded.Slice(0, end));

        Bytes.PutBe32(digest, 0, a);
        Bytes.PutBe32(digest, 4, b);
        Bytes.PutBe32(digest, 8, c);
        Bytes.PutBe32(digest, 12, d);
        Bytes.PutBe32(digest, 16, e);
    }

    private void Compress(ReadOnlySpan<byte> block)
    {
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(block);
        Span<uint> w = stackalloc uint[16];
        for (int t = 0; t < 16; t++)
            w[t] = BitOperations.RotateLeft(words[t] & 0xFF00FF00, 8) | BitOperations.RotateLeft(words[t] & 0x00FF00FF, 24);

        Sha1 next = this;
        for (int t = 0; t < 20; t++)
            next.Round((next.d ^ (next.b & (next.c ^ next.d))) + 0x5A827999 + Word(w, t));
        for (int t = 20; t < 40; t++)
            next.Round((next.b ^ next.c ^ next.d) + 0x6ED9EBA1 + Word(w, t));
        for (int t = 40; t < 60; t++)
            next.Round((next.b & next.c) + (next.d & (next.b ^ next.c)) + 0x8F1BBCDC + Word(w, t));
        for (int t = 60; t < 80; t++)
            next.Round((next.b ^ next.c ^ next.d) + 0xCA62C1D6 + Word(w, t));
        a += next.a;
        b += next.b;
        c += next.c;
        d += next.d;
        e += next.e;
    }

    /// <summary>The word of round t, in whose place the one of round t + 16 comes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Word(Span<uint> w, int t)
    {
        uint word = w[t & 15];
        w[t & 15] = BitOperations.RotateLeft(w[(t + 13) & 15] ^ w[(t + 8) & 15] ^ w[(t + 2) & 15] ^ word, 1);
        return word;
    }

    /// <summary>What every round does with the function, constant and word that are its own (FIPS 180-4 §6.1.2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Round(uint own)
    {
        own += e + BitOperations.RotateLeft(a, 5);
        e = d;
        d = c;
        c = BitOperations.RotateLeft(b, 30);
        b = a;
        a = own;
    }
}
