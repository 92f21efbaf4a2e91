using System.Runtime.InteropServices;
using Iced.Intel;

namespace Domain;

/// <summary>
/// Turns guest code into operations, a block at a time. This file: the frame; the families follow in their own.
/// </summary>
internal sealed unsafe partial class BlockBuilder
{
    /// <summary>Instructions in a block at most.</summary>
    public const int MaxInstructions = 48;

    private const int MaxInstructionBytes = 15;

    private const int MaxCodeBytes = MaxInstructions * MaxInstructionBytes;

    // No instruction takes more than eight operations, and four more and a link where it is translated, which may be
    // twice; the last has up to two links behind it.
    public const int MaxSlots = MaxInstructions * 28 + 8;

    private readonly CpuState* s;
    private readonly PointerReader reader = new();
    private readonly Decoder decoder64, decoder32, decoder16;
    private readonly InstructionInfoFactory information = new();
    internal readonly Instruction[] instructions = new Instruction[MaxInstructions];
    private readonly bool[] refused = new bool[MaxInstructions];
    private readonly bool[] flagsDead = new bool[MaxInstructions];

    /// <summary>
    /// Arithmetic flags that each instruction reads, and that it may write, and that it writes whatever its count is.
    /// </summary>
    internal readonly RflagsBits[] flagsRead = new RflagsBits[MaxInstructions],
        flagsWritten = new RflagsBits[MaxInstructions], flagsKilled = new RflagsBits[MaxInstructions];
    private readonly bool[] links = new bool[MaxSlots];
    internal int count;
    private ulong rip;
    private int bytes;

    // State of the instruction being translated.
    private int current;
    private bool code64, segmented;
    private StackForm stack;
    private int mode;

    /// <summary>The operations, followed by the links of the last.</summary>
    public Op* Slots { get; }

    /// <summary>
    /// The bytes that were decoded last: a copy, so that what is translated is what was decoded, whatever becomes of
    /// memory meanwhile.
    /// </summary>
    public byte* Bytes { get; } = (byte*)NativeMemory.AllocZeroed(MaxCodeBytes);

    /// <summary>Operations, without links.</summary>
    public int OpCount { get; private set; }

    /// <summary>Operations and links.</summary>
    public int SlotCount { get; private set; }

    /// <summary>Instructions that nobody translates: how many, and the last.</summary>
    public ulong Unknown { get; private set; }

    public string LastUnknown { get; private set; } = "";

    public BlockBuilder(CpuState* s)
    {
        this.s = s;
        zeroOffset = Offset(s, &s->Zero);
        eaTempOffset = Offset(s, &s->EaTemp);
        tempOffset = Offset(s, &s->Temp);
        vectorOffset = Offset(s, s->Ymm);
        xmmTempOffset = Offset(s, s->XmmTemp);
        segmentBaseOffset = Offset(s, s->SegmentBase);
        fpuOffset = Offset(s, s->Fpu);
        mmxLeftOffset = Offset(s, s->MmxLeft);
        Slots = (Op*)NativeMemory.AlignedAlloc((nuint)(MaxSlots * sizeof(Op)), 64);
        // 0F 18 to 0F 1F are one space of no-operations; what CET and others made of some needs what CPUID does not
        // announce.
        decoder64 = Decoder.Create(64, reader, DecoderOptions.ForceReservedNop);
        decoder32 = Decoder.Create(32, reader, DecoderOptions.ForceReservedNop);
        decoder16 = Decoder.Create(16, reader, DecoderOptions.ForceReservedNop);
    }

    /// <summary>Bytes for the decoder.</summary>
    private sealed class PointerReader : CodeReader
    {
        public byte* At;
        public byte* End;

        public override int ReadByte() => At < End ? *At++ : -1;
    }

    /// <summary>
    /// Decodes from <paramref name="code"/>, at most <paramref name="available"/> bytes, as running at
    /// <paramref name="rip"/>.
    /// </summary>
    /// <remarks>
    /// <see cref="Interpret"/> must follow, or the translator, which asks for single instructions' operations.
    /// </remarks>
    /// <param name="throughBranches">go on behind conditional branches, for the translator</param>
    /// <returns>bytes decoded; 0 when not even one instruction ends within what is available</returns>
    public int Decode(byte* code, int available, ulong rip, int mode, bool throughBranches = false)
    {
        this.mode = mode;
        code64 = (mode & Cpu.ModeCode64) != 0;
        segmented = (mode & (Cpu.ModeSegmented | Cpu.ModeCode16)) != 0;
        stack = code64 ? StackForm.Wide : segmented ? StackForm.Segmented : StackForm.Flat;
        var decoder = code64 ? decoder64 : (mode & Cpu.ModeCode16) != 0 ? decoder16 : decoder32;
        int limit = (mode & Cpu.ModeSingle) != 0 ? 1 : MaxInstructions;
        available = System.Math.Min(available, MaxCodeBytes);
        System.Buffer.MemoryCopy(code, Bytes, MaxCodeBytes, available);
        reader.At = Bytes;
        reader.End = Bytes + available;
        decoder.IP = rip;
        count = 0;
        int bytes = 0;
        bool isBehindBranch = false;
        while (count < limit)
        {
            ref var instruction = ref instructions[count];
            decoder.Decode(out instruction);
            if (decoder.LastError == DecoderError.NoMoreBytes)
                break;
            // Perhaps nobody comes here: who does begins a block.
            var extensions = ExtensionTable.Of(in instruction);
            if (isBehindBranch && IsFirstUse(in instruction, extensions))
                break;
            refused[count] = IsRefused(in instruction, extensions);
            count++;
            if (instruction.Code == Code.INVALID)
            {
                bytes = (int)(reader.At - Bytes);
                break;
            }
            bytes += instruction.Length;
            bool goesOn = instruction.FlowControl == FlowControl.Next
                || (throughBranches && instruction.IsJccShortOrNear);
            if (!goesOn || instruction.Mnemonic == Mnemonic.Hlt)
                break;
            isBehindBranch |= instruction.FlowControl != FlowControl.Next;
        }
        if (count == 0)
            return 0;
        FindDeadFlags();
        this.rip = rip;
        this.bytes = bytes;
        return bytes;
    }

    /// <summary>Emits the operations of all that was decoded, and the way behind it.</summary>
    /// <param name="checksSecondPage">with <see cref="Jump.IntoSecondPage"/> first</param>
    public void Interpret(bool checksSecondPage)
    {
        Clear();
        if (checksSecondPage)
            Emit(&Jump.IntoSecondPage).Count = 0;
        bool ended = false;
        for (current = 0; current < count && !ended; current++)
        {
            if (current + 2 == count && TryFuse(in instructions[current], in instructions[current + 1]))
            {
                ended = true;
                break;
            }
            ended = Operations(current);
        }
        if (!ended)
        {
            current = count - 1;
            ref var op = ref Emit(&Jump.Direct);
            op.Rip = rip + (ulong)bytes;
            AddLink(rip + (ulong)bytes);
        }
    }

    /// <summary>Emits the operations of one instruction.</summary>
    /// <returns>whether it ends the block for good</returns>
    public bool Operations(int at)
    {
        current = at;
        ref readonly var i = ref instructions[at];
        // More than 15 bytes: the decoder stops there (SDM vol. 2, 2.3.11).
        return i.Code == Code.INVALID && bytes - (int)(i.IP - rip) >= MaxInstructionBytes
            ? RaiseAlways(ExceptionVector.GP) : refused[at] ? NotKnown(in i) : DecodeInstruction(in i);
    }

    /// <summary>
    /// Whether the 64-bit instruction in these bytes reaches <paramref name="address"/> through the stack segment.
    /// </summary>
    public bool IsStackOperand(byte* code, int available, ulong rip, ulong address)
    {
        reader.At = code;
        reader.End = code + available;
        decoder64.IP = rip;
        decoder64.Decode(out var instruction);
        foreach (var used in information.GetInfo(in instruction).GetUsedMemory())
        {
            // Prefixes of the other segments do not count in 64-bit code, those of FS and GS do.
            bool isStack = used.Segment is not (Register.FS or Register.GS) && used.Base is Register.RSP or Register.ESP
                or Register.RBP or Register.EBP;
            if (isStack && AddressOf(in used) is var at && address - at < 4096)
                return true;
        }
        return false;
    }

    private ulong AddressOf(in UsedMemory used)
    {
        ulong at = used.Displacement + s->Gpr[used.Base.GetNumber()];
        if (used.Index != Register.None)
            at += s->Gpr[used.Index.GetNumber()] * (ulong)used.Scale;
        return used.Base.GetSize() == 4 ? (uint)at : at;
    }

    /// <summary>The processor does not have the instruction, since its host does not.</summary>
    public bool IsRefused(int at) => refused[at];

    /// <summary>The processor has the extension, or all of them.</summary>
    private bool Has(Extensions extensions) => (s->Announced & extensions) == extensions;

    /// <summary>
    /// Of what the instruction belongs to, what is used when it is executed: all but TZCNT's.
    /// </summary>
    private Extensions UsedBy(in Instruction i, Extensions extensions)
    {
        if (extensions == Extensions.None)
            return extensions;
        // Vectors that are switched off are no use of them: the kernel may have a program stop there.
        bool isOff = (mode & Cpu.ModeNoAvx) != 0 && IsVex(in i);
        return i.Mnemonic == Mnemonic.Tzcnt || isOff ? Extensions.None : extensions;
    }

    /// <summary>To execute it is to use an extension that has not been used before.</summary>
    private bool IsFirstUse(in Instruction i, Extensions extensions) =>
        (UsedBy(in i, extensions) & s->Announced & ~s->Used) != Extensions.None;

    private bool IsRefused(in Instruction i, Extensions extensions)
    {
        if (!Has(extensions))
            return !ExtensionTable.IsScan(i.Mnemonic);
        s->Used |= UsedBy(in i, extensions);
        return false;
    }

    /// <summary>What <see cref="Emit"/> emits next belongs to this instruction.</summary>
    public void Select(int at) => current = at;

    /// <summary>Forgets all operations and links.</summary>
    public void Clear() => current = SlotCount = OpCount = 0;

    /// <summary>The slot is no operation.</summary>
    public bool IsLink(int slot) => links[slot];

    // A flag is dead where a later instruction of the block writes it before any reads it. A fault in between pushes
    // the stale value, which the same later instruction overwrites after the return.
    private void FindDeadFlags()
    {
        const RflagsBits arithmetic = RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF | RflagsBits.CF
            | RflagsBits.PF;
        var live = arithmetic;
        for (int at = count - 1; at >= 0; at--)
        {
            ref readonly var i = ref instructions[at];
            var written = i.RflagsModified & arithmetic;
            flagsDead[at] = written != 0 && (live & written) == 0;
            // A count of zero writes nothing.
            bool perhaps = i.HasRepPrefix || i.HasRepnePrefix || (i.OpCount > 0
                && i.GetOpKind(i.OpCount - 1) == OpKind.Register && i.GetOpRegister(i.OpCount - 1) == Register.CL);
            var killed = perhaps ? RflagsBits.None : written;
            var read = i.RflagsRead & arithmetic;
            flagsWritten[at] = written;
            flagsKilled[at] = killed;
            flagsRead[at] = read;
            live = live & ~killed | read;
            if (i.FlowControl != FlowControl.Next)
                live = arithmetic;
        }
    }

    internal ref Op Emit(Handler handler)
    {
        links[SlotCount] = false;
        ref var op = ref Slots[SlotCount++];
        OpCount = SlotCount;
        ref readonly var i = ref instructions[current];
        op = default;
        op.Handler = handler;
        op.Rip = i.IP;
        op.Length = (byte)i.Length;
        op.Count = (short)(current + 1);
        op.Base = op.Index = op.Dst = op.Src = zeroOffset;
        return ref op;
    }

    internal void AddLink(ulong rip)
    {
        links[SlotCount] = true;
        var link = (Link*)(Slots + SlotCount++);
        *(Op*)link = default;
        link->Rip = rip;
    }

    // ---- operands

    private readonly ushort zeroOffset, eaTempOffset, tempOffset, vectorOffset, xmmTempOffset,
        segmentBaseOffset, fpuOffset, mmxLeftOffset;

    private static ushort Offset(CpuState* s, void* field) => (ushort)((byte*)field - (byte*)s);

    /// <summary>Byte offset of a register in the state.</summary>
    private ushort Reg(Register register)
    {
        if (register is >= Register.AH and <= Register.BH)
            return (ushort)((register - Register.AH) * 8 + 1);
        if (register.IsXMM() || register.IsYMM())
            return (ushort)(vectorOffset + register.GetNumber() * 32);
        // Iced counts the byte registers through, AH–BH included.
        if (register is >= Register.SPL and <= Register.R15L)
            return (ushort)((register - Register.SPL + 4) * 8);
        return (ushort)(register.GetNumber() * 8);
    }

    private static bool IsMemory(in Instruction i, int operand) => i.GetOpKind(operand) == OpKind.Memory;

    private static bool IsRegister(in Instruction i, int operand) => i.GetOpKind(operand) == OpKind.Register;

    /// <summary>Logarithm of an operand's size in bytes.</summary>
    private static int Log(in Instruction i, int operand)
    {
        int bytes = i.GetOpKind(operand) switch
        {
            OpKind.Register => i.GetOpRegister(operand).GetSize(),
            OpKind.Memory => i.MemorySize.GetSize(),
            _ => 4,
        };
        return LogOf(bytes);
    }

    // Not BitOperations.Log2: without LZCNT the 10.0 compiler turns "Log2(x) == 0" into a test of BSR's zero flag,
    // which tells whether x was zero.
    private static int LogOf(int bytes) => bytes switch
    {
        1 => 0,
        2 => 1,
        4 => 2,
        16 => 4,
        _ => 3,
    };

    private static ulong Immediate(in Instruction i, int operand, int log) =>
        i.GetImmediate(operand) & (ulong.MaxValue >> (64 - (8 << log)));

    private struct Address
    {
        public AddressForm Form;
        public ushort Base, Index;
        public byte Scale;
        public int Disp;

        public readonly void Apply(ref Op op)
        {
            op.Base = Base;
            op.Index = Index;
            op.Scale = Scale;
            op.Disp = Disp;
        }
    }

    /// <summary>The address as the instruction spells it, without segment and wrap.</summary>
    private Address Plain(in Instruction i)
    {
        var address = new Address { Base = zeroOffset, Index = zeroOffset };
        if (i.IsIPRelativeMemoryOperand)
        {
            address.Form = AddressForm.Rip;
            address.Disp = (int)(i.MemoryDisplacement64 - i.IP);
            return address;
        }
        if (i.MemoryBase != Register.None)
            address.Base = Reg(i.MemoryBase);
        address.Disp = (int)i.MemoryDisplacement64;
        if (i.MemoryIndex != Register.None)
        {
            address.Form = AddressForm.Index;
            // XLAT's index is a byte, extended to Temp before.
            address.Index = i.MemoryIndex == Register.AL ? tempOffset : Reg(i.MemoryIndex);
            address.Scale = (byte)LogOf(i.MemoryIndexScale);
        }
        return address;
    }

    private bool IsNarrow(in Instruction i) =>
        !code64 || i.MemoryBase.GetSize() == 4 || i.MemoryIndex.GetSize() == 4;

    /// <summary>16-bit addresses.</summary>
    private static bool IsShort(in Instruction i) =>
        i.MemoryBase.GetSize() == 2 || i.MemoryIndex.GetSize() == 2
        || (i.MemoryBase == Register.None && i.MemoryIndex == Register.None && i.MemoryDisplSize == 2);

    /// <summary>The memory operand's address, computed ahead where one of the plain forms is not enough.</summary>
    private Address Ea(in Instruction i)
    {
        var plain = Plain(in i);
        var segment = i.MemorySegment;
        bool based = segment is Register.FS or Register.GS;
        bool narrow = IsNarrow(in i);
        // moffs with a 64-bit address.
        bool far = code64 && i.MemoryBase == Register.None && i.MemoryIndex == Register.None
            && (ulong)(int)i.MemoryDisplacement64 != i.MemoryDisplacement64
            && !i.IsIPRelativeMemoryOperand;
        if (far)
        {
            ref var load = ref Emit(&Move<Size64>.RegisterImmediate);
            load.Dst = eaTempOffset;
            load.Imm = i.MemoryDisplacement64;
            plain = new Address { Base = eaTempOffset, Index = zeroOffset };
        }
        if (!based && !narrow)
            return plain;
        if (!code64 && (segmented || based || segment == Register.CS || IsShort(in i)))
            return CheckedEa(in i, plain);
        ref var op = ref Emit(!code64 ? Pick.Address<OperandWrapped>(plain.Form)
            : narrow ? Pick.Address<OperandNarrow>(plain.Form) : Pick.Address<OperandSegmented>(plain.Form));
        plain.Apply(ref op);
        op.Src = based ? (ushort)(segmentBaseOffset + 8 * (segment == Register.FS ? Cpu.SegmentFs : Cpu.SegmentGs))
            : zeroOffset;
        return new Address { Base = eaTempOffset, Index = zeroOffset };
    }

    private Address CheckedEa(in Instruction i, Address plain)
    {
        ref var op = ref Emit(Pick.Address<OperandChecked>(plain.Form));
        plain.Apply(ref op);
        op.Src = (ushort)(i.MemorySegment - Register.ES);
        op.Dst = (ushort)System.Math.Max(i.MemorySize.GetSize(), 1);
        op.Imm = (IsShort(in i) ? ushort.MaxValue : uint.MaxValue) | (WritesMemory(in i) ? 1UL << 32 : 0);
        return new Address { Base = eaTempOffset, Index = zeroOffset };
    }

    private bool WritesMemory(in Instruction i)
    {
        foreach (var used in information.GetInfo(in i).GetUsedMemory())
        {
            if (used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite
                && used.Base == i.MemoryBase && used.Displacement == i.MemoryDisplacement64)
                return true;
        }
        return false;
    }

    /// <summary>Emits an operation on the memory operand.</summary>
    private ref Op EmitMemory<TPick>(in Instruction i, int log) where TPick : struct, IMemoryPick
    {
        var address = Ea(in i);
        ref var op = ref Emit(Pick.Memory<TPick>(log, address.Form));
        address.Apply(ref op);
        return ref op;
    }

    private ref Op EmitAddress<TPick>(in Instruction i) where TPick : struct, IAddressPick
    {
        var address = Ea(in i);
        ref var op = ref Emit(Pick.Address<TPick>(address.Form));
        address.Apply(ref op);
        return ref op;
    }

    /// <summary>Offset of an operand's value: its register, or the temporary it is loaded to.</summary>
    private ushort Source(in Instruction i, int operand)
    {
        if (!IsMemory(in i, operand))
            return Reg(i.GetOpRegister(operand));
        EmitMemory<OperandLoad>(in i, Log(in i, operand));
        return tempOffset;
    }

    /// <summary>
    /// As <see cref="Source"/>, for an operand that is also written: <see cref="Finish"/> must follow.
    /// </summary>
    private ushort Target(in Instruction i, int operand)
    {
        if (!IsMemory(in i, operand))
            return Reg(i.GetOpRegister(operand));
        EmitMemory<OperandLoadForWrite>(in i, Log(in i, operand));
        return tempOffset;
    }

    private void Finish(in Instruction i, int operand)
    {
        if (IsMemory(in i, operand))
            Emit(Pick.Size<OperandStoreBack>(Log(in i, operand)));
    }

    /// <summary>Offset to compute a write-only operand at; <see cref="FinishOutput"/> must follow.</summary>
    private ushort Output(in Instruction i, int operand) =>
        IsMemory(in i, operand) ? tempOffset : Reg(i.GetOpRegister(operand));

    private void FinishOutput(in Instruction i, int operand)
    {
        if (IsMemory(in i, operand))
            EmitMemory<OperandStore>(in i, Log(in i, operand));
    }

    private bool RaiseAlways(int vector)
    {
        ref var op = ref Emit(&SystemOps.RaiseException);
        op.Imm = (ulong)vector;
        return true;
    }

    private bool NotKnown(in Instruction i)
    {
        if (i.Code != Code.INVALID && i.Mnemonic is not (Mnemonic.Ud0 or Mnemonic.Ud1 or Mnemonic.Ud2))
        {
            Unknown++;
            LastUnknown = $"{i.Code} at {i.IP:x}";
        }
        return RaiseAlways(ExceptionVector.UD);
    }
}
