using System.Collections.Generic;
using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>
/// Windows: operands that differ by constants are probed once, when the first of them comes, for all of the bytes
/// between the lowest and the highest.
/// </summary>
/// <remarks>
/// A register's value is known as another's earlier one, its root, plus a constant. Operands with one root make a
/// window. If all of it lies within one page that the TLB has, the host address of its lowest byte is kept in
/// <see cref="CpuState.Window"/>, and the block's other operands in the window need no probe; otherwise the block goes
/// on in a second version, which probes each. That holds to the block's end: it is entered at its beginning only, and
/// what changes entries of a TLB ends a block.
/// </remarks>
internal sealed unsafe partial class Translator
{
    /// <summary>Bytes of a window at most: wide ones lie in two pages too often.</summary>
    private const int MaxSpan = 1024;

    private const int MaxWindows = 8;

    private const int NoWindow = -1;

    private sealed class Range
    {
        public int Root, Low, High, Operands, Index;
        public bool Written;

        /// <summary>The instruction whose operand was the first, and the one before which the window is opened.</summary>
        public int First, Before;
    }

    /// <summary>An operand of an instruction: its window, and its distance from the window's root.</summary>
    private readonly record struct Planned(Range? Range, int Offset);

    private readonly Planned[] planned = new Planned[BlockBuilder.MaxInstructions];
    private readonly bool[] opened = new bool[MaxWindows];
    private readonly int[] roots = new int[16];
    private readonly int[] offsets = new int[16];

    /// <summary>
    /// Roots of base + index × scale. A list: hashing would draw a seed by a system call that the sandbox forbids.
    /// </summary>
    private readonly List<(int Base, int Index, int Scale, int Root)> sums = [];

    /// <summary>Roots of constant addresses.</summary>
    private readonly List<(ulong Page, int Root)> constants = [];

    private readonly List<Range> ranges = [];
    private int lastRoot;

    /// <summary>Where the second version takes over.</summary>
    /// <param name="Site">a jump's displacement</param>
    /// <param name="Whole">it takes over the whole instruction, otherwise from its access on</param>
    /// <param name="Dirty">the vector registers that the state has not</param>
    /// <param name="Miss">what is done before</param>
    private readonly record struct Retreat(uint Site, int At, bool Whole, uint Dirty, Miss Miss);

    private readonly List<Retreat> retreats = [];

    /// <summary>Where the second version begins with an instruction, and with its access.</summary>
    private readonly uint[] wholes = new uint[BlockBuilder.MaxInstructions];
    private readonly uint[] accesses = new uint[BlockBuilder.MaxInstructions];

    /// <summary>The version with windows is being emitted.</summary>
    private bool windowed;

    /// <summary>Finds the windows of the block.</summary>
    /// <returns>whether there is any</returns>
    private bool Plan()
    {
        ranges.Clear();
        sums.Clear();
        constants.Clear();
        retreats.Clear();
        lastRoot = 0;
        for (int register = 0; register < 16; register++)
            Renew(register);
        for (int at = 0; at < builder.count; at++)
        {
            ref readonly var i = ref builder.instructions[at];
            planned[at] = default;
            if (!IsKnown(at))
            {
                for (int register = 0; register < 16; register++)
                    Renew(register);
                continue;
            }
            PlanOperand(at, in i);
            Follow(in i);
        }
        int windows = 0;
        foreach (var range in ranges)
        {
            range.Before = Before(range.First);
            bool pays = range.Operands > 1 || range.Before != range.First;
            range.Index = pays && windows < MaxWindows ? windows : NoWindow;
            if (range.Index != NoWindow)
            {
                opened[windows] = false;
                windows++;
            }
        }
        return windows != 0;
    }

    /// <summary>
    /// The instruction before which the window is to be opened that the operand of another opens: where no flag is alive,
    /// if one is at the operand; otherwise the instruction itself.
    /// </summary>
    private int Before(int at)
    {
        ref readonly var i = ref builder.instructions[at];
        if (i.Mnemonic == Mnemonic.Ret || (liveAfter[at] & ~builder.flagsKilled[at] | builder.flagsRead[at]) == 0)
            return at;
        for (int before = at - 1; before >= 0; before--)
        {
            ref readonly var earlier = ref builder.instructions[before];
            if (earlier.FlowControl != FlowControl.Next || !IsKnown(before) || ChangesAddress(in earlier, in i))
                return at;
            if (liveBefore[before] == 0)
                return before;
        }
        return at;
    }

    private bool ChangesAddress(in Instruction earlier, in Instruction i)
    {
        bool stack = i.Mnemonic is Mnemonic.Push or Mnemonic.Pop or Mnemonic.Call;
        var @base = stack ? Register.RSP : i.Mnemonic == Mnemonic.Leave ? Register.RBP : i.MemoryBase;
        var index = stack ? Register.None : i.MemoryIndex;
        foreach (var used in information.GetInfo(in earlier).GetUsedRegisters())
        {
            if (used.Access is OpAccess.Read or OpAccess.CondRead or OpAccess.NoMemAccess)
                continue;
            var register = used.Register.GetFullRegister();
            if (register == @base || register == index)
                return true;
        }
        return false;
    }

    private void Renew(int register)
    {
        lastRoot++;
        roots[register] = lastRoot;
        offsets[register] = 0;
    }

    private void PlanOperand(int at, in Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Push or Mnemonic.Call when i.Mnemonic == Mnemonic.Push || i.Op0Kind == OpKind.NearBranch64:
                Join(at, roots[Rsp], offsets[Rsp] - 8L, 8, true);
                return;
            case Mnemonic.Pop or Mnemonic.Ret:
                Join(at, roots[Rsp], offsets[Rsp], 8, false);
                return;
            case Mnemonic.Leave:
                Join(at, roots[Rbp], offsets[Rbp], 8, false);
                return;
            case Mnemonic.Lea or Mnemonic.Call or Mnemonic.Jmp:
                return;
        }
        int operand = MemoryOperand(in i);
        if (operand < 0 || MustBeAligned(in i) || i.MemorySegment is Register.FS or Register.GS)
            return;
        if (i.IsIPRelativeMemoryOperand)
        {
            Join(at, Constant(i.MemoryDisplacement64 & ~Mmu.OffsetMask), (long)(i.MemoryDisplacement64 & Mmu.OffsetMask),
                i.MemorySize.GetSize(), WritesMemory(in i, operand));
            return;
        }
        if (!i.MemoryBase.IsGPR64() || (i.MemoryIndex != Register.None && !i.MemoryIndex.IsGPR64()))
            return;
        int @base = i.MemoryBase.GetNumber();
        int root = roots[@base];
        long offset = offsets[@base] + (long)i.MemoryDisplacement64;
        if (i.MemoryIndex != Register.None)
        {
            int index = i.MemoryIndex.GetNumber();
            offset += (long)offsets[index] * i.MemoryIndexScale;
            root = Sum(root, roots[index], i.MemoryIndexScale);
        }
        Join(at, root, offset, i.MemorySize.GetSize(), WritesMemory(in i, operand));
    }

    private int Sum(int @base, int index, int scale)
    {
        foreach (var sum in sums)
        {
            if (sum.Base == @base && sum.Index == index && sum.Scale == scale)
                return sum.Root;
        }
        lastRoot++;
        sums.Add((@base, index, scale, lastRoot));
        return lastRoot;
    }

    private int Constant(ulong page)
    {
        foreach (var constant in constants)
        {
            if (constant.Page == page)
                return constant.Root;
        }
        lastRoot++;
        constants.Add((page, lastRoot));
        return lastRoot;
    }

    private void Join(int at, int root, long offset, int size, bool write)
    {
        if (offset is > 1 << 24 or < -(1 << 24))
            return;
        int low = (int)offset, high = low + size;
        // A page that may be written may be read, but not the other way round.
        Range? found = null;
        foreach (var range in ranges)
        {
            if (range.Root == root && (range.Written || !write) && System.Math.Max(range.High, high)
                - System.Math.Min(range.Low, low) <= MaxSpan)
                found = range.Written || found == null ? range : found;
        }
        if (found == null)
        {
            found = new Range { Root = root, Low = low, High = high, Written = write, First = at };
            ranges.Add(found);
        }
        found.Low = System.Math.Min(found.Low, low);
        found.High = System.Math.Max(found.High, high);
        found.Operands++;
        planned[at] = new Planned(found, low);
    }

    /// <summary>What is known of registers behind the instruction.</summary>
    private void Follow(in Instruction i)
    {
        int to = i.OpCount > 0 && i.Op0Kind == OpKind.Register && i.Op0Register.IsGPR64() ? i.Op0Register.GetNumber()
            : -1;
        switch (i.Mnemonic)
        {
            case Mnemonic.Push:
                offsets[Rsp] -= 8;
                return;
            case Mnemonic.Pop when to >= 0 && to != Rsp:
                Renew(to);
                offsets[Rsp] += 8;
                return;
            case Mnemonic.Leave:
                (roots[Rsp], offsets[Rsp]) = (roots[Rbp], offsets[Rbp] + 8);
                Renew(Rbp);
                return;
            case Mnemonic.Mov when to >= 0 && i.Op1Kind == OpKind.Register && i.Op1Register.IsGPR64():
                (roots[to], offsets[to]) = (roots[i.Op1Register.GetNumber()], offsets[i.Op1Register.GetNumber()]);
                return;
            case Mnemonic.Lea when to >= 0 && i.MemoryBase.IsGPR64() && i.MemoryIndex == Register.None:
                Shift(to, i.MemoryBase.GetNumber(), (long)i.MemoryDisplacement64);
                return;
            case Mnemonic.Add or Mnemonic.Sub when to >= 0 && i.Op1Kind != OpKind.Register
                && i.Op1Kind != OpKind.Memory:
                long by = (long)i.GetImmediate(1);
                Shift(to, to, i.Mnemonic == Mnemonic.Add ? by : -by);
                return;
            case Mnemonic.Inc or Mnemonic.Dec when to >= 0:
                Shift(to, to, i.Mnemonic == Mnemonic.Inc ? 1 : -1);
                return;
        }
        if (WritesFirstOnly(in i))
        {
            // Most instructions are of these.
            if (i.Op0Kind == OpKind.Register && i.Mnemonic is not (Mnemonic.Cmp or Mnemonic.Test))
                Renew(i.Op0Register.GetFullRegister().GetNumber());
            return;
        }
        foreach (var used in information.GetInfo(in i).GetUsedRegisters())
        {
            if (used.Access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.NoMemAccess)
                && used.Register.IsGPR())
                Renew(used.Register.GetFullRegister().GetNumber());
        }
    }

    /// <summary>
    /// Of the instructions that the translator knows: of the general registers it writes its first operand at most, and
    /// CMP and TEST none.
    /// </summary>
    private static bool WritesFirstOnly(in Instruction i) => i.Mnemonic is Mnemonic.Mov or Mnemonic.Movzx
        or Mnemonic.Movsx or Mnemonic.Movsxd or Mnemonic.Lea or Mnemonic.Add or Mnemonic.Sub or Mnemonic.And
        or Mnemonic.Or or Mnemonic.Xor or Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Shl or Mnemonic.Shr or Mnemonic.Sar
        or Mnemonic.Inc or Mnemonic.Dec || i.FlowControl == FlowControl.ConditionalBranch;

    private void Shift(int to, int from, long by)
    {
        long offset = offsets[from] + by;
        int root = roots[from];
        if (offset is > 1 << 24 or < -(1 << 24))
        {
            Renew(to);
            return;
        }
        (roots[to], offsets[to]) = (root, (int)offset);
    }

    /// <summary>The operand's window has been opened: it can be reached without a probe.</summary>
    private bool IsOpen(int at) => windowed && planned[at].Range is { Index: not NoWindow } range && opened[range.Index];

    /// <summary>It is the first of a window.</summary>
    private bool Opens(int at) => windowed && planned[at].Range is { Index: not NoWindow } range && !opened[range.Index];

    /// <summary>
    /// The operand in its open window, whose address is loaded unless the one before had the same. Leaves the flags and
    /// Scratch as they are.
    /// </summary>
    private HostOperand Reach(int at)
    {
        int index = planned[at].Range!.Index;
        if (emit.Holds != index)
            emit.Load(Pointer, HostOperand.Absolute(&s->Window[index]));
        emit.Holds = index;
        return HostOperand.At(Pointer, planned[at].Offset - planned[at].Range!.Low);
    }

    /// <summary>Opens what is to be opened before this instruction. No flag is alive.</summary>
    private void OpenBefore(int at)
    {
        foreach (var range in ranges)
        {
            if (range.Before != at || range.First == at || !Opens(range.First))
                continue;
            Open(range.First, AddressOf(range.First), at, true);
            hostFlags = savedFlags = false;
        }
    }

    private HostOperand AddressOf(int at)
    {
        ref readonly var i = ref builder.instructions[at];
        return i.Mnemonic switch
        {
            Mnemonic.Push or Mnemonic.Call => HostOperand.At(StackPointer, -8),
            Mnemonic.Pop => HostOperand.At(StackPointer),
            Mnemonic.Leave => HostOperand.At(Rbp),
            _ when i.IsIPRelativeMemoryOperand => default,
            _ => Plain(in i),
        };
    }

    /// <summary>
    /// Opens the window of the operand at <paramref name="address"/>, or goes to the second version. Spoils the flags.
    /// </summary>
    private HostOperand Open(int at, in HostOperand address)
    {
        Open(at, address, at, false);
        emit.Move(Pointer, Scratch);
        emit.Holds = planned[at].Range!.Index;
        return HostOperand.At(Pointer, planned[at].Offset - planned[at].Range!.Low);
    }

    /// <summary>The same; Scratch becomes the host address of the window's lowest byte.</summary>
    /// <param name="operand">the instruction whose operand lies at <paramref name="address"/></param>
    /// <param name="at">where that is done: before this instruction, or at its access</param>
    private void Open(int operand, in HostOperand address, int at, bool whole)
    {
        var range = planned[operand].Range!;
        opened[range.Index] = true;
        var tlb = Tlb(range.Written);
        foreach (var constant in constants)
        {
            if (constant.Root != range.Root)
                continue;
            // All of the window lies in one page, since each of its operands does.
            tlb += (constant.Page >> 12) & (Mmu.TlbEntries - 1);
            emit.MoveImmediate(Scratch, constant.Page);
            uint repeat = emit.Here;
            emit.Cmp(Scratch, HostOperand.Absolute(&tlb->Tag));
            retreats.Add(new Retreat(emit.JumpIf(HostCondition.NotEqual, emit.Here), at, whole, dirty,
                new Miss(repeat, range.Written, (uint)(ulong)tlb, true)));
            emit.Load(Scratch, HostOperand.Absolute(&tlb->Host));
            emit.Lea(Scratch, HostOperand.At(Scratch, range.Low));
            emit.Store(HostOperand.Absolute(&s->Window[range.Index]), Scratch);
            return;
        }
        int above = planned[operand].Offset - range.Low;
        LoadScratch(address with { Displacement = address.Displacement - above });
        uint again = emit.Here;
        emit.Rorx(Pointer, Scratch, 12 - Mmu.EntryShift);
        emit.AndImmediate32(Pointer, (Mmu.TlbEntries - 1) << Mmu.EntryShift);
        emit.Sub(Scratch, HostOperand.At(Pointer, (int)(ulong)tlb + TagOffset));
        emit.CmpImmediate(HostOperand.Of(Scratch), 4096 - (range.High - range.Low));
        retreats.Add(new Retreat(emit.JumpIf(HostCondition.Above, emit.Here), at, whole, dirty,
            new Miss(again, range.Written, 0)));
        emit.Add(Scratch, HostOperand.At(Pointer, (int)(ulong)tlb + HostOffset));
        emit.Store(HostOperand.Absolute(&s->Window[range.Index]), Scratch);
    }

    /// <summary>Here the second version takes over when the window of this instruction cannot be opened.</summary>
    private void TakeOver(int at) => accesses[at] = emit.Here;

    // The first version has come from further back: the host has all registers that the second expects there.
    private void EmitRetreats()
    {
        foreach (var (site, at, whole, stored, miss) in retreats)
        {
            emit.PatchJump(site, emit.Here);
            LookAgain(miss);
            StoreVectors(stored);
            emit.Jump(whole ? wholes[at] : accesses[at]);
        }
    }
}
