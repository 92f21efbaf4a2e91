using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>
/// Instructions that the host executes as the guest wrote them, with other registers and another memory operand.
/// </summary>
internal sealed unsafe partial class Translator
{
    /// <summary>An instruction's parts, as its bytes have them.</summary>
    private struct Encoding
    {
        /// <summary>0x66, 0xf2 or 0xf3 as far as they count; or 0.</summary>
        public byte OperandSize, Repeat;

        /// <summary>The REX prefix; 0: none.</summary>
        public byte Rex;

        /// <summary>With its escape bytes.</summary>
        public int Opcode;

        /// <summary>What follows the opcode.</summary>
        public byte* Rest;

        public readonly bool Wide => (Rex & 8) != 0;
    }

    private static Encoding Split(byte* at)
    {
        var result = default(Encoding);
        for (; ; at++)
        {
            byte value = *at;
            if (value == 0x66)
                result.OperandSize = value;
            else if (value is 0xf2 or 0xf3)
                result.Repeat = value;
            else if (value is >= 0x40 and <= 0x4f)
            {
                result.Rex = value;
                continue;
            }
            else if (value is not (0xf0 or 0x2e or 0x36 or 0x3e or 0x26 or 0x64 or 0x65 or 0x67))
                break;
            // A REX prefix counts directly before the opcode only.
            result.Rex = 0;
        }
        result.Opcode = *at++;
        if (result.Opcode == 0x0f)
        {
            result.Opcode = result.Opcode << 8 | *at++;
            if (result.Opcode is 0x0f38 or 0x0f3a)
                result.Opcode = result.Opcode << 8 | *at++;
        }
        result.Rest = at;
        return result;
    }

    private static int MemoryOperand(in Instruction i)
    {
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            if (i.GetOpKind(operand) == OpKind.Memory)
                return operand;
        }
        return -1;
    }

    /// <summary>Operands are registers, memory that can be reached, immediates; not both memory and AH to BH.</summary>
    private static bool HasKnownOperands(in Instruction i)
    {
        bool memory = false, high = false, stack = false;
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            switch (i.GetOpKind(operand))
            {
                case OpKind.Register:
                    var register = i.GetOpRegister(operand);
                    if (!register.IsGPR())
                        return false;
                    high |= register is >= Register.AH and <= Register.BH;
                    stack |= register is Register.SP or Register.ESP or Register.RSP;
                    break;
                case OpKind.Memory:
                    memory = true;
                    break;
                case OpKind.MemorySegSI or OpKind.MemorySegESI or OpKind.MemorySegRSI or OpKind.MemorySegDI
                    or OpKind.MemorySegEDI or OpKind.MemorySegRDI or OpKind.MemoryESDI or OpKind.MemoryESEDI
                    or OpKind.MemoryESRDI:
                    return false;
            }
        }
        if (high && (memory || stack))
            return false;
        return !memory || IsAddressKnown(in i, i.MemorySize.GetSize());
    }

    /// <summary>Whether the translator does the block's instruction.</summary>
    private bool IsKnown(int at) => known[at];

    private readonly bool[] known = new bool[BlockBuilder.MaxInstructions];

    /// <summary>Fills <see cref="known"/>, which is asked for several times of each instruction.</summary>
    private void FindKnown()
    {
        for (int at = 0; at < builder.count; at++)
        {
            ref readonly var i = ref builder.instructions[at];
            known[at] = !builder.IsRefused(at) && !builder.MayTrap(in i) && IsKnown(in i)
                && (i.Mnemonic != Mnemonic.Sti || at + 1 < builder.count);
        }
    }

    private bool IsKnown(in Instruction i)
    {
        if (i.Code == Code.INVALID)
            return false;
        if (i.Encoding != EncodingKind.Legacy)
            return IsBitManipulation(i.Mnemonic) ? HasKnownOperands(in i) : IsKnownVex(in i);
        if (IsKnownVector(in i) || IsKnownSystem(in i))
            return true;
        switch (i.Mnemonic)
        {
            case Mnemonic.Nop or Mnemonic.Reservednop or Mnemonic.Pause or Mnemonic.Lfence or Mnemonic.Mfence
                or Mnemonic.Sfence or Mnemonic.Clflush:
                return true;
            case Mnemonic.Lea:
                return i.Op0Register.GetSize() >= 4
                    && (i.IsIPRelativeMemoryOperand ? i.MemoryBase == Register.RIP : IsAddressKnown(in i, 1));
            case Mnemonic.Push:
                return i.StackPointerIncrement == -8
                    && (i.Op0Kind == OpKind.Register ? i.Op0Register.IsGPR() : i.Op0Kind != OpKind.Memory);
            case Mnemonic.Pop:
                return i.StackPointerIncrement == 8 && i.Op0Kind == OpKind.Register && i.Op0Register.IsGPR();
            case Mnemonic.Leave:
                return i.Code == Code.Leaveq;
            case Mnemonic.Jmp or Mnemonic.Call when i.Op0Kind == OpKind.NearBranch64 && !Cpu.IsCanonical(i.NearBranchTarget):
                return false;
            case Mnemonic.Call when !Cpu.IsCanonical(i.NextIP):
                // The RET to there faults.
                return false;
            case Mnemonic.Jmp or Mnemonic.Call:
                return i.Op0Kind == OpKind.NearBranch64
                    || i.Code is Code.Jmp_rm64 or Code.Call_rm64
                    && (i.Op0Kind == OpKind.Register || IsAddressKnown(in i, 8));
            case Mnemonic.Ret:
                return i.Code is Code.Retnq or Code.Retnq_imm16;
            case Mnemonic.Mov:
                // Not the forms with a 64-bit address.
                return HasKnownOperands(in i) && i.Code is not (Code.Mov_AL_moffs8 or Code.Mov_AX_moffs16
                    or Code.Mov_EAX_moffs32 or Code.Mov_RAX_moffs64 or Code.Mov_moffs8_AL or Code.Mov_moffs16_AX
                    or Code.Mov_moffs32_EAX or Code.Mov_moffs64_RAX);
            case Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc:
                // A bit string in memory reaches beyond its operand.
                return HasKnownOperands(in i) && (i.Op0Kind == OpKind.Register || i.Op1Kind != OpKind.Register);
            case Mnemonic.Add or Mnemonic.Or or Mnemonic.Adc or Mnemonic.Sbb or Mnemonic.And or Mnemonic.Sub
                or Mnemonic.Xor or Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Not or Mnemonic.Neg or Mnemonic.Inc
                or Mnemonic.Dec or Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol
                or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shld or Mnemonic.Shrd or Mnemonic.Imul
                or Mnemonic.Mul or Mnemonic.Movzx or Mnemonic.Movsx or Mnemonic.Movsxd or Mnemonic.Xchg
                or Mnemonic.Xadd or Mnemonic.Cmpxchg or Mnemonic.Bsf or Mnemonic.Bsr or Mnemonic.Tzcnt
                or Mnemonic.Lzcnt or Mnemonic.Popcnt or Mnemonic.Movbe or Mnemonic.Bswap or Mnemonic.Cbw or Mnemonic.Cwde
                or Mnemonic.Cdqe or Mnemonic.Cwd or Mnemonic.Cdq or Mnemonic.Cqo or Mnemonic.Clc or Mnemonic.Stc
                or Mnemonic.Cmc or Mnemonic.Lahf or Mnemonic.Sahf:
                return HasKnownOperands(in i);
            case Mnemonic.Crc32:
                return Sse42.IsSupported && HasKnownOperands(in i);
        }
        if (i.ConditionCode == ConditionCode.None)
            return false;
        if (i.FlowControl == FlowControl.ConditionalBranch)
            return i.IsJccShortOrNear && i.Op0Kind == OpKind.NearBranch64;
        // SETcc and CMOVcc.
        return i.Op0Kind is OpKind.Register or OpKind.Memory && HasKnownOperands(in i);
    }

    /// <summary>F2 or F3 belongs to the opcode. Without BMI1 and LZCNT their encodings are the older scans.</summary>
    private bool MeansPrefix(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Popcnt or Mnemonic.Crc32 => true,
        Mnemonic.Tzcnt => (s->Announced & Extensions.Bmi1) != 0,
        Mnemonic.Lzcnt => (s->Announced & Extensions.Lzcnt) != 0,
        _ => false,
    };

    private static bool WritesMemory(in Instruction i, int operand) =>
        operand == 0 && i.Mnemonic is not (Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Bt or Mnemonic.Mul
            or Mnemonic.Imul) || i.Mnemonic is Mnemonic.Xchg or Mnemonic.Xadd or Mnemonic.Cmpxchg;

    private void Copy(int at, in Instruction i)
    {
        var after = liveAfter[at];
        var written = builder.flagsWritten[at];
        var kept = after & ~builder.flagsKilled[at];
        bool leaves = (written & after) != 0;
        bool takes = builder.flagsRead[at] != 0 || (leaves && kept != 0);
        int memory = MemoryOperand(in i);
        bool direct = memory >= 0 && IsOpen(at);
        if (memory < 0 || direct)
        {
            if (takes)
                NeedFlags(at);
            else if (written != 0 && !leaves)
                KeepFlags(after);
            Write(in i, direct ? Reach(at) : default, direct);
            if (leaves)
                stateFlags = savedFlags = false;
            // An instruction that reads flags had all of them in the host's register before, and those that it does
            // not write stay there.
            if (written != 0)
                hostFlags = leaves || takes;
            return;
        }

        if (takes)
        {
            NeedFlags(at);
            if (!savedFlags)
                SaveFlags();
        }
        else
            KeepFlags(kept);
        bool opens = Opens(at);
        int slot = opens ? 0 : BeginSlowPath(at, leaves);
        hostFlags = false;
        HostOperand operand;
        if (opens)
            operand = Open(at, AddressOf(at));
        else
        {
            TakeOver(at);
            operand = Access(in i, i.MemorySize.GetSize(), WritesMemory(in i, memory), slot);
        }
        if (takes)
        {
            operand = WithoutScratch(operand);
            LoadFlags();
        }
        Write(in i, operand, true);
        if (!opens)
            EndSlowPath();
        hostFlags = leaves || (takes && opens);
        if (leaves)
            stateFlags = false;
        // The interpreter, which a slow path comes back from, leaves them in another form.
        savedFlags &= opens && !leaves;
    }

    /// <summary>Emits the instruction.</summary>
    private void Write(in Instruction i, HostOperand memory, bool hasMemory)
    {
        if (i.Encoding == EncodingKind.VEX)
        {
            if (IsBitManipulation(i.Mnemonic))
                WriteBitManipulation(in i, memory, hasMemory);
            else
                WriteVex(in i, memory, hasMemory);
            return;
        }
        if (UsesVectors(in i))
        {
            WriteVector(in i, memory, hasMemory);
            return;
        }
        byte* start = code + (i.IP - rip);
        byte* end = start + i.Length;
        var parts = Split(start);
        byte repeat = MeansPrefix(i.Mnemonic) ? parts.Repeat : (byte)0;
        if (!HasModRm(parts.Opcode))
        {
            WriteShort(in i, parts, end);
            return;
        }
        byte modRm = *parts.Rest;
        bool group = IsGroup(parts.Opcode);
        int field = modRm >> 3 & 7;
        byte* immediate = AfterModRm(parts.Rest);
        if (UsesHighByte(in i))
        {
            // Registers below 8, none of them RSP: all are where they were.
            if (repeat != 0)
                emit.Byte(repeat);
            emit.ModRm(parts.OperandSize, false, parts.Opcode, field, HostOperand.Of(modRm & 7));
            emit.Bytes(immediate, (int)(end - immediate));
            return;
        }
        int register = field;
        int first = -1;
        bool stores = false, storesSecond = false, direct = false;
        if (!group)
        {
            int guest = field | (parts.Rex & 4) << 1;
            register = HostOf(guest);
            if (register < 0)
            {
                if (hasMemory)
                    memory = WithoutScratchKeepingFlags(memory);
                first = guest;
                register = Scratch;
                stores = Take(in i, guest, Scratch);
            }
        }
        var operand = memory;
        int second = modRm & 7 | (parts.Rex & 1) << 3;
        if (!hasMemory)
        {
            int host = HostOf(second);
            direct = host < 0 && first != second && MayLieInState(in i, second);
            if (host < 0 && !direct)
            {
                // The same register twice must be one.
                host = first == second ? Scratch : Pointer;
                storesSecond = first != second && Take(in i, second, Pointer);
            }
            operand = direct ? HostOperand.Absolute(&s->Gpr[second]) : HostOperand.Of(host);
        }
        if (repeat != 0)
            emit.Byte(repeat);
        emit.ModRm(parts.OperandSize, parts.Wide, parts.Opcode, register, operand, parts.Rex != 0);
        emit.Bytes(immediate, (int)(end - immediate));
        if (stores)
            emit.Store(HostOperand.Absolute(&s->Gpr[first]), Scratch);
        if (storesSecond)
            emit.Store(HostOperand.Absolute(&s->Gpr[second]), Pointer);
    }

    /// <summary>
    /// Whether the register that the ModRM byte names where it could name memory, one that the host does not hold, can
    /// be used where it lies in the state: the instruction does the same with memory, and only reads it or writes
    /// 64 bits.
    /// </summary>
    private static bool MayLieInState(in Instruction i, int guest)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Cmp or Mnemonic.Test:
                return true;
            case Mnemonic.Mov or Mnemonic.Add or Mnemonic.Or or Mnemonic.Adc or Mnemonic.Sbb or Mnemonic.And
                or Mnemonic.Sub or Mnemonic.Xor or Mnemonic.Not or Mnemonic.Neg or Mnemonic.Inc or Mnemonic.Dec
                or Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Imul or Mnemonic.Movzx
                or Mnemonic.Movsx or Mnemonic.Movsxd:
                // 32 bits that are written clear the others, which they do not in memory.
                var first = i.Op0Register;
                return !first.IsGPR() || first.GetFullRegister().GetNumber() != guest || first.IsGPR64();
            default:
                return false;
        }
    }

    /// <summary>
    /// Brings a guest register that the host does not hold to a scratch register, where the instruction needs its value.
    /// </summary>
    /// <returns>whether the instruction writes it: then the scratch register must be stored behind it</returns>
    private bool Take(in Instruction i, int guest, int scratch)
    {
        // The scans leave their destination as it was when they find nothing.
        bool reads = i.Mnemonic is Mnemonic.Bsf or Mnemonic.Bsr or Mnemonic.Tzcnt or Mnemonic.Lzcnt;
        bool writes = false;
        foreach (var used in information.GetInfo(in i).GetUsedRegisters())
        {
            if (!used.Register.IsGPR() || used.Register.GetFullRegister().GetNumber() != guest)
                continue;
            bool written = used.Access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.NoMemAccess);
            writes |= written;
            // What writes less than 32 bits keeps the others.
            reads |= used.Access != OpAccess.Write || used.Register.GetSize() < 4;
        }
        if (reads)
            emit.Load(scratch, HostOperand.Absolute(&s->Gpr[guest]));
        return writes;
    }

    private HostOperand WithoutScratchKeepingFlags(in HostOperand operand)
    {
        if (operand.Index != Scratch)
            return operand;
        emit.Lea(Pointer, HostOperand.At(Pointer, Scratch, 0, 0));
        return HostOperand.At(Pointer, operand.Displacement);
    }

    private static bool UsesHighByte(in Instruction i)
    {
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            if (i.GetOpKind(operand) == OpKind.Register
                && i.GetOpRegister(operand) is >= Register.AH and <= Register.BH)
                return true;
        }
        return false;
    }

    // Of the instructions that are copied: what is at a register in the opcode, or has implied ones only.
    private static bool HasModRm(int opcode) => opcode switch
    {
        0x04 or 0x05 or 0x0c or 0x0d or 0x14 or 0x15 or 0x1c or 0x1d or 0x24 or 0x25 or 0x2c or 0x2d or 0x34 or 0x35
            or 0x3c or 0x3d or 0xa8 or 0xa9 => false,
        >= 0x90 and <= 0x99 or 0x9e or 0x9f or 0xf5 or 0xf8 or 0xf9 => false,
        >= 0xb0 and <= 0xbf or >= 0x0fc8 and <= 0x0fcf => false,
        _ => true,
    };

    /// <summary>The ModRM byte's register field is part of the opcode.</summary>
    private static bool IsGroup(int opcode) =>
        opcode is 0x80 or 0x81 or 0x83 or 0xc0 or 0xc1 or (>= 0xd0 and <= 0xd3) or 0xf6 or 0xf7 or 0xfe or 0xff or 0xc6
            or 0xc7 or 0x0fba or (>= 0x0f90 and <= 0x0f9f);

    private static byte* AfterModRm(byte* at)
    {
        int mod = *at >> 6, rm = *at & 7;
        at++;
        if (mod == 3)
            return at;
        int @base = rm;
        if (rm == 4)
        {
            @base = *at & 7;
            at++;
        }
        return at + (mod == 1 ? 1 : mod == 2 || @base == 5 ? 4 : 0);
    }

    /// <summary>An instruction without a ModRM byte.</summary>
    private void WriteShort(in Instruction i, in Encoding parts, byte* end)
    {
        int rexBits = parts.Rex & 8;
        int opcode = parts.Opcode;
        bool inOpcode = opcode is >= 0x90 and <= 0x97 or >= 0xb0 and <= 0xbf or >= 0x0fc8 and <= 0x0fcf;
        int guest = opcode & 7 | (parts.Rex & 1) << 3;
        bool stores = false;
        if (inOpcode && !UsesHighByte(in i))
        {
            int host = HostOf(guest);
            if (host < 0)
            {
                host = Scratch;
                stores = Take(in i, guest, Scratch);
            }
            opcode = opcode & ~7 | host & 7;
            rexBits |= host >> 3;
        }
        if (parts.OperandSize != 0)
            emit.Byte(parts.OperandSize);
        if (rexBits != 0 || parts.Rex != 0)
            emit.Byte(0x40 | rexBits);
        if (opcode > 0xff)
            emit.Byte(opcode >> 8);
        emit.Byte(opcode);
        emit.Bytes(parts.Rest, (int)(end - parts.Rest));
        if (stores)
            emit.Store(HostOperand.Absolute(&s->Gpr[guest]), Scratch);
    }
}
