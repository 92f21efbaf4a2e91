using System;
using System.Runtime;
using System.Runtime.CompilerServices;

namespace Wire;

/// <summary>
/// Poly1305 (RFC 8439 §2.5) of whole blocks of 16 bytes: an AEAD pads what is shorter. The sum is h0 + 2^64·h1 +
/// 2^128·h2 with a small h2, modulo 2^130 - 5. No branch and no address depends on key or message.
/// </summary>
public struct Poly1305
{
    public const int KeySize = 32;
    public const int TagSize = 16;
    public const int BlockSize = 16;

    // Poly1305.S knows the order of these.
    private ulong h0;
    private ulong h1;
    private ulong h2;
    private readonly ulong r0;
    private readonly ulong r1;

    /// <summary>
    /// r1·5/4: what r1 is worth 2^128 further up, since 2^130 is 5. Clamping makes r1 a multiple of 4.
    /// </summary>
    private readonly ulong s1;

    private readonly ulong padLow;
    private readonly ulong padHigh;

    /// <param name="key">32 bytes, for one message only.</param>
    public Poly1305(ReadOnlySpan<byte> key)
    {
        h0 = 0;
        h1 = 0;
        h2 = 0;
        r0 = Bytes.Le64(key, 0) & 0x0ffffffc0fffffff;
        r1 = Bytes.Le64(key, 8) & 0x0ffffffc0ffffffc;
        s1 = r1 + (r1 >> 2);
        padLow = Bytes.Le64(key, 16);
        padHigh = Bytes.Le64(key, 24);
    }

    /// <summary>Takes in what comes next; zeros make its last block whole.</summary>
    public void Append(ReadOnlySpan<byte> message)
    {
        int whole = message.Length & ~(BlockSize - 1);
        Blocks(ref this, message.Slice(0, whole));
        if (whole == message.Length)
            return;
        Span<byte> last = stackalloc byte[BlockSize]; // zeros
        message.Slice(whole).CopyTo(last);
        Blocks(ref this, last);
    }

    public readonly void Finish(Span<byte> tag)
    {
        // h + 5 reaches 2^130 exactly when h is not below p = 2^130 - 5; then the lower 130 bits of h + 5 are h - p.
        ulong low = h0 + 5;
        ulong carry = low < 5 ? 1UL : 0;
        ulong high = h1 + carry;
        carry = high < carry ? 1UL : 0;
        ulong mask = 0 - ((h2 + carry) >> 2);
        low = (low & mask) | (h0 & ~mask);
        high = (high & mask) | (h1 & ~mask);
        low += padLow;
        high += padHigh + (low < padLow ? 1UL : 0);
        Bytes.PutLe64(tag, 0, low);
        Bytes.PutLe64(tag, 8, high);
    }

#if FREESTANDING
    // SAFETY: the routine reads so many blocks and changes the sum of this structure.
    private static unsafe void Blocks(ref Poly1305 state, ReadOnlySpan<byte> blocks)
    {
        fixed (byte* bytes = blocks)
            Blocks(ref state, bytes, (nuint)(uint)(blocks.Length / BlockSize));
    }

    [RuntimeImport("*", "poly1305_blocks"), MethodImpl(MethodImplOptions.InternalCall)]
    private static extern unsafe void Blocks(ref Poly1305 state, byte* blocks, nuint count);
#else
    private static void Blocks(ref Poly1305 state, ReadOnlySpan<byte> blocks)
    {
        for (; blocks.Length > 0; blocks = blocks[BlockSize..])
        {
            UInt128 sum = (UInt128)state.h0 + Bytes.Le64(blocks, 0);
            state.h0 = (ulong)sum;
            sum = (sum >> 64) + state.h1 + Bytes.Le64(blocks, 8);
            state.h1 = (ulong)sum;
            state.h2 += (ulong)(sum >> 64) + 1;
            UInt128 low = (UInt128)state.h0 * state.r0 + (UInt128)state.h1 * state.s1;
            UInt128 high = (UInt128)state.h0 * state.r1 + (UInt128)state.h1 * state.r0
                + state.h2 * state.s1 + (low >> 64);
            ulong top = state.h2 * state.r0 + (ulong)(high >> 64);
            // What is above 2^130 comes around five times.
            sum = (UInt128)(ulong)low + (top & ~3UL) + (top >> 2);
            state.h0 = (ulong)sum;
            sum = (sum >> 64) + (ulong)high;
            state.h1 = (ulong)sum;
            state.h2 = (top & 3) + (ulong)(sum >> 64);
        }
    }
#endif
}
