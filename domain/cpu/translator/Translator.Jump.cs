using System.Collections.Generic;
using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>Branches, calls and returns, and the code beside the straight way.</summary>
internal sealed unsafe partial class Translator
{
    /// <summary>A jump to where an operation does what cannot be done here.</summary>
    /// <param name="Site">where the jump's displacement is</param>
    /// <param name="Dirty">the vector registers that the state has not</param>
    /// <param name="Miss">what a probe that has missed does before</param>
    private readonly record struct Cold(uint Site, int Slot, uint Dirty, Miss Miss = default);

    /// <summary>A way out of the block, to another.</summary>
    /// <param name="Executed">instructions of the block up to there</param>
    /// <param name="WithFlags">the live flags are in the host's register alone</param>
    /// <param name="Dirty">the vector registers that the state has not</param>
    /// <param name="UsesUpper">the upper halves of the host's vector registers may hold something</param>
    private readonly record struct Way(uint Site, ulong Target, int Executed, bool WithFlags, uint Dirty,
        bool UsesUpper);

    /// <summary>A RET's operation, for when nobody knows the way.</summary>
    /// <param name="Site">where its code's address is</param>
    private readonly record struct LostReturn(uint Site, int Slot);

    private readonly List<Cold> cold = [];
    private readonly List<LostReturn> lost = [];
    private readonly List<Way> ways = [];

    /// <summary>The entry of the code TLB for an address.</summary>
    private TlbEntry* CodeEntry(ulong rip) =>
        ((mode & Cpu.ModeUser) != 0 ? userExecute : kernelExecute) + ((rip >> 12) & (Mmu.CodeTlbEntries - 1));

    private void EmitCold()
    {
        foreach (var way in cold)
        {
            emit.PatchJump(way.Site, emit.Here);
            LookAgain(way.Miss);
            StoreVectors(way.Dirty);
            if (hasUsedUpper)
                emit.ZeroUpper();
            LeaveTo(way.Slot);
        }
        foreach (var way in lost)
        {
            emit.Patch(way.Site, (int)emit.Here);
            LeaveTo(way.Slot);
        }
    }

    private void EmitWays(int count)
    {
        foreach (var way in ways)
        {
            int slot = builder.SlotCount;
            builder.AddLink(way.Target);
            uint site = way.Site;
            bool isNear = (way.Target ^ rip) >> 12 == 0;
            emit.PatchJump(site, emit.Here);
            StoreVectors(way.Dirty);
            if (way.UsesUpper)
                emit.ZeroUpper();
            // The whole block has been charged.
            if (way.Executed != count)
                emit.Lea(Budget, HostOperand.At(Budget, count - way.Executed));
            if (isNear && (way.Executed != count || way.Dirty != 0 || way.UsesUpper))
                site = emit.Jump(emit.Here + 5);
            if (way.WithFlags)
                SaveFlags();
            if (!isNear)
                site = JumpToPage(CodeEntry(way.Target));
            emit.MoveImmediate(Pointer, (ulong)(home + slot));
            emit.Jump(IsUser ? userFollow : kernelFollow);
            var link = (Link*)(builder.Slots + slot);
            link->Translated = true;
            link->WithFlags = way.WithFlags;
            link->Site = site;
            link->Slot = (ushort)slot;
        }
    }

    /// <summary>
    /// A jump that <see cref="ConnectPage"/> lets lead to a block in another page. Until then, and where the page is not
    /// what it was then, what is emitted behind is done.
    /// </summary>
    /// <returns>where its displacement is</returns>
    private uint JumpToPage(TlbEntry* page)
    {
        // No page has the stamp 0.
        emit.CmpImmediate(HostOperand.Absolute(&page->Host), 0);
        emit.JumpOver(HostCondition.NotEqual, JumpBytes);
        return emit.Jump(emit.Here + JumpBytes);
    }

    private const int JumpBytes = 5, OverBytes = 2;

    /// <param name="site">what <see cref="JumpToPage"/> has returned</param>
    private void ConnectPage(uint site, ulong stamp, uint entry)
    {
        if (stamp > int.MaxValue)
            return;
        emit.Patch(site - 1 - OverBytes - sizeof(int), (int)stamp);
        emit.PatchJump(site, entry);
    }

    /// <summary>The block ends here and goes on elsewhere.</summary>
    private void Go(ulong target, int executed) => AddWay(emit.Jump(emit.Here), target, executed);

    private void AddWay(uint site, ulong target, int executed) =>
        ways.Add(new Way(site, target, executed, hostFlags && !stateFlags, dirty, usesUpper));

    /// <summary>A conditional branch; the block goes on behind it.</summary>
    private void Branch(int at, in Instruction i)
    {
        NeedFlags(at);
        AddWay(emit.JumpIf((int)i.ConditionCode - 1, emit.Here), i.NearBranchTarget, at + 1);
    }

    private void Call(int at, in Instruction i)
    {
        if (!IsOpen(at))
            KeepFlags(Arithmetic);
        int slot = builder.SlotCount;
        builder.Operations(at);
        PushReturn(at, i.NextIP, slot);
        AddWay(emit.Call(emit.Here), i.NearBranchTarget, at + 1);
        ComeFromReturn(i.NextIP, at + 1);
    }

    /// <summary>
    /// Behind a CALL: a RET has come here with the guest's address in Pointer and its own way out in Scratch. All of the
    /// guest is in the state but the registers, RSP is as before the RET.
    /// </summary>
    private void ComeFromReturn(ulong next, int executed)
    {
        uint constant = 0;
        if ((ulong)(int)next == next)
            emit.CmpImmediate(HostOperand.Of(Pointer), (int)next);
        else
        {
            emit.Cmp(Pointer, HostOperand.Absolute(0u));
            constant = emit.Here - 4;
        }
        emit.JumpIf(HostCondition.NotEqual, IsUser ? userStray : kernelStray);
        emit.Lea(StackPointer, HostOperand.At(StackPointer, 8));
        ways.Add(new Way(emit.Jump(emit.Here), next, executed, false, 0, false));
        if (constant == 0)
            return;
        emit.Patch(constant, (int)emit.Here);
        emit.Int64(next);
    }

    private void PushReturn(int at, ulong next, int slot)
    {
        var operand = ReachStack(at, StackPointer, -8, true, slot);
        if ((ulong)(int)next == next)
            emit.StoreImmediate(operand, (int)next);
        else
        {
            operand = WithoutScratchKeepingFlags(operand);
            emit.MoveImmediate(Scratch, next);
            emit.Store(operand, Scratch);
        }
        emit.Lea(StackPointer, HostOperand.At(StackPointer, -8));
    }

    /// <summary>
    /// Eight bytes at a register + displacement: in their window, or probed, which spoils the flags.
    /// </summary>
    private HostOperand ReachStack(int at, int register, int displacement, bool write, int slot)
    {
        if (IsOpen(at))
            return Reach(at);
        hostFlags = savedFlags = false;
        var address = HostOperand.At(register, displacement);
        if (Opens(at))
            return Open(at, address);
        TakeOver(at);
        LoadScratch(address);
        return Probe(8, write, slot);
    }

    /// <summary>JMP and CALL through a register or memory.</summary>
    private void Indirect(int at, in Instruction i)
    {
        KeepFlags(Arithmetic);
        KeepVectors();
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
            PushReturn(at, i.NextIP, slot);
            emit.Load(Scratch, HostOperand.Absolute(&s->Temp));
        }
        emit.Lea(Pointer, HostOperand.At(Scratch, (int)(ulong)s->JumpCache));
        if (i.Mnemonic == Mnemonic.Jmp)
        {
            emit.JumpTo(HostOperand.At(Pointer, 24));
            return;
        }
        emit.CallTo(HostOperand.At(Pointer, 24));
        ComeFromReturn(i.NextIP, at + 1);
    }

    private void Return(int at, in Instruction i)
    {
        KeepFlags(Arithmetic);
        KeepVectors();
        int slot = builder.SlotCount;
        builder.Operations(at);
        hostFlags = false;
        emit.Load(Pointer, ReachStack(at, StackPointer, 0, false, slot));
        if (i.OpCount == 0)
        {
            lost.Add(new LostReturn(emit.MoveAddress(Scratch), slot));
            emit.Return();
            return;
        }
        // The code behind a CALL (ComeFromReturn) releases the address alone, eight bytes. So a RET that releases more
        // does it here, and goes by the recent targets.
        Find(slot);
        emit.Lea(StackPointer, HostOperand.At(StackPointer, 8 + i.Immediate16));
        emit.Lea(Pointer, HostOperand.At(Scratch, (int)(ulong)s->JumpCache));
        emit.JumpTo(HostOperand.At(Pointer, 24));
    }

    /// <summary>
    /// Looks for the address in Pointer among recent targets, of which every one may be gone to; Scratch becomes the
    /// offset of its entry. Without success the operations at <paramref name="slot"/> do the instruction.
    /// </summary>
    private void Find(int slot)
    {
        var (other, moved) = thunks.FindTarget(CodeEntry(0));
        cold.Add(new Cold(other, slot, dirty));
        cold.Add(new Cold(moved, slot, dirty));
    }

    // ---- the stack

    /// <summary>The operations for an operand that is probed and misses.</summary>
    private int BeginStack(int at)
    {
        if (IsOpen(at))
            return 0;
        KeepFlags(liveAfter[at]);
        return Opens(at) ? 0 : BeginSlowPath(at, false);
    }

    private void Push(int at, in Instruction i)
    {
        bool probed = !IsOpen(at) && !Opens(at);
        int slot = BeginStack(at);
        var operand = ReachStack(at, StackPointer, -8, true, slot);
        if (i.Op0Kind != OpKind.Register)
            emit.StoreImmediate(operand, (int)i.GetImmediate(0));
        else
        {
            int guest = i.Op0Register.GetNumber();
            int host = HostOf(guest);
            if (host < 0)
            {
                operand = WithoutScratchKeepingFlags(operand);
                host = Held(guest, Scratch);
            }
            emit.Store(operand, host);
        }
        emit.Lea(StackPointer, HostOperand.At(StackPointer, -8));
        if (probed)
            EndSlowPath();
    }

    private void Pop(int at, in Instruction i)
    {
        bool probed = !IsOpen(at) && !Opens(at);
        int slot = BeginStack(at);
        var operand = ReachStack(at, StackPointer, 0, false, slot);
        emit.Lea(StackPointer, HostOperand.At(StackPointer, 8));
        int guest = i.Op0Register.GetNumber();
        int host = HostOf(guest);
        emit.Load(host >= 0 ? host : Scratch, operand);
        if (host < 0)
            emit.Store(HostOperand.Absolute(&s->Gpr[guest]), Scratch);
        if (probed)
            EndSlowPath();
    }

    private void Leave(int at)
    {
        bool probed = !IsOpen(at) && !Opens(at);
        int slot = BeginStack(at);
        var operand = ReachStack(at, Rbp, 0, false, slot);
        emit.Lea(StackPointer, HostOperand.At(Rbp, 8));
        emit.Load(Rbp, operand);
        if (probed)
            EndSlowPath();
    }
}
