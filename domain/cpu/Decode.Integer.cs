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
}
