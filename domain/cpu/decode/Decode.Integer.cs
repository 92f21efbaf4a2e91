using Iced.Intel;

namespace Domain;

/// <summary>Integer instructions and branches.</summary>
internal sealed unsafe partial class BlockBuilder
{
    /// <summary>Emits the operations of one instruction.</summary>
    /// <returns>whether it ends the block for good</returns>
    private bool DecodeInstruction(in Instruction i)
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
                return DecodeMove(in i);
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
                ref var op = ref Emit(
                    !code64 && IsShort(in i) ? Pick.Memory<MoveMemoryLoadShortAddress>(log, address.Form)
                    : IsNarrow(in i) && !i.IsIPRelativeMemoryOperand
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
            case Mnemonic.Nop or Mnemonic.Reservednop or Mnemonic.Pause or Mnemonic.Lfence or Mnemonic.Mfence
                or Mnemonic.Sfence or Mnemonic.Clflush:
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
                    ref var op = ref Emit(i.OpCount == 2 ? Pick.Size<DivMulMultiplyTwo>(log)
                        : Pick.Size<DivMulMultiplyThree>(log));
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
            case Mnemonic.Tzcnt when Has(Extensions.Bmi1): return RegisterFrom<CountTrailing>(in i);
            case Mnemonic.Lzcnt when Has(Extensions.Lzcnt): return RegisterFrom<CountLeading>(in i);
            // Without them their encodings are the older scans.
            case Mnemonic.Bsf or Mnemonic.Tzcnt: return RegisterFrom<BitsScanForward>(in i);
            case Mnemonic.Bsr or Mnemonic.Lzcnt: return RegisterFrom<BitsScanReverse>(in i);
            case Mnemonic.Andn or Mnemonic.Bextr or Mnemonic.Bzhi or Mnemonic.Blsi or Mnemonic.Blsmsk or Mnemonic.Blsr
                or Mnemonic.Mulx or Mnemonic.Pdep or Mnemonic.Pext or Mnemonic.Rorx or Mnemonic.Sarx or Mnemonic.Shlx
                or Mnemonic.Shrx:
                return ManipulateBits(in i);
            case Mnemonic.Movbe: return SwapWithMemory(in i);
            case Mnemonic.Popcnt: return RegisterFrom<BitsCount>(in i);
            case Mnemonic.Cmpxchg: return Exchanging<BitsCompareExchange>(in i);
            case Mnemonic.Xadd: return Exchanging<BitsExchangeAdd>(in i);
            case Mnemonic.Cmpxchg8b: EmitAddress<OperandCompute>(in i); Emit(&Bits.CompareExchange8); return false;
            case Mnemonic.Cmpxchg16b: EmitAddress<OperandCompute>(in i); Emit(&Bits.CompareExchange16); return false;

            case Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsq: return StringOp<StringMove>(in i);
            case Mnemonic.Movsd when i.Op0Kind != OpKind.Register && i.Op0Kind != OpKind.Memory:
                return StringOp<StringMove>(in i);
            case Mnemonic.Stosb or Mnemonic.Stosw or Mnemonic.Stosd or Mnemonic.Stosq:
                return StringOp<StringStore>(in i);
            case Mnemonic.Lodsb or Mnemonic.Lodsw or Mnemonic.Lodsd or Mnemonic.Lodsq:
                return StringOp<StringLoad>(in i);
            case Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd or Mnemonic.Scasq:
                return StringOp<StringScan>(in i);
            case Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsq: return StringOp<StringCompare>(in i);
            case Mnemonic.Cmpsd when i.Op0Kind != OpKind.Register: return StringOp<StringCompare>(in i);
            case Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd: return StringOp<StringInput>(in i);
            case Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd: return StringOp<StringOutput>(in i);

            case Mnemonic.Push: return Push(in i);
            case Mnemonic.Pop: return Pop(in i);
            case Mnemonic.Leave:
                Emit(Pick.Stack<StackLeave>(stack, i.Code == Code.Leavew ? 1 : i.Code == Code.Leaved ? 2 : 3));
                return false;
            case Mnemonic.Enter:
            {
                int log = i.Code == Code.Enterw_imm16_imm8 ? 1 : i.Code == Code.Enterd_imm16_imm8 ? 2 : 3;
                ref var op = ref Emit(Pick.Stack<StackEnter>(stack, log));
                op.Imm = i.Immediate16;
                op.Scale = (byte)(i.Immediate8_2nd & 31);
                return false;
            }
            case Mnemonic.Pushf or Mnemonic.Pushfd or Mnemonic.Pushfq:
                Emit(Pick.Stack<StackPushFlags>(stack, LogOf(-i.StackPointerIncrement)));
                return false;
            case Mnemonic.Popf or Mnemonic.Popfd or Mnemonic.Popfq:
                Emit(Pick.Stack<StackPopFlags>(stack, LogOf(i.StackPointerIncrement)));
                return true;
            case Mnemonic.Pusha or Mnemonic.Pushad:
                Emit(Pick.Stack<StackPushAll>(stack, i.Mnemonic == Mnemonic.Pusha ? 1 : 2));
                return false;
            case Mnemonic.Popa or Mnemonic.Popad:
                Emit(Pick.Stack<StackPopAll>(stack, i.Mnemonic == Mnemonic.Popa ? 1 : 2));
                return false;
            case Mnemonic.Aaa or Mnemonic.Aas:
                Emit(&Legacy.AdjustAscii).Imm = i.Mnemonic == Mnemonic.Aas ? 1u : 0;
                return false;
            case Mnemonic.Daa or Mnemonic.Das:
                Emit(&Legacy.AdjustDecimal).Imm = i.Mnemonic == Mnemonic.Das ? 1u : 0;
                return false;
            case Mnemonic.Aam or Mnemonic.Aad:
            {
                bool multiply = i.Mnemonic == Mnemonic.Aam;
                Emit(multiply ? &Legacy.AdjustAsciiMultiply : &Legacy.AdjustAsciiDivide).Imm = i.Immediate8;
                return false;
            }
            case Mnemonic.Salc: Emit(&Legacy.SetLowOnCarry); return false;
            case Mnemonic.Arpl:
            {
                ushort target = Target(in i, 0);
                ref var op = ref Emit(&Legacy.AdjustPrivilege);
                op.Dst = target;
                op.Src = Reg(i.Op1Register);
                Finish(in i, 0);
                return false;
            }
            case Mnemonic.Bound:
                EmitAddress<OperandCompute>(in i);
                Emit(Pick.Size<LegacyBound>(Log(in i, 0))).Dst = Reg(i.Op0Register);
                return false;

            case Mnemonic.Jmp: return DecodeJump(in i);
            case Mnemonic.Call: return DecodeCall(in i);
            case Mnemonic.Ret:
            {
                int log = i.Code is Code.Retnw or Code.Retnw_imm16 ? 1
                    : i.Code is Code.Retnd or Code.Retnd_imm16 ? 2 : 3;
                ref var op = ref Emit(Pick.Stack<JumpReturn>(stack, log));
                op.Imm = i.OpCount == 1 ? i.Immediate16 : 0u;
                return true;
            }
            case Mnemonic.Loop or Mnemonic.Loope or Mnemonic.Loopne
                or Mnemonic.Jrcxz or Mnemonic.Jecxz or Mnemonic.Jcxz:
            {
                ref var op = ref Emit(Pick.Size<LoopBy>(CounterLog(i.Code)));
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
        return DecodeSystem(in i);
    }

    private static int CounterLog(Code code) => code switch
    {
        Code.Jcxz_rel8_16 or Code.Jcxz_rel8_32 or Code.Loop_rel8_16_CX or Code.Loop_rel8_32_CX or Code.Loope_rel8_16_CX
            or Code.Loope_rel8_32_CX or Code.Loopne_rel8_16_CX or Code.Loopne_rel8_32_CX => 1,
        Code.Jrcxz_rel8_64 or Code.Jrcxz_rel8_16 or Code.Loop_rel8_64_RCX or Code.Loop_rel8_16_RCX
            or Code.Loope_rel8_64_RCX
            or Code.Loope_rel8_16_RCX or Code.Loopne_rel8_64_RCX or Code.Loopne_rel8_16_RCX => 3,
        _ => 2,
    };
}
