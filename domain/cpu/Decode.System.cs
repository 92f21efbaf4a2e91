using Iced.Intel;

namespace Domain;

/// <summary>System instructions.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private bool TranslateSystem(in Instruction i)
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
            {
                ref var op = ref Emit(&SystemOps.StoreMachineStatus);
                op.Dst = Output(in i, 0);
                FinishOutput(in i, 0);
                return false;
            }
            case Mnemonic.Lmsw: return WithSource(in i, &SystemOps.LoadMachineStatus, 0, true);
            case Mnemonic.Lgdt: return AtAddress(in i, &SystemOps.LoadTable, 0);
            case Mnemonic.Lidt: return AtAddress(in i, &SystemOps.LoadTable, 1);
            case Mnemonic.Sgdt: return AtAddress(in i, &SystemOps.StoreTable, 0);
            case Mnemonic.Sidt: return AtAddress(in i, &SystemOps.StoreTable, 1);
            case Mnemonic.Ltr: return WithSource(in i, &SystemOps.LoadTask, 0, false);
            case Mnemonic.Lldt: return WithSource(in i, &SystemOps.LoadTask, 1, false);
            case Mnemonic.Str or Mnemonic.Sldt:
            {
                ref var op = ref Emit(&SystemOps.StoreTask);
                op.Imm = i.Mnemonic == Mnemonic.Str ? 0u : 1u;
                op.Dst = Output(in i, 0);
                FinishOutput(in i, 0);
                return false;
            }
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
            case Mnemonic.Syscall when code64: Emit(&SystemOps.SystemCall); return true;
            case Mnemonic.Sysretq or Mnemonic.Sysret:
            {
                ref var op = ref Emit(&SystemOps.SystemReturn);
                op.Imm = i.Code == Code.Sysretq ? 1u : 0;
                return true;
            }
            case Mnemonic.Swapgs when code64: Emit(&SystemOps.SwapGs); return false;
            case Mnemonic.Iretq or Mnemonic.Iretd:
            {
                ref var op = ref Emit(&SystemOps.InterruptReturn);
                op.Imm = i.Mnemonic == Mnemonic.Iretq ? 8u : 4u;
                return true;
            }
            case Mnemonic.Retf:
            {
                ref var op = ref Emit(&SystemOps.FarReturn);
                op.Scale = i.Code is Code.Retfq or Code.Retfq_imm16 ? (byte)8 : i.Code is Code.Retfd or Code.Retfd_imm16 ? (byte)4 : (byte)2;
                op.Imm = i.OpCount == 1 ? i.Immediate16 : 0u;
                return true;
            }
            case Mnemonic.Xlatb:
            {
                ref var op = ref Emit(&Move<Size64>.RegisterRegister);
                op.Dst = tempAddressOffset;
                op.Src = Reg(Register.RBX);
                Emit(&Move.Translate);
                return false;
            }
            case Mnemonic.Rdpmc:
                return RaiseAlways(Cpu.ExceptionGeneralProtection);
        }
        return TranslateVector(in i);
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
            if (IsMemory(in i, 0))
            {
                EmitMemory<OperandStore>(in i, 1);
                return false;
            }
            ref var move = ref Emit(Pick.Size<MoveRegisterRegister>(Log(in i, 0)));
            move.Dst = Reg(to);
            move.Src = tempOffset;
            return false;
        }
        var special = to.IsCR() || to.IsDR() ? to : from;
        if (special.IsCR() ? special is not (Register.CR0 or Register.CR2 or Register.CR3 or Register.CR4 or Register.CR8) : special.GetNumber() > 7)
            return RaiseAlways(Cpu.ExceptionInvalidOpcode);
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
