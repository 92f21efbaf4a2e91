using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Wire;

/// <summary>
/// ChaCha20 (RFC 8439 §2.3, §2.4). The state's four rows are four vectors, so that a quarter round of each column is
/// one sequence of instructions. Nothing in it depends on the key or the text but the values that are computed.
/// </summary>
public readonly struct ChaCha20
{
    public const int KeySize = 32;
    public const int NonceSize = 12;
    public const int BlockSize = 64;

    private readonly Vector128<uint> upperKey;
    private readonly Vector128<uint> lowerKey;
    private readonly uint nonce0;
    private readonly uint nonce1;
    private readonly uint nonce2;

    public ChaCha20(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce)
    {
        upperKey = Read(key, 0);
        lowerKey = Read(key, 16);
        nonce0 = Bytes.Le32(nonce, 0);
        nonce1 = Bytes.Le32(nonce, 4);
        nonce2 = Bytes.Le32(nonce, 8);
    }

    /// <summary>
    /// Combines <paramref name="text"/> in place with the key stream from block <paramref name="counter"/> on.
    /// </summary>
    public void Apply(Span<byte> text, uint counter)
    {
        int whole = text.Length & ~(BlockSize - 1);
        Blocks(MemoryMarshal.Cast<byte, Vector128<uint>>(text.Slice(0, whole)), counter);
        if (whole == text.Length)
            return;
        text = text.Slice(whole);
        Span<byte> last = stackalloc byte[BlockSize]; // zeros
        text.CopyTo(last);
        Blocks(MemoryMarshal.Cast<byte, Vector128<uint>>(last), counter + (uint)(whole / BlockSize));
        last.Slice(0, text.Length).CopyTo(text);
    }

    /// <param name="rows">Four for each block.</param>
    private void Blocks(Span<Vector128<uint>> rows, uint counter)
    {
        // "expand 32-byte k"
        Vector128<uint> constant = Vector128.Create(0x61707865u, 0x3320646e, 0x79622d32, 0x6b206574);
        for (int at = 0; at + 3 < rows.Length; at += 4)
        {
            Vector128<uint> last = Vector128.Create(counter, nonce0, nonce1, nonce2);
            counter++;
            Vector128<uint> a = constant;
            Vector128<uint> b = upperKey;
            Vector128<uint> c = lowerKey;
            Vector128<uint> d = last;
            for (int doubleRound = 0; doubleRound < 10; doubleRound++)
            {
                // A quarter round (§2.1) of all columns. It stands here twice: called by reference its variables would
                // live in memory.
                a += b;
                d = Rotated16(d ^ a);
                c += d;
                b = Rotated(b ^ c, 12);
                a += b;
                d = Rotated8(d ^ a);
                c += d;
                b = Rotated(b ^ c, 7);
                // Diagonals become columns, and another.
                b = Vector128.Shuffle(b, Vector128.Create(1u, 2, 3, 0));
                c = Vector128.Shuffle(c, Vector128.Create(2u, 3, 0, 1));
                d = Vector128.Shuffle(d, Vector128.Create(3u, 0, 1, 2));
                a += b;
                d = Rotated16(d ^ a);
                c += d;
                b = Rotated(b ^ c, 12);
                a += b;
                d = Rotated8(d ^ a);
                c += d;
                b = Rotated(b ^ c, 7);
                b = Vector128.Shuffle(b, Vector128.Create(3u, 0, 1, 2));
                c = Vector128.Shuffle(c, Vector128.Create(2u, 3, 0, 1));
                d = Vector128.Shuffle(d, Vector128.Create(1u, 2, 3, 0));
            }
            rows[at] ^= a + constant;
            rows[at + 1] ^= b + upperKey;
            rows[at + 2] ^= c + lowerKey;
            rows[at + 3] ^= d + last;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Rotated(Vector128<uint> words, int by) => words << by | words >>> (32 - by);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Rotated16(Vector128<uint> words) => Vector128.Shuffle(words.AsByte(),
        Vector128.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Rotated8(Vector128<uint> words) => Vector128.Shuffle(words.AsByte(),
        Vector128.Create((byte)3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)).AsUInt32();

    private static Vector128<uint> Read(ReadOnlySpan<byte> from, int at) =>
        MemoryMarshal.Cast<byte, Vector128<uint>>(from.Slice(at, 16))[0];
}
