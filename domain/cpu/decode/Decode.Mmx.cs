using Iced.Intel;

namespace Domain;

/// <summary>MMX instructions, put together from SSE's operations.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private static bool IsMmx(in Instruction i, int operand) =>
        i.GetOpKind(operand) == OpKind.Register && i.GetOpRegister(operand).IsMM();

    private static bool UsesMmx(in Instruction i)
    {
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            if (IsMmx(in i, operand))
                return true;
        }
        return i.Mnemonic is Mnemonic.Cvtpi2ps or Mnemonic.Cvtpi2pd;
    }

    private ushort MmxRegister(Register register) => (ushort)(fpuOffset + 16 * register.GetNumber());

    private bool DecodeMmx(in Instruction i)
    {
        if ((mode & Cpu.ModeNoMmx) != 0)
            return RaiseAlways(ExceptionVector.UD);
        if ((mode & Cpu.ModeNoFpu) != 0)
            return RaiseAlways(ExceptionVector.NM);
        Emit(&X87.CheckPending);
        switch (i.Mnemonic)
        {
            case Mnemonic.Movq or Mnemonic.Movd or Mnemonic.Movntq or Mnemonic.Movdq2q:
                return MmxMove(in i);
            case Mnemonic.Movq2dq:
            {
                ref var op = ref Emit(&Mmx.ToVector);
                op.Dst = Reg(i.Op0Register);
                op.Src = MmxRegister(i.Op1Register);
                return false;
            }
            case Mnemonic.Pinsrw:
            {
                ushort source = Source(in i, 1);
                ref var op = ref Emit(&Mmx.InsertWord);
                op.Dst = MmxRegister(i.Op0Register);
                op.Src = source;
                op.Imm = i.Immediate8;
                return false;
            }
            case Mnemonic.Pextrw:
            {
                MmxBegin(in i, 1, 1, Mmx.Apart);
                ref var op = ref Emit(&SseElement<Size16>.Extract);
                op.Dst = Reg(i.Op0Register);
                op.Src = xmmTempOffset;
                op.Imm = i.Immediate8 & 3u;
                return false;
            }
            case Mnemonic.Pmovmskb:
            {
                MmxBegin(in i, 1, 1, Mmx.Apart);
                ref var op = ref Emit(&Sse128.Pmovmskb);
                op.Dst = Reg(i.Op0Register);
                op.Src = xmmTempOffset;
                return false;
            }
            case Mnemonic.Maskmovq:
            {
                MaskedTarget(in i);
                MmxBegin(in i, 1, 2, Mmx.Apart);
                ref var op = ref Emit(&Sse128.Maskmovdqu);
                op.Dst = mmxLeftOffset;
                op.Src = xmmTempOffset;
                return false;
            }
            case Mnemonic.Pshufw: return MmxBinary(in i, &Sse128.Pshuflw, Mmx.Apart);
            case Mnemonic.Palignr: return MmxBinary(in i, &Sse128.Psrldq, Mmx.Aligned);
            case Mnemonic.Pshufb: return MmxBinary(in i, &Sse128.Pshufb, Mmx.Shuffled);
            case Mnemonic.Packsswb or Mnemonic.Packssdw or Mnemonic.Packuswb or Mnemonic.Phaddw or Mnemonic.Phaddd
                or Mnemonic.Phaddsw
                or Mnemonic.Phsubw or Mnemonic.Phsubd or Mnemonic.Phsubsw:
                return MmxBinary(in i, PlainVector(i.Mnemonic), Mmx.Joined);
            // The upper halves interleaved are what the low interleaving leaves in its upper word.
            case Mnemonic.Punpckhbw: return MmxBinary(in i, &Sse128.Punpcklbw, Mmx.Apart, 1);
            case Mnemonic.Punpckhwd: return MmxBinary(in i, &Sse128.Punpcklwd, Mmx.Apart, 1);
            case Mnemonic.Punpckhdq: return MmxBinary(in i, &Sse128.Punpckldq, Mmx.Apart, 1);
            case Mnemonic.Psllw: return MmxShift(in i, &Sse128.Psllw, &Sse128.PsllwImmediate);
            case Mnemonic.Pslld: return MmxShift(in i, &Sse128.Pslld, &Sse128.PslldImmediate);
            case Mnemonic.Psllq: return MmxShift(in i, &Sse128.Psllq, &Sse128.PsllqImmediate);
            case Mnemonic.Psrlw: return MmxShift(in i, &Sse128.Psrlw, &Sse128.PsrlwImmediate);
            case Mnemonic.Psrld: return MmxShift(in i, &Sse128.Psrld, &Sse128.PsrldImmediate);
            case Mnemonic.Psrlq: return MmxShift(in i, &Sse128.Psrlq, &Sse128.PsrlqImmediate);
            case Mnemonic.Psraw: return MmxShift(in i, &Sse128.Psraw, &Sse128.PsrawImmediate);
            case Mnemonic.Psrad: return MmxShift(in i, &Sse128.Psrad, &Sse128.PsradImmediate);
            case Mnemonic.Cvtps2pi: return MmxFromVector(in i, &Sse128.Cvtps2dq);
            case Mnemonic.Cvttps2pi: return MmxFromVector(in i, &Sse128.Cvttps2dq);
            case Mnemonic.Cvtpd2pi: return MmxFromVector(in i, &Sse128.Cvtpd2dq);
            case Mnemonic.Cvttpd2pi: return MmxFromVector(in i, &Sse128.Cvttpd2dq);
            case Mnemonic.Cvtpi2ps:
            {
                MmxIntegers(in i);
                ref var convert = ref Emit(&Sse128.Cvtdq2ps);
                convert.Dst = mmxLeftOffset;
                convert.Src = xmmTempOffset;
                ref var op = ref Emit(&Sse128.MoveWord);
                op.Dst = Reg(i.Op0Register);
                op.Src = mmxLeftOffset;
                op.Index = 0;
                return false;
            }
            case Mnemonic.Cvtpi2pd:
            {
                MmxIntegers(in i);
                ref var op = ref Emit(&Sse128.Cvtdq2pd);
                op.Dst = Reg(i.Op0Register);
                op.Src = xmmTempOffset;
                return false;
            }
        }
        var plain = PlainVector(i.Mnemonic);
        return plain != null ? MmxBinary(in i, plain, Mmx.Apart) : NotKnown(in i);
    }

    /// <summary>The operands' way in. Memory has been loaded to XmmTemp when it is one of them.</summary>
    private void MmxBegin(in Instruction i, int left, int right, byte layout)
    {
        ushort source = IsMmx(in i, right) ? MmxRegister(i.GetOpRegister(right)) : VectorSource(in i, right);
        ref var op = ref Emit(&Mmx.Begin);
        op.Dst = IsMmx(in i, left) ? MmxRegister(i.GetOpRegister(left)) : source;
        op.Src = source;
        op.Scale = layout;
    }

    /// <summary>Two integers to XmmTemp; from memory they do not touch MMX state.</summary>
    private void MmxIntegers(in Instruction i)
    {
        if (IsMemory(in i, 1))
            VectorSource(in i, 1);
        else
            MmxBegin(in i, 1, 1, Mmx.Apart);
    }

    private void MmxEnd(in Instruction i, byte word)
    {
        ref var op = ref Emit(&Mmx.End);
        op.Dst = MmxRegister(i.Op0Register);
        op.Scale = word;
    }

    private bool MmxBinary(in Instruction i, Handler handler, byte layout, byte word = 0)
    {
        MmxBegin(in i, 0, 1, layout);
        ref var op = ref Emit(handler);
        op.Dst = mmxLeftOffset;
        op.Src = xmmTempOffset;
        if (i.OpCount == 3)
            op.Imm = i.Immediate8;
        MmxEnd(in i, word);
        return false;
    }

    private bool MmxShift(in Instruction i, Handler byVector, Handler byImmediate)
    {
        if (i.Op1Kind != OpKind.Immediate8)
            return MmxBinary(in i, byVector, Mmx.Apart);
        MmxBegin(in i, 0, 0, Mmx.Apart);
        ref var op = ref Emit(byImmediate);
        op.Dst = mmxLeftOffset;
        op.Imm = i.Immediate8;
        MmxEnd(in i, 0);
        return false;
    }

    private bool MmxFromVector(in Instruction i, Handler handler)
    {
        ushort source = VectorSource(in i, 1);
        if (i.Mnemonic is Mnemonic.Cvtps2pi or Mnemonic.Cvttps2pi)
        {
            // The upper half takes no part, so it must raise no flag.
            ref var cut = ref Emit(&Sse128.MoveLowZero);
            cut.Dst = xmmTempOffset;
            cut.Src = source;
            source = xmmTempOffset;
        }
        ref var convert = ref Emit(handler);
        convert.Dst = mmxLeftOffset;
        convert.Src = source;
        ref var op = ref Emit(&Mmx.Load<Size64>);
        op.Dst = MmxRegister(i.Op0Register);
        op.Src = mmxLeftOffset;
        return false;
    }

    private bool MmxMove(in Instruction i)
    {
        if (IsMmx(in i, 0))
        {
            ushort source = IsMmx(in i, 1) ? MmxRegister(i.Op1Register) : Source(in i, 1);
            bool half = i.Mnemonic == Mnemonic.Movd && !IsMmx(in i, 1);
            ref var load = ref Emit(half ? &Mmx.Load<Size32> : &Mmx.Load<Size64>);
            load.Dst = MmxRegister(i.Op0Register);
            load.Src = source;
            return false;
        }
        ref var op = ref Emit(i.Mnemonic == Mnemonic.Movd ? &Mmx.Store<Size32> : &Mmx.Store<Size64>);
        op.Dst = Output(in i, 0);
        op.Src = MmxRegister(i.Op1Register);
        FinishOutput(in i, 0);
        // After the store, which may fault.
        Emit(&Mmx.Enter);
        return false;
    }
}
