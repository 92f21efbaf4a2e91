using Iced.Intel;

namespace Domain;

/// <summary>System instructions.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private bool DecodeSystem(in Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Clc: Emit(&SystemOps.ClearCarry); return false;
            case Mnemonic.Stc: Emit(&SystemOps.SetCarry); return false;
            case Mnemonic.Cmc: Emit(&SystemOps.ComplementCarry); return false;
            case Mnemonic.Cld: Emit(&SystemOps.ClearDirection); return false;
            case Mnemonic.Std: Emit(&SystemOps.SetDirection); return false;
            case Mnemonic.Lahf: Emit(&SystemOps.LoadAh); return false;
            case Mnemonic.Sahf: Emit(&SystemOps.StoreAh); return false;
            case Mnemonic.Cli: Emit(&SystemOps.ClearInterrupt); return false;
            case Mnemonic.Sti: Emit(&SystemOps.SetInterrupt); return true;
            case Mnemonic.Hlt: Emit(&SystemOps.Halt); return true;
            case Mnemonic.Int or Mnemonic.Int3:
                Emit(&SystemOps.Interrupt).Imm = i.Mnemonic == Mnemonic.Int3 ? 3u : i.Immediate8;
                return true;
            case Mnemonic.Int1:
                Emit(&SystemOps.InterruptDebug);
                return true;
            case Mnemonic.In:
            {
                ref var op = ref Emit(Pick.Size<PortIn>(Log(in i, 0)));
                op.Scale = IsRegister(in i, 1) ? (byte)1 : (byte)0;
                op.Imm = IsRegister(in i, 1) ? 0u : i.Immediate8;
                return false;
            }
            case Mnemonic.Out:
            {
                ref var op = ref Emit(Pick.Size<PortOut>(Log(in i, 1)));
                op.Scale = IsRegister(in i, 0) ? (byte)1 : (byte)0;
                op.Imm = IsRegister(in i, 0) ? 0u : i.Immediate8;
                return true;
            }
            case Mnemonic.Clts: Emit(&SystemOps.ClearTaskSwitched); return true;
            case Mnemonic.Smsw:
                Emit(&SystemOps.StoreMachineStatus);
                return FromTemp(in i);
            case Mnemonic.Lmsw: return WithSource(in i, &SystemOps.LoadMachineStatus, 0, true);
            case Mnemonic.Lgdt: return AtAddress(in i, &SystemOps.LoadTable, 0);
            case Mnemonic.Lidt: return AtAddress(in i, &SystemOps.LoadTable, 1);
            case Mnemonic.Sgdt: return AtAddress(in i, &SystemOps.StoreTable, 0);
            case Mnemonic.Sidt: return AtAddress(in i, &SystemOps.StoreTable, 1);
            case Mnemonic.Ltr: return WithSource(in i, &SystemOps.LoadTask, 0, false);
            case Mnemonic.Lldt: return WithSource(in i, &SystemOps.LoadTask, 1, false);
            case Mnemonic.Str or Mnemonic.Sldt:
            {
                Emit(&SystemOps.StoreTask).Imm = i.Mnemonic == Mnemonic.Str ? 0u : 1u;
                return FromTemp(in i);
            }
            case Mnemonic.Lar: return Inspect(in i, 0);
            case Mnemonic.Lsl: return Inspect(in i, 1);
            case Mnemonic.Verr: return Inspect(in i, 2);
            case Mnemonic.Verw: return Inspect(in i, 3);
            case Mnemonic.Lss: return LoadPointer(in i, Cpu.SegmentSs);
            case Mnemonic.Lds: return LoadPointer(in i, Cpu.SegmentDs);
            case Mnemonic.Les: return LoadPointer(in i, Cpu.SegmentEs);
            case Mnemonic.Lfs: return LoadPointer(in i, Cpu.SegmentFs);
            case Mnemonic.Lgs: return LoadPointer(in i, Cpu.SegmentGs);
            case Mnemonic.Into: Emit(&SystemOps.InterruptOnOverflow).Imm = 4; return false;
            case Mnemonic.Invlpg: AtAddress(in i, &SystemOps.InvalidatePage, 0); return true;
            case Mnemonic.Invd or Mnemonic.Wbinvd: Emit(&SystemOps.PrivilegedNop); return false;
            case Mnemonic.Rdmsr: Emit(&SystemOps.ReadModelSpecific); return false;
            case Mnemonic.Wrmsr: Emit(&SystemOps.WriteModelSpecific); return true;
            case Mnemonic.Rdtsc or Mnemonic.Rdtscp:
            {
                ref var op = ref Emit(&SystemOps.ReadTimeStamp);
                op.Imm = i.Mnemonic == Mnemonic.Rdtscp ? 1u : 0;
                return false;
            }
            case Mnemonic.Cpuid: Emit(&SystemOps.Identify); return false;
            case Mnemonic.Syscall: Emit(&SystemOps.SystemCall); return true;
            case Mnemonic.Sysretq or Mnemonic.Sysret:
            {
                ref var op = ref Emit(&SystemOps.SystemReturn);
                op.Imm = i.Code == Code.Sysretq ? 1u : 0;
                return true;
            }
            case Mnemonic.Swapgs when code64: Emit(&SystemOps.SwapGs); return false;
            case Mnemonic.Iret or Mnemonic.Iretd or Mnemonic.Iretq:
                Emit(&SystemOps.InterruptReturn).Imm =
                    i.Mnemonic == Mnemonic.Iret ? 2u : i.Mnemonic == Mnemonic.Iretd ? 4u : 8u;
                return true;
            case Mnemonic.Retf:
            {
                ref var op = ref Emit(&SystemOps.FarReturn);
                op.Scale = i.Code is Code.Retfq or Code.Retfq_imm16 ? (byte)8 : i.Code is Code.Retfd or Code.Retfd_imm16
                    ? (byte)4 : (byte)2;
                op.Imm = i.OpCount == 1 ? i.Immediate16 : 0u;
                return true;
            }
            case Mnemonic.Xlatb:
            {
                // The address is (R|E)BX + AL.
                ref var index = ref Emit(&Extend<Size64, Size8>.Zero);
                index.Dst = tempOffset;
                index.Src = Reg(Register.AL);
                EmitMemory<MoveMemoryRegisterMemory>(in i, 0).Dst = Reg(Register.AL);
                return false;
            }
            case Mnemonic.Xgetbv:
                Emit(&ExtendedState.ReadControl);
                return false;
            case Mnemonic.Xsetbv:
                Emit(&ExtendedState.WriteControl);
                return true;
            case Mnemonic.Xsave or Mnemonic.Xsave64 or Mnemonic.Xsaveopt or Mnemonic.Xsaveopt64:
                return AtAddress(in i, &ExtendedState.Save, 0);
            case Mnemonic.Xrstor or Mnemonic.Xrstor64:
                return AtAddress(in i, &ExtendedState.Restore, 0);
            case Mnemonic.Rdpmc:
                return RaiseAlways(ExceptionVector.GP);
        }
        return DecodeVector(in i);
    }

    /// <summary>Temp to a register of any size or to 16 bits of memory, as stores of selectors do.</summary>
    private bool FromTemp(in Instruction i)
    {
        if (IsMemory(in i, 0))
        {
            EmitMemory<OperandStore>(in i, 1);
            return false;
        }
        ref var move = ref Emit(Pick.Size<MoveRegisterRegister>(Log(in i, 0)));
        move.Dst = Reg(i.Op0Register);
        move.Src = tempOffset;
        return false;
    }

    private bool Inspect(in Instruction i, uint question)
    {
        int operand = question < 2 ? 1 : 0;
        ushort source = tempOffset;
        if (IsMemory(in i, operand))
            EmitMemory<OperandLoad>(in i, 1);
        else
            source = Reg(i.GetOpRegister(operand));
        ref var op = ref Emit(Pick.Size<SystemInspect>(Log(in i, 0)));
        op.Src = source;
        op.Imm = question;
        if (question < 2)
            op.Dst = Reg(i.Op0Register);
        return false;
    }

    private bool LoadPointer(in Instruction i, int segment)
    {
        EmitAddress<OperandCompute>(in i);
        ref var op = ref Emit(Pick.Size<SystemLoadPointer>(Log(in i, 0)));
        op.Dst = Reg(i.Op0Register);
        op.Imm = (ulong)segment;
        return true;
    }

    private bool AtAddress(in Instruction i, Handler handler, uint kind)
    {
        EmitAddress<OperandCompute>(in i);
        ref var op = ref Emit(handler);
        op.Imm = kind;
        return false;
    }

    private bool WithSource(in Instruction i, Handler handler, uint kind, bool ends)
    {
        ushort source = Source(in i, 0);
        ref var op = ref Emit(handler);
        op.Src = source;
        op.Imm = kind;
        return ends;
    }

    /// <summary>MOV with a segment, control or debug register.</summary>
    private bool MoveSystemRegister(in Instruction i)
    {
        var to = IsRegister(in i, 0) ? i.Op0Register : Register.None;
        var from = IsRegister(in i, 1) ? i.Op1Register : Register.None;
        if (to.IsSegmentRegister())
        {
            if (to == Register.CS)
                return NotKnown(in i);
            ushort source = Source(in i, 1);
            ref var op = ref Emit(&SystemOps.LoadSegment);
            op.Src = source;
            op.Imm = (ulong)(to - Register.ES);
            return true;
        }
        if (from.IsSegmentRegister())
        {
            ref var op = ref Emit(&SystemOps.StoreSegment);
            op.Imm = (ulong)(from - Register.ES);
            return FromTemp(in i);
        }
        var special = to.IsCR() || to.IsDR() ? to : from;
        if (special.IsCR() ? special is not (Register.CR0 or Register.CR2 or Register.CR3 or Register.CR4
            or Register.CR8) : special.GetNumber() > 7)
            return RaiseAlways(ExceptionVector.UD);
        if (to.IsCR())
        {
            ref var op = ref Emit(&SystemOps.WriteControl);
            op.Src = Reg(from);
            op.Imm = (ulong)to.GetNumber();
            return true;
        }
        if (from.IsCR())
        {
            ref var op = ref Emit(&SystemOps.ReadControl);
            op.Dst = Reg(to);
            op.Imm = (ulong)from.GetNumber();
            return false;
        }
        if (to.IsDR())
        {
            ref var op = ref Emit(&SystemOps.WriteDebug);
            op.Src = Reg(from);
            op.Imm = (ulong)to.GetNumber();
            return false;
        }
        if (from.IsDR())
        {
            ref var op = ref Emit(&SystemOps.ReadDebug);
            op.Dst = Reg(to);
            op.Imm = (ulong)from.GetNumber();
            return false;
        }
        return NotKnown(in i);
    }
}
