using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>BMI1 and BMI2 in VEX encoding, which the host executes with other registers.</summary>
internal sealed unsafe partial class Translator
{
    private static bool IsBitManipulation(Mnemonic mnemonic) => mnemonic is Mnemonic.Andn or Mnemonic.Bextr
        or Mnemonic.Bzhi or Mnemonic.Blsi or Mnemonic.Blsmsk or Mnemonic.Blsr or Mnemonic.Mulx or Mnemonic.Pdep
        or Mnemonic.Pext or Mnemonic.Rorx or Mnemonic.Sarx or Mnemonic.Shlx or Mnemonic.Shrx;

    /// <summary>Emits the instruction.</summary>
    private void WriteBitManipulation(in Instruction i, HostOperand memory, bool hasMemory)
    {
        var (prefix, map, opcode) = i.Mnemonic switch
        {
            Mnemonic.Andn => (VexPrefix.None, 2, 0xf2),
            Mnemonic.Blsi or Mnemonic.Blsmsk or Mnemonic.Blsr => (VexPrefix.None, 2, 0xf3),
            Mnemonic.Bzhi => (VexPrefix.None, 2, 0xf5),
            Mnemonic.Pext => (VexPrefix.F3, 2, 0xf5),
            Mnemonic.Pdep => (VexPrefix.F2, 2, 0xf5),
            Mnemonic.Mulx => (VexPrefix.F2, 2, 0xf6),
            Mnemonic.Bextr => (VexPrefix.None, 2, 0xf7),
            Mnemonic.Shlx => (VexPrefix.P66, 2, 0xf7),
            Mnemonic.Sarx => (VexPrefix.F3, 2, 0xf7),
            Mnemonic.Shrx => (VexPrefix.F2, 2, 0xf7),
            _ => (VexPrefix.F2, 3, 0xf0),
        };
        // The operand that may be memory, and that in the prefix.
        int general = i.Mnemonic is Mnemonic.Andn or Mnemonic.Mulx or Mnemonic.Pdep or Mnemonic.Pext ? 2 : 1;
        bool single = i.Mnemonic is Mnemonic.Blsi or Mnemonic.Blsmsk or Mnemonic.Blsr;
        int inPrefix = single ? 0 : i.Mnemonic == Mnemonic.Rorx ? -1 : 3 - general;
        bool writesBoth = i.Mnemonic == Mnemonic.Mulx;

        int target = i.Op0Register.GetNumber(), register = HostOf(target);
        bool storesTarget = register < 0;
        int other = inPrefix < 0 ? -1 : i.GetOpRegister(inPrefix).GetNumber();
        int second = other < 0 ? 0 : HostOf(other);
        bool takesSecond = second < 0;
        if (hasMemory && (storesTarget || takesSecond))
            memory = WithoutScratchKeepingFlags(memory);
        if (storesTarget)
            register = Scratch;
        if (takesSecond && single)
            second = Scratch;
        else if (takesSecond && writesBoth)
            // Written after the memory operand has been read, which Pointer addresses.
            second = other == target ? Scratch : Pointer;
        else if (takesSecond)
        {
            emit.Load(Scratch, HostOperand.Absolute(&s->Gpr[other]));
            second = Scratch;
        }
        var operand = memory;
        if (!hasMemory)
        {
            // It is only read: what the host does not hold is read where it lies in the state.
            int guest = i.GetOpRegister(general).GetNumber(), host = HostOf(guest);
            operand = host < 0 ? HostOperand.Absolute(&s->Gpr[guest]) : HostOperand.Of(host);
        }
        int field = i.Mnemonic switch { Mnemonic.Blsr => 1, Mnemonic.Blsmsk => 2, Mnemonic.Blsi => 3, _ => register };
        emit.Vex(prefix, map, i.Op0Register.GetSize() == 8, opcode, field, second, operand);
        if (i.Mnemonic == Mnemonic.Rorx)
            emit.Byte(i.Immediate8);
        if (storesTarget)
            emit.Store(HostOperand.Absolute(&s->Gpr[target]), Scratch);
        if (writesBoth && takesSecond && other != target)
            emit.Store(HostOperand.Absolute(&s->Gpr[other]), Pointer);
    }
}
