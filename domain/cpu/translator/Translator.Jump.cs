using System.Collections.Generic;
using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>Branches, calls and returns, and the code beside the straight way.</summary>
internal sealed unsafe partial class Translator
{
    private enum ColdKind
    {
        /// <summary>Leaves to an operation.</summary>
        Operation,

        /// <summary>Follows a link.</summary>
        Link,

        /// <summary>Saves the flags and follows a link.</summary>
        LinkWithFlags,
    }

    /// <summary>A jump out of the straight way: where its displacement is, and the slot that it goes to.</summary>
    private readonly record struct Cold(uint Site, int Slot, ColdKind Kind);

    private readonly List<Cold> cold = [];

    private void EmitCold()
    {
        foreach (var way in cold)
        {
            emit.PatchJump(way.Site, emit.Here);
            if (way.Kind == ColdKind.Operation)
            {
                LeaveTo(way.Slot);
                continue;
            }
            if (way.Kind == ColdKind.LinkWithFlags)
                SaveFlags();
            emit.MoveImmediate(Pointer, (ulong)(home + way.Slot));
            emit.Jump(thunks.Follow);
        }
    }

    /// <summary>The block ends here and goes on elsewhere.</summary>
    private void Go(ulong target) => AddWay(emit.Jump(emit.Here), target);

    private void AddWay(uint site, ulong target)
    {
        int slot = builder.SlotCount;
        builder.AddLink(target);
        builder.AddRoom();
        var link = (Link*)(builder.Slots + slot);
        link->WithFlags = hostFlags && !stateFlags;
        link->Site = (target ^ rip) >> 12 == 0 ? site : 0;
        link->Mode = mode;
        link->Frame = frame;
        cold.Add(new Cold(site, slot, link->WithFlags ? ColdKind.LinkWithFlags : ColdKind.Link));
    }

    private void Branch(int at, in Instruction i)
    {
        NeedFlags(at);
        AddWay(emit.JumpIf((int)i.ConditionCode - 1, emit.Here), i.NearBranchTarget);
        AddWay(emit.Jump(emit.Here), i.NextIP);
    }

    private void Call(int at, in Instruction i)
    {
        KeepFlags(Arithmetic);
        int slot = builder.SlotCount;
        builder.Operations(at);
        hostFlags = false;
        PushReturn(i.NextIP, slot);
        Go(i.NearBranchTarget);
    }

    private void PushReturn(ulong next, int slot)
    {
        emit.Lea(Scratch, HostOperand.At(StackPointer, -8));
        var operand = Probe(8, true, slot);
        if ((ulong)(int)next == next)
            emit.StoreImmediate(operand, (int)next);
        else
        {
            operand = WithoutScratch(operand);
            emit.MoveImmediate(Scratch, next);
            emit.Store(operand, Scratch);
        }
        emit.Lea(StackPointer, HostOperand.At(StackPointer, -8));
    }

    /// <summary>JMP and CALL through a register or memory.</summary>
    private void Indirect(int at, in Instruction i)
    {
        KeepFlags(Arithmetic);
        int slot = builder.SlotCount;
        builder.Operations(at);
        hostFlags = false;
        if (i.Op0Kind == OpKind.Register)
        {
            int guest = i.Op0Register.GetNumber();
            int host = Held(guest, Pointer);
            if (host != Pointer)
                emit.Move(Pointer, host);
        }
        else
            emit.Load(Pointer, Access(in i, 8, false, slot));
        Find(slot);
        if (i.Mnemonic == Mnemonic.Call)
        {
            // The probe needs both registers.
            emit.Store(HostOperand.Absolute(&s->Temp), Scratch);
            PushReturn(i.NextIP, slot);
            emit.Load(Scratch, HostOperand.Absolute(&s->Temp));
        }
        GoToFound();
    }

    private void Return(int at, in Instruction i)
    {
        KeepFlags(Arithmetic);
        int slot = builder.SlotCount;
        builder.Operations(at);
        hostFlags = false;
        emit.Move(Scratch, StackPointer);
        emit.Load(Pointer, Probe(8, false, slot));
        Find(slot);
        emit.Lea(StackPointer, HostOperand.At(StackPointer, 8 + (i.OpCount == 1 ? i.Immediate16 : 0)));
        GoToFound();
    }

    /// <summary>
    /// Looks for the address in Pointer among recent targets, of which every one may be gone to; Scratch becomes the
    /// offset of its entry. Without success the operations at <paramref name="slot"/> do the instruction.
    /// </summary>
    private void Find(int slot)
    {
        emit.Move(Scratch, Pointer);
        emit.ShiftRight(Scratch, 11);
        emit.Xor(Scratch, HostOperand.Of(Pointer));
        emit.AndImmediate32(Scratch, Jump.Entries - 1);
        emit.ShiftLeft32(Scratch, 5);
        emit.Cmp(Pointer, HostOperand.At(Scratch, (int)(ulong)s->JumpCache + 16));
        cold.Add(new Cold(emit.JumpIf(HostCondition.NotEqual, emit.Here), slot, ColdKind.Operation));
        emit.Load(Pointer, HostOperand.Absolute(&s->Generation));
        emit.Cmp(Pointer, HostOperand.At(Scratch, (int)(ulong)s->JumpCache + 8));
        cold.Add(new Cold(emit.JumpIf(HostCondition.NotEqual, emit.Here), slot, ColdKind.Operation));
    }

    private void GoToFound()
    {
        emit.Lea(Pointer, HostOperand.At(Scratch, (int)(ulong)s->JumpCache));
        emit.JumpTo(HostOperand.At(Pointer, 24));
    }

    // ---- the stack

    private void Push(int at, in Instruction i)
    {
        KeepFlags(liveAfter[at]);
        int slot = BeginSlowPath(at, false);
        emit.Lea(Scratch, HostOperand.At(StackPointer, -8));
        var operand = Probe(8, true, slot);
        if (i.Op0Kind != OpKind.Register)
            emit.StoreImmediate(operand, (int)i.GetImmediate(0));
        else
        {
            int guest = i.Op0Register.GetNumber();
            int host = HostOf(guest);
            if (host < 0)
            {
                operand = WithoutScratch(operand);
                host = Held(guest, Scratch);
            }
            emit.Store(operand, host);
        }
        emit.Lea(StackPointer, HostOperand.At(StackPointer, -8));
        EndSlowPath();
        Accessed();
    }

    private void Pop(int at, in Instruction i)
    {
        KeepFlags(liveAfter[at]);
        int slot = BeginSlowPath(at, false);
        emit.Move(Scratch, StackPointer);
        var operand = Probe(8, false, slot);
        emit.Lea(StackPointer, HostOperand.At(StackPointer, 8));
        int guest = i.Op0Register.GetNumber();
        int host = HostOf(guest);
        emit.Load(host >= 0 ? host : Scratch, operand);
        if (host < 0)
            emit.Store(HostOperand.Absolute(&s->Gpr[guest]), Scratch);
        EndSlowPath();
        Accessed();
    }

    private void Leave(int at)
    {
        KeepFlags(liveAfter[at]);
        int slot = BeginSlowPath(at, false);
        emit.Move(Scratch, Rbp);
        var operand = Probe(8, false, slot);
        emit.Lea(StackPointer, HostOperand.At(Rbp, 8));
        emit.Load(Rbp, operand);
        EndSlowPath();
        Accessed();
    }

    /// <summary>An access has spoilt the host's flags, and perhaps the interpreter has done it.</summary>
    private void Accessed()
    {
        hostFlags = false;
        savedFlags = false;
    }
}
