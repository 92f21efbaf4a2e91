using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Domain;

/// <summary>Floating point operations. They run under the guest's MXCSR; see <see cref="HostFloat"/>.</summary>
internal static unsafe partial class Sse128
{
    public static void Addps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.Add(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Addpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.Add(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Addss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.AddScalar(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Addsd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.AddScalar(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Subps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.Subtract(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Subpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.Subtract(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Subss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.SubtractScalar(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Subsd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.SubtractScalar(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Mulps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.Multiply(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Mulpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.Multiply(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Mulss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.MultiplyScalar(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Mulsd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.MultiplyScalar(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Divps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.Divide(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Divpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.Divide(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Divss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.DivideScalar(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Divsd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.DivideScalar(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Minps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.Min(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Minpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.Min(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Minss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.MinScalar(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Minsd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.MinScalar(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Maxps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.Max(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Maxpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.Max(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Maxss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.MaxScalar(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Maxsd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.MaxScalar(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Sqrtps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.Sqrt(S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Sqrtpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.Sqrt(S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Sqrtss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.SqrtScalar(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Sqrtsd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.SqrtScalar(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Rcpps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.Reciprocal(S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Rcpss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.ReciprocalScalar(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Rsqrtps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.ReciprocalSqrt(S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Rsqrtss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.ReciprocalSqrtScalar(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Unpcklps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.UnpackLow(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Unpckhps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.UnpackHigh(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Unpcklpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.UnpackLow(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Unpckhpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.UnpackHigh(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Haddps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse3.HorizontalAdd(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Haddpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse3.HorizontalAdd(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Hsubps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse3.HorizontalSubtract(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Hsubpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse3.HorizontalSubtract(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Addsubps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse3.AddSubtract(D<float>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Addsubpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse3.AddSubtract(D<double>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Movshdup(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse3.MoveHighAndDuplicate(S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Movsldup(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse3.MoveLowAndDuplicate(S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Movddup(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse3.MoveAndDuplicate(S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtdq2ps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse2.ConvertToVector128Single(S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvttps2dq(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ConvertToVector128Int32WithTruncation(S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtdq2pd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.ConvertToVector128Double(S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvttpd2dq(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ConvertToVector128Int32WithTruncation(S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtps2pd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.ConvertToVector128Double(S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtpd2ps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse2.ConvertToVector128Single(S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtss2sd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.ConvertScalarToVector128Double(D<double>(s, op), S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsd2ss(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse2.ConvertScalarToVector128Single(D<float>(s, op), S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtps2dq(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ConvertToVector128Int32(S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtpd2dq(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ConvertToVector128Int32(S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Cmpps(CpuState* s, Op* op)
    {
        Vector128<float> a = D<float>(s, op), b = S<float>(s, op);
        D<float>(s, op) = (op->Imm & 7) switch
        {
            0 => Sse.CompareEqual(a, b),
            1 => Sse.CompareLessThan(a, b),
            2 => Sse.CompareLessThanOrEqual(a, b),
            3 => Sse.CompareUnordered(a, b),
            4 => Sse.CompareNotEqual(a, b),
            5 => Sse.CompareNotLessThan(a, b),
            6 => Sse.CompareNotLessThanOrEqual(a, b),
            _ => Sse.CompareOrdered(a, b),
        };
        op[1].Handler(s, op + 1);
    }

    public static void Cmppd(CpuState* s, Op* op)
    {
        Vector128<double> a = D<double>(s, op), b = S<double>(s, op);
        D<double>(s, op) = (op->Imm & 7) switch
        {
            0 => Sse2.CompareEqual(a, b),
            1 => Sse2.CompareLessThan(a, b),
            2 => Sse2.CompareLessThanOrEqual(a, b),
            3 => Sse2.CompareUnordered(a, b),
            4 => Sse2.CompareNotEqual(a, b),
            5 => Sse2.CompareNotLessThan(a, b),
            6 => Sse2.CompareNotLessThanOrEqual(a, b),
            _ => Sse2.CompareOrdered(a, b),
        };
        op[1].Handler(s, op + 1);
    }

    public static void Cmpss(CpuState* s, Op* op)
    {
        Vector128<float> a = D<float>(s, op), b = S<float>(s, op);
        D<float>(s, op) = (op->Imm & 7) switch
        {
            0 => Sse.CompareScalarEqual(a, b),
            1 => Sse.CompareScalarLessThan(a, b),
            2 => Sse.CompareScalarLessThanOrEqual(a, b),
            3 => Sse.CompareScalarUnordered(a, b),
            4 => Sse.CompareScalarNotEqual(a, b),
            5 => Sse.CompareScalarNotLessThan(a, b),
            6 => Sse.CompareScalarNotLessThanOrEqual(a, b),
            _ => Sse.CompareScalarOrdered(a, b),
        };
        op[1].Handler(s, op + 1);
    }

    public static void Cmpsd(CpuState* s, Op* op)
    {
        Vector128<double> a = D<double>(s, op), b = S<double>(s, op);
        D<double>(s, op) = (op->Imm & 7) switch
        {
            0 => Sse2.CompareScalarEqual(a, b),
            1 => Sse2.CompareScalarLessThan(a, b),
            2 => Sse2.CompareScalarLessThanOrEqual(a, b),
            3 => Sse2.CompareScalarUnordered(a, b),
            4 => Sse2.CompareScalarNotEqual(a, b),
            5 => Sse2.CompareScalarNotLessThan(a, b),
            6 => Sse2.CompareScalarNotLessThanOrEqual(a, b),
            _ => Sse2.CompareScalarOrdered(a, b),
        };
        op[1].Handler(s, op + 1);
    }
}
