using System.Collections.Generic;
using System.Numerics;
using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>SSE instructions, which the host executes as they are, under the guest's MXCSR (see HostFloat).</summary>
/// <remarks>
/// A block takes each of the guest's XMM registers that it needs from the state to the host's of the same number, once,
/// and brings what it has changed back wherever it is left.
/// </remarks>
internal sealed unsafe partial class Translator
{
    private const int MovapsLoad = 0x0f28, MovapsStore = 0x0f29;

    /// <summary>A way back from the interpreter to code that finds vector registers in the host's.</summary>
    private readonly record struct Reentry(int Slot, uint To, uint Held);

    private readonly List<Reentry> reentries = [];

    /// <summary>
    /// The vector registers, a bit each, whose values the host's have; and those of them that the state has not. The
    /// upper halves of the YMM registers are the bits from <see cref="UpperBit"/> on; they are held with the lower ones
    /// only.
    /// </summary>
    private uint held, dirty;

    private const int UpperBit = CpuState.VectorRegisters;
    private const uint LowerBits = (1u << UpperBit) - 1;

    private static bool IsVector(in Instruction i, int operand) =>
        i.GetOpKind(operand) == OpKind.Register && i.GetOpRegister(operand).IsXMM();

    private static bool UsesVectors(in Instruction i)
    {
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            if (IsVector(in i, operand))
                return true;
        }
        return false;
    }

    /// <summary>16 bytes that need not be aligned.</summary>
    private static bool MayBeUnaligned(Mnemonic mnemonic) =>
        mnemonic is Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqu or Mnemonic.Lddqu;

    private static bool MustBeAligned(in Instruction i) => i.Encoding == EncodingKind.VEX
        ? BlockBuilder.IsAlignedVex(i.Mnemonic) : i.MemorySize.GetSize() == 16 && !MayBeUnaligned(i.Mnemonic);

    /// <summary>Of those whose destination is a vector register, whether it is overwritten whatever it was.</summary>
    private static bool Overwrites(in Instruction i) => i.Mnemonic is Mnemonic.Movaps or Mnemonic.Movapd
        or Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqa or Mnemonic.Movdqu or Mnemonic.Movd or Mnemonic.Movq
        or Mnemonic.Pshufd || (i.Mnemonic is Mnemonic.Movss or Mnemonic.Movsd && i.Op1Kind == OpKind.Memory);

    private bool IsKnownVector(in Instruction i)
    {
        if ((mode & (Cpu.ModeNoSse | Cpu.ModeNoFpu)) != 0)
            return false;
        bool vector = false;
        int general = 0;
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            switch (i.GetOpKind(operand))
            {
                case OpKind.Register when i.GetOpRegister(operand).IsXMM():
                    vector = true;
                    break;
                case OpKind.Register when i.GetOpRegister(operand).IsGPR32() || i.GetOpRegister(operand).IsGPR64():
                    general++;
                    break;
                case OpKind.Memory when IsAddressKnown(in i, i.MemorySize.GetSize()):
                    break;
                case OpKind.Immediate8:
                    break;
                default:
                    return false;
            }
        }
        if (!vector || general > 1)
            return false;
        switch (i.Mnemonic)
        {
            case Mnemonic.Movaps or Mnemonic.Movapd or Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqa
                or Mnemonic.Movdqu or Mnemonic.Lddqu or Mnemonic.Movd or Mnemonic.Movq or Mnemonic.Movss
                or Mnemonic.Movsd or Mnemonic.Movlps or Mnemonic.Movhps or Mnemonic.Movlpd or Mnemonic.Movhpd
                or Mnemonic.Movhlps or Mnemonic.Movlhps or Mnemonic.Movntps or Mnemonic.Movntpd or Mnemonic.Movntdq
                or Mnemonic.Movmskps or Mnemonic.Movmskpd or Mnemonic.Pmovmskb or Mnemonic.Comiss or Mnemonic.Comisd
                or Mnemonic.Ucomiss or Mnemonic.Ucomisd or Mnemonic.Ptest or Mnemonic.Shufps or Mnemonic.Shufpd
                or Mnemonic.Pshufd or Mnemonic.Pshuflw or Mnemonic.Pshufhw or Mnemonic.Palignr or Mnemonic.Psllw
                or Mnemonic.Pslld or Mnemonic.Psllq or Mnemonic.Pslldq or Mnemonic.Psrlw or Mnemonic.Psrld
                or Mnemonic.Psrlq or Mnemonic.Psrldq or Mnemonic.Psraw or Mnemonic.Psrad or Mnemonic.Cmpps
                or Mnemonic.Cmppd or Mnemonic.Cmpss or Mnemonic.Cmpsd or Mnemonic.Cvtsi2ss or Mnemonic.Cvtsi2sd
                or Mnemonic.Cvtss2si or Mnemonic.Cvtsd2si or Mnemonic.Cvttss2si or Mnemonic.Cvttsd2si
                or Mnemonic.Pinsrb or Mnemonic.Pinsrw or Mnemonic.Pinsrd or Mnemonic.Pinsrq:
                return true;
        }
        return general == 0 && BlockBuilder.PlainVector(i.Mnemonic) != null;
    }

    /// <summary>The field for the register, not that for register or memory, names a general register.</summary>
    private static bool HasGeneralField(Mnemonic mnemonic) => mnemonic is Mnemonic.Movmskps or Mnemonic.Movmskpd
        or Mnemonic.Pmovmskb or Mnemonic.Cvtss2si or Mnemonic.Cvtsd2si or Mnemonic.Cvttss2si or Mnemonic.Cvttsd2si;

    private HostOperand Vector(int number) => HostOperand.Absolute(&s->Ymm[4 * number]);

    private HostOperand Upper(int number) => HostOperand.Absolute(&s->Ymm[4 * number + 2]);

    /// <summary>Leaves the flags and all other registers as they are.</summary>
    private void LoadVectors(uint registers)
    {
        uint upper = registers >> UpperBit;
        for (uint all = registers & LowerBits | upper; all != 0; all &= all - 1)
        {
            int number = BitOperations.TrailingZeroCount(all);
            bool isLower = (registers >> number & 1) != 0;
            bool isUpper = (upper >> number & 1) != 0;
            if (!isLower)
                emit.LoadUpper(number, Upper(number));
            else if (isUpper || usesUpper)
                emit.LoadVector(number, Vector(number), isUpper);
            else
                emit.ModRm(0, false, MovapsLoad, number, Vector(number));
        }
    }

    /// <summary>Leaves the flags and all registers as they are.</summary>
    private void StoreVectors(uint registers)
    {
        uint upper = registers >> UpperBit;
        for (uint all = registers & LowerBits | upper; all != 0; all &= all - 1)
        {
            int number = BitOperations.TrailingZeroCount(all);
            bool isLower = (registers >> number & 1) != 0;
            bool isUpper = (upper >> number & 1) != 0;
            if (!isLower)
                emit.StoreUpper(Upper(number), number);
            else if (isUpper || usesUpper)
                emit.StoreVector(Vector(number), number, isUpper);
            else
                emit.ModRm(0, false, MovapsStore, number, Vector(number));
        }
    }

    /// <summary>Brings the state up to date where every run of the block leaves it.</summary>
    private void KeepVectors()
    {
        StoreVectors(dirty);
        dirty = 0;
        if (usesUpper)
            emit.ZeroUpper();
        held &= LowerBits;
        usesUpper = false;
    }

    private void ForgetVectors() => held = dirty = 0;

    // The interpreter has the state only, and leaves nothing of what the host's registers held.
    private void EmitReentries()
    {
        foreach (var reentry in reentries)
        {
            builder.Slots[reentry.Slot].Imm = emit.Here;
            LoadVectors(reentry.Held);
            emit.Jump(reentry.To);
        }
    }

    /// <summary>Emits the instruction.</summary>
    private void WriteVector(in Instruction i, HostOperand memory, bool hasMemory)
    {
        byte* start = code + (i.IP - rip);
        byte* end = start + i.Length;
        var parts = Split(start);
        byte modRm = *parts.Rest;
        byte* immediate = AfterModRm(parts.Rest);
        bool group = parts.Opcode is 0x0f71 or 0x0f72 or 0x0f73;
        int field = modRm >> 3 & 7 | (parts.Rex & 4) << 1, second = modRm & 7 | (parts.Rex & 1) << 3;
        int stored = -1;
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            if (IsVector(in i, operand) && !(operand == 0 && Overwrites(in i)))
            {
                uint needed = 1u << i.GetOpRegister(operand).GetNumber();
                LoadVectors(needed & ~held);
                held |= needed;
            }
        }
        if (i.Mnemonic == Mnemonic.Sha256rnds2)
        {
            // Implied.
            LoadVectors(1 & ~held);
            held |= 1;
        }
        int register = group ? field & 7 : field;
        if (HasGeneralField(i.Mnemonic))
        {
            register = HostOf(field);
            if (register < 0)
            {
                // Written, and 32-bit results clear the rest: what it was does not matter.
                if (hasMemory)
                    memory = WithoutScratchKeepingFlags(memory);
                register = Scratch;
                stored = field;
            }
        }
        var other = memory;
        if (!hasMemory)
        {
            bool general = !HasGeneralField(i.Mnemonic) && (i.Op0Register.IsGPR() || (i.OpCount > 1
                && i.Op1Kind == OpKind.Register && i.Op1Register.IsGPR()));
            int host = second;
            if (general)
            {
                host = HostOf(second);
                if (host < 0)
                {
                    host = Scratch;
                    stored = Take(in i, second, Scratch) ? second : -1;
                }
            }
            other = HostOperand.Of(host);
        }
        if (parts.OperandSize != 0)
            emit.Byte(parts.OperandSize);
        emit.ModRm(parts.Repeat, parts.Wide, parts.Opcode, register, other);
        emit.Bytes(immediate, (int)(end - immediate));
        if (IsVector(in i, 0))
        {
            uint written = 1u << i.Op0Register.GetNumber();
            held |= written;
            dirty |= written;
        }
        if (stored >= 0)
            emit.Store(HostOperand.Absolute(&s->Gpr[stored]), Scratch);
    }
}
