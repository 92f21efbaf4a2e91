using Iced.Intel;

namespace Domain;

/// <summary>x87 and the state save instructions.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private bool DecodeFpu(in Instruction i)
    {
        // SDM vol. 3, 2.5, tables 2-2 and 2-3: what is MMX's or SSE's is unknown under CR0.EM, and WAIT looks at
        // CR0.MP.
        if (i.Mnemonic == Mnemonic.Emms && (mode & Cpu.ModeNoMmx) != 0
            || i.Mnemonic is Mnemonic.Ldmxcsr or Mnemonic.Stmxcsr && (mode & Cpu.ModeNoSse) != 0)
            return RaiseAlways(ExceptionVector.UD);
        int start = SlotCount;
        if (Waits(i.Mnemonic))
            Emit(&X87.CheckPending);
        bool unknown = DecodeFpuBody(in i);
        if (unknown)
        {
            // Before anything that waits is told.
            SlotCount = start;
            return RaiseAlways(ExceptionVector.UD);
        }
        if (IsNoted(i.Mnemonic))
            NoteFpuPointers(in i);
        if ((mode & (i.Mnemonic == Mnemonic.Wait ? Cpu.ModeNoWait : Cpu.ModeNoFpu)) == 0)
            return false;
        // Known, but switched off: lazy state switching wants to hear of it.
        SlotCount = start;
        return RaiseAlways(ExceptionVector.NM);
    }

    /// <summary>#MF comes before it, where one is pending (SDM vol. 1, 8.3.11 and 8.6).</summary>
    private static bool Waits(Mnemonic mnemonic) => mnemonic is not (Mnemonic.Fninit or Mnemonic.Fnclex
        or Mnemonic.Fnstsw or Mnemonic.Fnstcw or Mnemonic.Fnstenv or Mnemonic.Fnsave or Mnemonic.Fneni
        or Mnemonic.Fndisi or Mnemonic.Fnsetpm or Mnemonic.Fxsave or Mnemonic.Fxsave64 or Mnemonic.Fxrstor
        or Mnemonic.Fxrstor64);

    /// <summary>It is no control instruction: the instruction and operand pointers are its.</summary>
    private static bool IsNoted(Mnemonic mnemonic) => Waits(mnemonic) && mnemonic is not (Mnemonic.Wait
        or Mnemonic.Fldcw or Mnemonic.Fldenv or Mnemonic.Frstor or Mnemonic.Emms);

    private void NoteFpuPointers(in Instruction i)
    {
        bool hasMemory = i.OpCount > 0 && IsMemory(in i, 0) || i.OpCount > 1 && IsMemory(in i, 1);
        if (hasMemory)
            EmitAddress<OperandCompute>(in i);
        byte* at = Bytes + (i.IP - rip);
        while (*at is not (>= 0xd8 and <= 0xdf))
            at++;
        ref var op = ref Emit(&X87.NotePointers);
        op.Imm = (uint)(*at & 7) << 8 | at[1];
        op.Disp = hasMemory ? 1 : 0;
    }

    private bool DecodeFpuBody(in Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Fxsave or Mnemonic.Fxsave64:
                return FpuAt(in i, &X87.SaveExtended, i.Mnemonic == Mnemonic.Fxsave64 ? 1u : 0);
            case Mnemonic.Fxrstor or Mnemonic.Fxrstor64:
                return FpuAt(in i, &X87.RestoreExtended, i.Mnemonic == Mnemonic.Fxrstor64 ? 1u : 0);
            case Mnemonic.Fadd or Mnemonic.Faddp or Mnemonic.Fiadd: return FpuArithmetic(in i, 0);
            case Mnemonic.Fmul or Mnemonic.Fmulp or Mnemonic.Fimul: return FpuArithmetic(in i, 1);
            case Mnemonic.Fsub or Mnemonic.Fsubp or Mnemonic.Fisub: return FpuArithmetic(in i, 4);
            case Mnemonic.Fsubr or Mnemonic.Fsubrp or Mnemonic.Fisubr: return FpuArithmetic(in i, 5);
            case Mnemonic.Fdiv or Mnemonic.Fdivp or Mnemonic.Fidiv: return FpuArithmetic(in i, 6);
            case Mnemonic.Fdivr or Mnemonic.Fdivrp or Mnemonic.Fidivr: return FpuArithmetic(in i, 7);
            case Mnemonic.Fcom or Mnemonic.Ficom: return FpuCompare(in i, 0, 0);
            case Mnemonic.Fcomp or Mnemonic.Ficomp: return FpuCompare(in i, 0, 1);
            case Mnemonic.Fcompp: return FpuCompare(in i, 0, 2);
            case Mnemonic.Fucom: return FpuCompare(in i, 1, 0);
            case Mnemonic.Fucomp: return FpuCompare(in i, 1, 1);
            case Mnemonic.Fucompp: return FpuCompare(in i, 1, 2);
            case Mnemonic.Fcomi: return FpuCompare(in i, 2, 0);
            case Mnemonic.Fcomip: return FpuCompare(in i, 2, 1);
            case Mnemonic.Fucomi: return FpuCompare(in i, 3, 0);
            case Mnemonic.Fucomip: return FpuCompare(in i, 3, 1);
            case Mnemonic.Fld when IsMemory(in i, 0) && i.MemorySize == MemorySize.Float80:
                return FpuAt(in i, &X87.LoadExtended);
            case Mnemonic.Fld or Mnemonic.Fild:
            {
                var source = FpuOperand(in i, i.OpCount - 1, out ushort position);
                ref var op = ref Emit(&X87.Load);
                op.Scale = (byte)source;
                op.Src = position;
                return false;
            }
            case Mnemonic.Fstp when IsMemory(in i, 0) && i.MemorySize == MemorySize.Float80:
                return FpuAt(in i, &X87.StoreExtended);
            case Mnemonic.Fst or Mnemonic.Fstp or Mnemonic.Fstpnce when IsRegister(in i, 0):
            {
                ref var op = ref Emit(&X87.StoreRegister);
                op.Dst = (ushort)i.Op0Register.GetNumber();
                op.Disp = i.Mnemonic == Mnemonic.Fst ? 0 : 1;
                op.Imm = i.Mnemonic == Mnemonic.Fstpnce ? 1u : 0;
                return false;
            }
            case Mnemonic.Fst or Mnemonic.Fstp or Mnemonic.Fist or Mnemonic.Fistp or Mnemonic.Fisttp:
            {
                int start = SlotCount;
                ref var convert = ref Emit(&X87.Convert);
                convert.Scale = (byte)SourceOf(i.MemorySize);
                convert.Imm = i.Mnemonic == Mnemonic.Fisttp ? 1u : 0;
                EmitMemory<OperandStore>(in i, Log(in i, 0));
                bool pops = i.Mnemonic is Mnemonic.Fstp or Mnemonic.Fistp or Mnemonic.Fisttp;
                Emit(&X87.PopAfterStore).Disp = pops ? 1 : 0;
                convert.Dst = (ushort)(SlotCount - start - 1);
                return false;
            }
            case Mnemonic.Fbld: return FpuAt(in i, &X87.LoadDecimal);
            case Mnemonic.Fbstp: return FpuAt(in i, &X87.StoreDecimal);
            case Mnemonic.Fxch:
                Emit(&X87.Exchange).Src = i.OpCount == 2 ? (ushort)i.Op1Register.GetNumber() : (ushort)1;
                return false;
            case Mnemonic.Fcmovb: return FpuMove(in i, 2);
            case Mnemonic.Fcmovnb: return FpuMove(in i, 3);
            case Mnemonic.Fcmove: return FpuMove(in i, 4);
            case Mnemonic.Fcmovne: return FpuMove(in i, 5);
            case Mnemonic.Fcmovbe: return FpuMove(in i, 6);
            case Mnemonic.Fcmovnbe: return FpuMove(in i, 7);
            case Mnemonic.Fcmovu: return FpuMove(in i, 10);
            case Mnemonic.Fcmovnu: return FpuMove(in i, 11);
            case Mnemonic.Fld1: return FpuSimple(&X87.LoadConstant, 0);
            case Mnemonic.Fldl2t: return FpuSimple(&X87.LoadConstant, 1);
            case Mnemonic.Fldl2e: return FpuSimple(&X87.LoadConstant, 2);
            case Mnemonic.Fldpi: return FpuSimple(&X87.LoadConstant, 3);
            case Mnemonic.Fldlg2: return FpuSimple(&X87.LoadConstant, 4);
            case Mnemonic.Fldln2: return FpuSimple(&X87.LoadConstant, 5);
            case Mnemonic.Fldz: return FpuSimple(&X87.LoadConstant, 6);
            case Mnemonic.Fchs: return FpuSimple(&X87.ChangeSign);
            case Mnemonic.Fabs: return FpuSimple(&X87.Absolute);
            case Mnemonic.Fxam: return FpuSimple(&X87.Examine);
            case Mnemonic.Ftst: return FpuSimple(&X87.Test);
            case Mnemonic.Frndint: return FpuSimple(&X87.Exact, 0);
            case Mnemonic.Fsqrt: return FpuSimple(&X87.Exact, 1);
            case Mnemonic.Fscale: return FpuSimple(&X87.Exact, 2);
            case Mnemonic.Fprem: return FpuSimple(&X87.Exact, 3);
            case Mnemonic.Fprem1: return FpuSimple(&X87.Exact, 4);
            case Mnemonic.Fxtract: return FpuSimple(&X87.Exact, 5);
            case Mnemonic.F2xm1: return FpuSimple(&X87.Transcendental, 0);
            case Mnemonic.Fyl2x: return FpuSimple(&X87.Transcendental, 1);
            case Mnemonic.Fptan: return FpuSimple(&X87.Transcendental, 2);
            case Mnemonic.Fpatan: return FpuSimple(&X87.Transcendental, 3);
            case Mnemonic.Fyl2xp1: return FpuSimple(&X87.Transcendental, 4);
            case Mnemonic.Fsincos: return FpuSimple(&X87.Transcendental, 5);
            case Mnemonic.Fsin: return FpuSimple(&X87.Transcendental, 6);
            case Mnemonic.Fcos: return FpuSimple(&X87.Transcendental, 7);
            case Mnemonic.Fninit or Mnemonic.Finit: return FpuSimple(&X87.Initialize);
            case Mnemonic.Fnclex or Mnemonic.Fclex: return FpuSimple(&X87.ClearExceptions);
            case Mnemonic.Fincstp: return FpuSimple(&X87.Rotate, 1);
            case Mnemonic.Fdecstp: return FpuSimple(&X87.Rotate, 7);
            case Mnemonic.Emms: return FpuSimple(&X87.EmptyAll);
            // What the 8087 and the 80287 needed, the 80387 ignores.
            case Mnemonic.Fnop or Mnemonic.Wait or Mnemonic.Fneni or Mnemonic.Fndisi or Mnemonic.Fnsetpm:
                return FpuSimple(&Move.Nop);
            case Mnemonic.Ffree or Mnemonic.Ffreep:
            {
                ref var op = ref Emit(&X87.Free);
                op.Dst = (ushort)i.Op0Register.GetNumber();
                op.Disp = i.Mnemonic == Mnemonic.Ffreep ? 1 : 0;
                return false;
            }
            case Mnemonic.Fldcw: return WithSource(in i, &X87.LoadControl, 0, false);
            case Mnemonic.Fnstcw or Mnemonic.Fstcw:
                Emit(&X87.StoreControl);
                EmitMemory<OperandStore>(in i, 1);
                return false;
            case Mnemonic.Fnstsw or Mnemonic.Fstsw:
                Emit(&X87.StoreStatus).Dst = Output(in i, 0);
                FinishOutput(in i, 0);
                return false;
            case Mnemonic.Fnstenv or Mnemonic.Fstenv or Mnemonic.Fnsave or Mnemonic.Fsave:
                return FpuAt(in i, &X87.StoreEnvironment, (uint)i.MemorySize.GetSize());
            case Mnemonic.Fldenv or Mnemonic.Frstor:
                return FpuAt(in i, &X87.LoadEnvironment, (uint)i.MemorySize.GetSize());
        }
        return NotKnown(in i);
    }

    private static FpuSource SourceOf(MemorySize size) => size switch
    {
        MemorySize.Float32 => FpuSource.Single,
        MemorySize.Float64 => FpuSource.Double,
        MemorySize.Int16 => FpuSource.Int16,
        MemorySize.Int32 => FpuSource.Int32,
        _ => FpuSource.Int64,
    };

    /// <summary>A stack position, or a number loaded to Temp.</summary>
    private FpuSource FpuOperand(in Instruction i, int operand, out ushort position)
    {
        position = 0;
        if (IsMemory(in i, operand))
        {
            Source(in i, operand);
            return SourceOf(i.MemorySize);
        }
        position = (ushort)i.GetOpRegister(operand).GetNumber();
        return FpuSource.Register;
    }

    private bool FpuArithmetic(in Instruction i, uint operation)
    {
        bool pops = i.Mnemonic is Mnemonic.Faddp or Mnemonic.Fmulp or Mnemonic.Fsubp or Mnemonic.Fsubrp
            or Mnemonic.Fdivp or Mnemonic.Fdivrp;
        var source = FpuOperand(in i, i.OpCount - 1, out ushort position);
        ref var op = ref Emit(&X87.Arithmetic);
        op.Imm = operation;
        op.Scale = (byte)source;
        op.Dst = source == FpuSource.Register ? (ushort)i.Op0Register.GetNumber() : (ushort)0;
        op.Src = position;
        op.Disp = pops ? 1 : 0;
        return false;
    }

    private bool FpuCompare(in Instruction i, uint kind, int pops)
    {
        var source = FpuSource.Register;
        ushort position = 1;
        if (i.OpCount != 0)
            source = FpuOperand(in i, i.OpCount - 1, out position);
        ref var op = ref Emit(&X87.Compare);
        op.Imm = kind;
        op.Scale = (byte)source;
        op.Src = position;
        op.Disp = pops;
        return false;
    }

    private bool FpuMove(in Instruction i, uint condition)
    {
        ref var op = ref Emit(&X87.ConditionalMove);
        op.Src = (ushort)i.Op1Register.GetNumber();
        op.Imm = condition;
        return false;
    }

    private bool FpuSimple(Handler handler, uint kind = 0)
    {
        Emit(handler).Imm = kind;
        return false;
    }

    private bool FpuAt(in Instruction i, Handler handler, uint kind = 0)
    {
        EmitAddress<OperandCompute>(in i);
        Emit(handler).Imm = kind;
        return false;
    }
}
