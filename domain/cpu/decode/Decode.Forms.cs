using Iced.Intel;

namespace Domain;

/// <summary>Integer instructions by the shape of their operands.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private bool Binary<TOp, TRegister>(in Instruction i) where TOp : struct, IAlu where TRegister : struct, IAlu
    {
        int log = Log(in i, 0);
        if (IsRegister(in i, 0))
        {
            if (IsMemory(in i, 1))
            {
                ref var load = ref EmitMemory<AluRegisterMemory<TOp>>(in i, log);
                load.Dst = Reg(i.Op0Register);
                return false;
            }
            bool register = IsRegister(in i, 1);
            ref var op = ref Emit(register ? Pick.Size<AluRegisterRegister<TRegister>>(log)
                : Pick.Size<AluRegisterImmediate<TRegister>>(log));
            op.Dst = Reg(i.Op0Register);
            if (register)
                op.Src = Reg(i.Op1Register);
            else
                op.Imm = Immediate(in i, 1, log);
            return false;
        }
        if (IsRegister(in i, 1))
        {
            ref var op = ref EmitMemory<AluMemoryRegister<TOp>>(in i, log);
            op.Src = Reg(i.Op1Register);
        }
        else
        {
            ref var op = ref EmitMemory<AluMemoryImmediate<TOp>>(in i, log);
            op.Imm = Immediate(in i, 1, log);
        }
        return false;
    }

    private bool Unary<TOp, TRegister>(in Instruction i) where TOp : struct, IAlu where TRegister : struct, IAlu
    {
        int log = Log(in i, 0);
        if (IsMemory(in i, 0))
        {
            EmitMemory<AluMemoryImmediate<TOp>>(in i, log);
            return false;
        }
        ref var op = ref Emit(Pick.Size<AluRegisterImmediate<TRegister>>(log));
        op.Dst = Reg(i.Op0Register);
        return false;
    }

    /// <summary>
    /// Any destination, by way of the temporary when it is memory; the second operand is a register, memory, an
    /// immediate or missing.
    /// </summary>
    private bool Through<TOp>(in Instruction i) where TOp : struct, IAlu
    {
        int log = Log(in i, 0);
        if (i.OpCount == 2 && IsMemory(in i, 1))
        {
            ushort source = Source(in i, 1);
            ref var load = ref Emit(Pick.Size<AluRegisterRegister<TOp>>(log));
            load.Dst = Reg(i.Op0Register);
            load.Src = source;
            return false;
        }
        ushort target = Target(in i, 0);
        bool register = i.OpCount == 2 && IsRegister(in i, 1);
        ref var op = ref Emit(register ? Pick.Size<AluRegisterRegister<TOp>>(log)
            : Pick.Size<AluRegisterImmediate<TOp>>(log));
        op.Dst = target;
        if (register)
            op.Src = Reg(i.Op1Register);
        else if (i.OpCount == 2)
            op.Imm = Immediate(in i, 1, log);
        Finish(in i, 0);
        return false;
    }

    private bool ShiftDouble<TImmediate, TCl>(in Instruction i) where TImmediate : struct, ISizePick
        where TCl : struct, ISizePick
    {
        int log = Log(in i, 0);
        ushort target = Target(in i, 0);
        bool cl = IsRegister(in i, 2);
        ref var op = ref Emit(cl ? Pick.Size<TCl>(log) : Pick.Size<TImmediate>(log));
        op.Dst = target;
        op.Src = Reg(i.Op1Register);
        if (!cl)
            op.Imm = i.Immediate8;
        Finish(in i, 0);
        return false;
    }

    private bool DecodeMove(in Instruction i)
    {
        if ((IsRegister(in i, 0) && !i.Op0Register.IsGPR()) || (IsRegister(in i, 1) && !i.Op1Register.IsGPR()))
            return MoveSystemRegister(in i);
        int log = Log(in i, 0);
        if (IsRegister(in i, 0))
        {
            if (IsMemory(in i, 1))
            {
                ref var load = ref EmitMemory<MoveMemoryRegisterMemory>(in i, log);
                load.Dst = Reg(i.Op0Register);
                return false;
            }
            bool register = IsRegister(in i, 1);
            ref var op = ref Emit(register ? Pick.Size<MoveRegisterRegister>(log)
                : Pick.Size<MoveRegisterImmediate>(log));
            op.Dst = Reg(i.Op0Register);
            if (register)
                op.Src = Reg(i.Op1Register);
            else
                op.Imm = Immediate(in i, 1, log);
            return false;
        }
        if (IsRegister(in i, 1))
        {
            ref var op = ref EmitMemory<MoveMemoryMemoryRegister>(in i, log);
            op.Src = Reg(i.Op1Register);
        }
        else
        {
            ref var op = ref EmitMemory<MoveMemoryMemoryImmediate>(in i, log);
            op.Imm = Immediate(in i, 1, log);
        }
        return false;
    }

    private bool Widen<TRegister, TMemory>(in Instruction i) where TRegister : struct, ISizePick
        where TMemory : struct, IMemoryPick
    {
        int log = Log(in i, 0);
        if (IsMemory(in i, 1))
        {
            ref var load = ref EmitMemory<TMemory>(in i, log);
            load.Dst = Reg(i.Op0Register);
            return false;
        }
        ref var op = ref Emit(Pick.Size<TRegister>(log));
        op.Dst = Reg(i.Op0Register);
        op.Src = Reg(i.Op1Register);
        return false;
    }

    private bool FromAccumulator<TPick>(in Instruction i) where TPick : struct, ISizePick
    {
        ushort source = Source(in i, 0);
        ref var op = ref Emit(Pick.Size<TPick>(Log(in i, 0)));
        op.Src = source;
        return false;
    }

    private bool RegisterFrom<TPick>(in Instruction i) where TPick : struct, ISizePick
    {
        ushort source = Source(in i, 1);
        ref var op = ref Emit(Pick.Size<TPick>(Log(in i, 0)));
        op.Dst = Reg(i.Op0Register);
        op.Src = source;
        return false;
    }

    private bool Exchanging<TPick>(in Instruction i) where TPick : struct, ISizePick
    {
        ushort target = Target(in i, 0);
        ref var op = ref Emit(Pick.Size<TPick>(Log(in i, 0)));
        op.Dst = target;
        op.Src = Reg(i.Op1Register);
        Finish(in i, 0);
        return false;
    }

    private bool BitTest(in Instruction i, byte kind)
    {
        int log = Log(in i, 0);
        if (IsMemory(in i, 0) && IsRegister(in i, 1))
        {
            EmitAddress<OperandCompute>(in i);
            ref var test = ref Emit(Pick.Size<BitsTestMemory>(log));
            test.Src = Reg(i.Op1Register);
            test.Scale = kind;
            return false;
        }
        ushort target = kind == 0 ? Source(in i, 0) : Target(in i, 0);
        bool register = IsRegister(in i, 1);
        ref var op = ref Emit(register ? Pick.Size<BitsTestRegister>(log) : Pick.Size<BitsTestImmediate>(log));
        op.Dst = target;
        op.Scale = kind;
        if (register)
            op.Src = Reg(i.Op1Register);
        else
            op.Imm = i.Immediate8;
        if (kind != 0)
            Finish(in i, 0);
        return false;
    }

    private bool StringOp<TPick>(in Instruction i) where TPick : struct, ISizePick
    {
        int log = LogOf(i.MemorySize.GetSize());
        byte narrow = 0;
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            var kind = i.GetOpKind(operand);
            if (kind is OpKind.MemorySegESI or OpKind.MemoryESEDI or OpKind.MemorySegEDI)
                narrow = StringAddress.Narrow;
            else if (kind is OpKind.MemorySegSI or OpKind.MemoryESDI or OpKind.MemorySegDI)
                narrow = StringAddress.Short;
        }
        ref var op = ref Emit(Pick.Size<TPick>(log));
        op.Scale = narrow;
        op.Imm = i.HasRepnePrefix ? 2u : i.HasRepPrefix ? 1u : 0;
        int segment = i.SegmentPrefix == Register.None ? Cpu.SegmentDs : i.SegmentPrefix - Register.ES;
        op.Index = (ushort)segment;
        bool based = code64 ? segment >= Cpu.SegmentFs : segmented || segment is Cpu.SegmentCs or >= Cpu.SegmentFs;
        op.Src = based ? (ushort)(segmentBaseOffset + 8 * segment) : zeroOffset;
        op.Base = !code64 && segmented ? (ushort)(segmentBaseOffset + 8 * Cpu.SegmentEs) : zeroOffset;
        op.Disp = !code64 && based ? 1 : 0;
        return false;
    }

    private bool Push(in Instruction i)
    {
        int log = LogOf(System.Math.Abs(i.StackPointerIncrement));
        switch (i.Op0Kind)
        {
            case OpKind.Register when i.Op0Register.IsSegmentRegister():
            {
                ref var store = ref Emit(&SystemOps.StoreSegment);
                store.Imm = (ulong)(i.Op0Register - Register.ES);
                Emit(Pick.Stack<StackPush>(stack, log)).Src = tempOffset;
                return false;
            }
            case OpKind.Register or OpKind.Memory:
            {
                ushort source = Source(in i, 0);
                Emit(Pick.Stack<StackPush>(stack, log)).Src = source;
                return false;
            }
            default:
                Emit(Pick.Stack<StackPushImmediate>(stack, log)).Imm = i.GetImmediate(0);
                return false;
        }
    }

    private bool Pop(in Instruction i)
    {
        int log = LogOf(System.Math.Abs(i.StackPointerIncrement));
        if (IsRegister(in i, 0) && i.Op0Register.IsSegmentRegister())
        {
            Emit(Pick.Stack<StackPopTemp>(stack, log));
            Emit(Pick.Stack<StackPopSegment>(stack, log)).Imm = (ulong)(i.Op0Register - Register.ES);
            return true;
        }
        if (IsRegister(in i, 0))
        {
            Emit(Pick.Stack<StackPop>(stack, log)).Dst = Reg(i.Op0Register);
            return false;
        }
        Emit(Pick.Stack<StackPopTemp>(stack, log));
        EmitAddress<OperandCompute>(in i);
        Emit(Pick.Stack<StackPopStore>(stack, log)).Imm = i.MemoryBase is Register.RSP or Register.ESP ? 1UL << log : 0;
        return false;
    }
}
