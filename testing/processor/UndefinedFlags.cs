using Domain;
using Iced.Intel;

namespace Testing.Processor;

/// <summary>
/// Arithmetic flags that an instruction leaves undefined: every processor does there as it likes (SDM vol. 1, appendix A,
/// table A-1; the conditions are those of vol. 2, on the page of the instruction, "Flags Affected").
/// </summary>
internal static class UndefinedFlags
{
    /// <param name="rcx">the register's value before the instruction: counts of shifts</param>
    public static ulong Of(in Instruction instruction, ulong rcx) => instruction.Mnemonic switch
    {
        // AND, OR, XOR, TEST: "The state of the AF flag is undefined."
        Mnemonic.And or Mnemonic.Or or Mnemonic.Xor or Mnemonic.Test => Flags.AF,
        // MUL, IMUL: "The SF, ZF, AF, and PF flags are undefined."
        Mnemonic.Mul or Mnemonic.Imul => Flags.SF | Flags.ZF | Flags.AF | Flags.PF,
        // DIV, IDIV: "The CF, OF, SF, ZF, AF, and PF flags are undefined."
        Mnemonic.Div or Mnemonic.Idiv => Flags.Arithmetic,
        // BSF, BSR: "The CF, OF, SF, AF, and PF flags are undefined."
        Mnemonic.Bsf or Mnemonic.Bsr => Flags.Arithmetic & ~Flags.ZF,
        // LZCNT: "OF, SF, PF and AF flags are undefined." TZCNT: "OF, SF, PF, and AF flags are undefined."
        Mnemonic.Lzcnt or Mnemonic.Tzcnt => Flags.OF | Flags.SF | Flags.PF | Flags.AF,
        // ANDN, BLSI, BLSR, BLSMSK, BZHI: "AF and PF flags are undefined."
        Mnemonic.Andn or Mnemonic.Blsi or Mnemonic.Blsr or Mnemonic.Blsmsk or Mnemonic.Bzhi => Flags.AF | Flags.PF,
        // BEXTR: "AF, SF, and PF are undefined."
        Mnemonic.Bextr => Flags.AF | Flags.SF | Flags.PF,
        // BT, BTC, BTR, BTS: "The OF, SF, AF, and PF flags are undefined."
        Mnemonic.Bt or Mnemonic.Btc or Mnemonic.Btr or Mnemonic.Bts => Flags.OF | Flags.SF | Flags.AF | Flags.PF,
        // AAA, AAS: "The OF, SF, ZF, and PF flags are undefined."
        Mnemonic.Aaa or Mnemonic.Aas => Flags.OF | Flags.SF | Flags.ZF | Flags.PF,
        // AAD, AAM: "The OF, AF, and CF flags are undefined."
        Mnemonic.Aad or Mnemonic.Aam => Flags.OF | Flags.AF | Flags.CF,
        // DAA, DAS: "The OF flag is undefined."
        Mnemonic.Daa or Mnemonic.Das => Flags.OF,
        Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr => OfRotation(Count(in instruction, rcx)),
        Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar => OfShift(Count(in instruction, rcx), Bits(in instruction)),
        Mnemonic.Shld or Mnemonic.Shrd => OfDoubleShift(Count(in instruction, rcx), Bits(in instruction)),
        _ => 0,
    };

    private static int Bits(in Instruction i) =>
        8 * (i.Op0Kind == OpKind.Register ? i.Op0Register.GetSize() : i.MemorySize.GetSize());

    private static int Count(in Instruction i, ulong rcx)
    {
        int last = i.OpCount - 1;
        int count = i.GetOpKind(last) == OpKind.Register ? (int)rcx : i.GetOpKind(last) == OpKind.Immediate8 ? i.Immediate8 : 1;
        return count & (Bits(in i) == 64 ? 63 : 31);
    }

    // RCL, RCR, ROL, ROR: "The OF flag is affected for single-bit rotates; it is undefined for multi-bit rotates."
    private static ulong OfRotation(int count) => count > 1 ? Flags.OF : 0UL;

    // SAL, SAR, SHL, SHR: "The CF flag [...] is undefined for SHL and SHR instructions where the count is greater than or
    // equal to the size [...]. The OF flag is affected only for 1-bit shifts; otherwise, it is undefined. [...] For a
    // non-zero count, the AF flag is undefined."
    private static ulong OfShift(int count, int bits) => count switch
    {
        0 => 0,
        1 => Flags.AF,
        _ => Flags.AF | Flags.OF | (count >= bits ? Flags.CF : 0UL),
    };

    // SHLD, SHRD: "For a 1-bit shift, the OF flag is set if a sign change occurred [...]. For shifts greater than 1 bit, the
    // OF flag is undefined. If a shift occurs, the AF flag is undefined. [...] If the count is greater than the operand
    // size, the flags are undefined."
    private static ulong OfDoubleShift(int count, int bits) => count switch
    {
        0 => 0,
        1 => Flags.AF,
        _ => count > bits ? Flags.Arithmetic : Flags.AF | Flags.OF,
    };
}
