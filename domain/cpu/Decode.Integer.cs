using Iced.Intel;

namespace Domain;

/// <summary>Integer instructions and branches.</summary>
internal sealed unsafe partial class BlockBuilder
{
    /// <summary>Emits the operations of one instruction.</summary>
    /// <returns>whether it ends the block for good</returns>
    private bool Translate(in Instruction i)
    {
        bool dead = flagsDead[current];
        switch (i.Mnemonic)
        {
            case Mnemonic.Add:
                return dead ? Binary<AluAdd, PlainAdd>(in i) : Binary<AluAdd, AluAdd>(in i);
            case Mnemonic.Sub:
                return dead ? Binary<AluSub, PlainSub>(in i) : Binary<AluSub, AluSub>(in i);
            case Mnemonic.And:
                return dead ? Binary<AluAnd, PlainAnd>(in i) : Binary<AluAnd, AluAnd>(in i);
            case Mnemonic.Or:
                return dead ? Binary<AluOr, PlainOr>(in i) : Binary<AluOr, AluOr>(in i);
            case Mnemonic.Xor:
                return dead ? Binary<AluXor, PlainXor>(in i) : Binary<AluXor, AluXor>(in i);
            case Mnemonic.Cmp:
                return Binary<AluCmp, AluCmp>(in i);
            case Mnemonic.Test:
                return Binary<AluTest, AluTest>(in i);
            case Mnemonic.Adc:
                return Through<AluAdc>(in i);
            case Mnemonic.Sbb:
                return Through<AluSbb>(in i);
            case Mnemonic.Inc:
                return dead ? Unary<AluInc, PlainInc>(in i) : Unary<AluInc, AluInc>(in i);
            case Mnemonic.Dec:
                return dead ? Unary<AluDec, PlainDec>(in i) : Unary<AluDec, AluDec>(in i);
            case Mnemonic.Neg:
                return Through<AluNeg>(in i);
            case Mnemonic.Not:
                return Through<AluNot>(in i);
            case Mnemonic.Shl or Mnemonic.Sal:
                return dead ? Through<PlainShiftLeft>(in i) : Through<ShiftLeft>(in i);
            case Mnemonic.Shr:
                return dead ? Through<PlainShiftRight>(in i) : Through<ShiftRight>(in i);
            case Mnemonic.Sar:
                return dead ? Through<PlainShiftArithmetic>(in i) : Through<ShiftArithmetic>(in i);
            case Mnemonic.Rol:
                return Through<RotateLeft>(in i);
            case Mnemonic.Ror:
                return Through<RotateRight>(in i);
            case Mnemonic.Rcl:
                return Through<RotateCarryLeft>(in i);
            case Mnemonic.Rcr:
                return Through<RotateCarryRight>(in i);
            case Mnemonic.Shld:
                return ShiftDouble<DoubleShiftLeft, DoubleShiftLeftByCl>(in i);
            case Mnemonic.Shrd:
                return ShiftDouble<DoubleShiftRight, DoubleShiftRightByCl>(in i);

            case Mnemonic.Mov:
                return TranslateMove(in i);
            case Mnemonic.Movzx:
                return Log(in i, 1) == 0
                    ? Widen<ExtendZero<Size8>, ExtendMemoryZero<Size8>>(in i)
                    : Widen<ExtendZero<Size16>, ExtendMemoryZero<Size16>>(in i);
            case Mnemonic.Movsx or Mnemonic.Movsxd:
                return Log(in i, 1) switch
                {
                    0 => Widen<ExtendSign<Size8>, ExtendMemorySign<Size8>>(in i),
                    1 => Widen<ExtendSign<Size16>, ExtendMemorySign<Size16>>(in i),
                    _ => Widen<ExtendSign<Size32>, ExtendMemorySign<Size32>>(in i),
                };
            case Mnemonic.Lea:
            {
                var address = Plain(in i);
                int log = Log(in i, 0);
                ref var op = ref Emit(IsNarrow(in i) && !i.IsIPRelativeMemoryOperand
                    ? Pick.Memory<MoveMemoryLoadNarrowAddress>(log, address.Form)
                    : Pick.Memory<MoveMemoryLoadAddress>(log, address.Form));
                address.Apply(ref op);
                op.Dst = Reg(i.Op0Register);
                return false;
            }
            case Mnemonic.Xchg:
            {
                int memory = IsMemory(in i, 0) ? 0 : IsMemory(in i, 1) ? 1 : -1;
                int log = Log(in i, 0);
                if (memory < 0)
                {
                    ref var op = ref Emit(Pick.Size<MoveExchange>(log));
                    op.Dst = Reg(i.Op0Register);
                    op.Src = Reg(i.Op1Register);
                }
                else
                {
                    ref var op = ref EmitMemory<MoveMemoryExchange>(in i, log);
                    op.Src = Reg(i.GetOpRegister(1 - memory));
                }
                return false;
            }
            case Mnemonic.Bswap:
            {
                ref var op = ref Emit(Pick.Size<MoveByteSwap>(Log(in i, 0)));
                op.Dst = Reg(i.Op0Register);
                return false;
            }
            case Mnemonic.Cbw: Emit(&Move.Cbw); return false;
            case Mnemonic.Cwde: Emit(&Move.Cwde); return false;
            case Mnemonic.Cdqe: Emit(&Move.Cdqe); return false;
            case Mnemonic.Cwd: Emit(&Move.Cwd); return false;
            case Mnemonic.Cdq: Emit(&Move.Cdq); return false;
            case Mnemonic.Cqo: Emit(&Move.Cqo); return false;
            case Mnemonic.Nop or Mnemonic.Pause or Mnemonic.Endbr64 or Mnemonic.Endbr32 or Mnemonic.Lfence or Mnemonic.Mfence or Mnemonic.Sfence
                or Mnemonic.Prefetchnta or Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1 or Mnemonic.Prefetcht2 or Mnemonic.Prefetchw
                or Mnemonic.Prefetch or Mnemonic.Clflush or Mnemonic.Reservednop:
                Emit(&Move.Nop);
                return false;

            case Mnemonic.Mul: return FromAccumulator<DivMulMultiply>(in i);
            case Mnemonic.Div: return FromAccumulator<DivMulDivide>(in i);
            case Mnemonic.Idiv: return FromAccumulator<DivMulDivideSigned>(in i);
            case Mnemonic.Imul:
                if (i.OpCount == 1)
                    return FromAccumulator<DivMulMultiplySigned>(in i);
                else
                {
                    ushort source = Source(in i, 1);
                    int log = Log(in i, 0);
                    ref var op = ref Emit(i.OpCount == 2 ? Pick.Size<DivMulMultiplyTwo>(log) : Pick.Size<DivMulMultiplyThree>(log));
                    op.Dst = Reg(i.Op0Register);
                    op.Src = source;
                    if (i.OpCount == 3)
                        op.Imm = Immediate(in i, 2, log);
                    return false;
                }

            case Mnemonic.Bt: return BitTest(in i, 0);
            case Mnemonic.Bts: return BitTest(in i, 1);
            case Mnemonic.Btr: return BitTest(in i, 2);
            case Mnemonic.Btc: return BitTest(in i, 3);
            // Without BMI1 and LZCNT, which are not announced, their encodings are the older scans.
            case Mnemonic.Bsf or Mnemonic.Tzcnt: return RegisterFrom<BitsScanForward>(in i);
            case Mnemonic.Bsr or Mnemonic.Lzcnt: return RegisterFrom<BitsScanReverse>(in i);
            case Mnemonic.Popcnt: return RegisterFrom<BitsCount>(in i);
            case Mnemonic.Cmpxchg: return Exchanging<BitsCompareExchange>(in i);
            case Mnemonic.Xadd: return Exchanging<BitsExchangeAdd>(in i);
            case Mnemonic.Cmpxchg8b: EmitAddress<OperandCompute>(in i); Emit(&Bits.CompareExchange8); return false;
            case Mnemonic.Cmpxchg16b: EmitAddress<OperandCompute>(in i); Emit(&Bits.CompareExchange16); return false;

            case Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsq: return StringOp<StringMove>(in i);
            case Mnemonic.Movsd when i.Op0Kind != OpKind.Register && i.Op0Kind != OpKind.Memory: return StringOp<StringMove>(in i);
            case Mnemonic.Stosb or Mnemonic.Stosw or Mnemonic.Stosd or Mnemonic.Stosq: return StringOp<StringStore>(in i);
            case Mnemonic.Lodsb or Mnemonic.Lodsw or Mnemonic.Lodsd or Mnemonic.Lodsq: return StringOp<StringLoad>(in i);
            case Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd or Mnemonic.Scasq: return StringOp<StringScan>(in i);
            case Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsq: return StringOp<StringCompare>(in i);
            case Mnemonic.Cmpsd when i.Op0Kind != OpKind.Register: return StringOp<StringCompare>(in i);
            case Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd: return StringOp<StringInput>(in i);
            case Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd: return StringOp<StringOutput>(in i);

            case Mnemonic.Push: return Push(in i);
            case Mnemonic.Pop: return Pop(in i);
            case Mnemonic.Leave: Emit(code64 ? &Stack<Stack64>.Leave : &Stack<Stack32>.Leave); return false;
            case Mnemonic.Enter when i.Immediate8_2nd == 0:
            {
                ref var op = ref Emit(code64 ? &Stack<Stack64>.Enter : &Stack<Stack32>.Enter);
                op.Imm = i.Immediate16;
                return false;
            }
            case Mnemonic.Pushfq or Mnemonic.Pushfd: Emit(code64 ? &Stack<Stack64>.PushFlags : &Stack<Stack32>.PushFlags); return false;
            case Mnemonic.Popfq or Mnemonic.Popfd: Emit(code64 ? &Stack<Stack64>.PopFlags : &Stack<Stack32>.PopFlags); return false;

            case Mnemonic.Jmp: return TranslateJump(in i);
            case Mnemonic.Call: return TranslateCall(in i);
            case Mnemonic.Ret:
            {
                ref var op = ref Emit(code64 ? &Jump.Return<Stack64> : &Jump.Return<Stack32>);
                op.Imm = i.OpCount == 1 ? i.Immediate16 : 0u;
                return true;
            }
            case Mnemonic.Loop or Mnemonic.Loope or Mnemonic.Loopne or Mnemonic.Jrcxz or Mnemonic.Jecxz:
            {
                bool narrow = i.Mnemonic == Mnemonic.Jecxz || i.Code is Code.Loop_rel8_64_ECX or Code.Loope_rel8_64_ECX or Code.Loopne_rel8_64_ECX
                    or Code.Loop_rel8_32_ECX or Code.Loope_rel8_32_ECX or Code.Loopne_rel8_32_ECX;
                ref var op = ref Emit(narrow ? &Jump.Loop<Size32> : &Jump.Loop<Size64>);
                op.Imm = i.Mnemonic switch { Mnemonic.Loop => 0, Mnemonic.Loope => 1u, Mnemonic.Loopne => 2, _ => 3 };
                AddLink(i.NearBranchTarget);
                AddLink(i.NextIP);
                return true;
            }
        }

        int condition = (int)i.ConditionCode - 1;
        if (condition >= 0)
        {
            if (i.FlowControl == FlowControl.ConditionalBranch)
            {
                Emit(Pick.Condition<JumpConditional>(condition));
                AddLink(i.NearBranchTarget);
                AddLink(i.NextIP);
                return true;
            }
            if (i.OpCount == 1)
            {
                ref var op = ref Emit(&Move.Set);
                op.Imm = (ulong)condition;
                op.Dst = Output(in i, 0);
                FinishOutput(in i, 0);
                return false;
            }
            if (i.OpCount == 2 && IsRegister(in i, 0) && i.Op0Register.IsGPR())
            {
                ushort source = Source(in i, 1);
                ref var op = ref Emit(Pick.Size<MoveConditional>(Log(in i, 0)));
                op.Imm = (ulong)condition;
                op.Dst = Reg(i.Op0Register);
                op.Src = source;
                return false;
            }
        }
        return TranslateSystem(in i);
    }

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

    private bool TranslateJump(in Instruction i)
    {
        if (i.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32 or OpKind.NearBranch64)
        {
            Emit(&Jump.Direct);
            AddLink(i.NearBranchTarget);
            return true;
        }
        if (i.Op0Kind == OpKind.FarBranch32)
        {
            ref var far = ref Emit(&SystemOps.FarJump);
            far.Src = i.FarBranchSelector;
            far.Imm = i.FarBranch32;
            return true;
        }
        if (i.IsJmpFarIndirect)
        {
            EmitAddress<OperandCompute>(in i);
            ref var far = ref Emit(&SystemOps.FarJumpMemory);
            far.Imm = i.Code == Code.Jmp_m1664 ? 8u : i.Code == Code.Jmp_m1632 ? 4u : 2u;
            return true;
        }
        ushort source = IndirectTarget(in i);
        ref var op = ref Emit(&Jump.Indirect);
        op.Src = source;
        return true;
    }

    private bool TranslateCall(in Instruction i)
    {
        if (i.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32 or OpKind.NearBranch64)
        {
            Emit(code64 ? &Jump.Call<Stack64> : &Jump.Call<Stack32>);
            AddLink(i.NearBranchTarget);
            return true;
        }
        if (i.IsCallFar || i.IsCallFarIndirect)
            return NotKnown(in i);
        ushort source = IndirectTarget(in i);
        ref var op = ref Emit(code64 ? &Jump.CallIndirect<Stack64> : &Jump.CallIndirect<Stack32>);
        op.Src = source;
        return true;
    }

    private ushort IndirectTarget(in Instruction i)
    {
        ushort source = Source(in i, 0);
        if (code64)
            return source;
        // 32-bit code: the register's upper half may hold anything.
        ref var cut = ref Emit(&Extend<Size64, Size32>.Zero);
        cut.Dst = tempOffset;
        cut.Src = source;
        return tempOffset;
    }

    /// <summary>CMP or TEST with the conditional branch behind it.</summary>
    private bool TryFuse(in Instruction i, in Instruction next)
    {
        if (i.Mnemonic is not (Mnemonic.Cmp or Mnemonic.Test) || next.FlowControl != FlowControl.ConditionalBranch || next.ConditionCode == ConditionCode.None)
            return false;
        int log = Log(in i, 0);
        if (!IsRegister(in i, 0) || IsMemory(in i, 1))
            return false;
        int condition = (int)next.ConditionCode - 1;
        bool register = IsRegister(in i, 1);
        Handler handler = log switch
        {
            0 => Fused<Size8>(i.Mnemonic, register, condition),
            1 => Fused<Size16>(i.Mnemonic, register, condition),
            2 => Fused<Size32>(i.Mnemonic, register, condition),
            _ => Fused<Size64>(i.Mnemonic, register, condition),
        };
        ref var op = ref Emit(handler);
        op.Count = (ushort)count;
        op.Dst = Reg(i.Op0Register);
        if (register)
            op.Src = Reg(i.Op1Register);
        else
            op.Imm = Immediate(in i, 1, log);
        AddLink(next.NearBranchTarget);
        AddLink(next.NextIP);
        return true;
    }

    private static Handler Fused<TSize>(Mnemonic mnemonic, bool register, int condition) where TSize : struct, ISize =>
        (mnemonic, register) switch
        {
            (Mnemonic.Cmp, true) => Pick.Condition<CompareJumpRegisterRegister<TSize>>(condition),
            (Mnemonic.Cmp, false) => Pick.Condition<CompareJumpRegisterImmediate<TSize>>(condition),
            (_, true) => Pick.Condition<CompareJumpTestRegister<TSize>>(condition),
            _ => Pick.Condition<CompareJumpTestImmediate<TSize>>(condition),
        };
}
