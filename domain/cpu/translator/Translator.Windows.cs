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
/// what changes translations ends a block.
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

    private readonly List<Range> ranges = [];
    private int lastRoot;

    /// <summary>
    /// Where the second version takes over: a jump's displacement, the instruction, and the vector registers that the
    /// state has not.
    /// </summary>
    private readonly List<(uint Site, int At, uint Dirty)> retreats = [];

    /// <summary>Where the second version begins with the access of an instruction.</summary>
    private readonly uint[] retreat = new uint[BlockBuilder.MaxInstructions];

    /// <summary>The version with windows is being emitted.</summary>
    private bool windowed;

    /// <summary>Finds the windows of the block.</summary>
    /// <returns>whether there is any</returns>
    private bool Plan()
    {
        ranges.Clear();
        sums.Clear();
        retreats.Clear();
        lastRoot = 0;
        for (int register = 0; register < 16; register++)
            Renew(register);
        for (int at = 0; at < builder.count; at++)
        {
            ref readonly var i = ref builder.instructions[at];
            planned[at] = default;
            if (!IsKnown(in i))
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
            range.Index = range.Operands > 1 && windows < MaxWindows ? windows : NoWindow;
            if (range.Index != NoWindow)
            {
                opened[windows] = false;
                windows++;
            }
        }
        return windows != 0;
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
        if (operand < 0 || MustBeAligned(in i) || i.IsIPRelativeMemoryOperand || i.MemorySegment is Register.FS or Register.GS
            || !i.MemoryBase.IsGPR64() || (i.MemoryIndex != Register.None && !i.MemoryIndex.IsGPR64()))
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
            found = new Range { Root = root, Low = low, High = high, Written = write };
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
            case Mnemonic.Mov when to >= 0 && i.Op1Kind == OpKind.Register:
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
        foreach (var used in information.GetInfo(in i).GetUsedRegisters())
        {
            if (used.Access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.NoMemAccess)
                && used.Register.IsGPR())
                Renew(used.Register.GetFullRegister().GetNumber());
        }
    }

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

    private ulong* WindowOf(int at) => &s->Window[planned[at].Range!.Index];

    /// <summary>The operand in its open window. Leaves the flags and Scratch as they are.</summary>
    private HostOperand Reach(int at)
    {
        emit.Load(Pointer, HostOperand.Absolute(WindowOf(at)));
        return HostOperand.At(Pointer, planned[at].Offset - planned[at].Range!.Low);
    }

    /// <summary>
    /// Opens the window of the operand at <paramref name="address"/>, or goes to the second version. Spoils the flags.
    /// </summary>
    private HostOperand Open(int at, in HostOperand address)
    {
        var range = planned[at].Range!;
        int above = planned[at].Offset - range.Low;
        opened[range.Index] = true;
        var tlb = Tlb(range.Written);
        emit.Lea(Scratch, address with { Displacement = address.Displacement - above });
        emit.Rorx(Pointer, Scratch, 12 - Mmu.EntryShift);
        emit.AndImmediate32(Pointer, (Mmu.TlbEntries - 1) << Mmu.EntryShift);
        emit.Sub(Scratch, HostOperand.At(Pointer, (int)(ulong)tlb + TagOffset));
        emit.CmpImmediate(HostOperand.Of(Scratch), 4096 - (range.High - range.Low));
        retreats.Add((emit.JumpIf(HostCondition.Above, emit.Here), at, dirty));
        emit.Add(Scratch, HostOperand.At(Pointer, (int)(ulong)tlb + HostOffset));
        emit.Store(HostOperand.Absolute(WindowOf(at)), Scratch);
        emit.Move(Pointer, Scratch);
        return HostOperand.At(Pointer, above);
    }

    /// <summary>Here the second version takes over when the window of this instruction cannot be opened.</summary>
    private void TakeOver(int at) => retreat[at] = emit.Here;

    // The first version has come from further back: the host has all registers that the second expects there.
    private void EmitRetreats()
    {
        foreach (var (site, at, stored) in retreats)
        {
            if (stored == 0)
            {
                emit.PatchJump(site, retreat[at]);
                continue;
            }
            emit.PatchJump(site, emit.Here);
            StoreVectors(stored);
            emit.Jump(retreat[at]);
        }
    }
}
