using System;
using System.Runtime.CompilerServices;

namespace Wire;

/// <summary>
/// X25519 (RFC 7748 §5): the Montgomery ladder over numbers modulo 2^255 - 19, each eight words of 32 bits, the least
/// significant first, anything below 2^256. The same instructions run whatever the scalar is: no branch and no address
/// depends on a number.
/// </summary>
public static unsafe class X25519
{
    public const int KeySize = 32;

    private const int Words = 8;

    /// <summary>(486662 - 2) / 4, the curve's only constant (§5).</summary>
    private const uint A24 = 121665;

    /// <summary>The public key of a private one: 32 random bytes.</summary>
    public static void PublicKey(ReadOnlySpan<byte> secret, Span<byte> key)
    {
        Span<byte> nine = stackalloc byte[KeySize]; // zeros
        nine[0] = 9;
        Multiply(secret, nine, key);
    }

    /// <summary>
    /// What both sides share. False when it is zero whatever the secret is, because the other side sent a point of
    /// small order (§6.1).
    /// </summary>
    public static bool Agree(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> publicKey, Span<byte> shared)
    {
        Multiply(secret, publicKey, shared);
        uint any = 0;
        for (int i = 0; i < KeySize; i++)
            any |= shared[i];
        return any != 0;
    }

    private static void Multiply(ReadOnlySpan<byte> scalar, ReadOnlySpan<byte> point, Span<byte> product)
    {
        // SAFETY: every number is Words words of this frame; all functions below touch exactly those.
        uint* x1 = stackalloc uint[8 * Words];
        uint* x2 = x1 + Words;
        uint* z2 = x2 + Words;
        uint* x3 = z2 + Words;
        uint* z3 = x3 + Words;
        uint* a = z3 + Words;
        uint* b = a + Words;
        uint* c = b + Words;
        byte* k = stackalloc byte[KeySize];
        scalar.Slice(0, KeySize).CopyTo(new Span<byte>(k, KeySize));
        k[0] &= 248;
        k[31] = (byte)((k[31] & 127) | 64);
        for (int i = 0; i < Words; i++)
        {
            x1[i] = Bytes.Le32(point, 4 * i);
            x3[i] = x1[i];
            x2[i] = 0;
            z2[i] = 0;
            z3[i] = 0;
        }
        x1[7] &= 0x7fffffff; // the topmost bit is not a number's (§5)
        x3[7] = x1[7];
        x2[0] = 1;
        z3[0] = 1;

        uint swapped = 0;
        for (int t = 254; t >= 0; t--)
        {
            uint bit = (uint)(k[t >> 3] >> (t & 7) & 1);
            Swap(x2, x3, swapped ^ bit);
            Swap(z2, z3, swapped ^ bit);
            swapped = bit;

            Add(a, x2, z2);
            Subtract(b, x2, z2);
            Add(c, x3, z3);
            Subtract(x3, x3, z3);
            Multiply(x3, x3, a); // DA
            Multiply(c, c, b); // CB
            Add(z3, x3, c);
            Subtract(x3, x3, c);
            Multiply(c, x3, x3);
            Multiply(x3, z3, z3);
            Multiply(z3, c, x1);
            Multiply(a, a, a); // AA
            Multiply(b, b, b); // BB
            Multiply(x2, a, b);
            Subtract(b, a, b); // E
            MultiplySmall(c, b, A24);
            Add(c, c, a);
            Multiply(z2, b, c);
        }
        Swap(x2, x3, swapped);
        Swap(z2, z3, swapped);
        Invert(a, z2);
        Multiply(x2, x2, a);
        Reduce(x2);
        for (int i = 0; i < Words; i++)
            Bytes.PutLe32(product, 4 * i, x2[i]);
    }

    /// <summary>Exchanges two numbers when <paramref name="bit"/> is 1.</summary>
    private static void Swap(uint* left, uint* right, uint bit)
    {
        uint mask = 0 - bit;
        for (int i = 0; i < Words; i++)
        {
            uint difference = (left[i] ^ right[i]) & mask;
            left[i] ^= difference;
            right[i] ^= difference;
        }
    }

    private static void Add(uint* sum, uint* left, uint* right)
    {
        ulong carry = 0;
        for (int i = 0; i < Words; i++)
        {
            carry += (ulong)left[i] + right[i];
            sum[i] = (uint)carry;
            carry >>= 32;
        }
        Fold(sum, carry);
    }

    private static void Subtract(uint* difference, uint* left, uint* right)
    {
        long carry = 0;
        for (int i = 0; i < Words; i++)
        {
            carry += (long)left[i] - right[i];
            difference[i] = (uint)carry;
            carry >>= 32;
        }
        // A borrow is 2^256 too much, which is 38. When taking that away borrows again, the number ends so high that
        // the last one does not.
        carry *= 38;
        for (int i = 0; i < Words; i++)
        {
            carry += difference[i];
            difference[i] = (uint)carry;
            carry >>= 32;
        }
        difference[0] += (uint)(38 * carry);
    }

    /// <summary>The product may take the place of a factor.</summary>
    private static void Multiply(uint* product, uint* left, uint* right)
    {
        uint* wide = stackalloc uint[2 * Words]; // zeros
        for (int i = 0; i < Words; i++)
        {
            ulong factor = left[i];
            ulong carry = 0;
            uint* row = wide + i;
            // In full length: an emulated processor pays for the counting of a loop as for the multiplying.
            Step(row, 0, factor, right, ref carry);
            Step(row, 1, factor, right, ref carry);
            Step(row, 2, factor, right, ref carry);
            Step(row, 3, factor, right, ref carry);
            Step(row, 4, factor, right, ref carry);
            Step(row, 5, factor, right, ref carry);
            Step(row, 6, factor, right, ref carry);
            Step(row, 7, factor, right, ref carry);
            row[Words] = (uint)carry;
        }
        ulong high = 0;
        for (int i = 0; i < Words; i++)
        {
            high += 38UL * wide[Words + i] + wide[i]; // 2^256 = 38 modulo p
            product[i] = (uint)high;
            high >>= 32;
        }
        Fold(product, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(uint* row, int at, ulong factor, uint* by, ref ulong carry)
    {
        carry += factor * by[at] + row[at];
        row[at] = (uint)carry;
        carry >>= 32;
    }

    private static void MultiplySmall(uint* product, uint* number, uint factor)
    {
        ulong carry = 0;
        for (int i = 0; i < Words; i++)
        {
            carry += (ulong)factor * number[i];
            product[i] = (uint)carry;
            carry >>= 32;
        }
        Fold(product, carry);
    }

    /// <summary>Adds what is left above 2^256, less than 2^32, where it belongs.</summary>
    private static void Fold(uint* number, ulong above)
    {
        above *= 38;
        for (int i = 0; i < Words; i++)
        {
            above += number[i];
            number[i] = (uint)above;
            above >>= 32;
        }
        number[0] += (uint)(38 * above); // when 1 is left above, so little is below that no word carries
    }

    /// <summary>
    /// number^(p - 2) = 1/number (Fermat). The exponent 2^255 - 21 is public: its bits but 2 and 4 are ones.
    /// </summary>
    private static void Invert(uint* inverse, uint* number)
    {
        for (int i = 0; i < Words; i++)
            inverse[i] = number[i];
        for (int bit = 253; bit >= 0; bit--)
        {
            Multiply(inverse, inverse, inverse);
            if (bit is not (2 or 4))
                Multiply(inverse, inverse, number);
        }
    }

    /// <summary>The one number below p that is the same modulo p.</summary>
    private static void Reduce(uint* number)
    {
        // What is above 2^255 comes around as 19; then number + 19 reaches 2^255 exactly when number is not below p.
        for (int again = 0; again < 2; again++)
        {
            ulong carry = (number[7] >> 31) * 19UL;
            number[7] &= 0x7fffffff;
            for (int i = 0; i < Words; i++)
            {
                carry += number[i];
                number[i] = (uint)carry;
                carry >>= 32;
            }
        }
        ulong sum = 19;
        for (int i = 0; i < Words - 1; i++)
            sum = (sum + number[i]) >> 32;
        sum = ((sum + number[7]) >> 31) * 19;
        for (int i = 0; i < Words; i++)
        {
            sum += number[i];
            number[i] = (uint)sum;
            sum >>= 32;
        }
        number[7] &= 0x7fffffff;
    }
}
