using Iced.Intel;

namespace Domain;

/// <summary>SSE instructions.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private bool DecodeVector(in Instruction i)
    {
        if (!MayTrap(in i))
            return DecodeVectorBody(in i);
        Emit(&Unmasked.Begin);
        bool ends = DecodeVectorBody(in i);
        // VCVTPS2PH is looked at before its store, and by what puts it together.
        if (!ends && !(i.Encoding == EncodingKind.VEX && IsMemory(in i, 0)))
            EmitTrap(in i);
        return ends;
    }

    /// <summary>
    /// Some exception is unmasked in MXCSR, and the instruction may raise it: <see cref="Unmasked.Begin"/> and
    /// <see cref="Unmasked.End"/> are around it, and it is not translated.
    /// </summary>
    public bool MayTrap(in Instruction i) => (mode & Cpu.ModeUnmasked) != 0 && UnmaskedForms.MayRaise(i.Mnemonic);

    private void EmitTrap(in Instruction i)
    {
        ref var op = ref Emit(&Unmasked.End);
        bool isVector = IsRegister(in i, 0) && (i.Op0Register.IsXMM() || i.Op0Register.IsYMM());
        if (!isVector)
            return;
        var (bytes, count) = UnmaskedForms.MayBeTiny(i.Mnemonic, i.Op0Register.IsYMM() ? 32 : 16);
        op.Dst = Reg(i.Op0Register);
        op.Scale = (byte)bytes;
        op.Imm = (ulong)count;
    }

    private bool DecodeVectorBody(in Instruction i)
    {
        if (i.Encoding == EncodingKind.VEX)
            return DecodeVex(in i);
        if (UsesMmx(in i))
            return DecodeMmx(in i);
        if (UsesVectors(in i))
        {
            if ((mode & Cpu.ModeNoSse) != 0)
                return RaiseAlways(ExceptionVector.UD);
            if ((mode & Cpu.ModeNoFpu) != 0)
                return RaiseAlways(ExceptionVector.NM);
            var plain = i.OpCount >= 2 && IsVector(in i, 0)
                && (IsVector(in i, 1) || IsMemory(in i, 1)) ? PlainVector(i.Mnemonic) : null;
            return plain != null ? VectorPair(in i, plain) : VectorOther(in i);
        }
        if (i.Mnemonic == Mnemonic.Crc32)
        {
            ushort source = Source(in i, 1);
            ref var op = ref Emit(Pick.Size<SseCrc32>(Log(in i, 1)));
            op.Dst = Reg(i.Op0Register);
            op.Src = source;
            return false;
        }
        return DecodeFpu(in i);
    }

    private static bool IsVector(in Instruction i, int operand) =>
        i.GetOpKind(operand) == OpKind.Register && i.GetOpRegister(operand).IsXMM();

    private static bool UsesVectors(in Instruction i)
    {
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            if (IsVector(in i, operand))
                return true;
        }
        return i.Mnemonic is Mnemonic.Ldmxcsr or Mnemonic.Stmxcsr or Mnemonic.Movnti
            or Mnemonic.Cvtss2si or Mnemonic.Cvttss2si or Mnemonic.Cvtsd2si or Mnemonic.Cvttsd2si;
    }

    /// <summary>Where a vector operand can be read: its register, or a temporary it is loaded to.</summary>
    private ushort VectorSource(in Instruction i, int operand)
    {
        if (!IsMemory(in i, operand))
            return Reg(i.GetOpRegister(operand));
        switch (i.MemorySize.GetSize())
        {
            case 16: EmitAddress<OperandLoadVectorAligned>(in i); return xmmTempOffset;
            case 8: EmitAddress<OperandLoadVector8>(in i); return xmmTempOffset;
            case 4: EmitAddress<OperandLoadVector4>(in i); return xmmTempOffset;
            default: return Source(in i, operand);
        }
    }

    private bool VectorPair(in Instruction i, Handler handler)
    {
        ushort source = VectorSource(in i, 1);
        ref var op = ref Emit(handler);
        op.Dst = Reg(i.Op0Register);
        op.Src = source;
        if (i.OpCount == 3 && i.Op2Kind == OpKind.Immediate8)
            op.Imm = i.Immediate8;
        return false;
    }

    /// <summary>To a general register from a vector.</summary>
    private bool ToGeneral(in Instruction i, Handler handler, uint immediate = 0)
    {
        ushort source = VectorSource(in i, 1);
        ref var op = ref Emit(handler);
        op.Dst = Reg(i.Op0Register);
        op.Src = source;
        op.Imm = immediate;
        return false;
    }

    /// <summary>To a vector from a general register or integer in memory.</summary>
    private bool FromGeneral(in Instruction i, Handler handler32, Handler handler64)
    {
        bool wide = Log(in i, 1) == 3;
        ushort source = Source(in i, 1);
        ref var op = ref Emit(wide ? handler64 : handler32);
        op.Dst = Reg(i.Op0Register);
        op.Src = source;
        return false;
    }

    private bool VectorLoad<TPick>(in Instruction i, int word = 0) where TPick : struct, IAddressPick
    {
        ref var op = ref EmitAddress<TPick>(in i);
        op.Dst = (ushort)(Reg(i.Op0Register) + 8 * word);
        return false;
    }

    private bool VectorStore<TPick>(in Instruction i) where TPick : struct, IAddressPick
    {
        ref var op = ref EmitAddress<TPick>(in i);
        op.Src = Reg(i.Op1Register);
        return false;
    }

    /// <summary>Stores 4 or 8 bytes from a vector's word.</summary>
    private bool VectorStoreScalar(in Instruction i, int log, int word = 0)
    {
        ref var op = ref EmitMemory<MoveMemoryMemoryRegister>(in i, log);
        op.Src = (ushort)(Reg(i.Op1Register) + 8 * word);
        return false;
    }

    private bool MoveWord(in Instruction i, ushort to, byte from)
    {
        ref var op = ref Emit(&Sse128.MoveWord);
        op.Dst = Reg(i.Op0Register);
        op.Src = Reg(i.Op1Register);
        op.Index = to;
        op.Scale = from;
        return false;
    }

    private bool ShiftVector(in Instruction i, Handler byVector, Handler byImmediate)
    {
        if (i.Op1Kind != OpKind.Immediate8)
            return VectorPair(in i, byVector);
        ref var op = ref Emit(byImmediate);
        op.Dst = Reg(i.Op0Register);
        op.Imm = i.Immediate8;
        return false;
    }

    private bool InsertElement<TSize>(in Instruction i) where TSize : struct, ISize
    {
        ushort source = Source(in i, 1);
        ref var op = ref Emit(&SseElement<TSize>.Insert);
        op.Dst = Reg(i.Op0Register);
        op.Src = source;
        op.Imm = i.Immediate8;
        return false;
    }

    private bool ExtractElement<TSize>(in Instruction i) where TSize : struct, ISize
    {
        ref var op = ref Emit(&SseElement<TSize>.Extract);
        op.Dst = Output(in i, 0);
        op.Src = Reg(i.Op1Register);
        op.Imm = i.Immediate8;
        FinishOutput(in i, 0);
        return false;
    }

    private bool CompareStrings(in Instruction i, byte kind)
    {
        ushort source;
        if (IsMemory(in i, 1))
        {
            // These alone among the 16-byte operands need no alignment.
            EmitAddress<OperandLoadVector16>(in i);
            source = xmmTempOffset;
        }
        else
            source = Reg(i.Op1Register);
        ref var op = ref Emit(&SseStrings.Compare);
        op.Dst = Reg(i.Op0Register);
        op.Src = source;
        op.Imm = i.Immediate8;
        op.Scale = kind;
        return false;
    }

    private bool VectorOther(in Instruction i)
    {
        bool load = IsMemory(in i, i.OpCount - 1);
        switch (i.Mnemonic)
        {
            case Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqu or Mnemonic.Lddqu:
                return IsMemory(in i, 0) ? VectorStore<SseStore16>(in i) : load ? VectorLoad<SseLoad16>(in i)
                    : VectorPair(in i, &Sse128.Move);
            case Mnemonic.Movaps or Mnemonic.Movapd or Mnemonic.Movdqa or Mnemonic.Movntdqa or Mnemonic.Movntps
                or Mnemonic.Movntpd or Mnemonic.Movntdq:
                return IsMemory(in i, 0) ? VectorStore<SseStore16Aligned>(in i)
                    : load ? VectorLoad<SseLoad16Aligned>(in i) : VectorPair(in i, &Sse128.Move);
            case Mnemonic.Movss:
                return IsMemory(in i, 0) ? VectorStoreScalar(in i, 2) : load ? VectorLoad<SseLoad4>(in i)
                    : VectorPair(in i, &Sse128.MoveLow4);
            case Mnemonic.Movsd:
                return IsMemory(in i, 0) ? VectorStoreScalar(in i, 3) : load ? VectorLoad<SseLoad8>(in i)
                    : MoveWord(in i, 0, 0);
            case Mnemonic.Movlps or Mnemonic.Movlpd:
                return IsMemory(in i, 0) ? VectorStoreScalar(in i, 3) : VectorLoad<SseLoadWord>(in i);
            case Mnemonic.Movhps or Mnemonic.Movhpd:
                return IsMemory(in i, 0) ? VectorStoreScalar(in i, 3, 1) : VectorLoad<SseLoadWord>(in i, 1);
            case Mnemonic.Movhlps: return MoveWord(in i, 0, 1);
            case Mnemonic.Movlhps: return MoveWord(in i, 1, 0);
            case Mnemonic.Movq or Mnemonic.Movd:
            {
                int log = i.Mnemonic == Mnemonic.Movq ? 3 : 2;
                if (IsVector(in i, 0))
                {
                    if (load)
                        return log == 3 ? VectorLoad<SseLoad8>(in i) : VectorLoad<SseLoad4>(in i);
                    return IsVector(in i, 1) ? VectorPair(in i, &Sse128.MoveLowZero)
                        : FromGeneral(in i, &Sse128.FromInt32, &Sse128.FromInt64);
                }
                if (IsMemory(in i, 0))
                    return VectorStoreScalar(in i, log);
                return ToGeneral(in i, log == 3 ? &Sse128.ToInt64 : &Sse128.ToInt32);
            }
            case Mnemonic.Movnti:
            {
                ref var op = ref EmitMemory<MoveMemoryMemoryRegister>(in i, Log(in i, 0));
                op.Src = Reg(i.Op1Register);
                return false;
            }
            case Mnemonic.Pmovmskb: return ToGeneral(in i, &Sse128.Pmovmskb);
            case Mnemonic.Movmskps: return ToGeneral(in i, &Sse128.Movmskps);
            case Mnemonic.Movmskpd: return ToGeneral(in i, &Sse128.Movmskpd);
            case Mnemonic.Comiss or Mnemonic.Ucomiss:
                VectorPair(in i, &Sse128.Comiss);
                Slots[SlotCount - 1].Imm = i.Mnemonic == Mnemonic.Ucomiss ? 1u : 0;
                return false;
            case Mnemonic.Comisd or Mnemonic.Ucomisd:
                VectorPair(in i, &Sse128.Comisd);
                Slots[SlotCount - 1].Imm = i.Mnemonic == Mnemonic.Ucomisd ? 1u : 0;
                return false;
            case Mnemonic.Ptest: return VectorPair(in i, &Sse128.Ptest);
            case Mnemonic.Cvtsi2ss: return FromGeneral(in i, &Sse128.Cvtsi2ss32, &Sse128.Cvtsi2ss64);
            case Mnemonic.Cvtsi2sd: return FromGeneral(in i, &Sse128.Cvtsi2sd32, &Sse128.Cvtsi2sd64);
            case Mnemonic.Cvtss2si or Mnemonic.Cvttss2si:
                return ToGeneral(in i, Log(in i, 0) == 3 ? &Sse128.Cvtss2si64 : &Sse128.Cvtss2si32,
                    i.Mnemonic == Mnemonic.Cvttss2si ? 1u : 0);
            case Mnemonic.Cvtsd2si or Mnemonic.Cvttsd2si:
                return ToGeneral(in i, Log(in i, 0) == 3 ? &Sse128.Cvtsd2si64 : &Sse128.Cvtsd2si32,
                    i.Mnemonic == Mnemonic.Cvttsd2si ? 1u : 0);
            case Mnemonic.Roundps: return VectorPair(in i, &Sse128.Roundps);
            case Mnemonic.Roundpd: return VectorPair(in i, &Sse128.Roundpd);
            case Mnemonic.Roundss: return VectorPair(in i, &Sse128.Roundss);
            case Mnemonic.Roundsd: return VectorPair(in i, &Sse128.Roundsd);
            case Mnemonic.Cmpps: return VectorPair(in i, &Sse128.Cmpps);
            case Mnemonic.Cmppd: return VectorPair(in i, &Sse128.Cmppd);
            case Mnemonic.Cmpss: return VectorPair(in i, &Sse128.Cmpss);
            case Mnemonic.Cmpsd: return VectorPair(in i, &Sse128.Cmpsd);
            case Mnemonic.Pshufd: return VectorPair(in i, &Sse128.Pshufd);
            case Mnemonic.Pshuflw: return VectorPair(in i, &Sse128.Pshuflw);
            case Mnemonic.Pshufhw: return VectorPair(in i, &Sse128.Pshufhw);
            case Mnemonic.Shufps: return VectorPair(in i, &Sse128.Shufps);
            case Mnemonic.Shufpd: return VectorPair(in i, &Sse128.Shufpd);
            case Mnemonic.Palignr: return VectorPair(in i, &Sse128.Palignr);
            case Mnemonic.Pblendw: return VectorPair(in i, &Sse128.Pblendw);
            case Mnemonic.Blendps: return VectorPair(in i, &Sse128.Blendps);
            case Mnemonic.Blendpd: return VectorPair(in i, &Sse128.Blendpd);
            case Mnemonic.Dpps: return VectorPair(in i, &Sse128.Dpps);
            case Mnemonic.Dppd: return VectorPair(in i, &Sse128.Dppd);
            case Mnemonic.Mpsadbw: return VectorPair(in i, &Sse128.Mpsadbw);
            case Mnemonic.Insertps:
            {
                VectorPair(in i, &Sse128.Insertps);
                if (IsMemory(in i, 1))
                    Slots[SlotCount - 1].Imm &= 0x3f;
                return false;
            }
            case Mnemonic.Pblendvb: return VectorPair(in i, &Sse128.Pblendvb);
            case Mnemonic.Blendvps: return VectorPair(in i, &Sse128.Blendvps);
            case Mnemonic.Blendvpd: return VectorPair(in i, &Sse128.Blendvpd);
            case Mnemonic.Psllw: return ShiftVector(in i, &Sse128.Psllw, &Sse128.PsllwImmediate);
            case Mnemonic.Pslld: return ShiftVector(in i, &Sse128.Pslld, &Sse128.PslldImmediate);
            case Mnemonic.Psllq: return ShiftVector(in i, &Sse128.Psllq, &Sse128.PsllqImmediate);
            case Mnemonic.Psrlw: return ShiftVector(in i, &Sse128.Psrlw, &Sse128.PsrlwImmediate);
            case Mnemonic.Psrld: return ShiftVector(in i, &Sse128.Psrld, &Sse128.PsrldImmediate);
            case Mnemonic.Psrlq: return ShiftVector(in i, &Sse128.Psrlq, &Sse128.PsrlqImmediate);
            case Mnemonic.Psraw: return ShiftVector(in i, &Sse128.Psraw, &Sse128.PsrawImmediate);
            case Mnemonic.Psrad: return ShiftVector(in i, &Sse128.Psrad, &Sse128.PsradImmediate);
            case Mnemonic.Pslldq: return ShiftVector(in i, &Sse128.Pslldq, &Sse128.Pslldq);
            case Mnemonic.Psrldq: return ShiftVector(in i, &Sse128.Psrldq, &Sse128.Psrldq);
            case Mnemonic.Pinsrb: return InsertElement<Size8>(in i);
            case Mnemonic.Pinsrw: return InsertElement<Size16>(in i);
            case Mnemonic.Pinsrd: return InsertElement<Size32>(in i);
            case Mnemonic.Pinsrq: return InsertElement<Size64>(in i);
            case Mnemonic.Pextrb: return ExtractElement<Size8>(in i);
            case Mnemonic.Pextrw: return ExtractElement<Size16>(in i);
            case Mnemonic.Pextrd or Mnemonic.Extractps: return ExtractElement<Size32>(in i);
            case Mnemonic.Pextrq: return ExtractElement<Size64>(in i);
            case Mnemonic.Pcmpistri: return CompareStrings(in i, 0);
            case Mnemonic.Pcmpistrm: return CompareStrings(in i, 1);
            case Mnemonic.Pcmpestri: return CompareStrings(in i, 2);
            case Mnemonic.Pcmpestrm: return CompareStrings(in i, 3);
            case Mnemonic.Pcmpestri64: return CompareStrings(in i, 6);
            case Mnemonic.Pcmpestrm64: return CompareStrings(in i, 7);
            case Mnemonic.Maskmovdqu: return StoreMaskedBytes(in i);
            case Mnemonic.Ldmxcsr: return LoadVectorControl(in i);
            case Mnemonic.Stmxcsr: return StoreVectorControl(in i);
        }
        return NotKnown(in i);
    }

    private bool LoadVectorControl(in Instruction i)
    {
        ushort source = Source(in i, 0);
        ref var op = ref Emit(&Sse128.LoadControl);
        op.Src = source;
        return false;
    }

    private bool StoreVectorControl(in Instruction i)
    {
        Emit(&Sse128.StoreControl);
        EmitMemory<OperandStore>(in i, 2);
        return false;
    }

    private bool StoreMaskedBytes(in Instruction i)
    {
        MaskedTarget(in i);
        ref var op = ref Emit(&Sse128.Maskmovdqu);
        op.Dst = Reg(i.Op1Register);
        op.Src = Reg(i.Op2Register);
        return false;
    }

    /// <summary>The implied address of MASKMOVDQU and MASKMOVQ: (R|E)DI, in DS or what a prefix says.</summary>
    private void MaskedTarget(in Instruction i)
    {
        var store = i;
        store.Op0Kind = OpKind.Memory;
        store.MemoryBase = i.Op0Kind switch
        {
            OpKind.MemorySegDI => Register.DI,
            OpKind.MemorySegEDI => Register.EDI,
            _ => Register.RDI,
        };
        EmitAddress<OperandCompute>(in store);
    }

    private struct SseLoad16 : IAddressPick
    {
        public static Handler Get<TAddress>() where TAddress : struct, IAddress => &SseMemory<TAddress>.Load16;
    }

    private struct SseLoad16Aligned : IAddressPick
    {
        public static Handler Get<TAddress>() where TAddress : struct, IAddress => &SseMemory<TAddress>.Load16Aligned;
    }

    private struct SseStore16 : IAddressPick
    {
        public static Handler Get<TAddress>() where TAddress : struct, IAddress => &SseMemory<TAddress>.Store16;
    }

    private struct SseStore16Aligned : IAddressPick
    {
        public static Handler Get<TAddress>() where TAddress : struct, IAddress => &SseMemory<TAddress>.Store16Aligned;
    }

    private struct SseLoad8 : IAddressPick
    {
        public static Handler Get<TAddress>() where TAddress : struct, IAddress => &SseMemory<TAddress>.Load8;
    }

    private struct SseLoad4 : IAddressPick
    {
        public static Handler Get<TAddress>() where TAddress : struct, IAddress => &SseMemory<TAddress>.Load4;
    }

    private struct SseLoadWord : IAddressPick
    {
        public static Handler Get<TAddress>() where TAddress : struct, IAddress => &SseMemory<TAddress>.LoadWord;
    }

    private struct SseCrc32 : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &SseElement<TSize>.Crc32;
    }
}
