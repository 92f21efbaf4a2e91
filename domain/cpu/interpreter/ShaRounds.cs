using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Domain;

/// <summary>SHA-1 and SHA-256 as the SHA extensions divide them (SDM vol. 2; FIPS 180-4, 4.1, 6.1 and 6.2).</summary>
internal static class ShaRounds
{
    private static uint Constant(int kind) => kind switch
    {
        0 => 0x5a82_7999,
        1 => 0x6ed9_eba1,
        2 => 0x8f1b_bcdc,
        _ => 0xca62_c1d6,
    };

    private static uint Mix(int kind, uint b, uint c, uint d) => kind switch
    {
        0 => (b & c) ^ (~b & d),
        2 => (b & c) ^ (b & d) ^ (c & d),
        _ => b ^ c ^ d,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector128<uint> FourRounds(Vector128<uint> state, Vector128<uint> words, int kind)
    {
        uint a = state[3], b = state[2], c = state[1], d = state[0], e = 0;
        for (int i = 0; i < 4; i++)
        {
            uint next = Mix(kind, b, c, d) + BitOperations.RotateLeft(a, 5) + words[3 - i] + e + Constant(kind);
            e = d;
            d = c;
            c = BitOperations.RotateLeft(b, 30);
            b = a;
            a = next;
        }
        return Vector128.Create(d, c, b, a);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector128<uint> Sha1Words(Vector128<uint> a, Vector128<uint> b)
    {
        uint first = BitOperations.RotateLeft(a[3] ^ b[2], 1);
        return Vector128.Create(BitOperations.RotateLeft(a[0] ^ first, 1), BitOperations.RotateLeft(a[1] ^ b[0], 1),
            BitOperations.RotateLeft(a[2] ^ b[1], 1), first);
    }

    private static uint Rotated(uint value, int first, int second, int third) => BitOperations.RotateRight(value, first)
        ^ BitOperations.RotateRight(value, second) ^ BitOperations.RotateRight(value, third);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector128<uint> TwoRounds(Vector128<uint> cdgh, Vector128<uint> abef, uint first, uint second)
    {
        uint a = abef[3], b = abef[2], c = cdgh[3], d = cdgh[2], e = abef[1], f = abef[0], g = cdgh[1], h = cdgh[0];
        for (int i = 0; i < 2; i++)
        {
            uint sum = ((e & f) ^ (~e & g)) + Rotated(e, 6, 11, 25) + (i == 0 ? first : second) + h;
            uint next = sum + ((a & b) ^ (a & c) ^ (b & c)) + Rotated(a, 2, 13, 22);
            h = g;
            g = f;
            f = e;
            e = d + sum;
            d = c;
            c = b;
            b = a;
            a = next;
        }
        return Vector128.Create(f, e, b, a);
    }

    private static uint LowSigma(uint value) =>
        BitOperations.RotateRight(value, 7) ^ BitOperations.RotateRight(value, 18) ^ value >> 3;

    private static uint HighSigma(uint value) =>
        BitOperations.RotateRight(value, 17) ^ BitOperations.RotateRight(value, 19) ^ value >> 10;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector128<uint> Sha256First(Vector128<uint> a, uint fifth) => Vector128.Create(a[0] + LowSigma(a[1]),
        a[1] + LowSigma(a[2]), a[2] + LowSigma(a[3]), a[3] + LowSigma(fifth));

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector128<uint> Sha256Second(Vector128<uint> a, Vector128<uint> b)
    {
        uint first = a[0] + HighSigma(b[2]), second = a[1] + HighSigma(b[3]);
        return Vector128.Create(first, second, a[2] + HighSigma(first), a[3] + HighSigma(second));
    }
}
