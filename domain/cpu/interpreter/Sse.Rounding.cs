namespace Domain;

/// <summary>
/// ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD, on the bits: the host's raise a flag that the immediate may forbid.
/// </summary>
internal static unsafe partial class Sse128
{
    private const uint ImmediateFromControl = 4, ImmediateQuiet = 8;

    public static void Roundps(CpuState* s, Op* op)
    {
        for (int i = 0; i < 4; i++)
            RoundSingle(s, op, i);
        op[1].Handler(s, op + 1);
    }

    public static void Roundpd(CpuState* s, Op* op)
    {
        for (int i = 0; i < 2; i++)
            RoundDouble(s, op, i);
        op[1].Handler(s, op + 1);
    }

    public static void Roundss(CpuState* s, Op* op)
    {
        RoundSingle(s, op, 0);
        op[1].Handler(s, op + 1);
    }

    public static void Roundsd(CpuState* s, Op* op)
    {
        RoundDouble(s, op, 0);
        op[1].Handler(s, op + 1);
    }

    private static void RoundSingle(CpuState* s, Op* op, int element) =>
        ((uint*)((byte*)s + op->Dst))[element] = (uint)Round(s, (uint)op->Imm, ((uint*)((byte*)s + op->Src))[element],
            23, 8);

    private static void RoundDouble(CpuState* s, Op* op, int element) =>
        ((ulong*)((byte*)s + op->Dst))[element] = Round(s, (uint)op->Imm, ((ulong*)((byte*)s + op->Src))[element], 52,
            11);

    /// <summary>
    /// A number of sign, <paramref name="exponentBits"/> and <paramref name="width"/> bits of fraction, to an integer.
    /// </summary>
    private static ulong Round(CpuState* s, uint immediate, ulong bits, int width, int exponentBits)
    {
        ulong sign = bits >> (width + exponentBits) << (width + exponentBits), magnitude = bits ^ sign;
        ulong infinity = ((1UL << exponentBits) - 1) << width, one = infinity >> 1 & ~((1UL << width) - 1);
        if (magnitude > infinity)
        {
            ulong quiet = 1UL << (width - 1);
            if ((magnitude & quiet) == 0)
                HostFloat.Note(s, HostFloat.Invalid);
            return bits | quiet;
        }
        if (magnitude < 1UL << width && (s->Mxcsr & HostFloat.DenormalsAreZero) != 0)
            magnitude = 0;
        int fractionBits = width - ((int)(magnitude >> width) - (int)(one >> width));
        if (magnitude == 0 || fractionBits <= 0)
            return sign | magnitude;
        ulong whole, half, rest;
        if (fractionBits > width)
        {
            // Below 1: the next integers are 0 and 1.
            whole = 0;
            half = magnitude.CompareTo(one - (1UL << width)) switch { < 0 => 0, _ => 1UL };
            rest = magnitude - (half != 0 ? one - (1UL << width) : 0);
        }
        else
        {
            whole = magnitude >> fractionBits << fractionBits;
            half = magnitude >> (fractionBits - 1) & 1;
            rest = magnitude & ((1UL << (fractionBits - 1)) - 1);
        }
        if ((half | rest) == 0)
            return bits;
        if ((immediate & ImmediateQuiet) == 0)
            HostFloat.Note(s, HostFloat.Precision);
        uint mode = (immediate & ImmediateFromControl) != 0 ? s->Mxcsr >> 13 & 3 : immediate & 3;
        // An odd integer has its last bit set; that of 1 is the exponent's.
        bool odd = whole == one || (whole != 0 && (whole >> fractionBits & 1) != 0);
        bool up = mode switch
        {
            0 => half != 0 && (rest != 0 || odd),
            1 => sign != 0,
            2 => sign == 0,
            _ => false,
        };
        if (!up)
            return sign | whole;
        return sign | (whole == 0 ? one : whole + (1UL << fractionBits));
    }
}
