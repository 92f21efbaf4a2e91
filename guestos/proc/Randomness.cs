using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using Board;

namespace Guestos;

/// <summary>
/// Random bytes: ChaCha20 (RFC 8439 §2.3) whose key is replaced by its own output after every use. Seeded by the
/// entropy device, where there is one, and by clocks.
/// </summary>
public static unsafe class Randomness
{
    private struct KeyWords
    {
        public fixed uint Words[8];
    }

    private static KeyWords s_key;
    private static ulong s_counter;

    /// <summary>Mixes bytes into the key.</summary>
    public static void Stir(ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            s_key.Words[i >> 2 & 7] ^= (uint)bytes[i] << (i & 3) * 8;
            if ((i & 31) == 31)
                Renew();
        }
        Renew();
    }

    /// <summary>Mixes a number and the time stamp counter in: for moments that nobody can foresee.</summary>
    public static void Stir(ulong value)
    {
        ulong* words = stackalloc ulong[2];
        words[0] = value;
        words[1] = Processor.ReadTimeStampCounter();
        Stir(new ReadOnlySpan<byte>(words, 16));
    }

    public static void Fill(Span<byte> into)
    {
        uint* block = stackalloc uint[16];
        for (int done = 0; done < into.Length; done += 64)
        {
            Block(block);
            int length = Math.Min(64, into.Length - done);
            new ReadOnlySpan<byte>(block, length).CopyTo(into.Slice(done));
        }
        Renew();
    }

    private static void Renew()
    {
        uint* block = stackalloc uint[16];
        Block(block);
        for (int i = 0; i < 8; i++)
            s_key.Words[i] = block[i];
    }

    private static void Block(uint* output)
    {
        uint* state = stackalloc uint[16];
        state[0] = 0x61707865;
        state[1] = 0x3320646e;
        state[2] = 0x79622d32;
        state[3] = 0x6b206574;
        for (int i = 0; i < 8; i++)
            state[4 + i] = s_key.Words[i];
        s_counter++;
        state[12] = (uint)s_counter;
        state[13] = (uint)(s_counter >> 32);
        ulong now = Processor.ReadTimeStampCounter();
        state[14] = (uint)now;
        state[15] = (uint)(now >> 32);
        Unsafe.CopyBlock(output, state, 64);
        for (int round = 0; round < 10; round++)
        {
            Quarter(output, 0, 4, 8, 12);
            Quarter(output, 1, 5, 9, 13);
            Quarter(output, 2, 6, 10, 14);
            Quarter(output, 3, 7, 11, 15);
            Quarter(output, 0, 5, 10, 15);
            Quarter(output, 1, 6, 11, 12);
            Quarter(output, 2, 7, 8, 13);
            Quarter(output, 3, 4, 9, 14);
        }
        for (int i = 0; i < 16; i++)
            output[i] += state[i];
    }

    private static void Quarter(uint* x, int a, int b, int c, int d)
    {
        x[a] += x[b];
        x[d] = BitOperations.RotateLeft(x[d] ^ x[a], 16);
        x[c] += x[d];
        x[b] = BitOperations.RotateLeft(x[b] ^ x[c], 12);
        x[a] += x[b];
        x[d] = BitOperations.RotateLeft(x[d] ^ x[a], 8);
        x[c] += x[d];
        x[b] = BitOperations.RotateLeft(x[b] ^ x[c], 7);
    }
}
