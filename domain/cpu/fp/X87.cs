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
/// Exceptions set their status bits and deliver their masked response. One that is not masked leaves operands, stack and
/// memory as they were (invalid, denormal, zero divide), or the result with another exponent (overflow, underflow), and
/// is told by the next instruction that waits (<see cref="CheckPending"/>; SDM vol. 1, 8.5 and 8.7). Integer and
/// floating memory operands come through <see cref="CpuState.Temp"/>; Scale holds the <see cref="FpuSource"/>, Imm the
/// operation, Dst and Src stack positions, Disp the number of pops afterwards.
/// </remarks>
internal static unsafe partial class X87
{
    private const ushort StackFault = 0x40, ConditionC0 = 0x100, ConditionC1 = 0x200, ConditionC2 = 0x400,
        ConditionC3 = 0x4000;
    private const ushort Conditions = ConditionC0 | ConditionC1 | ConditionC2 | ConditionC3;

    private static int Physical(CpuState* s, int position) => (s->FpuTop + position) & 7;

    private static Float80 Raw(CpuState* s, int physical) =>
        new(s->Fpu[physical * 2], (ushort)s->Fpu[physical * 2 + 1]);

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
        NoteUnderflow(s);
        return Float80.Indefinite;
    }

    private static bool IsUnmasked(CpuState* s, int exceptions) => (exceptions & ~s->FpuControl & 0x3f) != 0;

    /// <summary>An exception that is found before anything is computed is not masked: nothing but status changes.</summary>
    private static bool Refuses(CpuState* s, Float80Math math)
    {
        const int early = Float80Math.Invalid | Float80Math.Denormal | Float80Math.ZeroDivide;
        if (!IsUnmasked(s, math.Exceptions & early))
            return false;
        s->FpuStatus = (ushort)(s->FpuStatus & ~ConditionC1 | math.Exceptions & early);
        return true;
    }

    /// <summary>
    /// An empty register was to be read, and the exception is not masked: then it is noted, and nothing else changes.
    /// </summary>
    private static bool RefusesUnderflow(CpuState* s)
    {
        if (!IsUnmasked(s, Float80Math.Invalid))
            return false;
        NoteUnderflow(s);
        return true;
    }

    /// <summary>
    /// Before an instruction that waits: #MF for an exception that is not masked, while CR0.NE says so.
    /// </summary>
    public static void CheckPending(CpuState* s, Op* op)
    {
        if (IsUnmasked(s, s->FpuStatus) && (s->Cr0 & Cr0.NE) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.MF);
            return;
        }
        op[1].Handler(s, op + 1);
    }

    /// <summary>
    /// Behind an instruction that is no control instruction: where it stands, its opcode in Imm (SDM vol. 1, 8.1.8),
    /// and where Disp is 1 its operand in memory at TempAddress.
    /// </summary>
    public static void NotePointers(CpuState* s, Op* op)
    {
        s->FpuIp = op->Rip;
        s->FpuOpcode = (ushort)op->Imm;
        if (op->Disp != 0)
            s->FpuDp = s->TempAddress;
        op[1].Handler(s, op + 1);
    }

    /// <summary>An empty register was to be read.</summary>
    private static void NoteUnderflow(CpuState* s) =>
        s->FpuStatus = (ushort)(s->FpuStatus & ~ConditionC1 | Float80Math.Invalid | StackFault);

    /// <summary>
    /// As <see cref="NoteUnderflow"/>, by an instruction that pushes: of the two stack faults, this is the one that is
    /// told.
    /// </summary>
    private static void PushUnderflow(CpuState* s)
    {
        if (RefusesUnderflow(s))
            return;
        Push(s, Float80.Indefinite);
        NoteUnderflow(s);
    }

    private static bool NeedsEmpty(CpuState* s, Op* op) =>
        IsEmpty(s, op->Dst) || ((FpuSource)op->Scale == FpuSource.Register && IsEmpty(s, op->Src));

    private static void Set(CpuState* s, int position, Float80 value) => SetRaw(s, Physical(s, position), value);

    private static void Push(CpuState* s, Float80 value)
    {
        if (!IsEmpty(s, -1))
        {
            s->FpuStatus |= Float80Math.Invalid | StackFault | ConditionC1;
            if (IsUnmasked(s, Float80Math.Invalid))
                return;
            value = Float80.Indefinite;
        }
        else
            ClearC1(s);
        s->FpuTop = (s->FpuTop - 1) & 7;
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

    /// <summary>Exceptions, and in C1 the direction of rounding.</summary>
    private static void Note(CpuState* s, Float80Math math) =>
        s->FpuStatus = (ushort)(s->FpuStatus & ~ConditionC1 | math.Exceptions | (math.Up ? ConditionC1 : 0));

    private static void SetConditions(CpuState* s, int bits) =>
        s->FpuStatus = (ushort)(s->FpuStatus & ~Conditions | bits);

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
        if (NeedsEmpty(s, op))
        {
            if (RefusesUnderflow(s))
                return;
            NoteUnderflow(s);
            Set(s, op->Dst, Float80.Indefinite);
            Pop(s, op->Disp);
            return;
        }
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
        if (Refuses(s, math))
            return;
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
        int order = 2;
        // What is not masked says how they compare all the same, but pops nothing.
        bool refused;
        if (IsEmpty(s, 0) || ((FpuSource)op->Scale == FpuSource.Register && IsEmpty(s, op->Src)))
        {
            NoteUnderflow(s);
            refused = IsUnmasked(s, Float80Math.Invalid);
        }
        else
        {
            var a = Get(s, 0);
            var b = Operand(s, op, ref math);
            order = math.Compare(a, b, (op->Imm & 1) != 0);
            Note(s, math);
            refused = IsUnmasked(s, math.Exceptions);
        }
        if (op->Imm >= 2)
            Flags.Set(s, order switch { 2 => Flags.ZF | Flags.PF | Flags.CF, 0 => Flags.ZF, < 0 => Flags.CF, _ => 0 });
        else
            SetConditions(s, order switch { 2 => ConditionC0 | ConditionC2 | ConditionC3, 0 => ConditionC3, < 0 =>
                ConditionC0, _ => 0 });
        if (!refused)
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
        if ((FpuSource)op->Scale == FpuSource.Register && IsEmpty(s, op->Src))
        {
            PushUnderflow(s);
            return;
        }
        // No room: nothing else is looked at.
        if (!IsEmpty(s, -1))
        {
            Push(s, Float80.Indefinite);
            return;
        }
        var value = Operand(s, op, ref math);
        if ((FpuSource)op->Scale != FpuSource.Register && value.IsSignaling)
        {
            math.Exceptions |= Float80Math.Invalid;
            value = value.Quieted;
        }
        // A denormal is loaded all the same.
        if (IsUnmasked(s, math.Exceptions & Float80Math.Invalid) && Refuses(s, math))
            return;
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
        if (!StoreExtendedBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    private static bool StoreExtendedBody(CpuState* s, Op* op)
    {
        bool isEmpty = IsEmpty(s, 0);
        if (isEmpty && RefusesUnderflow(s))
            return true;
        var value = isEmpty ? Float80.Indefinite : Raw(s, s->FpuTop);
        if (!Mmu.Owner(s).WriteSlow(op, s->TempAddress, 10, value.Significand, value.SignExponent))
            return false;
        if (isEmpty)
            NoteUnderflow(s);
        else
            ClearC1(s);
        Pop(s, 1);
        return true;
    }

    /// <summary>
    /// FST and FIST: converts to Temp. The store comes next, and only then <see cref="PopAfterStore"/>, which are Dst
    /// operations: an exception that is not masked leaves them out.
    /// </summary>
    public static void Convert(CpuState* s, Op* op)
    {
        var next = op + (ConvertBody(s, op) ? 1 : 1 + op->Dst);
        next->Handler(s, next);
    }

    /// <returns>whether it is stored; what status becomes then is <see cref="CpuState.FpuStored"/></returns>
    private static bool ConvertBody(CpuState* s, Op* op)
    {
        var math = Math80(s);
        if (IsEmpty(s, 0) && RefusesUnderflow(s))
            return false;
        ushort before = s->FpuStatus;
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
        if (Refuses(s, math))
            return false;
        const int late = Float80Math.Overflow | Float80Math.Underflow;
        if (IsUnmasked(s, math.Exceptions & late))
        {
            s->FpuStatus = (ushort)(s->FpuStatus & ~ConditionC1 | math.Exceptions & late);
            return false;
        }
        Note(s, math);
        // The store may fault, and has changed nothing then.
        s->FpuStored = s->FpuStatus;
        s->FpuStatus = before;
        return true;
    }

    public static void PopAfterStore(CpuState* s, Op* op)
    {
        s->FpuStatus = s->FpuStored;
        Pop(s, op->Disp);
        op[1].Handler(s, op + 1);
    }

    /// <summary>FST, FSTP to a register; with Imm 1 FSTPNCE, which does not mind that ST(0) is empty.</summary>
    public static void StoreRegister(CpuState* s, Op* op)
    {
        if (op->Imm != 0 || !IsEmpty(s, 0) || !RefusesUnderflow(s))
        {
            if (op->Imm == 0 || !IsEmpty(s, 0))
                Set(s, op->Dst, Get(s, 0));
            ClearC1(s);
            Pop(s, op->Disp);
        }
        op[1].Handler(s, op + 1);
    }

    public static void Exchange(CpuState* s, Op* op)
    {
        if ((!IsEmpty(s, 0) && !IsEmpty(s, op->Src)) || !RefusesUnderflow(s))
            ExchangeBody(s, op->Src);
        op[1].Handler(s, op + 1);
    }

    private static void ExchangeBody(CpuState* s, int position)
    {
        Float80 a = Get(s, 0), b = Get(s, position);
        Set(s, 0, b);
        Set(s, position, a);
        s->FpuStatus &= unchecked((ushort)~ConditionC1);
    }

    /// <summary>FCMOVcc; Imm is the condition code.</summary>
    public static void ConditionalMove(CpuState* s, Op* op)
    {
        if (IsEmpty(s, 0) || IsEmpty(s, op->Src))
        {
            if (!RefusesUnderflow(s))
            {
                NoteUnderflow(s);
                Set(s, 0, Float80.Indefinite);
            }
        }
        else if (Flags.Test(s, (int)op->Imm))
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
        SetSign(s, true);
        op[1].Handler(s, op + 1);
    }

    public static void Absolute(CpuState* s, Op* op)
    {
        SetSign(s, false);
        op[1].Handler(s, op + 1);
    }

    /// <summary>FCHS, FABS.</summary>
    private static void SetSign(CpuState* s, bool change)
    {
        bool empty = IsEmpty(s, 0);
        if (empty && RefusesUnderflow(s))
            return;
        var value = Get(s, 0);
        ClearC1(s);
        Set(s, 0, empty ? value : value.WithSign(change && !value.Negative));
    }

    private static void ClearC1(CpuState* s) => s->FpuStatus &= unchecked((ushort)~ConditionC1);

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
        SetConditions(s, order switch { 2 => ConditionC0 | ConditionC2 | ConditionC3, 0 => ConditionC3, < 0 =>
            ConditionC0, _ => 0 });
    }

    /// <summary>FRNDINT (0), FSQRT (1), FSCALE (2), FPREM (3), FPREM1 (4), FXTRACT (5).</summary>
    public static void Exact(CpuState* s, Op* op)
    {
        ExactBody(s, (int)op->Imm);
        op[1].Handler(s, op + 1);
    }

    private static void ExactBody(CpuState* s, int operation)
    {
        if (IsEmpty(s, 0) || (operation is 2 or 3 or 4 && IsEmpty(s, 1)))
        {
            if (RefusesUnderflow(s))
                return;
            NoteUnderflow(s);
            Set(s, 0, Float80.Indefinite);
            if (operation == 5)
                PushUnderflow(s);
            return;
        }
        var math = Math80(s);
        var a = Get(s, 0);
        Float80 result;
        switch (operation)
        {
            case 0:
                result = math.RoundToInteger(a);
                break;
            case 1:
                result = math.SquareRoot(a);
                break;
            case 2:
                result = math.Scale(a, Get(s, 1));
                break;
            case 3 or 4:
            {
                var rest = math.Remainder(a, Get(s, 1), operation == 4, out ulong quotient, out bool complete);
                if (Refuses(s, math))
                    return;
                rest = Get(s, 1).IsInfinity ? rest : math.Underflowed(rest);
                Set(s, 0, rest);
                Note(s, math);
                SetConditions(s, !complete ? ConditionC2
                    : ((quotient & 1) != 0 ? ConditionC1 : 0) | ((quotient & 2) != 0 ? ConditionC3 : 0)
                    | ((quotient & 4) != 0 ? ConditionC0 : 0));
                return;
            }
            default:
                Extract(s, a);
                return;
        }
        if (Refuses(s, math))
            return;
        Set(s, 0, result);
        Note(s, math);
    }

    /// <summary>FXTRACT: the exponent replaces the value, the significand is pushed.</summary>
    private static void Extract(CpuState* s, Float80 a)
    {
        if (!IsEmpty(s, -1))
        {
            Push(s, Float80.Indefinite);
            if (!IsUnmasked(s, Float80Math.Invalid))
                Set(s, 1, Float80.Indefinite);
            return;
        }
        var math = Math80(s);
        Float80 exponent, significand = a;
        if (a.IsNaN || a.IsUnsupported)
            exponent = significand = math.Add(a, a);
        else if (a.IsZero)
        {
            math.Exceptions |= Float80Math.ZeroDivide;
            exponent = Float80.Infinity(true);
        }
        else if (a.IsInfinity)
            exponent = Float80.Infinity(false);
        else
        {
            math.NoteDenormal(a);
            var (power, bits) = a.Normalized();
            exponent = Float80Math.FromInteger(power - Float80.Bias);
            significand = new Float80(bits, (ushort)(Float80.Bias | (a.Negative ? 0x8000 : 0)));
        }
        if (Refuses(s, math))
            return;
        Note(s, math);
        Set(s, 0, exponent);
        Push(s, significand);
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
        bool isEmpty = IsEmpty(s, 0);
        if (isEmpty && RefusesUnderflow(s))
            return true;
        var source = isEmpty ? Float80.Indefinite : Raw(s, s->FpuTop);
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
        {
            math.Exceptions = Float80Math.Invalid;
            math.Up = false;
        }
        if (Refuses(s, math))
            return true;
        if (!Mmu.Owner(s).WriteSlow(op, s->TempAddress, 10, low, high))
            return false;
        if (isEmpty)
            NoteUnderflow(s);
        Note(s, math);
        Pop(s, 1);
        return true;
    }
}
