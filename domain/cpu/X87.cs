using System;
using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>Where an x87 instruction's other operand comes from.</summary>
internal enum FpuSource
{
    Register,
    Single,
    Double,
    Int16,
    Int32,
    Int64,
}

/// <summary>x87: the register stack and the instructions on it (SDM vol. 1, chapter 8).</summary>
/// <remarks>
/// Exceptions set their status bits and deliver their masked response; unmasked ones are not delivered.
/// Integer and floating memory operands come through <see cref="CpuState.Temp"/>; Scale holds the <see cref="FpuSource"/>,
/// Imm the operation, Dst and Src stack positions, Disp the number of pops afterwards.
/// </remarks>
internal static unsafe partial class X87
{
    private const ushort StackFault = 0x40, ConditionC0 = 0x100, ConditionC1 = 0x200, ConditionC2 = 0x400, ConditionC3 = 0x4000;
    private const ushort Conditions = ConditionC0 | ConditionC1 | ConditionC2 | ConditionC3;

    private static int Physical(CpuState* s, int position) => (s->FpuTop + position) & 7;

    private static Float80 Raw(CpuState* s, int physical) => new(s->Fpu[physical * 2], (ushort)s->Fpu[physical * 2 + 1]);

    private static void SetRaw(CpuState* s, int physical, Float80 value)
    {
        s->Fpu[physical * 2] = value.Significand;
        s->Fpu[physical * 2 + 1] = value.SignExponent;
        s->FpuValid |= 1u << physical;
    }

    private static bool IsEmpty(CpuState* s, int position) => (s->FpuValid >> Physical(s, position) & 1) == 0;

    private static Float80 Get(CpuState* s, int position)
    {
        if (!IsEmpty(s, position))
            return Raw(s, Physical(s, position));
        s->FpuStatus = (ushort)(s->FpuStatus & ~ConditionC1 | Float80Math.Invalid | StackFault);
        return Float80.Indefinite;
    }

    private static void Set(CpuState* s, int position, Float80 value) => SetRaw(s, Physical(s, position), value);

    private static void Push(CpuState* s, Float80 value)
    {
        s->FpuTop = (s->FpuTop - 1) & 7;
        if (!IsEmpty(s, 0))
        {
            s->FpuStatus |= Float80Math.Invalid | StackFault | ConditionC1;
            value = Float80.Indefinite;
        }
        Set(s, 0, value);
    }

    private static void Pop(CpuState* s, int times)
    {
        for (; times > 0; times--)
        {
            s->FpuValid &= ~(1u << s->FpuTop);
            s->FpuTop = (s->FpuTop + 1) & 7;
        }
    }

    private static Float80Math Math80(CpuState* s) => new(s->FpuControl);

    private static void Note(CpuState* s, Float80Math math) => s->FpuStatus |= math.Exceptions;

    private static void SetConditions(CpuState* s, int bits) => s->FpuStatus = (ushort)(s->FpuStatus & ~Conditions | bits);

    private static Float80 Operand(CpuState* s, Op* op, ref Float80Math math) => (FpuSource)op->Scale switch
    {
        FpuSource.Register => Get(s, op->Src),
        FpuSource.Single => math.FromSingle((uint)s->Temp),
        FpuSource.Double => math.FromDouble(s->Temp),
        FpuSource.Int16 => Float80Math.FromInteger((short)s->Temp),
        FpuSource.Int32 => Float80Math.FromInteger((int)s->Temp),
        _ => Float80Math.FromInteger((long)s->Temp),
    };

    /// <summary>Imm as encoded: 0 add, 1 multiply, 4 subtract, 5 reversed, 6 divide, 7 reversed.</summary>
    public static void Arithmetic(CpuState* s, Op* op)
    {
        ArithmeticBody(s, op);
        op[1].Handler(s, op + 1);
    }

    private static void ArithmeticBody(CpuState* s, Op* op)
    {
        var math = Math80(s);
        var a = Get(s, op->Dst);
        var b = Operand(s, op, ref math);
        var result = op->Imm switch
        {
            0 => math.Add(a, b),
            1 => math.Multiply(a, b),
            4 => math.Subtract(a, b),
            5 => math.Subtract(b, a),
            6 => math.Divide(a, b),
            _ => math.Divide(b, a),
        };
        Set(s, op->Dst, result);
        Note(s, math);
        Pop(s, op->Disp);
    }

    /// <summary>FCOM, FUCOM (Imm 1), FCOMI (Imm 2), FUCOMI (Imm 3), with pops.</summary>
    public static void Compare(CpuState* s, Op* op)
    {
        CompareBody(s, op);
        op[1].Handler(s, op + 1);
    }

    private static void CompareBody(CpuState* s, Op* op)
    {
        var math = Math80(s);
        bool empty = IsEmpty(s, 0);
        var a = Get(s, 0);
        empty |= op->Scale == 0 && IsEmpty(s, op->Src);
        var b = Operand(s, op, ref math);
        int order = empty ? 2 : math.Compare(a, b, (op->Imm & 1) != 0);
        Note(s, math);
        if (op->Imm >= 2)
            Flags.Set(s, order switch { 2 => Flags.Z | Flags.P | Flags.C, 0 => Flags.Z, < 0 => Flags.C, _ => 0 });
        else
            SetConditions(s, order switch { 2 => ConditionC0 | ConditionC2 | ConditionC3, 0 => ConditionC3, < 0 => ConditionC0, _ => 0 });
        Pop(s, op->Disp);
    }

    /// <summary>FLD from a register or a 32- or 64-bit operand, FILD.</summary>
    public static void Load(CpuState* s, Op* op)
    {
        LoadBody(s, op);
        op[1].Handler(s, op + 1);
    }

    private static void LoadBody(CpuState* s, Op* op)
    {
        var math = Math80(s);
        var value = Operand(s, op, ref math);
        Note(s, math);
        Push(s, value);
    }

    /// <summary>FLD m80 at TempAddress.</summary>
    public static void LoadExtended(CpuState* s, Op* op)
    {
        byte* at = Mmu.Read(s, op, s->TempAddress, 10);
        if (at == null)
            return;
        Push(s, new Float80(*(ulong*)at, *(ushort*)(at + 8)));
        op[1].Handler(s, op + 1);
    }

    /// <summary>FSTP m80.</summary>
    public static void StoreExtended(CpuState* s, Op* op)
    {
        var value = Get(s, 0);
        if (!Mmu.Owner(s).WriteSlow(op, s->TempAddress, 10, value.Significand, value.SignExponent))
            return;
        Pop(s, 1);
        op[1].Handler(s, op + 1);
    }

    /// <summary>FST and FIST: converts to Temp. The store comes next, and only then <see cref="PopAfterStore"/>.</summary>
    public static void Convert(CpuState* s, Op* op)
    {
        ConvertBody(s, op);
        op[1].Handler(s, op + 1);
    }

    private static void ConvertBody(CpuState* s, Op* op)
    {
        var math = Math80(s);
        var value = Get(s, 0);
        // Imm 1: FISTTP truncates.
        bool truncate = op->Imm != 0;
        s->Temp = (FpuSource)op->Scale switch
        {
            FpuSource.Single => math.ToSingle(value),
            FpuSource.Double => math.ToDouble(value),
            FpuSource.Int16 => (ulong)math.ToInteger(value, 16, truncate),
            FpuSource.Int32 => (ulong)math.ToInteger(value, 32, truncate),
            _ => (ulong)math.ToInteger(value, 64, truncate),
        };
        Note(s, math);
    }

    public static void PopAfterStore(CpuState* s, Op* op)
    {
        Pop(s, op->Disp);
        op[1].Handler(s, op + 1);
    }

    /// <summary>FST, FSTP to a register.</summary>
    public static void StoreRegister(CpuState* s, Op* op)
    {
        Set(s, op->Dst, Get(s, 0));
        Pop(s, op->Disp);
        op[1].Handler(s, op + 1);
    }

    public static void Exchange(CpuState* s, Op* op)
    {
        Float80 a = Get(s, 0), b = Get(s, op->Src);
        Set(s, 0, b);
        Set(s, op->Src, a);
        s->FpuStatus &= unchecked((ushort)~ConditionC1);
        op[1].Handler(s, op + 1);
    }

    /// <summary>FCMOVcc; Imm is the condition code.</summary>
    public static void ConditionalMove(CpuState* s, Op* op)
    {
        if (Flags.Test(s, (int)op->Imm))
            Set(s, 0, Get(s, op->Src));
        op[1].Handler(s, op + 1);
    }

    /// <summary>FLD1 and the other constants, by the low three bits of their encoding.</summary>
    public static void LoadConstant(CpuState* s, Op* op)
    {
        // Rounded to nearest; the directed modes differ in the last bit of some.
        int rounding = s->FpuControl >> 10 & 3;
        bool down = rounding is 1 or 3;
        Push(s, op->Imm switch
        {
            0 => new Float80(0x8000000000000000, 0x3fff),
            1 => new Float80(rounding == 2 ? 0xd49a784bcd1b8affUL : 0xd49a784bcd1b8afe, 0x4000),
            2 => new Float80(down ? 0xb8aa3b295c17f0bbUL : 0xb8aa3b295c17f0bc, 0x3fff),
            3 => new Float80(down ? 0xc90fdaa22168c234UL : 0xc90fdaa22168c235, 0x4000),
            4 => new Float80(down ? 0x9a209a84fbcff798UL : 0x9a209a84fbcff799, 0x3ffd),
            5 => new Float80(down ? 0xb17217f7d1cf79abUL : 0xb17217f7d1cf79ac, 0x3ffe),
            _ => Float80.Zero(false),
        });
        op[1].Handler(s, op + 1);
    }

    public static void ChangeSign(CpuState* s, Op* op)
    {
        var value = Get(s, 0);
        Set(s, 0, value.WithSign(!value.Negative));
        op[1].Handler(s, op + 1);
    }

    public static void Absolute(CpuState* s, Op* op)
    {
        Set(s, 0, Get(s, 0).WithSign(false));
        op[1].Handler(s, op + 1);
    }

    /// <summary>FXAM.</summary>
    public static void Examine(CpuState* s, Op* op)
    {
        var value = Raw(s, s->FpuTop);
        int kind = IsEmpty(s, 0) ? ConditionC3 | ConditionC0
            : value.IsUnsupported ? 0
            : value.IsNaN ? ConditionC0
            : value.IsInfinity ? ConditionC2 | ConditionC0
            : value.IsZero ? ConditionC3
            : value.Exponent == 0 ? ConditionC3 | ConditionC2
            : ConditionC2;
        SetConditions(s, kind | (value.Negative ? ConditionC1 : 0));
        op[1].Handler(s, op + 1);
    }

    /// <summary>FTST.</summary>
    public static void Test(CpuState* s, Op* op)
    {
        TestBody(s);
        op[1].Handler(s, op + 1);
    }

    private static void TestBody(CpuState* s)
    {
        var math = Math80(s);
        int order = math.Compare(Get(s, 0), Float80.Zero(false), false);
        Note(s, math);
        SetConditions(s, order switch { 2 => ConditionC0 | ConditionC2 | ConditionC3, 0 => ConditionC3, < 0 => ConditionC0, _ => 0 });
    }

    /// <summary>FRNDINT (0), FSQRT (1), FSCALE (2), FPREM (3), FPREM1 (4), FXTRACT (5).</summary>
    public static void Exact(CpuState* s, Op* op)
    {
        ExactBody(s, (int)op->Imm);
        op[1].Handler(s, op + 1);
    }

    private static void ExactBody(CpuState* s, int operation)
    {
        var math = Math80(s);
        var a = Get(s, 0);
        switch (operation)
        {
            case 0:
                Set(s, 0, math.RoundToInteger(a));
                break;
            case 1:
                Set(s, 0, math.SquareRoot(a));
                break;
            case 2:
                Set(s, 0, math.Scale(a, Get(s, 1)));
                break;
            case 3 or 4:
            {
                var rest = math.Remainder(a, Get(s, 1), operation == 4, out ulong quotient, out bool complete);
                Set(s, 0, rest);
                SetConditions(s, !complete ? ConditionC2
                    : ((quotient & 1) != 0 ? ConditionC1 : 0) | ((quotient & 2) != 0 ? ConditionC3 : 0) | ((quotient & 4) != 0 ? ConditionC0 : 0));
                break;
            }
            default:
                if (a.IsZero)
                {
                    math.Exceptions |= Float80Math.ZeroDivide;
                    Set(s, 0, Float80.Infinity(true));
                    Push(s, a);
                }
                else if (a.IsInfinity)
                {
                    Set(s, 0, Float80.Infinity(false));
                    Push(s, a);
                }
                else if (a.IsNaN || a.IsUnsupported)
                {
                    var nan = math.Add(a, a);
                    Set(s, 0, nan);
                    Push(s, nan);
                }
                else
                {
                    math.NoteDenormal(a);
                    var (exponent, significand) = a.Normalized();
                    Set(s, 0, Float80Math.FromInteger(exponent - Float80.Bias));
                    Push(s, new Float80(significand, (ushort)(Float80.Bias | (a.Negative ? 0x8000 : 0))));
                }
                break;
        }
        Note(s, math);
    }

    /// <summary>Transcendentals, to double precision: 0 F2XM1, 1 FYL2X, 2 FPTAN, 3 FPATAN, 4 FYL2XP1, 5 FSINCOS, 6 FSIN, 7 FCOS.</summary>
    public static void Transcendental(CpuState* s, Op* op)
    {
        TranscendentalBody(s, (int)op->Imm);
        op[1].Handler(s, op + 1);
    }

    private static void TranscendentalBody(CpuState* s, int operation)
    {
        var math = Math80(s);
        double x = BitConverter.UInt64BitsToDouble(math.ToDouble(Get(s, 0)));
        double y = operation is 1 or 3 or 4 ? BitConverter.UInt64BitsToDouble(math.ToDouble(Get(s, 1))) : 0;
        if (operation is 2 or 5 or 6 or 7)
        {
            if (System.Math.Abs(x) >= 9.2233720368547758e18)
            {
                // Out of range: C2 says so and the operand stays.
                SetConditions(s, ConditionC2);
                return;
            }
            SetConditions(s, 0);
        }
        double first = operation switch
        {
            0 => System.Math.Abs(x) < 1e-5 ? x * 0.6931471805599453 * (1 + x * 0.34657359027997264) : System.Math.Pow(2, x) - 1,
            1 => y * System.Math.Log2(x),
            2 => System.Math.Tan(x),
            3 => System.Math.Atan2(y, x),
            4 => y * (System.Math.Abs(x) < 1e-5 ? x * (1 - x / 2) * 1.4426950408889634 : System.Math.Log2(1 + x)),
            7 => System.Math.Cos(x),
            _ => System.Math.Sin(x),
        };
        math = Math80(s);
        if (operation is 1 or 3 or 4)
        {
            Set(s, 1, math.FromDouble(BitConverter.DoubleToUInt64Bits(first)));
            Pop(s, 1);
        }
        else
            Set(s, 0, math.FromDouble(BitConverter.DoubleToUInt64Bits(first)));
        if (operation == 2)
            Push(s, Float80Math.FromInteger(1));
        if (operation == 5)
            Push(s, math.FromDouble(BitConverter.DoubleToUInt64Bits(System.Math.Cos(x))));
        s->FpuStatus |= Float80Math.Inexact;
    }

    /// <summary>FBLD m80 (packed decimal) at TempAddress.</summary>
    public static void LoadDecimal(CpuState* s, Op* op)
    {
        byte* at = Mmu.Read(s, op, s->TempAddress, 10);
        if (at == null)
            return;
        long value = 0;
        for (int i = 8; i >= 0; i--)
            value = value * 100 + (at[i] >> 4) * 10 + (at[i] & 15);
        var result = Float80Math.FromInteger(value);
        Push(s, (at[9] & 0x80) != 0 ? result.WithSign(true) : result);
        op[1].Handler(s, op + 1);
    }

    /// <summary>FBSTP.</summary>
    public static void StoreDecimal(CpuState* s, Op* op)
    {
        if (!StoreDecimalBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    private static bool StoreDecimalBody(CpuState* s, Op* op)
    {
        var math = Math80(s);
        var source = Get(s, 0);
        long value = math.ToInteger(source, 64, false);
        ulong magnitude = value < 0 ? 0 - (ulong)value : (ulong)value;
        ulong low = 0xc000_0000_0000_0000;
        ulong high = 0xffff;
        if ((math.Exceptions & Float80Math.Invalid) == 0 && magnitude < 1_000_000_000_000_000_000)
        {
            low = high = 0;
            for (int digit = 0; digit < 18; digit++, magnitude /= 10)
            {
                if (digit < 16)
                    low |= magnitude % 10 << (4 * digit);
                else
                    high |= magnitude % 10 << (4 * (digit - 16));
            }
            high |= source.Negative ? 0x8000u : 0;
        }
        else
            math.Exceptions = Float80Math.Invalid;
        if (!Mmu.Owner(s).WriteSlow(op, s->TempAddress, 10, low, high))
            return false;
        Note(s, math);
        Pop(s, 1);
        return true;
    }
}
