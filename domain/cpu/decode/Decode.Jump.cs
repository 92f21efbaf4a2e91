using Iced.Intel;

namespace Domain;

/// <summary>Branches, and comparisons fused with them.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private bool DecodeJump(in Instruction i)
    {
        if (i.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32 or OpKind.NearBranch64)
        {
            if (!MayGoTo(i.NearBranchTarget))
                return RaiseAlways(ExceptionVector.GP);
            Emit(&Jump.Direct);
            AddLink(i.NearBranchTarget);
            return true;
        }
        if (i.Op0Kind is OpKind.FarBranch16 or OpKind.FarBranch32)
        {
            ref var far = ref Emit(&SystemOps.FarJump);
            far.Src = i.FarBranchSelector;
            far.Imm = i.Op0Kind == OpKind.FarBranch16 ? i.FarBranch16 : i.FarBranch32;
            return true;
        }
        if (i.IsJmpFarIndirect)
        {
            LoadFar(in i);
            Emit(&SystemOps.FarJumpLoaded);
            return true;
        }
        ushort source = IndirectTarget(in i);
        ref var op = ref Emit(&Jump.Indirect);
        op.Src = source;
        return true;
    }

    private bool DecodeCall(in Instruction i)
    {
        if (i.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32 or OpKind.NearBranch64)
        {
            if (!MayGoTo(i.NearBranchTarget))
                return RaiseAlways(ExceptionVector.GP);
            Emit(Pick.Stack<JumpCall>(stack, LogOf(-i.StackPointerIncrement)));
            AddLink(i.NearBranchTarget);
            return true;
        }
        if (i.IsCallFarIndirect)
        {
            int log = LoadFar(in i);
            Emit(Pick.Stack<SystemFarCall>(stack, log));
            return true;
        }
        if (i.IsCallFar)
        {
            bool half = i.Op0Kind == OpKind.FarBranch16;
            ref var far = ref Emit(&SystemOps.FarTarget);
            far.Src = i.FarBranchSelector;
            far.Imm = half ? i.FarBranch16 : i.FarBranch32;
            Emit(Pick.Stack<SystemFarCall>(stack, half ? 1 : 2));
            return true;
        }
        ushort source = IndirectTarget(in i);
        Emit(Pick.Stack<JumpCallIndirect>(stack, LogOf(-i.StackPointerIncrement))).Src = source;
        return true;
    }

    /// <summary>Whether JMP and CALL may lead there, otherwise #GP at the branch (SDM vol. 2).</summary>
    private bool MayGoTo(ulong target) => !code64 || Cpu.IsCanonical(target);

    /// <summary>Loads the far pointer in memory; the result is the offset's size.</summary>
    private int LoadFar(in Instruction i)
    {
        int log = i.Code is Code.Jmp_m1664 or Code.Call_m1664 ? 3 : i.Code is Code.Jmp_m1632 or Code.Call_m1632 ? 2 : 1;
        EmitAddress<OperandCompute>(in i);
        Emit(&SystemOps.LoadFar).Imm = 1UL << log;
        return log;
    }

    private ushort IndirectTarget(in Instruction i)
    {
        ushort source = Source(in i, 0);
        if (code64)
            return source;
        // The register's upper part may hold anything.
        ref var cut = ref Emit(Log(in i, 0) == 1 ? &Extend<Size64, Size16>.Zero : &Extend<Size64, Size32>.Zero);
        cut.Dst = tempOffset;
        cut.Src = source;
        return tempOffset;
    }

    /// <summary>CMP or TEST with the conditional branch behind it.</summary>
    private bool TryFuse(in Instruction i, in Instruction next)
    {
        // LOOPE and LOOPNE have conditions, too, but do more.
        if (i.Mnemonic is not (Mnemonic.Cmp or Mnemonic.Test) || !next.IsJccShortOrNear)
            return false;
        int log = Log(in i, 0);
        if (!IsRegister(in i, 0) || IsMemory(in i, 1))
            return false;
        int condition = (int)next.ConditionCode - 1;
        bool register = IsRegister(in i, 1);
        Handler handler = log switch
        {
            0 => Fused<Size8>(i.Mnemonic, register, condition),
            1 => Fused<Size16>(i.Mnemonic, register, condition),
            2 => Fused<Size32>(i.Mnemonic, register, condition),
            _ => Fused<Size64>(i.Mnemonic, register, condition),
        };
        ref var op = ref Emit(handler);
        op.Count = (short)count;
        op.Dst = Reg(i.Op0Register);
        if (register)
            op.Src = Reg(i.Op1Register);
        else
            op.Imm = Immediate(in i, 1, log);
        AddLink(next.NearBranchTarget);
        AddLink(next.NextIP);
        return true;
    }

    private static Handler Fused<TSize>(Mnemonic mnemonic, bool register, int condition) where TSize : struct, ISize =>
        (mnemonic, register) switch
        {
            (Mnemonic.Cmp, true) => Pick.Condition<CompareJumpRegisterRegister<TSize>>(condition),
            (Mnemonic.Cmp, false) => Pick.Condition<CompareJumpRegisterImmediate<TSize>>(condition),
            (_, true) => Pick.Condition<CompareJumpTestRegister<TSize>>(condition),
            _ => Pick.Condition<CompareJumpTestImmediate<TSize>>(condition),
        };
}
