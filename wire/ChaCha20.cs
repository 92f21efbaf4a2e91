using System;
using System.Runtime;
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

    private const int RowsOfBlock = 4;
    private const int DoubleRounds = 10;

    // ChaCha20.S knows the order of these.
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
#if FREESTANDING
        int triples = rows.Length / (3 * RowsOfBlock);
        Triples(rows.Slice(0, triples * 3 * RowsOfBlock), counter);
        rows = rows.Slice(triples * 3 * RowsOfBlock);
        counter += 3 * (uint)triples;
#endif
        int paired = rows.Length & ~(2 * RowsOfBlock - 1);
        for (int at = 0; at < paired; at += 2 * RowsOfBlock)
        {
            Pair(rows.Slice(at, 2 * RowsOfBlock), counter);
            counter += 2;
        }
        for (int at = paired; at + RowsOfBlock <= rows.Length; at += RowsOfBlock)
        {
            Single(rows.Slice(at, RowsOfBlock), counter);
            counter++;
        }
    }

#if FREESTANDING
    // SAFETY: the routine reads this structure, and combines so many bytes of the text in place.
    private unsafe void Triples(Span<Vector128<uint>> rows, uint counter)
    {
        fixed (ChaCha20* state = &this)
        fixed (Vector128<uint>* text = rows)
            Triples(state, (byte*)text, (nuint)(uint)(rows.Length / (3 * RowsOfBlock)), counter);
    }

    [RuntimeImport("*", "chacha20_triples"), MethodImpl(MethodImplOptions.InternalCall)]
    private static extern unsafe void Triples(ChaCha20* state, byte* text, nuint count, uint counter);
#endif

    // In both of these a quarter round (§2.1) of all columns stands twice: called by reference its variables would live
    // in memory. Behind each, diagonals become columns, and the other way round.

    private void Single(Span<Vector128<uint>> rows, uint counter)
    {
        Vector128<uint> constant = Constant;
        Vector128<uint> last = Vector128.Create(counter, nonce0, nonce1, nonce2);
        Vector128<uint> a = constant;
        Vector128<uint> b = upperKey;
        Vector128<uint> c = lowerKey;
        Vector128<uint> d = last;
        for (int doubleRound = 0; doubleRound < DoubleRounds; doubleRound++)
        {
            a += b;
            d = Rotated16(d ^ a);
            c += d;
            b = Rotated(b ^ c, 12);
            a += b;
            d = Rotated8(d ^ a);
            c += d;
            b = Rotated(b ^ c, 7);
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
        rows[3] ^= d + last;
        rows[0] ^= a + constant;
        rows[1] ^= b + upperKey;
        rows[2] ^= c + lowerKey;
    }

    /// <summary>
    /// Two blocks at once. A block by itself is one chain of instructions that wait for each other; a second one fills
    /// the gaps.
    /// </summary>
    private void Pair(Span<Vector128<uint>> rows, uint counter)
    {
        Vector128<uint> constant = Constant;
        Vector128<uint> a = constant;
        Vector128<uint> b = upperKey;
        Vector128<uint> c = lowerKey;
        Vector128<uint> d = Vector128.Create(counter, nonce0, nonce1, nonce2);
        Vector128<uint> e = constant;
        Vector128<uint> f = b;
        Vector128<uint> g = c;
        Vector128<uint> h = Vector128.Create(counter + 1, nonce0, nonce1, nonce2);
        for (int doubleRound = 0; doubleRound < DoubleRounds; doubleRound++)
        {
            a += b;
            e += f;
            d = Rotated16(d ^ a);
            h = Rotated16(h ^ e);
            c += d;
            g += h;
            b = Rotated(b ^ c, 12);
            f = Rotated(f ^ g, 12);
            a += b;
            e += f;
            d = Rotated8(d ^ a);
            h = Rotated8(h ^ e);
            c += d;
            g += h;
            b = Rotated(b ^ c, 7);
            f = Rotated(f ^ g, 7);
            b = Vector128.Shuffle(b, Vector128.Create(1u, 2, 3, 0));
            f = Vector128.Shuffle(f, Vector128.Create(1u, 2, 3, 0));
            c = Vector128.Shuffle(c, Vector128.Create(2u, 3, 0, 1));
            g = Vector128.Shuffle(g, Vector128.Create(2u, 3, 0, 1));
            d = Vector128.Shuffle(d, Vector128.Create(3u, 0, 1, 2));
            h = Vector128.Shuffle(h, Vector128.Create(3u, 0, 1, 2));
            a += b;
            e += f;
            d = Rotated16(d ^ a);
            h = Rotated16(h ^ e);
            c += d;
            g += h;
            b = Rotated(b ^ c, 12);
            f = Rotated(f ^ g, 12);
            a += b;
            e += f;
            d = Rotated8(d ^ a);
            h = Rotated8(h ^ e);
            c += d;
            g += h;
            b = Rotated(b ^ c, 7);
            f = Rotated(f ^ g, 7);
            b = Vector128.Shuffle(b, Vector128.Create(3u, 0, 1, 2));
            f = Vector128.Shuffle(f, Vector128.Create(3u, 0, 1, 2));
            c = Vector128.Shuffle(c, Vector128.Create(2u, 3, 0, 1));
            g = Vector128.Shuffle(g, Vector128.Create(2u, 3, 0, 1));
            d = Vector128.Shuffle(d, Vector128.Create(1u, 2, 3, 0));
            h = Vector128.Shuffle(h, Vector128.Create(1u, 2, 3, 0));
        }
        rows[7] ^= h + Vector128.Create(counter + 1, nonce0, nonce1, nonce2);
        rows[0] ^= a + constant;
        rows[1] ^= b + upperKey;
        rows[2] ^= c + lowerKey;
        rows[3] ^= d + Vector128.Create(counter, nonce0, nonce1, nonce2);
        rows[4] ^= e + constant;
        rows[5] ^= f + upperKey;
        rows[6] ^= g + lowerKey;
    }

    /// <summary>"expand 32-byte k"</summary>
    private static Vector128<uint> Constant => Vector128.Create(0x61707865u, 0x3320646e, 0x79622d32, 0x6b206574);

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
