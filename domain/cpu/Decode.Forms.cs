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
            ref var op = ref Emit(register ? Pick.Size<AluRegisterRegister<TRegister>>(log) : Pick.Size<AluRegisterImmediate<TRegister>>(log));
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

    /// <summary>Any destination, by way of the temporary when it is memory; the second operand is a register, memory, an immediate or missing.</summary>
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
        ref var op = ref Emit(register ? Pick.Size<AluRegisterRegister<TOp>>(log) : Pick.Size<AluRegisterImmediate<TOp>>(log));
        op.Dst = target;
        if (register)
            op.Src = Reg(i.Op1Register);
        else if (i.OpCount == 2)
            op.Imm = Immediate(in i, 1, log);
        Finish(in i, 0);
        return false;
    }

    private bool ShiftDouble<TImmediate, TCl>(in Instruction i) where TImmediate : struct, ISizePick where TCl : struct, ISizePick
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

    private bool TranslateMove(in Instruction i)
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
            ref var op = ref Emit(register ? Pick.Size<MoveRegisterRegister>(log) : Pick.Size<MoveRegisterImmediate>(log));
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

    private bool Widen<TRegister, TMemory>(in Instruction i) where TRegister : struct, ISizePick where TMemory : struct, IMemoryPick
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
        bool narrow = false;
        for (int operand = 0; operand < i.OpCount; operand++)
            narrow |= i.GetOpKind(operand) is OpKind.MemorySegESI or OpKind.MemoryESEDI or OpKind.MemorySegEDI;
        ref var op = ref Emit(Pick.Size<TPick>(log));
        op.Scale = narrow ? (byte)1 : (byte)0;
        op.Imm = i.HasRepnePrefix ? 2u : i.HasRepPrefix ? 1u : 0;
        op.Src = i.SegmentPrefix switch
        {
            Register.FS => (ushort)(segmentBaseOffset + 8 * Cpu.SegmentFs),
            Register.GS => (ushort)(segmentBaseOffset + 8 * Cpu.SegmentGs),
            _ => zeroOffset,
        };
        return false;
    }

    private bool Push(in Instruction i)
    {
        int log = i.Code is Code.Push_r16 or Code.Push_rm16 or Code.Push_imm16 or Code.Pushw_imm8 ? 1 : code64 ? 3 : 2;
        switch (i.Op0Kind)
        {
            case OpKind.Register when i.Op0Register.IsSegmentRegister():
            {
                ref var store = ref Emit(&SystemOps.StoreSegment);
                store.Imm = (ulong)(i.Op0Register - Register.ES);
                ref var op = ref Emit(code64 ? Pick.Size<StackPush<Stack64>>(log) : Pick.Size<StackPush<Stack32>>(log));
                op.Src = tempOffset;
                return false;
            }
            case OpKind.Register or OpKind.Memory:
            {
                ushort source = Source(in i, 0);
                ref var op = ref Emit(code64 ? Pick.Size<StackPush<Stack64>>(log) : Pick.Size<StackPush<Stack32>>(log));
                op.Src = source;
                return false;
            }
            default:
            {
                ref var op = ref Emit(code64 ? Pick.Size<StackPushImmediate<Stack64>>(log) : Pick.Size<StackPushImmediate<Stack32>>(log));
                op.Imm = i.GetImmediate(0);
                return false;
            }
        }
    }

    private bool Pop(in Instruction i)
    {
        int log = i.Code is Code.Pop_r16 or Code.Pop_rm16 ? 1 : code64 ? 3 : 2;
        if (IsRegister(in i, 0) && i.Op0Register.IsSegmentRegister())
        {
            Emit(code64 ? Pick.Size<StackPopTemp<Stack64>>(log) : Pick.Size<StackPopTemp<Stack32>>(log));
            ref var op = ref Emit(&SystemOps.PopSegment);
            op.Imm = (ulong)(i.Op0Register - Register.ES);
            op.Scale = (byte)(1 << log);
            return false;
        }
        if (IsRegister(in i, 0))
        {
            ref var op = ref Emit(code64 ? Pick.Size<StackPop<Stack64>>(log) : Pick.Size<StackPop<Stack32>>(log));
            op.Dst = Reg(i.Op0Register);
            return false;
        }
        Emit(code64 ? Pick.Size<StackPopTemp<Stack64>>(log) : Pick.Size<StackPopTemp<Stack32>>(log));
        EmitAddress<OperandCompute>(in i);
        ref var store = ref Emit(code64 ? Pick.Size<StackPopStore<Stack64>>(log) : Pick.Size<StackPopStore<Stack32>>(log));
        store.Imm = i.MemoryBase is Register.RSP or Register.ESP ? 1UL << log : 0;
        return false;
    }
}
