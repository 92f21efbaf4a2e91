using System.Numerics;
using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>Lazy arithmetic flags: operations leave their operands, readers compute the flag they want.</summary>
internal static unsafe class Flags
{
    public const uint CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800;
    public const uint Arithmetic = CF | PF | AF | ZF | SF | OF;
    public const ulong TF = 0x100, IF = 0x200, DF = 0x400, IOPL = 0x3000, NT = 0x4000;
    public const ulong RF = 0x1_0000, AC = 0x4_0000, ID = 0x20_0000;

    /// <summary>All six are in <see cref="CpuState.FlagBits"/>.</summary>
    public const int Explicit = 0;

    /// <summary>SF, ZF, PF follow the result; CF, OF, AF are in <see cref="CpuState.FlagBits"/>.</summary>
    public const int Result = 1;

    /// <summary>SF, ZF, PF follow the result; CF, OF, AF are clear.</summary>
    public const int Logic = 2;

    /// <summary>
    /// In <see cref="CpuState.FlagBits"/> as SETO and LAHF leave them in AX; only while translated code runs.
    /// </summary>
    public const int Saved = 3;

    /// <summary>Plus the size's logarithm: result and first operand of an addition, a subtraction.</summary>
    public const int Add = 4, Sub = 8;

    private static ulong MaskOf(int log) => ulong.MaxValue >> (64 - (8 << log));

    public static bool Carry(CpuState* s)
    {
        int kind = s->FlagKind;
        if (kind >= Sub)
        {
            ulong a = s->FlagSource;
            return a < ((a - s->FlagResult) & MaskOf(kind - Sub));
        }
        if (kind >= Add)
            return (s->FlagResult & MaskOf(kind - Add)) < s->FlagSource;
        return kind != Logic && (s->FlagBits & CF) != 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Zero(CpuState* s) => s->FlagKind == Explicit ? (s->FlagBits & ZF) != 0 : s->FlagResult == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Sign(CpuState* s) => s->FlagKind == Explicit ? (s->FlagBits & SF) != 0 : (long)s->FlagResult < 0;

    public static bool Overflow(CpuState* s)
    {
        int kind = s->FlagKind;
        if (kind >= Sub)
        {
            ulong a = s->FlagSource, b = a - s->FlagResult;
            return (((a ^ b) & (a ^ s->FlagResult)) >> ((8 << (kind - Sub)) - 1) & 1) != 0;
        }
        if (kind >= Add)
        {
            ulong a = s->FlagSource, b = s->FlagResult - a;
            return (((a ^ s->FlagResult) & (b ^ s->FlagResult)) >> ((8 << (kind - Add)) - 1) & 1) != 0;
        }
        return kind != Logic && (s->FlagBits & OF) != 0;
    }

    public static bool Parity(CpuState* s) =>
        s->FlagKind == Explicit ? (s->FlagBits & PF) != 0 : (BitOperations.PopCount((byte)s->FlagResult) & 1) == 0;

    /// <summary>The six flags as RFLAGS bits.</summary>
    public static uint Get(CpuState* s)
    {
        int kind = s->FlagKind;
        if (kind == Explicit)
            return s->FlagBits;
        uint bits = OfResult(s->FlagResult);
        if (kind == Result)
            return bits | s->FlagBits & (CF | AF | OF);
        if (kind == Logic)
            return bits;
        if (Carry(s))
            bits |= CF;
        if (Overflow(s))
            bits |= OF;
        ulong second = kind >= Sub ? s->FlagSource - s->FlagResult : s->FlagResult - s->FlagSource;
        return bits | (uint)(s->FlagSource ^ second ^ s->FlagResult) & AF;
    }

    /// <summary>SF, ZF, PF of a sign-extended result.</summary>
    public static uint OfResult(ulong result)
    {
        uint bits = result == 0 ? ZF : 0;
        if ((long)result < 0)
            bits |= SF;
        if ((BitOperations.PopCount((byte)result) & 1) == 0)
            bits |= PF;
        return bits;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Set(CpuState* s, uint bits)
    {
        s->FlagKind = Explicit;
        s->FlagBits = bits;
    }

    /// <summary>SF, ZF, PF from a sign-extended result; CF, OF, AF as given.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetResult(CpuState* s, ulong result, uint carryOverflowAuxiliary)
    {
        s->FlagKind = Result;
        s->FlagResult = result;
        s->FlagBits = carryOverflowAuxiliary;
    }

    /// <summary>Changes the flags in <paramref name="mask"/> and keeps the others.</summary>
    public static void Change(CpuState* s, uint mask, uint bits) => Set(s, Get(s) & ~mask | bits & mask);

    /// <summary>All of RFLAGS.</summary>
    public static ulong Image(CpuState* s) => Get(s) | s->SystemFlags | 2;

    /// <summary>Loads the bits of RFLAGS in <paramref name="mask"/>.</summary>
    public static void LoadImage(CpuState* s, ulong image, ulong mask)
    {
        Change(s, (uint)mask & Arithmetic, (uint)image);
        ulong system = mask & (TF | IF | DF | IOPL | NT | RF | AC | ID);
        s->SystemFlags = s->SystemFlags & ~system | image & system;
    }

    /// <summary>Condition code 0–15 (SDM vol. 1, appendix B).</summary>
    public static bool Test(CpuState* s, int condition)
    {
        bool value = (condition >> 1) switch
        {
            0 => Overflow(s),
            1 => Carry(s),
            2 => Zero(s),
            3 => Carry(s) || Zero(s),
            4 => Sign(s),
            5 => Parity(s),
            6 => Sign(s) != Overflow(s),
            _ => Zero(s) || Sign(s) != Overflow(s),
        };
        return value ^ ((condition & 1) != 0);
    }
}
