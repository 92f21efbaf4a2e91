using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>Branches: how control passes from block to block.</summary>
/// <remarks>
/// A direct branch is followed by one or two slots that hold <see cref="Link"/>s. A link is taken when its generation
/// is current; otherwise the run loop finds the successor and fills it. Indirect branches look into the jump cache, whose
/// entries, like links between translated blocks, are good while their page has the stamp (Cpu.StampOf) that it had.
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
        return entry->Rip == rip && entry->Stamp == Mmu.ExecuteEntry(s, rip)->Host && s->Budget >= 0 ? entry->Target
            : null;
    }

    /// <summary>Stands in for every operation of a dropped block.</summary>
    public static void Stale(CpuState* s, Op* op)
    {
        s->Rip = op->Rip;
        s->Budget -= op->Count;
    }

    /// <summary>
    /// Before an instruction of 64-bit code that reaches into the next page: goes on if that has the stamp that it had
    /// when the run loop came here last, which is Imm; otherwise the run loop looks for the block.
    /// </summary>
    public static void IntoSecondPage(CpuState* s, Op* op)
    {
        if (Mmu.ExecuteEntry(s, op->Rip + Mmu.OffsetMask + 1)->Host == op->Imm)
        {
            op[1].Handler(s, op + 1);
            return;
        }
        s->Rip = op->Rip;
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

    /// <summary>Whether a branch may lead there; #GP at the branch when it may not.</summary>
    private static bool MayGoTo(CpuState* s, Op* op, ulong rip)
    {
        bool may = s->Code64 ? Cpu.IsCanonical(rip) : rip <= s->SegmentLimit[Cpu.SegmentCs];
        if (!may)
            Cpu.Raise(s, op, ExceptionVector.GP);
        return may;
    }

    public static void Indirect(CpuState* s, Op* op)
    {
        ulong rip = *(ulong*)((byte*)s + op->Src);
        var target = Find(s, rip);
        if (target == null && !MayGoTo(s, op, rip))
            return;
        s->Budget -= op->Count;
        if (target != null)
        {
            target->Handler(s, target);
            return;
        }
        s->Rip = rip;
    }

    public static void Call<TStack, TSize>(CpuState* s, Op* op)
        where TStack : struct, IStack where TSize : struct, ISize
    {
        ulong pointer = TStack.Wrap(s, s->Gpr[4] - (ulong)TSize.Bytes), stack = TStack.Linear(s, pointer);
        var entry = Mmu.WriteEntry(s, stack);
        if (Mmu.Misses(entry, stack, TSize.Bytes) || !TStack.Allows(s, pointer, TSize.Bytes, true))
        {
            CallAcross<TStack, TSize>(s, op);
            return;
        }
        TSize.Store((byte*)(stack + entry->Addend), op->Rip + op->Length);
        TStack.Set(s, pointer);
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

    /// <summary>
    /// CALL whose return address missed the TLB. It is followed by a link, so it cannot simply run again.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CallAcross<TStack, TSize>(CpuState* s, Op* op)
        where TStack : struct, IStack where TSize : struct, ISize
    {
        ulong pointer = TStack.Wrap(s, s->Gpr[4] - (ulong)TSize.Bytes);
        if (!Stack<TStack>.Put<TSize>(s, op, pointer, op->Rip + op->Length))
            return;
        TStack.Set(s, pointer);
        s->Budget -= op->Count;
        s->Rip = ((Link*)(op + 1))->Rip;
    }

    public static void CallIndirect<TStack, TSize>(CpuState* s, Op* op)
        where TStack : struct, IStack where TSize : struct, ISize
    {
        ulong rip = TSize.Load((byte*)s + op->Src);
        ulong pointer = TStack.Wrap(s, s->Gpr[4] - (ulong)TSize.Bytes);
        var target = Find(s, rip);
        if (target == null && !MayGoTo(s, op, rip))
            return;
        if (!Stack<TStack>.Put<TSize>(s, op, pointer, op->Rip + op->Length))
            return;
        TStack.Set(s, pointer);
        s->Budget -= op->Count;
        if (target != null)
        {
            target->Handler(s, target);
            return;
        }
        s->Rip = rip;
    }

    /// <summary>RET; Imm more bytes leave the stack.</summary>
    public static void Return<TStack, TSize>(CpuState* s, Op* op)
        where TStack : struct, IStack where TSize : struct, ISize
    {
        ulong pointer = TStack.Wrap(s, s->Gpr[4]), stack = TStack.Linear(s, pointer);
        var entry = Mmu.ReadEntry(s, stack);
        if (Mmu.Misses(entry, stack, TSize.Bytes) || !TStack.Allows(s, pointer, TSize.Bytes, false))
        {
            ReturnAcross<TStack, TSize>(s, op);
            return;
        }
        var target = Find(s, TSize.Load((byte*)(stack + entry->Addend)));
        if (target == null)
        {
            ReturnAcross<TStack, TSize>(s, op);
            return;
        }
        TStack.Set(s, TStack.Wrap(s, pointer + (ulong)TSize.Bytes + op->Imm));
        s->Budget -= op->Count;
        target->Handler(s, target);
    }

    /// <summary>RET that the TLB or the jump cache does not know the way of.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ReturnAcross<TStack, TSize>(CpuState* s, Op* op)
        where TStack : struct, IStack where TSize : struct, ISize
    {
        byte* at = Stack<TStack>.At<TSize>(s, op, 0);
        if (at == null)
            return;
        ulong rip = TSize.Load(at);
        if (!MayGoTo(s, op, rip))
            return;
        s->Rip = rip;
        TStack.Set(s, TStack.Wrap(s, s->Gpr[4] + (ulong)TSize.Bytes + op->Imm));
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
internal static unsafe class CompareJump<TCondition, TSize> where TCondition : struct, ICondition
    where TSize : struct, ISize
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
