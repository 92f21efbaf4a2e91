using System;
using System.Buffers.Binary;
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

    private uint a;
    private uint b;
    private uint c;
    private uint d;
    private uint e;
    private ulong length;

    public static Sha1 Start() => new()
    {
        a = 0x67452301, b = 0xEFCDAB89, c = 0x98BADCFE, d = 0x10325476, e = 0xC3D2E1F0,
    };

    /// <summary>The digest of one message. <paramref name="digest"/> may overlap <paramref name="message"/>.</summary>
    public static void Hash(ReadOnlySpan<byte> message, Span<byte> digest) => Start().Finish(message, digest);

    /// <summary>
    /// Takes in <paramref name="blocks"/>, whose length must be a multiple of <see cref="BlockSize"/>.
    /// </summary>
    public void Append(ReadOnlySpan<byte> blocks)
    {
        for (length += (uint)blocks.Length; blocks.Length >= BlockSize; blocks = blocks.Slice(BlockSize))
            Compress(blocks);
    }

    /// <summary>Takes in the rest of the message and writes the 20-byte digest (padding: FIPS 180-4 §5.1.1).</summary>
    public void Finish(ReadOnlySpan<byte> rest, Span<byte> digest)
    {
        int whole = rest.Length & ~(BlockSize - 1);
        int left = rest.Length - whole;
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

    // Every word is written before it is read, so that clearing them first would be for nothing.
    [SkipLocalsInit]
    private void Compress(ReadOnlySpan<byte> block)
    {
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(block.Slice(0, BlockSize));
        Span<uint> w = stackalloc uint[80];
        for (int t = 0; t < 16; t++)
            w[t] = BinaryPrimitives.ReverseEndianness(words[t]);
        for (int t = 0; t < 4; t++)
            w[t + 16] = BitOperations.RotateLeft(w[t] ^ w[t + 2] ^ w[t + 8] ^ w[t + 13], 1);

        Sha1 next = this;
        next.Rounds<Choose>(w.Slice(0, 40), 25, 0x5A827999);
        next.Rounds<Parity>(w.Slice(20, 40), 25, 0x6ED9EBA1);
        next.Rounds<Majority>(w.Slice(40, 40), 25, 0x8F1BBCDC);
        next.Rounds<Parity>(w.Slice(60, 20), 5, 0xCA62C1D6);
        a += next.a;
        b += next.b;
        c += next.c;
        d += next.d;
        e += next.e;
    }

    /// <summary>
    /// Twenty rounds (FIPS 180-4 §6.1.2), five at a time: after five, each variable has its own name again, and none
    /// was moved. <paramref name="w"/> begins with the next round's word, and has room for the twenty after these, of
    /// which each round makes one, so that five rounds touch <paramref name="reach"/> words: 25, or 5 when no more are
    /// to come.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Rounds<TFunction>(Span<uint> w, int reach, uint k) where TFunction : IFunction
    {
        for (; w.Length >= reach; w = w.Slice(5))
        {
            // of a length known when compiling, so that no index below needs a check
            Span<uint> near = w.Slice(0, reach);
            Round<TFunction>(a, ref b, c, d, ref e, near, 0, k);
            Round<TFunction>(e, ref a, b, c, ref d, near, 1, k);
            Round<TFunction>(d, ref e, a, b, ref c, near, 2, k);
            Round<TFunction>(c, ref d, e, a, ref b, near, 3, k);
            Round<TFunction>(b, ref c, d, e, ref a, near, 4, k);
        }
    }

    /// <summary>
    /// Adds last what the round before yields last: rounds wait for each other more than for anything else.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round<TFunction>(
        uint a, ref uint b, uint c, uint d, ref uint e, Span<uint> w, int t, uint k)
        where TFunction : IFunction
    {
        if (w.Length > 20)
        {
            uint later = BitOperations.RotateLeft(w[t + 4] ^ w[t + 6] ^ w[t + 12] ^ w[t + 17], 1);
            w[t + 20] = later;
        }
        e = e + w[t] + k + TFunction.Of(b, c, d) + BitOperations.RotateLeft(a, 5);
        b = BitOperations.RotateLeft(b, 30);
    }

    /// <summary>
    /// The logical functions of FIPS 180-4 §4.1.1, with as few operations on b as possible: b is computed last.
    /// </summary>
    private interface IFunction
    {
        static abstract uint Of(uint b, uint c, uint d);
    }

    private struct Choose : IFunction
    {
        public static uint Of(uint b, uint c, uint d) => d ^ (b & (c ^ d));
    }

    private struct Parity : IFunction
    {
        public static uint Of(uint b, uint c, uint d) => c ^ d ^ b;
    }

    private struct Majority : IFunction
    {
        public static uint Of(uint b, uint c, uint d) => (c & d) + (b & (c ^ d));
    }
}
