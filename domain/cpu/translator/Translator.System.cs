using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>
/// SYSCALL and SYSRET between 64-bit code of both privileges, as <see cref="Cpu.EnterSystemCall"/> and
/// <see cref="Cpu.LeaveSystemCall"/> do them, and what else is a few words of the state.
/// </summary>
/// <remarks>
/// Where the target is none of the recent ones, or something is out of the ordinary (a flag that steps, an interrupt
/// that waits, SYSCALL switched off), nothing has changed yet and the interpreter does the instruction.
/// </remarks>
internal sealed unsafe partial class Translator
{
    /// <summary>What SYSRET takes from R11 besides the arithmetic flags.</summary>
    private const ulong ReturnedFlags = Flags.TF | Flags.IF | Flags.DF | Flags.IOPL | Flags.NT | Flags.AC | Flags.ID;

    private bool IsUser => (mode & Cpu.ModeUser) != 0;

    private bool IsKnownSystem(in Instruction i) =>
        IsUser ? i.Code == Code.Syscall : i.Code is Code.Sysretq or Code.Swapgs or Code.Cli or Code.Sti
            || IsKnownControl(in i);

    /// <summary>MOV from a control register that is a word of the state.</summary>
    private static bool IsKnownControl(in Instruction i) => i.Code == Code.Mov_r64_cr
        && i.Op1Register is Register.CR0 or Register.CR2 or Register.CR3 or Register.CR4;

    private ulong* ControlRegister(Register register) => register switch
    {
        Register.CR0 => &s->Cr0,
        Register.CR2 => &s->Cr2,
        Register.CR3 => &s->Cr3,
        _ => &s->Cr4,
    };

    /// <summary>
    /// SWAPGS, CLI and STI, and MOV from a control register, at privilege 0. Behind STI comes an instruction of the same
    /// block, before which nobody looks at interrupts; one that waits makes the run loop look behind it
    /// (<see cref="CpuState.InterruptWaits"/>).
    /// </summary>
    private void ChangeSystemState(int at, in Instruction i)
    {
        KeepFlags(liveAfter[at]);
        int slot = BeginSlowPath(at, false);
        hostFlags = savedFlags = false;
        emit.CmpImmediate32(HostOperand.Absolute(&s->Cpl), 0);
        cold.Add(new Cold(emit.JumpIf(HostCondition.NotEqual, emit.Here), slot, dirty));
        if (i.Mnemonic == Mnemonic.Sti)
        {
            emit.TestImmediate32(HostOperand.Absolute(&s->InterruptWaits), 1);
            cold.Add(new Cold(emit.JumpIf(HostCondition.NotEqual, emit.Here), slot, dirty));
            emit.OrImmediate32(HostOperand.Absolute(&s->SystemFlags), (int)Flags.IF);
        }
        else if (i.Mnemonic == Mnemonic.Cli)
            emit.AndImmediate(HostOperand.Absolute(&s->SystemFlags), ~(int)Flags.IF);
        else if (i.Mnemonic == Mnemonic.Mov)
        {
            int guest = i.Op0Register.GetNumber(), host = HostOf(guest);
            int to = host >= 0 ? host : Scratch;
            emit.Load(to, HostOperand.Absolute(ControlRegister(i.Op1Register)));
            if (host < 0)
                emit.Store(HostOperand.Absolute(&s->Gpr[guest]), Scratch);
        }
        else
        {
            var active = HostOperand.Absolute(&s->SegmentBase[Cpu.SegmentGs]);
            var other = HostOperand.Absolute(&s->KernelGsBase);
            emit.Load(Scratch, active);
            emit.Load(Pointer, other);
            emit.Store(other, Scratch);
            emit.Store(active, Pointer);
        }
        EndSlowPath();
    }

    private void EnterSystemCall(int at, in Instruction i)
    {
        int slot = BeginTransfer(at);
        MakeFlagsExplicit(slot);
        emit.Load(Pointer, HostOperand.Absolute(&s->Lstar));
        FindIn(kernelExecute, slot);
        emit.MoveImmediate(Rcx, i.NextIP);
        emit.Load(Scratch, HostOperand.Absolute(&s->SystemFlags));
        emit.Load32(LastHeld, HostOperand.Absolute(&s->FlagBits));
        emit.Or(LastHeld, HostOperand.Of(Scratch));
        emit.OrImmediate32(HostOperand.Of(LastHeld), 2);
        emit.AndImmediate(HostOperand.Of(LastHeld), ~(int)Flags.RF);
        emit.Load(Pointer, HostOperand.Absolute(&s->Fmask));
        emit.Not(Pointer);
        emit.AndImmediate(HostOperand.Of(Pointer), ~(int)Flags.RF);
        emit.And(Scratch, HostOperand.Of(Pointer));
        emit.Store(HostOperand.Absolute(&s->SystemFlags), Scratch);
        emit.Load32(Scratch, HostOperand.Absolute(&s->FlagBits));
        emit.And(Scratch, HostOperand.Of(Pointer));
        emit.Store32(HostOperand.Absolute(&s->FlagBits), Scratch);
        SetSegments(0, 0, 8, 4);
        ChangePrivilege(0);
        GoToKept();
    }

    private void LeaveSystemCall(int at)
    {
        int slot = BeginTransfer(at);
        LeaveIf(HostCondition.NotEqual, slot, () => emit.CmpImmediate32(HostOperand.Absolute(&s->Cpl), 0));
        LeaveIf(HostCondition.NotEqual, slot, () => emit.TestImmediate32(HostOperand.Of(LastHeld), (int)Flags.TF));
        LeaveIf(HostCondition.NotEqual, slot, () =>
            emit.TestImmediate32(HostOperand.Absolute(&s->InterruptWaits), 1));
        emit.Move(Pointer, Rcx);
        FindIn(userExecute, slot);
        emit.Move32(Scratch, LastHeld);
        emit.AndImmediate32(Scratch, (int)Flags.Arithmetic);
        emit.Store32(HostOperand.Absolute(&s->FlagBits), Scratch);
        emit.StoreImmediate32(HostOperand.Absolute(&s->FlagKind), Flags.Explicit);
        emit.Move32(Scratch, LastHeld);
        emit.AndImmediate32(Scratch, (int)ReturnedFlags);
        emit.Load(Pointer, HostOperand.Absolute(&s->SystemFlags));
        emit.AndImmediate(HostOperand.Of(Pointer), ~(int)ReturnedFlags);
        emit.Or(Pointer, HostOperand.Of(Scratch));
        emit.Store(HostOperand.Absolute(&s->SystemFlags), Pointer);
        SetSegments(3, 16, 8, 6);
        ChangePrivilege(3);
        GoToKept();
    }

    /// <returns>the interpreter's operations for the instruction</returns>
    private int BeginTransfer(int at)
    {
        KeepFlags(Arithmetic);
        KeepVectors();
        int slot = builder.SlotCount;
        builder.Operations(at);
        hostFlags = false;
        LeaveIf(HostCondition.Equal, slot, () =>
            emit.TestImmediate32(HostOperand.Absolute(&s->Efer), (int)Efer.SCE));
        return slot;
    }

    private void LeaveIf(int condition, int slot, System.Action compare)
    {
        compare();
        cold.Add(new Cold(emit.JumpIf(condition, emit.Here), slot, 0));
    }

    /// <summary>Saved flags to RFLAGS's places; lazy ones are the interpreter's.</summary>
    private void MakeFlagsExplicit(int slot)
    {
        emit.CmpImmediate32(HostOperand.Absolute(&s->FlagKind), Flags.Saved);
        uint otherwise = emit.JumpIf(HostCondition.NotEqual, emit.Here);
        // OF is in bit 0, the others in the second byte.
        emit.LoadZero16(Scratch, HostOperand.Absolute(&s->FlagBits));
        emit.Move32(Pointer, Scratch);
        emit.ShiftLeft32(Pointer, 11);
        emit.AndImmediate32(Pointer, (int)Flags.OF);
        emit.ShiftRight(Scratch, 8);
        emit.AndImmediate32(Scratch, (int)(Flags.Arithmetic & ~Flags.OF));
        emit.Or(Scratch, HostOperand.Of(Pointer));
        emit.Store32(HostOperand.Absolute(&s->FlagBits), Scratch);
        emit.StoreImmediate32(HostOperand.Absolute(&s->FlagKind), Flags.Explicit);
        emit.PatchJump(otherwise, emit.Here);
        LeaveIf(HostCondition.NotEqual, slot, () =>
            emit.CmpImmediate32(HostOperand.Absolute(&s->FlagKind), Flags.Explicit));
    }

    /// <summary>Looks for the address in Pointer, and keeps what was found for <see cref="GoToKept"/>.</summary>
    private void FindIn(TlbEntry* target, int slot)
    {
        var (other, moved) = thunks.FindTarget(target);
        cold.Add(new Cold(other, slot, 0));
        cold.Add(new Cold(moved, slot, 0));
        emit.Store(HostOperand.Absolute(&s->Temp), Scratch);
    }

    private void GoToKept()
    {
        emit.Load(Scratch, HostOperand.Absolute(&s->Temp));
        emit.Lea(Pointer, HostOperand.At(Scratch, (int)(ulong)s->JumpCache));
        emit.JumpTo(HostOperand.At(Pointer, 24));
    }

    /// <summary>
    /// CS and SS from IA32_STAR, flat and 64-bit. Their entries in the state's arrays follow one another.
    /// </summary>
    /// <param name="level">privilege, which the selectors say too</param>
    /// <param name="code">what is added to the word at <paramref name="at"/> in the register for CS</param>
    /// <param name="stack">the same for SS</param>
    private void SetSegments(int level, int code, int stack, int at)
    {
        foreach (var (segment, offset) in new[] { (Cpu.SegmentCs, code), (Cpu.SegmentSs, stack) })
        {
            emit.LoadZero16(Scratch, HostOperand.Absolute((byte*)&s->Star + at));
            emit.Lea(Scratch, HostOperand.At(Scratch, offset));
            if (level == 0)
                emit.AndImmediate32(Scratch, ~3);
            else
                emit.OrImmediate32(HostOperand.Of(Scratch), level);
            emit.Store16(HostOperand.Absolute(&s->Selector[segment]), Scratch);
            emit.StoreImmediate(HostOperand.Absolute(&s->SegmentBase[segment]), 0);
        }
        emit.StoreImmediate(HostOperand.Absolute(&s->SegmentLimit[Cpu.SegmentCs]), -1);
        uint rights = (uint)level << 5;
        emit.StoreImmediate32(HostOperand.Absolute(&s->SegmentRights[Cpu.SegmentCs]), (int)(rights | Segment.FlatCode));
        emit.StoreImmediate32(HostOperand.Absolute(&s->SegmentRights[Cpu.SegmentSs]), (int)(rights | Segment.FlatData));
        emit.Load32(Scratch, HostOperand.Absolute(&s->Unflat));
        emit.AndImmediate32(Scratch, ~(1 << Cpu.SegmentCs | 1 << Cpu.SegmentSs));
        emit.Store32(HostOperand.Absolute(&s->Unflat), Scratch);
    }

    /// <summary>As <see cref="Cpu.SetPrivilege"/>, from the other one.</summary>
    private void ChangePrivilege(int level)
    {
        bool user = level == 3;
        emit.StoreImmediate32(HostOperand.Absolute(&s->Cpl), level);
        emit.StoreImmediate(HostOperand.Absolute(&s->ReadTlb), (int)(ulong)(user ? userRead : kernelRead));
        emit.StoreImmediate(HostOperand.Absolute(&s->WriteTlb), (int)(ulong)(user ? userWrite : kernelWrite));
        emit.StoreImmediate(HostOperand.Absolute(&s->ExecuteTlb), (int)(ulong)(user ? userExecute : kernelExecute));
        if (user)
            emit.OrImmediate32(HostOperand.Absolute(&s->Generation), 1);
        else
            emit.AndImmediate(HostOperand.Absolute(&s->Generation), ~1);
        // ReturnStack.Change, of the pointer in use.
        emit.Load(Scratch, HostOperand.Absolute(&s->OtherReturnStack));
        emit.Store(HostOperand.Absolute(&s->OtherReturnStack), Rsp);
        emit.Move(Rsp, Scratch);
        emit.Load(Scratch, HostOperand.Absolute(&s->ReturnBottom));
        emit.Load(Pointer, HostOperand.Absolute(&s->OtherReturnBottom));
        emit.Store(HostOperand.Absolute(&s->ReturnBottom), Pointer);
        emit.Store(HostOperand.Absolute(&s->OtherReturnBottom), Scratch);
    }
}
