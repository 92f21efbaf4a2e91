using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>Branches: how control passes from block to block.</summary>
/// <remarks>
/// A direct branch is followed by one or two slots that hold <see cref="Link"/>s. A link is taken when its generation is
/// current; otherwise the run loop finds the successor and fills it. Indirect branches look into the jump cache.
/// </remarks>
internal static unsafe class Jump
{
    public const int Entries = 2048;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static JumpEntry* Slot(CpuState* s, ulong rip) => s->JumpCache + ((rip ^ (rip >> 11)) & (Entries - 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Op* Find(CpuState* s, ulong rip)
    {
        var entry = Slot(s, rip);
        return entry->Rip == rip && entry->Generation == s->Generation && s->Budget >= 0 ? entry->Target : null;
    }

    /// <summary>Stands in for every operation of a dropped block.</summary>
    public static void Stale(CpuState* s, Op* op)
    {
        s->Rip = op->Rip;
        s->Budget -= op->Count;
    }

    /// <summary>JMP rel, and the end of a block without a branch.</summary>
    public static void Direct(CpuState* s, Op* op)
    {
        var link = (Link*)(op + 1);
        long left = s->Budget - op->Count;
        s->Budget = left;
        if (left >= 0 && link->Generation == s->Generation)
        {
            var target = link->Target;
            target->Handler(s, target);
            return;
        }
        s->Rip = link->Rip;
        s->PendingLink = link;
    }

    /// <summary>Goes on at <see cref="CpuState.Rip"/> without the run loop when the jump cache knows the way.</summary>
    public static void Continue(CpuState* s)
    {
        var target = Find(s, s->Rip);
        if (target != null)
            target->Handler(s, target);
    }

    public static void Indirect(CpuState* s, Op* op)
    {
        ulong rip = *(ulong*)((byte*)s + op->Src);
        s->Budget -= op->Count;
        var target = Find(s, rip);
        if (target != null)
        {
            target->Handler(s, target);
            return;
        }
        s->Rip = rip;
    }

    public static void Call<TStack>(CpuState* s, Op* op) where TStack : struct, IStack
    {
        ulong stack = TStack.Wrap(s->Gpr[4] - (ulong)TStack.Bytes);
        var entry = Mmu.WriteEntry(s, stack);
        if (Mmu.Misses(entry, stack, TStack.Bytes))
        {
            CallAcross<TStack>(s, op);
            return;
        }
        TStack.Store((byte*)(stack + entry->Addend), op->Rip + op->Length);
        s->Gpr[4] = stack;
        var link = (Link*)(op + 1);
        long left = s->Budget - op->Count;
        s->Budget = left;
        if (left >= 0 && link->Generation == s->Generation)
        {
            var target = link->Target;
            target->Handler(s, target);
            return;
        }
        s->Rip = link->Rip;
        s->PendingLink = link;
    }

    /// <summary>CALL whose return address missed the TLB. It is followed by a link, so it cannot simply run again.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CallAcross<TStack>(CpuState* s, Op* op) where TStack : struct, IStack
    {
        ulong stack = TStack.Wrap(s->Gpr[4] - (ulong)TStack.Bytes);
        if (!Mmu.Write<TStack>(s, op, stack, op->Rip + op->Length))
            return;
        s->Gpr[4] = stack;
        s->Budget -= op->Count;
        s->Rip = ((Link*)(op + 1))->Rip;
    }

    public static void CallIndirect<TStack>(CpuState* s, Op* op) where TStack : struct, IStack
    {
        ulong rip = TStack.Load((byte*)s + op->Src);
        ulong stack = TStack.Wrap(s->Gpr[4] - (ulong)TStack.Bytes);
        if (!Mmu.Write<TStack>(s, op, stack, op->Rip + op->Length))
            return;
        s->Gpr[4] = stack;
        s->Budget -= op->Count;
        var target = Find(s, rip);
        if (target != null)
        {
            target->Handler(s, target);
            return;
        }
        s->Rip = rip;
    }

    /// <summary>RET; Imm more bytes leave the stack.</summary>
    public static void Return<TStack>(CpuState* s, Op* op) where TStack : struct, IStack
    {
        ulong stack = TStack.Wrap(s->Gpr[4]);
        var entry = Mmu.ReadEntry(s, stack);
        if (Mmu.Misses(entry, stack, TStack.Bytes))
        {
            ReturnAcross<TStack>(s, op);
            return;
        }
        ulong rip = TStack.Load((byte*)(stack + entry->Addend));
        s->Gpr[4] = TStack.Wrap(stack + (ulong)TStack.Bytes + op->Imm);
        s->Budget -= op->Count;
        var target = Find(s, rip);
        if (target != null)
        {
            target->Handler(s, target);
            return;
        }
        s->Rip = rip;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ReturnAcross<TStack>(CpuState* s, Op* op) where TStack : struct, IStack
    {
        ulong stack = TStack.Wrap(s->Gpr[4]);
        byte* at = Mmu.Read(s, op, stack, TStack.Bytes);
        if (at == null)
            return;
        s->Rip = TStack.Load(at);
        s->Gpr[4] = TStack.Wrap(stack + (ulong)TStack.Bytes + op->Imm);
        s->Budget -= op->Count;
    }

    /// <summary>LOOP, LOOPE, LOOPNE (Imm 0, 1, 2) and JRCXZ (3).</summary>
    public static void Loop<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        byte* counter = (byte*)&s->Gpr[1];
        bool taken;
        if (op->Imm == 3)
            taken = TSize.Load(counter) == 0;
        else
        {
            ulong left = (TSize.Load(counter) - 1) & TSize.Mask;
            TSize.SetRegister(counter, left);
            taken = left != 0 && (op->Imm == 0 || Flags.Zero(s) == (op->Imm == 1));
        }
        s->Budget -= op->Count;
        s->Rip = ((Link*)(op + (taken ? 1 : 2)))->Rip;
    }
}

internal static unsafe class Jump<TCondition> where TCondition : struct, ICondition
{
    public static void Conditional(CpuState* s, Op* op)
    {
        var link = (Link*)(TCondition.Test(s) ? op + 1 : op + 2);
        long left = s->Budget - op->Count;
        s->Budget = left;
        if (left >= 0 && link->Generation == s->Generation)
        {
            var target = link->Target;
            target->Handler(s, target);
            return;
        }
        s->Rip = link->Rip;
        s->PendingLink = link;
    }
}

/// <summary>A comparison and the branch on it in one operation.</summary>
internal static unsafe class CompareJump<TCondition, TSize> where TCondition : struct, ICondition where TSize : struct, ISize
{
    public static void RegisterRegister(CpuState* s, Op* op)
    {
        ulong a = TSize.Load((byte*)s + op->Dst), b = TSize.Load((byte*)s + op->Src);
        AluSub.Apply<TSize>(s, a, b);
        var link = (Link*)(TCondition.Compare<TSize>(a, b) ? op + 1 : op + 2);
        long left = s->Budget - op->Count;
        s->Budget = left;
        if (left >= 0 && link->Generation == s->Generation)
        {
            var target = link->Target;
            target->Handler(s, target);
            return;
        }
        s->Rip = link->Rip;
        s->PendingLink = link;
    }

    public static void RegisterImmediate(CpuState* s, Op* op)
    {
        ulong a = TSize.Load((byte*)s + op->Dst), b = op->Imm;
        AluSub.Apply<TSize>(s, a, b);
        var link = (Link*)(TCondition.Compare<TSize>(a, b) ? op + 1 : op + 2);
        long left = s->Budget - op->Count;
        s->Budget = left;
        if (left >= 0 && link->Generation == s->Generation)
        {
            var target = link->Target;
            target->Handler(s, target);
            return;
        }
        s->Rip = link->Rip;
        s->PendingLink = link;
    }

    public static void TestRegister(CpuState* s, Op* op)
    {
        ulong r = AluAnd.Apply<TSize>(s, TSize.Load((byte*)s + op->Dst), TSize.Load((byte*)s + op->Src));
        var link = (Link*)(TCondition.Logic(r) ? op + 1 : op + 2);
        long left = s->Budget - op->Count;
        s->Budget = left;
        if (left >= 0 && link->Generation == s->Generation)
        {
            var target = link->Target;
            target->Handler(s, target);
            return;
        }
        s->Rip = link->Rip;
        s->PendingLink = link;
    }

    public static void TestImmediate(CpuState* s, Op* op)
    {
        ulong r = AluAnd.Apply<TSize>(s, TSize.Load((byte*)s + op->Dst), op->Imm);
        var link = (Link*)(TCondition.Logic(r) ? op + 1 : op + 2);
        long left = s->Budget - op->Count;
        s->Budget = left;
        if (left >= 0 && link->Generation == s->Generation)
        {
            var target = link->Target;
            target->Handler(s, target);
            return;
        }
        s->Rip = link->Rip;
        s->PendingLink = link;
    }
}
