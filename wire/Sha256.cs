using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// SHA-256 (FIPS 180-4 §6.2), in the shape of <see cref="Sha1"/>: <see cref="Append"/> takes whole 64-byte blocks, and
/// <see cref="Finish"/> whatever is left.
/// </summary>
public struct Sha256
{
    public const int BlockSize = 64;
    public const int DigestSize = 32;

    private uint a;
    private uint b;
    private uint c;
    private uint d;
    private uint e;
    private uint f;
    private uint g;
    private uint h;
    private ulong length;

    public static Sha256 Start() => new()
    {
        a = 0x6a09e667, b = 0xbb67ae85, c = 0x3c6ef372, d = 0xa54ff53a,
        e = 0x510e527f, f = 0x9b05688c, g = 0x1f83d9ab, h = 0x5be0cd19,
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

    /// <summary>Takes in the rest of the message and writes the 32-byte digest (padding: FIPS 180-4 §5.1.1).</summary>
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
        Bytes.PutBe32(digest, 20, f);
        Bytes.PutBe32(digest, 24, g);
        Bytes.PutBe32(digest, 28, h);
    }

    /// <summary>FIPS 180-4 §4.2.2. Indexed by the round, never by what is hashed.</summary>
    private static ReadOnlySpan<uint> Constants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    private void Compress(ReadOnlySpan<byte> block)
    {
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(block.Slice(0, BlockSize));
        Span<uint> w = stackalloc uint[64];
        for (int t = 0; t < 16; t++)
            w[t] = BinaryPrimitives.ReverseEndianness(words[t]);
        for (int t = 16; t < 64; t++)
            w[t] = Sigma(w[t - 2], 17, 19, 10) + w[t - 7] + Sigma(w[t - 15], 7, 18, 3) + w[t - 16];

        Sha256 next = this;
        ReadOnlySpan<uint> constants = Constants;
        for (int t = 0; t < 64; t++)
        {
            uint t1 = next.h + Rotations(next.e, 6, 11, 25) + (next.g ^ (next.e & (next.f ^ next.g)))
                + constants[t] + w[t];
            uint t2 = Rotations(next.a, 2, 13, 22) + ((next.a & next.b) | (next.c & (next.a | next.b)));
            next.h = next.g;
            next.g = next.f;
            next.f = next.e;
            next.e = next.d + t1;
            next.d = next.c;
            next.c = next.b;
            next.b = next.a;
            next.a = t1 + t2;
        }
        a += next.a;
        b += next.b;
        c += next.c;
        d += next.d;
        e += next.e;
        f += next.f;
        g += next.g;
        h += next.h;
    }

    private static uint Rotations(uint x, int first, int second, int third) =>
        BitOperations.RotateRight(x, first)
        ^ BitOperations.RotateRight(x, second)
        ^ BitOperations.RotateRight(x, third);

    private static uint Sigma(uint x, int first, int second, int shift) =>
        BitOperations.RotateRight(x, first) ^ BitOperations.RotateRight(x, second) ^ x >> shift;
}
