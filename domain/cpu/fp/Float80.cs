using System;
using System.Numerics;

namespace Domain;

/// <summary>
/// A value in x87 double extended format: explicit integer bit, 15-bit exponent biased by 16383 (SDM vol. 1, 4.2.2).
/// </summary>
internal readonly struct Float80(ulong significand, ushort signExponent)
{
    public const int Bias = 16383, MaxExponent = 0x7fff;
    public const ulong IntegerBit = 1UL << 63;

    public readonly ulong Significand = significand;
    public readonly ushort SignExponent = signExponent;

    public static Float80 Indefinite => new(0xc000_0000_0000_0000, 0xffff);

    public static Float80 Zero(bool negative) => new(0, negative ? (ushort)0x8000 : (ushort)0);

    public static Float80 Infinity(bool negative) => new(IntegerBit, (ushort)(negative ? 0xffff : 0x7fff));

    public bool Negative => (SignExponent & 0x8000) != 0;

    public int Exponent => SignExponent & 0x7fff;

    public bool IsNaN => Exponent == MaxExponent && Significand << 1 != 0;

    public bool IsSignaling => IsNaN && (Significand & 1UL << 62) == 0;

    public bool IsInfinity => Exponent == MaxExponent && Significand << 1 == 0;

    public bool IsZero => Exponent == 0 && Significand == 0;

    /// <summary>Unnormals, pseudo-infinities and pseudo-NaNs: the processor refuses them.</summary>
    public bool IsUnsupported => Exponent != 0 && (Significand & IntegerBit) == 0;

    public Float80 WithSign(bool negative) => new(Significand, (ushort)(Exponent | (negative ? 0x8000 : 0)));

    public Float80 Quieted => new(Significand | 3UL << 62, SignExponent);

    /// <summary>Exponent and significand with the integer bit set; not for zero, infinity or NaN.</summary>
    public (int Exponent, ulong Significand) Normalized()
    {
        int exponent = Exponent == 0 ? 1 : Exponent;
        int shift = BitOperations.LeadingZeroCount(Significand);
        return (exponent - shift, Significand << shift);
    }
}

/// <summary>Arithmetic on <see cref="Float80"/> under a control word; collects the exceptions that it raises.</summary>
/// <remarks>Every result is the exact one rounded once, so it equals the processor's.</remarks>
internal ref partial struct Float80Math(ushort control)
{
    public const ushort Invalid = 1, Denormal = 2, ZeroDivide = 4, Overflow = 8, Underflow = 16, Inexact = 32;

    private readonly int rounding = control >> 10 & 3;

    // Low bits of the significand that precision control rounds away: single 40, double 11, extended 0.
    private readonly int spare = (control >> 8 & 3) switch { 0 => 40, 2 => 11, _ => 0 };

    // Overflow and underflow, as far as they are not masked.
    private readonly int unmasked = ~control & (Overflow | Underflow);

    /// <summary>What the exponent of a result is changed by that raises one of these (SDM vol. 1, 8.5.4).</summary>
    private const int BiasAdjustment = 24576;

    public ushort Exceptions = 0;

    /// <summary>The last rounding went away from zero: C1.</summary>
    public bool Up = false;

    private readonly bool RoundsUp(bool negative, bool odd, bool half, bool more) => rounding switch
    {
        0 => half && (more || odd),
        1 => negative && (half || more),
        2 => !negative && (half || more),
        _ => false,
    };

    /// <summary>
    /// Whether a value below the least normal one, high:low / 2^127 × 2^(exponent − bias) with the integer bit set, is
    /// below it also when it is rounded as if exponents had no bound: that is what an underflow is (SDM vol. 1, 4.9.1.5).
    /// </summary>
    private readonly bool IsTiny(bool negative, int exponent, ulong high, ulong low, int dropped)
    {
        ulong mask = (1UL << dropped) - 1;
        if (exponent < 0 || (high | mask) != ulong.MaxValue)
            return true;
        bool half = dropped == 0 ? low >> 63 != 0 : (high >> (dropped - 1) & 1) != 0;
        bool more = dropped == 0 ? low << 1 != 0 : (high & (mask >> 1)) != 0 || low != 0;
        return !RoundsUp(negative, true, half, more);
    }

    /// <summary>Value high:low / 2^127 × 2^(exponent − bias), to the nearest representable one.</summary>
    private Float80 Round(bool negative, int exponent, ulong high, ulong low) =>
        Round(negative, exponent, high, low, spare);

    private Float80 Round(bool negative, int exponent, ulong high, ulong low, int dropped)
    {
        if ((high | low) == 0)
            return Float80.Zero(negative);
        int shift = high != 0 ? BitOperations.LeadingZeroCount(high) : 64 + BitOperations.LeadingZeroCount(low);
        if (shift >= 64)
        {
            high = low;
            low = 0;
            exponent -= 64;
            shift -= 64;
        }
        if (shift > 0)
        {
            high = high << shift | low >> (64 - shift);
            low <<= shift;
            exponent -= shift;
        }
        bool small = exponent <= 0, tiny = small && IsTiny(negative, exponent, high, low, dropped);
        if (tiny && (unmasked & Underflow) != 0)
        {
            Exceptions |= Underflow;
            exponent += BiasAdjustment;
            if (exponent <= 0)
            {
                // FSCALE only: not even the other exponent is enough.
                Exceptions |= Inexact;
                return Float80.Zero(negative);
            }
        }
        else if (small)
        {
            int right = 1 - exponent;
            ShiftRight(ref high, ref low, right);
            exponent = 0;
        }
        ulong mask = dropped == 0 ? 0 : (1UL << dropped) - 1;
        bool half, more;
        if (dropped == 0)
        {
            half = (low >> 63) != 0;
            more = low << 1 != 0;
        }
        else
        {
            half = (high >> (dropped - 1) & 1) != 0;
            more = (high & (mask >> 1)) != 0 || low != 0;
        }
        ulong kept = high & ~mask;
        if (half || more)
        {
            Exceptions |= Inexact;
            if (tiny)
                Exceptions |= Underflow;
            Up = RoundsUp(negative, (kept >> dropped & 1) != 0, half, more);
            if (Up)
            {
                ulong before = kept;
                kept += mask + 1;
                if (kept < before || (mask == 0 && kept == 0))
                {
                    kept = Float80.IntegerBit;
                    exponent++;
                }
            }
        }
        if (exponent == 0 && (kept & Float80.IntegerBit) != 0)
            exponent = 1;
        if (exponent >= Float80.MaxExponent && (unmasked & Overflow) != 0)
        {
            Exceptions |= Overflow;
            exponent -= BiasAdjustment;
            if (exponent >= Float80.MaxExponent)
            {
                Exceptions |= Inexact;
                Up = true;
                return Float80.Infinity(negative);
            }
        }
        else if (exponent >= Float80.MaxExponent)
        {
            Exceptions |= Overflow | Inexact;
            bool toInfinity = rounding == 0 || (rounding == 1 && negative) || (rounding == 2 && !negative);
            Up = toInfinity;
            return toInfinity ? Float80.Infinity(negative)
                : new Float80(ulong.MaxValue & ~mask, (ushort)(0x7ffe | (negative ? 0x8000 : 0)));
        }
        return new Float80(kept, (ushort)(exponent | (negative ? 0x8000 : 0)));
    }

    /// <summary>Shifts a 128-bit number right; what falls out stays visible in the lowest bit.</summary>
    private static void ShiftRight(ref ulong high, ref ulong low, int by)
    {
        if (by == 0)
            return;
        bool sticky;
        if (by >= 128)
        {
            sticky = (high | low) != 0;
            high = low = 0;
        }
        else if (by >= 64)
        {
            int rest = by - 64;
            sticky = low != 0 || (rest != 0 && high << (64 - rest) != 0);
            low = rest == 0 ? high : high >> rest;
            high = 0;
        }
        else
        {
            sticky = low << (64 - by) != 0;
            low = low >> by | high << (64 - by);
            high >>= by;
        }
        if (sticky)
            low |= 1;
    }

    /// <summary>The NaN that an operation on a NaN returns: of two, the one with the larger significand.</summary>
    private Float80 Propagate(Float80 a, Float80 b)
    {
        // What a memory operand's conversion noted gives way to the NaN.
        Exceptions &= unchecked((ushort)~Denormal);
        if (a.IsUnsupported || b.IsUnsupported)
        {
            Exceptions |= Invalid;
            return Float80.Indefinite;
        }
        if (a.IsSignaling || b.IsSignaling)
            Exceptions |= Invalid;
        if (!b.IsNaN)
            return a.Quieted;
        if (!a.IsNaN)
            return b.Quieted;
        // A signaling NaN yields to a quiet one.
        if (a.IsSignaling != b.IsSignaling)
            return a.IsSignaling ? b : a;
        if (a.Significand != b.Significand)
            return a.Significand > b.Significand ? a.Quieted : b.Quieted;
        return a.Negative ? b.Quieted : a.Quieted;
    }

    /// <summary>The result of an invalid operation.</summary>
    public Float80 Refuse() => NotANumber();

    private Float80 NotANumber()
    {
        Exceptions = (ushort)(Exceptions & ~Denormal | Invalid);
        return Float80.Indefinite;
    }

    private static bool Special(Float80 a, Float80 b) => a.IsNaN || b.IsNaN || a.IsUnsupported || b.IsUnsupported;

    public void NoteDenormal(Float80 a)
    {
        if (a.Exponent == 0 && a.Significand != 0)
            Exceptions |= Denormal;
    }

    public Float80 Add(Float80 a, Float80 b)
    {
        if (Special(a, b))
            return Propagate(a, b);
        NoteDenormal(a);
        NoteDenormal(b);
        if (a.IsInfinity || b.IsInfinity)
        {
            if (a.IsInfinity && b.IsInfinity && a.Negative != b.Negative)
                return NotANumber();
            return a.IsInfinity ? a : b;
        }
        if (a.IsZero && b.IsZero)
            return Float80.Zero(a.Negative == b.Negative ? a.Negative : rounding == 1);
        if (a.IsZero)
            return Rounded(b);
        if (b.IsZero)
            return Rounded(a);
        var (exponentA, x) = a.Normalized();
        var (exponentB, y) = b.Normalized();
        bool negativeA = a.Negative, negativeB = b.Negative;
        if (exponentA < exponentB || (exponentA == exponentB && x < y))
        {
            (exponentA, exponentB) = (exponentB, exponentA);
            (x, y) = (y, x);
            (negativeA, negativeB) = (negativeB, negativeA);
        }
        ulong low = 0;
        ShiftRight(ref y, ref low, exponentA - exponentB);
        if (negativeA == negativeB)
        {
            // One bit of room for the carry.
            ulong xLow = 0;
            ShiftRight(ref x, ref xLow, 1);
            ShiftRight(ref y, ref low, 1);
            var sum = new UInt128(x, xLow) + new UInt128(y, low);
            return Round(negativeA, exponentA + 1, (ulong)(sum >> 64), (ulong)sum);
        }
        var difference = new UInt128(x, 0) - new UInt128(y, low);
        if (difference == UInt128.Zero)
            return Float80.Zero(rounding == 1);
        return Round(negativeA, exponentA, (ulong)(difference >> 64), (ulong)difference);
    }

    public Float80 Subtract(Float80 a, Float80 b) =>
        b.IsNaN || b.IsUnsupported ? Propagate(a, b) : Add(a, b.WithSign(!b.Negative));

    public Float80 Multiply(Float80 a, Float80 b)
    {
        if (Special(a, b))
            return Propagate(a, b);
        bool negative = a.Negative != b.Negative;
        NoteDenormal(a);
        NoteDenormal(b);
        if (a.IsInfinity || b.IsInfinity)
            return a.IsZero || b.IsZero ? NotANumber() : Float80.Infinity(negative);
        if (a.IsZero || b.IsZero)
            return Float80.Zero(negative);
        var (exponentA, x) = a.Normalized();
        var (exponentB, y) = b.Normalized();
        ulong high = Math.BigMul(x, y, out ulong low);
        return Round(negative, exponentA + exponentB - Float80.Bias + 1, high, low);
    }

    public Float80 Divide(Float80 a, Float80 b)
    {
        if (Special(a, b))
            return Propagate(a, b);
        bool negative = a.Negative != b.Negative;
        NoteDenormal(a);
        NoteDenormal(b);
        if (a.IsInfinity)
            return b.IsInfinity ? NotANumber() : Float80.Infinity(negative);
        if (b.IsInfinity)
            return Float80.Zero(negative);
        if (b.IsZero)
        {
            if (a.IsZero)
                return NotANumber();
            Exceptions = (ushort)(Exceptions & ~Denormal | ZeroDivide);
            return Float80.Infinity(negative);
        }
        if (a.IsZero)
            return Float80.Zero(negative);
        var (exponentA, x) = a.Normalized();
        var (exponentB, y) = b.Normalized();
        // x/2 < y always, so the quotient's high word is below 2^64.
        var dividend = new UInt128(x >> 1, x << 63);
        var (high, rest) = UInt128.DivRem(dividend, y);
        var (low, last) = UInt128.DivRem(new UInt128((ulong)rest, 0), y);
        ulong lowWord = (ulong)low | (last != UInt128.Zero ? 1UL : 0);
        return Round(negative, exponentA - exponentB + Float80.Bias, (ulong)high, lowWord);
    }

    public Float80 SquareRoot(Float80 a)
    {
        if (Special(a, a))
            return Propagate(a, a);
        if (a.IsZero)
            return a;
        if (a.Negative)
            return NotANumber();
        if (a.IsInfinity)
            return a;
        NoteDenormal(a);
        var (exponent, x) = a.Normalized();
        int unbiased = exponent - Float80.Bias;
        bool odd = (unbiased & 1) != 0;
        // Radicand in [2^126, 2^128): its root is in [2^63, 2^64).
        var radicand = odd ? new UInt128(x, 0) : new UInt128(x >> 1, x << 63);
        UInt128 root = UInt128.Zero, rest = radicand;
        for (var bit = UInt128.One << 126; bit != UInt128.Zero; bit >>= 2)
        {
            if (rest >= root + bit)
            {
                rest -= root + bit;
                root = (root >> 1) + bit;
            }
            else
                root >>= 1;
        }
        ulong low = rest > root ? 1UL << 63 | 1 : rest != UInt128.Zero ? 1UL : 0;
        return Round(false, (unbiased >> 1) + Float80.Bias, (ulong)root, low);
    }

    /// <summary>An exact result, which raises underflow when it is tiny and that is not masked.</summary>
    public Float80 Underflowed(Float80 a)
    {
        if (a.Exponent != 0 || a.Significand == 0 || (unmasked & Underflow) == 0)
            return a;
        var (exponent, x) = a.Normalized();
        return Round(a.Negative, exponent, x, 0, 0);
    }

    /// <summary>Rounds a value to the precision of the control word.</summary>
    public Float80 Rounded(Float80 a)
    {
        var (exponent, x) = a.Normalized();
        return Round(a.Negative, exponent, x, 0);
    }

    /// <summary>−1, 0, 1; 2 when unordered.</summary>
    public int Compare(Float80 a, Float80 b, bool quiet)
    {
        if (Special(a, b))
        {
            Exceptions &= unchecked((ushort)~Denormal);
            if (!quiet || a.IsSignaling || b.IsSignaling || a.IsUnsupported || b.IsUnsupported)
                Exceptions |= Invalid;
            return 2;
        }
        NoteDenormal(a);
        NoteDenormal(b);
        if (a.IsZero && b.IsZero)
            return 0;
        if (a.Negative != b.Negative)
            return a.Negative ? -1 : 1;
        int order = a.Exponent != b.Exponent && Math.Max(a.Exponent, b.Exponent) > 1
            ? a.Exponent.CompareTo(b.Exponent)
            : a.Significand.CompareTo(b.Significand);
        return a.Negative ? -order : order;
    }
}
