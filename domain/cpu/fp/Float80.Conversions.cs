using System;
using System.Numerics;

namespace Domain;

/// <summary>Between the 80-bit format, the IEEE ones and integers; scaling and remainders.</summary>
internal ref partial struct Float80Math
{
    public static Float80 FromInteger(long value)
    {
        if (value == 0)
            return Float80.Zero(false);
        bool negative = value < 0;
        ulong magnitude = negative ? 0 - (ulong)value : (ulong)value;
        int shift = BitOperations.LeadingZeroCount(magnitude);
        return new Float80(magnitude << shift, (ushort)(Float80.Bias + 63 - shift | (negative ? 0x8000 : 0)));
    }

    public Float80 FromDouble(ulong bits) =>
        FromIeee(bits >> 63 != 0, (int)(bits >> 52) & 0x7ff, bits & ((1UL << 52) - 1), 52, 1023);

    public Float80 FromSingle(uint bits) =>
        FromIeee(bits >> 31 != 0, (int)(bits >> 23) & 0xff, bits & ((1UL << 23) - 1), 23, 127);

    private Float80 FromIeee(bool negative, int exponent, ulong fraction, int width, int bias)
    {
        ushort sign = negative ? (ushort)0x8000 : (ushort)0;
        // What is done with a signaling NaN tells.
        if (exponent == 2 * bias + 1)
            return new Float80(Float80.IntegerBit | fraction << (63 - width), (ushort)(sign | 0x7fff));
        if (exponent != 0)
            return new Float80(Float80.IntegerBit | fraction << (63 - width),
                (ushort)(sign | (exponent - bias + Float80.Bias)));
        if (fraction == 0)
            return new Float80(0, sign);
        Exceptions |= Denormal;
        int shift = BitOperations.LeadingZeroCount(fraction);
        return new Float80(fraction << shift, (ushort)(sign | (1 - bias + Float80.Bias + 63 - width - shift)));
    }

    public ulong ToDouble(Float80 a) => ToIeee(a, 52, 1023);

    public uint ToSingle(Float80 a) => (uint)ToIeee(a, 23, 127);

    private ulong ToIeee(Float80 a, int width, int bias)
    {
        int exponentBits = width == 52 ? 11 : 8;
        ulong sign = a.Negative ? 1UL << (width + exponentBits) : 0;
        ulong infinity = (ulong)(2 * bias + 1) << width;
        if (a.IsUnsupported)
        {
            Exceptions |= Invalid;
            return 1UL << (width + exponentBits) | infinity | 1UL << (width - 1);
        }
        if (a.IsNaN)
        {
            if (a.IsSignaling)
                Exceptions |= Invalid;
            return sign | infinity | (a.Quieted.Significand << 1 >> (64 - width));
        }
        if (a.IsInfinity)
            return sign | infinity;
        if (a.Significand == 0)
            return sign;
        var (exponent, x) = a.Normalized();
        int unbiased = exponent - Float80.Bias + bias;
        int drop = 63 - width;
        ulong low = 0;
        bool small = unbiased <= 0, tiny = small && IsTiny(a.Negative, unbiased, x, 0, drop);
        if (tiny && (unmasked & Underflow) != 0)
            Exceptions |= Underflow;
        if (small)
        {
            ShiftRight(ref x, ref low, 1 - unbiased);
            unbiased = 0;
        }
        ulong kept = x >> drop;
        bool half = (x >> (drop - 1) & 1) != 0, more = (x & ((1UL << (drop - 1)) - 1)) != 0 || low != 0;
        if (half || more)
        {
            Exceptions |= Inexact;
            if (tiny)
                Exceptions |= Underflow;
            Up = RoundsUp(a.Negative, (kept & 1) != 0, half, more);
            if (Up)
                kept++;
        }
        // kept carries the integer bit: adding it to the exponent field minus one also handles a carry out of the
        // fraction.
        ulong result = small ? kept : ((ulong)unbiased << width) + kept - (1UL << width);
        if (unbiased > 2 * bias || result >= infinity)
        {
            Exceptions |= Overflow | Inexact;
            bool toInfinity = rounding == 0 || (rounding == 1 && a.Negative) || (rounding == 2 && !a.Negative);
            Up = toInfinity;
            result = toInfinity ? infinity : infinity - 1;
        }
        return sign | result;
    }

    /// <summary>
    /// To a signed integer of <paramref name="bits"/> bits; the indefinite value (smallest) when it does not fit.
    /// </summary>
    public long ToInteger(Float80 a, int bits, bool truncate)
    {
        long indefinite = long.MinValue >> (64 - bits);
        if (a.IsNaN || a.IsInfinity || a.IsUnsupported)
        {
            Exceptions |= Invalid;
            return indefinite;
        }
        if (a.Significand == 0)
            return 0;
        ushort before = Exceptions;
        var whole = RoundToInteger(a, truncate);
        // Unlike FRNDINT, the stores do not report a denormal.
        Exceptions = (ushort)(Exceptions & ~Denormal | before & Denormal);
        if (whole.IsZero)
            return 0;
        int right = 63 - (whole.Exponent - Float80.Bias);
        ulong limit = (1UL << (bits - 1)) - (whole.Negative ? 0UL : 1);
        if (right < 0 || whole.Significand >> right > limit)
        {
            Exceptions = (ushort)(before | Invalid);
            Up = false;
            return indefinite;
        }
        ulong magnitude = whole.Significand >> right;
        return whole.Negative ? (long)(0 - magnitude) : (long)magnitude;
    }

    public Float80 RoundToInteger(Float80 a, bool truncate = false)
    {
        if (Special(a, a))
            return Propagate(a, a);
        if (a.IsInfinity || a.IsZero)
            return a;
        NoteDenormal(a);
        var (exponent, x) = a.Normalized();
        int integerBits = exponent - Float80.Bias + 1;
        if (integerBits >= 64)
            return a;
        ulong kept;
        bool half, more;
        if (integerBits < 0)
        {
            kept = 0;
            half = false;
            more = true;
        }
        else
        {
            int drop = 64 - integerBits;
            kept = drop == 64 ? 0 : x >> drop;
            half = (x >> (drop - 1) & 1) != 0;
            more = (x & ((1UL << (drop - 1)) - 1)) != 0;
        }
        if (!half && !more)
            return a;
        Exceptions |= Inexact;
        Up = !truncate && RoundsUp(a.Negative, (kept & 1) != 0, half, more);
        if (Up)
            kept++;
        if (kept == 0)
            return Float80.Zero(a.Negative);
        int shift = BitOperations.LeadingZeroCount(kept);
        return new Float80(kept << shift, (ushort)(Float80.Bias + 63 - shift | (a.Negative ? 0x8000 : 0)));
    }

    /// <summary>a × 2^b with b truncated.</summary>
    public Float80 Scale(Float80 a, Float80 b)
    {
        if (Special(a, b))
            return Propagate(a, b);
        NoteDenormal(a);
        NoteDenormal(b);
        if (b.IsInfinity)
        {
            if (b.Negative)
                return a.IsInfinity ? NotANumber() : Float80.Zero(a.Negative);
            return a.IsZero ? NotANumber() : Float80.Infinity(a.Negative);
        }
        if (a.IsInfinity || a.IsZero)
            return a;
        var saved = Exceptions;
        long by = b.IsZero ? 0 : b.Exponent > Float80.Bias + 20 ? (b.Negative ? -0x10000 : 0x10000)
            : ToInteger(b, 64, true);
        Exceptions = saved;
        if (b.IsZero && a.Exponent == 0 && (a.Significand & Float80.IntegerBit) == 0)
            return a;
        var (exponent, x) = a.Normalized();
        // Scaling is rounded to the full significand whatever the precision control says.
        return Round(a.Negative, exponent + (int)Math.Clamp(by, -0x10000, 0x10000), x, 0, 0);
    }

    /// <summary>
    /// One step of FPREM (truncating) or FPREM1 (to nearest). <paramref name="complete"/>: the remainder is final.
    /// </summary>
    public Float80 Remainder(Float80 a, Float80 b, bool nearest, out ulong quotient, out bool complete)
    {
        quotient = 0;
        complete = true;
        if (Special(a, b))
            return Propagate(a, b);
        if (a.IsInfinity || b.IsZero)
            return NotANumber();
        NoteDenormal(a);
        NoteDenormal(b);
        if (a.IsZero || b.IsInfinity)
            return a;
        var (exponentA, x) = a.Normalized();
        var (exponentB, y) = b.Normalized();
        int difference = exponentA - exponentB;
        if (difference < -1 || (difference < 0 && !nearest))
            return a;
        bool negative = a.Negative;
        if (difference >= 64)
        {
            // A partial step: reduces the exponent by 32 to 63.
            int steps = difference - (32 + difference % 32);
            difference -= steps;
            complete = false;
            ulong partial = Reduce(x, y, difference, out _);
            return Round(negative, exponentB + steps, partial, 0, 0);
        }
        ulong rest;
        if (difference < 0)
        {
            // Half the divisor is the only question: compare x/2 with y/2.
            rest = x;
            UInt128 doubled = new UInt128(0, x);
            if (doubled > y)
            {
                quotient = 1;
                var over = ((UInt128)y << 1) - x;
                return Round(!negative, exponentA, (ulong)(over >> 64) != 0 ? ulong.MaxValue : (ulong)over, 0, 0);
            }
            return a;
        }
        rest = Reduce(x, y, difference, out quotient);
        if (nearest)
        {
            var twice = (UInt128)rest << 1;
            if (twice > y || (twice == y && (quotient & 1) != 0))
            {
                rest = y - rest;
                negative = !negative;
                quotient++;
            }
        }
        return rest == 0 ? Float80.Zero(a.Negative) : Round(negative, exponentB, rest, 0, 0);
    }

    /// <summary>x × 2^shift mod y, and the low bits of the quotient.</summary>
    private static ulong Reduce(ulong x, ulong y, int shift, out ulong quotient)
    {
        var (q, r) = UInt128.DivRem((UInt128)x << shift, y);
        quotient = (ulong)q;
        return (ulong)r;
    }
}
