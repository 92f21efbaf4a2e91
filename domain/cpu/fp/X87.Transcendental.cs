using System;
using System.Numerics;

namespace Domain;

/// <summary>
/// F2XM1, FYL2X, FYL2XP1, FPTAN, FPATAN, FSIN, FCOS, FSINCOS (SDM vol. 1, 8.3.7 to 8.3.10 and the tables of vol. 2).
/// </summary>
/// <remarks>
/// Special operands and results of any exponent are exact; others are as good as the host's double precision. Angles
/// are
/// reduced by the 66-bit value of pi that processors use.
/// </remarks>
internal static unsafe partial class X87
{
    private const int TwoToX = 0, LogTimes = 1, Tangent = 2, Arctangent = 3, LogPlusOneTimes = 4, SineCosine = 5,
        Sine = 6;

    /// <summary>
    /// Below these the next term of the series is beyond the significand: of sine, cosine and arctangent, of
    /// exponential and logarithm.
    /// </summary>
    private const int TinyExponent = Float80.Bias - 34, NegligibleExponent = Float80.Bias - 67;

    private static Float80 LogTwo => new(0xb17217f7d1cf79ac, 0x3ffe);

    private static Float80 LogTwoOfE => new(0xb8aa3b295c17f0bc, 0x3fff);

    /// <summary>pi / 2 in units of 2^-65: 66 bits.</summary>
    private static readonly BigInteger s_halfPi = new BigInteger(3) << 64 | 0x243f6a8885a308d3UL;
    private const int HalfPiUnit = 65;

    /// <summary>Imm: 0 F2XM1, 1 FYL2X, 2 FPTAN, 3 FPATAN, 4 FYL2XP1, 5 FSINCOS, 6 FSIN, 7 FCOS.</summary>
    public static void Transcendental(CpuState* s, Op* op)
    {
        HostFloat.Leave(s);
        TranscendentalBody(s, (int)op->Imm);
        HostFloat.Enter(s);
        op[1].Handler(s, op + 1);
    }

    private static void TranscendentalBody(CpuState* s, int operation)
    {
        bool two = operation is LogTimes or Arctangent or LogPlusOneTimes, pushes = operation is Tangent or SineCosine;
        if (IsEmpty(s, 0) || (two && IsEmpty(s, 1)))
        {
            if (RefusesUnderflow(s))
                return;
            NoteUnderflow(s);
            Set(s, two ? 1 : 0, Float80.Indefinite);
            Pop(s, two ? 1 : 0);
            if (pushes)
                PushUnderflow(s);
            return;
        }
        if (pushes && !IsEmpty(s, -1))
        {
            Push(s, Float80.Indefinite);
            if (!IsUnmasked(s, Float80Math.Invalid))
                Set(s, 1, Float80.Indefinite);
            return;
        }
        var math = Math80(s);
        var x = Get(s, 0);
        if (two)
        {
            var y = Get(s, 1);
            var result = operation switch
            {
                LogTimes => Logarithm(ref math, x, y),
                LogPlusOneTimes => LogarithmPlusOne(ref math, x, y),
                _ => Angle(ref math, y, x),
            };
            if (Refuses(s, math))
                return;
            Set(s, 1, result);
            Note(s, math);
            Pop(s, 1);
            return;
        }
        if (operation == TwoToX)
        {
            var power = Power(ref math, x);
            if (Refuses(s, math))
                return;
            Set(s, 0, power);
            Note(s, math);
            return;
        }
        if (!x.IsUnsupported && x.Exponent >= Float80.Bias + 63 && x.Exponent != Float80.MaxExponent)
        {
            // Out of range: C2 says so and the operand stays.
            s->FpuStatus |= ConditionC2;
            return;
        }
        s->FpuStatus &= unchecked((ushort)~ConditionC2);
        if (x.IsNaN || x.IsUnsupported || x.IsInfinity)
        {
            var nan = x.IsInfinity ? math.Refuse() : math.Add(x, x);
            if (Refuses(s, math))
                return;
            Note(s, math);
            Set(s, 0, nan);
            if (pushes)
                Push(s, nan);
            return;
        }
        Trigonometry(ref math, x, out var sine, out var cosine, out var tangent);
        if (Refuses(s, math))
            return;
        Note(s, math);
        Set(s, 0, operation switch { Tangent => tangent, Sine or SineCosine => sine, _ => cosine });
        if (pushes)
            Push(s, operation == Tangent ? Float80Math.FromInteger(1) : cosine);
    }

    private static bool IsTiny(Float80 a) => a.IsZero || a.Exponent < TinyExponent;

    private static bool IsNegligible(Float80 a) => a.Exponent < NegligibleExponent;

    private static double ToDouble(Float80 a) => BitConverter.UInt64BitsToDouble(new Float80Math(0x37f).ToDouble(a));

    private static Float80 FromDouble(ref Float80Math math, double value)
    {
        math.Exceptions |= Float80Math.Inexact;
        return new Float80Math(0x37f).FromDouble(BitConverter.DoubleToUInt64Bits(value));
    }

    private static void Trigonometry(ref Float80Math math, Float80 x, out Float80 sine, out Float80 cosine,
        out Float80 tangent)
    {
        math.NoteDenormal(x);
        if (IsTiny(x))
        {
            sine = tangent = x;
            cosine = Float80Math.FromInteger(1);
            if (!x.IsZero)
                math.Exceptions |= Float80Math.Inexact;
            if (x.Exponent == 0 && !x.IsZero)
                math.Exceptions |= Float80Math.Underflow;
            return;
        }
        // x in units of 2^-65; below 1/4 the reduction changes nothing.
        var (exponent, bits) = x.Normalized();
        int shift = exponent - Float80.Bias - 63 + HalfPiUnit;
        double angle, rest = 0;
        int quadrant = 0;
        if (shift < 0)
            angle = Math.Abs(ToDouble(x));
        else
        {
            var turns = BigInteger.DivRem((BigInteger)bits << shift, s_halfPi, out var left);
            if (left << 1 > s_halfPi)
            {
                left -= s_halfPi;
                turns++;
            }
            quadrant = (int)(turns & 3);
            angle = Math.ScaleB((double)left, -HalfPiUnit);
            rest = Math.ScaleB((double)(left - new BigInteger(Math.ScaleB(angle, HalfPiUnit))), -HalfPiUnit);
        }
        double sin = Math.Sin(angle) + rest * Math.Cos(angle), cos = Math.Cos(angle) - rest * Math.Sin(angle);
        (double outer, double inner) = quadrant switch
        {
            0 => (sin, cos),
            1 => (cos, -sin),
            2 => (-sin, -cos),
            _ => (-cos, sin),
        };
        sine = FromDouble(ref math, x.Negative ? -outer : outer);
        cosine = FromDouble(ref math, inner);
        tangent = FromDouble(ref math, (x.Negative ? -outer : outer) / inner);
    }

    /// <summary>2^x − 1; the manual defines it for −1 to 1.</summary>
    private static Float80 Power(ref Float80Math math, Float80 x)
    {
        if (x.IsNaN || x.IsUnsupported)
            return math.Add(x, x);
        if (x.IsZero)
            return x;
        if (x.IsInfinity)
            return x.Negative ? Float80Math.FromInteger(-1) : x;
        math.NoteDenormal(x);
        if (IsNegligible(x))
            return math.Multiply(x, LogTwo);
        double value = ToDouble(x), power = value * Math.Log(2);
        // e^p − 1 loses digits near 0: its sinh form does not.
        return FromDouble(ref math, Math.Abs(value) < 0.5 ? 2 * Math.Exp(power / 2) * Math.Sinh(power / 2)
            : Math.Pow(2, value) - 1);
    }

    /// <summary>y × log2 x.</summary>
    private static Float80 Logarithm(ref Float80Math math, Float80 x, Float80 y)
    {
        if (x.IsNaN || y.IsNaN || x.IsUnsupported || y.IsUnsupported)
            return math.Add(x, y);
        if (x.Negative && !x.IsZero)
            return math.Refuse();
        if (x.IsZero)
        {
            if (y.IsZero)
                return math.Refuse();
            if (!y.IsInfinity)
                math.Exceptions |= Float80Math.ZeroDivide;
            return Float80.Infinity(!y.Negative);
        }
        math.NoteDenormal(x);
        if (x.IsInfinity)
            return math.Multiply(x, y);
        var (exponent, bits) = x.Normalized();
        // Around 1, so that the logarithm of what is left is never cancelled by the exponent.
        int whole = exponent - Float80.Bias;
        double fraction = Math.ScaleB((double)bits, -63);
        if (fraction > 1.4142135623730951)
        {
            fraction /= 2;
            whole++;
        }
        var distance = math.Subtract(new Float80(bits, (ushort)(Float80.Bias + exponent - Float80.Bias - whole)),
            Float80Math.FromInteger(1));
        if (distance.IsZero)
            return math.Multiply(Float80Math.FromInteger(whole), y);
        double log = LogOnePlus(ToDouble(distance)) / Math.Log(2);
        return math.Multiply(FromDouble(ref math, whole + log), y);
    }

    /// <summary>y × log2(x + 1).</summary>
    private static Float80 LogarithmPlusOne(ref Float80Math math, Float80 x, Float80 y)
    {
        if (x.IsNaN || y.IsNaN || x.IsUnsupported || y.IsUnsupported)
            return math.Add(x, y);
        if (x.IsZero || x.IsInfinity)
            return x.IsInfinity && x.Negative ? math.Refuse() : math.Multiply(x, y);
        math.NoteDenormal(x);
        if (IsNegligible(x))
            return math.Multiply(math.Multiply(x, LogTwoOfE), y);
        double value = ToDouble(x);
        return value <= -1 ? math.Refuse() : math.Multiply(FromDouble(ref math, LogOnePlus(value) / Math.Log(2)), y);
    }

    /// <summary>ln(1 + x) with all digits also near 0 (Kahan's correction of the rounded sum).</summary>
    private static double LogOnePlus(double x)
    {
        double sum = 1 + x;
        return sum == 1 ? x : Math.Log(sum) * (x / (sum - 1));
    }

    /// <summary>The angle of the point (x, y).</summary>
    private static Float80 Angle(ref Float80Math math, Float80 y, Float80 x)
    {
        if (x.IsNaN || y.IsNaN || x.IsUnsupported || y.IsUnsupported)
            return math.Add(x, y);
        math.NoteDenormal(x);
        math.NoteDenormal(y);
        if (y.IsZero && !x.Negative)
            return y;
        int apart = y.IsZero || x.IsZero || y.IsInfinity
            || x.IsInfinity ? 0 : y.Normalized().Exponent - x.Normalized().Exponent;
        if (apart < -34 && !x.Negative)
            return math.Divide(y, x);
        // Only the ratio counts: both are brought to exponents that a double has.
        double a = y.IsZero ? 0 : y.IsInfinity ? double.PositiveInfinity
            : Math.ScaleB(ToDouble(Mantissa(y)), Math.Clamp(apart, -200, 200));
        double b = x.IsZero ? 0 : x.IsInfinity ? double.PositiveInfinity : ToDouble(Mantissa(x));
        double angle = Math.Atan2(y.Negative ? -a : a, x.Negative ? -b : b);
        return FromDouble(ref math, y.Negative && angle > 0 ? -angle : angle);
    }

    /// <summary>The value's significand, from 1 to 2.</summary>
    private static Float80 Mantissa(Float80 a) => new(a.Normalized().Significand, Float80.Bias);
}
