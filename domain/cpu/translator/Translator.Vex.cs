using System.Numerics;
using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>Instructions in VEX encoding on vectors, which the host executes with other general registers.</summary>
/// <remarks>
/// What they write they write whole: in 128-bit form the upper half becomes zero, in the host's register as in the
/// guest's. Whoever leaves a block that has used upper halves clears the host's, since encodings of SSE, of which all
/// other code consists, are slow while they hold anything; nobody relies on it.
/// </remarks>
internal sealed unsafe partial class Translator
{
    /// <summary>
    /// The upper halves of the host's registers may hold something: here, and anywhere in the block so far.
    /// </summary>
    private bool usesUpper, hasUsedUpper;

    private bool IsKnownVex(in Instruction i)
    {
        if ((mode & (Cpu.ModeNoAvx | Cpu.ModeNoFpu)) != 0 || !BlockBuilder.IsVex(in i))
            return false;
        if (BlockBuilder.IsSpecialVex(i.Mnemonic))
            return i.Mnemonic == Mnemonic.Vzeroupper;
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            bool isKnown = i.GetOpKind(operand) switch
            {
                OpKind.Register => true,
                OpKind.Memory => IsAddressKnown(in i, i.MemorySize.GetSize()),
                OpKind.Immediate8 => true,
                _ => false,
            };
            if (!isKnown)
                return false;
        }
        return true;
    }

    /// <summary>
    /// The halves of a vector register that an operand of that size is, as bits of <see cref="held"/>.
    /// </summary>
    private static uint Halves(Register register)
    {
        uint lower = 1u << register.GetNumber();
        return register.IsYMM() ? lower | lower << UpperBit : lower;
    }

    private void WriteVex(in Instruction i, HostOperand memory, bool hasMemory)
    {
        var parts = new VexEncoding(in i, code + (i.IP - rip));
        int general = -1;
        usesUpper = hasUsedUpper = true;
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            if (i.GetOpKind(operand) != OpKind.Register)
                continue;
            var register = i.GetOpRegister(operand);
            if (register.IsGPR())
                general = register.GetFullRegister().GetNumber();
            else if (operand != 0 || parts.ReadsFirst)
                Hold(Halves(register));
        }
        int field = parts.Register;
        int stored = -1;
        if (general >= 0 && parts.HasGeneralField)
        {
            field = HostOf(general);
            if (field < 0)
            {
                // Written, and 32-bit results clear the rest: what it was does not matter.
                if (hasMemory)
                    memory = WithoutScratchKeepingFlags(memory);
                field = Scratch;
                stored = general;
            }
        }
        var other = hasMemory ? memory : HostOperand.Of(parts.Other);
        if (general >= 0 && !parts.HasGeneralField)
        {
            int host = HostOf(general);
            if (host < 0)
            {
                host = Scratch;
                stored = Take(in i, general, Scratch) ? general : -1;
            }
            other = HostOperand.Of(host);
        }
        parts.Write(emit, field, other);
        bool writesVector = i.Op0Kind == OpKind.Register && !i.Op0Register.IsGPR() && !parts.Compares;
        if (writesVector)
        {
            uint lower = 1u << i.Op0Register.GetNumber();
            held |= lower | lower << UpperBit;
            dirty |= lower | lower << UpperBit;
        }
        if (stored >= 0)
            emit.Store(HostOperand.Absolute(&s->Gpr[stored]), Scratch);
    }

    private void Hold(uint needed)
    {
        LoadVectors(needed & ~held);
        held |= needed;
    }

    /// <summary>
    /// VZEROUPPER. A register of the host's, the same in both versions of the block, is the zero that goes to all upper
    /// halves of the state.
    /// </summary>
    private void ZeroUpper()
    {
        const int zero = CpuState.VectorRegisters - 1;
        const uint lower = 1u << zero;
        StoreVectors(dirty & lower);
        emit.ZeroUpper();
        emit.ModRm(0, false, Xorps, zero, HostOperand.Of(zero));
        for (int number = 0; number < CpuState.VectorRegisters; number++)
            emit.ModRm(0, false, MovapsStore, zero, Upper(number));
        held &= LowerBits & ~lower;
        dirty &= LowerBits & ~lower;
        usesUpper = false;
    }

    private const int Xorps = 0x0f57;
}
